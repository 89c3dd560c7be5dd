"""Handle look-ups of keys that are gone.

What a guard skipped is put back. For other keys the user is told where they went, or they are served to a graph that
was traced earlier.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import partial
from typing import Any

from kreg_ipython.guard import messages
from kreg_ipython.guard.context import Shared
from kreg_ipython.guard.guarded import GuardedRegistry
from kreg_ipython.guard.journal import GONE
from kreg_ipython.guard.ledger import Entry, Owner, Spot
from kreg_ipython.lib.importlib_bootstrap import pass_over
from kreg_ipython.lib.naming import key_text
from kreg_ipython.registries.registry import Absence, Gate, NotThere

_SERVED = 100
"""The most swept entries that are still served to graphs that name them: names made with counters never end."""


class Lookups:
    """The functions of the frameworks' that look a key up and raise if it is not there.

    Args:
        shared: what the parts of the guard share.
        put_back: puts back what was removed from a spot only to let an edit through; returns whether it did.
    """

    def __init__(self, shared: Shared, put_back: Callable[[Spot], bool]) -> None:
        self._ledger, self._registries, self._gates = shared.ledger, shared.registries, shared.gates
        self._context, self._notices, self._journal = shared.context, shared.notices, shared.memory.journal
        self._pending, self._put_back = shared.pending, put_back

    def miss(self, registry: GuardedRegistry, entry: Entry) -> None:
        """Take note that an entry does not stand in its registry from now on."""
        if registry.adapter.resolved_by_live_graphs:
            self._ledger.swept[entry.spot] = entry
            while len(self._ledger.swept) > _SERVED:
                del self._ledger.swept[next(iter(self._ledger.swept))]
        self.divert(registry)

    def divert(self, registry: GuardedRegistry) -> None:
        """Divert a registry's look-ups, from the first entry on that is missing: before, nobody needs to be told."""
        if not registry.diverts_lookups:
            registry.diverts_lookups = True
            for gate in registry.gates("look up"):
                registry.attempt(self._divert, registry, gate)

    def _divert(self, registry: GuardedRegistry, gate: Gate) -> None:
        with suppress(NotThere):  # a version that has no such function
            self._gates.add(registry.name, gate, partial(self._looking_up, registry), registry.fail)

    @pass_over
    def _looking_up(self, registry: GuardedRegistry, announced: Any, original: Any, args: Any, kwargs: Any) -> Any:
        """Look a key up; put back, serve or explain one that is not there."""
        __tracebackhide__ = True
        key, _ = announced
        try:
            return original(*args, **kwargs)
        except Exception as error:
            if self._put_back((registry.name, key)):
                return original(*args, **kwargs)
            entry = self._ledger.swept.get((registry.name, key)) if isinstance(error, LookupError) else None
            passthrough = registry.adapter.passthrough_modules
            if entry is None or registry.attempt(self._context.locate_caller, sys._getframe(1), passthrough):
                registry.attempt(self._explain_absence, registry, key, error)
                raise
            if entry not in self._pending():
                self._notices.tell(messages.served(key_text(key), registry.name))
            return entry.subject

    def _explain_absence(self, registry: GuardedRegistry, key: Hashable, error: BaseException) -> None:
        """Tell in a note when, and by what, a key was registered that is missing now.

        The note is also put on the error of an object that the missing one is a part of: people read that error last.
        """
        event = self._journal.last(registry.name, key)
        text = key_text(key)
        lacking = (gate for gate in registry.gates("look up") if gate.lacks and gate.lacks(error, text))
        if event is not None and event.act in GONE:
            self._notices.annotate(error, messages.gone(event))
        elif (gate := next(lacking, None)) is not None:
            absence = self._absence(registry, gate, text)
            self._notices.annotate(error, (gate.explain or messages.never_registered)(absence))
        else:
            self._notices.repeat(error)

    def _absence(self, registry: GuardedRegistry, gate: Gate, key: str) -> Absence:
        """Return what is known of a key that was not registered in this process."""
        elsewhere = (
            other.name
            for other in self._registries.values()
            if other is not registry and other.attached and any(key_text(each) == key for each, _ in other.entries())
            if gate.explain is not None and any(each.explain is gate.explain for each in other.gates("look up"))
        )
        defined = self._context.defined(key.rpartition(">")[2])
        return Absence(
            key,
            registry.name,
            [key_text(each) for each, _ in registry.entries()],
            next(elsewhere, None),
            defined.label if isinstance(defined, Owner) else None,
            None if isinstance(defined, Owner) else defined,
        )
