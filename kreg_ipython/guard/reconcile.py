"""Make each registry show, for each key, the top of its stack: the one place that moves an entry.

The ledger and the containers go together; with an act on entries go the log and the look-ups, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Any

from kreg_ipython.guard.context import Shared
from kreg_ipython.guard.guarded import GuardedRegistry
from kreg_ipython.guard.journal import Act
from kreg_ipython.guard.ledger import Entry, Order, Run, Spot, order_of
from kreg_ipython.guard.lookups import Lookups
from kreg_ipython.lib.naming import same_definition
from kreg_ipython.registries.registry import MISSING, identity, same_value


class Reconciler:
    """Changes the ledger, and makes the frameworks' containers follow.

    The invariant: each registry shows, for each key, the top of its stack; one that allows duplicates holds each entry.

    Args:
        shared: what the parts of the guard share.
        lookups: handle what is looked up and is gone.
    """

    def __init__(self, shared: Shared, lookups: Lookups) -> None:
        self._ledger, self._registries = shared.ledger, shared.registries
        self._notices, self._lookups = shared.notices, lookups

    def take_out(self, entries: list[Entry], act: Act, reason: str, run: Run | None = None) -> None:
        """Take entries out; what they shadowed comes back."""
        for entry in entries:
            self._notices.log(act, entry, reason, run)
        for entry in self.change(remove=entries):
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
        self.change(insert=in_order)

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

    def change(self, remove: Iterable[Entry] = (), insert: Iterable[Entry] = ()) -> list[Entry]:
        """Take entries out of the ledger and put others in, then reconcile the registries.

        Returns:
            The entries that came back from under a removed one.
        """
        removed, inserted = list(remove), list(insert)
        if not removed and not inserted:
            return []
        shown: dict[Spot, Entry | None] = {}
        for entry in (*removed, *inserted):
            shown.setdefault(entry.spot, self._ledger.top(entry.spot))
        for entry in removed:
            self._ledger.remove(entry)
        for entry in inserted:
            self._insert(entry)
        back = self._follow(removed, inserted, shown)
        self._rename([*removed, *inserted, *back])
        return back

    def show(self, spot: Spot, former: Entry | None = None) -> bool:
        """Make a registry show the top of one stack.

        A value that is neither the top nor the ``former`` one is the user's, or the framework's own. It stays if the
        stack is empty.

        Returns:
            Whether the top was put there.
        """
        registry, key = self._registries[spot[0]], spot[1]
        top, there = self._ledger.top(spot), registry.current(key)
        moved = False
        if top is None:
            if former is not None and there is not MISSING and same_value(there, former.value):
                registry.remove(key, there)
        elif there is MISSING or not same_value(there, top.value):
            if there is not MISSING:
                registry.remove(key, there)
            top.value = registry.insert(key, top.value)
            moved = True
        self._ledger.forget_unowned(spot)
        return moved

    def put_in_place(self, entry: Entry) -> None:
        """Let an entry stand at its place: it has made way for a call that failed, or it replays."""
        registry = self._registries[entry.registry]
        if registry.allows_duplicates:
            self._insert_missing(registry, [entry])
        else:
            self.show(entry.spot)
        self._keep_order(registry, entry.order)

    def know_unowned(self, key: Hashable, value: Any, over: Entry) -> None:
        """Write down what nobody owns and stands at a key, under the entry that is put over it."""
        registry = self._registries[over.registry]
        subject = registry.subject(value)
        if (subject is over.subject and registry.is_own(subject)) or not same_definition(subject, over.subject):
            self._ledger.insert(Entry(registry.name, key, value, subject, None, order=(over.order[0], -1)))

    def differences(self) -> list[str]:
        """Return where a registry does not show the top of a stack: the invariant, for tests."""
        return [
            f"{registry.name}: {key!r} shows {there!r}, not {entry.value!r}"
            for registry in self._registries.values()
            if registry.attached and registry.is_there()
            for entry in self._ledger.of_registry(registry.name)
            if not self._ledger.is_shadowed(entry)
            for key, there in [(entry.key, registry.current(entry.key))]
            if registry.holds(key, entry.value) is False
        ]

    def _insert(self, entry: Entry) -> None:
        """Put an entry into the ledger, over what nobody owns and stands at its key."""
        registry = self._registries[entry.registry]
        if not registry.allows_duplicates and self._ledger.top(entry.spot) is None:
            there = registry.current(entry.key)
            if there is not MISSING and not same_value(there, entry.value):
                self.know_unowned(entry.key, there, entry)
        self._ledger.insert(entry)

    def _follow(self, removed: list[Entry], inserted: list[Entry], shown: dict[Spot, Entry | None]) -> list[Entry]:
        """Make the containers follow the ledger; return what came back from under a removed entry."""
        back: list[Entry] = []
        first: dict[str, Order] = {}
        missing: dict[str, list[Entry]] = {}
        for entry in removed:
            registry = self._registries[entry.registry]
            if registry.allows_duplicates and entry not in self._ledger:
                registry.remove(entry.key, entry.value)
        for entry in inserted:
            if self._registries[entry.registry].allows_duplicates:
                missing.setdefault(entry.registry, []).append(entry)
        for spot, former in shown.items():
            if self._registries[spot[0]].allows_duplicates:
                continue
            top = self._ledger.top(spot)
            if top is former:
                continue  # what users wrote over it is their word
            if self.show(spot, former) and top is not None:
                first[spot[0]] = min(first.get(spot[0], top.order), top.order)
                if top.owner is not None and top not in inserted:
                    back.append(top)
        for name, entries in missing.items():
            self._insert_missing(self._registries[name], entries)
            first[name] = min(map(order_of, entries))
        for name, order in first.items():
            self._keep_order(self._registries[name], order)
        return back

    def _insert_missing(self, registry: GuardedRegistry, entries: list[Entry]) -> None:
        """Put in what stands side by side less often than the ledger knows it."""
        there = registry.count()
        known = Counter(identity(entry.value) for entry in self._ledger.of_registry(registry.name))
        for entry in entries:
            which = identity(entry.value)
            if there[which] < known[which]:
                there[which] += 1
                registry.insert(entry.key, entry.value)

    def _keep_order(self, registry: GuardedRegistry, order: Order) -> None:
        """Let what is newer than this stand after it again, where the order of entries means something."""
        if registry.ordered:
            entries = self._ledger.of_registry(registry.name)
            newer = [entry for entry in entries if entry.order > order and not self._ledger.is_shadowed(entry)]
            for entry in newer:
                registry.remove(entry.key, entry.value)
            for entry in newer:
                entry.value = registry.insert(entry.key, entry.value)

    def _rename(self, entries: list[Entry]) -> None:
        """Let an object that has several keys be known by the newest one that it was registered under.

        Writing to the container names nothing.
        """
        for entry in {(entry.registry, id(entry.subject)): entry for entry in entries}.values():
            same = [each for each in self._ledger.same_subject(entry) if not self._ledger.is_shadowed(each)]
            if any(each.key != entry.key for each in same):
                known = next((each for each in reversed(same) if not each.written), same[0])
                self._registries[entry.registry].rename(known.value, known.key)
