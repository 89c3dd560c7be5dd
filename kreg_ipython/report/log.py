"""`%kreg log`: what was done to which entry, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kreg_ipython.guard.journal import Event
from kreg_ipython.report import render
from kreg_ipython.report.status import owner_dict

_SHOWN = 30
"""How many events are shown unless a number is asked for."""


def event_dict(event: Event) -> dict[str, Any]:
    """An event, of JSON's types."""
    return {**event._asdict(), "owner": owner_dict(event.owner)}


def event_cells(event: Event) -> tuple[str, ...]:
    """An event as people read it: when, what, which, whose, why."""
    run = "" if event.run is None else f"[{event.run}]"
    return run, event.act, event.key, event.owner.label or "", event.registry, event.reason


HEAD = ("run", "act", "key", "owner", "registry", "reason")


@dataclass(frozen=True, repr=False)
class Log(render.Shown):
    """What kreg did, the newest last. ``events`` are all of them, or as many as were asked for; ``earlier`` is how many
    others there are."""

    events: tuple[Event, ...]
    earlier: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """``{"events": [{"act", "registry", "key", "owner": {kind, id, label}, "run", "reason"}, …]}``. ``run`` is the
        execution count of the cell in which it happened."""
        return {"events": [event_dict(event) for event in self.events]}

    def text(self) -> Iterable[str]:
        yield from self._head()
        yield from render.columns([event_cells(event) for event in self._shown()], indent="")

    def html(self) -> Iterable[str]:
        yield from map(render.paragraph, self._head())
        if self.events:
            yield render.table(HEAD, [event_cells(event) for event in self._shown()])

    def _shown(self) -> tuple[Event, ...]:
        return self.events if self.earlier is not None else self.events[-_SHOWN:]

    def _head(self) -> Iterable[str]:
        total = len(self.events) + (self.earlier or 0)
        earlier = total - len(self._shown())
        if not total:
            yield "kreg: nothing was withdrawn, swept or kept so far"
        elif earlier:
            yield f"kreg: {render.count(earlier, 'earlier event')}: %kreg log -n {total}"
