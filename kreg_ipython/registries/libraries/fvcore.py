"""Adapt fvcore's registries, which are also detectron2's."""

from __future__ import annotations

from collections.abc import Iterator

from kreg_ipython.registries.instances import InstanceRegistry
from kreg_ipython.registries.registry import Gate, Registry

_CLASS = "fvcore.common.registry:Registry"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield InstanceRegistry(
        "fvcore.registries",
        _CLASS,
        "_obj_map",
        [Gate(f"{_CLASS}._do_register", lambda self, name, obj: (self, name, obj))],
        label=lambda registry: registry._name,
        refuses=True,
    )
