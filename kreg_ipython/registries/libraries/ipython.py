"""Adapt the callbacks of IPython's events, by wish."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kreg_ipython.registries.instances import HandlerRegistry
from kreg_ipython.registries.registry import Gate, Registry

_MANAGER = "IPython.core.events:EventManager"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield HandlerRegistry("ipython.events", _MANAGER, "callbacks", [Gate(f"{_MANAGER}.register", _announce)])


def _announce(self: Any, event: str, function: Any) -> Any:
    return None if function in self.callbacks.get(event, ()) else (self, function, event)
