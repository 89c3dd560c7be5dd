"""Adapt optree's nodes, by which Keras 3 flattens the classes of ``keras.tree.register_tree_node_class``."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from kreg_ipython.registries.registry import Announcement, Gate, Registry, locate
from kreg_ipython.registries.shapes import DictRegistry


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield TreeNodes()


class TreeNodes(DictRegistry):
    """A dict of entries by ``(namespace, class)``, with a copy in C++. Only optree's functions change both."""

    def __init__(self) -> None:
        super().__init__(
            "optree.nodes",
            "optree.registry:_NODETYPE_REGISTRY",
            [
                Gate("optree.registry:register_pytree_node", self._announce),
                Gate("optree.registry:unregister_pytree_node", self._announce, act="unregister"),
            ],
            subject=lambda entry: entry.type,
            passthrough_modules=["keras.src.tree.optree_impl", "keras.src.tree.tree_api"],
        )

    @staticmethod
    def _announce(cls: type, *functions: Any, namespace: Any = None, **options: Any) -> Announcement:
        return ((namespace, cls) if isinstance(namespace, str) else cls), cls

    def remove(self, key: Hashable, value: Any) -> None:
        locate("optree.registry:unregister_pytree_node")(value.type, namespace=_namespace(value))

    def insert(self, key: Hashable, value: Any) -> None:
        locate("optree.registry:register_pytree_node")(
            value.type,
            value.flatten_func,
            value.unflatten_func,
            path_entry_type=value.path_entry_type,
            namespace=_namespace(value),
        )


def _namespace(entry: Any) -> Any:
    return entry.namespace or locate("optree.registry:__GLOBAL_NAMESPACE")
