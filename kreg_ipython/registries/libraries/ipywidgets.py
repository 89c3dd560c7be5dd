"""Adapt the callbacks of ipywidgets, and the observers of what traits they have, by wish."""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType, MethodType
from typing import Any

from kreg_ipython.registries.instances import HandlerRegistry
from kreg_ipython.registries.registry import Gate, Registry

_DISPATCHER = "ipywidgets.widgets.widget:CallbackDispatcher"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield HandlerRegistry(
        "ipywidgets.callbacks",
        _DISPATCHER,
        "callbacks",
        [
            Gate(
                f"{_DISPATCHER}.register_callback",
                lambda self, callback, remove=False: None if remove or callback in self.callbacks else (self, callback),
            )
        ],
        label=lambda dispatcher: "widget",
        passthrough_modules=["ipywidgets.widgets.widget_button", "ipywidgets.widgets.widget_string"],
    )
    yield HandlerRegistry(
        "ipywidgets.observers",
        "traitlets.traitlets:HasTraits",
        "_trait_notifiers",
        [Gate("traitlets.traitlets:HasTraits._add_notifiers", _announce)],
        label=lambda widget: type(widget).__name__,
    )


def _announce(self: Any, handler: Any, name: Any, type: Any) -> Any:
    """Announce a function; what a class observes of itself is no function, and there is very much of it."""
    known = self._trait_notifiers.get(name, {}).get(type, ())
    return (
        (self, handler, name, type)
        if isinstance(handler, (FunctionType, MethodType)) and handler not in known
        else None
    )
