"""Which variables hold an object, directly or deep inside: ``model`` is built from a former class."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType, ModuleType
from typing import Any, Literal, NamedTuple

Relation = Literal["is", "is an instance of", "is built from"]

_MOST = 200_000
"""How many objects of one variable are looked at."""

_CONTAINERS = (dict, list, tuple, set, frozenset)


class Holder(NamedTuple):
    """One variable, and what it has to do with the object."""

    name: str
    relation: Relation


def holders(
    names: Mapping[str, Any], targets: Iterable[Any], is_opaque: Callable[[type], bool]
) -> dict[int, list[Holder]]:
    """The variables that hold each target, by the target's ``id``.

    Args:
        names: the variables; private ones (``_12``, ``Out``) are left out.
        targets: classes or functions.
        is_opaque: types that are not looked into: a framework's own state reaches everything.
    """
    wanted = {id(target): target for target in targets}
    found: dict[int, list[Holder]] = {}
    for name, value in list(names.items()):
        if wanted and not name.startswith("_") and name not in ("In", "Out") and not isinstance(value, ModuleType):
            for target in _held(value, wanted, is_opaque):
                found.setdefault(target, []).append(Holder(name, _relation(value, wanted[target])))
    return found


def _relation(value: Any, target: Any) -> Relation:
    if value is target:
        return "is"
    return "is an instance of" if type(value) is target else "is built from"


def _held(value: Any, wanted: Mapping[int, Any], is_opaque: Callable[[type], bool]) -> set[int]:
    """The wanted objects that can be reached from a value: itself, its class, what its attributes and items are."""
    seen, found, todo = {id(value)}, set(), [value]
    while todo and len(seen) < _MOST:
        one = todo.pop()
        found |= {id(each) for each in (one, type(one)) if id(each) in wanted}
        for part in _parts(one, is_opaque):
            if id(part) not in seen:
                seen.add(id(part))
                todo.append(part)
    return found


def _parts(value: Any, is_opaque: Callable[[type], bool]) -> Iterable[Any]:
    kind = type(value)
    if issubclass(kind, (ModuleType, type)) or not gc.is_tracked(value):
        return ()
    if issubclass(kind, FunctionType):
        cells = [cell for cell in value.__closure__ or () if gc.get_referents(cell)]
        return [*gc.get_referents(*cells), *(value.__defaults__ or ()), *vars(value).values()]
    if issubclass(kind, _CONTAINERS) or not is_opaque(kind):
        return gc.get_referents(value)
    return ()
