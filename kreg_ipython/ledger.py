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
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, Literal

Kind = Literal["cell", "script", "module"]
Place = tuple[str, Hashable]
"""Where an entry stands: the registry's name and the key in it."""


@dataclass(eq=False)
class Owner:
    """What re-executes, and so replaces what it registered before.

    ``id`` is the front end's cell id, the script's path or the module's name; None for a cell of a front end that
    sends none. ``session`` is the front end's session that used the id last: ids may change when it is reopened.
    """

    kind: Kind
    id: str | None
    session: str | None = None
    source: str | None = None
    number: int | None = None
    partial: bool = False

    @property
    def label(self) -> str:
        """``cell [7]``, ``script train.py`` or ``module mylib``, as a reader of the notebook knows it."""
        if self.kind == "cell":
            return f"cell [{'?' if self.number is None else self.number}]"
        return f"{self.kind} {self.id}"


@dataclass(eq=False)
class Run:
    """One execution of an owner, with ``source`` as it was then and ``number``, the execution count."""

    owner: Owner
    source: str | None = None
    number: int | None = None
    active: bool = False
    modules_before: int = 0
    withdrawn: list[Entry] = field(default_factory=list)
    doubtful: set[Entry] = field(default_factory=set)
    """Withdrawn on weak evidence (equal definitions, no cell id): never swept, see `Guard.end`."""
    bindings: dict[Entry, Any] = field(default_factory=dict)
    """What the name of each withdrawn entry's object meant before the run."""


@dataclass(eq=False)
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
    site: CodeType | None = None
    kept: bool = False
    order: int = field(default_factory=itertools.count().__next__)

    @property
    def place(self) -> Place:
        return self.registry, self.key


@dataclass(eq=False)
class Former:
    """An object that was replaced or swept, for as long as something else keeps it alive."""

    registry: str
    key: Hashable
    subject: weakref.ref[Any]
    owner: Owner | None
    run: Run | None
    line: int | None


class Ledger:
    """All entries of all owners. It changes no registry: it says what stood where, and in which order."""

    def __init__(self) -> None:
        self._stacks: dict[Place, list[Entry]] = {}
        self._owned: dict[Owner, dict[Place, Entry]] = {}
        self._by_id: dict[tuple[Kind, str], Owner] = {}
        self._by_source: dict[str, Owner] = {}
        self._by_definition: dict[str, dict[Entry, None]] = {}
        self._former: dict[Place, list[Former]] = {}
        self.swept: dict[Place, Entry] = {}
        """The last entry swept from each place of a registry that frameworks look up late (gradients)."""

    def __iter__(self) -> Iterator[Entry]:
        """Every owner's entries, in the order of registration."""
        return iter(sorted((e for mine in list(self._owned.values()) for e in list(mine.values())), key=_order))

    # -- owners

    def owner(self, kind: Kind, owner_id: str) -> Owner | None:
        """The owner of that kind and id, if it registered anything."""
        return self._by_id.get((kind, owner_id))

    def owner_of_source(self, source: str) -> Owner | None:
        """The cell that ran this source last, if it registered anything."""
        return self._by_source.get(source.strip())

    def owners(self) -> list[Owner]:
        """All owners that hold entries."""
        return list(self._owned)

    def identify(self, owner: Owner, owner_id: str | None, session: str | None) -> None:
        """Take note that the front end calls this cell ``owner_id`` from now on."""
        if owner.id is not None and self._by_id.get((owner.kind, owner.id)) is owner:
            del self._by_id[owner.kind, owner.id]
        owner.id, owner.session = owner_id, session
        if owner in self._owned and owner_id is not None:
            self._by_id[owner.kind, owner_id] = owner

    def resource(self, owner: Owner, source: str | None) -> None:
        """Take note of the source that the cell runs now."""
        if owner.source is not None and self._by_source.get(owner.source.strip()) is owner:
            del self._by_source[owner.source.strip()]
        owner.source = source
        if owner in self._owned and source is not None:
            self._by_source[source.strip()] = owner

    def entries(self, owner: Owner) -> list[Entry]:
        """The owner's entries, in the order of registration."""
        return sorted(self._owned.get(owner, {}).values(), key=_order)

    def entry(self, owner: Owner, place: Place) -> Entry | None:
        """The owner's entry at this place."""
        return self._owned.get(owner, {}).get(place)

    def defined(self, name: str) -> list[Entry]:
        """Entries whose object is, or lives in, what ``__main__`` calls ``name``."""
        return list(self._by_definition.get(name, ()))

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
            self._index(entry.owner)[entry.place] = entry
            name = _root_name(entry.subject)
            if name is not None:
                self._by_definition.setdefault(name, {})[entry] = None
        insort(self._stacks.setdefault(entry.place, []), entry, key=_order)
        return replaced

    def remove(self, entry: Entry) -> None:
        """Take the entry out of its stack. A last one that nobody owns goes with it: it is the registry's own again."""
        stack = self._stacks.get(entry.place, [])
        if entry in stack:
            stack.remove(entry)
        if all(other.owner is None for other in stack):
            self._stacks.pop(entry.place, None)
        if entry.owner is not None:
            mine = self._owned.get(entry.owner, {})
            if mine.get(entry.place) is entry:
                del mine[entry.place]
            if not mine:
                self._forget_owner(entry.owner)
            name = _root_name(entry.subject)
            if name is not None:
                same = self._by_definition.get(name, {})
                same.pop(entry, None)
                if not same:
                    self._by_definition.pop(name, None)

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
        try:
            subject = weakref.ref(entry.subject)
        except TypeError:
            return
        alive = [f for f in self._former.get(entry.place, ()) if f.subject() is not None]
        if all(f.subject() is not entry.subject for f in alive):
            alive.append(Former(entry.registry, entry.key, subject, entry.owner, entry.run, entry.line))
        self._former[entry.place] = alive

    def former(self) -> list[Former]:
        """Former objects that are still alive, the oldest first."""
        self._former = {
            place: alive
            for place, formers in list(self._former.items())
            if (alive := [f for f in formers if f.subject() is not None])
        }
        current = {id(e.subject) for e in self}
        return [f for fs in self._former.values() for f in fs if id(f.subject()) not in current]

    def _index(self, owner: Owner) -> dict[Place, Entry]:
        mine = self._owned.get(owner)
        if mine is None:
            mine = self._owned[owner] = {}
            self.identify(owner, owner.id, owner.session)
            self.resource(owner, owner.source)
        return mine

    def _forget_owner(self, owner: Owner) -> None:
        self._owned.pop(owner, None)
        if owner.id is not None and self._by_id.get((owner.kind, owner.id)) is owner:
            del self._by_id[owner.kind, owner.id]
        if owner.source is not None and self._by_source.get(owner.source.strip()) is owner:
            del self._by_source[owner.source.strip()]


def definition(subject: Any) -> tuple[Any, ...] | None:
    """What makes two objects the same definition, run twice: ``(__module__, __qualname__)``; None if it has none.

    Decorated functions count as what they wrap, partials as what they call, tuples as their parts; other instances
    as one of their class.
    """
    if isinstance(subject, tuple):
        return tuple(definition(part) for part in subject)
    for inner in ("func", "__wrapped__"):  # functools.partial, functools.wraps
        if not isinstance(subject, type) and callable(getattr(subject, inner, None)):
            return definition(getattr(subject, inner))
    module, qualname = getattr(subject, "__module__", None), getattr(subject, "__qualname__", None)
    if isinstance(module, str) and isinstance(qualname, str):
        return module, qualname
    if subject is None:
        return (None,)
    return type(subject).__module__, type(subject).__qualname__, "instance"


def _root_name(subject: Any) -> str | None:
    defined = definition(subject)
    if defined is None or len(defined) < 2 or defined[0] != "__main__" or not isinstance(defined[1], str):
        return None
    return defined[1].partition(".")[0]


def _order(entry: Entry) -> int:
    return entry.order
