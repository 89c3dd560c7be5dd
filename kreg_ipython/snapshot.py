"""What a dict that users write to themselves held when we last looked: the cheapest comparison that misses nothing."""

from __future__ import annotations

import sys
from collections.abc import Hashable
from types import SimpleNamespace
from typing import Any

from kreg_ipython.registry import MISSING


def _references_to_an_unshared_dict() -> int:
    """What `sys.getrefcount` says of a dict that only a module and a snapshot hold; interpreters differ."""
    snapshot = SimpleNamespace(live={})
    module = {"table": snapshot.live}
    return sys.getrefcount(snapshot.live) if module else 0


_UNSHARED = _references_to_an_unshared_dict()


class Snapshot:
    """The last known content of one live dict: ``size`` entries of it.

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

    def changes(self) -> tuple[dict[Hashable, tuple[Any, Any]], list[Hashable]]:
        """What was written, as ``{key: (value, former value)}``, and which keys were taken out since the last look,
        which this one becomes."""
        known = self._known
        self._look()
        written = {k: (v, known.get(k, MISSING)) for k, v in self._known.items() if known.get(k, MISSING) is not v}
        return written, [key for key in known if key not in self._known]

    def _look(self) -> None:
        self._known = self.live.copy()
        self.size, self._values = len(self._known), None


def _last(table: dict[Hashable, Any]) -> Hashable:
    last: Hashable = next(reversed(table), MISSING)
    return last
