"""Adapt the callbacks of Dash: a dict by what they set, and a list for the front end."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from kreg_ipython.registries.instances import InstanceRegistry
from kreg_ipython.registries.registry import Gate, Registry, locate
from kreg_ipython.registries.shapes import DictRegistry

_MODULE = "dash._callback"
_APP = "dash.dash:Dash"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield OfApps()
    yield OfNoApp()


class OfApps(InstanceRegistry):
    """The callbacks of each app, which is known from its method on: the function that registers gets the dict."""

    def __init__(self) -> None:
        super().__init__(
            "dash.callbacks",
            _APP,
            "callback_map",
            [Gate(f"{_MODULE}:insert_callback", self._announce)]
            + [Gate(f"{_APP}.{each}", self._know) for each in ("callback", "clientside_callback")],
            put=lambda app, key, spec: _put(app.callback_map, app._callback_list, key, spec),
            take=lambda app, key, spec: _take(app.callback_map, app._callback_list, key, spec),
        )

    def _know(self, app: Any, *args: Any, **options: Any) -> None:
        self.label(app)

    def _announce(self, callback_list: Any, callback_map: Any, *args: Any, **options: Any) -> Any:
        app = next((each for _, each in self._known() if each.callback_map is callback_map), None)
        return None if app is None else (app, _id(*args, **options), None)


class OfNoApp(DictRegistry):
    """The callbacks of ``dash.callback``, until an app begins to serve, which takes them over."""

    def __init__(self) -> None:
        gate = Gate(f"{_MODULE}:insert_callback", self._announce)
        super().__init__("dash.global_callbacks", f"{_MODULE}:GLOBAL_CALLBACK_MAP", [gate])

    def _announce(self, callback_list: Any, callback_map: Any, *args: Any, **options: Any) -> Any:
        return (_id(*args, **options), None) if callback_map is self.table else None

    def remove(self, key: Hashable, value: Any) -> None:
        _take(self.table, locate(f"{_MODULE}:GLOBAL_CALLBACK_LIST"), key, value)

    def insert(self, key: Hashable, value: Any) -> None:
        _put(self.table, locate(f"{_MODULE}:GLOBAL_CALLBACK_LIST"), key, value)


def _id(_: Any, output: Any, __: Any, inputs: Any, *args: Any, no_output: bool = False, **options: Any) -> Any:
    return locate(f"{_MODULE}:create_callback_id")(output, inputs, no_output)


def _take(known: Any, listed: list[Any], key: Hashable, spec: Any) -> None:
    """Take a callback out, and what the front end is told of it: both have the same list of inputs."""
    known.pop(key, None)
    spec["listed"] = [each for each in listed if each["inputs"] is spec["inputs"]]
    listed[:] = [each for each in listed if each["inputs"] is not spec["inputs"]]


def _put(known: Any, listed: list[Any], key: Hashable, spec: Any) -> None:
    listed.extend(spec.pop("listed", ()))
    known[key] = spec
