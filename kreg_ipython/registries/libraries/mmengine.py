"""Adapt mmengine's registries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kreg_ipython.registries.instances import InstanceRegistry
from kreg_ipython.registries.registry import Gate, Registry

_CLASS = "mmengine.registry.registry:Registry"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield InstanceRegistry(
        "mmengine.registries",
        _CLASS,
        "_module_dict",
        [Gate(f"{_CLASS}._register_module", _announce)],
        label=lambda registry: registry.name,
        refuses=True,
    )


def _announce(self: Any, module: Any, module_name: Any = None, force: bool = False) -> Any:
    names = module_name if isinstance(module_name, list) else [module_name or module.__name__]
    return [(self, name, module) for name in names]
