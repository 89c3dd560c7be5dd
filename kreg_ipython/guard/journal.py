"""Write down what was done to which entry, and why. Text only: no event holds an object of the user's."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Literal, NamedTuple

from kreg_ipython.guard.ledger import Kind, Owner, label
from kreg_ipython.lib.naming import key_text

Act = Literal[
    "registered",  # the user's own act, all others are ours
    "adopted",
    "removed",  # before a run, which may register it again
    "restored",
    "swept",
    "kept",
    "released",  # what the user wanted kept
    "shadowed",
    "replaced",  # it gave way to the same definition, or to one that moved
    "cleared",
    "forgot",  # users took it out themselves
    "failed",  # an adapter's fault
]

GONE: frozenset[Act] = frozenset({"swept", "cleared", "forgot", "removed"})
"""The acts after which a key is not registered any more, unless something restores or registers it."""

_LENGTH = 5_000


class OwnerText(NamedTuple):
    """The owner, by the name that it had at the time."""

    kind: Kind | None = None
    id: str | None = None
    number: int | None = None
    file: str | None = None

    @property
    def label(self) -> str | None:
        """See `Owner.label`."""
        return label(self.kind, self.id, self.number, self.file) if self.kind is not None else None


class Event(NamedTuple):
    """One act on one entry. ``run`` is the execution count of the cell in which it happened."""

    act: Act
    registry: str
    key: str
    owner: OwnerText
    run: int | None
    reason: str


class Journal:
    """The newest events."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=_LENGTH)
        self.count = 0
        """The number of all events ever: what came after a certain moment is `since` it."""

    def note(self, act: Act, registry: str, key: Hashable, owner: Owner | None, run: int | None, reason: str) -> None:
        """Write down what has just been done, in the cell with this execution count."""
        self.count += 1
        text = OwnerText(owner.kind, owner.id, owner.number, owner.file) if owner is not None else OwnerText()
        self._events.append(Event(act, registry, key_text(key), text, run, reason))

    def events(self) -> list[Event]:
        """All events that are still known, the newest last."""
        return list(self._events)

    def acts(self, count: int = 0) -> list[Event]:
        """Return what kreg did since `count` was this.

        Left out is what users registered, and what was only removed until they registered it again.
        """
        acts, again = [], set()
        for event in reversed(self.since(count)):
            place = event.registry, event.key, event.run
            if event.act == "registered":
                again.add(place)
            elif event.act != "removed" or place not in again:
                acts.append(event)
        return acts[::-1]

    def since(self, count: int) -> list[Event]:
        """Return what has happened since `count` was this."""
        new = min(self.count - count, len(self._events))
        return list(self._events)[-new:] if new > 0 else []

    def last(self, registry: str, key: Hashable) -> Event | None:
        """Return what was done last to this key, or to one of that name in any package, as legacy files have it."""
        wanted = key_text(key)
        for event in reversed(self._events):
            named = event.key == wanted or event.key.rpartition(">")[2] == wanted
            if event.registry == registry and named:
                return event
        return None
