"""What the guard asks about the code that is being executed: who registers, what else is going on."""

from __future__ import annotations

from collections.abc import Mapping
from types import FrameType
from typing import Any, NamedTuple, Protocol

from kreg_ipython.guard.ledger import Entry, Owner, Run
from kreg_ipython.lib.stack import Site


class Caller(NamedTuple):
    """Who registers: the owner, its run, the innermost line in its source, the code that makes the call, and the line
    of the owner's own statement that leads there."""

    owner: Owner
    run: Run | None = None
    line: int | None = None
    site: Site | None = None
    own_line: int | None = None


class Surroundings(Protocol):
    """What the guard asks about the code that is being executed."""

    def locate_caller(self, frame: FrameType, plumbing: frozenset[str]) -> Caller | None:
        """Who registers under this frame, which the registry's ``plumbing`` is looked through for; None for a framework
        that registers for itself."""

    def is_framework_again(self, frame: FrameType) -> bool:
        """Whether a framework registers under this frame because one of its own modules is executed again."""

    def find_owner(self, subject: Any) -> Caller | None:
        """Who registered an object unseen; None if it is a framework's."""

    def namespace(self, owner: Owner) -> Mapping[str, Any]:
        """What names mean to the owner's code."""

    def is_outdated(self, entry: Entry) -> bool:
        """Whether the owner would not register the entry any more if it were executed now."""

    def number(self) -> int | None:
        """The execution count of the cell that is being executed."""

    def running(self) -> Run | None:
        """What is being executed in this context: a module's body, a script's, a cell."""

    def is_framework(self, module: str) -> bool:
        """Whether a module is part of a framework, whose functions call none of the user's modules."""
