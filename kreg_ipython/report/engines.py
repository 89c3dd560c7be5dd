"""Show many engines at once: what differs first, with who has what; what is equal everywhere once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kreg_ipython.lib.naming import clean
from kreg_ipython.report import render

_EVERYTHING = render.everything("engines")
_SEEN = ("registry", "key", "state", "line", "run", "object", "note")
"""The facts of a row that may differ from engine to engine."""

Rows = tuple[tuple[Any, ...], ...]
"""The rows that an engine has under one key: the values of `_SEEN`, and the owner's label, of each."""


@dataclass(frozen=True)
class Difference:
    """One key that not all engines have in the same way.

    Attributes:
        registry: the registry's name.
        key: the key as text.
        engines: the rows of the status that each engine has for it, by the engine's id; none if it has none.
    """

    registry: str
    key: str
    engines: dict[int, list[dict[str, Any]]]

    def state(self, engine: int) -> str | None:
        """Return the state on an engine; None if the key is not there."""
        rows = self.engines[engine]
        return rows[-1]["state"] if rows else None

    def who_has_what(self) -> str:
        """Return ``engine 3: current from run [2]; the 63 others: current from run [5]``."""
        groups: dict[Rows, list[int]] = {}
        for engine, rows in self.engines.items():
            groups.setdefault(_seen(rows), []).append(engine)
        few_first = sorted(groups.values(), key=len)
        texts = [_rows_text(self.engines[ids[0]], _brief) for ids in few_first]
        if len(set(texts)) < len(texts):
            texts = [_rows_text(self.engines[ids[0]], _full) for ids in few_first]
        return "; ".join(f"{_engines_text(ids, len(self.engines))}: {text}" for ids, text in zip(few_first, texts))


@dataclass(frozen=True, repr=False)
class Engines(render.Shown):
    """The registries of all engines at one moment.

    Attributes:
        status: ``%kreg status`` of each engine that answered, as its ``to_dict()``.
        missing: why the others did not answer.
        did: what was done before, in a sentence each.
    """

    status: Mapping[int, dict[str, Any]]
    missing: Mapping[int, str] = field(default_factory=dict)
    did: Sequence[str] = ()

    def __post_init__(self) -> None:
        equal, differences = _merged(self.status)
        object.__setattr__(self, "equal", equal)
        object.__setattr__(self, "differences", differences)

    equal: list[dict[str, Any]] = field(init=False)
    """The rows that all engines have."""
    differences: list[Difference] = field(init=False)
    """The keys that differ."""

    def to_dict(self) -> dict[str, Any]:
        """Return the facts, in JSON's types.

        ``{"engines": {id: status}, "differences": [{"registry", "key", "engines": {id: state or null}}],
        "missing": {id: why}}``. A status is what ``%kreg status`` returns as a dict on that engine.
        """
        return {
            "engines": {str(engine): status for engine, status in self.status.items()},
            "differences": [
                {
                    "registry": each.registry,
                    "key": each.key,
                    "engines": {str(engine): each.state(engine) for engine in each.engines},
                }
                for each in self.differences
            ],
            "missing": {str(engine): why for engine, why in self.missing.items()},
        }

    def text(self) -> Iterable[str]:
        yield from render.wrapped(self._head())
        yield from _table_text([_difference(each) for each in self.differences])
        if self.equal:
            yield from render.wrapped([self._equal_title()])
            yield from _table_text([_cells(row) for row in self.equal])
        yield from render.wrapped(self._foot())

    def html(self) -> Iterable[str]:
        yield from map(render.paragraph, self._head())
        rows = [_difference(each) for each in self.differences]
        yield render.entry_list(rows, way=_EVERYTHING)
        if self.equal:
            rows = [_cells(row) for row in self.equal]
            body = render.entry_list(rows, way=_EVERYTHING)
            yield render.fold(self._equal_title(), body, shut=len(rows) > render.FOLDED)
        yield from map(render.paragraph, self._foot())

    def _head(self) -> Iterable[str]:
        for sentence in self.did:
            yield f"kreg: {clean(sentence, 300)}"
        differ = render.count(len(self.differences), "key differs:", "keys differ:")
        yield f"kreg: {render.count(len(self.status), 'engine')}, {differ if self.differences else 'no difference'}"

    def _equal_title(self) -> str:
        entries = render.count(len(self.equal), "entry", "entries")
        return f"on {_engines_text([*self.status], len(self.status))}: {entries}"

    def _foot(self) -> Iterable[str]:
        off = [engine for engine, status in self.status.items() if not status["on"]]
        if off:
            yield f"{_engines_text(off, 0)}: kreg is off"
        for engine, why in sorted(self.missing.items()):
            yield f"engine {engine}: {why}"


@dataclass(frozen=True, repr=False)
class Everywhere(render.Shown):
    """The results of one command on all engines: equal ones once, with the engines that gave it.

    Attributes:
        results: the result of each engine, as a dict and as lines of text.
        missing: why the others gave none.
    """

    results: Mapping[int, tuple[dict[str, Any], list[str]]]
    missing: Mapping[int, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"engines": {id: the command's dict}, "missing": {id: why}}``."""
        return {
            "engines": {str(engine): found for engine, (found, _) in self.results.items()},
            "missing": {str(engine): why for engine, why in self.missing.items()},
        }

    def text(self) -> Iterable[str]:
        for engines, lines in self._groups():
            yield f"{engines}:"
            yield from (f"  {clean(line, 500)}" for line in lines)

    def html(self) -> Iterable[str]:
        for engines, lines in self._groups():
            yield render.fold(engines, render.code("\n".join(lines)))

    def _groups(self) -> Iterable[tuple[str, list[str]]]:
        groups: dict[tuple[str, ...], list[int]] = {}
        for engine, (_, lines) in sorted(self.results.items()):
            groups.setdefault(tuple(lines), []).append(engine)
        for shown, ids in groups.items():
            yield _engines_text(ids, len(self.results)), [*shown]
        for engine, why in sorted(self.missing.items()):
            yield f"engine {engine}", [why]


def _merged(status: Mapping[int, dict[str, Any]]) -> tuple[list[dict[str, Any]], list[Difference]]:
    """Return the rows that all engines have, and the keys that differ, in the order of the first engine that has it."""
    by_key: dict[tuple[str, str], dict[int, list[dict[str, Any]]]] = {}
    for engine, each in status.items():
        for row in each["entries"]:
            by_key.setdefault((row["registry"], row["key"]), {}).setdefault(engine, []).append(row)
    equal: list[dict[str, Any]] = []
    differences = []
    for (registry, key), rows in by_key.items():
        if len(rows) == len(status) and len({_seen(each) for each in rows.values()}) == 1:
            equal += next(iter(rows.values()))
        else:
            differences.append(Difference(registry, key, {engine: rows.get(engine, []) for engine in status}))
    return equal, differences


def _seen(rows: list[dict[str, Any]]) -> Rows:
    return tuple((*(row[each] for each in _SEEN), row["owner"]["label"]) for row in rows)


def _rows_text(rows: list[dict[str, Any]], text: Callable[[dict[str, Any]], str]) -> str:
    return " and ".join(map(text, rows)) or "not there"


def _brief(row: dict[str, Any]) -> str:
    label = row["owner"]["label"] or "no owner"
    where = label if row["run"] is None else f"run [{row['run']}]"
    return f"{row['state']} from {where}"


def _full(row: dict[str, Any]) -> str:
    line = "" if row["line"] is None else f", line {row['line']}"
    return f"{_brief(row)}{line}, {row['object']}" + (f", {row['note']}" if row["note"] else "")


def _engines_text(ids: list[int], number: int) -> str:
    """Return ``engine 3``, ``engines 0, 1 and 2``, or how many, of all."""
    if len(ids) == number > 1:
        return "both engines" if number == 2 else f"all {number} engines"
    if len(ids) > 5 and 2 * len(ids) > number:
        return f"the {len(ids)} others"
    names = [str(each) for each in ids[:5]] + ([f"{len(ids) - 5} more"] if len(ids) > 5 else [])
    text = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    return f"engine {text}" if len(ids) == 1 else f"engines {text}"


def _table_text(rows: list[tuple[str, ...]]) -> Iterable[str]:
    """Yield the first rows of a table, and how to see the others."""
    yield from render.entries(rows[: render.FOLDED], render.widths_of(rows))
    if len(rows) > render.FOLDED:
        yield "  " + render.more(len(rows) - render.FOLDED, _EVERYTHING)


def _difference(each: Difference) -> tuple[str, ...]:
    return "differs", each.key, each.registry, "", each.who_has_what()


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    label, place = row["owner"]["label"] or "", render.place(row["line"], row["run"])
    return row["state"], row["key"], label, place, row["registry"], "", row["note"]
