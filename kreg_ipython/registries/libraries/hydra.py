"""Adapt hydra's one global instance, and the configurations that are stored for it."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterator
from typing import Any

from kreg_ipython.registries.registry import Gate, Registry, locate
from kreg_ipython.registries.shapes import DictRegistry, SlotRegistry

_INSTANCE = "hydra.core.global_hydra:GlobalHydra"
_STORE = "hydra.core.config_store:ConfigStore"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield GlobalHydra()
    yield ConfigStore()


class GlobalHydra(SlotRegistry):
    """``GlobalHydra.instance().hydra``."""

    def __init__(self) -> None:
        gates = [Gate(f"{_INSTANCE}.initialize", lambda self, hydra: ("hydra", hydra))]
        between = ["hydra.initialize", "hydra._internal.hydra"]
        super().__init__("hydra.instance", f"{_INSTANCE}.hydra", gates, passthrough_modules=between)

    @property
    def table(self) -> Any:
        return locate(_INSTANCE).instance()


class ConfigStore(DictRegistry):
    """``ConfigStore.instance().repo``: dicts in dicts. A key is a path, whose last part is a file's name."""

    def __init__(self) -> None:
        super().__init__("hydra.configs", _STORE, [Gate(f"{_STORE}.store", self._announce)])

    @staticmethod
    def _announce(self: Any, name: str, node: Any, group: str | None = None, *args: Any, **options: Any) -> Any:
        return "/".join(filter(None, (group, name.removesuffix(".yaml") + ".yaml"))), node

    @property
    def table(self) -> Any:
        return locate(_STORE).instance().repo

    def _containers(self, key: Any) -> tuple[list[Any], Hashable]:
        *groups, name = key.split("/")
        return [functools.reduce(lambda inside, group: inside.get(group, {}), groups, self.table)], name

    def entries(self) -> Iterator[tuple[Hashable, Any]]:
        return _flat(self.table)


def _flat(inside: Any, *groups: str) -> Iterator[tuple[Hashable, Any]]:
    for name, each in inside.copy().items():
        if isinstance(each, dict):
            yield from _flat(each, *groups, name)
        else:
            yield "/".join((*groups, name)), each
