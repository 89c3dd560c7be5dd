"""Show what is registered, by whom and in which state, by owner in the order of their runs: ``%kreg status``."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Container, Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from math import inf
from types import MappingProxyType
from typing import Any, Literal

from kreg_ipython.guard.journal import OwnerText
from kreg_ipython.guard.ledger import Entry, Former, Order, Owner
from kreg_ipython.guard.messages import PINNED
from kreg_ipython.guard.transaction import Guard
from kreg_ipython.lib.naming import definition_text, key_text
from kreg_ipython.registries import FRAMEWORKS, OWNING_NOTHING, added
from kreg_ipython.registries.registry import NotThere, Registry
from kreg_ipython.report import render

State = Literal["current", "shadowed", "superseded", "swept", "kept", "partial"]

MEANING: dict[State, str] = {
    "current": "registered, as a fresh kernel would have it",
    "shadowed": "under a newer entry of another owner; restored when that one is removed",
    "superseded": "a former object that is still alive; its key has a newer one",
    "swept": "a former object that is still alive or held for %kreg undo; its key is no longer registered",
    "kept": "not registered again by the last run, or its cell was deleted; kept to be safe",
    "partial": "restored because the last run of its owner failed before it registered the entry again",
}

GONE: frozenset[str] = frozenset({"superseded", "swept"})
"""The states of objects that are not registered any more."""

STALE: frozenset[str] = GONE | {"kept", "partial"}
"""The states of entries that a fresh kernel would not have, or may not have."""

_GROUPS = 50
"""The number of owners that the text shows."""
_NAMED = 5
"""The number of owners whose automatic names the text counts."""


@dataclass(frozen=True)
class Row:
    """One entry, as ``%kreg status`` shows it.

    Attributes:
        registry: the registry's name.
        key: the key as text.
        object: what is registered, as text.
        owner: the owner, as `owner_dict` has it.
        line: the line in the owner's source; 1 is the first.
        run: the execution count of the cell that registered it.
        state: the state; `MEANING` explains it.
        note: why the entry is kept.
        source: the line of source that registered it, as far as it is known.
    """

    registry: str
    key: str
    object: str
    owner: dict[str, str | None]
    line: int | None
    run: int | None
    state: State | Literal["framework"]
    note: str = ""
    source: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the row in JSON's types. `%kreg show` has the source."""
        facts = asdict(self)
        del facts["source"]
        return facts


@dataclass(frozen=True)
class Group:
    """The rows of an owner.

    Attributes:
        title: names the owner, and says if it was deleted or failed.
        rows: its entries and former objects.
        place: where the owner stands in the notebook; all that is no cell comes after the cells.
    """

    title: str
    rows: tuple[Row, ...]
    place: float = inf

    def cells(self) -> list[tuple[str, ...]]:
        """Return what is shown of each row, as `render.entries` has it, but for a registry that the title names."""
        return [_cells(row, self.title) for row in self.rows]

    def summary(self) -> str:
        """Return the title, the number of entries, and the number in each state unless all are current."""
        counts = _counts(self.rows)
        what = render.count(len(self.rows), "entry", "entries")
        return f"{self.title}: {what}" + (
            f" ({_counts_text(counts)})" if set(counts) - {"current", "framework"} else ""
        )


@dataclass(frozen=True, repr=False)
class Status(render.Shown):
    """The state of the registries at one moment.

    Attributes:
        on: whether kreg guards them.
        groups: the entries that were asked for, by owner.
        counts: the number of all the user's entries in each state.
        framework: the number of the frameworks' entries in each registry.
        library: the number of the entries of other installed packages in each registry.
        faults: the registries that are not guarded properly, and why.
        absent: the registries that their framework does not have, in this version or so far.
        waiting: what is watched once it exists.
        asked: the options that the user gave.
        names: the number of objects with an automatic name, by owner.
    """

    on: bool
    groups: tuple[Group, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    framework: dict[str, int] = field(default_factory=dict)
    library: dict[str, int] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    asked: str = ""
    names: dict[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> list[Row]:
        """All rows, the oldest owner's first."""
        return [row for group in self.groups for row in group.rows]

    def to_dict(self) -> dict[str, Any]:
        """Return the state in JSON's types.

        ``{"on", "entries": [{registry, key, object, owner, line, run, state, note}], "counts": {state: count},
        "framework": {registry: count}, "library": {registry: count}, "faults": {registry: text}, "absent": [registry],
        "waiting": [registry], "names": {owner: count}}``.

        ``absent`` are the registries that their framework does not have, in this version or so far. ``waiting`` are
        those of ``%kreg watch`` that do not exist now: their module is not imported yet, or they were deleted.
        ``names`` counts the living objects that Keras named by itself, by the owner whose next run gets these names
        again.
        """
        return {
            "on": self.on,
            "entries": [row.to_dict() for row in self.rows],
            "counts": dict(self.counts),
            "framework": dict(self.framework),
            "library": dict(self.library),
            "faults": dict(self.faults),
            "absent": list(self.absent),
            "waiting": list(self.waiting),
            "names": dict(self.names),
        }

    def text(self) -> Iterable[str]:
        yield from render.wrapped(self.head())
        view, everything = self._view(), self._everything()
        widths = render.widths_of([cells for group in view for cells in group.cells()])
        for group in view[:_GROUPS]:
            yield from render.wrapped([group.summary()])
            yield from render.entries(group.cells()[: render.FOLDED], widths)
            if len(group.rows) > render.FOLDED:
                yield "  " + render.more(len(group.rows) - render.FOLDED, everything)
        if len(view) > _GROUPS:
            yield f"… and {len(view) - _GROUPS:,} more owners: {everything}"
        yield from render.wrapped(self._foot())

    def html(self) -> Iterable[str]:
        yield from map(render.paragraph, self.head())
        view = self._view()
        shown = sum(len(group.rows) for group in view)
        widths = render.page_widths([cells for group in view for cells in group.cells()])
        for group in view:
            body = render.entry_list(group.cells(), widths, way=self._everything())
            shut = len(group.rows) > render.FOLDED or shown > 10 * render.FOLDED
            yield render.fold(group.summary(), body, shut=shut)
        yield from map(render.paragraph, self._foot())

    def _view(self) -> list[Group]:
        """Return the groups as people read them.

        What needs a look comes first, then the cells as they stand in the notebook, or ran. What is gone from the
        registries, and what frameworks registered, comes last.
        """
        there, gone = [], []
        for group in self.groups:
            rows = tuple(sorted((row for row in group.rows if row.state not in GONE), key=_needs_no_look))
            former = tuple(row for row in group.rows if row.state in GONE)
            there += [replace(group, rows=rows)] if rows else []
            gone += [replace(group, title=f"gone from {group.title}", rows=former)] if former else []
        there.sort(key=lambda group: (group.rows[0].state == "framework", _needs_no_look(group.rows[0]), group.place))
        own = [group for group in there if group.rows[0].state != "framework"]
        return [*own, *gone, *there[len(own) :]]

    def head(self) -> Iterable[str]:
        """Yield what is said above the entries: how many there are, and what is not guarded."""
        if not self.on:
            yield "kreg is off: the registries behave as without it. %kreg on turns it on."
            return
        yours = f"{render.count(sum(self.counts.values()), 'entry', 'entries')} of yours"
        yours += f" ({_counts_text(self.counts)})" if self.counts else ""
        homes = render.count(len(self.framework), "registry", "registries")
        frameworks = f"{sum(self.framework.values()):,} of the frameworks' in {homes}"
        if not self.framework:
            frameworks = f"and none of the frameworks is imported so far ({', '.join(sorted(FRAMEWORKS))})"
        libraries = f"{sum(self.library.values()):,} of installed packages', " if self.library else ""
        yield f"kreg: {yours}, {libraries}{frameworks}"
        if self.asked:
            yield f"{render.count(len(self.rows), 'entry', 'entries')} for {self.asked}"
        for registry, text in self.faults.items():
            yield f"not guarded: {registry}: {text}"

    def _foot(self) -> Iterable[str]:
        if self.names:
            last = [f"{number:,} of {owner}" for owner, number in [*self.names.items()][-_NAMED:]]
            earlier = sum([*self.names.values()][:-_NAMED])
            yield f"automatic names: {', '.join([*last, f'{earlier:,} of others'] if earlier else last)}"
        for path in self.waiting:
            yield f"waiting for {path}, which is watched once it exists"

    def _everything(self) -> str:
        return render.everything(f"status {self.asked}".rstrip())


@dataclass(frozen=True)
class Selection:
    """The part of the entries that the user wants to see.

    Attributes:
        registry: only this registry, or those of this framework.
        owners: only these owners.
        stale: only what a fresh kernel would not have, or may not have.
        everything: also what the frameworks registered, which is counted otherwise.
        asked: the options that the user gave.
    """

    registry: str | None = None
    owners: Container[Owner | None] | None = None
    stale: bool = False
    everything: bool = False
    asked: str = ""

    def has(self, owner: Owner | None) -> bool:
        """Return whether an owner is wanted."""
        return self.owners is None or owner in self.owners

    def of(self, rows: Iterable[Row]) -> tuple[Row, ...]:
        """Return the wanted ones of the rows."""
        named = (row for row in rows if self.registry is None or in_registry(row.registry, self.registry))
        return tuple(row for row in named if not self.stale or row.state in STALE)


def status(
    guard: Guard,
    selection: Selection = Selection(),
    *,
    on: bool = True,
    waiting: Iterable[str] = (),
    places: Mapping[str, int] = MappingProxyType({}),
) -> Status:
    """Look at all registries.

    Args:
        guard: guards the registries.
        selection: what to show. Everything is counted.
        on: whether the registries are guarded now.
        waiting: what is watched once it exists.
        places: where the cells stand in the notebook, by id.
    """
    if not on:
        return Status(False, waiting=tuple(waiting))
    known = _of_owners(guard)
    groups = [(owner, rows) for owner, rows in known if not is_library(owner)]
    installed = [(owner, rows) for owner, rows in known if is_library(owner)]
    framework, theirs = _of_frameworks(guard, selection.everything)
    shown = [
        Group(_title(owner), selection.of(rows), places.get((owner.id if owner else None) or "", inf))
        for owner, rows in groups
        if selection.has(owner)
    ]
    if selection.everything and selection.owners is None:
        for owner, rows in installed:
            theirs[f"{_title(owner)}, an installed package's"] = [replace(row, state="framework") for row in rows]
        shown += [Group(title, selection.of(rows)) for title, rows in theirs.items()]
    named = guard.memory.names.in_use() if guard.memory.settings.names else {}
    return Status(
        on,
        tuple(group for group in shown if group.rows),
        _counts(row for _, rows in groups for row in rows),
        framework,
        dict(Counter(row.registry for _, rows in installed for row in rows)),
        {**guard.faults, **_awaited(guard)},
        tuple(guard.absent),
        tuple(waiting),
        selection.asked,
        {owner.label: number for owner, number in named.items() if selection.has(owner)},
    )


def _awaited(guard: Guard) -> dict[str, str]:
    """Return a line for each adapter of the user's whose registry is not there. The frameworks' differ by version."""
    modules = {name: guard.registries[name].adapter.module for name in guard.absent}
    ours = {name for name, module in modules.items() if module.partition(".")[0] in OWNING_NOTHING} - added.keys()
    awaited = [name for name in modules if name not in ours]
    return dict.fromkeys(awaited, "it is not there, and is guarded once it is")


def in_registry(name: str, asked: str) -> bool:
    """Return whether a registry is the one that was asked for, or belongs to the framework that was."""
    return name == asked or name.startswith(f"{asked}.")


def is_library(owner: Owner | None) -> bool:
    """Return whether an owner is an installed package's module, and so not the user's."""
    return owner is not None and owner.library


def is_stale(entry: Entry) -> bool:
    """Return whether an entry is registered although a fresh kernel may not have it."""
    return _state(entry, shadowed=False) in STALE


def former(guard: Guard) -> list[Former]:
    """Return the former objects that are still alive, the oldest first."""
    if guard.ledger.former():
        gc.collect()  # a class is in a cycle with itself: only a collection tells whether anything else holds it
    return guard.ledger.former()


def _of_owners(guard: Guard) -> list[tuple[Owner | None, list[Row]]]:
    """Return each owner's rows, former objects among them. The owner that ran last comes last."""
    entries = [entry for entry in guard.ledger if stands(guard, entry)]
    registered = {(entry.registry, key_text(entry.key)) for entry in entries}
    rows: dict[Owner | None, list[tuple[Order, Row]]] = {}
    for one in former(guard):
        rows.setdefault(one.owner, []).append((one.order, row_of_former(one, registered)))
    for entry in entries:
        rows.setdefault(entry.owner, []).append((entry.order, row_of(guard, entry)))
    ordered = sorted(rows.items(), key=lambda item: max(order for order, _ in item[1]))
    return [(owner, [row for _, row in sorted(mine, key=lambda item: item[0])]) for owner, mine in ordered]


def _of_frameworks(guard: Guard, everything: bool) -> tuple[dict[str, int], dict[str, list[Row]]]:
    """Return the number of the frameworks' entries in each registry; if ``everything``, their rows, too."""
    numbers: dict[str, int] = {}
    rows: dict[str, list[Row]] = {}
    for registry in guard.present():
        mine = {entry.key for entry in guard.ledger.of_registry(registry.name) if not guard.ledger.is_shadowed(entry)}
        others = registry.attempt(_others, registry.adapter, mine)
        if others is None:
            continue
        numbers[registry.name] = len(others)
        for key, value in others if everything else ():
            row = row_of_framework(registry.name, key, registry.subject(value))
            rows.setdefault(f"{registry.name}, filled by its framework", []).append(row)
    return numbers, rows


def _others(registry: Registry, mine: Container[Hashable]) -> list[tuple[Hashable, Any]]:
    return [(key, value) for key, value in registry.entries() if key not in mine]


def stands(guard: Guard, entry: Entry) -> bool:
    """Return whether the entry still stands in its registry: users may have taken it out."""
    registry = guard.registries[entry.registry]
    try:
        return guard.ledger.is_shadowed(entry) or registry.adapter.holds(entry.key, entry.value)
    except NotThere:
        return False
    except Exception:  # the registry's fault is reported where its entries are counted
        return True


def row_of(guard: Guard, entry: Entry) -> Row:
    """Return the row of an entry of the user's."""
    state = _state(entry, guard.ledger.is_shadowed(entry))
    pinned = "" if entry.name not in guard.memory.pinned else PINNED
    number = entry.run.number if entry.run else None
    subject, owner = definition_text(entry.subject), owner_dict(entry.owner)
    note, source = entry.kept or pinned, line_of_source(entry)
    return Row(entry.registry, key_text(entry.key), subject, owner, entry.line, number, state, note, source)


def line_of_source(one: Entry | Former) -> str:
    """Return the line of source that registered an object; empty if it is not known."""
    lines = ((one.run.source if one.run else None) or "").splitlines()
    return lines[one.line - 1].strip() if one.line is not None and 0 < one.line <= len(lines) else ""


def _state(entry: Entry, shadowed: bool) -> State:
    if shadowed:
        return "shadowed"
    if entry.kept or (entry.owner is not None and entry.owner.deleted):
        return "kept"
    return "partial" if entry.restored else "current"


def row_of_former(one: Former, registered: Iterable[tuple[str, str]]) -> Row:
    """Return the row of a former object. ``registered`` has the keys that have a newer one."""
    state: State = "superseded" if (one.registry, one.key) in registered else "swept"
    number = one.run.number if one.run else None
    subject, owner = definition_text(one.subject()), owner_dict(one.owner)
    return Row(one.registry, one.key, subject, owner, one.line, number, state, source=line_of_source(one))


def row_of_framework(registry: str, key: Any, subject: Any) -> Row:
    """Return the row of an entry that a framework registered."""
    module = str(getattr(subject, "__module__", None))
    owner: dict[str, str | None] = {"kind": "module", "id": module, "label": f"module {module}"}
    return Row(registry, key_text(key), definition_text(subject), owner, None, None, "framework")


def owner_dict(owner: Owner | OwnerText | None) -> dict[str, str | None]:
    """Return an owner in JSON's types."""
    if owner is None:
        return {"kind": None, "id": None, "label": None}
    return {"kind": owner.kind, "id": owner.id, "label": owner.label}


def _title(owner: Owner | None) -> str:
    if owner is None:
        return "no owner"
    deleted = ", which was deleted" if owner.deleted else ""
    return owner.label + deleted + (", whose last run failed" if owner.partial else "")


def _counts(rows: Iterable[Row]) -> dict[str, int]:
    """Return the number of rows in each state, in the order of `MEANING`."""
    states = [row.state for row in rows]
    return {state: states.count(state) for state in [*MEANING, "framework"] if state in states}


def _counts_text(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {state}" for state, number in counts.items())


def _needs_no_look(row: Row) -> bool:
    return row.state not in STALE


def _cells(row: Row, title: str) -> tuple[str, ...]:
    """Return what is shown of a row. The run is said where it is not the owner's last."""
    place = render.place(row.line, row.run if row.state in STALE else None)
    registry = "" if title.startswith(f"{row.registry},") else row.registry
    return row.state, row.key, place, registry, row.source, row.note
