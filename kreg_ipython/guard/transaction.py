"""The run: remove what is stale of an owner's entries, let the owner run, then sweep, keep or restore.

The guard knows neither IPython nor a framework: what is executing comes from the session, what a registry is from the
adapters, what becomes of an entry from `verdicts`.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Literal

from kreg_ipython.guard import messages, reruns, ways
from kreg_ipython.guard.clearing import Clearing, Undoable
from kreg_ipython.guard.context import ExecutionContext, Registration, Shared
from kreg_ipython.guard.direct_writes import DirectWrites
from kreg_ipython.guard.gates import Gates
from kreg_ipython.guard.guarded import GuardedRegistry
from kreg_ipython.guard.judge import Judge
from kreg_ipython.guard.ledger import Caller, Entry, Execution, Ledger, Owner, Run, Spot, order_of
from kreg_ipython.guard.lookups import Lookups
from kreg_ipython.guard.memory import Memory
from kreg_ipython.guard.notices import Notices
from kreg_ipython.guard.numbering import Numbering
from kreg_ipython.guard.reconcile import Reconciler
from kreg_ipython.guard.registration import Registrations, is_users
from kreg_ipython.guard.renewal import Renewal
from kreg_ipython.guard.verdicts import Verdict
from kreg_ipython.lib.interrupts import defer_interrupts
from kreg_ipython.registries.names import Counter as NameCounter
from kreg_ipython.registries.names import Joint, Reset
from kreg_ipython.registries.registry import Registry, identity, same_value

Outcome = Literal["success", "not compiled", "failed", "undone"]
"""The end of a run. One that failed has left its definitions behind; one that is undone has not, as after an import."""


class Guard:
    """All registries under one ledger.

    Args:
        registries: the adapters; they need not be present yet, see `attach`.
        context: says what is being executed.
        say: shows one line to the user.
        notes: whether the notes of an exception are shown with it.
        memory: what a former guard of the process has left.
        counters: the functions that number automatic names.
    """

    def __init__(
        self,
        registries: Iterable[Registry],
        context: ExecutionContext,
        *,
        say: Callable[[str], None],
        notes: bool = True,
        memory: Memory | None = None,
        counters: Iterable[NameCounter | Joint | Reset] = (),
    ) -> None:
        self.memory = memory = memory or Memory()
        notices = Notices(say, notes, memory, context.number)
        self.tell = notices.tell
        self.ledger = Ledger(memory.ledger)
        self.absent: list[str] = []
        """Registries that their framework, which is imported, does not have: in this version, or so far."""
        self.foreign_faults: dict[str, str] = {}
        """A line for each package whose adapters cannot be had."""
        self.shared = shared = Shared(context, notices, memory, self.ledger, Gates(self.tell))
        self.registries, self.pending = shared.registries, shared.pending
        self._context, self._notices, self._gates = context, notices, shared.gates
        self._active, self._lock = shared.active, shared.lock
        self._numbering = Numbering(shared, counters)
        self._lookups = Lookups(shared, self._put_back)
        self._reconciler = Reconciler(shared, self._lookups)
        self._registrations = Registrations(shared, self._reconciler)
        self._writes = DirectWrites(shared, self._reconciler, self._registrations)
        self._judge = Judge(shared)
        self._clearing = Clearing(shared, self._reconciler, self._writes, self._judge)
        self.clear, self.undo = self._clearing.clear, self._clearing.undo
        self.renew = Renewal(shared, self._reconciler).renew
        self.between = self._writes.between
        for adapter in registries:
            self._guard(adapter)

    # -- registries that come and go

    def attach(self, module: str) -> None:
        """Guard the registries that live in this module, which has been imported; adopt what users put there."""
        self._numbering.attach(module)
        for registry in self.registries.values():
            if registry.adapter.module == module:
                with self._lock:
                    registry.attempt(self._attach, registry)

    def _attach_late(self) -> None:
        """Guard the registries that have appeared since their module was imported."""
        for registry in [self.registries[name] for name in self.absent]:
            if registry.is_there():
                self.attach(registry.adapter.module)

    def add(self, adapter: Registry, *, now: bool) -> None:
        """Guard one more registry, now or with the next `attach`.

        If it replaces one of the same name, it goes on with what is known of that one's entries.
        """
        with self._lock:
            self._gates.remove(adapter.name)
            registry = self._guard(adapter)
            if now:
                registry.attempt(self._attach, registry)

    def remove(self, name: str) -> None:
        """Leave a registry alone: what is in it stays, and what was removed from it for a run comes back."""
        with self._lock, defer_interrupts():
            for run in {*self._active, *filter(None, [self._context.running()])}:
                mine = [entry for entry in run.removed if entry.registry == name]
                self._reconciler.restore(mine, f"{name} is not guarded any more", run)
                run.forget(name)
            self._gates.remove(name)
            self._writes.unwatch(name)
            self.absent = [each for each in self.absent if each != name]
            for entry in [entry for entry in self.ledger.all() if entry.registry == name]:
                self.ledger.remove(entry)
            self._clearing.forget(name)
            self.ledger.forget_withheld(name)
            del self.registries[name]

    def detach(self, *, forget: bool = True) -> None:
        """Give everything back: what was removed for runs, the functions where they are still ours, strong keys.

        Args:
            forget: whether nobody goes on with the ledger.
        """
        with self._lock:
            self._writes.between(self._context.running())
            for run in list(self._active):
                self.end(run, "failed")
            self.memory.names.end_all()
            if self._clearing.undoable.entries or (forget and self.ledger.withheld):
                self._clearing.undoable = Undoable()
                if forget:
                    self.ledger.withheld.clear()
                gc.collect()  # what only `undo` held must be gone before reverse maps hold it strongly again
            self._gates.close()
            for registry in self.present():
                registry.restore_strong_keys()
                registry.attached, registry.snapshot = False, None

    def divert_made(self, functions: Iterable[Any]) -> None:
        """Divert those of some functions that a framework returned, to register by, before anybody was watching."""
        self._gates.add_made(functions)

    def present(self) -> list[GuardedRegistry]:
        """Return the registries that are guarded now."""
        return [registry for registry in list(self.registries.values()) if registry.attached]

    def name_of(self, container: Any) -> str | None:
        """Return the name of the registry that this container is of, if it is guarded."""
        return next((each.name for each in self.present() if each.has(container)), None)

    @property
    def faults(self) -> dict[str, str]:
        """A line for each registry that is not guarded properly."""
        failing = {registry.name: registry.fault for registry in list(self.registries.values()) if registry.fault}
        return {**self.foreign_faults, **failing, **self._numbering.faults}

    def _guard(self, adapter: Registry) -> GuardedRegistry:
        registry = GuardedRegistry(adapter, self._gates, self._notices.fault)
        self.registries[adapter.name] = registry
        known = self.ledger.side_by_side
        (known.add if registry.allows_duplicates else known.discard)(registry.name)
        return registry

    def _attach(self, registry: GuardedRegistry) -> None:
        if not registry.is_there():
            if registry.name not in self.absent:
                self.absent.append(registry.name)
            return
        self.absent = [name for name in self.absent if name != registry.name]
        registry.divert("register", self._registrations.registering)
        registry.divert("unregister", self._clearing.unregistering)
        registry.attached, registry.diverts_lookups = True, False
        self._writes.watch(registry)
        explained = any(gate.lacks for gate in registry.gates("look up"))
        if explained or any(name == registry.name for name, _ in self.ledger.swept):
            self._lookups.divert(registry)
        for entry in self.ledger.of_registry(registry.name):
            shown = not self.ledger.is_shadowed(entry)
            if shown and not registry.holds(entry.key, entry.value):  # its framework was purged: a new one starts empty
                for each in self.ledger.stack(entry.spot) if not registry.allows_duplicates else [entry]:
                    self.ledger.remove(each)
        registry.weaken_keys()
        seen: Counter[Any] = Counter()
        for key, value in registry.adapter.entries():
            seen[identity(value)] += 1
            registry.attempt(self._adopt, registry, key, value, seen[identity(value)])

    def _adopt(self, registry: GuardedRegistry, key: Any, value: Any, times: int) -> None:
        """Adopt a value that stands in a registry, for the so many-th time, and nobody saw being registered."""
        spot = registry.name, key
        known = self.ledger.stack(spot) if registry.allows_duplicates else self.ledger.stack(spot)[-1:]
        if sum(same_value(entry.value, value) for entry in known) >= (times if registry.allows_duplicates else 1):
            return  # the module was imported anew, and what it guards was not
        remembered = self.memory.ledger  # a former guard's, until everything that stands has been adopted
        former = remembered.stack(spot) if remembered is not None else []
        same = [entry for entry in former if same_value(entry.value, value)]
        if remembered is not None and same and (registry.allows_duplicates or same[-1] is former[-1]):
            for entry in same[:1] if registry.allows_duplicates else former:
                remembered.remove(entry)
                self.ledger.insert(entry)
                registry.weaken_keys(entry.value)
            return
        subject = registry.subject(value)
        if registry.adapter.users_only and not is_users(subject):
            return
        caller = self._context.find_owner(subject, spot)
        if caller is not None:
            self._registrations.record(Registration(registry, key, subject, caller), value, "adopted")

    # -- the run

    def begin(self, run: Run) -> None:
        """Remove what of the owner's entries is stale, or is certainly registered again: see `verdicts`."""
        if run.owner in self.memory.reruns:
            reruns.call(self.memory.reruns, run.owner, run.source, self.tell)
        back = self._judge.coming_back(run)
        if not back and run.owner not in self.ledger.executed and not self.ledger.has_entries(run.owner):
            return
        with self._lock, defer_interrupts():
            for executor in self._active:  # it has removed what a guard in this script's file is to let through
                self._give_back(executor, run.owner)
            self._active[run] = None
            if back:
                self._bring_back(back, run)
            standing = [entry for entry in self.ledger.entries(run.owner) if not self._is_beside(entry, run)]
            entries = self._reconciler.without_lost(standing[::-1], run)
            judged = self._judge.verdicts(entries, run)
            removed: dict[Entry, Verdict] = {entry: each for entry in entries if (each := judged[entry]) != "maybe"}
            removed.update(dict.fromkeys(self._judge.edited(run), "changed"))
            fixed = [each for each in removed if self.registries[each.registry].adapter.irreversible]
            run.standing = {each: removed.pop(each) for each in fixed}
            run.remove(removed)
            self._reconciler.take_out(list(removed), "removed", f"{run.owner.kind} runs again", run)

    def end(self, run: Run, outcome: Outcome) -> None:
        """Sweep what a successful run left out; restore what was removed for any other one."""
        # Every cell comes by here: all that an empty one costs is this look at the containers.
        self._attach_late()
        changed = self._writes.changed(thoroughly=True)
        acted = changed or run.accessed or run.unregistered or run.removed or run.replaced or run in self._active
        scripts = outcome == "success" and run.owner in self.ledger.executed
        if acted or scripts or self.ledger.said_elsewhere or outcome == "undone":
            with self._lock, defer_interrupts():
                self._writes.follow(changed, run)
                if outcome == "success":
                    self._writes.follow_equal(run)
                self._clearing.follow_unregistered(run)
                self._give_back(run)
                if outcome == "undone":
                    self._leave_nothing(run)
                self._settle_replaced(run, outcome)
                swept: list[Entry] = []
                if outcome == "success":
                    swept = self._settle(run)
                else:
                    self._restore_all(run, outcome)
                self._active.pop(run, None)
                self._has_ended(run, outcome)
                if scripts:
                    swept += self._sweep_scripts(run.owner, run)
                self._clearing.have_swept(swept)
        else:
            self._has_ended(run, outcome)

    def empty(self, owners: Iterable[Owner], until: str = "it was emptied") -> None:
        """Sweep what owners registered that have no code left, as a run of them would."""
        swept: list[Entry] = []
        for owner in owners:
            swept += self._clearing.sweep(self.ledger.entries(owner), f"registered by {owner.label} until {until}")
            swept += self._sweep_scripts(owner)
        self._clearing.have_swept(swept)

    def executes(self, executor: Caller, script: Owner, *, unseen: bool = False) -> None:
        """Note that an owner executes the text of a file: by ``%run``, ``unseen`` by ``exec``, or in a tool's way."""
        self.ledger.executed.setdefault(executor.owner, {})[script] = Execution(executor, unseen)

    def _sweep_scripts(self, owner: Owner, run: Run | None = None, within: tuple[Owner, ...] = ()) -> list[Entry]:
        """Sweep what scripts registered that an owner does not execute any more, and what they do not say any more.

        Nothing tells that a script was executed unseen which registers nothing.

        Args:
            owner: has executed them.
            run: its run, which succeeded; None if it has no code left.
            within: the files that lead to it.

        Returns:
            What was swept.
        """
        executed, swept = self.ledger.executed.get(owner, {}), list[Entry]()
        for script, (by, unseen) in list(executed.items()):
            if script in within or (run is not None and by.run is run):
                continue
            entries, again = self.ledger.entries(script), None
            if run is None or self._judge.is_dropped(script, by, run):
                del executed[script]
            if any(script in others for others in self.ledger.executed.values()):
                if not unseen:
                    continue
                entries = [entry for entry in entries if self._context.is_outdated(entry)]
                again = Run(script, self._context.text_of(script))
            swept += self._clearing.sweep(entries, f"registered by {script.label}, which {owner.label} executed")
            swept += self._sweep_scripts(script, again, (*within, script))
        return swept

    def recover(self) -> None:
        """Begin a cell in this thread: end whatever an interrupt may have left half-way."""
        self._gates.shut()
        self._notices.end_run()
        self._attach_late()

    def undoable(self) -> tuple[Entry, ...]:
        """Return what `undo` would bring back."""
        return self._clearing.undoable.entries

    def differences(self) -> list[str]:
        """Return where a registry does not show the top of a stack: nowhere, after each act."""
        return self._reconciler.differences()

    def _has_ended(self, run: Run, outcome: Outcome) -> None:
        self.memory.names.end(run, outcome == "success")
        if run.active:  # an interrupt may make it end twice
            run.active = False
            if outcome in ("success", "failed"):
                run.owner.partial = outcome == "failed"

    def _give_back(self, run: Run, script: Owner | None = None) -> None:
        """Put back what was removed for a run of another owner's: of a script that it may execute, or of any."""
        others = [entry for entry in run.removed if entry.owner is not run.owner and script in (None, entry.owner)]
        self._reconciler.restore(others, "it was removed for a guard in its file", run)

    def _bring_back(self, coming: list[Entry], run: Run) -> None:
        """Put back what was swept with its statement, where no other entry stands, or its class's new self."""
        for entry in coming:
            self.ledger.withheld.pop(entry.spot, None)
        current = (entry for entry in coming if not ways.is_of_a_former_self(entry))
        back = [entry for entry in current if self.ledger.top(entry.spot) is None]
        for entry in back:
            entry.owner, entry.kept = run.owner, messages.IS_BACK
        self._reconciler.restore(back, messages.IS_BACK, run)

    def _put_back(self, spot: Spot) -> bool:
        """Put back what was removed from a spot so that a guard lets an edit through: somebody misses it."""
        with self._lock:
            for run in list(self._active):
                entry = run.removed_at(spot)
                if entry is not None and run.removed[entry] == "changed":
                    self._reconciler.restore([entry], "it was looked up", run)
                    return True
        return False

    def _leave_nothing(self, run: Run) -> None:
        """Take out what the run's own code registered: its definitions have not outlived it.

        Other modules' code may remember what it has done.
        """
        mine = [entry for entry in self.ledger.registered_in(run) if self._is_by_own_code(entry)]
        self._reconciler.take_out(
            mine, "swept", f"registered by {run.owner.label}, which failed and left nothing behind", run
        )
        self.ledger.retire(mine)

    def _is_by_own_code(self, entry: Entry) -> bool:
        """Return whether no module of the user's, and no library, stands between an owner's text and a registration."""
        files = {each.code.co_filename for each in entry.steps if not self._context.is_framework(each.module)}
        return len(files) <= 1

    def _settle_replaced(self, run: Run, outcome: Outcome) -> None:
        """Retire what gave way in the run, and restore that in whose place nothing stands any more.

        If the run did not succeed, of several entries that gave way to one only the first did.
        """
        if not run.replaced:
            return
        replaced = {former: new for former, new in run.replaced.items() if new.registry in self.registries}
        run.replaced = {}
        once: set[Entry] = set()
        left: list[Entry] = []
        for entry, new in replaced.items():
            if not self._stands(run.owner, new) or (outcome != "success" and new in once):
                left.append(entry)
            once.add(new)
        for entry in left:
            del replaced[entry]
        self.ledger.retire(entry for entry, new in replaced.items() if entry.subject is not new.subject)
        self._reconciler.restore(left, "what took its place is gone", run)

    def _stands(self, owner: Owner, new: Entry) -> bool:
        """Return whether an entry stands, or another one of the owner's in its place."""
        if self.registries[new.registry].allows_duplicates:
            return new in self.ledger
        return any(entry.owner is owner for entry in self.ledger.stack(new.spot))

    def _settle(self, run: Run) -> list[Entry]:
        """Sweep what a successful run left out, and keep what it may have skipped; return what was swept."""
        everything = self.ledger.entries(run.owner)
        mine = [entry for entry in everything if entry.run is run]
        standing = [entry for entry in everything if entry.run is not run and not self._is_beside(entry, run)]
        unsaid = self._judge.not_said_any_more(run.owner)
        if not run.removed and not standing and not unsaid:
            run.settle()
            return []
        kept = self._judge.kept([*run.removed, *standing], mine, run)
        for entry in standing:
            why = kept.get(entry, "")
            if why and entry.kept != why:
                self._notices.log("kept", entry, why, run)
        for entry, why in kept.items():
            entry.kept = why
        left_out = [entry for entry in standing if entry not in kept]
        gone = [*left_out, *unsaid]
        swept = sorted([*(entry for entry in run.removed if entry not in kept), *gone], key=order_of)
        dropped = [entry for entry in swept if run.removed.get(entry) == "gone"] + unsaid
        self._judge.withhold(dropped, left_out)
        self._reconciler.take_out(gone, "removed", f"{run.owner.kind} leaves it out", run)
        self._reconciler.restore([entry for entry in run.removed if entry in kept], "kept", run, "kept")
        run.settle()
        if swept:
            self._sweep(swept, run, mine)
        return swept

    def _is_beside(self, entry: Entry, run: Run) -> bool:
        """Return whether an entry is of an execution beside this run's, and its cell still says the file."""
        former = entry.run
        if former is None or former.within is None or not run.stands_beside(former):
            return False
        by = former.within.owner
        return not by.deleted and (former.within is run.within or run.owner in self.ledger.executed.get(by, {}))

    def _sweep(self, swept: list[Entry], run: Run, mine: list[Entry]) -> None:
        """Drop for good what the run does not register any more."""
        former = {entry.spot for entry in swept}
        new: dict[str, list[Any]] = {}
        for entry in mine:
            if entry.spot not in former:
                new.setdefault(entry.registry, []).append(entry.key)
        for entry in swept:
            self._notices.log("swept", entry, messages.swept(entry, run, new.get(entry.registry, [])), run)
        self.ledger.retire(swept)

    def _restore_all(self, run: Run, outcome: Outcome) -> None:
        """Put back what was removed for a run that did not succeed; after a failure its owner is partial."""
        removed = list(run.removed)
        if outcome == "failed":
            names = {entry.name for entry in self.ledger.registered_in(run)}
            anew = [entry for entry in removed if entry.name in names and ways.is_of_a_former_self(entry)]
            self.ledger.retire(anew)  # the run has registered them with the class that the name means now
            removed = [entry for entry in removed if entry not in anew]
            for entry in [*removed, *self.ledger.entries(run.owner)]:
                entry.restored = entry.restored or not (entry.run is run or run.stands_beside(entry.run))
        self._reconciler.restore(removed, messages.WHY_RESTORED[outcome], run)
        run.settle()
