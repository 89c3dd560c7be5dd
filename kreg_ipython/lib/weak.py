"""Put weak keys into a framework's own plain dict: they are found by their object, and go with it."""

from __future__ import annotations

import operator
import weakref
from types import MethodType
from typing import Any


class WeakKey(weakref.ref[Any]):
    """A key that equals its referent but does not keep it alive: ``obj in names`` and ``names[obj]`` still work.

    A dict compares the stored key with the one that is looked up. The hash of a weak reference is its referent's.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if self is other or (other is not None and self() is other):
            return True
        return isinstance(other, MethodType) and self() == other  # a bound method is made anew at each access

    __hash__ = weakref.ref.__hash__

    def __reduce__(self) -> Any:
        """Pickle the object in its place, as the framework's own key would be."""
        return operator.getitem, ((self(),), 0)


def weaken(names: dict[Any, Any], obj: Any) -> None:
    """Make the dict's key of ``obj`` weak, unless the object cannot be hashed or weakly referenced."""

    def dead(key: weakref.ref[Any]) -> None:
        names.pop(key, None)

    try:
        key = WeakKey(obj, dead)
        if obj not in names:
            return
    except TypeError:
        return
    names[key] = names.pop(obj)


def strengthen(names: dict[Any, Any]) -> None:
    """Give the dict its strong keys back."""
    for key in names.copy():  # copied in one step: while iterating the dict itself an object might go, and its key
        if isinstance(key, WeakKey):
            obj, name = key(), names.pop(key, None)
            if obj is not None:
                names[obj] = name
