"""What users write into containers themselves, past every gate: seen by comparing, and given to the run."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from kreg_ipython.guard.context import Caller, Surroundings
from kreg_ipython.guard.faults import Faults
from kreg_ipython.guard.gates import Gates
from kreg_ipython.guard.ledger import Ledger, Run
from kreg_ipython.guard.reconcile import Standing
from kreg_ipython.guard.snapshot import Contents, Snapshot, contents
from kreg_ipython.lib import source
from kreg_ipython.lib.naming import definition
from kreg_ipython.registries.shapes import Registry, same_value


class Writes:
    """Follows the containers that users change without any function of the framework's.

    Args:
        ledger: what should stand where.
        registries: the adapters, by name.
        standing: has the snapshots.
        surroundings: whose an object is that was written unseen.
        faults: asks the adapters.
        record: writes down what was written, as a registration: registry, key, value, former value, caller.
    """

    def __init__(
        self,
        ledger: Ledger,
        registries: Mapping[str, Registry],
        standing: Standing,
        surroundings: Surroundings,
        faults: Faults,
        record: Callable[[Registry, Hashable, Any, Any, Caller], None],
    ) -> None:
        self._ledger, self._registries, self._standing = ledger, registries, standing
        self._surroundings, self._faults, self._record = surroundings, faults, record

    def watch(self, registry: Registry, gates: Gates) -> None:
        """Follow what users write to this registry's container from now on, if they write to it at all."""
        if registry.handout is not None:
            self._standing.snapshots[registry.name] = Snapshot(registry.table)
            gates.add(registry, registry.handout, self._handing_out)
        elif registry.direct:
            self._standing.snapshots[registry.name] = contents(registry)

    def changed(self, thoroughly: bool) -> list[Registry]:
        """The registries that users may have written to since the last look: by their sizes alone, or thoroughly."""
        changed = []
        for name, seen in list(self._standing.snapshots.items()):
            try:
                if seen.changed() if thoroughly else seen.resized():
                    changed.append(self._registries[name])
            except Exception as error:  # a container of the user's own class
                self._faults.note(name, error, self._follow)
        return changed

    def follow(self, changed: list[Registry], run: Run | None) -> None:
        """Give the run what it wrote into containers, and forget what it took out: that is the user's word."""
        for registry in changed:
            self._faults.attempt(registry, self._follow, registry, run)

    def follow_equal(self, run: Run) -> None:
        """Give the run what it wrote over the same object of another owner's: no comparison shows that."""
        for name in run.handed_out & self._registries.keys():
            self._faults.attempt(self._registries[name], self._follow_equal, self._registries[name], run)

    def _handing_out(self, registry: Registry, announced: Any, original: Any, args: Any, kwargs: Any) -> Any:
        snapshot = self._standing.snapshots.get(registry.name)
        if isinstance(snapshot, Snapshot):
            snapshot.handed_out = True
            run = self._surroundings.running()
            if run is not None:
                run.handed_out.add(registry.name)
        return original(*args, **kwargs)

    def _follow(self, registry: Registry, run: Run | None) -> None:
        seen = self._standing.snapshots[registry.name]
        maker = run is not None and run.owner.kind == "module" and run.owner.id == registry.module
        anew = maker and isinstance(seen, Contents) and seen.is_replaced()
        changes = seen.changes()
        for key, value in () if anew else changes.removed:
            place = registry.name, key
            beside = self._ledger.beside(place) if registry.appending else ()
            same = [entry for entry in beside if same_value(entry.value, value)][:1]
            self._standing.forget(same if registry.appending else self._ledger.drop(place), run)
        for key, value, before in changes.written:
            self._faults.attempt(registry, self._wrote, registry, key, value, before, run)
        for entry in self._ledger.live(registry.name) if anew else ():
            if run is not None and entry.owner is not run.owner:  # a fresh kernel would fill the module's new container
                self._standing.put(registry, entry)

    def _wrote(self, registry: Registry, key: Hashable, value: Any, before: Any, run: Run | None) -> None:
        caller: Caller | None
        if run is None:
            caller = self._surroundings.find_owner(registry.subject(value))
        else:
            caller = Caller(run.owner, run, _line_of(run.source, key, registry.subject(value)))
        if caller is not None:
            self._record(registry, key, value, before, caller)

    def _follow_equal(self, registry: Registry, run: Run) -> None:
        for key in source.keys_written(run.source or ""):
            top, mine = self._ledger.top((registry.name, key)), self._ledger.entry(run.owner, (registry.name, key))
            if mine is not None and mine.run is run:
                continue  # it wrote something else, which stands at its former place, under a newer entry
            if top is not None and top.owner not in (None, run.owner) and registry.holds(key, top.value):
                caller = Caller(run.owner, run, _line_of(run.source, key, top.subject))
                self._record(registry, key, top.value, top.value, caller)


def _line_of(text: str | None, key: Hashable, subject: Any) -> int | None:
    """The line of what nobody saw being written: its key as a string literal, or its definition."""
    if not text:
        return None
    line = source.line_of(text, key) if isinstance(key, str) else None
    defined = definition(subject) if line is None else None
    return source.line_of_definition(text, str(defined[1])) if defined and len(defined) > 1 else line
