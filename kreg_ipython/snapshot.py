"""What a container that users write to themselves held when we last looked, and what has changed since."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Hashable
from operator import is_
from types import SimpleNamespace
from typing import Any, NamedTuple

from kreg_ipython.registry import MISSING, NotThere, Registry


class Changes(NamedTuple):
    """What was ``written``, as ``(key, value, former value)``, and what was ``removed``, as ``(key, value)``."""

    written: list[tuple[Hashable, Any, Any]]
    removed: list[tuple[Hashable, Any]]


def _references_to_an_unshared_dict() -> int:
    """What `sys.getrefcount` says of a dict that only a module and a snapshot hold; interpreters differ."""
    snapshot = SimpleNamespace(live={})
    module = {"table": snapshot.live}
    return sys.getrefcount(snapshot.live) if module else 0


_UNSHARED = _references_to_an_unshared_dict()


class Snapshot:
    """The last known content of one live dict of a framework's: the cheapest comparison that misses nothing.

    Users can only write to the dict if it was ``handed_out`` to them since the last look, or if they still hold it: if
    neither is so, there is nothing to compare. Comparing two dicts costs a hash look-up an entry; comparing the lists
    of their values only an identity check, half of it. Any change shows there or in the last key: a dict keeps its
    order, so a key that was replaced by another one with the same value has moved to the end.
    """

    def __init__(self, live: dict[Hashable, Any]) -> None:
        self.live = live
        self.handed_out = False
        self._values: list[Any] | None = None
        self._last: Hashable = MISSING
        self._look()

    def resized(self) -> bool:
        """Whether anything was written or taken out, by its size alone."""
        return len(self.live) != self.size

    def note(self, key: Hashable) -> None:
        """Take note of a change at this key that was seen otherwise."""
        value = self.live.get(key, MISSING)
        if value is MISSING:
            self._known.pop(key, None)
        else:
            self._known[key] = value
        self.size, self._values = len(self._known), None

    def changed(self) -> bool:
        """Whether anything was written or taken out since the last look. Asked at the end of every cell."""
        if len(self.live) != self.size:
            return True
        if not self.handed_out and sys.getrefcount(self.live) <= _UNSHARED:
            return False
        self.handed_out = False
        if self._values is None:
            self._values, self._last = [*self._known.values()], _last(self._known)
        try:
            return [*self.live.values()] != self._values or _last(self.live) is not self._last
        except Exception:  # an __eq__ of the user's, asked only about an object that stands where another one stood
            return True

    def knows(self, key: Hashable, value: Any) -> bool:
        """Whether this value stood at the key at the last look."""
        return self._known.get(key, MISSING) is value

    def changes(self) -> Changes:
        """What has changed since the last look, which this one becomes."""
        known = self._known
        self._look()
        return _compared(known, self._known)

    def _look(self) -> None:
        self._known = self.live.copy()
        self.size, self._values = len(self._known), None


def _last(table: dict[Hashable, Any]) -> Hashable:
    last: Hashable = next(reversed(table), MISSING)
    return last


class Contents:
    """The last known content of a container of any kind that passes no gate: each look compares everything.

    It may be another container each time: a cell or module that makes it was executed again.
    """

    handed_out = True

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._look()

    def resized(self) -> bool:
        """Whether anything was written or taken out, by its size alone."""
        try:
            table = self._registry.table
        except NotThere:
            return True  # whoever asks what has changed is told so
        return table is not self._live or len(table) != len(self._entries)

    def note(self, key: Hashable) -> None:
        """Take note of a change at this key that was seen otherwise."""
        self._look()

    def changed(self) -> bool:
        """Whether anything was written or taken out since the last look."""
        try:
            items = self._items()
        except NotThere:
            return True
        return len(items) != len(self._known) or not all(map(is_, items, self._known))

    def knows(self, key: Hashable, value: Any) -> bool:
        """Whether this value stood at the key at the last look."""
        return any(key == other and value is known for other, known in self._entries)

    def changes(self) -> Changes:
        """What has changed since the last look, which this one becomes."""
        before = self._entries
        self._look()
        if not self._registry.appending:
            return _compared(dict(before), dict(self._entries))
        return Changes(
            [(key, value, MISSING) for key, value in _more(self._entries, before)], _more(before, self._entries)
        )

    def is_replaced(self) -> bool:
        """Whether it is another container than at the last look."""
        return self._registry.table is not self._live

    def _look(self) -> None:
        self._live, self._entries, self._known = self._registry.table, list(self._registry.entries()), self._items()

    def _items(self) -> list[Any]:
        table = self._registry.table
        return [*table, *table.values()] if isinstance(table, dict) else [*table]


def _compared(before: dict[Hashable, Any], now: dict[Hashable, Any]) -> Changes:
    return Changes(
        [(key, value, before.get(key, MISSING)) for key, value in now.items() if before.get(key, MISSING) is not value],
        [(key, value) for key, value in before.items() if key not in now],
    )


def _more(some: list[tuple[Hashable, Any]], others: list[tuple[Hashable, Any]]) -> list[tuple[Hashable, Any]]:
    """Those of some entries that the others have not, or not as often."""
    left = Counter(id(value) for _, value in others)
    found = []
    for key, value in some:
        left[id(value)] -= 1
        if left[id(value)] < 0:
            found.append((key, value))
    return found
