"""Adapt TensorFlow Probability's table of KL divergences."""

from __future__ import annotations

from collections.abc import Iterator

from kreg_ipython.registries.registry import Gate, Registry
from kreg_ipython.registries.shapes import DictRegistry

_MODULE = "tensorflow_probability.python.distributions.kullback_leibler"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield DictRegistry(
        "tensorflow_probability.kl_divergences",
        f"{_MODULE}:_DIVERGENCES",
        [Gate(f"{_MODULE}:RegisterKL.__call__", lambda self, fn: (self._key, fn))],
        refuses=True,
    )
