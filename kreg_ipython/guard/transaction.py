"""The transaction: withdraw what an owner registered, let it run, then sweep or restore.

The guard knows neither IPython nor a framework: what is executing comes from the tracker, what a registry is from the
adapters.
"""

from __future__ import annotations

import gc
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from typing import Any, Literal

from kreg_ipython.guard import messages
from kreg_ipython.guard import verdicts as keeping
from kreg_ipython.guard.conflicts import Conflicts
from kreg_ipython.guard.context import Surroundings
from kreg_ipython.guard.direct_writes import Writes
from kreg_ipython.guard.faults import Faults
from kreg_ipython.guard.gates import Gates
from kreg_ipython.guard.journal import Act, Journal
from kreg_ipython.guard.ledger import Entry, Ledger, Name, Owner, Place, Run, in_order, order_of, unnumbered
from kreg_ipython.guard.lookups import Lookups
from kreg_ipython.guard.notices import Notices
from kreg_ipython.guard.reconcile import Standing
from kreg_ipython.guard.registration import Registrations
from kreg_ipython.guard.settings import Settings
from kreg_ipython.lib.interrupts import held_back
from kreg_ipython.registries.shapes import MISSING, Registry, is_there, same_value

Outcome = Literal["success", "not compiled", "failed", "undone"]
"""How a run ended. One that failed has left its definitions behind; one that is undone has not, as after an import."""


class Guard:
    """All registries under one ledger.

    Args:
        registries: the adapters; they need not be present yet, see `attach`.
        surroundings: what is being executed.
        say: shows one line to the user.
        notes: whether the notes of an exception are shown with it.
        journal: where each act is written down.
        settings: what the user has set.
        pinned: what the user wants kept.
        former: what a former guard knew of entries that may still stand.
    """

    def __init__(
        self,
        registries: Iterable[Registry],
        surroundings: Surroundings,
        *,
        say: Callable[[str], None],
        notes: bool = True,
        journal: Journal | None = None,
        settings: Settings | None = None,
        pinned: set[Name] | None = None,
        former: Ledger | None = None,
    ) -> None:
        self.ledger = Ledger(former)
        self.journal, self.settings = journal or Journal(), settings or Settings()
        self.pinned: set[Name] = set() if pinned is None else pinned
        """What is never swept: the user said `%kreg keep`."""
        self.registries = {registry.name: registry for registry in registries}
        self.absent: list[str] = []
        """Registries that the imported version of their framework does not have."""
        self._surroundings = surroundings
        self._notices = Notices(say, notes, self.journal, self.settings, surroundings.number)
        self.tell = self._notices.tell
        self.faults = Faults(self._notices.fault)
        self.remembered: dict[Place, list[Entry]] = {}
        """What a former guard knew, until everything that stands has been adopted."""
        for entry in former.stacks() if former is not None else ():
            self.remembered.setdefault((entry.registry, unnumbered(entry.key)), []).append(entry)
        self._gates, self._lock = Gates(self.tell), threading.RLock()
        conflicts = Conflicts(self.ledger, surroundings, self.settings, self._notices)
        self._lookups = Lookups(
            self.ledger, self._gates, surroundings, self.faults, self._notices, self.journal, self.withdrawn
        )
        self._standing = Standing(self.ledger, self.registries, self._gates, self._lookups, self.faults, self._notices)
        self._registrations = Registrations(
            self.ledger, self._standing, conflicts, surroundings, self._gates, self.faults, self._notices, self._lock
        )
        record = self._registrations.record
        self._writes = Writes(self.ledger, self.registries, self._standing, surroundings, self.faults, record)
        self._attached: dict[str, None] = {}
        self._active: dict[Run, None] = {}
        self._undoable: list[Entry] = []
        """What the last sweep or clearing took, for `undo`."""

    # -- coming and going

    def attach(self, module: str) -> None:
        """Guard the registries that live in this module, which has been imported; adopt what users put there."""
        for registry in self.registries.values():
            if registry.module == module:
                with self._lock:
                    self.faults.attempt(registry, self._attach, registry)

    def add(self, registry: Registry, *, now: bool) -> None:
        """Guard one more registry, now or with the next `attach`. In the place of one of the same name it goes on with
        what is known of that one's entries."""
        with self._lock:
            former = self.registries.get(registry.name)
            if former is not None:
                self._gates.remove(former)
                self._let_go(registry.name)
            self.registries[registry.name] = registry
            if now:
                self.faults.attempt(registry, self._attach, registry)

    def remove(self, name: str) -> None:
        """Leave a registry alone: what is in it stays, and what runs have withdrawn from it comes back."""
        with self._lock, held_back():
            for run in self._active:
                mine = [entry for entry in run.withdrawn if entry.registry == name]
                run.withdrawn = [entry for entry in run.withdrawn if entry.registry != name]
                self._standing.restore(mine, f"{name} is not guarded any more")
            self._gates.remove(self.registries[name])
            for entry in [entry for entry in self.ledger if entry.registry == name]:
                self.ledger.drop(entry.place)
            self._undoable = [entry for entry in self._undoable if entry.registry != name]
            self._let_go(name)
            del self.registries[name]

    def _let_go(self, name: str) -> None:
        self._attached.pop(name, None)
        self._standing.snapshots.pop(name, None)
        self._lookups.let_go(name)
        self.faults.forget(name)

    def detach(self) -> None:
        """Give everything back: what runs have withdrawn, the functions where they are still ours, strong keys."""
        with self._lock:
            self.between(self._surroundings.running())
            for run in list(self._active):
                self.end(run, "failed")
            if self._undoable:
                self._undoable = []
                gc.collect()  # what only `undo` held must be gone before reverse maps hold it strongly again
            self._gates.close()
            for registry in self.present():
                self.faults.attempt(registry, registry.tighten)
            self._attached.clear()
            self._standing.snapshots.clear()

    def present(self) -> list[Registry]:
        """The registries that are guarded now."""
        return [self.registries[name] for name in list(self._attached)]

    def name_of(self, container: Any) -> str | None:
        """The name of the registry that this container is of, if it is guarded."""
        for registry in self.present():
            if self.faults.attempt(registry, getattr, registry, "table") is container:
                return registry.name
        return None

    def _attach(self, registry: Registry) -> None:
        if not is_there(registry):
            self.absent.append(registry.name)
            return
        for gate in registry.gates:
            self._gates.add(registry, gate, self._registrations.registering)
        if registry.removal is not None:
            self._gates.add(registry, registry.removal, self._unregistering)
        self._attached[registry.name] = None
        self._writes.watch(registry, self._gates)
        if any(name == registry.name for name, _ in self.ledger.swept):
            self._lookups.guard(registry)
        for entry in self.ledger.live(registry.name):
            if not registry.holds(entry.key, entry.value):  # its framework was purged: a new one starts empty
                self.ledger.drop(entry.place)
        registry.loosen_all()
        for key, value in registry.entries():
            self.faults.attempt(registry, self._adopt, registry, key, value)

    def _adopt(self, registry: Registry, key: Hashable, value: Any) -> None:
        place = registry.name, key
        known = self.ledger.beside(place) if registry.appending else filter(None, [self.ledger.top(place)])
        if any(same_value(entry.value, value) for entry in known):
            return  # the module was imported anew, and what it guards was not
        former = self.remembered.get(place, [])
        same = [entry for entry in former if same_value(entry.value, value)]
        if same and (registry.appending or same[-1] is former[-1]):
            for entry in same[:1] if registry.appending else list(former):
                former.remove(entry)
                self.ledger.insert(entry)
                registry.loosen(entry.value)
            return
        caller = self._surroundings.find_owner(registry.subject(value))
        if caller is not None:
            self._registrations.record(registry, key, value, MISSING, caller, "adopted")

    # -- the transaction

    def begin(self, run: Run) -> None:
        """Withdraw what the owner registered before."""
        with self._lock, held_back():
            self._active[run] = None
            newest_first = self.ledger.entries(run.owner)[::-1]
            self._standing.withdraw(newest_first, run, "withdrew", f"{run.owner.kind} runs again")

    def end(self, run: Run, outcome: Outcome) -> None:
        """Sweep what a successful run did not register again; restore it after any other one."""
        # Every cell comes by here: all that an empty one costs is this look at the dicts.
        changed = self._writes.changed(thoroughly=True)
        acted = changed or run.handed_out or run.unregistered or run.withdrawn or run in self._active
        if acted or outcome == "undone":
            with self._lock, held_back():
                self._writes.follow(changed, run)
                if outcome == "success":
                    self._writes.follow_equal(run)
                self._follow_unregistered(run)
                self._settle(run, outcome)
                self._active.pop(run, None)
                self._has_ended(run, outcome)
        else:
            self._has_ended(run, outcome)

    def _has_ended(self, run: Run, outcome: Outcome) -> None:
        if run.active:  # an interrupt may make it end twice
            run.active = False
            if outcome in ("success", "failed"):
                run.owner.partial = outcome == "failed"

    def recover(self) -> None:
        """A cell begins in this thread: whatever an interrupt may have left half-way is over."""
        self._gates.shut()

    def between(self, run: Run | None = None) -> None:
        """Before something else begins: what was written until now belongs to the run around it. Between two cells
        there is none (a thread wrote it, or a widget), and a look at the sizes is enough."""
        changed = self._writes.changed(thoroughly=run is not None)
        if changed:
            with self._lock, held_back():
                self._writes.follow(changed, run)

    def clear(self, entries: Iterable[Entry], *, for_undo: bool = True) -> list[Entry]:
        """The user wants these out, for good, also those that are withdrawn at the moment; what they shadowed comes
        back, and a pin goes. Returns those that were there, which `undo` brings back, or else nothing does."""
        with self._lock, held_back():
            self.between(self._surroundings.running())
            chosen = list(entries)
            self.pinned -= {entry.name for entry in chosen}
            if not for_undo:
                self._undoable = []
            return self._take_out(chosen, "cleared", "%kreg clear", for_undo)

    def empty(self, owner: Owner) -> None:
        """The owner has no code left: sweep what it registered, as a run of it would."""
        with self._lock, held_back():
            mine = [entry for entry in self.ledger.entries(owner) if entry.name not in self.pinned]
            for entry in self._take_out(mine, "swept", f"registered by {owner.label} until it was emptied"):
                entry.kept = _BROUGHT_BACK

    def _take_out(self, entries: list[Entry], act: Act, reason: str, for_undo: bool = True) -> list[Entry]:
        taken = Run(Owner("cell", None))
        for run in self._active:
            for entry in entries:
                if entry in run.withdrawn:
                    run.withdrawn.remove(entry)
                    taken.withdrawn.append(entry)
                    self._notices.log(act, entry, reason)
        self._standing.withdraw([e for e in entries if e not in taken.withdrawn], taken, act, reason)
        for entry in taken.withdrawn:
            self._standing.retire(entry)
        if for_undo and taken.withdrawn:
            self._undoable = taken.withdrawn
        return taken.withdrawn

    def undo(self) -> list[Entry]:
        """Take back the last sweep, or clearing; returns what is registered again, or shadowed. What its owner has
        registered anew meanwhile stays as it is."""
        with self._lock, held_back():
            self.between(self._surroundings.running())
            entries = [e for e in self._undoable if e.owner is None or self.ledger.entry(e.owner, e.place) is None]
            self._undoable = []
            self._standing.restore(sorted(entries, key=order_of), "%kreg undo")
        return entries

    def withdrawn(self) -> list[Entry]:
        """What is withdrawn at the moment for runs that have not ended."""
        return [entry for run in list(self._active) for entry in run.withdrawn]

    def _settle(self, run: Run, outcome: Outcome) -> None:
        if outcome == "undone":
            self._leave_nothing(run)
        withdrawn = in_order(run.withdrawn)
        gone: list[Entry] = []
        others: list[Entry] = []
        for entry in withdrawn:
            again = self.ledger.entry(run.owner, entry.place)
            if again is None:
                (gone if entry.owner is run.owner else others).append(entry)
            elif again.subject is not entry.subject:
                self.ledger.retire(entry)
        if others:
            gone = sorted(gone + self._not_replaced(others, run, outcome), key=order_of)
        reason = _WHY_RESTORED[outcome]
        if outcome == "success" and gone:
            try:
                self._keep(gone, run, withdrawn)
            except Exception as error:  # a text, or a helper of the user's, that nobody can read
                self._notices.tell(messages.undecided(error))
                for entry in gone:
                    entry.kept = messages.undecided(error)
            swept = [entry for entry in gone if not entry.kept]
            gone, reason = [entry for entry in gone if entry.kept], "kept"
            if swept:
                self._sweep(swept, run, withdrawn)
        if gone:
            for entry in gone:
                entry.restored |= outcome == "failed"
            self._standing.restore(gone, reason, run)
        run.withdrawn = []

    def _not_replaced(self, others: list[Entry], run: Run, outcome: Outcome) -> list[Entry]:
        """Those of other owners' entries that have given way to none of the run's under another number: one of the
        run's stands for all with that key if it succeeded, for one if not."""
        places = {entry.place for entry in run.withdrawn} if outcome != "success" else ()
        mine = [entry for entry in self.ledger.registered_in(run) if entry.place not in places]
        instead, left = Counter((entry.registry, unnumbered(entry.key)) for entry in mine), []
        for entry in others:
            at = entry.registry, unnumbered(entry.key)
            if not instead[at]:
                left.append(entry)
            elif outcome != "success":
                instead[at] -= 1
        return left

    def _sweep(self, swept: list[Entry], run: Run, withdrawn: list[Entry]) -> None:
        """Drop for good what the run does not register any more."""
        former = {entry.place for entry in withdrawn}
        mine = self.ledger.registered_in(run)
        new = [entry for entry in mine if entry.place not in former]
        for entry in swept:
            entry.kept = _BROUGHT_BACK
            self._standing.retire(entry)
            instead = [other.key for other in new if other.registry == entry.registry]
            self._notices.log("swept", entry, messages.swept(entry, run, instead), run)
        again = {entry.name for entry in mine}  # with a new class in the key, for one
        self._undoable = [entry for entry in swept if entry.name not in again]

    def _leave_nothing(self, run: Run) -> None:
        """Take out what the run registered: its definitions have not outlived it."""
        mine = self.ledger.registered_in(run)
        reason = f"registered by {run.owner.label}, which failed and left nothing behind"
        self._take_out(mine, "swept", reason, for_undo=False)

    def _keep(self, gone: list[Entry], run: Run, withdrawn: list[Entry]) -> None:
        """Mark what the run only guarded, or the user wants kept, and why."""
        mine = self.ledger.registered_in(run)
        names = self._surroundings.namespace(run.owner)
        pinned = self.pinned - {entry.name for entry in mine}
        for name in {entry.registry for entry in gone}:
            former = keeping.by_statement(entry for entry in withdrawn if entry.registry == name)
            registered = keeping.by_statement(entry for entry in mine if entry.registry == name)
            registry = self.registries[name]
            writer = registry.handout.function.rpartition(":")[2] if registry.handout else None
            for entry in gone:
                if entry.registry == name:
                    why = "you said %kreg keep" if entry.name in pinned else ""
                    entry.kept = why or keeping.why_kept(entry, run, former, registered, names, writer)

    # -- what users unregister

    def _unregistering(self, registry: Registry, announced: Any, original: Any, args: Any, kwargs: Any) -> Any:
        """Let users unregister. Where only what is withdrawn at the moment can be meant, their former object, it stays
        gone."""
        __tracebackhide__ = True
        key, subject = announced

        def meant(entry: Entry) -> bool:
            return entry.subject is subject or (entry.registry == registry.name and entry.key == key)

        running = self._surroundings.running()
        with self._lock:
            gone = [(run, entry) for run in self._active for entry in run.withdrawn if meant(entry)]
            for run, entry in gone:
                run.withdrawn.remove(entry)
                self._standing.retire(entry)
            standing = [entry for entry in self.ledger if meant(entry) and not self.ledger.shadowed(entry)]
            if running is not None:
                running.unregistered += standing
        if gone and not standing and not self._is_nobodys(registry, key):
            return None
        return original(*args, **kwargs)

    def _is_nobodys(self, registry: Registry, key: Hashable) -> bool:
        """Whether something stands at the key; None if the function that unregisters takes the object alone."""
        there = MISSING if key is None else self.faults.attempt(registry, registry.current, key, otherwise=MISSING)
        return there is not MISSING

    def _follow_unregistered(self, run: Run) -> None:
        """Forget what the run unregistered, unless it has registered something else over it: then that one hides it."""
        for entry in run.unregistered:
            if self.ledger.top(entry.place) is not entry:
                continue
            registry = self.registries[entry.registry]
            if self.faults.attempt(registry, registry.holds, entry.key, entry.value) is False:
                self._standing.forget(self.ledger.drop(entry.place), run)
        run.unregistered = []


_BROUGHT_BACK = "%kreg undo brought it back"
"""Why an entry is kept that was swept, if it comes back."""

_WHY_RESTORED: dict[Outcome, str] = {
    "success": "",
    "not compiled": "the new source does not compile",
    "failed": "the run failed before it registered it again",
    "undone": "the run failed, and left nothing behind",
}
