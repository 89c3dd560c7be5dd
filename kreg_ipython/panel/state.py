"""Say what the panel shows as tables of JSON values, and by what two of them differ. Pure.

The shapes, which the page keeps, too::

    facts      name -> value: what is said above the list, and what %kreg undo would restore
    owners     id -> {"kind", "id", "label", "title", "place", "run"}
    entries    id -> a row of %kreg status, with "owner" as an id, its "source", whether it is "pinned", "undoable"
    variables  name -> {"owner", "by": that owner, "of": [[registry, key, relation, whether of a former object]]}

A message has for each table what is ``set`` and what is ``gone``. The first one differs from nothing: it has all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from math import isinf
from typing import Any, NamedTuple

from kreg_ipython.guard.journal import Event
from kreg_ipython.guard.ledger import Name
from kreg_ipython.report.log import event_dict
from kreg_ipython.report.render import COLOURS
from kreg_ipython.report.status import GONE, MEANING, Group, Row, Status

Table = Mapping[str, Any]

_MOST = 50
"""The number of acts of which more than the number is said."""


class Line(NamedTuple):
    """One entry in the panel: its row in the table of ``%kreg status``, and what can be done to it.

    Attributes:
        row: the row.
        owner: the owner's id in the panel.
        pinned: whether the user wants it kept.
        undoable: whether ``%kreg undo`` restores it.
    """

    row: Row
    owner: str
    pinned: bool = False
    undoable: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the line in JSON's types."""
        own = {"owner": self.owner, "source": self.row.source, "pinned": self.pinned, "undoable": self.undoable}
        return self.row.to_dict() | own


class State(NamedTuple):
    """The tables at one moment. See above."""

    facts: Table = {}
    owners: Table = {}
    entries: Mapping[str, Line] = {}
    variables: Table = {}


def state(status: Status, pinned: Collection[Name] = (), undoable: Collection[Name] = ()) -> State:
    """Return the tables, without the variables.

    Args:
        status: the result of ``%kreg status``.
        pinned: what the user wants kept.
        undoable: what ``%kreg undo`` restores.
    """
    owners, entries, number = {}, {}, Counter[str]()
    for group in status.groups:
        owner = owner_id(group.rows[0].owner)
        owners[owner] = _owner(group)
        for row in group.rows:
            name, gone = (row.registry, row.key), row.state in GONE
            which = "\n".join((*name, owner, "former" if gone else ""))
            number[which] += 1
            line = Line(row, owner, name in pinned and not gone, name in undoable and row.state == "swept")
            entries[f"{which}\n{number[which]}"] = line
    keys = list(dict.fromkeys(key for _, key in undoable))
    facts = {"head": list(status.head()), "undo": keys[:_MOST], "undoable": len(keys)}
    return State(facts, owners, entries)


def owner_id(owner: Mapping[str, str | None]) -> str:
    """Return what an owner is called in the tables. Its label has a number, which each run changes."""
    return f"cell {owner['id']}" if owner["kind"] == "cell" and owner["id"] else owner["label"] or ""


def _owner(group: Group) -> dict[str, Any]:
    place = None if isinf(group.place) else group.place
    last = max((row.run for row in group.rows if row.run is not None), default=None)
    return {**group.rows[-1].owner, "title": group.title, "place": place, "run": last}


def difference(before: State, after: State) -> dict[str, dict[str, Any]]:
    """Return what is set and what is gone in each table that differs, in JSON's types."""
    found = {}
    for name, was, now in zip(State._fields, before, after):
        new = {key: value for key, value in now.items() if key not in was or was[key] != value}
        gone = [key for key in was if key not in now]
        if new or gone:
            found[name] = {"set": {key: _json(value) for key, value in new.items()}, "gone": gone}
    return found


def _json(value: Any) -> Any:
    return value.to_dict() if isinstance(value, Line) else value


def changes(events: Iterable[Event], lost: int = 0) -> dict[str, Any]:
    """Return what became of each key.

    ``{"runs": [number], "counts": {what: number}, "acts": [an event, and "what"], "lost": number}``. Of the acts there
    are the first few.

    Args:
        events: what was done to them, the newest last.
        lost: the number of events before these that nobody knows any more.
    """
    last: dict[tuple[str, str, str | None], list[Event]] = {}
    for event in events:
        last.setdefault((event.registry, event.key, event.owner.label), []).append(event)
    acts = [(_what([event.act for event in some]), some[-1]) for some in last.values()]
    return {
        "runs": sorted({event.run for _, event in acts if event.run is not None}),
        "counts": dict(Counter(what for what, _ in acts)),
        "acts": [{**event_dict(event), "what": what} for what, event in acts[:_MOST]],
        "lost": lost,
    }


def _what(acts: list[str]) -> str:
    """Return in a word what was done to a key in the end."""
    again = acts[-1] == "registered" and {"removed", "replaced"} & {*acts[:-1]}
    return "registered again" if again else acts[-1]


WORDS: list[list[str]] = [[state, COLOURS[state], meaning] for state, meaning in MEANING.items()]
"""Each state with its colour and its meaning, as ``%kreg status`` has them."""
