"""Adapt hydra's one global instance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kreg_ipython.registries.registry import Gate, Registry, locate
from kreg_ipython.registries.shapes import SlotRegistry

_MODULE = "hydra.core.global_hydra"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield GlobalHydra()


class GlobalHydra(SlotRegistry):
    """``GlobalHydra.instance().hydra``."""

    def __init__(self) -> None:
        gates = [Gate(f"{_MODULE}:GlobalHydra.initialize", lambda self, hydra: ("hydra", hydra))]
        between = ["hydra.initialize", "hydra._internal.hydra"]
        super().__init__("hydra.instance", f"{_MODULE}:GlobalHydra.hydra", gates, passthrough_modules=between)

    @property
    def table(self) -> Any:
        return locate(f"{_MODULE}:GlobalHydra").instance()
