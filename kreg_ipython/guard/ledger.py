"""Who registered what: owners, entries, and one stack of entries per key. Pure data, no IPython, no framework.

The shapes, which are the architecture::

    Owner   what re-executes: a cell, a %run script or a module
    Run     one execution of an owner, and what was withdrawn for it
    Entry   key + object in a registry, its owner, its run and its place in the order of registration
    Ledger  (registry, key) -> stack of entries, the newest on top; owner -> its entries; what became of former ones

An entry is *current* on top of its stack, *shadowed* under the newer entry of another owner. An owner stands at most
once in a stack: what it registers anew replaces what it had.
"""

from __future__ import annotations

import itertools
import weakref
from bisect import insort
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Literal

from kreg_ipython.lib.naming import key_text
from kreg_ipython.lib.stack import Site

Kind = Literal["cell", "script", "module"]
Place = tuple[str, Hashable]
"""Where an entry stands: the registry's name and the key in it."""
Name = tuple[str, str]
"""The same in words: a key may hold classes, which must not live on with it."""


@dataclass(eq=False)
class Owner:
    """What re-executes, and so replaces what it registered before.

    ``id`` is the front end's cell id, the script's path or the module's name; None for a cell of a front end that
    sends none. ``sessions`` are those of the front ends that ran it, a notebook's and a console's: ids may change when
    one is reopened.
    """

    kind: Kind
    id: str | None
    sessions: set[str | None] = field(default_factory=set)
    source: str | None = None
    number: int | None = None
    partial: bool = False
    deleted: bool = False
    """The front end says that the cell is gone. It may come back: pasted elsewhere, or undone."""

    @property
    def label(self) -> str:
        """``cell [7]``, ``script train.py`` or ``module mylib``, as a reader of the notebook knows it."""
        return label(self.kind, self.id, self.number)


def label(kind: Kind, id: str | None, number: int | None) -> str:
    """What an owner is called when its cell has this execution count."""
    if kind == "cell":
        return f"cell [{'?' if number is None else number}]"
    return f"{kind} {id}"


class Run:
    """One execution of an owner, with ``source`` as it was then and ``number``, the execution count.

    A module's source is given as a function that reads it: it is read once, if the module registers something.
    ``withdrawn`` is what was taken out for it. ``broken`` tells that a cell inside the cell failed, which the outer
    one does not show. ``handed_out`` are the registries whose dict it asked for, ``unregistered`` is what it asked a
    framework to take out. ``replays`` tells that a former run is executed once more at its own place in the history:
    `%autoreload` reloads a module that some cell imported long ago.
    """

    __slots__ = ("_source", "active", "broken", "handed_out", "number", "owner", "replays", "unregistered", "withdrawn")

    def __init__(
        self, owner: Owner, source: str | Callable[[], str | None] | None = None, number: int | None = None
    ) -> None:
        self.owner, self._source, self.number = owner, source, number
        self.active = self.broken = self.replays = False
        self.withdrawn: list[Entry] = []
        self.unregistered: list[Entry] = []
        self.handed_out: set[str] = set()

    @property
    def source(self) -> str | None:
        """What was executed; None if nobody knows."""
        if callable(self._source):
            self._source = self._source()
        return self._source

    def replayed_order(self, place: Place) -> int | None:
        """Where in the order of registration a run that replays registers: where it did so before, if it did. What is
        new stands with the last of the former entries."""
        former = [entry for entry in self.withdrawn if entry.owner is self.owner]
        orders = [entry.order for entry in former if entry.place == place] or [entry.order for entry in former]
        return max(orders, default=None)


@dataclass(eq=False, slots=True)
class Entry:
    """One key in one registry, and who put it there.

    ``value`` is what the registry stores (enough to put it back), ``subject`` what the user registered. ``owner`` is
    None for a value that stood there before anybody was watching: a framework's or a library's, under a user's.
    """

    registry: str
    key: Hashable
    value: Any
    subject: Any
    owner: Owner | None
    run: Run | None = None
    line: int | None = None
    site: Site | None = None
    own_line: int | None = None
    """The line of the owner's own statement: ``line`` may be in a function that it calls."""
    adopted: bool = False
    """It was registered before anybody was watching."""
    kept: str = ""
    """Why it is kept although the last run did not register it again; empty if it was."""
    restored: bool = False
    """The last run failed before it registered this again."""
    order: int = field(default_factory=itertools.count().__next__)
    place: Place = field(init=False)

    def __post_init__(self) -> None:
        self.place = self.registry, self.key

    @property
    def name(self) -> Name:
        return self.registry, key_text(self.key)


order_of: Callable[[Entry], int] = attrgetter("order")
"""Where in the order of registration an entry stands: a key for sorting."""


def in_order(withdrawn: list[Entry]) -> list[Entry]:
    """Entries as they were registered: they were withdrawn the newest first, and those that replay share one order."""
    first_to_last = withdrawn[::-1]
    return sorted(first_to_last, key=order_of)


@dataclass(eq=False, slots=True)
class Former:
    """An object that was replaced or swept, for as long as something else keeps it alive. ``key`` is the key's text."""

    registry: str
    key: str
    subject: weakref.ref[Any]
    owner: Owner | None
    run: Run | None
    line: int | None
    order: int


class Ledger:
    """All entries of all owners. It changes no registry: it says what stood where, and in which order.

    Args:
        before: a former guard's, from which it has what became of former objects.
    """

    def __init__(self, before: Ledger | None = None) -> None:
        self._stacks: dict[Place, list[Entry]] = {}
        self._owned: dict[Owner, dict[Place, Entry]] = {}
        self._by_subject: dict[tuple[str, int], dict[Entry, None]] = {}
        self._former: dict[tuple[str, str, int], Former] = before._former if before is not None else {}
        self.swept: dict[Place, Entry] = before.swept if before is not None else {}
        """The last entry swept from each place of a registry that frameworks look up late (gradients)."""

    def __iter__(self) -> Iterator[Entry]:
        """Every owner's entries, in the order of registration."""
        return iter(sorted((e for mine in list(self._owned.values()) for e in list(mine.values())), key=order_of))

    def stacks(self) -> Iterator[Entry]:
        """All entries that are known, also those that nobody owns, in the order of registration."""
        return iter(sorted((entry for stack in list(self._stacks.values()) for entry in stack), key=order_of))

    # -- owners

    def holds(self, owner: Owner) -> bool:
        """Whether the owner has entries."""
        return owner in self._owned

    def entries(self, owner: Owner) -> list[Entry]:
        """The owner's entries, in the order of registration."""
        mine = self._owned.get(owner)
        return sorted(mine.values(), key=order_of) if mine else []

    def registered_in(self, run: Run) -> list[Entry]:
        """What the owner of a run registered in that run and has not registered since, in the order of registration."""
        return [entry for entry in self.entries(run.owner) if entry.run is run]

    def entry(self, owner: Owner, place: Place) -> Entry | None:
        """The owner's entry at this place."""
        return self._owned.get(owner, {}).get(place)

    # -- stacks

    def top(self, place: Place) -> Entry | None:
        """The entry that should stand in the registry now."""
        stack = self._stacks.get(place)
        return stack[-1] if stack else None

    def under(self, entry: Entry) -> Entry | None:
        """What the entry shadows."""
        stack = self._stacks[entry.place]
        at = stack.index(entry)
        return stack[at - 1] if at else None

    def shadowed(self, entry: Entry) -> bool:
        """Whether a newer entry stands over it."""
        return self.top(entry.place) is not entry

    def insert(self, entry: Entry) -> Entry | None:
        """Put the entry into its stack at its place in the order; return the owner's former entry that it replaces."""
        replaced = None
        if entry.owner is not None:
            replaced = self.entry(entry.owner, entry.place)
            if replaced is not None:
                self.remove(replaced)
            self._owned.setdefault(entry.owner, {})[entry.place] = entry
        self._by_subject.setdefault((entry.registry, id(entry.subject)), {})[entry] = None
        insort(self._stacks.setdefault(entry.place, []), entry, key=order_of)
        return replaced

    def remove(self, entry: Entry) -> None:
        """Take the entry out of its stack. A last one that nobody owns goes with it: it is the registry's own again."""
        stack = self._stacks.get(entry.place, [])
        if entry in stack:
            stack.remove(entry)
        same = self._by_subject.get((entry.registry, id(entry.subject)), {})
        same.pop(entry, None)
        if not same:
            self._by_subject.pop((entry.registry, id(entry.subject)), None)
        if not stack or all(other.owner is None for other in stack):
            self._stacks.pop(entry.place, None)
        if entry.owner is not None:
            mine = self._owned.get(entry.owner, {})
            if mine.get(entry.place) is entry:
                del mine[entry.place]
            if not mine:
                self._owned.pop(entry.owner, None)

    def beside(self, place: Place) -> list[Entry]:
        """The owners' entries at this key, and those that stand side by side with it: see `numbered`."""
        registry, key = place
        keys = [k for r, k in list(self._stacks) if r == registry and unnumbered(k) == key]
        return [entry for k in keys for entry in list(self._stacks.get((registry, k), ())) if entry.owner]

    def free_key(self, registry: str, key: Hashable) -> Hashable:
        """The first of the key's numbers that nothing stands at."""
        return next(k for k in (numbered(key, n) for n in itertools.count(1)) if (registry, k) not in self._stacks)

    def same_subject(self, entry: Entry) -> list[Entry]:
        """The entries of the same object in the same registry, in the order of registration."""
        return sorted(self._by_subject.get((entry.registry, id(entry.subject)), ()), key=order_of)

    def has_subject(self, subject: Any) -> bool:
        """Whether this object is registered by an owner, anywhere."""
        return any(same == id(subject) for _, same in list(self._by_subject))

    def drop(self, place: Place) -> list[Entry]:
        """Forget the whole stack: the user took the key out. Returns what stood in it."""
        dropped = list(self._stacks.get(place, ()))
        for entry in dropped:
            self.remove(entry)
        return dropped

    def live(self, registry: str) -> list[Entry]:
        """The owners' entries that should stand in the registry now, in the order of registration."""
        return [e for e in self if e.registry == registry and not self.shadowed(e)]

    # -- what became of former objects

    def retire(self, entry: Entry) -> None:
        """Remember a replaced or swept object, weakly."""
        known, name = self._former, entry.name
        which = *name, id(entry.subject)
        if which not in known:
            try:
                subject = weakref.ref(entry.subject, lambda gone: known.pop(which, None))
            except TypeError:
                return  # it cannot be referenced weakly
            known[which] = Former(*name, subject, entry.owner, entry.run, entry.line, entry.order)

    def former(self) -> list[Former]:
        """Former objects that are still alive, the oldest first."""
        current = {id(entry.subject) for entry in self}
        former = [(one, one.subject()) for one in list(self._former.values())]
        return [one for one, subject in former if subject is not None and id(subject) not in current]


def numbered(key: Hashable, number: int) -> Hashable:
    """The key of the n-th of equal entries that stand side by side: the first one's is the key itself."""
    return key if number == 1 else (key, f"#{number}")


def unnumbered(key: Hashable) -> Hashable:
    """The key that `numbered` made this one of."""
    numbers = type(key) is tuple and len(key) == 2 and isinstance(key[1], str) and key[1].startswith("#")
    return key[0] if numbers else key  # type: ignore[index]
