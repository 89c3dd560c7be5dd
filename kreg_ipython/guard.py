"""The transaction: withdraw what an owner registered, let it run, then sweep or restore.

The guard stands at the gates of the registries (`Registry.gates`): each registration passes by, is given to an owner,
and is written into the ledger. It knows neither IPython nor a framework: who is executing comes from the `Caller` that
the tracker gives it, what a registry is from the adapters.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import nullcontext
from types import CodeType, FrameType
from typing import Any, Literal, NamedTuple

from kreg_ipython import source
from kreg_ipython.ledger import Entry, Ledger, Owner, Run, definition
from kreg_ipython.patch import divert
from kreg_ipython.registry import MISSING, CannotUndo, Gate, Registry, key_text, locate, same_value
from kreg_ipython.snapshot import Snapshot

Outcome = Literal["success", "not compiled", "failed"]


class Caller(NamedTuple):
    """Who registers: the owner, its run, the line in its source, and the code of the innermost user's call."""

    owner: Owner
    run: Run | None = None
    line: int | None = None
    site: CodeType | None = None


_Passing = Iterable[tuple[Registry, Gate]]


class _Diverted(NamedTuple):
    """A function that goes through the guard, and the registries that it registers into."""

    function: Any
    original: Callable[..., Any]
    undo: Callable[[], None]
    passing: dict[str, tuple[Registry, Gate]]


class Guard:
    """All registries under one ledger.

    Args:
        registries: the adapters; they need not be present yet, see `attach`.
        locate_caller: who registers, given the calling frame and the registry's plumbing; None for a framework.
        find_owner: the owner of an object that was registered unseen, or None if it is nobody's.
        namespace: what names mean to the user's code.
        say: shows one line to the user.
    """

    def __init__(
        self,
        registries: Iterable[Registry],
        *,
        locate_caller: Callable[[FrameType, frozenset[str]], Caller | None],
        find_owner: Callable[[Any], Caller | None],
        namespace: Callable[[], Mapping[str, Any]],
        say: Callable[[str], None],
    ) -> None:
        self.ledger = Ledger()
        self.registries = {registry.name: registry for registry in registries}
        self.faults: dict[str, str] = {}
        self._locate_caller, self._find_owner = locate_caller, find_owner
        self._namespace, self._say = namespace, say
        self._lock = threading.RLock()
        self._inside = threading.local()
        self._attached: dict[str, None] = {}
        self._diverted: dict[str, _Diverted] = {}
        self._snapshots: dict[str, Snapshot] = {}
        self._told: set[str] = set()
        self._active: dict[Run, None] = {}

    # -- coming and going

    def attach(self, module: str) -> None:
        """Guard the registries that live in this module, which has been imported; adopt what users put there."""
        for registry in self.registries.values():
            if registry.module == module:
                with self._lock:
                    self._try(registry, self._attach, registry)

    def detach(self) -> None:
        """Give everything back: the functions, where they are still ours, and the strong reverse maps."""
        with self._lock:
            for diverted in self._diverted.values():
                diverted.undo()
            self._diverted.clear()
            for name in self._attached:
                registry = self.registries[name]
                self._try(registry, registry.tighten)
            self._attached.clear()
            self._snapshots.clear()

    def present(self) -> list[Registry]:
        """The registries that are guarded now."""
        return [self.registries[name] for name in list(self._attached)]

    def _attach(self, registry: Registry) -> None:
        for gate in registry.gates:
            self._divert(registry, gate, self._registering)
        if registry.removal is not None:
            self._divert(registry, registry.removal, self._unregistering)
        self._attached[registry.name] = None
        if registry.direct:
            self._snapshots[registry.name] = Snapshot(registry.table)
        for key, value in registry.entries():
            self._adopt(registry, key, value)

    def _adopt(self, registry: Registry, key: Hashable, value: Any) -> None:
        top = self.ledger.top((registry.name, key))
        if top is not None and registry.holds(key, top.value):
            return
        caller = self._find_owner(registry.subject(value))
        if caller is not None:
            self._record(registry, self._free_key(registry, key), value, MISSING, caller)

    def _divert(self, registry: Registry, gate: Gate, around: Callable[..., Any]) -> None:
        function = locate(gate.function)
        former = self._diverted.get(gate.function)
        if former is None or former.function is not function:  # not yet, or its module was imported anew
            passing = former.passing if former else {}
            original, undo = divert(function, functools.partial(self._pass, gate.function, around))
            self._diverted[gate.function] = former = _Diverted(function, original, undo, passing)
        former.passing[registry.name] = registry, gate

    # -- the gates

    def _pass(self, function: str, around: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """What a diverted function does: find the registry that the call is for, if it is a guarded one."""
        __tracebackhide__ = True
        original, passing = self._diverted[function].original, self._diverted[function].passing.values()
        if not getattr(self._inside, "gate", False):
            if any(gate.decorator for _, gate in passing):
                return self._decorator(original(*args, **kwargs), around, list(passing), args, kwargs)
            for registry, gate in list(passing):
                announced = self._announced(registry, gate, args, kwargs)
                if announced is not None:
                    return around(registry, announced, original, args, kwargs)
        return original(*args, **kwargs)

    def _decorator(
        self, decorate: Callable[[Any], Any], around: Callable[..., Any], passing: _Passing, args: Any, kwargs: Any
    ) -> Callable[[Any], Any]:
        """The decorator that a factory returned, with the registry's gate around it."""

        @functools.wraps(decorate)
        def register(subject: Any) -> Any:
            __tracebackhide__ = True
            for registry, gate in passing:
                announced = self._announced(registry, gate, (subject, *args), kwargs)
                if announced is not None:
                    return around(registry, announced, decorate, (subject,), {})
            return decorate(subject)

        return register

    def _announced(self, registry: Registry, gate: Gate, args: Any, kwargs: Any) -> Any:
        try:
            return gate.announce(*args, **kwargs)
        except CannotUndo as error:
            self.tell(str(error))
            return None
        except (TypeError, ValueError, AttributeError):  # a call that the framework itself will refuse
            return None
        except Exception as error:
            self._fault(registry, error)
            return None

    def _registering(self, registry: Registry, announced: Any, original: Any, args: Any, kwargs: Any) -> Any:
        """Let one registration happen, make way for the same definition run again, and write it into the ledger."""
        __tracebackhide__ = True
        key, subject = announced
        caller = self._try(registry, self._locate_caller, sys._getframe(1), registry.plumbing)
        with self._lock:
            self._inside.gate, done = True, False
            before = self._try(registry, registry.current, key, otherwise=MISSING)
            again = caller is not None and not self._in_same_run(registry, key, caller)
            if again:
                self._try(registry, self._make_way, registry, key, subject, before)
            try:
                with registry.aside(subject) if again else nullcontext():
                    result = original(*args, **kwargs)
                done = True
                return result
            except Exception as error:
                if before is not MISSING:
                    self._explain(registry, key, before, caller, error)
                raise
            finally:
                self._try(registry, self._registered, registry, key, before, caller, done)
                self._inside.gate = False

    def _registered(self, registry: Registry, key: Hashable, before: Any, caller: Caller | None, done: bool) -> None:
        """Follow what a call to the framework left behind, whether it succeeded or raised half-way."""
        after = registry.current(key)
        if after is MISSING and before is not MISSING:
            registry.put(key, before)
        elif after is not MISSING and (done or not same_value(after, before)):
            self._note(registry, key, after)
            if caller is not None:
                self._record(registry, self._free_key(registry, key, caller.run), after, before, caller)

    def _in_same_run(self, registry: Registry, key: Hashable, caller: Caller) -> bool:
        """Whether this run registered the key already: then the framework answers as in a fresh kernel."""
        top = self.ledger.top((registry.name, key))
        return top is not None and top.run is not None and top.run is caller.run and top.run.active

    def _make_way(self, registry: Registry, key: Hashable, subject: Any, before: Any) -> None:
        """Set aside what the same definition registered before; `_registered` puts it back if the call fails."""
        if before is not MISSING and registry.same(key, before, subject):
            registry.take(key, before)

    def _free_key(self, registry: Registry, key: Hashable, run: Run | None = None) -> Hashable:
        """Where equal keys stand side by side, the second one of a run is another entry."""
        if not registry.appending:
            return key
        free, count = key, 1
        while (top := self.ledger.top((registry.name, free))) and (run is None or top.run is run):
            count += 1
            free = (key, f"#{count}")
        return free

    def _record(self, registry: Registry, key: Hashable, value: Any, before: Any, caller: Caller) -> None:
        """Write a registration into the ledger: it stands on top now, over what stood there ``before``."""
        place = registry.name, key
        subject = registry.subject(value)
        top = self.ledger.top(place)
        if before is not MISSING and not registry.appending and (top is None or not same_value(top.value, before)):
            if top is not None and top.owner is None:
                self.ledger.remove(top)
            if definition(registry.subject(before)) != definition(subject):
                self.ledger.insert(Entry(registry.name, key, before, registry.subject(before), None))
        elif top is not None and top.owner is not caller.owner and self._adopts(top, subject, caller):
            self._retire(top)
        entry = Entry(
            registry.name, key, value, subject, caller.owner, caller.run, caller.line, caller.site
        )
        replaced = self.ledger.insert(entry)
        if replaced is not None and replaced.subject is not subject:
            self.ledger.retire(replaced)
        self.ledger.swept.pop(place, None)
        registry.loosen(value)

    def _adopts(self, entry: Entry, subject: Any, caller: Caller) -> bool:
        """Whether the caller is the entry's cell under another id: none of its own, or one of a former session."""
        owner = entry.owner
        return (
            owner is not None
            and owner.kind == caller.owner.kind == "cell"
            and (owner.id is None or owner.session != caller.owner.session)
            and definition(entry.subject) == definition(subject)
        )

    # -- the transaction

    def begin(self, run: Run, doubtful: Iterable[Entry] = ()) -> None:
        """Withdraw what the owner registered before, and the ``doubtful`` entries: probably its own, see `Run`."""
        with self._lock:
            run.active = True
            self._active[run] = None
            entries = self.ledger.entries(run.owner)
            run.doubtful.update(entry for entry in doubtful if entry not in entries)
            for entry in reversed(entries + [*run.doubtful]):
                self._withdraw(entry, run)

    def end(self, run: Run, outcome: Outcome) -> None:
        """Sweep what a successful run did not register again; restore it after any other one."""
        with self._lock:
            self._follow(run)
            run.active = False
            self._active.pop(run, None)
            withdrawn, run.withdrawn = sorted(run.withdrawn, key=lambda entry: entry.order), []
            gone = [entry for entry in withdrawn if not self._superseded(entry, run)]
            if outcome == "success":
                kept = [entry for entry in gone if self._is_kept(entry, run, gone)]
                for entry in kept:
                    entry.kept = True
                for entry in gone:
                    if entry not in kept:
                        self._sweep(entry)
                self._restore(kept)
            else:
                self._restore(gone)
            if outcome != "not compiled":
                run.owner.partial = outcome == "failed"
            run.bindings.clear()
            run.doubtful.clear()

    def clear(self, entries: Iterable[Entry]) -> int:
        """Take these entries out for good, and let what they shadowed come back. Returns how many there were."""
        with self._lock:
            cleared = Run(Owner("cell", None))
            for entry in list(entries):
                self._withdraw(entry, cleared)
            for entry in cleared.withdrawn:
                self._sweep(entry)
            return len(cleared.withdrawn)

    def _withdraw(self, entry: Entry, run: Run) -> None:
        registry = self.registries[entry.registry]
        was_top = not self.ledger.shadowed(entry)
        below = self.ledger.under(entry) if was_top else None
        run.bindings[entry] = self._bound(entry)
        run.withdrawn.append(entry)
        self.ledger.remove(entry)
        self._keep_findable(registry, entry)
        if not was_top:
            return
        if not self._try(registry, registry.holds, entry.key, entry.value, otherwise=False):
            run.withdrawn.remove(entry)  # the user took it out or overwrote it: their word
            return
        self._take(registry, entry)
        if below is not None:
            self._put(registry, below)
        self._try(registry, self._rename_again, registry, entry)

    def _superseded(self, entry: Entry, run: Run) -> bool:
        """Whether the run registered the withdrawn entry again, or the user wrote to its key."""
        again = self.ledger.entry(run.owner, entry.place)
        if again is None and entry in run.doubtful and self.registries[entry.registry].appending:
            mine = self.ledger.entries(run.owner)
            again = next((e for e in mine if definition(e.subject) == definition(entry.subject)), None)
        if again is None:
            return False
        if again.subject is not entry.subject:
            self.ledger.retire(entry)
        return True

    def _is_kept(self, entry: Entry, run: Run, gone: list[Entry]) -> bool:
        """Whether the run only guarded the entry: the code that registered it stands, and was not executed.

        It was executed if its statement registered under another key, or if the object's name means another object
        now. When in doubt the entry is kept.
        """
        if entry in run.doubtful:
            return True
        if self._bound(entry) is not run.bindings.get(entry):
            return False
        before, now = entry.run.source if entry.run else None, run.source
        if before is None or now is None:
            return True
        registered = [e for e in self.ledger.entries(run.owner) if e.run is run and e.registry == entry.registry]
        stands = source.statement(before, entry.line)
        if stands is None:
            return before == now and all(e.line is not None for e in registered)
        if stands not in source.statements(now):
            return False
        if any(e.line is not None and source.statement(now, e.line) == stands for e in registered):
            return False
        return self._code_stands(entry)

    def _code_stands(self, entry: Entry) -> bool:
        """Whether the helper that made the registration, defined elsewhere, still is what its name means."""
        site = entry.site
        if site is None or site.co_name == "<module>":
            return True
        meant = _resolve(self._namespace(), getattr(site, "co_qualname", site.co_name))
        code = getattr(meant, "__code__", None)
        return code is None or bool(code == site)

    def _bound(self, entry: Entry) -> Any:
        defined = definition(entry.subject)
        if defined is None or defined[0] != "__main__" or not isinstance(defined[1], str):
            return MISSING
        return _resolve(self._namespace(), defined[1])

    def _sweep(self, entry: Entry) -> None:
        self._retire(entry)

    def _retire(self, entry: Entry) -> None:
        self.ledger.remove(entry)
        self.ledger.retire(entry)

    def _restore(self, entries: list[Entry]) -> None:
        for entry in entries:
            registry = self.registries[entry.registry]
            self.ledger.insert(entry)
            self.ledger.swept.pop(entry.place, None)
            if not self.ledger.shadowed(entry):
                self._put(registry, entry)
        for name in {entry.registry for entry in entries if self.registries[entry.registry].ordered}:
            first = min(entry.order for entry in entries if entry.registry == name)
            for entry in self.ledger.live(name):
                if entry.order > first:
                    self._take(self.registries[name], entry)
                    self._put(self.registries[name], entry)

    def _take(self, registry: Registry, entry: Entry) -> None:
        self._plainly(registry, registry.take, entry)
        self._note(registry, entry.key, MISSING)

    def _put(self, registry: Registry, entry: Entry) -> None:
        self._plainly(registry, registry.put, entry)
        stored = self._try(registry, registry.current, entry.key, otherwise=MISSING)
        if stored is not MISSING and not registry.appending:
            entry.value = stored  # a registry may wrap what is put into it anew
        self._note(registry, entry.key, entry.value)

    def _plainly(self, registry: Registry, act: Callable[[Hashable, Any], None], entry: Entry) -> None:
        """Act on a registry by the framework's own functions, with the gates open."""
        former, self._inside.gate = getattr(self._inside, "gate", False), True
        try:
            self._try(registry, act, entry.key, entry.value)
        finally:
            self._inside.gate = former

    def _rename_again(self, registry: Registry, gone: Entry) -> None:
        """An object that is registered under another key as well is known by that one again."""
        for entry in self.ledger.live(registry.name):
            if entry.subject is gone.subject:
                registry.rename(entry.value, entry.key)

    # -- what users do to the dicts themselves

    def _follow(self, run: Run) -> None:
        """Give the run what it wrote into a dict directly, and forget what it took out: that is the user's word."""
        for name, snapshot in self._snapshots.items():
            self._try(self.registries[name], self._follow_one, self.registries[name], snapshot, run)

    def _follow_one(self, registry: Registry, snapshot: Snapshot, run: Run) -> None:
        written, removed = snapshot.changes(registry.table)
        for key in removed:
            for entry in self.ledger.drop((registry.name, key)):
                self.ledger.retire(entry)
        for key, value in written.items():
            top = self.ledger.top((registry.name, key))
            before = MISSING if top is None else top.value
            self._record(registry, key, value, before, self._writer(run, key, value))

    def _writer(self, run: Run, key: Hashable, value: Any) -> Caller:
        """Who wrote directly: the module of the object if it was imported during the run, else the run's owner."""
        module = getattr(value, "__module__", None)
        if isinstance(module, str) and module in sys.modules and module != "__main__":
            if module in list(sys.modules)[run.modules_before :]:
                return Caller(self.ledger.owner("module", module) or Owner("module", module))
        line = source.line_of(run.source, key) if run.source and isinstance(key, str) else None
        return Caller(run.owner, run, line)

    def _note(self, registry: Registry, key: Hashable, value: Any) -> None:
        snapshot = self._snapshots.get(registry.name)
        if snapshot is not None:
            snapshot.note(key, value)

    # -- what users unregister, and what frameworks look up late

    def _unregistering(self, registry: Registry, announced: Any, original: Any, args: Any, kwargs: Any) -> Any:
        """Let users unregister what is withdrawn at the moment: they mean their former object, which stays gone."""
        __tracebackhide__ = True
        _, subject = announced
        with self._lock:
            for run in self._active:
                for entry in [e for e in run.withdrawn if e.registry == registry.name and e.subject is subject]:
                    run.withdrawn.remove(entry)
                    self._retire(entry)
                    return None
        return original(*args, **kwargs)

    def _keep_findable(self, registry: Registry, entry: Entry) -> None:
        if registry.late is not None:
            self.ledger.swept[entry.place] = entry
            self._try(registry, self._divert, registry, registry.late, self._looking_up)

    def _looking_up(self, registry: Registry, announced: Any, original: Any, args: Any, kwargs: Any) -> Any:
        """Serve a framework what a live graph still names although it was swept or is withdrawn."""
        __tracebackhide__ = True
        try:
            return original(*args, **kwargs)
        except LookupError:
            key, _ = announced
            entry = self.ledger.swept.get((registry.name, key))
            if entry is None or self._try(registry, self._locate_caller, sys._getframe(1), registry.plumbing):
                raise
            if not any(entry in run.withdrawn for run in self._active):
                self.tell(
                    f"{key_text(key)!r} is no longer registered ({registry.name}): a graph that was traced before"
                    " still uses it. Trace it again, or run the cell that registers it."
                )
            return entry.subject

    # -- faults and explanations

    def tell(self, text: str) -> None:
        """One line to the user, once."""
        if text not in self._told:
            self._told.add(text)
            self._say(text)

    def _explain(
        self, registry: Registry, key: Hashable, before: Any, caller: Caller | None, error: BaseException
    ) -> None:
        top = self.ledger.top((registry.name, key))
        if caller is None or not self._try(registry, registry.holds, key, before, otherwise=False):
            return
        name = key_text(key)
        here = where(caller.owner, caller.line)
        if top is not None and top.owner is not None:
            there, way_out = where(top.owner, top.line), f"Rename one, or: %kreg clear {name}"
        else:
            there, way_out = (definition(registry.subject(before)) or ("a framework",))[0], "Rename yours."
        note = f"kreg: {name!r} is registered by {there}; this is {here}. {way_out}"
        if hasattr(error, "add_note"):
            error.add_note(note)
        else:  # Python 3.10
            self._say(note.removeprefix("kreg: "))

    def _try(self, registry: Registry, act: Callable[..., Any], *args: Any, otherwise: Any = None) -> Any:
        """Ask or tell an adapter something. Its fault is a line, once, and a row in the status; the others go on."""
        try:
            return act(*args)
        except Exception as error:
            self._fault(registry, error)
            return otherwise

    def _fault(self, registry: Registry, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}".splitlines()[0]
        self.faults.setdefault(registry.name, text)
        self.tell(f"the registry {registry.name} is not guarded properly: {self.faults[registry.name]}")


def where(owner: Owner, line: int | None) -> str:
    """``cell [3], line 2``: a place as people look for it."""
    return owner.label if line is None else f"{owner.label}, line {line}"


def _resolve(namespace: Mapping[str, Any], qualname: str) -> Any:
    """What a qualified name means, or `MISSING`; a class's own attributes, unwrapped from their descriptors."""
    name, *rest = qualname.split(".")
    meant = namespace.get(name, MISSING)
    for name in rest:
        meant = vars(meant).get(name, MISSING) if hasattr(meant, "__dict__") else MISSING
        meant = getattr(meant, "__func__", meant)
    return meant
