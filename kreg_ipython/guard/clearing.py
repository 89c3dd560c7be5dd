"""Follow what users want gone or back: clearing, undoing, an emptied cell, the frameworks' own unregistering."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from kreg_ipython.guard import messages
from kreg_ipython.guard.direct_writes import DirectWrites
from kreg_ipython.guard.guarded import GuardedRegistry
from kreg_ipython.guard.journal import Act
from kreg_ipython.guard.ledger import Entry, Owner, Run
from kreg_ipython.guard.reconcile import Moves
from kreg_ipython.guard.shared import Shared
from kreg_ipython.guard.withheld import Withheld
from kreg_ipython.lib.importlib_bootstrap import pass_over
from kreg_ipython.lib.interrupts import defer_interrupts
from kreg_ipython.registries.registry import MISSING


class Undoable(NamedTuple):
    """The entries that a sweep, or a clearing, took, and that `%kreg undo` brings back."""

    act: Literal["swept", "cleared"] = "swept"
    entries: tuple[Entry, ...] = ()


class Clearing:
    """The acts that remove entries for good outside of runs, and the one that takes the last sweep back.

    Args:
        shared: what the parts of the guard share.
        moves: take entries out and put them back.
        writes: follow what users write themselves.
        withheld: holds what was swept with its statement.
    """

    def __init__(self, shared: Shared, moves: Moves, writes: DirectWrites, withheld: Withheld) -> None:
        self._moves, self._writes, self._withheld = moves, writes, withheld
        self._ledger, self._registries, self._active = shared.ledger, shared.registries, shared.active
        self._pinned, self._context = shared.memory.pinned, shared.context
        self._notices, self._lock = shared.notices, shared.lock
        self.undoable = Undoable()

    def forget(self, registry: str) -> None:
        """Have nothing of a registry to undo any more."""
        act, entries = self.undoable
        self.undoable = Undoable(act, tuple(entry for entry in entries if entry.registry != registry))

    def clear(self, entries: Iterable[Entry]) -> list[Entry]:
        """Remove entries for good, also those that are removed at the moment.

        What they shadowed is restored, and a pin goes.

        Returns:
            The entries that were there. `undo` brings them back.
        """
        with self._lock, defer_interrupts():
            self._writes.between(self._context.running())
            chosen = list(entries)
            self._pinned -= {entry.name for entry in chosen}
            cleared = self._remove_for_good(chosen, "cleared", "%kreg clear")
            if cleared:
                self.undoable = Undoable("cleared", tuple(cleared))
            return cleared

    def empty(self, owner: Owner, until: str = "it was emptied") -> None:
        """Sweep what an owner registered that has no code left, as a run of it would."""
        self.sweep(self._ledger.entries(owner), f"registered by {owner.label} until {until}")

    def sweep(self, entries: list[Entry], reason: str) -> None:
        """Sweep entries, but for those that the user wants kept; `undo` brings them back."""
        with self._lock, defer_interrupts():
            mine = [entry for entry in entries if entry.name not in self._pinned]
            swept = self._remove_for_good(mine, "swept", reason)
            if swept:
                self.undoable = Undoable("swept", tuple(swept))
                self._withheld.hold(swept)

    def undo(self) -> list[Entry]:
        """Take back the last sweep, or clearing. What its owner has registered anew meanwhile stays as it is.

        Returns:
            What is registered again, or shadowed.
        """
        with self._lock, defer_interrupts():
            self._writes.between(self._context.running())
            act, taken = self.undoable
            self.undoable = Undoable()
            entries = [entry for entry in taken if not self._is_registered_anew(entry)]
            for entry in entries if act == "swept" else ():
                entry.kept = messages.BROUGHT_BACK
            self._moves.restore(entries, "%kreg undo")
            return entries

    def _is_registered_anew(self, entry: Entry) -> bool:
        if entry.owner is None or self._registries[entry.registry].allows_duplicates:
            return False
        return any(each.owner is entry.owner for each in self._ledger.stack(entry.spot))

    def _remove_for_good(self, entries: list[Entry], act: Act, reason: str) -> list[Entry]:
        gone: list[Entry] = []
        for run in self._active:
            for entry in [entry for entry in entries if entry in run.removed]:
                del run.removed[entry]
                gone.append(entry)
                self._notices.log(act, entry, reason)
        standing = [entry for entry in entries if entry in self._ledger]
        running = self._context.running()
        there = self._moves.without_lost(standing, running) if running is not None else standing
        self._moves.take_out(there, act, reason)
        gone += there
        self._ledger.retire(gone)
        return gone

    def unregistering(self, registry: GuardedRegistry, announced: Any, original: Any, args: Any, kwargs: Any) -> Any:
        """Let users unregister.

        If only their former object can be meant, which is removed at the moment, it stays gone.
        """
        __tracebackhide__ = True
        key, subject = announced

        def is_meant(entry: Entry) -> bool:
            return entry.subject is subject or (entry.registry == registry.name and entry.key == key)

        running = self._context.running()
        with self._lock:
            gone = [(run, entry) for run in self._active for entry in run.removed if is_meant(entry)]
            for run, entry in gone:
                del run.removed[entry]
                self._ledger.retire([entry])
            standing = [entry for entry in self._ledger if is_meant(entry) and not self._ledger.is_shadowed(entry)]
            if running is not None:
                running.unregistered += standing
        nobodys = key is not None and registry.current(key) is not MISSING
        if gone and not standing and not nobodys:
            return None
        return original(*args, **kwargs)

    def follow_unregistered(self, run: Run) -> None:
        """Forget what the run unregistered, unless it has registered something else over it: then that one hides it."""
        for entry in run.unregistered:
            registry = self._registries[entry.registry]
            shown = entry in self._ledger and not self._ledger.is_shadowed(entry)
            if shown and registry.holds(entry.key, entry.value) is False:
                stack = [entry] if registry.allows_duplicates else self._ledger.stack(entry.spot)
                self._moves.forget(stack, run)
        run.unregistered = []


pass_over(Clearing.unregistering)
