"""The registration, the context of execution that says whose it is, and the state that all parts of a guard share."""

from __future__ import annotations

import threading
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, NamedTuple, Protocol

from kreg_ipython.guard.gates import Gates
from kreg_ipython.guard.guarded import GuardedRegistry
from kreg_ipython.guard.ledger import Caller, Entry, Ledger, Owner, Run, Spot
from kreg_ipython.guard.memory import Memory
from kreg_ipython.guard.notices import Notices
from kreg_ipython.registries.registry import MISSING


class Variable(NamedTuple):
    """A variable of the notebook that leads to an object.

    Attributes:
        name: its name.
        is_it: whether it is the object, and not something that the object is a part of.
        owner: the cell that assigned it last.
        line: the line that does.
    """

    name: str
    is_it: bool
    owner: Owner
    line: int


@dataclass(eq=False, slots=True)
class Registration:
    """One call that registers.

    Attributes:
        registry: where.
        key: under which key.
        subject: the user's object.
        caller: who registers; None for a framework.
        before: what stands at the key before the call. Not asked where equal keys stand side by side.
        covers: what the new entry comes to stand over: what stood there before the run itself wrote to the container.
        evicted: the owners' entries that made way for the call.
    """

    registry: GuardedRegistry
    key: Hashable
    subject: Any
    caller: Caller | None
    before: Any = MISSING
    covers: Any = MISSING
    evicted: tuple[Entry, ...] = ()

    @property
    def spot(self) -> Spot:
        """The registry's name and the key."""
        return self.registry.name, self.key


class ExecutionContext(Protocol):
    """The guard's questions about the code that is being executed."""

    def locate_caller(self, frame: FrameType, passthrough: frozenset[str], subject: Any = None) -> Caller | None:
        """Return who registers an object under this frame, skipping ``passthrough`` modules.

        It is None if a framework registers on its own behalf. One that is handed the user's object merely calls what
        the user wants to be called.
        """

    def is_framework_again(self, frame: FrameType) -> bool:
        """Return whether a framework registers under this frame because one of its own modules is executed again."""

    def find_owner(self, subject: Any, spot: Spot | None = None) -> Caller | None:
        """Return who registered an object at a spot, which nobody saw being registered; None if a framework did."""

    def text_of(self, script: Owner) -> str | None:
        """Return what a script's or module's file says now; None if nobody can tell."""

    def is_outdated(self, entry: Entry) -> bool:
        """Return whether the owner would not register the entry any more if it were executed now."""

    def find_variable(self, subject: Any) -> Variable | None:
        """Return the variable that leads to an object, of several the one that was assigned first; None without one."""

    def defined(self, name: str) -> Owner | str | None:
        """Return who defines a class or function of this name that is not registered; None if nobody does.

        It is an owner, or the notebook's file, in which a cell defines it that has not run.
        """

    def texts_beside(self, owner: Owner) -> Iterable[tuple[str, str]]:
        """Return the texts of the other cells, and of the user's other modules.

        Before each text stands the module in which it is executed.
        """

    def held(self, run: Run, objects: list[Any], but_by: Collection[int] = ()) -> set[int] | None:
        """Return which objects the variables hold that a run does not bind anew, by their ``id``; None if unknown.

        What only the containers ``but_by`` hold does not count.
        """

    def number(self) -> int | None:
        """Return the execution count of the cell that is being executed."""

    def running(self) -> Run | None:
        """Return what is being executed in this context: a module's body, a script's, a cell."""

    def is_framework(self, module: str) -> bool:
        """Return whether a module is part of a framework, whose functions call none of the user's modules."""


@dataclass
class Shared:
    """The state of a guard that all of its parts know.

    Attributes:
        context: says what is being executed.
        notices: tell the user, and write each act down.
        memory: what outlives the guard.
        ledger: what should stand where.
        gates: the frameworks' functions that are diverted.
        registries: the guarded registries, by name.
        active: the runs that are going on and had entries when they began.
        lock: lets one thread at a time change the ledger.
    """

    context: ExecutionContext
    notices: Notices
    memory: Memory
    ledger: Ledger
    gates: Gates
    registries: dict[str, GuardedRegistry] = field(default_factory=dict)
    active: dict[Run, None] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def pending(self) -> list[Entry]:
        """Return what is removed at the moment for runs that have not ended."""
        return [entry for run in list(self.active) for entry in list(run.removed)]
