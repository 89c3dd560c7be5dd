"""Notice when ``%run`` executes a script or a notebook, and how that ends."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable, Iterator

from IPython.core.interactiveshell import InteractiveShell

from kreg_ipython.lib.patch import End, follow


def notice(begin: Callable[[str], End | None]) -> Iterator[Callable[[], None]]:
    """Call ``begin`` with the path of a script that is about to be executed, and what it returned when that has ended.

    The shell's methods are diverted that execute a file of Python and a file of cells. A module as a script is
    `runpy`'s. Yield each undo.
    """
    for method in ("safe_execfile", "safe_execfile_ipy"):
        execute = getattr(InteractiveShell, method)
        yield follow(execute, lambda shell, fname, *args, **options: _or_shown(begin(str(fname))))
    yield follow(vars(runpy)["_run_code"], lambda code, *args, **options: begin(code.co_filename))


def _or_shown(end: End | None) -> End | None:
    """Return what ends a script that the shell executes.

    The shell may show an exception instead of raising it; `sys.last_value` tells.
    """
    shown = getattr(sys, "last_value", None)

    def ended(error: BaseException | None) -> None:
        last = getattr(sys, "last_value", None)
        if end is not None:
            end(last if error is None and last is not shown else error)

    return ended
