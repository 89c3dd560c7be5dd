"""The side of a process that knows of cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kreg_ipython.guard.ledger import Caller, Owner
from kreg_ipython.lib.stack import Origin


class Front:
    """Answers what a process asks about cells. A program's, as this one, knows of none; a shell's is `Notebook`.

    Attributes:
        shows_notes: whether the notes of an exception are shown with it.
        awaited: what to do when a module of this name has been imported.
    """

    shows_notes = True
    awaited: Mapping[str, Callable[[], None]] = {}

    def hook(self) -> Iterable[Callable[[], None]]:
        """Attach to the shell; yield each undo."""
        return ()

    def caller_in(self, found: Origin) -> Caller | None:
        """Return the cell of this context or thread, or the one that defines the running code; None without one."""
        return None

    def find_in_main(self, subject: Any) -> Caller | None:
        """Return the cell that ran the definition of an object that was registered unseen; None without one."""
        return None

    def texts_beside(self, owner: Owner) -> Iterable[str]:
        """Return the texts of the other cells whose last run succeeded."""
        return ()

    def named(self, name: str) -> Any:
        """Return what a variable of the notebook is; None if there is none."""
        return None

    def assigned(self, name: str) -> tuple[Owner, int] | None:
        """Return the cell that assigned a variable last, and the line; None if none is known."""
        return None

    def text_of_file(self) -> tuple[str, str]:
        """Return the name of the notebook's file and the text of its cells, as it was saved; empty if not known."""
        return "", ""

    @property
    def namespace(self) -> dict[str, Any] | None:
        """The notebook's variables, with those that the shell puts there; None without a shell."""
        return None

    def variables(self) -> Mapping[str, Any]:
        """Return the notebook's variables, without those that the shell puts there."""
        return {}
