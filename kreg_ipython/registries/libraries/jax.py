"""Adapt jax's tree nodes: a class cannot be registered again, nor taken out."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

from kreg_ipython.lib.importlib_bootstrap import pass_over
from kreg_ipython.registries.registry import Gate, Registry
from kreg_ipython.registries.shapes import Untracked


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield TreeNodes()


class TreeNodes(Untracked):
    """C++ state. The same class with functions of the same code is accepted again."""

    def __init__(self) -> None:
        gate = Gate("jax._src.tree_util:register_pytree_node", lambda kind, *functions, **more: (kind, kind))
        super().__init__("jax.tree_nodes", "jax._src.tree_util", [gate])
        self._known: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()

    def call(self, subject: Any, register: Any, args: Any, kwargs: Any) -> Any:
        """Call jax's function, unless it did the same before."""
        __tracebackhide__ = True
        said = [getattr(each, "__code__", each) for each in (*args[1:], *kwargs.values())]
        if self._known.get(subject) == said:
            return None
        try:
            result = register(*args, **kwargs)
        except ValueError as error:
            if subject in self._known and hasattr(error, "add_note"):
                error.add_note(
                    "kreg: jax keeps the first functions of a class. Run the cell that defines the class, too."
                )
            raise
        self._known[subject] = said
        return result


pass_over(TreeNodes.call)
