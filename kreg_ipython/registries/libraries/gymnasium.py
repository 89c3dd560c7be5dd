"""Adapt gymnasium's environments."""

from __future__ import annotations

from collections.abc import Iterator

from kreg_ipython.registries.registry import Gate, Registry
from kreg_ipython.registries.shapes import DictRegistry

_MODULE = "gymnasium.envs.registration"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield DictRegistry(
        "gymnasium.envs",
        f"{_MODULE}:registry",
        [Gate(f"{_MODULE}:register", lambda id, entry_point=None, *args, **kwargs: (id, entry_point))],
        subject=lambda spec: spec.entry_point,
    )
