"""Adapt the accessors of xarray."""

from __future__ import annotations

from collections.abc import Iterator

from kreg_ipython.registries.instances import AttributeRegistry
from kreg_ipython.registries.registry import Gate, Registry

_MODULE = "xarray.core.extensions"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield AttributeRegistry(
        "xarray.accessors",
        ["xarray:Dataset", "xarray:DataArray", "xarray:DataTree"],
        [Gate(f"{_MODULE}:_register_accessor", lambda accessor, name, cls: ((cls, name), accessor), decorator=True)],
        kind=f"{_MODULE}:_CachedAccessor",
        subject=lambda descriptor: descriptor._accessor,
    )
