"""Remember what a container held that users write to themselves, and find what has changed since."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Hashable
from contextlib import suppress
from operator import is_
from types import SimpleNamespace
from typing import Any, NamedTuple

from kreg_ipython.registries.registry import MISSING, NotThere, Registry


class Changes(NamedTuple):
    """The changes of a container: ``written`` as ``(key, value, former value)``, ``removed`` as ``(key, value)``."""

    written: list[tuple[Hashable, Any, Any]]
    removed: list[tuple[Hashable, Any]]


def _references_to_an_unshared_dict() -> int:
    """Return the `sys.getrefcount` of a dict that only a module and its contents hold; interpreters differ."""
    contents = SimpleNamespace(live={})
    module = {"table": contents.live}
    return sys.getrefcount(contents.live) if module else 0


_UNSHARED = _references_to_an_unshared_dict()


class Contents:
    """The last known content of a container of any kind: each look compares everything.

    It may be another container each time, when a cell or module that makes it was executed again, and none at all for
    a while: then nothing has changed.
    """

    _known: Any

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._items: list[Any] | None = None
        """The known content, as the container would list it; None if it is not made yet."""
        self._look()

    def resized(self) -> bool:
        """Return whether anything was written or taken out, by its size alone."""
        table = self._table()
        return table is not None and (table is not self._live or len(table) != len(self._known))

    def changed(self) -> bool:
        """Return whether anything was written or taken out since the last look."""
        table = self._table()
        if table is None:
            return False
        if table is not self._live or len(table) != len(self._known):
            return True
        if self._items is None:
            self._items = self._listed()
        return not self._are_same([*table, *table.values()] if isinstance(table, dict) else [*table], self._items)

    def note(self, key: Hashable, value: Any) -> None:
        """Take note of a change at this key, of this value, that was seen otherwise."""
        if self._table() is self._live:  # `changes` sees to another container
            self._note(key, value)
            self._items = None

    def known(self, key: Hashable) -> Any:
        """Return what stood at the key at the last look, or `MISSING`.

        Where equal keys stand side by side, it is `MISSING`, too.
        """
        return MISSING

    def changes(self) -> Changes:
        """Return what has changed since the last look, which this one becomes."""
        before = self._known
        self._look()
        return self._since(before)

    def is_replaced(self) -> bool:
        """Return whether it is another container than at the last look."""
        return self._table() is not self._live

    def _table(self) -> Any:
        try:
            return self._registry.table
        except NotThere:
            return None

    def _look(self) -> None:
        self._live, self._known, self._items = self._registry.table, self._read(), None

    def _read(self) -> Any:
        raise NotImplementedError

    def _since(self, before: Any) -> Changes:
        raise NotImplementedError

    def _note(self, key: Hashable, value: Any) -> None:
        raise NotImplementedError

    def _listed(self) -> list[Any]:
        raise NotImplementedError

    def _are_same(self, now: list[Any], before: list[Any]) -> bool:
        return all(map(is_, now, before))


class KeyedContents(Contents):
    """Of a dict or a set: one value a key."""

    def known(self, key: Hashable) -> Any:
        """Return what stood at the key at the last look, or `MISSING`."""
        return self._known.get(key, MISSING)

    def _read(self) -> dict[Hashable, Any]:
        return dict(self._registry.entries())

    def _since(self, before: dict[Hashable, Any]) -> Changes:
        return _compared(before, self._known)

    def _note(self, key: Hashable, value: Any) -> None:
        now = self._registry.current(key)
        if now is MISSING:
            self._known.pop(key, None)
        else:
            self._known[key] = now

    def _listed(self) -> list[Any]:
        return [*self._known, *self._known.values()] if isinstance(self._live, dict) else [*self._known]


class AccessedContents(KeyedContents):
    """Of a dict that a function of the framework's hands out: the cheapest comparison that misses nothing.

    Users can only write to it if they ``accessed`` it since the last look, or if they still hold it: if neither is so,
    there is nothing to compare.
    """

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry)
        self.accessed = False
        self._plain = False
        """True if no object in it has an ``__eq__`` of its own."""

    def changed(self) -> bool:
        """Return whether anything was written or taken out since the last look. Asked at the end of every cell."""
        accessed, self.accessed = self.accessed, False
        if accessed:  # what it does to the keys may be anything
            return True
        return (self.resized() or sys.getrefcount(self._live) > _UNSHARED) and super().changed()

    def _table(self) -> Any:
        return self._live  # another one comes with another import of its module, and is attached to anew

    def _listed(self) -> list[Any]:
        self._plain = False
        with suppress(Exception):  # a metaclass of the user's: a type that cannot be hashed
            self._plain = {kind.__eq__ for kind in set(map(type, self._known.values()))} <= {object.__eq__}
        return super()._listed()

    def _are_same(self, now: list[Any], before: list[Any]) -> bool:
        if not self._plain:
            return super()._are_same(now, before)
        try:
            return now == before  # four times as fast, and for what is the same object no __eq__ is asked
        except Exception:  # an __eq__ of the user's, of an object that stands where another one stood
            return False


class ListContents(Contents):
    """Of a list, in which equal keys stand side by side."""

    def _read(self) -> list[tuple[Hashable, Any]]:
        return list(self._registry.entries())

    def _since(self, before: list[tuple[Hashable, Any]]) -> Changes:
        written = [(key, value, MISSING) for key, value in _more(self._known, before)]
        return Changes(written, _more(before, self._known))

    def _note(self, key: Hashable, value: Any) -> None:
        known = [at for at, (_, other) in enumerate(self._known) if other is value]
        more = sum(other is value for other in self._live) - len(known)
        for at in reversed(known[more:] if more < 0 else ()):
            del self._known[at]
        self._known += [(key, value)] * more

    def _listed(self) -> list[Any]:
        return [value for _, value in self._known]


def contents(registry: Registry) -> Contents:
    """Return what is known of a registry's container."""
    if any(gate.act == "access" for gate in registry.gates):
        return AccessedContents(registry)
    return ListContents(registry) if registry.allows_duplicates else KeyedContents(registry)


def _compared(before: dict[Hashable, Any], now: dict[Hashable, Any]) -> Changes:
    return Changes(
        [(key, value, before.get(key, MISSING)) for key, value in now.items() if before.get(key, MISSING) is not value],
        [(key, value) for key, value in before.items() if key not in now],
    )


def _more(some: list[tuple[Hashable, Any]], others: list[tuple[Hashable, Any]]) -> list[tuple[Hashable, Any]]:
    """Return those of some entries that the others have not, or not as often."""
    left = Counter(id(value) for _, value in others)
    found = []
    for key, value in some:
        left[id(value)] -= 1
        if left[id(value)] < 0:
            found.append((key, value))
    return found
