"""Adapt what saved models and checkpoints know of the user's classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kreg_ipython.lib.naming import definition_text
from kreg_ipython.registries.registry import Announcement, Gate, Registry, locate
from kreg_ipython.registries.shapes import DictRegistry, ListRegistry

_REGISTRATION = "tensorflow.python.saved_model.registration.registration"
_REVIVED = "tensorflow.python.saved_model.revived_types"
_CODECS = "tensorflow.python.saved_model.nested_structure_coder"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    for name, attribute in (("saved_model_classes", "_class_registry"), ("checkpoint_savers", "_saver_registry")):
        home = f"{_REGISTRATION}:{attribute}"
        yield DictRegistry(
            f"tensorflow.{name}",
            f"{home}._registered_map",
            [Gate(f"{_REGISTRATION}:_PredicateRegistry.register", _register_in(home))],
            beside=[f"{home}._registered_predicates", f"{home}._registered_names"],
            ordered=True,  # the last one is asked first
            refuses=True,
        )
    yield DictRegistry(
        "tensorflow.revived_types",
        f"{_REVIVED}:_REVIVED_TYPE_REGISTRY",
        [Gate(f"{_REVIVED}:register_revived_type", lambda identifier, predicate, versions: (identifier, predicate))],
        subject=lambda stored: stored[0],
        beside=[f"{_REVIVED}:_TYPE_IDENTIFIERS"],
        ordered=True,  # the first one is asked first
    )
    yield ListRegistry(
        "tensorflow.saved_model_codecs",
        f"{_CODECS}:_codecs",
        [Gate(f"{_CODECS}:register_codec", lambda x: (definition_text(x), x))],
    )


def _register_in(home: str) -> Callable[..., Announcement | None]:
    def announce(self: Any, package: str, name: str, predicate: Any, candidate: Any) -> Announcement | None:
        return (f"{package}.{name}", candidate) if self is locate(home) else None

    return announce
