"""What stands in the registries: entries are put in and taken out so that each key shows the top of its stack."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from kreg_ipython.guard.faults import Faults
from kreg_ipython.guard.gates import Gates
from kreg_ipython.guard.journal import Act
from kreg_ipython.guard.ledger import Entry, Ledger, Run, order_of
from kreg_ipython.guard.lookups import Lookups
from kreg_ipython.guard.notices import Notices
from kreg_ipython.guard.snapshot import Contents, Snapshot
from kreg_ipython.lib.naming import module_of, same_definition
from kreg_ipython.registries.shapes import MISSING, Registry, same_value


class Standing:
    """Keeps the frameworks' containers and the ledger's stacks equal, one act at a time, and writes each act down.

    Args:
        ledger: what should stand where.
        registries: the adapters, by name.
        gates: stand open while we register or unregister ourselves.
        lookups: is told which registry lacks something from now on.
        faults: asks the adapters.
        notices: where each act is written down.
    """

    def __init__(
        self,
        ledger: Ledger,
        registries: Mapping[str, Registry],
        gates: Gates,
        lookups: Lookups,
        faults: Faults,
        notices: Notices,
    ) -> None:
        self._ledger, self._registries, self._gates = ledger, registries, gates
        self._lookups, self._faults, self._notices = lookups, faults, notices
        self.snapshots: dict[str, Snapshot | Contents] = {}
        """What is known of the containers that users may write to themselves."""

    def withdraw(self, entries: list[Entry], run: Run, act: Act, reason: str) -> None:
        """Take entries out of their registries and the ledger, for a run; what they shadowed comes back. One that the
        user took out, or wrote something else over, is forgotten."""
        for entry in entries:
            self._withdraw(entry, run, act, reason)
        self._name_again(entries)

    def _withdraw(self, entry: Entry, run: Run, act: Act, reason: str) -> None:
        registry = self._registries[entry.registry]
        shadowed = self._ledger.shadowed(entry) and not registry.appending
        below = None if shadowed or registry.appending else self._ledger.under(entry)
        if not shadowed and self._faults.attempt(registry, registry.holds, entry.key, entry.value) is False:
            self._notices.log("forgot", entry, "it was taken out or overwritten by hand", run)
            self.retire(entry)  # their word
            return
        self._notices.log(act, entry, reason, run)
        run.withdrawn.append(entry)
        self._ledger.remove(entry)
        self._lookups.goes(registry, entry)
        if not shadowed:
            self.take(registry, entry)
            if below is not None:
                self.put(registry, below)
                self.put_newer(registry, below)
                self._notices.log("restored", below, "what shadowed it went", run)

    def restore(self, entries: list[Entry], reason: str, run: Run | None = None) -> None:
        """Put entries back, into the ledger and into their registries, each at its place in the order."""
        for entry in entries:
            registry = self._registries[entry.registry]
            act: Act = "kept" if reason == "kept" else "restored"
            self._notices.log(act, entry, entry.kept if act == "kept" else reason, run)
            if not registry.appending and self._ledger.top(entry.place) is None:
                now = self._faults.attempt(registry, registry.current, entry.key, otherwise=MISSING)
                if now is not MISSING and not same_value(now, entry.value):  # nobody's: the framework's own
                    self.know_nobodys(registry, entry.key, now, entry)
            self._ledger.insert(entry)
            self._ledger.swept.pop(entry.place, None)
            if registry.appending or not self._ledger.shadowed(entry):
                self.put(registry, entry)
        self._name_again(entries)
        for name in {entry.registry for entry in entries if self._registries[entry.registry].ordered}:
            first = min((entry for entry in entries if entry.registry == name), key=order_of)
            self.put_newer(self._registries[name], first)

    def retire(self, entry: Entry) -> None:
        """Forget an entry for good; its object is remembered for as long as it lives."""
        self._ledger.remove(entry)
        self._ledger.retire(entry)

    def forget(self, entries: Iterable[Entry], run: Run | None) -> None:
        """The user took these out: that is their word."""
        for entry in entries:
            self._notices.log("forgot", entry, "it was taken out by hand", run)
            self.retire(entry)

    def put_newer(self, registry: Registry, restored: Entry) -> None:
        """Put what is newer than this entry over it again: at its key, or in all of a registry that has an order."""
        newer = [self._ledger.top(restored.place)] if not registry.ordered else self._ledger.live(registry.name)
        for entry in newer:
            if entry is not None and entry.order > restored.order:
                self.take(registry, entry)
                self.put(registry, entry)

    def take(self, registry: Registry, entry: Entry) -> None:
        """Take an entry out of the registry's container, and of nothing else."""
        with self._gates.open():
            self._faults.attempt(registry, registry.take, entry.key, entry.value)
        self._note(registry, entry)

    def put(self, registry: Registry, entry: Entry) -> None:
        """Put an entry into the registry's container, which may wrap its value anew."""
        with self._gates.open():
            if not registry.appending:
                self._faults.attempt(registry, self._make_room, registry, entry.key)
            if not registry.appending or self._faults.attempt(registry, self._lacks, registry, entry):
                self._faults.attempt(registry, registry.put, entry.key, entry.value)
        stored = self._faults.attempt(registry, registry.current, entry.key, otherwise=MISSING)
        if stored is not MISSING and not registry.appending:
            entry.value = stored  # a registry may wrap what is put into it anew
        self._note(registry, entry)

    def know_nobodys(self, registry: Registry, key: Hashable, before: Any, over: Entry) -> None:
        """Write down what is nobody's and stands at the key now, under the entry that will be put over it."""
        former = registry.subject(before)
        frameworks = (module_of(former) or "").partition(".")[0] == registry.module.partition(".")[0]
        if (frameworks and former is over.subject) or not same_definition(former, over.subject):
            self._ledger.insert(Entry(registry.name, key, before, former, None, order=over.order))

    def _name_again(self, entries: list[Entry]) -> None:
        """What has other keys, too, is known by the newest of them again that it was registered under. Writing to the
        dict names nothing; if nobody saw an object being registered, it was before all that we saw."""
        for entry in {(entry.registry, id(entry.subject)): entry for entry in entries}.values():
            same = [each for each in self._ledger.same_subject(entry) if not self._ledger.shadowed(each)]
            if any(each.key != entry.key for each in same):
                known = next((each for each in reversed(same) if each.site is not None), same[0])
                registry = self._registries[entry.registry]
                self._faults.attempt(registry, registry.rename, known.value, known.key)

    def _note(self, registry: Registry, entry: Entry) -> None:
        snapshot = self.snapshots.get(registry.name)
        if snapshot is not None:
            self._faults.attempt(registry, snapshot.note, entry.key, entry.value)

    @staticmethod
    def _make_room(registry: Registry, key: Hashable) -> None:
        """Take out what stands at the key, whosoever it is."""
        there = registry.current(key)
        if there is not MISSING:
            registry.take(key, there)

    def _lacks(self, registry: Registry, entry: Entry) -> bool:
        """Whether an object stands side by side with itself less often than the ledger knows it."""
        known = [each for each in self._ledger.same_subject(entry) if each.owner is not None]
        return sum(same_value(value, entry.value) for _, value in registry.entries()) < len(known)
