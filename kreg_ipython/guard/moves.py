"""Take entries out and put them back: the ledger, the containers, the log and the look-ups go together."""

from __future__ import annotations

from kreg_ipython.guard.journal import Act
from kreg_ipython.guard.ledger import Entry, Run, order_of
from kreg_ipython.guard.lookups import Lookups
from kreg_ipython.guard.reconcile import Reconciler
from kreg_ipython.guard.shared import Shared


class Moves:
    """The acts by which an entry goes and comes.

    Args:
        shared: what the parts of the guard share.
        reconciler: moves entries.
        lookups: handle what is looked up and is gone.
    """

    def __init__(self, shared: Shared, reconciler: Reconciler, lookups: Lookups) -> None:
        self._ledger, self._registries, self._notices = shared.ledger, shared.registries, shared.notices
        self._reconciler, self._lookups = reconciler, lookups

    def take_out(self, entries: list[Entry], act: Act, reason: str, run: Run | None = None) -> None:
        """Take entries out; what they shadowed comes back."""
        for entry in entries:
            self._notices.log(act, entry, reason, run)
        for entry in self._reconciler.change(remove=entries):
            self._notices.log("restored", entry, "what shadowed it went", run)
        for entry in entries:
            self._lookups.miss(self._registries[entry.registry], entry)

    def restore(self, entries: list[Entry], reason: str, run: Run | None = None, act: Act = "restored") -> None:
        """Put entries back, each at its place in the order."""
        in_order = sorted(entries, key=order_of)
        for entry in in_order:
            self._notices.log(act, entry, entry.kept if act == "kept" else reason, run)
            self._ledger.swept.pop(entry.spot, None)
            if run is not None:
                run.removed.pop(entry, None)
        self._reconciler.change(insert=in_order)

    def forget(self, entries: list[Entry], run: Run | None) -> None:
        """Forget what the user took out, or wrote over: that is their word."""
        for entry in entries:
            self._notices.log("forgot", entry, "it was taken out or overwritten by hand", run)
            self._ledger.remove(entry)
        self._ledger.retire(entries)

    def without_lost(self, entries: list[Entry], run: Run) -> list[Entry]:
        """Forget the entries that the user took out, or wrote something else over; return the others."""
        shown: dict[str, list[Entry]] = {}
        for entry in entries:
            if not self._ledger.is_shadowed(entry):
                shown.setdefault(entry.registry, []).append(entry)
        lost: set[Entry] = set()
        for name, some in shown.items():
            missing = self._registries[name].missing([(entry.key, entry.value) for entry in some])
            lost.update(entry for entry, is_missing in zip(some, missing) if is_missing)
        if not lost:
            return entries
        self.forget([entry for entry in entries if entry in lost], run)
        return [entry for entry in entries if entry not in lost]
