"""What is looked up and not there any more: said where it has gone, or served to a live graph that still names it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any

from kreg_ipython.guard import messages
from kreg_ipython.guard.context import Surroundings
from kreg_ipython.guard.faults import Faults
from kreg_ipython.guard.gates import Gates
from kreg_ipython.guard.journal import GONE, Journal
from kreg_ipython.guard.ledger import Entry, Ledger
from kreg_ipython.guard.notices import Notices
from kreg_ipython.lib.naming import key_text
from kreg_ipython.registries.shapes import Gate, NotThere, Registry

_LATE = 100
"""How many swept entries are still served to graphs that name them: names made with counters never end."""


class Lookups:
    """The functions of the frameworks' that look a key up and raise if it is not there.

    Args:
        ledger: has what was swept last.
        gates: divert the functions.
        surroundings: who looks up.
        faults: asks the adapters.
        notices: what the user is told.
        journal: what became of a key.
        withdrawn: what is withdrawn at the moment.
    """

    def __init__(
        self,
        ledger: Ledger,
        gates: Gates,
        surroundings: Surroundings,
        faults: Faults,
        notices: Notices,
        journal: Journal,
        withdrawn: Callable[[], list[Entry]],
    ) -> None:
        self._ledger, self._gates, self._surroundings = ledger, gates, surroundings
        self._faults, self._notices, self._journal, self._withdrawn = faults, notices, journal, withdrawn
        self._guarded: set[str] = set()

    def goes(self, registry: Registry, entry: Entry) -> None:
        """Take note that an entry does not stand in its registry from now on."""
        if registry.late:
            self._ledger.swept[entry.place] = entry
            while len(self._ledger.swept) > _LATE:
                del self._ledger.swept[next(iter(self._ledger.swept))]
        self.guard(registry)

    def guard(self, registry: Registry) -> None:
        """From the first entry on that is missing: before, nobody needs to be told."""
        if registry.lookups and registry.name not in self._guarded:
            self._guarded.add(registry.name)
            for gate in registry.lookups:
                self._faults.attempt(registry, self._divert, registry, gate)

    def let_go(self, registry: str) -> None:
        """The registry is not guarded any more, or another one takes its place."""
        self._guarded.discard(registry)

    def _divert(self, registry: Registry, gate: Gate) -> None:
        with suppress(NotThere):  # a version that has no such function
            self._gates.add(registry, gate, self._looking_up)

    def _looking_up(self, registry: Registry, announced: Any, original: Any, args: Any, kwargs: Any) -> Any:
        """Say where a key has gone that somebody looks up, or serve a framework what a live graph still names."""
        __tracebackhide__ = True
        key, _ = announced
        try:
            return original(*args, **kwargs)
        except Exception as error:
            entry = self._ledger.swept.get((registry.name, key)) if isinstance(error, LookupError) else None
            if entry is None or self._faults.attempt(
                registry, self._surroundings.locate_caller, sys._getframe(1), registry.plumbing
            ):
                self._faults.attempt(registry, self._explain_absence, registry, key, error)
                raise
            if entry not in self._withdrawn():
                self._notices.tell(
                    f"{key_text(key)!r} ({registry.name}) is no longer registered, but a graph still names it: served"
                    " here, missing in a fresh kernel. Run the cell that registers it, or trace the graph again."
                )
            return entry.subject

    def _explain_absence(self, registry: Registry, key: Hashable, error: BaseException) -> None:
        """Tell in a note when, and by what, the key was registered that is not there any more; also on an error of what
        the missing one is a part of, which is the last that people read."""
        event = self._journal.last(registry.name, key)
        if event is not None and event.act in GONE:
            self._notices.annotate(error, messages.gone(event))
        else:
            self._notices.repeat(error)
