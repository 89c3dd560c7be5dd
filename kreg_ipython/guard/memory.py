"""Name what a guard leaves to the next one of its process."""

from __future__ import annotations

from dataclasses import dataclass, field

from kreg_ipython.guard.journal import Journal
from kreg_ipython.guard.ledger import Ledger, Name
from kreg_ipython.guard.names import Names
from kreg_ipython.guard.reruns import Reruns
from kreg_ipython.guard.settings import Settings


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
    """

    journal: Journal = field(default_factory=Journal)
    settings: Settings = field(default_factory=Settings)
    pinned: set[Name] = field(default_factory=set)
    names: Names = field(default_factory=Names)
    reruns: Reruns = field(default_factory=Reruns)
    ledger: Ledger | None = None
