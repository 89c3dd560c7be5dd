"""Adapt the catalogs of detectron2. Its registries are fvcore's."""

from __future__ import annotations

from collections.abc import Iterator

from kreg_ipython.registries.instances import InstanceRegistry
from kreg_ipython.registries.registry import Gate, Registry
from kreg_ipython.registries.shapes import DictRegistry

_MODULE = "detectron2.data.catalog"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield DictRegistry(
        "detectron2.datasets",
        f"{_MODULE}:DatasetCatalog.data",
        [
            Gate(f"{_MODULE}:_DatasetCatalog.register", lambda self, name, func: (name, func)),
            Gate(f"{_MODULE}:_DatasetCatalog.remove", lambda self, name: (name, None), act="unregister"),
        ],
        refuses=True,
    )
    yield InstanceRegistry(
        "detectron2.metadata",
        f"{_MODULE}:Metadata",
        "__dict__",
        [Gate(f"{_MODULE}:Metadata.__setattr__", lambda self, key, val: (self, key, val))],
        label=lambda metadata: metadata.name,
        passthrough_modules=[_MODULE],
    )
