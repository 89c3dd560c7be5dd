"""Follow what users want gone or back: clearing, undoing, an emptied cell, the frameworks' own unregistering."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from kreg_ipython.guard import messages
from kreg_ipython.guard.context import Shared
from kreg_ipython.guard.direct_writes import DirectWrites
from kreg_ipython.guard.guarded import GuardedRegistry
from kreg_ipython.guard.journal import Act
from kreg_ipython.guard.judge import Judge
from kreg_ipython.guard.ledger import Entry, Run
from kreg_ipython.guard.reconcile import Reconciler
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
        reconciler: takes entries out and puts them back.
        writes: follow what users write themselves.
        judge: withholds what was swept with its statement.
    """

    def __init__(self, shared: Shared, reconciler: Reconciler, writes: DirectWrites, judge: Judge) -> None:
        self._reconciler, self._writes, self._judge = reconciler, writes, judge
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

    def sweep(self, entries: list[Entry], reason: str) -> list[Entry]:
        """Sweep entries, but for those that the user wants kept; return what was swept."""
        with self._lock, defer_interrupts():
            mine = [entry for entry in entries if entry.name not in self._pinned]
            swept = self._remove_for_good(mine, "swept", reason)
            self._judge.withhold(swept)
            return swept

    def have_swept(self, swept: list[Entry]) -> None:
        """Let `undo` bring back all that one act has swept, but for what is there with a new class in the key."""
        if swept:
            self.undoable = Undoable("swept", tuple(entry for entry in swept if not self._has_new_self(entry)))

    def _has_new_self(self, entry: Entry) -> bool:
        return any(each.owner is entry.owner for each in self._ledger.equally_named(entry))

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
            self._reconciler.restore(entries, "%kreg undo")
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
        there = self._reconciler.without_lost(standing, running) if running is not None else standing
        self._reconciler.take_out(there, act, reason)
        gone += there
        self._ledger.retire(gone)
        return gone

    @pass_over
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
            if entry not in self._ledger or self._ledger.is_shadowed(entry):
                continue  # its registry may have gone in the run
            registry = self._registries[entry.registry]
            if registry.holds(entry.key, entry.value) is False:
                stack = [entry] if registry.allows_duplicates else self._ledger.stack(entry.spot)
                self._reconciler.forget(stack, run)
        run.unregistered = []
