"""Find the variables that hold an object, directly or deep inside: ``model`` is built from a former class."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from types import FrameType, FunctionType, ModuleType, TracebackType
from typing import Any, Literal, NamedTuple

Relation = Literal["is", "is an instance of", "is built from"]

_MOST = 100_000
"""The number of objects of one variable that are looked at."""

_MANY = 10_000

_Inside = Literal["nothing", "some", "items", "all"]
"""The part of an object that is looked into: the items of a container, some of what a function or a model refers to."""

_CONTAINERS = (dict, list, tuple, set, frozenset)
_PLAIN = frozenset(map(id, _CONTAINERS))
"""The containers' ids: a type's metaclass may compare as it likes."""


class Holder(NamedTuple):
    """One variable, and its relation to the object."""

    name: str
    relation: Relation


class Opaque(NamedTuple):
    """The objects that are not looked into.

    Attributes:
        types: returns whether objects of a type are left out: a framework's own state leads to everything.
        attributes: returns the attributes by which objects of a type know what has been built upon them.
    """

    types: Callable[[type], bool]
    attributes: Callable[[type], Collection[str]] = lambda kind: ()


def holders(names: Mapping[str, Any], targets: Iterable[Any], opaque: Opaque) -> dict[int, list[Holder]]:
    """Return the variables that hold each target, by the target's ``id``.

    Args:
        names: the variables; private ones (``_12``, ``Out``) are left out.
        targets: classes or functions.
        opaque: what is not looked into.
    """
    wanted = {id(target): target for target in targets}
    found: dict[int, list[Holder]] = {}
    for name, value in list(names.items()):
        hidden = name.startswith("_") or name in ("In", "Out")
        if wanted and not hidden and not issubclass(type(value), ModuleType):
            for target in _held(value, wanted, opaque):
                found.setdefault(target, []).append(Holder(name, _relation(value, wanted[target])))
    return found


def reached(
    values: Iterable[Any], wanted: Collection[int], opaque: Opaque, but_by: Collection[int] = ()
) -> set[int] | None:
    """Return which wanted objects, by their ``id``, these values lead to; None if there is too much to look at.

    A container of more than `_MANY` objects is data, and is not looked into, nor are the objects ``but_by``.
    """
    seen, todo = set(but_by), list(values)
    known: dict[int, tuple[type, _Inside]] = {}
    while todo:
        new = {id(one): one for one in filter(gc.is_tracked, todo) if id(one) not in seen}
        seen |= new.keys()
        if len(seen) > _MOST:
            return None
        whole, todo = [], []
        for one in new.values():
            kind = type(one)
            found = known.get(id(kind)) or known.setdefault(id(kind), (kind, _inside(kind, opaque)))
            if found[1] == "some":
                todo += _parts(one, opaque)
            elif found[1] == "all" or (found[1] == "items" and len(one) <= _MANY):
                whole.append(one)
        todo += gc.get_referents(*whole)  # of all at once: asking each takes five times as long
    return seen.intersection(wanted)


def _relation(value: Any, target: Any) -> Relation:
    if value is target:
        return "is"
    return "is an instance of" if type(value) is target else "is built from"


def _held(value: Any, wanted: Mapping[int, Any], opaque: Opaque) -> set[int]:
    """Return the wanted objects that a value leads to: itself, its class, and those of its attributes and items."""
    seen, found, todo = {id(value)}, set(), [value]
    while todo and len(seen) < _MOST:
        one = todo.pop()
        found |= {id(each) for each in (one, type(one)) if id(each) in wanted}
        for part in islice(_parts(one, opaque), _MOST - len(seen)):
            if id(part) not in seen:
                seen.add(id(part))
                todo.append(part)
    return found


def _inside(kind: type, opaque: Opaque) -> _Inside:
    """Return what of the objects of a type is looked into."""
    if id(kind) in _PLAIN:
        return "items"
    if issubclass(kind, (ModuleType, type, FrameType, TracebackType)):
        return "nothing"
    if issubclass(kind, FunctionType):
        return "some"
    if not issubclass(kind, _CONTAINERS) and opaque.types(kind):
        return "nothing"
    return "some" if opaque.attributes(kind) else "all"


def _parts(value: Any, opaque: Opaque) -> Iterable[Any]:
    kind = type(value)
    inside = _inside(kind, opaque) if gc.is_tracked(value) else "nothing"
    if inside == "nothing":
        return ()
    if inside != "some":
        return gc.get_referents(value)
    if issubclass(kind, FunctionType):
        defaults = value.__defaults__, value.__kwdefaults__
        return gc.get_referents(*(value.__closure__ or ()), *filter(None, defaults), value.__dict__)
    attributes = attributes_of(value)
    left_out = {id(attributes), *(id(attributes[name]) for name in opaque.attributes(kind) if name in attributes)}
    return (part for part in [*gc.get_referents(value), *attributes.values()] if id(part) not in left_out)


def attributes_of(value: Any) -> dict[str, Any]:
    """Return the attributes in an object's own ``__dict__``, without asking the object."""
    try:
        found = object.__getattribute__(value, "__dict__")
    except Exception:  # a descriptor of the user's
        return {}
    return found if type(found) is dict else {}
