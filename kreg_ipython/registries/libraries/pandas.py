"""Adapt the accessors of pandas."""

from __future__ import annotations

from collections.abc import Iterator

from kreg_ipython.registries.instances import AttributeRegistry
from kreg_ipython.registries.registry import Gate, Registry

_MODULE = "pandas.core.accessor"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield AttributeRegistry(
        "pandas.accessors",
        ["pandas:DataFrame", "pandas:Series", "pandas:Index"],
        [Gate(f"{_MODULE}:_register_accessor", lambda accessor, name, cls: ((cls, name), accessor), decorator=True)],
        kind=f"{_MODULE}:Accessor|{_MODULE}:CachedAccessor",
        listed="_accessors",
        subject=lambda descriptor: descriptor._accessor,
    )
