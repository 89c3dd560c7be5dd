"""Adapt torch's KL divergences, its tree nodes, and what `torch.load` may load."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import suppress
from typing import Any

from kreg_ipython.lib.importlib_bootstrap import pass_over
from kreg_ipython.registries.registry import MISSING, Gate, NotThere, Registry, locate
from kreg_ipython.registries.shapes import DictRegistry, Shape

_KL = "torch.distributions.kl"
_TREE = "torch.utils._pytree"
_LOAD = "torch._weights_only_unpickler"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield DictRegistry(
        "torch.kl_divergences",
        f"{_KL}:_KL_REGISTRY",
        [Gate(f"{_KL}:register_kl", lambda function, p, q: ((p, q), function), decorator=True)],
        after=lambda: locate(f"{_KL}:_KL_MEMOIZE").clear(),
    )
    yield TreeNodes()
    yield SafeGlobals()


class TreeNodes(DictRegistry):
    """Dicts by class, and optree's copy in C++."""

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
        with suppress(NotThere, ValueError):  # it was never imported, or the class is not registered there
            locate("optree.registry:unregister_pytree_node")(key, namespace="torch")

    def insert(self, key: Hashable, value: Any) -> None:
        super().insert(key, value)
        with suppress(NotThere, ValueError):
            register = locate("torch.utils._cxx_pytree:_private_register_pytree_node")
            register(key, value[0].flatten_fn, value[0].unflatten_fn)


class SafeGlobals(Shape):
    """A set, which is made anew for each change. A key is all that one call registers."""

    def __init__(self) -> None:
        gates = [Gate(f"{_LOAD}:_add_safe_globals", lambda safe_globals: (tuple(safe_globals), tuple(safe_globals)))]
        super().__init__("torch.safe_globals", _LOAD, gates, ["torch.serialization"])
        self._calls: dict[Any, set[Any]] = {}
        """The calls that registered each of them."""

    @property
    def table(self) -> Any:
        return locate(f"{_LOAD}:_marked_safe_globals_set")

    def entries(self) -> Any:
        return [((each,), (each,)) for each in self.table]

    def current(self, key: Any) -> Any:
        return key if self.table.issuperset(key) else MISSING

    def holds(self, key: Any, value: Any) -> bool:
        return bool(self.table.issuperset(value))

    def call(self, subject: Any, register: Any, args: Any, kwargs: Any) -> Any:
        __tracebackhide__ = True
        self._note(subject)
        return register(*args, **kwargs)

    def _note(self, key: Any) -> None:
        for each in key:
            self._calls.setdefault(each, set()).add(key)

    def remove(self, key: Any, value: Any) -> None:
        for each in value:
            self._calls.get(each, set()).discard(key)
        gone = [each for each in value if not self._calls.get(each)]
        locate(f"{_LOAD}:_remove_safe_globals")(gone)
        for each in gone:
            self._calls.pop(each, None)

    def insert(self, key: Any, value: Any) -> None:
        self._note(key)
        locate(f"{_LOAD}:_add_safe_globals")(list(value))


pass_over(SafeGlobals.call)
