"""Adapt the metrics of prometheus_client. Other collectors than its own are left alone: only they know their names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kreg_ipython.registries.instances import InstanceRegistry
from kreg_ipython.registries.registry import Gate, Registry

_MODULE = "prometheus_client.registry"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield InstanceRegistry(
        "prometheus_client.metrics",
        f"{_MODULE}:CollectorRegistry",
        "_names_to_collectors",
        [
            Gate(f"{_MODULE}:CollectorRegistry.register", _announce),
            Gate(f"{_MODULE}:CollectorRegistry.unregister", _announce, act="unregister"),
        ],
        instances=[f"{_MODULE}:REGISTRY"],
        put=lambda registry, name, metric: registry.register(metric),
        take=lambda registry, name, metric: registry.unregister(metric),
        passthrough_modules=["prometheus_client.metrics"],
    )


def _announce(self: Any, collector: Any) -> Any:
    name = getattr(collector, "_name", None)
    return (self, name, collector) if isinstance(name, str) else None
