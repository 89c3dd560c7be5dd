"""Tell which named objects are still held by something other than the variables that a run binds anew."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any

from kreg_ipython import registries
from kreg_ipython.guard.ledger import Run
from kreg_ipython.lib.holders import Opaque, attributes_of, reached
from kreg_ipython.lib.rebinding import rebound
from kreg_ipython.registries.names import beside_the_point


def held(
    objects: Iterable[Any],
    run: Run,
    notebook: Mapping[str, Any],
    modules: Iterable[Mapping[str, Any]],
    but_by: Collection[int],
) -> set[int] | None:
    """Return which objects are held, by their ``id``; None if there is too much to look at.

    Args:
        objects: what a former run of the same owner gave a name to.
        run: what is executed.
        notebook: the notebook's variables.
        modules: the namespaces of the user's other modules.
        but_by: the containers that do not count, by their ``id``.
    """
    of_module = run.owner.kind == "module"
    own = vars(sys.modules[run.owner.id or ""]) if of_module and run.owner.id in sys.modules else notebook
    anew = rebound(run.source or "", own, str(run.owner.id) if of_module else "__main__")
    values: list[Any] = []
    for namespace in (notebook, *modules):
        for name, value in list(namespace.items()):
            if namespace is not own or name not in anew:
                values += (value, *_inside(value, own))
    return reached(values, {id(one) for one in objects}, Opaque(registries.is_opaque, beside_the_point), but_by)


def _inside(value: Any, own: Mapping[str, Any]) -> Iterator[Any]:
    """Yield what a variable's class holds, or a module that is not in `sys.modules` and not what is executed anew."""
    kind = type(value)
    if issubclass(kind, ModuleType):
        inside = attributes_of(value)  # a lazy module is not asked: it would be imported
        again = all(inside.get(name) == own.get(name) for name in ("__name__", "__file__"))
        if not again and sys.modules.get(str(inside.get("__name__"))) is not value:
            yield from list(inside.values())
        return
    if issubclass(kind, type) and not registries.is_opaque(value):
        yield from list(vars(value).values())
