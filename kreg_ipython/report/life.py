"""Show one key: its entry, what the entry shadows, which variables use former objects, and the key's history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from kreg_ipython.guard.journal import Event
from kreg_ipython.guard.ledger import Entry, Former
from kreg_ipython.guard.messages import former_use, rebuild
from kreg_ipython.guard.transaction import Guard
from kreg_ipython.lib.holders import Opaque, holders
from kreg_ipython.lib.naming import clean, key_text
from kreg_ipython.report import render
from kreg_ipython.report.log import event_cells, event_dict
from kreg_ipython.report.status import Row, former, row_of, row_of_former, row_of_framework, stands


@dataclass(frozen=True)
class Use:
    """A variable that holds a former object, and the execution count of the cell that assigns it."""

    name: str
    relation: str
    cell: int | None

    def sentence(self, one: Row) -> str:
        """Return ``model is built from the former Foo of run [5]; re-run cell [6], which builds it``."""
        use = former_use(self.name, self.relation, one.object, one.run)
        if self.relation != "is":
            return f"{use}; {rebuild(self.cell, 'it')}"
        return f"{use}; import it again" if one.owner["kind"] == "module" else use


@dataclass(frozen=True)
class Life:
    """One key in one registry.

    Attributes:
        registry: the registry's name.
        key: the key as text.
        row: what stands at the key now; None if nothing does.
        shadows: the entries under it.
        former: former objects that are still alive, and the variables that use them.
        history: the events of the key, the newest last.
    """

    registry: str
    key: str
    row: Row | None
    shadows: tuple[Row, ...]
    former: tuple[tuple[Row, tuple[Use, ...]], ...]
    history: tuple[Event, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return one entry of `Lives.to_dict`."""
        nothing = dict.fromkeys(("object", "owner", "line", "run"), None) | {"state": "not registered", "note": ""}
        return {
            **(self.row.to_dict() if self.row is not None else nothing),
            "registry": self.registry,
            "key": self.key,
            "source": (self.row.source or None) if self.row is not None else None,
            "shadows": [row.to_dict() for row in self.shadows],
            "former": [{**row.to_dict(), "holders": [asdict(use) for use in uses]} for row, uses in self.former],
            "history": [event_dict(event) for event in self.history],
        }

    def head(self) -> str:
        """Return the key, the registry and the state in a line."""
        state = "not registered" if self.row is None else self.row.state
        return f"{clean(self.key)} in {self.registry}: {state}"

    def cells(self) -> Iterable[tuple[str, ...]]:
        """Yield a row for each object that the key has had, the present one first, as `render.entries` has them."""
        for row in (() if self.row is None else (self.row,)) + self.shadows:
            yield _cells(row, row.note)
        for row, uses in self.former:
            yield _cells(row, "\n".join(use.sentence(row) for use in uses))


@dataclass(frozen=True, repr=False)
class Lives(render.Shown):
    """The result of ``%kreg show``: the key in each registry that knows it."""

    key: str
    lives: tuple[Life, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the key and its entries.

        ``{"key", "entries": [{registry, key, object, owner, line, run, state, note, source, "shadows": [entry],
        "former": [entry with "holders": [{name, relation, cell}]], "history": [event]}]}``.
        """
        return {"key": self.key, "entries": [life.to_dict() for life in self.lives]}

    def text(self) -> Iterable[str]:
        for life in self.lives:
            yield from render.wrapped([f"kreg: {life.head()}"])
            rows = [*life.cells()]
            yield from render.entries(rows, render.widths_of(rows))
            if life.history:
                yield f"  history: {render.count(len(life.history), 'event')}"
                events = [_event_cells(event) for event in life.history[-render.FOLDED :]]
                yield from render.entries(events, render.widths_of(events), "    ")

    def html(self) -> Iterable[str]:
        for life in self.lives:
            yield render.paragraph(f"kreg: {life.head()}")
            rows = [*life.cells()]
            yield render.entry_list(rows)
            if life.history:
                events = [_event_cells(event) for event in life.history]
                history = render.entry_list(events)
                yield render.fold(f"history: {render.count(len(life.history), 'event')}", history, shut=True)


def lives(
    guard: Guard,
    key: str,
    *,
    names: Mapping[str, Any],
    cell_that_assigns: Callable[[str], int | None],
    opaque: Opaque,
    registry: Callable[[str], bool] = lambda name: True,
) -> Lives:
    """Return all that is known of a key.

    Args:
        guard: guards the registries.
        key: the key as text.
        names: the variables that may hold former objects.
        cell_that_assigns: returns the execution count of the cell that assigns a variable.
        opaque: what is not looked into.
        registry: returns whether a registry counts, by its name.
    """
    formers = [one for one in former(guard) if one.key == key and registry(one.registry)]
    held = holders(names, [one.subject() for one in formers], opaque) if formers else {}
    uses = {at: tuple(Use(*holder, cell_that_assigns(holder.name)) for holder in some) for at, some in held.items()}
    biographer = _Biographer(guard, key, formers, uses)
    entries = [entry for entry in guard.ledger if key_text(entry.key) == key and registry(entry.registry)]
    found = [biographer.of_entry(entry) for entry in entries if not guard.ledger.is_shadowed(entry)]
    known = {life.registry for life in found}
    for name in guard.registries:
        if name not in known and registry(name):
            found += biographer.of_nobody(name)
    return Lives(key, tuple(found))


@dataclass(frozen=True)
class _Biographer:
    """Tells the lives of one key.

    Attributes:
        guard: guards the registries.
        key: the key as text.
        formers: the key's former objects.
        uses: the variables that hold a former object, by the object's ``id``.
    """

    guard: Guard
    key: str
    formers: list[Former]
    uses: dict[int, tuple[Use, ...]]

    def of_entry(self, top: Entry) -> Life:
        """Return the life of a key that owners have."""
        below, entry = [], self.guard.ledger.under(top)
        while entry is not None:
            below.append(_row(self.guard, entry))
            entry = self.guard.ledger.under(entry)
        row = _row(self.guard, top) if stands(self.guard, top) else None
        return self._life(top.registry, row, tuple(below))

    def of_nobody(self, name: str) -> Iterable[Life]:
        """Yield the lives of a key that no owner has now: a framework's own, or one that is gone."""
        registry = self.guard.registries[name]
        there = registry.attached and registry.is_there()
        rows = [
            row_of_framework(name, own, registry.subject(value))
            for own, value in (registry.entries() if there else ())
            if key_text(own) == self.key
        ]
        for row in rows[-1:]:
            yield self._life(name, row)
        life = self._life(name, None)
        if not rows and (life.former or life.history):
            yield life

    def _life(self, registry: str, row: Row | None, below: tuple[Row, ...] = ()) -> Life:
        registered = {(registry, self.key)} if row is not None else set()
        mine = [
            (row_of_former(one, registered), self.uses.get(id(one.subject()), ()))
            for one in self.formers
            if one.registry == registry
        ]
        events = self.guard.memory.journal.events()
        history = tuple(event for event in events if (event.registry, event.key) == (registry, self.key))
        return Life(registry, self.key, row, below, tuple(mine), history)


def _row(guard: Guard, entry: Entry) -> Row:
    return (
        row_of(guard, entry) if entry.owner is not None else row_of_framework(entry.registry, entry.key, entry.subject)
    )


def _cells(row: Row, note: str) -> tuple[str, ...]:
    label = row.owner["label"] or "no owner"
    return row.state, row.object, label, render.place(row.line, row.run), row.source, note


def _event_cells(event: Event) -> tuple[str, ...]:
    """Return the cells of an event's row, without the key and the registry, which stand above."""
    act, _, owner, run, _, source, reason = event_cells(event)
    return act, owner, run, source, reason
