"""Run one registration: let a re-run of the same definition replace its predecessor, then record it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from kreg_ipython.guard import messages, ways
from kreg_ipython.guard.conflicts import Conflicts
from kreg_ipython.guard.context import Registration, Shared
from kreg_ipython.guard.guarded import UNKNOWN, GuardedRegistry
from kreg_ipython.guard.journal import Act
from kreg_ipython.guard.ledger import Caller, Entry, Spot, replayed_order
from kreg_ipython.guard.reconcile import Reconciler
from kreg_ipython.lib import stack
from kreg_ipython.lib.importlib_bootstrap import pass_over
from kreg_ipython.lib.interrupts import defer_interrupts
from kreg_ipython.lib.naming import module_of, same_definition
from kreg_ipython.registries.registry import MISSING, Announcement, same_value


class Registrations:
    """Lets registrations happen, and gives each to its owner.

    Args:
        shared: what the parts of the guard share. The gates stand open inside a registration.
        reconciler: moves entries.
    """

    def __init__(self, shared: Shared, reconciler: Reconciler) -> None:
        self._reconciler, self._conflicts = reconciler, Conflicts(shared)
        self._ledger, self._context, self._gates = shared.ledger, shared.context, shared.gates
        self._notices, self._lock = shared.notices, shared.lock

    @pass_over
    def registering(
        self,
        registry: GuardedRegistry,
        announced: Announcement | list[Announcement],
        original: Callable[..., Any],
        args: Any,
        kwargs: Any,
    ) -> Any:
        """Call the framework's function; let former selves make way, and record what the call left behind."""
        __tracebackhide__ = True
        frame = sys._getframe(1)
        several = announced if isinstance(announced, list) else [announced]
        registrations = [Registration(registry, *each, self._caller(registry, each[1], frame)) for each in several]
        # A framework's function is called by one thread at a time, and calls inside it are part of the same
        # registration. Any other may execute code of the user's: it may wait for a module that another thread imports,
        # and which registers.
        if not self._context.is_framework(registry.adapter.module):
            return self._call(registrations, original, args, kwargs, frame)
        with self._lock, defer_interrupts(), self._gates.open():
            return self._call(registrations, original, args, kwargs, frame)

    def _caller(self, registry: GuardedRegistry, subject: Any, frame: FrameType) -> Caller | None:
        """Return who registers an object under this frame; None if a library does, for itself."""
        adapter = registry.adapter
        caller = registry.attempt(self._context.locate_caller, frame, adapter.passthrough_modules, subject)
        by_a_library = caller is not None and adapter.users_only and _is_by_a_library(caller)
        return None if by_a_library and not is_users(subject) else caller

    @pass_over
    def _call(
        self, registrations: list[Registration], original: Callable[..., Any], args: Any, kwargs: Any, frame: FrameType
    ) -> Any:
        __tracebackhide__ = True
        first, makes_way, done = registrations[0], [], False
        registry = first.registry
        with self._lock:
            for each in registrations:  # a comprehension has a frame of its own, which tracebacks would show
                if self._prepare(each, frame):
                    makes_way.append(each)
        try:
            with self._lock:
                for each in makes_way:
                    registry.attempt(self._make_way, each)
            result = registry.register(first.subject, original, args, kwargs, first in makes_way)
            done = True
            return result
        except Exception as error:
            refused = next((each for each in registrations if each.before is not MISSING), first)
            registry.attempt(self._conflicts.annotate, refused, error)
            raise
        finally:
            with self._lock:
                for each in registrations:
                    registry.attempt(self._follow, each, done)

    def _prepare(self, registration: Registration, frame: FrameType) -> bool:
        """Look at what stands at the key; return whether it may be set aside."""
        __tracebackhide__ = True
        registry = registration.registry
        if not registry.allows_duplicates:
            before = registry.current(registration.key, otherwise=UNKNOWN)
            if before is UNKNOWN:
                return False  # its framework may have been purged
            registration.before = registration.covers = before
            if before is not MISSING and registry.snapshot is not None:
                registration.covers = registry.snapshot.known(registration.key)
        self._conflicts.refuse(registration)
        return self._conflicts.may_make_way(registration, frame)

    def _make_way(self, registration: Registration) -> None:
        """Take out what the same definition registered before, or what its owner would not register any more.

        `_follow` puts it back if the call fails. Where equal keys stand side by side nothing is refused: one entry of a
        former run of this owner goes, and those of a cell that may be the same one.
        """
        registry, caller = registration.registry, registration.caller
        if registry.allows_duplicates:
            if caller is not None:
                registration.evicted = tuple(self._predecessors(registration.spot, registration.subject, caller))
                for entry in registration.evicted:
                    registry.remove(registration.key, entry.value)
        elif registration.before is not MISSING:
            top = self._ledger.top(registration.spot)
            same = registry.same(registration.key, registration.before, registration.subject)
            if same or self._conflicts.may_be_replaced(top, registration):
                registration.evicted = (top,) if top is not None else ()
                registry.remove(registration.key, registration.before)

    def _predecessors(self, spot: Spot, subject: Any, caller: Caller) -> Iterator[Entry]:
        """Yield the entries, of those that stand side by side, in whose place a new one comes."""
        if caller.run is None or caller.run.removed_at(spot) is None:  # or else it has made way already
            former = self._ledger.former_of(caller.owner, spot, caller.run)
            if former is not None:
                yield former
        if self._ledger.has_other_owners(spot, caller.owner):
            for entry in self._ledger.stack(spot):
                if self._conflicts.gives_way(entry, subject, caller):
                    yield entry

    def _follow(self, registration: Registration, done: bool) -> None:
        """Record what a call to the framework left behind, whether it succeeded, raised half-way, or was ignored.

        It is ignored where a flag that is in use is defined anew.
        """
        registry, key, before = registration.registry, registration.key, registration.before
        after = registry.current(key)
        if registry.allows_duplicates:
            known = not done and any(same_value(entry.value, after) for entry in self._ledger.stack(registration.spot))
            for entry in registration.evicted if not done else ():
                self._reconciler.put_in_place(entry)
            if after is MISSING or known:
                return
        elif after is MISSING:
            if before is not MISSING:
                top = self._ledger.top(registration.spot)
                if top is not None and same_value(top.value, before):
                    self._reconciler.put_in_place(top)
                else:
                    registry.insert(key, before)
            return
        elif same_value(after, before) and not (done and registry.same(key, after, registration.subject)):
            return
        registry.note(key, after)
        if registration.caller is not None:
            self.record(registration, after)

    def record(self, registration: Registration, value: Any, act: Act = "registered", written: bool = False) -> None:
        """Write a registration into the ledger: it stands on top now, over what stood there before.

        Args:
            registration: what was registered, by whom.
            value: what the registry stores.
            act: what was done: "registered" or "adopted".
            written: whether it was written into the container, past every gate.
        """
        registry, caller = registration.registry, registration.caller
        assert caller is not None
        subject = registry.subject(value)
        entry = Entry(registry.name, registration.key, value, subject, *caller, act == "adopted", written)
        former = self._own_former(entry) if act == "registered" or not registry.allows_duplicates else None
        if caller.run is not None and caller.run.replays:
            entry.order = replayed_order(former, caller.run) or entry.order
        if not registry.allows_duplicates:
            self._cover(registration, entry, former)
        self._notices.log(act, entry, "" if act == "registered" else "registered before kreg was watching", caller.run)
        self._ledger.insert(entry)
        for each in dict.fromkeys([*([former] if former is not None else []), *registration.evicted]):
            if registry.allows_duplicates or each is former:
                self._replace(each, entry)
        for each in self._former_selves(entry, caller) if not isinstance(entry.key, str) else ():
            self._reconciler.change(remove=[each])
            self._replace(each, entry)
        self._ledger.swept.pop(entry.spot, None)
        ways.remember(entry.steps)
        registry.weaken_keys(value)
        if caller.run is not None and caller.run.replays:
            self._reconciler.put_in_place(entry)

    def _own_former(self, entry: Entry) -> Entry | None:
        """Return the entry of a former run of the same owner that a new one replaces.

        It was removed before the run, or still stands.
        """
        assert entry.owner is not None
        removed = entry.run.removed_at(entry.spot) if entry.run is not None else None
        if removed is not None and removed.owner is entry.owner:
            return removed
        return self._ledger.former_of(entry.owner, entry.spot, entry.run)

    def _cover(self, registration: Registration, entry: Entry, former: Entry | None) -> None:
        """Put an entry over what stood at its key.

        An owner's entry gives way or is shadowed. A value that nobody owns is written down.
        """
        top, before, caller = self._ledger.top(entry.spot), registration.covers, registration.caller
        assert caller is not None
        if before is not MISSING and (top is None or not same_value(top.value, before)):
            if top is not None and top.owner is None:
                self._ledger.remove(top)
            self._reconciler.know_unowned(entry.key, before, entry)
        elif top is not None and self._conflicts.gives_way(top, entry.subject, caller):
            self._replace(top, entry)
        for other in self._ledger.stack(entry.spot):  # a key that one run registers twice is there once
            if other.owner is entry.owner and other is not former:
                entry.order = other.order if caller.run is not None and caller.run.replays else entry.order
                self._ledger.remove(other)
                if other.subject is not entry.subject:
                    self._ledger.retire([other])
        top = self._ledger.top(entry.spot)
        if top is not None and top.owner not in (None, caller.owner):
            self._conflicts.shadow(top, registration, entry.subject, caller)

    def _former_selves(self, entry: Entry, caller: Caller) -> list[Entry]:
        """Return what a cell that may be the calling one registered with the former class of the name in the key."""
        return [
            each
            for each in self._ledger.equally_named(entry)
            if self._conflicts.gives_way(each, entry.subject, caller)
            and same_definition(each.subject, entry.subject)
            and ways.is_of_a_former_self(each)
        ]

    def _replace(self, former: Entry, entry: Entry) -> None:
        """Take a former entry out of the ledger for the one in its place; it comes back if the run is undone."""
        run = entry.run
        if former.owner is not entry.owner and entry.owner is not None:
            self._notices.log("replaced", former, f"{messages.where(entry)} registers it now", run)
        self._ledger.remove(former)
        if run is not None and run.active:
            run.removed.pop(former, None)
            run.replaced[former] = entry
        elif former.subject is not entry.subject:
            self._ledger.retire([former])


def _is_by_a_library(caller: Caller) -> bool:
    """Return whether it is a function of an installed package that registers."""
    return bool(caller.steps) and stack.is_library(caller.steps[-1].code.co_filename)


def is_users(subject: Any) -> bool:
    """Return whether an object is defined in the notebook, or in a file of the user's."""
    home = module_of(subject)
    return home == "__main__" or not stack.is_library(
        str(getattr(sys.modules.get(home or ""), "__file__", None) or "<frozen>")
    )
