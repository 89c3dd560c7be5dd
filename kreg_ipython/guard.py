"""The transaction: withdraw what an owner registered, let it run, then sweep or restore.

Each registration passes a gate, is given to an owner, and is written into the ledger. The guard knows neither IPython
nor a framework: who is executing comes from the `Caller` that the tracker gives it, what a registry is from the
adapters.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from types import FrameType
from typing import Any, Literal, NamedTuple, Protocol

from kreg_ipython import explain, keeping, source
from kreg_ipython.faults import Faults
from kreg_ipython.gates import Gates
from kreg_ipython.interrupts import held_back
from kreg_ipython.journal import GONE, Act, Journal
from kreg_ipython.ledger import Entry, Ledger, Name, Owner, Place, Run, unnumbered
from kreg_ipython.naming import definition, key_text, same_definition
from kreg_ipython.notices import Notices
from kreg_ipython.origin import Site
from kreg_ipython.registry import MISSING, Announcement, Gate, NotThere, Registry, is_there, same_value
from kreg_ipython.settings import Settings
from kreg_ipython.snapshot import Contents, Snapshot, contents

_UNKNOWN: Any = object()
"""Stands for the value of a key that could not be asked for."""

_LATE = 100
"""How many swept entries are still served to graphs that name them: names made with counters never end."""

Outcome = Literal["success", "not compiled", "failed", "undone"]
"""How a run ended. One that failed has left its definitions behind; one that is undone has not, as after an import."""


class Caller(NamedTuple):
    """Who registers: the owner, its run, the line in its source, and the code that makes the call."""

    owner: Owner
    run: Run | None = None
    line: int | None = None
    site: Site | None = None


class Surroundings(Protocol):
    """What the guard asks about the code that is being executed."""

    def locate_caller(self, frame: FrameType, plumbing: frozenset[str]) -> Caller | None:
        """Who registers under this frame, which the registry's ``plumbing`` is looked through for; None for a framework
        that registers for itself."""

    def is_framework_again(self, frame: FrameType) -> bool:
        """Whether a framework registers under this frame because one of its own modules is executed again."""

    def find_owner(self, subject: Any) -> Caller | None:
        """Who registered an object unseen; None if it is a framework's."""

    def namespace(self, owner: Owner) -> Mapping[str, Any]:
        """What names mean to the owner's code."""

    def is_outdated(self, entry: Entry) -> bool:
        """Whether the owner would not register the entry any more if it were executed now."""

    def number(self) -> int | None:
        """The execution count of the cell that is being executed."""

    def running(self) -> Run | None:
        """What is being executed in this context: a module's body, a script's, a cell."""

    def is_framework(self, module: str) -> bool:
        """Whether a module is part of a framework, whose functions call none of the user's modules."""


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
        self._gates = Gates(self.tell)
        self._lock = threading.RLock()
        self._attached: dict[str, None] = {}
        self._snapshots: dict[str, Snapshot | Contents] = {}
        self._active: dict[Run, None] = {}
        self._swept: list[Entry] = []
        """What the last sweep took, for `undo`."""
        self._looked_up: set[str] = set()

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
                self._restore(mine, f"{name} is not guarded any more")
            self._gates.remove(self.registries[name])
            for entry in [entry for entry in self.ledger if entry.registry == name]:
                self.ledger.drop(entry.place)
            self._swept = [entry for entry in self._swept if entry.registry != name]
            self._let_go(name)
            del self.registries[name]

    def _let_go(self, name: str) -> None:
        self._attached.pop(name, None)
        self._snapshots.pop(name, None)
        self.faults.forget(name)

    def detach(self) -> None:
        """Give everything back: what runs have withdrawn, the functions where they are still ours, strong keys."""
        with self._lock:
            self.between(self._surroundings.running())
            for run in list(self._active):
                self.end(run, "failed")
            if self._swept:
                self._swept = []
                gc.collect()  # what only `undo` held must be gone before reverse maps hold it strongly again
            self._gates.close()
            for registry in self.present():
                self.faults.attempt(registry, registry.tighten)
            self._attached.clear()
            self._snapshots.clear()

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
            self._gates.add(registry, gate, self._registering)
        if registry.removal is not None:
            self._gates.add(registry, registry.removal, self._unregistering)
        self._attached[registry.name] = None
        if registry.handout is not None:
            self._snapshots[registry.name] = Snapshot(registry.table)
            self._gates.add(registry, registry.handout, self._handing_out)
        elif registry.direct:
            self._snapshots[registry.name] = contents(registry)
        if any(name == registry.name for name, _ in self.ledger.swept):
            self._guard_lookups(registry)
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
            self._record(registry, self._own_key(registry, key, None), value, MISSING, caller, "adopted")

    # -- a registration

    def _registering(self, registry: Registry, announced: Any, original: Any, args: Any, kwargs: Any) -> Any:
        """Let one registration happen, make way for the same definition run again, and write it into the ledger."""
        __tracebackhide__ = True
        frame = sys._getframe(1)
        caller = self.faults.attempt(registry, self._surroundings.locate_caller, frame, registry.plumbing)
        # A framework's function is called by one thread at a time, and calls inside it are part of the same
        # registration. Any other may execute code of the user's: it may wait for a module that another thread imports,
        # and which registers.
        if not self._surroundings.is_framework(registry.module):
            return self._register(registry, announced, original, args, kwargs, caller, frame)
        with self._lock, self._gates.open():
            return self._register(registry, announced, original, args, kwargs, caller, frame)

    def _register(
        self,
        registry: Registry,
        announced: Announcement,
        original: Callable[..., Any],
        args: Any,
        kwargs: Any,
        caller: Caller | None,
        frame: FrameType,
    ) -> Any:
        __tracebackhide__ = True
        key, subject = announced
        with self._lock:
            done, before = False, self.faults.attempt(registry, registry.current, key, otherwise=_UNKNOWN)
            there = before is not _UNKNOWN  # its framework may have been purged
            before = before if there else MISSING
            if caller is not None and self.settings.on_conflict == "error":
                self._refuse(registry, key, subject, before, caller)
            again = there and self._may_make_way(registry, key, caller, frame)
        try:
            if again:
                with self._lock:
                    self.faults.attempt(registry, self._make_way, registry, key, subject, before, caller)
                result = registry.register_again(subject, original, args, kwargs)
            else:
                result = original(*args, **kwargs)
            done = True
            return result
        except Exception as error:
            if caller is not None:
                self.faults.attempt(registry, self._explain, registry, key, subject, before, caller, error)
            raise
        finally:
            with self._lock:
                self.faults.attempt(registry, self._registered, registry, announced, before, caller, done)

    def _may_make_way(self, registry: Registry, key: Hashable, caller: Caller | None, frame: FrameType) -> bool:
        """Whether a former registration of the key may be set aside. If this very run made it, the framework answers as
        in a fresh kernel."""
        if caller is None:  # a framework that has been purged or reloaded meets what it registered itself
            return self._surroundings.is_framework_again(frame)
        top = self.ledger.top((registry.name, key))
        return top is None or top.run is None or top.run is not caller.run or not top.run.active

    def _make_way(self, registry: Registry, key: Hashable, subject: Any, before: Any, caller: Caller | None) -> None:
        """Set aside what the same definition registered before, or an owner that would not register it any more.

        `_registered` puts it back if the call fails. Where equal keys stand side by side nothing is refused, and only
        what this owner registered in a former run, or a cell that may be the same one, goes.
        """
        place = registry.name, key
        if registry.appending:
            for entry in self.ledger.beside(place):
                former = caller is not None and entry.owner is caller.owner and entry.run is not caller.run
                if caller is not None and (former or self._gives_way(entry, subject, caller)):
                    self._take(registry, entry)
                    self._replace(entry, caller)
        elif before is not MISSING:
            top = self.ledger.top(place)
            theirs = top is not None and top.owner is not None and caller is not None
            replaces = theirs and self.settings.on_conflict == "replace"
            gives_way = top is not None and caller is not None and self._gives_way(top, subject, caller)
            if replaces or gives_way or registry.same(key, before, subject):
                registry.take(key, before)

    def _registered(
        self, registry: Registry, announced: Announcement, before: Any, caller: Caller | None, done: bool
    ) -> None:
        """Follow what a call to the framework left behind, whether it succeeded, raised half-way, or was ignored: a
        flag that is in use stays when it is defined anew."""
        key, subject = announced
        after = registry.current(key)
        if after is MISSING and before is not MISSING and not registry.appending:
            registry.put(key, before)
        elif after is not MISSING and (not same_value(after, before) or (done and registry.same(key, after, subject))):
            snapshot = self._snapshots.get(registry.name)
            if snapshot is not None:
                if not snapshot.knows(key, before):
                    before = MISSING  # the run itself wrote it a moment ago
                snapshot.note(key, after)
            if caller is not None:
                self._record(registry, self._own_key(registry, key, caller.run), after, before, caller)

    def _own_key(self, registry: Registry, key: Hashable, run: Run | None) -> Hashable:
        """Where equal keys stand side by side, each entry has a number of its own: its former one if it had one."""
        if not registry.appending:
            return key
        for former in sorted(run.withdrawn, key=lambda entry: entry.order) if run is not None else ():
            same = former.registry == registry.name and unnumbered(former.key) == key
            if same and self.ledger.top(former.place) is None:
                return former.key
        return self.ledger.free_key(registry.name, key)

    def _refuse(self, registry: Registry, key: Hashable, subject: Any, before: Any, caller: Caller) -> None:
        """Raise for a different definition under a taken key, also where the framework would not.

        Raises:
            ValueError: with both places, and the ways out.
        """
        __tracebackhide__ = True
        top = self.ledger.top((registry.name, key))
        if before is not MISSING and top is not None and self._collides(top, subject, caller):
            raise ValueError(
                explain.collision(key, top, before, caller.owner, caller.line)
                + ", or: %config KregMagics.on_conflict = 'note'"
            )

    def _collides(self, top: Entry, subject: Any, caller: Caller) -> bool:
        """Whether two owners claim a key for different definitions, and neither is meant to override the other, as a
        cell overrides a module. Cells without ids may be one and the same, edited."""
        there, here = top.owner, caller.owner
        return (
            there is not None
            and there is not here
            and there.kind == here.kind
            and (there.kind != "cell" or (there.id is not None and here.id is not None))
            and not same_definition(top.subject, subject)
            and not self._gives_way(top, subject, caller)
        )

    def _record(
        self, registry: Registry, key: Hashable, value: Any, before: Any, caller: Caller, act: Act = "registered"
    ) -> None:
        """Write a registration into the ledger: it stands on top now, over what stood there ``before``."""
        place, subject = (registry.name, key), registry.subject(value)
        entry, top = Entry(registry.name, key, value, subject, *caller), self.ledger.top(place)
        order = caller.run.replayed_order(place) if caller.run is not None else None
        if order is not None:
            entry.order = order
        if before is not MISSING and not registry.appending and (top is None or not same_value(top.value, before)):
            if top is not None and top.owner is None:
                self.ledger.remove(top)
            self._know_nobodys(registry, key, before, entry)
        elif top is not None and self._gives_way(top, subject, caller):
            self._replace(top, caller)
        if top is not None and not registry.appending and top.owner not in (None, caller.owner):
            self._shadow(top, subject, caller)
        self._notices.log(act, entry, "" if act == "registered" else "registered before kreg was watching", caller.run)
        replaced = self.ledger.insert(entry)
        if replaced is not None and replaced.subject is not subject:
            self.ledger.retire(replaced)
        self.ledger.swept.pop(place, None)
        registry.loosen(value)
        if order is not None:
            self._put_newer(registry, entry)

    def _know_nobodys(self, registry: Registry, key: Hashable, before: Any, over: Entry) -> None:
        """Write down what is nobody's and stands at the key now, under the entry that will be put over it."""
        former = registry.subject(before)
        if not same_definition(former, over.subject):
            self.ledger.insert(Entry(registry.name, key, before, former, None, order=over.order))

    def _shadow(self, top: Entry, subject: Any, caller: Caller) -> None:
        """Write down that an entry gets another one over it, and tell of it if that is a collision."""
        if self.ledger.top(top.place) is not top:
            return  # it has given way
        self._notices.log("shadowed", top, f"{explain.where(caller.owner, caller.line)} registers it, too", caller.run)
        if self.settings.on_conflict != "replace" and self._collides(top, subject, caller):
            text = explain.collision(top.key, top, None, caller.owner, caller.line)
            self.tell(text, about=(top.name, top.owner, caller.owner))

    def _gives_way(self, entry: Entry, subject: Any, caller: Caller) -> bool:
        """Whether the entry's owner would not register it any more, or is the calling cell under another id: none of
        its own, or one of a former session."""
        owner = entry.owner
        if owner is None or owner is caller.owner:
            return False
        if owner.kind != "cell":
            return self._surroundings.is_outdated(entry)
        unknown = owner.id is None or owner.session != caller.owner.session
        renamed = unknown and caller.owner.kind == "cell" and same_definition(entry.subject, subject)
        return owner.deleted or renamed

    def _replace(self, entry: Entry, caller: Caller) -> None:
        """Retire an entry that gives way to the caller's; it comes back if what the caller does is undone."""
        self._notices.log("replaced", entry, f"{explain.where(caller.owner, caller.line)} registers it now", caller.run)
        self._retire(entry)
        if caller.run is not None and caller.run.active and entry.owner is not caller.owner:
            caller.run.withdrawn.append(entry)

    # -- the transaction

    def begin(self, run: Run) -> None:
        """Withdraw what the owner registered before."""
        with self._lock, held_back():
            self._active[run] = None
            for entry in reversed(self.ledger.entries(run.owner)):
                self._withdraw(entry, run, "withdrew", f"{run.owner.kind} runs again")

    def end(self, run: Run, outcome: Outcome) -> None:
        """Sweep what a successful run did not register again; restore it after any other one."""
        # Every cell comes by here: all that an empty one costs is this look at the dicts.
        changed = self._changed(thoroughly=True)
        if changed or run in self._active or outcome == "undone":
            with self._lock, held_back():
                for registry in changed:
                    self.faults.attempt(registry, self._follow, registry, run)
                self._settle(run, outcome)
                self._active.pop(run, None)
                self._has_ended(run, outcome)
        self._has_ended(run, outcome)

    def _has_ended(self, run: Run, outcome: Outcome) -> None:
        if run.active:
            run.active = False
            if outcome in ("success", "failed"):
                run.owner.partial = outcome == "failed"

    def recover(self) -> None:
        """A cell begins in this thread: whatever an interrupt may have left half-way is over."""
        self._gates.shut()

    def between(self, run: Run | None = None) -> None:
        """Before something else begins: what was written until now belongs to the run around it. Between two cells
        there is none (a thread wrote it, or a widget), and a look at the sizes is enough."""
        for registry in self._changed(thoroughly=run is not None):
            with self._lock, held_back():
                self.faults.attempt(registry, self._follow, registry, run)

    def _changed(self, thoroughly: bool) -> list[Registry]:
        """The registries that users may have written to themselves since the last look."""
        changed = []
        for name, seen in list(self._snapshots.items()):
            try:
                if seen.changed() if thoroughly else seen.resized():
                    changed.append(self.registries[name])
            except Exception as error:  # a container of the user's own class
                self.faults.note(name, error, self._follow)
        return changed

    def clear(self, entries: Iterable[Entry], *, for_undo: bool = True) -> list[Entry]:
        """The user wants these out, for good, also those that are withdrawn at the moment; what they shadowed comes
        back, and a pin goes. Returns those that were there, which `undo` brings back, or else nothing does."""
        with self._lock, held_back():
            self.between(self._surroundings.running())
            chosen = list(entries)
            self.pinned -= {entry.name for entry in chosen}
            if not for_undo:
                self._swept = []
            return self._take_out(chosen, "cleared", "%kreg clear", for_undo)

    def empty(self, owner: Owner) -> None:
        """The owner has no code left: sweep what it registered, as a run of it would."""
        with self._lock, held_back():
            mine = [entry for entry in self.ledger.entries(owner) if entry.name not in self.pinned]
            self._take_out(mine, "swept", f"registered by {owner.label} until it was emptied")

    def _take_out(self, entries: list[Entry], act: Act, reason: str, for_undo: bool = True) -> list[Entry]:
        taken = Run(Owner("cell", None))
        for run in self._active:
            for entry in entries:
                if entry in run.withdrawn:
                    run.withdrawn.remove(entry)
                    taken.withdrawn.append(entry)
                    self._notices.log(act, entry, reason)
        for entry in entries:
            if entry not in taken.withdrawn:
                self._withdraw(entry, taken, act, reason)
        for entry in taken.withdrawn:
            self._retire(entry)
        if for_undo and taken.withdrawn:
            self._swept = taken.withdrawn
        return taken.withdrawn

    def undo(self) -> list[Entry]:
        """Take back the last sweep, or clearing; returns what is registered again, or shadowed. What its owner has
        registered anew meanwhile stays as it is."""
        with self._lock, held_back():
            self.between(self._surroundings.running())
            entries = [e for e in self._swept if e.owner is None or self.ledger.entry(e.owner, e.place) is None]
            self._swept = []
            for entry in entries:
                entry.kept = "%kreg undo brought it back"
            self._restore(sorted(entries, key=lambda entry: entry.order), "%kreg undo")
        return entries

    def withdrawn(self) -> list[Entry]:
        """What is withdrawn at the moment for runs that have not ended."""
        return [entry for run in list(self._active) for entry in run.withdrawn]

    def _withdraw(self, entry: Entry, run: Run, act: Act, reason: str) -> None:
        registry = self.registries[entry.registry]
        shadowed = self.ledger.shadowed(entry) and not registry.appending
        below = None if shadowed or registry.appending else self.ledger.under(entry)
        if not shadowed and self.faults.attempt(registry, registry.holds, entry.key, entry.value) is False:
            self._notices.log("forgot", entry, "it was taken out or overwritten by hand", run)
            self._retire(entry)  # their word
            return
        self._notices.log(act, entry, reason, run)
        run.withdrawn.append(entry)
        self.ledger.remove(entry)
        if registry.late:
            self.ledger.swept[entry.place] = entry
            while len(self.ledger.swept) > _LATE:
                del self.ledger.swept[next(iter(self.ledger.swept))]
        self._guard_lookups(registry)
        if not shadowed:
            self._take(registry, entry)
            if below is not None:
                self._put(registry, below)
                self._notices.log("restored", below, "what shadowed it went", run)
            self.faults.attempt(registry, self._rename_again, registry, entry)

    def _settle(self, run: Run, outcome: Outcome) -> None:
        if outcome == "undone":
            self._undo(run)
        withdrawn = sorted(run.withdrawn, key=lambda entry: entry.order)
        gone = []
        for entry in withdrawn:
            again = self.ledger.entry(run.owner, entry.place)
            if again is None:
                gone.append(entry)
            elif again.subject is not entry.subject:
                self.ledger.retire(entry)
        reason = _WHY_RESTORED[outcome]
        if outcome == "success" and gone:
            self._keep(gone, run, withdrawn)
            swept = [entry for entry in gone if not entry.kept]
            if swept:
                self._sweep(swept, run, withdrawn)
            gone, reason = [entry for entry in gone if entry.kept], "kept"
        for entry in gone:
            entry.restored |= outcome == "failed"
        self._restore(gone, reason, run)
        run.withdrawn = []

    def _sweep(self, swept: list[Entry], run: Run, withdrawn: list[Entry]) -> None:
        """Drop for good what the run does not register any more."""
        former = {entry.place for entry in withdrawn}
        mine = [entry for entry in self.ledger.entries(run.owner) if entry.run is run]
        new = [entry for entry in mine if entry.place not in former]
        for entry in swept:
            self._retire(entry)
            instead = [other.key for other in new if other.registry == entry.registry]
            self._notices.log("swept", entry, explain.swept(entry, run, instead), run)
        again = {entry.name for entry in mine}  # with a new class in the key, for one
        self._swept = [entry for entry in swept if entry.name not in again]

    def _undo(self, run: Run) -> None:
        """Take out what the run registered: its definitions have not outlived it."""
        mine = [entry for entry in self.ledger.entries(run.owner) if entry.run is run]
        reason = f"registered by {run.owner.label}, which failed and left nothing behind"
        self._take_out(mine, "swept", reason, for_undo=False)

    def _keep(self, gone: list[Entry], run: Run, withdrawn: list[Entry]) -> None:
        """Mark what the run only guarded, or the user wants kept, and why."""
        mine = [entry for entry in self.ledger.entries(run.owner) if entry.run is run]
        names = self._surroundings.namespace(run.owner)
        pinned = self.pinned - {entry.name for entry in mine}
        for name in {entry.registry for entry in gone}:
            former = keeping.by_statement(entry for entry in withdrawn if entry.registry == name)
            registered = keeping.by_statement(entry for entry in mine if entry.registry == name)
            handout = self.registries[name].handout
            writer = handout.function.rpartition(":")[2] if handout else None
            for entry in gone:
                if entry.registry == name:
                    why = "you said %kreg keep" if entry.name in pinned else ""
                    entry.kept = why or keeping.why_kept(entry, run, former, registered, names, writer)

    def _retire(self, entry: Entry) -> None:
        self.ledger.remove(entry)
        self.ledger.retire(entry)

    def _restore(self, entries: list[Entry], reason: str, run: Run | None = None) -> None:
        for entry in entries:
            registry = self.registries[entry.registry]
            act: Act = "kept" if reason == "kept" else "restored"
            self._notices.log(act, entry, entry.kept if act == "kept" else reason, run)
            if not registry.appending and self.ledger.top(entry.place) is None:
                now = self.faults.attempt(registry, registry.current, entry.key, otherwise=MISSING)
                if now is not MISSING and not same_value(now, entry.value):  # nobody's: the framework's own
                    self._know_nobodys(registry, entry.key, now, entry)
            self.ledger.insert(entry)
            self.ledger.swept.pop(entry.place, None)
            if registry.appending or not self.ledger.shadowed(entry):
                self._put(registry, entry)
        for name in {entry.registry for entry in entries if self.registries[entry.registry].ordered}:
            first = min((entry for entry in entries if entry.registry == name), key=lambda entry: entry.order)
            self._put_newer(self.registries[name], first)

    def _put_newer(self, registry: Registry, restored: Entry) -> None:
        """Put what is newer than this entry over it again: at its key, or in all of a registry that has an order."""
        newer = [self.ledger.top(restored.place)] if not registry.ordered else self.ledger.live(registry.name)
        for entry in newer:
            if entry is not None and entry.order > restored.order:
                self._take(registry, entry)
                self._put(registry, entry)

    def _take(self, registry: Registry, entry: Entry) -> None:
        with self._gates.open():
            self.faults.attempt(registry, registry.take, entry.key, entry.value)
        self._note(registry, entry)

    def _put(self, registry: Registry, entry: Entry) -> None:
        with self._gates.open():
            if not registry.appending or self.faults.attempt(registry, self._lacks, registry, entry):
                self.faults.attempt(registry, registry.put, entry.key, entry.value)
        stored = self.faults.attempt(registry, registry.current, entry.key, otherwise=MISSING)
        if stored is not MISSING and not registry.appending:
            entry.value = stored  # a registry may wrap what is put into it anew
        self._note(registry, entry)

    def _lacks(self, registry: Registry, entry: Entry) -> bool:
        """Whether an object stands side by side with itself less often than the ledger knows it."""
        known = [each for each in self.ledger.same_subject(entry) if each.owner is not None]
        return sum(same_value(value, entry.value) for _, value in registry.entries()) < len(known)

    def _note(self, registry: Registry, entry: Entry) -> None:
        snapshot = self._snapshots.get(registry.name)
        if snapshot is not None:
            self.faults.attempt(registry, snapshot.note, entry.key, entry.value)

    def _rename_again(self, registry: Registry, gone: Entry) -> None:
        """An object that is registered under another key as well is known by that one again."""
        for entry in self.ledger.same_subject(gone):
            if not self.ledger.shadowed(entry):
                registry.rename(entry.value, entry.key)

    # -- what users do to the dicts themselves

    def _handing_out(self, registry: Registry, announced: Any, original: Any, args: Any, kwargs: Any) -> Any:
        snapshot = self._snapshots.get(registry.name)
        if isinstance(snapshot, Snapshot):
            snapshot.handed_out = True
        return original(*args, **kwargs)

    def _follow(self, registry: Registry, run: Run | None) -> None:
        """Give the run what it wrote into a dict directly, and forget what it took out: that is the user's word."""
        seen = self._snapshots[registry.name]
        maker = run is not None and run.owner.kind == "module" and run.owner.id == registry.module
        anew = maker and isinstance(seen, Contents) and seen.is_replaced()
        changes = seen.changes()
        for key, value in () if anew else changes.removed:
            place = registry.name, key
            beside = self.ledger.beside(place) if registry.appending else ()
            same = [entry for entry in beside if same_value(entry.value, value)][:1]
            for entry in same if registry.appending else self.ledger.drop(place):
                self._notices.log("forgot", entry, "it was taken out by hand", run)
                self._retire(entry)
        for key, value, before in changes.written:
            self.faults.attempt(registry, self._wrote, registry, key, value, before, run)
        for entry in self.ledger.live(registry.name) if anew else ():
            if run is not None and entry.owner is not run.owner:  # a fresh kernel would fill the module's new container
                self._put(registry, entry)

    def _wrote(self, registry: Registry, key: Hashable, value: Any, before: Any, run: Run | None) -> None:
        caller: Caller | None
        if run is None:
            caller = self._surroundings.find_owner(registry.subject(value))
        else:
            caller = Caller(run.owner, run, _line_of(run.source, key, registry.subject(value)))
        if caller is not None:
            self._record(registry, self._own_key(registry, key, caller.run), value, before, caller)

    # -- what users unregister, and what frameworks look up late

    def _unregistering(self, registry: Registry, announced: Any, original: Any, args: Any, kwargs: Any) -> Any:
        """Let users unregister what is withdrawn at the moment: they mean their former object, which stays gone."""
        __tracebackhide__ = True
        key, subject = announced
        with self._lock:
            withdrawn = [(run, entry) for run in self._active for entry in run.withdrawn]
            meant = [
                (run, entry)
                for run, entry in withdrawn
                if entry.subject is subject or (entry.registry == registry.name and entry.key == key)
            ]
            for run, entry in meant:
                run.withdrawn.remove(entry)
                self._retire(entry)
        return None if meant else original(*args, **kwargs)

    def _guard_lookups(self, registry: Registry) -> None:
        """From the first entry on that is missing: before, nobody needs to be told."""
        if registry.lookups and registry.name not in self._looked_up:
            self._looked_up.add(registry.name)
            for gate in registry.lookups:
                self.faults.attempt(registry, self._add_lookup, registry, gate)

    def _add_lookup(self, registry: Registry, gate: Gate) -> None:
        with suppress(NotThere):  # a version that has no such function
            self._gates.add(registry, gate, self._looking_up)

    def _looking_up(self, registry: Registry, announced: Any, original: Any, args: Any, kwargs: Any) -> Any:
        """Say where a key has gone that somebody looks up, or serve a framework what a live graph still names."""
        __tracebackhide__ = True
        key, _ = announced
        try:
            return original(*args, **kwargs)
        except Exception as error:
            entry = self.ledger.swept.get((registry.name, key)) if isinstance(error, LookupError) else None
            if entry is None or self.faults.attempt(
                registry, self._surroundings.locate_caller, sys._getframe(1), registry.plumbing
            ):
                self.faults.attempt(registry, self._explain_absence, registry, key, error)
                raise
            if entry not in self.withdrawn():
                self.tell(
                    f"{key_text(key)!r} ({registry.name}) is no longer registered, but a graph still names it: served"
                    " here, missing in a fresh kernel. Run the cell that registers it, or trace the graph again."
                )
            return entry.subject

    # -- notes

    def _explain(
        self, registry: Registry, key: Hashable, subject: Any, before: Any, caller: Caller, error: BaseException
    ) -> None:
        """Tell both places in a note on the framework's own exception: of the key, or of the same object under another
        one."""
        top = self.ledger.top((registry.name, key))
        if before is MISSING and not registry.appending:
            known = [entry for entry in self.ledger if entry.registry == registry.name and entry.subject is subject]
            if not known:
                return
            top, key = known[-1], known[-1].key
        elif registry.appending:
            top = next((entry for entry in reversed(self.ledger.beside((registry.name, key)))), None)
            if top is None:
                return
        former = None if before is MISSING else registry.subject(before)
        self._notices.annotate(error, explain.collision(key, top, former, caller.owner, caller.line))

    def _explain_absence(self, registry: Registry, key: Hashable, error: BaseException) -> None:
        """Tell in a note when, and by what, the key was registered that is not there any more."""
        event = self.journal.last(registry.name, key)
        if event is not None and event.act in GONE:
            self._notices.annotate(error, explain.gone(event))


def _line_of(text: str | None, key: Hashable, subject: Any) -> int | None:
    """The line of what nobody saw being written: its key as a string literal, or its definition."""
    if not text:
        return None
    line = source.line_of(text, key) if isinstance(key, str) else None
    defined = definition(subject) if line is None else None
    return source.line_of_definition(text, str(defined[1])) if defined and len(defined) > 1 else line


_WHY_RESTORED: dict[Outcome, str] = {
    "success": "",
    "not compiled": "the new source does not compile",
    "failed": "the run failed before it registered it again",
    "undone": "the run failed, and left nothing behind",
}
