"""Hold what was swept with its statement until the statement comes back, here or in another cell.

A guard or a memo may skip the statement then: what it registered once has to be there all the same.
"""

from __future__ import annotations

from kreg_ipython.guard import ways
from kreg_ipython.guard.judge import Judge
from kreg_ipython.guard.ledger import Entry, Held, Ledger, Run
from kreg_ipython.guard.verdicts import comes_back, words
from kreg_ipython.lib.source import read

_MOST = 100
"""The most entries that are held."""


class Withheld:
    """The entries that wait for their statement.

    Args:
        judge: finds the way to an entry.
        ledger: has them.
    """

    def __init__(self, judge: Judge, ledger: Ledger) -> None:
        self._judge, self._held = judge, ledger.withheld

    def hold(self, swept: list[Entry]) -> None:
        """Hold those of the swept entries that their statement may skip."""
        for way, some in self._judge.by_way(swept):
            before = ways.source_of(some[0])
            if before is not None and comes_back(way, before, before):
                for entry in some:
                    self._held.pop(entry.spot, None)
                    self._held[entry.spot] = Held(entry, way, words(way, before))
        while len(self._held) > _MOST:
            del self._held[next(iter(self._held))]

    def coming_back(self, run: Run) -> list[Entry]:
        """Return the entries whose statement is in the source of a run, and may be skipped there."""
        if not self._held or run.source is None:
            return []
        return [each.entry for each in self._held.values() if self._is_back(each, run, run.source)]

    def release(self, entries: list[Entry]) -> list[Entry]:
        """Hold entries no longer; return those that no class has taken the place of since."""
        for entry in entries:
            del self._held[entry.spot]
        return [entry for entry in entries if not ways.is_of_a_former_self(entry)]

    def forget(self, registry: str | None = None) -> None:
        """Hold nothing of a registry any more, or nothing at all."""
        for spot in [spot for spot in self._held if registry in (None, spot[0])]:
            del self._held[spot]

    def __bool__(self) -> bool:
        """Return whether anything is held."""
        return bool(self._held)

    @staticmethod
    def _is_back(held: Held, run: Run, text: str) -> bool:
        owner = held.entry.owner
        can_be = owner is run.owner or (owner is not None and owner.kind == run.owner.kind == "cell")
        if not can_be or not all(word in text for word in held.words):
            return False
        before = ways.source_of(held.entry)
        return before is not None and comes_back(held.way, before, read(text))
