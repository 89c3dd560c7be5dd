"""Adapt the datasets of tensorflow_datasets, which it overwrites in notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kreg_ipython.registries.registry import Gate, Registry, locate
from kreg_ipython.registries.shapes import DictRegistry

_MODULE = "tensorflow_datasets.core.registered"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    for name, kind, table in (
        ("builders", "RegisteredDataset", "_DATASET_REGISTRY"),
        ("collections", "RegisteredDatasetCollection", "_DATASET_COLLECTION_REGISTRY"),
    ):
        gate = Gate(f"{_MODULE}:{kind}.__init_subclass__.__func__", _announce)
        yield DictRegistry(f"tensorflow_datasets.{name}", f"{_MODULE}:{table}", [gate], passthrough_modules=["abc"])


def _announce(cls: Any, skip_registration: bool = False, **kwargs: Any) -> Any:
    name = vars(cls).get("name")
    if not name and cls.__name__ == "Builder":  # it is called after its module, or its package
        module = cls.__module__.rpartition(".")[2]
        short = module.removesuffix("_dataset_builder")
        name = short if short != module else cls.__module__.rpartition(".")[0].rpartition(".")[2]
    return name or locate("tensorflow_datasets.core.naming:camelcase_to_snakecase")(cls.__name__), cls
