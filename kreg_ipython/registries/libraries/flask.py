"""Adapt the routes of Flask: the views by their endpoints, and the rules that lead to them."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

from kreg_ipython.registries.instances import InstanceRegistry
from kreg_ipython.registries.registry import Gate, Registry

_APP = "flask.sansio.app:App"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield InstanceRegistry(
        "flask.routes",
        _APP,
        "view_functions",
        [Gate(f"{_APP}.add_url_rule.__wrapped__", _announce)],
        label=lambda app: app.name,
        put=_put,
        take=_take,
        passthrough_modules=["flask.sansio.scaffold"],
    )


def _announce(self: Any, rule: str, endpoint: Any = None, view_func: Any = None, *args: Any, **options: Any) -> Any:
    return None if view_func is None else (self, endpoint or view_func.__name__, view_func)


_rules: weakref.WeakKeyDictionary[Any, list[Any]] = weakref.WeakKeyDictionary()
"""The rules of the views that were taken out."""


def _take(app: Any, endpoint: str, view: Any) -> None:
    gone = app.url_map._rules_by_endpoint.pop(endpoint, [])
    for state in _states(app.url_map._matcher._root):
        state.rules[:] = [rule for rule in state.rules if not any(rule is each for each in gone)]
    app.view_functions.pop(endpoint, None)
    _rules[view] = gone


def _put(app: Any, endpoint: str, view: Any) -> None:
    app.view_functions[endpoint] = view
    rules = app.url_map._rules_by_endpoint[endpoint] = _rules.pop(view, [])
    for rule in rules:
        app.url_map._matcher.add(rule)
    app.url_map._remap = True


def _states(state: Any) -> Iterator[Any]:
    yield state
    for inner in (*state.static.values(), *(each for _, each in state.dynamic)):
        yield from _states(inner)
