"""Adapt the routes of Flask, and its blueprints with the functions that they bring."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kreg_ipython.registries.instances import InstanceRegistry
from kreg_ipython.registries.registry import Gate, Registry

_SANSIO = "flask.sansio"
_APP = f"{_SANSIO}.app:App"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield InstanceRegistry(
        "flask.routes",
        _APP,
        "view_functions",
        [Gate(f"{_APP}.add_url_rule.__wrapped__", _announce_view)],
        label=lambda app: app.name,
        beside=["url_map._rules_by_endpoint"],
        after=_match_anew,
        passthrough_modules=[f"{_SANSIO}.scaffold", f"{_SANSIO}.blueprints"],
    )
    yield InstanceRegistry(
        "flask.blueprints",
        _APP,
        "blueprints",
        [Gate(f"{_SANSIO}.blueprints:Blueprint.register", _announce_blueprint)],
        label=lambda app: app.name,
        beside=[
            *("error_handler_spec", "url_default_functions", "url_value_preprocessors", "template_context_processors"),
            *("before_request_funcs", "after_request_funcs", "teardown_request_funcs"),
        ],
        passthrough_modules=[f"{_SANSIO}.scaffold"],
    )


def _announce_view(
    self: Any, rule: str, endpoint: Any = None, view_func: Any = None, *args: Any, **options: Any
) -> Any:
    return None if view_func is None else (self, endpoint or view_func.__name__, view_func)


def _announce_blueprint(self: Any, app: Any, options: Any) -> Any:
    name = f"{options.get('name_prefix', '')}.{options.get('name', self.name)}".lstrip(".")
    return app, name, self


def _match_anew(app: Any) -> None:
    known = app.url_map
    known._matcher = type(known._matcher)(known.merge_slashes)
    for rule in known.iter_rules():
        if not rule.build_only:
            known._matcher.add(rule)
    known._remap = True
