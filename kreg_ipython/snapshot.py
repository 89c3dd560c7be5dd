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
        self._look(live)

    def note(self, key: Hashable, value: Any) -> None:
        """Take note of a change that was seen otherwise; `MISSING` for a key that was taken out."""
        if value is MISSING:
            self._known.pop(key, None)
        else:
            self._known[key] = value
        self._last = None  # the next look compares key by key

    def changes(self, live: dict[Hashable, Any]) -> tuple[dict[Hashable, Any], list[Hashable]]:
        """What was written and which keys were taken out since the last look, which this one becomes."""
        if next(reversed(live), MISSING) is self._last and self._same_values(live):
            return {}, []
        now, known = dict(live), self._known
        written = {key: value for key, value in now.items() if known.get(key, MISSING) is not value}
        removed = [key for key in known if key not in now]
        self._look(now)
        return written, removed

    def _same_values(self, live: dict[Hashable, Any]) -> bool:
        try:
            return [*live.values()] == self._values
        except Exception:  # an __eq__ of the user's, asked only about an object that stands where another one stood
            return False

    def _look(self, live: dict[Hashable, Any]) -> None:
        self._known = dict(live)
        self._values = [*self._known.values()]
        self._last = next(reversed(self._known), MISSING)
