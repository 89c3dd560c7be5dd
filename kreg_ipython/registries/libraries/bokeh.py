"""Adapt the models of bokeh that users define."""

from __future__ import annotations

from collections.abc import Iterator

from kreg_ipython.registries.registry import Gate, Registry
from kreg_ipython.registries.shapes import DictRegistry

_MODULE = "bokeh.core.has_props"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield DictRegistry(
        "bokeh.models",
        f"{_MODULE}:_default_resolver._known_models",
        [Gate(f"{_MODULE}:_ModelResolver.add", lambda self, cls: (cls.__qualified_model__, cls))],
    )
