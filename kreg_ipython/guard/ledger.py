"""Record who registered what: owners, entries, and one stack of entries for each key. Pure data.

The shapes, which are the architecture::

    Owner   what re-executes: a cell, a %run script or a module
    Run     one execution of an owner: what was removed for it, what gave way to what it registered
    Caller  an owner and its run that register, or execute a file, and the way to that
    Entry   key + object in a registry, its owner, its run, the way to it, its place in the order of registration
    Ledger  (registry, key) -> stack of entries, the newest on top; owner -> its entries; what became of former ones

An entry is *current* on top of its stack, *shadowed* under the newer entry of another owner. In a registry that allows
duplicates the entries of one key stand side by side, and none shadows another.
"""

from __future__ import annotations

import itertools
import os
import sys
import weakref
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from types import CodeType
from typing import Any, Literal, NamedTuple

from kreg_ipython.guard.verdicts import Verdict, Way
from kreg_ipython.lib.naming import key_text
from kreg_ipython.lib.stack import Step

Kind = Literal["cell", "script", "module"]
Spot = tuple[str, Hashable]
"""The spot at which an entry stands: the registry's name and the key in it."""
Name = tuple[str, str]
"""The same in words: a key may hold classes, which must not live on with it."""
Order = tuple[int, int]
"""The place of an entry in the order of registration. A run that replays registers at its former place."""

_count = itertools.count(1)


@dataclass(eq=False)
class Owner:
    """A cell, script or module: it re-executes, and so replaces what it registered before.

    ``id`` is the front end's cell id, the script's path or the module's name; None for a cell of a front end that
    sends none. ``file`` is the module's: two files may be loaded under one name. ``sessions`` are those of the front
    ends that ran it, a notebook's and a console's: ids may change when one is reopened.
    """

    kind: Kind
    id: str | None
    sessions: set[str | None] = field(default_factory=set)
    source: str | None = None
    number: int | None = None
    partial: bool = False
    file: str | None = None
    library: bool = False
    """It is an installed package's module, or Python's own: what it registers is not the user's."""
    deleted: bool = False
    """The front end says that the cell is gone. It may come back: pasted elsewhere, or undone."""

    @property
    def label(self) -> str:
        """``cell [7]``, ``script train.py`` or ``module mylib``, as a reader of the notebook knows it."""
        return label(self.kind, self.id, self.number, self.file)


def label(kind: Kind, id: str | None, number: int | None, file: str | None = None) -> str:
    """Return what an owner is called when its cell has this execution count; a module's file if it has another name."""
    if kind == "cell":
        return f"cell [{'?' if number is None else number}]"
    folder, base = os.path.split(file or "")
    stem = base.partition(".")[0]
    named = os.path.basename(folder) if stem == "__init__" else stem
    return f"{kind} {id}" + (f" ({base})" if file and named != (id or "").rpartition(".")[2] else "")


class Run:
    """One execution of an owner, with ``source`` as it was then and ``number``, the execution count.

    A module's source is given as a function that reads it: it is read once, if the module registers something.

    Attributes:
        removed: what was removed before the run and is not registered again so far, and by which verdict.
        replaced: what gave way in the run, its own former entries and other owners', and the entry that took its place.
        standing: what cannot be put back and so was not removed before the run, and its verdict.
        unregistered: what the run asked a framework to take out.
        accessed: the registries whose container it asked for, and by each way a function that did; None for a body.
        broken: a cell inside the cell failed, which the outer one does not show.
        replays: a former run is executed once more at its own place in the history: `%autoreload` reloads a module
            that some cell imported long ago.
        unseen: nobody saw it begin: `exec` executes a file's text, for one.
        within: the run that executes it, or that started its thread; None for a cell.
        asks: the statement of a client's cell that asks an engine for a call.
        declared: the body says whose it is.
        code: the code with the statement that says so; None if the run's text is another one.
    """

    def __init__(
        self, owner: Owner, source: str | Callable[[], str | None] | None = None, number: int | None = None
    ) -> None:
        self.owner, self._text, self.number = owner, source, number
        self.active = self.broken = self.replays = self.unseen = self.declared = False
        self.within: Run | None = None
        self.code: CodeType | None = None
        self.asks: Step | None = None
        self.removed: dict[Entry, Verdict] = {}
        self._removed_at: dict[Spot, list[Entry]] = {}
        self.replaced: dict[Entry, Entry] = {}
        self.standing: dict[Entry, Verdict] = {}
        self.unregistered: list[Entry] = []
        self.accessed: dict[str, dict[Hashable, Caller | None]] = {}

    @cached_property
    def source(self) -> str | None:
        """The text that was executed; None if nobody knows it.

        Equal texts are one object: what is known of a text is looked up for each entry, and comparing takes long.
        """
        text = self._text() if callable(self._text) else self._text
        return None if text is None else sys.intern(str(text))

    def stands_beside(self, former: Run | None) -> bool:
        """Return whether a former execution of the same script stands beside this one: with other arguments, for one.

        It does if both execute the same text, for two cells, or for one run of a cell.
        """
        return (
            former is not None
            and self.owner.kind == "script"
            and former.within is not None
            and self.within is not None
            and (
                former.within is self.within
                or former.within.owner is not self.within.owner
                or self.within.stands_beside(former.within)
            )
            and not (self.declared or former.declared)
            and self.source is not None
            and former.source is self.source
        )

    def forget(self, registry: str) -> None:
        """Forget what happened in a registry that is not guarded any more."""
        self.replaced = {former: new for former, new in self.replaced.items() if new.registry != registry}
        self.unregistered = [entry for entry in self.unregistered if entry.registry != registry]

    def settle(self) -> None:
        """Forget what was removed: it is settled, and need not live on with the run."""
        self.removed, self.standing = {}, {}
        self._removed_at = {}

    def remove(self, removed: dict[Entry, Verdict]) -> None:
        """Note what was removed before the run, the newest entry first."""
        self.removed = dict(removed)
        for entry in removed:
            self._removed_at.setdefault(entry.spot, []).append(entry)

    def removed_at(self, spot: Spot) -> Entry | None:
        """Return the oldest entry that was removed from this spot and is not registered again so far."""
        removed = self._removed_at.get(spot, [])
        while removed and removed[-1] not in self.removed:
            removed.pop()
        return removed[-1] if removed else None


class Caller(NamedTuple):
    """The owner that registers, and how it came to it.

    Attributes:
        owner: whose the registration is.
        run: the owner's execution.
        line: the innermost line in the owner's source.
        steps: what led to the registration; empty if nobody saw it.
        complete: whether the first step is in the owner's body. Not so in a thread or a task.
    """

    owner: Owner
    run: Run | None = None
    line: int | None = None
    steps: tuple[Step, ...] = ()
    complete: bool = True


class Execution(NamedTuple):
    """One execution of a file's text: who came to it and how, and whether nobody saw it begin (``exec``, a tool)."""

    by: Caller
    unseen: bool


@dataclass(eq=False, slots=True)
class Entry:
    """One key in one registry, and who put it there.

    ``value`` is what the registry stores (enough to put it back), ``subject`` what the user registered. ``owner`` is
    None for a value that stood there before anybody was watching: a framework's or a library's, under a user's.
    ``steps`` lead from the owner's body to the registration; there are none if nobody saw it. They are ``complete`` if
    the first one is the body's. ``line`` is the innermost line in the owner's own source.
    """

    registry: str
    key: Hashable
    value: Any
    subject: Any
    owner: Owner | None
    run: Run | None = None
    line: int | None = None
    steps: tuple[Step, ...] = ()
    complete: bool = True
    adopted: bool = False
    """It was registered before anybody was watching."""
    written: bool = False
    """It was written into the container, past every gate."""
    kept: str = ""
    """The reason why it is kept although the last run did not register it again; empty if it was."""
    restored: bool = False
    """The last run failed before it registered this again."""
    order: Order = field(default_factory=lambda: (next(_count), 0))
    spot: Spot = field(init=False)
    _name: Name | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.spot = self.registry, self.key

    @property
    def name(self) -> Name:
        """The registry and the key, as text."""
        if self._name is None:
            self._name = self.registry, key_text(self.key)
        return self._name


order_of: Callable[[Entry], Order] = attrgetter("order")
"""Return the place of an entry in the order of registration: a key for sorting."""


def replayed_order(former: Entry | None, run: Run) -> Order | None:
    """Return where in the order of registration a run that replays registers: where it registered the former entry.

    A new entry stands after the last of all former entries.
    """
    if former is not None:
        return former.order
    before = [entry.order for entry in (*run.removed, *run.replaced) if entry.owner is run.owner]
    return (max(before)[0], next(_count)) if before else None


@dataclass(eq=False, slots=True)
class Former:
    """An object that was replaced or swept, for as long as something else keeps it alive. ``key`` is the key's text."""

    registry: str
    key: str
    subject: weakref.ref[Any]
    owner: Owner | None
    run: Run | None
    line: int | None
    order: Order


class Known(NamedTuple):
    """An entry, as it is known after unloading: it keeps nothing alive that was registered."""

    subject: weakref.ref[Any]
    caller: Caller


class Held(NamedTuple):
    """An entry that was swept with its statement: the way to it, and what a text must say that has the statement.

    The ``functions`` register it whoever calls them.
    """

    entry: Entry
    way: Way
    words: frozenset[str]
    functions: frozenset[tuple[str, str]]


class Ledger:
    """All entries of all owners. It changes no registry: it says what should stand where, and in which order.

    Args:
        before: a former guard's, from which it has all but the stacks: these are adopted, as far as they still stand.
    """

    def __init__(self, before: Ledger | None = None) -> None:
        self._stacks: dict[Spot, list[Entry]] = {}
        self._owned: dict[Owner, dict[Entry, None]] = {}
        self._by_subject: dict[tuple[str, int], dict[Entry, None]] = {}
        self._former: dict[tuple[str, str, int], Former] = before._former if before is not None else {}
        self._by_name: dict[Name, dict[Spot, None]] = {}
        """The spots whose keys are no texts: a key with a former class in it is equal in name only."""
        self._owners_at: dict[Spot, Counter[Owner]] = {}
        self.side_by_side: set[str] = set()
        """The registries that allow duplicates: nothing shadows anything there."""
        self.swept: dict[Spot, Entry] = before.swept if before is not None else {}
        """The last entry swept from each spot of a registry that live graphs look keys up in (gradients)."""
        self.withheld: dict[Spot, Held] = before.withheld if before is not None else {}
        """The entries that were swept with their statement, which may be skipped when it comes back."""
        self.said_elsewhere: dict[Entry, str] = before.said_elsewhere if before is not None else {}
        """The entries that stay only because something else than their owner's own statement may lead to them."""
        self.executed: dict[Owner, dict[Owner, Execution]] = before.executed if before is not None else {}
        """The files that each owner has executed, and the last execution of each."""

    def __iter__(self) -> Iterator[Entry]:
        """Iterate over every owner's entries, in the order of registration."""
        return iter(sorted((e for mine in list(self._owned.values()) for e in list(mine)), key=order_of))

    def __contains__(self, entry: Entry) -> bool:
        """Return whether the entry stands in its stack."""
        stack = self._stacks.get(entry.spot, ())
        at = bisect_left(stack, entry.order, key=order_of)
        return at < len(stack) and stack[at] is entry

    def all(self) -> list[Entry]:
        """Return all entries, also those that nobody owns, in the order of registration."""
        return sorted((entry for stack in list(self._stacks.values()) for entry in stack), key=order_of)

    # -- owners

    def has_entries(self, owner: Owner) -> bool:
        """Return whether the owner has entries."""
        return owner in self._owned

    def entries(self, owner: Owner) -> list[Entry]:
        """Return the owner's entries, in the order of registration."""
        mine = self._owned.get(owner)
        return sorted(mine, key=order_of) if mine else []

    def registered_in(self, run: Run) -> list[Entry]:
        """Return what the run's owner registered in the run, and has not registered since, in that order."""
        return [entry for entry in self.entries(run.owner) if entry.run is run]

    # -- stacks

    def stack(self, spot: Spot) -> list[Entry]:
        """Return all entries of a key, the newest last."""
        return list(self._stacks.get(spot, ()))

    def top(self, spot: Spot) -> Entry | None:
        """Return the newest entry of a key: the one that its registry shows."""
        stack = self._stacks.get(spot)
        return stack[-1] if stack else None

    def former_of(self, owner: Owner, spot: Spot, run: Run | None) -> Entry | None:
        """Return the oldest entry of an owner's at this spot that another run than this one registered."""
        for entry in self._stacks.get(spot, ()):
            if entry.owner is owner:
                if run is None or entry.run is not run:
                    if run is None or spot[0] not in self.side_by_side or not run.stands_beside(entry.run):
                        return entry
                elif not run.replays:
                    return None  # what follows is newer, and this run's
        return None

    def has_other_owners(self, spot: Spot, owner: Owner) -> bool:
        """Return whether another owner has an entry at this spot, too."""
        return any(each is not owner for each in self._owners_at.get(spot, ()))

    def under(self, entry: Entry) -> Entry | None:
        """Return what the entry shadows."""
        if entry.registry in self.side_by_side:
            return None
        stack = self._stacks[entry.spot]
        at = stack.index(entry)
        return stack[at - 1] if at else None

    def is_shadowed(self, entry: Entry) -> bool:
        """Return whether a newer entry stands over it."""
        return entry.registry not in self.side_by_side and self.top(entry.spot) is not entry

    def insert(self, entry: Entry) -> None:
        """Put the entry into its stack, at its place in the order."""
        if entry.owner is not None:
            self._owned.setdefault(entry.owner, {})[entry] = None
            self._owners_at.setdefault(entry.spot, Counter())[entry.owner] += 1
        if entry.spot not in self._stacks and not isinstance(entry.key, str):
            self._by_name.setdefault(entry.name, {})[entry.spot] = None
        self._by_subject.setdefault((entry.registry, id(entry.subject)), {})[entry] = None
        insort(self._stacks.setdefault(entry.spot, []), entry, key=order_of)

    def remove(self, entry: Entry) -> None:
        """Take the entry out of its stack, if it stands there."""
        stack = self._stacks.get(entry.spot)
        if stack is None or entry not in self:
            return
        del stack[bisect_left(stack, entry.order, key=order_of)]
        if entry.owner is not None:
            owners = self._owners_at[entry.spot]
            owners[entry.owner] -= 1
            if not owners[entry.owner]:
                del owners[entry.owner]
        if not stack:
            del self._stacks[entry.spot]
            self._owners_at.pop(entry.spot, None)
            self._forget(entry.name, self._by_name, entry.spot)
        self._forget(entry.owner, self._owned, entry)
        self._forget((entry.registry, id(entry.subject)), self._by_subject, entry)

    def forget_unowned(self, spot: Spot) -> None:
        """Forget the entries of a key if nobody owns any: it is the registry's own again."""
        stack = self._stacks.get(spot, [])
        if stack and all(entry.owner is None for entry in stack):
            for entry in list(stack):
                self.remove(entry)

    @staticmethod
    def _forget(key: Any, index: MutableMapping[Any, Any], member: Any) -> None:
        some = index.get(key, {})
        some.pop(member, None)
        if not some:
            index.pop(key, None)

    def same_subject(self, entry: Entry) -> list[Entry]:
        """Return the entries of the same object in the same registry, in the order of registration."""
        return sorted(self._by_subject.get((entry.registry, id(entry.subject)), ()), key=order_of)

    def equally_named(self, entry: Entry) -> list[Entry]:
        """Return the owners' entries under other keys of the same name: with another class of that name in them."""
        spots = [spot for spot in self._by_name.get(entry.name, ()) if spot != entry.spot]
        return [each for spot in spots for each in self._stacks[spot] if each.owner is not None]

    def has_subject(self, subject: Any) -> bool:
        """Return whether this object is registered by an owner, anywhere."""
        return any(same == id(subject) for _, same in list(self._by_subject))

    def of_registry(self, registry: str) -> list[Entry]:
        """Return the owners' entries in one registry, in the order of registration."""
        return [entry for entry in self if entry.registry == registry]

    # -- what became of former objects

    def forget_withheld(self, registry: str) -> None:
        """Withhold nothing of a registry any more."""
        for spot in [spot for spot in self.withheld if spot[0] == registry]:
            del self.withheld[spot]

    def retire(self, entries: Iterable[Entry]) -> None:
        """Remember replaced or swept objects, weakly."""
        known = self._former
        for entry in entries:
            name = entry.name
            which = *name, id(entry.subject)
            if which in known:
                continue
            try:
                subject = weakref.ref(entry.subject, lambda gone, which=which: known.pop(which, None))  # type: ignore[misc]
            except TypeError:
                continue  # it cannot be referenced weakly
            known[which] = Former(*name, subject, entry.owner, entry.run, entry.line, entry.order)

    def former(self) -> list[Former]:
        """Return the former objects that are still alive, the oldest first."""
        current = {id(entry.subject) for entry in self}
        former = [(one, one.subject()) for one in list(self._former.values())]
        return [one for one, subject in former if subject is not None and id(subject) not in current]
