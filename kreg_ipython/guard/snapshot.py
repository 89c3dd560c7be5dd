"""Remember what a container held that users write to themselves, and find what has changed since."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Hashable, Iterable
from itertools import count
from operator import is_
from types import SimpleNamespace
from typing import Any, NamedTuple

from kreg_ipython.registries.registry import MISSING, NotThere, Registry

Places = dict[Hashable, Any]
"""What stands at each place: a key is one; in a list, a key, an object and the number of its occurrence are one."""


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

    _items: list[Any] | None
    """The known content, as the container would list it; None if it is not made yet."""
    _plain: bool
    """Whether no object in it has an ``__eq__`` of its own."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
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
        keyed = isinstance(table, dict)
        if self._items is None:
            self._items = [*(self._known if keyed else ()), *self._known.values()]
            self._plain = {kind.__eq__ for kind in set(map(type, self._known.values()))} <= {object.__eq__}
        return not self._are_same([*table, *table.values()] if keyed else [*table], self._items)

    def note(self, key: Hashable, value: Any) -> None:
        """Take note of a change at this key, of this value, that was seen otherwise."""
        if self._table() is not self._live:
            return  # `changes` sees to another container
        self._items = None
        if self._registry.allows_duplicates:
            self._count(key, value)
        elif (now := self._registry.current(key)) is MISSING:
            self._known.pop(key, None)
        else:
            self._known[key] = now

    def known(self, key: Hashable) -> Any:
        """Return what stood at the key at the last look, or `MISSING`.

        Where equal keys stand side by side, it is `MISSING`, too.
        """
        return self._known.get(key, MISSING)

    def changes(self) -> Changes:
        """Return what has changed since the last look, which this one becomes."""
        before = self._known
        self._look()
        now, key_at = self._known, self._key_at
        written = [(at, value) for at, value in now.items() if before.get(at, MISSING) is not value]
        return Changes(
            [(key_at(at), value, before.get(at, MISSING)) for at, value in written],
            [(key_at(at), value) for at, value in before.items() if at not in now],
        )

    def is_replaced(self) -> bool:
        """Return whether it is another container than at the last look."""
        return self._table() is not self._live

    def _table(self) -> Any:
        try:
            return self._registry.table
        except NotThere:
            return None

    def _look(self) -> None:
        self._live, self._known = self._registry.table, self._placed(self._registry.entries())
        self._items = None

    def _placed(self, entries: Iterable[tuple[Hashable, Any]]) -> Places:
        if not self._registry.allows_duplicates:
            return dict(entries)
        found: Places = {}
        times = Counter[int]()
        for key, value in entries:
            times[id(value)] += 1
            found[key, id(value), times[id(value)]] = value
        return found

    def _key_at(self, place: Any) -> Hashable:
        return place[0] if self._registry.allows_duplicates else place  # type: ignore[no-any-return]

    def _count(self, key: Hashable, value: Any) -> None:
        """Know a value, of those that may stand side by side, as often as it stands there now."""
        times = sum(each is value for each in self._live)
        for number in count(1):
            place = key, id(value), number
            if number <= times:
                self._known.setdefault(place, value)
            elif self._known.pop(place, MISSING) is MISSING:
                return

    def _are_same(self, now: list[Any], before: list[Any]) -> bool:
        return all(map(is_, now, before))


class AccessedContents(Contents):
    """Of a dict that a function of the framework's hands out: the cheapest comparison that misses nothing.

    Users can only write to it if they ``accessed`` it since the last look, or if they still hold it: if neither is so,
    there is nothing to compare.
    """

    accessed = False

    def changed(self) -> bool:
        """Return whether anything was written or taken out since the last look. Asked at the end of every cell."""
        accessed, self.accessed = self.accessed, False
        if accessed:  # what it does to the keys may be anything
            return True
        return (self.resized() or sys.getrefcount(self._live) > _UNSHARED) and super().changed()

    def _table(self) -> Any:
        return self._live  # another one comes with another import of its module, and is attached to anew

    def _are_same(self, now: list[Any], before: list[Any]) -> bool:
        if not self._plain:
            return super()._are_same(now, before)
        try:
            return now == before  # four times as fast, and for what is the same object no __eq__ is asked
        except Exception:  # an __eq__ of the user's, of an object that stands where another one stood
            return False


def contents(registry: Registry) -> Contents:
    """Return what is known of a registry's container."""
    return (AccessedContents if any(gate.act == "access" for gate in registry.gates) else Contents)(registry)
