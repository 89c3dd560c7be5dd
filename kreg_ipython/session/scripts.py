"""Notice when ``%run`` executes a script or a notebook, and how that ends."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from types import CodeType
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from kreg_ipython.lib.patch import divert
from kreg_ipython.session.runs import End


def notice(begin: Callable[[str], End | None]) -> Callable[[], None]:
    """Call ``begin`` with the path of a script that is about to be executed, and what it returned when that has ended.

    The shell's methods are diverted that execute a file of Python and a file of cells. They may show an exception
    instead of raising it; `sys.last_value` tells. A module as a script is `runpy`'s.

    Returns:
        The undo.
    """
    undo = [
        _divert(begin, "safe_execfile"),
        _divert(begin, "safe_execfile_ipy"),
        _divert_runpy(begin),
    ]

    def undo_all() -> None:
        for each in undo:
            each()

    return undo_all


def _divert(begin: Callable[[str], End | None], method: str) -> Callable[[], None]:
    def execute(shell: InteractiveShell, *args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        end = begin(str(args[0] if args else options.get("fname")))
        shown, error = getattr(sys, "last_value", None), None
        try:
            return original(shell, *args, **options)
        except BaseException as raised:
            error = raised
            raise
        finally:
            last = getattr(sys, "last_value", None)
            if error is None and last is not shown:
                error = last
            if end is not None:
                end(error)

    original, undo = divert(getattr(InteractiveShell, method), execute)
    return undo


def _divert_runpy(begin: Callable[[str], End | None]) -> Callable[[], None]:
    """Divert what ``run_path`` and ``run_module`` execute a file by."""

    def execute(code: CodeType, *args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        end = begin(code.co_filename)
        try:
            result = original(code, *args, **options)
        except BaseException as error:
            if end is not None:
                end(error)
            raise
        if end is not None:
            end(None)
        return result

    function: Any = vars(runpy)["_run_code"]
    original, undo = divert(function, execute)
    return undo
