"""Adapt what the Auto classes of transformers were told to make of a configuration."""

from __future__ import annotations

from collections.abc import Iterator

from kreg_ipython.registries.instances import InstanceRegistry
from kreg_ipython.registries.registry import Gate, Registry

_AUTO = "transformers.models.auto"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    for name, kind in (
        ("configs", f"{_AUTO}.configuration_auto:_LazyConfigMapping"),
        ("classes", f"{_AUTO}.auto_factory:_LazyAutoMapping"),
    ):
        yield InstanceRegistry(
            f"transformers.{name}",
            kind,
            "_extra_content",
            [Gate(f"{kind}.register", lambda self, key, value, exist_ok=False: (self, key, value))],
            passthrough_modules=[f"{_AUTO}.auto_factory", f"{_AUTO}.configuration_auto"],
        )
