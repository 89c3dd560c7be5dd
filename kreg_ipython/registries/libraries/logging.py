"""Adapt the handlers of Python's loggers, by wish."""

from __future__ import annotations

from collections.abc import Iterator

from kreg_ipython.registries.instances import HandlerRegistry
from kreg_ipython.registries.registry import Gate, Registry


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield HandlerRegistry(
        "logging.handlers",
        "logging:Logger",
        "handlers",
        [Gate("logging:Logger.addHandler", lambda self, hdlr: None if hdlr in self.handlers else (self, hdlr))],
        label=lambda logger: logger.name,
    )
