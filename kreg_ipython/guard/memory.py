"""Name what outlives a guard: the user's settings, and what it leaves to the next one of its process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from kreg_ipython.guard.journal import Journal
from kreg_ipython.guard.ledger import Kind, Known, Ledger, Name, Owner
from kreg_ipython.guard.names import Names
from kreg_ipython.guard.reruns import Reruns
from kreg_ipython.registries.registry import Registry

Verbosity = Literal["quiet", "notices", "all"]
OnConflict = Literal["note", "replace", "error"]
VERBOSITIES: tuple[Verbosity, ...] = get_args(Verbosity)
ON_CONFLICT: tuple[OnConflict, ...] = get_args(OnConflict)


@dataclass
class Settings:
    """The user's settings, which ``%config KregMagics`` writes.

    Attributes:
        verbosity: whether to say nothing, what a user must know, or every act.
        on_conflict: what becomes of a different definition for a key that another owner has: the framework's own answer
            with a note, the new definition, or an error.
        names: whether a cell that runs again gets the automatic names of its former run.
    """

    verbosity: Verbosity = "notices"
    on_conflict: OnConflict = "note"
    names: bool = True


@dataclass
class Memory:
    """The knowledge that outlives a guard.

    Attributes:
        journal: each act, written down.
        settings: what the user has set.
        pinned: the entries that are never swept: the user said ``%kreg keep``.
        names: the automatic names that runs took.
        reruns: what owners want called before they run again.
        ledger: the entries that may still stand; None if nothing is known of them.
        known: the entries of a guard that was unloaded, by name.
        owners: the modules and scripts.
        watched: the containers of ``%kreg watch``, by path; None until the module is imported.
    """

    journal: Journal = field(default_factory=Journal)
    settings: Settings = field(default_factory=Settings)
    pinned: set[Name] = field(default_factory=set)
    names: Names = field(default_factory=Names)
    reruns: Reruns = field(default_factory=lambda: Reruns(list))
    ledger: Ledger | None = None
    known: dict[Name, list[Known]] = field(default_factory=dict)
    owners: dict[tuple[Kind, str, str | None], Owner] = field(default_factory=dict)
    watched: dict[str, Registry | None] = field(default_factory=dict)
