"""Name what the parts of a guard share."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from kreg_ipython.guard.context import ExecutionContext
from kreg_ipython.guard.gates import Gates
from kreg_ipython.guard.guarded import GuardedRegistry
from kreg_ipython.guard.ledger import Entry, Ledger, Run
from kreg_ipython.guard.memory import Memory
from kreg_ipython.guard.notices import Notices


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
