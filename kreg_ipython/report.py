"""What the user sees: the state of the registries as text, as HTML and as a dict, all from one object."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from html import escape
from typing import Any, Literal

from kreg_ipython.guard import Guard
from kreg_ipython.ledger import Entry, Former, Owner
from kreg_ipython.naming import definition_text, key_text

State = Literal["current", "shadowed", "superseded", "kept", "partial"]

MEANING: dict[State, str] = {
    "current": "registered, as a fresh kernel would have it",
    "shadowed": "under a newer entry of another owner; comes back when that one goes",
    "superseded": "a former object that is still alive; its key has a newer one",
    "kept": "not registered again by the last run, or its cell was deleted; kept to be safe",
    "partial": "the last run of its owner failed: what it did not register again was restored",
}


@dataclass(frozen=True)
class Row:
    """One entry, as `%kreg status` shows it. ``run`` is an execution count, ``line`` counts from 1."""

    registry: str
    key: str
    object: str
    owner: dict[str, str | None]
    line: int | None
    run: int | None
    state: State | Literal["framework"]


@dataclass(frozen=True)
class Status:
    """The registries' state at one moment."""

    on: bool
    rows: tuple[Row, ...]
    framework: dict[str, int]
    faults: dict[str, str]
    absent: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """``{"on", "entries": [{registry, key, object, owner, line, run, state}], "framework": {registry: count},
        "faults": {registry: text}, "absent": [registry]}``; made of JSON's types only. Absent are registries that
        this version of their framework does not have."""
        return {
            "on": self.on,
            "entries": [asdict(row) for row in self.rows],
            "framework": dict(self.framework),
            "faults": dict(self.faults),
            "absent": list(self.absent),
        }

    def to_json(self) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2)

    def __repr__(self) -> str:
        lines = [self._summary()]
        if self.rows:
            table = [("registry", "key", "object", "owner", "line", "run", "state")]
            table += [tuple(_shorten(cell) for cell in _cells(row)) for row in self.rows]  # type: ignore[misc]
            widths = [max(map(len, column)) for column in zip(*table)]
            lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in table]
        lines += [f"not guarded: {registry}: {text}" for registry, text in self.faults.items()]
        return "\n".join(lines)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))

    def _repr_html_(self) -> str:
        head = "".join(f"<th style='text-align:left'>{name}</th>" for name in Row.__dataclass_fields__)
        body = "".join(
            "<tr>" + "".join(f"<td style='text-align:left'>{escape(cell)}</td>" for cell in _cells(row)) + "</tr>"
            for row in self.rows
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if self.rows else ""
        faults = "".join(f"<p>not guarded: {escape(name)}: {escape(text)}</p>" for name, text in self.faults.items())
        return f"<div><p>{escape(self._summary())}</p>{table}{faults}</div>"

    def _summary(self) -> str:
        if not self.on:
            return "kreg is off: registries are as TensorFlow and Keras leave them. %kreg on"
        states = [row.state for row in self.rows]
        counts = ", ".join(f"{states.count(state)} {state}" for state in MEANING if state in states)
        yours = f"{sum(state != 'framework' for state in states)} of yours" + (f" ({counts})" if counts else "")
        return f"kreg: {yours}, {sum(self.framework.values())} of the frameworks' in {len(self.framework)} registries"


def status(guard: Guard, *, on: bool = True, everything: bool = False) -> Status:
    """Look at all registries. With ``everything``, what the frameworks registered is listed instead of only counted."""
    entries = [entry for entry in guard.ledger if _stands(guard, entry)]
    former = guard.ledger.former()
    if former:
        gc.collect()  # a class is in a cycle with itself: only a collection tells whether anything else holds it
        former = guard.ledger.former()
    rows = [_row_of_former(one) for one in former] + [_row(guard, entry) for entry in entries]
    framework: dict[str, int] = {}
    for registry in guard.present():
        mine = {entry.key for entry in entries if entry.registry == registry.name}
        try:
            others = [(key, value) for key, value in registry.entries() if key not in mine]
        except Exception as error:
            guard.faults.setdefault(registry.name, f"{type(error).__name__}: {error}")
            continue
        framework[registry.name] = len(others)
        if everything:
            rows += [_row_of_framework(registry.name, key, registry.subject(value)) for key, value in others]
    return Status(on, tuple(rows), framework, dict(guard.faults), tuple(guard.absent))


def _stands(guard: Guard, entry: Entry) -> bool:
    """Whether the entry is still there: users may take out what they like, and the status says what is."""
    registry = guard.registries[entry.registry]
    try:
        return guard.ledger.shadowed(entry) or registry.holds(entry.key, entry.value)
    except Exception:  # the registry's fault is reported where its entries are counted
        return True


def _row(guard: Guard, entry: Entry) -> Row:
    state: State = "current"
    if guard.ledger.shadowed(entry):
        state = "shadowed"
    elif entry.kept or (entry.owner is not None and entry.owner.deleted):
        state = "kept"
    elif entry.owner is not None and entry.owner.partial:
        state = "partial"
    number = entry.run.number if entry.run else None
    return Row(
        entry.registry,
        key_text(entry.key),
        definition_text(entry.subject),
        _owner(entry.owner),
        entry.line,
        number,
        state,
    )


def _row_of_former(former: Former) -> Row:
    number = former.run.number if former.run else None
    subject = former.subject()
    return Row(
        former.registry, former.key, definition_text(subject), _owner(former.owner), former.line, number, "superseded"
    )


def _row_of_framework(registry: str, key: Any, subject: Any) -> Row:
    module = str(getattr(subject, "__module__", None))
    owner: dict[str, str | None] = {"kind": "module", "id": module, "label": f"module {module}"}
    return Row(registry, key_text(key), definition_text(subject), owner, None, None, "framework")


def _owner(owner: Owner | None) -> dict[str, str | None]:
    if owner is None:
        return {"kind": None, "id": None, "label": None}
    return {"kind": owner.kind, "id": owner.id, "label": owner.label}


def _cells(row: Row) -> tuple[str, ...]:
    line, run = ("" if number is None else str(number) for number in (row.line, row.run))
    return row.registry, row.key, row.object, row.owner["label"] or "", line, run, row.state


def _shorten(text: str, width: int = 60) -> str:
    """One line of at most ``width`` characters."""
    flat = text.replace("\n", "\\n")
    return flat if len(flat) <= width else flat[: width - 1] + "…"


def matching(entries: Iterable[Entry], key: str) -> list[Entry]:
    """The entries whose key reads like this."""
    return [entry for entry in entries if key_text(entry.key) == key]
