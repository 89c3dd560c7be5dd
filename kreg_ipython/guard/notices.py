"""Tell the user: notices to stderr, notes on exceptions, and the journal of what was done."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress

from kreg_ipython.guard.journal import Act
from kreg_ipython.guard.ledger import Entry, Run
from kreg_ipython.guard.memory import Memory

_MOST = 3
"""The most lines that one run shows."""


class Notices:
    """Says each thing once, and writes each act down.

    Args:
        say: shows one line to the user.
        notes: whether the notes of an exception are shown with it: not by IPython before 8.15.
        memory: has the journal, where each act is written down, and the user's settings.
        number: returns the execution count of the cell that is being executed.
    """

    def __init__(
        self, say: Callable[[str], None], notes: bool, memory: Memory, number: Callable[[], int | None]
    ) -> None:
        self._say, self._notes, self._number = say, notes, number
        self._journal, self._settings = memory.journal, memory.settings
        self._told: set[Hashable] = set()
        self._shown = 0
        self._hidden = 0

    def tell(self, text: str, about: Hashable = None) -> None:
        """Show one line to the user, once about the same thing. Of a run's lines the first few are shown."""
        about = about or text
        if about in self._told:
            return
        self._told.add(about)
        if self._settings.verbosity == "quiet":
            return
        self._shown += 1
        if self._shown > _MOST:
            self._hidden += 1
            return
        with suppress(Exception):  # a closed stderr, or one of the user's own
            self._say(text)

    def end_run(self) -> None:
        """Tell how many lines of a run were not shown; the next one begins."""
        hidden, self._shown, self._hidden = self._hidden, 0, 0
        if hidden:
            with suppress(Exception):
                self._say(f"{hidden:,} more notice{'s' * (hidden > 1)} of this run: %kreg log")

    def annotate(self, error: BaseException, text: str) -> None:
        """Put a note on an exception of the framework's own, once."""
        if text in "".join(getattr(error, "__notes__", [])):
            return
        shown = False
        with suppress(Exception):  # an exception of the user's may take none
            error.add_note(f"kreg: {text}")
            shown = self._notes
        if not shown:
            with suppress(Exception):
                self._say(text)

    def repeat(self, error: BaseException) -> None:
        """Put our notes on the exception that this one was raised for on this one, too."""
        for note in getattr(error.__context__, "__notes__", ()) if self._notes else ():
            if note.startswith("kreg: "):
                self.annotate(error, note.removeprefix("kreg: "))

    def log(self, act: Act, entry: Entry, reason: str, run: Run | None = None) -> None:
        """Write down what was done to an entry, and why, in this run or the one that is being executed."""
        number = run.number if run is not None and run.number is not None else self._number()
        self._journal.note(act, entry.registry, entry.key, entry.owner, number, reason)

    def fault(self, registry: str, text: str) -> None:
        """Write down and tell that an adapter has failed."""
        self._journal.note("failed", registry, "", None, self._number(), text)
        self.tell(f"the registry {registry} is not guarded properly: {text}")
