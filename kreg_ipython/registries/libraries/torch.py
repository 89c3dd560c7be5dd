"""Adapt torch's KL divergences, its tree nodes, and what `torch.load` may load."""

from __future__ import annotations

import sys
from collections.abc import Collection, Hashable, Iterator
from contextlib import suppress
from typing import Any

from kreg_ipython.registries.registry import Gate, NotThere, Registry, locate
from kreg_ipython.registries.shapes import DictRegistry, SetRegistry

_KL = "torch.distributions.kl"
_TREE = "torch.utils._pytree"
_PENDING = f"{_TREE}:_cxx_pytree_pending_imports"
_LOAD = "torch._weights_only_unpickler"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield DictRegistry(
        "torch.kl_divergences",
        f"{_KL}:_KL_REGISTRY",
        [Gate(f"{_KL}:register_kl", lambda function, type_p, type_q: ((type_p, type_q), function), decorator=True)],
        after=lambda: locate(f"{_KL}:_KL_MEMOIZE").clear(),
    )
    yield TreeNodes()
    yield SafeGlobals()


class TreeNodes(DictRegistry):
    """Dicts by class, and optree's copy in C++, for which classes wait in a list until it is imported."""

    def __init__(self) -> None:
        gates = [
            Gate(f"{_TREE}:{name}", lambda cls, *functions, **options: (cls, cls))
            for name in ("register_pytree_node", "_private_register_pytree_node")
        ]
        others = [f"{_TREE}:SUPPORTED_SERIALIZED_TYPES", f"{_TREE}:CONSTANT_NODES"]
        super().__init__(
            "torch.tree_nodes", f"{_TREE}:SUPPORTED_NODES", gates, beside=others, subject=lambda node: node.type
        )

    def remove(self, key: Hashable, value: Any) -> None:
        super().remove(key, value)
        with suppress(NotThere):
            pending = locate(_PENDING)
            pending[:] = [(args, kwargs) for args, kwargs in pending if args[0] is not key]
        with suppress(NotThere, ValueError):  # it was never imported, or the class is not registered there
            locate("optree.registry:unregister_pytree_node")(key, namespace="torch")

    def insert(self, key: Hashable, value: Any) -> None:
        super().insert(key, value)
        functions = key, value[0].flatten_fn, value[0].unflatten_fn
        with suppress(NotThere, ValueError):
            if "torch.utils._cxx_pytree" not in sys.modules:
                locate(_PENDING).append((functions, {}))
            locate("torch.utils._cxx_pytree:_private_register_pytree_node")(*functions)


class SafeGlobals(SetRegistry):
    """A set, which is made anew for each change."""

    def __init__(self) -> None:
        super().__init__(
            "torch.safe_globals",
            f"{_LOAD}:_marked_safe_globals_set",
            [Gate(f"{_LOAD}:_add_safe_globals", self._announce)],
            passthrough_modules=["torch.serialization"],
        )

    @staticmethod
    def _announce(safe_globals: Any) -> Any:
        return [(each, each) for each in safe_globals] if isinstance(safe_globals, Collection) else None

    def remove(self, key: Hashable, value: Any) -> None:
        locate(f"{_LOAD}:_remove_safe_globals")([value])

    def insert(self, key: Hashable, value: Any) -> None:
        locate(f"{_LOAD}:_add_safe_globals")([value])
