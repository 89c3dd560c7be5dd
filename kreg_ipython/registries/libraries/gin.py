"""Adapt gin's configurables."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from kreg_ipython.registries.registry import Gate, Registry, locate
from kreg_ipython.registries.shapes import DictRegistry

_REGISTRY = "gin.config:_REGISTRY"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield Configurables()


class Configurables(DictRegistry):
    """A `SelectorMap`: a dict, and a tree to find a key by its last words. There is a reverse dict, too."""

    def __init__(self) -> None:
        gate = Gate("gin.config:_make_configurable", self._announce)
        super().__init__("gin.configurables", f"{_REGISTRY}._selector_map", [gate], subject=lambda made: made.wrapped)

    @staticmethod
    def _announce(fn: Any, name: str | None = None, module: str | None = None, *args: Any, **kwargs: Any) -> Any:
        name = name or fn.__name__
        module = module or (None if "." in name else getattr(fn, "__module__", None))
        return f"{module}.{name}" if module else name, fn

    def remove(self, key: Hashable, value: Any) -> None:
        locate(_REGISTRY).pop(key)
        locate("gin.config:_INVERSE_REGISTRY").pop(value.wrapped, None)

    def insert(self, key: Hashable, value: Any) -> None:
        locate(_REGISTRY)[key] = value
        locate("gin.config:_INVERSE_REGISTRY")[value.wrapped] = value
