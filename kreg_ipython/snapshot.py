"""What a dict that users write to themselves held when we last looked: the cheapest comparison that misses nothing."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from kreg_ipython.registry import MISSING


class Snapshot:
    """The last known content of one live dict.

    Comparing two dicts costs a hash look-up an entry; comparing the lists of their values only an identity check, half
    of it. Any change shows there or in the last key: a dict keeps its order, so a key that was replaced by another
    one with the same value has moved to the end.
    """

    def __init__(self, live: dict[Hashable, Any]) -> None:
        self._live = live
        self._look()

    def note(self, key: Hashable) -> None:
        """Take note of a change at this key that was seen otherwise."""
        value = self._live.get(key, MISSING)
        if value is MISSING:
            self._known.pop(key, None)
        else:
            self._known[key] = value
        self._dirty = True

    def changed(self) -> bool:
        """Whether anything was written or taken out since the last look. Asked at the end of every cell."""
        if self._dirty:
            self._values, self._last, self._dirty = [*self._known.values()], _last(self._known), False
        if not self._live:
            return bool(self._values)
        try:
            return [*self._live.values()] != self._values or _last(self._live) is not self._last
        except Exception:  # an __eq__ of the user's, asked only about an object that stands where another one stood
            return True

    def resized(self) -> bool:
        """Whether there is more or less than at the last look: what can be asked for nothing."""
        return len(self._live) != len(self._known)

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
        self._known = self._live.copy()
        self._values, self._last, self._dirty = [*self._known.values()], _last(self._known), False


def _last(table: dict[Hashable, Any]) -> Hashable:
    last: Hashable = next(reversed(table), MISSING)
    return last
