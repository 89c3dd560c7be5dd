"""Adapt altair's themes, renderers and data transformers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kreg_ipython.registries.instances import InstanceRegistry
from kreg_ipython.registries.registry import Gate, Registry, locate

_CLASS = "altair.utils.plugin_registry:PluginRegistry"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield InstanceRegistry(
        "altair.plugins",
        _CLASS,
        "_plugins",
        [
            Gate(f"altair.theme:_register|{_CLASS}.register", _announce_theme),  # there is none before altair 5.5
            Gate(f"{_CLASS}.register", _announce),
        ],
        label=lambda registry: registry.entry_point_group.rpartition(".")[2],
    )


def _announce(self: Any, name: str, value: Any) -> Any:
    return None if value is None else (self, name, value)


def _announce_theme(name: str, fn: Any) -> Any:
    return _announce(locate("altair.theme:_themes"), name, fn)
