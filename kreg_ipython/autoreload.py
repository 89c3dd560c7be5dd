"""Let ``%autoreload`` execute a changed file anew where it would rather patch functions and classes one by one.

Since IPython 9 it compares a changed file with its former text and replaces the code of functions. A class's decorator
is not called then, and that of a function is called on a function that is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from kreg_ipython.patch import divert
from kreg_ipython.registry import locate

MODULE = "IPython.extensions.deduperreload.deduperreload"


def reload_fully(wanted: Callable[[ModuleType], bool]) -> Callable[[], None]:
    """Make ``%autoreload`` reload the modules that are ``wanted`` as a whole.

    `DeduperReloader.maybe_reload_module` leaves a module to be reloaded if it has no former text to compare with.

    Returns:
        The undo.
    """

    def maybe_reload_module(reloader: Any, module: ModuleType) -> Any:
        if wanted(module):
            reloader.source_by_modname[module.__name__] = ""
        return original(reloader, module)

    original, undo = divert(locate(f"{MODULE}:DeduperReloader.maybe_reload_module"), maybe_reload_module)
    return undo
