"""Adapt jax's tree nodes: a class cannot be registered with other functions, nor taken out."""

from __future__ import annotations

from collections.abc import Iterator

from kreg_ipython.registries.registry import Gate, Registry
from kreg_ipython.registries.shapes import Permanent

_MODULE = "jax._src.tree_util"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield Permanent(
        "jax.tree_nodes",
        _MODULE,
        [
            Gate(f"{_MODULE}:{function}", lambda nodetype, *args, **options: (nodetype, nodetype))
            for function in ("register_pytree_node", "register_dataclass")
        ],
        "kreg: jax keeps the first functions of a class. Run the cell that defines the class, too.",
    )
