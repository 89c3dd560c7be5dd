"""Adapt the namespaces of polars."""

from __future__ import annotations

from collections.abc import Iterator

from kreg_ipython.registries.instances import AttributeRegistry
from kreg_ipython.registries.registry import Gate, Registry


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield AttributeRegistry(
        "polars.namespaces",
        ["polars:DataFrame", "polars:LazyFrame", "polars:Series", "polars:Expr"],
        [Gate("polars.api:_create_namespace", lambda space, name, cls: ((cls, name), space), decorator=True)],
        kind="polars.api:NameSpace",
        listed="_accessors",
        subject=lambda descriptor: descriptor._ns,
    )
