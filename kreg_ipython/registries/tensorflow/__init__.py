"""Adapt TensorFlow's registries, one file for each kind."""

from __future__ import annotations

from collections.abc import Iterator

from kreg_ipython.registries.registry import Registry
from kreg_ipython.registries.tensorflow import autograph, conversion, dispatch, runtime, saving, tables


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    for each in (tables, saving, conversion, dispatch, autograph, runtime):
        yield from each.registries()
