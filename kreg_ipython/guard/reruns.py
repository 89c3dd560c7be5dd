"""Call what an owner declared with ``on_rerun`` before the owner runs again: a server is stopped, a hook removed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from kreg_ipython.guard.ledger import Owner
from kreg_ipython.lib.naming import definition_text, error_text
from kreg_ipython.lib.source import read

Reruns = defaultdict[Owner, list[Callable[[], object]]]
"""The functions that owners have declared, and that are called before their next run."""


def call(declared: Reruns, owner: Owner, source: str | None, tell: Callable[[str], None]) -> None:
    """Call what the owner has declared, the newest first, each once. What it raises is one line.

    Ctrl-C ends a function that hangs, and the next one is called.

    Args:
        declared: the functions of all owners.
        owner: is about to run.
        source: what it is about to execute. If that does not compile, nothing is called.
        tell: shows a line to the user.
    """
    if owner not in declared or (source is not None and not read(source).parses):
        return
    functions = declared.pop(owner)
    while functions:
        function = functions.pop()
        try:
            function()
        except BaseException as error:  # SystemExit, too: the run goes on
            tell(f"on_rerun: {definition_text(function)} raised {error_text(error)}")
