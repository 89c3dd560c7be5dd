"""Show what was done to which entry, and why: ``%kreg log``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kreg_ipython.guard.journal import Event
from kreg_ipython.report import render
from kreg_ipython.report.status import owner_dict

_SHOWN = 30
"""The number of events that are shown unless the user gives one."""


def event_dict(event: Event) -> dict[str, Any]:
    """Return an event in JSON's types."""
    return {**event._asdict(), "owner": owner_dict(event.owner)}


def event_cells(event: Event) -> tuple[str, ...]:
    """Return the cells of an event's row, as `render.entries` has them."""
    run = "" if event.run is None else f"in run [{event.run}]"
    return event.act, event.key, event.owner.label or "", run, event.registry, "", event.reason


@dataclass(frozen=True, repr=False)
class Log(render.Shown):
    """The acts of kreg, the newest last.

    Attributes:
        events: all events, or as many as the user asked for.
        earlier: the number of events before these; None if the user gave no number.
    """

    events: tuple[Event, ...]
    earlier: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"events": [{"act", "registry", "key", "owner": {kind, id, label}, "run", "reason"}, …]}``.

        ``run`` is the execution count of the cell in which it happened.
        """
        return {"events": [event_dict(event) for event in self.events]}

    def text(self) -> Iterable[str]:
        yield from render.wrapped(self._head())
        cells = [event_cells(event) for event in self._shown()]
        yield from render.entries(cells, render.widths_of(cells), indent="")

    def html(self) -> Iterable[str]:
        yield from map(render.paragraph, self._head())
        cells = [event_cells(event) for event in self._shown()]
        yield render.entry_list(cells, way=render.everything(f"log -n {len(cells)}"))

    def _shown(self) -> tuple[Event, ...]:
        return self.events if self.earlier is not None else self.events[-_SHOWN:]

    def _head(self) -> Iterable[str]:
        total = len(self.events) + (self.earlier or 0)
        earlier = total - len(self._shown())
        if not total:
            yield "kreg: nothing was removed, swept or kept so far"
        elif earlier:
            yield f"kreg: {render.count(earlier, 'earlier event')}: %kreg log -n {total}"
