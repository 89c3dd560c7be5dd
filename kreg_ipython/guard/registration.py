"""A registration: it happens, the same definition run again gets its way made for it, and the ledger is told."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Hashable
from types import FrameType
from typing import Any

from kreg_ipython.guard import messages
from kreg_ipython.guard.conflicts import Conflicts
from kreg_ipython.guard.context import Caller, Surroundings
from kreg_ipython.guard.faults import Faults
from kreg_ipython.guard.gates import Gates
from kreg_ipython.guard.journal import Act
from kreg_ipython.guard.ledger import Entry, Ledger, Run, in_order, unnumbered
from kreg_ipython.guard.notices import Notices
from kreg_ipython.guard.reconcile import Standing
from kreg_ipython.lib.interrupts import held_back
from kreg_ipython.registries.shapes import MISSING, Announcement, Registry, same_value

_UNKNOWN: Any = object()
"""Stands for the value of a key that could not be asked for."""


class Registrations:
    """Lets registrations happen, and gives each to its owner.

    Args:
        ledger: what should stand where.
        standing: puts entries into the registries and takes them out.
        conflicts: who gives way.
        surroundings: who registers.
        gates: stand open inside a registration.
        faults: asks the adapters.
        notices: where each act is written down.
        lock: one thread at a time changes the ledger.
    """

    def __init__(
        self,
        ledger: Ledger,
        standing: Standing,
        conflicts: Conflicts,
        surroundings: Surroundings,
        gates: Gates,
        faults: Faults,
        notices: Notices,
        lock: threading.RLock,
    ) -> None:
        self._ledger, self._standing, self._conflicts, self._surroundings = ledger, standing, conflicts, surroundings
        self._gates, self._faults, self._notices, self._lock = gates, faults, notices, lock

    def registering(self, registry: Registry, announced: Any, original: Any, args: Any, kwargs: Any) -> Any:
        """Let one registration happen, make way for the same definition run again, and write it into the ledger."""
        __tracebackhide__ = True
        frame = sys._getframe(1)
        caller = self._faults.attempt(registry, self._surroundings.locate_caller, frame, registry.plumbing)
        # A framework's function is called by one thread at a time, and calls inside it are part of the same
        # registration. Any other may execute code of the user's: it may wait for a module that another thread imports,
        # and which registers.
        if not self._surroundings.is_framework(registry.module):
            return self._register(registry, announced, original, args, kwargs, caller, frame)
        with self._lock, held_back(), self._gates.open():
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
            done, before = False, self._faults.attempt(registry, registry.current, key, otherwise=_UNKNOWN)
            there = before is not _UNKNOWN  # its framework may have been purged
            before = before if there else MISSING
            if caller is not None:
                self._conflicts.refuse(registry, key, subject, before, caller)
            again = there and self._conflicts.may_make_way((registry.name, key), caller, frame)
        try:
            if again:
                if before is not MISSING or registry.appending:
                    with self._lock:
                        self._faults.attempt(registry, self._make_way, registry, key, subject, before, caller)
                result = registry.register_again(subject, original, args, kwargs)
            else:
                result = original(*args, **kwargs)
            done = True
            return result
        except Exception as error:
            if caller is not None:
                self._faults.attempt(registry, self._conflicts.annotate, registry, key, subject, before, caller, error)
            raise
        finally:
            with self._lock:
                self._faults.attempt(registry, self._registered, registry, announced, before, caller, done)

    def _make_way(self, registry: Registry, key: Hashable, subject: Any, before: Any, caller: Caller | None) -> None:
        """Set aside what the same definition registered before, or an owner that would not register it any more.

        `_registered` puts it back if the call fails. Where equal keys stand side by side nothing is refused, and only
        what this owner registered in a former run, or a cell that may be the same one, goes.
        """
        place = registry.name, key
        if registry.appending and caller is not None:
            for entry in self._ledger.beside(place):
                former = entry.owner is caller.owner and entry.run is not caller.run
                if former or self._conflicts.gives_way(entry, subject, caller):
                    self._standing.take(registry, entry)
                    self._replace(entry, caller)
        elif not registry.appending:
            top = self._ledger.top(place)
            if registry.same(key, before, subject) or self._conflicts.yields(top, subject, caller):
                registry.take(key, before)

    def _registered(
        self, registry: Registry, announced: Announcement, before: Any, caller: Caller | None, done: bool
    ) -> None:
        """Follow what a call to the framework left behind, whether it succeeded, raised half-way, or was ignored: a
        flag that is in use stays when it is defined anew."""
        key, subject = announced
        after = registry.current(key)
        if after is MISSING and before is not MISSING and not registry.appending:
            self._put_back(registry, key, before)
        elif after is not MISSING and (not same_value(after, before) or (done and registry.same(key, after, subject))):
            snapshot = self._standing.snapshots.get(registry.name)
            if snapshot is not None:
                if before is not MISSING:  # not what the run itself wrote a moment ago
                    before = snapshot.known(key)
                snapshot.note(key, after)
            if caller is not None:
                self.record(registry, key, after, before, caller)

    def _put_back(self, registry: Registry, key: Hashable, value: Any) -> None:
        """Put back, in its place, what was set aside for a call that failed."""
        top = self._ledger.top((registry.name, key))
        if top is not None and same_value(top.value, value):
            self._standing.put(registry, top)
            self._standing.put_newer(registry, top)
        else:
            registry.put(key, value)

    def record(
        self, registry: Registry, key: Hashable, value: Any, before: Any, caller: Caller, act: Act = "registered"
    ) -> None:
        """Write a registration into the ledger: it stands on top now, over what stood there ``before``."""
        if registry.appending:
            key = self._own_key(registry.name, key, caller.run)
        place, subject = (registry.name, key), registry.subject(value)
        entry, top = Entry(registry.name, key, value, subject, *caller), self._ledger.top(place)
        order = caller.run.replayed_order(place) if caller.run is not None and caller.run.replays else None
        entry.adopted = act == "adopted"
        if order is not None:
            entry.order = order
        if before is not MISSING and not registry.appending and (top is None or not same_value(top.value, before)):
            if top is not None and top.owner is None:
                self._ledger.remove(top)
            self._standing.know_nobodys(registry, key, before, entry)
        elif top is not None and self._conflicts.gives_way(top, subject, caller):
            self._replace(top, caller)
        if top is not None and not registry.appending and top.owner not in (None, caller.owner):
            self._conflicts.shadow(top, subject, caller)
        self._notices.log(act, entry, "" if act == "registered" else "registered before kreg was watching", caller.run)
        replaced = self._ledger.insert(entry)
        if replaced is not None and replaced.subject is not subject:
            self._ledger.retire(replaced)
        self._ledger.swept.pop(place, None)
        registry.loosen(value)
        if order is not None:
            self._standing.put_newer(registry, entry)

    def _own_key(self, registry: str, key: Hashable, run: Run | None) -> Hashable:
        """Where equal keys stand side by side, each entry has a number of its own: its former one if it had one."""
        mine = [entry for entry in run.withdrawn if entry.owner is run.owner] if run is not None else []
        for former in in_order(mine):
            same = former.registry == registry and unnumbered(former.key) == key
            if same and self._ledger.top(former.place) is None:
                return former.key
        return self._ledger.free_key(registry, key)

    def _replace(self, entry: Entry, caller: Caller) -> None:
        """Retire an entry that gives way to the caller's; it comes back if what the caller does is undone."""
        why = f"{messages.where(caller.owner, caller.line)} registers it now"
        self._notices.log("replaced", entry, why, caller.run)
        self._standing.retire(entry)
        if caller.run is not None and caller.run.active and entry.owner is not caller.owner:
            caller.run.withdrawn.append(entry)
