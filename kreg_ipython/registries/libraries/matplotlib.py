"""Adapt matplotlib's colormaps, scales and projections."""

from __future__ import annotations

from collections.abc import Iterator

from kreg_ipython.registries.registry import Gate, Registry
from kreg_ipython.registries.shapes import DictRegistry


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield DictRegistry(
        "matplotlib.colormaps",
        "matplotlib:colormaps._cmaps",
        [
            Gate(
                "matplotlib.cm:ColormapRegistry.register",
                lambda self, cmap, *, name=None, force=False: (name or cmap.name, cmap),
            ),
            Gate("matplotlib.cm:ColormapRegistry.unregister", lambda self, name: (name, None), act="unregister"),
        ],
    )
    yield DictRegistry(
        "matplotlib.scales",
        "matplotlib.scale:_scale_mapping",
        [Gate("matplotlib.scale:register_scale", lambda scale_class: (scale_class.name, scale_class))],
        beside=["matplotlib.scale:_scale_has_axis_parameter"],
    )
    yield DictRegistry(
        "matplotlib.projections",
        "matplotlib.projections:projection_registry._all_projection_types",
        [
            Gate(
                "matplotlib.projections:ProjectionRegistry.register",
                lambda self, first, *more: None if more else (first.name, first),
            )
        ],
    )
