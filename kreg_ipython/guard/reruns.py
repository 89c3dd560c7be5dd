"""Call what an owner declared with ``on_rerun`` before the owner runs again: a server is stopped, a hook removed."""

from __future__ import annotations

from collections.abc import Callable

from kreg_ipython.guard.ledger import Owner
from kreg_ipython.lib.naming import definition_text, error_text
from kreg_ipython.lib.source import read


class Reruns:
    """The functions that owners have declared and that have not been called yet."""

    def __init__(self) -> None:
        self._declared: dict[Owner, list[Callable[[], object]]] = {}

    def __contains__(self, owner: Owner) -> bool:
        """Return whether the owner has declared anything."""
        return owner in self._declared

    def declare(self, owner: Owner, function: Callable[[], object]) -> None:
        """Have a function called before the owner's next run."""
        self._declared.setdefault(owner, []).append(function)

    def call(self, owner: Owner, source: str | None, tell: Callable[[str], None]) -> None:
        """Call what the owner has declared, the newest first, each once. What it raises is one line.

        Ctrl-C ends a function that hangs, and the next one is called.

        Args:
            owner: is about to run.
            source: what it is about to execute. If that does not compile, nothing is called.
            tell: shows a line to the user.
        """
        if owner not in self._declared or (source is not None and not read(source).parses):
            return
        functions = self._declared.pop(owner)
        while functions:
            function = functions.pop()
            try:
                function()
            except BaseException as error:  # SystemExit, too: the run goes on
                tell(f"on_rerun: {definition_text(function)} raised {error_text(error)}")
