"""Notice when ``%run`` executes a script or a notebook, and how that ends."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from kreg_ipython.lib.patch import divert
from kreg_ipython.session.runs import End


def notice(begin: Callable[[str], End | None]) -> Callable[[], None]:
    """Call ``begin`` with the path of a script that is about to be executed, and what it returned when that has ended.

    The shell's methods are diverted that execute a file of Python, a file of cells, and a module as a script. They may
    show an exception instead of raising it; `sys.last_value` tells.

    Returns:
        The undo.
    """
    undo = [
        _divert(begin, "safe_execfile", "fname", str),
        _divert(begin, "safe_execfile_ipy", "fname", str),
        _divert(begin, "safe_run_module", "mod_name", _path_of_module),
    ]

    def undo_all() -> None:
        for each in undo:
            each()

    return undo_all


def _divert(
    begin: Callable[[str], End | None], method: str, parameter: str, path_of: Callable[[Any], str]
) -> Callable[[], None]:
    def execute(shell: InteractiveShell, *args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        end = begin(path_of(args[0] if args else options.get(parameter)))
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


def _path_of_module(name: Any) -> str:
    """Return the file that ``python -m name`` executes."""
    try:
        spec = importlib.util.find_spec(str(name))
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
    except (ImportError, ValueError):
        spec = None
    return (spec.origin if spec else None) or ""
