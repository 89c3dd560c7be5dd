"""Follow what users write into containers themselves, past every gate: comparing shows it, and the run gets it."""

from __future__ import annotations

import sys
from collections.abc import Hashable
from typing import Any

from kreg_ipython.guard import ways
from kreg_ipython.guard.context import Registration, Shared
from kreg_ipython.guard.guarded import GuardedRegistry
from kreg_ipython.guard.ledger import Caller, Run
from kreg_ipython.guard.reconcile import Reconciler
from kreg_ipython.guard.registration import Registrations
from kreg_ipython.guard.snapshot import AccessedContents
from kreg_ipython.lib import stack
from kreg_ipython.lib.importlib_bootstrap import pass_over
from kreg_ipython.lib.interrupts import defer_interrupts
from kreg_ipython.lib.naming import definition
from kreg_ipython.lib.source import read
from kreg_ipython.lib.statements import Statement
from kreg_ipython.registries.registry import same_value


class DirectWrites:
    """Follows the containers that users change without any function of the framework's.

    Args:
        shared: what the parts of the guard share.
        reconciler: moves entries.
        registrations: write down what was written.
    """

    def __init__(self, shared: Shared, reconciler: Reconciler, registrations: Registrations) -> None:
        self._ledger, self._registries = shared.ledger, shared.registries
        self._context, self._lock = shared.context, shared.lock
        self._reconciler, self._registrations = reconciler, registrations
        self._followed: dict[str, GuardedRegistry] = {}

    def watch(self, registry: GuardedRegistry) -> None:
        """Follow what users write to this registry's container from now on, if they write to it at all."""
        registry.look()
        self.unwatch(registry.name)
        if registry.snapshot is not None:
            self._followed[registry.name] = registry
        registry.divert("access", self._accessing)

    def unwatch(self, name: str) -> None:
        """Leave a registry's container alone."""
        self._followed.pop(name, None)

    def between(self, run: Run | None = None) -> None:
        """Give what was written until now to the run around it, before something else begins.

        Between two cells there is no run, since a thread or a widget wrote it. A look at the sizes is enough then.
        """
        changed = self.changed(thoroughly=run is not None)
        if changed:
            with self._lock, defer_interrupts():
                self.follow(changed, run)

    def changed(self, thoroughly: bool) -> list[GuardedRegistry]:
        """Return the registries that users may have written to since the last look.

        Only the sizes are compared, unless ``thoroughly``.
        """
        changed = []
        for registry in list(self._followed.values()):
            seen = registry.snapshot
            if seen is None:
                continue
            try:
                if seen.changed() if thoroughly else seen.resized():
                    changed.append(registry)
            except Exception as error:  # a container of the user's own class
                registry.fail(error, self._follow)
        return changed

    def follow(self, changed: list[GuardedRegistry], run: Run | None) -> None:
        """Give the run what it wrote into containers, and forget what it took out: that is the user's word."""
        for registry in changed:
            registry.attempt(self._follow, registry, run)

    def follow_equal(self, run: Run) -> None:
        """Give the run what it wrote over the same object of another owner's: no comparison shows that."""
        for name in run.accessed.keys() & self._registries.keys():
            self._registries[name].attempt(self._follow_equal, self._registries[name], run)

    @pass_over
    def _accessing(self, registry: GuardedRegistry, announced: Any, original: Any, args: Any, kwargs: Any) -> Any:
        if isinstance(registry.snapshot, AccessedContents):
            registry.snapshot.accessed = True
            run = self._context.running()
            if run is not None:
                asked, frame = run.accessed.setdefault(registry.name, {}), sys._getframe(1)
                trail = stack.trail(frame)
                if trail not in asked:
                    passthrough = registry.adapter.passthrough_modules
                    caller = registry.attempt(self._context.locate_caller, frame, passthrough)
                    in_function = caller and caller.run is run and caller.steps and caller.steps[-1].function
                    asked[trail] = caller if in_function else None
        return original(*args, **kwargs)

    def _follow(self, registry: GuardedRegistry, run: Run | None) -> None:
        seen = registry.snapshot
        assert seen is not None
        makes = run is not None and run.owner.kind == "module" and run.owner.id == registry.adapter.module
        anew = makes and seen.is_replaced()
        changes = seen.changes()
        for key, value in () if anew else changes.removed:
            stack = self._ledger.stack((registry.name, key))
            if registry.allows_duplicates:
                stack = [entry for entry in stack if same_value(entry.value, value)][:1]
            self._reconciler.forget(stack, run)
        writers = _Writers(registry, run) if run is not None and changes.written else None
        for key, value, before in changes.written:
            registry.attempt(self._wrote, registry, key, value, before, writers)
        if anew and run is not None:  # a fresh kernel would fill the module's new container
            theirs = [entry for entry in self._ledger.of_registry(registry.name) if entry.owner is not run.owner]
            self._reconciler.change(remove=theirs)
            self._reconciler.change(insert=theirs)

    def _wrote(
        self, registry: GuardedRegistry, key: Hashable, value: Any, before: Any, writers: _Writers | None
    ) -> None:
        subject = registry.subject(value)
        caller = self._context.find_owner(subject) if writers is None else writers.of(key, subject)
        if caller is not None:
            registration = Registration(registry, key, subject, caller, before, before)
            self._registrations.record(registration, value, written=True)

    def _follow_equal(self, registry: GuardedRegistry, run: Run) -> None:
        writers = _Writers(registry, run)
        for key in writers.said:
            stack = self._ledger.stack((registry.name, key))
            if any(entry.owner is run.owner and entry.run is run for entry in stack):
                continue  # it wrote something else, which stands at its former place, under a newer entry
            top = stack[-1] if stack else None
            if top is not None and top.owner not in (None, run.owner) and registry.holds(key, top.value):
                caller = writers.of(key, top.subject)
                registration = Registration(registry, key, top.subject, caller, top.value, top.value)
                self._registrations.record(registration, top.value, written=True)


class _Writers:
    """The statements and functions that may have written in a run what nobody saw being written.

    Args:
        registry: where it was written.
        run: the run, whose functions have asked for the registry's container.
    """

    def __init__(self, registry: GuardedRegistry, run: Run) -> None:
        self._registry, self._run, self._source = registry, run, read(run.source or "")
        self._functions: list[tuple[Caller, list[Statement]]] = []
        self._by_word: dict[Hashable, list[tuple[Caller, list[Statement]]]] = {}
        self._paths: set[str] = set()
        """The owner's own functions among them."""
        askers = filter(None, run.accessed.get(registry.name, {}).values())
        for asker in {_way_to_function(each): each for each in askers}.values():
            own = [step.code.co_filename == asker.steps[0].code.co_filename for step in asker.steps]
            statements = ways.writers(asker.steps[-1], self._source if own[-1] and asker.complete else None)
            self._functions.append((asker, statements))
            self._paths |= {each.path for each in statements if own[-1]}
            words = set[Hashable]().union(*(each.keys_written or () for each in statements))
            for step, is_own in zip(asker.steps[:-1], own) if statements else ():
                words |= self._source.said_at(step.line) if is_own else set()
            for word in words:
                self._by_word.setdefault(word, []).append((asker, statements))

    @property
    def said(self) -> set[Hashable]:
        """The keys that one of them may say."""
        return {*self._source.literal_keys, *self._by_word}

    def of(self, key: Hashable, subject: Any) -> Caller:
        """Return what wrote a key: the owner's own statement, or else the function, if only one can have."""
        own = self._own_writers(key)
        may_have = self._by_word.get(key) or self._functions
        if len(may_have) == 1 and all(each.path in self._paths for each in own):
            [(asker, statements)] = may_have
            written = [each for each in statements if each.may_write(key)]
            if len(written) == 1:
                return asker._replace(steps=(*asker.steps[:-1], asker.steps[-1]._replace(line=written[0].first)))
        return Caller(self._run.owner, self._run, self._line_of(key, subject, own))

    def _own_writers(self, key: Hashable) -> list[Statement]:
        """Return the owner's statements that may have written a key."""
        module = ways.module_of(self._run.owner)
        return [each for each in self._source.writers(key) if ways.may_write_to(each, self._registry, module)]

    def _line_of(self, key: Hashable, subject: Any, writers: list[Statement]) -> int | None:
        """Return the line at which an entry was written unseen.

        It is that of the statement that may have written it and says the key, or else that of the key as a string
        literal, or of the definition, which is found by the object or by the key.
        """
        saying = next((each for each in writers if each.keys_written), None)
        if saying is not None:
            return saying.first
        defined = definition(subject)
        names = [str(defined[1])] if defined and len(defined) > 1 and defined[-1] != "instance" else []
        names += [key] if isinstance(key, str) else []
        lines = [self._source.line_of_key(key) if isinstance(key, str) else None]
        lines += [self._source.line_of_definition(name) for name in names]
        line = next((each for each in lines if each is not None), None)
        at = self._source.at(line)
        return line if at is None or not at.writes or at in writers else None


def _way_to_function(caller: Caller) -> Hashable:
    """Return the steps to the function that asks, without its own line: it may ask at several."""
    around = tuple((id(step.code), step.line) for step in caller.steps[:-1])
    return *around, id(caller.steps[-1].code)
