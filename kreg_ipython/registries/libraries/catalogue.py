"""Adapt catalogue, by which spaCy, thinc and others keep functions by name."""

from __future__ import annotations

from collections.abc import Iterator

from kreg_ipython.registries.registry import Gate, Registry
from kreg_ipython.registries.shapes import DictRegistry


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield DictRegistry(
        "catalogue.functions",
        "catalogue:REGISTRY|catalogue.registry:REGISTRY",
        [Gate("catalogue:_set|catalogue.registry:_set", lambda namespace, func: (tuple(namespace), func))],
        passthrough_modules=[
            "catalogue.registry",
            "confection",
            "confection._registry",
            "spacy.language",
            "spacy.util",
            "thinc.config",
        ],
    )
