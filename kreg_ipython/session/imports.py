"""Notice when the body of a module is executed, whoever imports or reloads it, and how that ends."""

from __future__ import annotations

import importlib.machinery
from collections.abc import Callable
from types import ModuleType
from typing import Any

from kreg_ipython.lib.patch import End, divert


def notice(begin: Callable[[ModuleType], End | None]) -> Callable[[], None]:
    """Call ``begin`` when a module's body is about to be executed, and what ``begin`` returned when that has ended.

    `exec_module` is diverted, which the loaders of source files, byte code and zip files have in common. Finders,
    loaders and specs stay as they are, and so do the frames of a traceback.

    Returns:
        The undo.
    """
    function: Any = importlib.machinery.SourceFileLoader.exec_module
    _, undo = divert(function, begin, through=_exec_module)
    return undo


def is_reload(module: ModuleType) -> bool:
    """Return whether `importlib.reload` is executing this module again."""
    return importlib._RELOADING.get(module.__name__) is module  # type: ignore[attr-defined]


def is_emptied(module: ModuleType) -> bool:
    """Return whether the body is executed in an empty namespace: in a new module, or as `%autoreload` reloads."""
    return all(name.startswith("__") for name in vars(module).copy())


def source_of(module: ModuleType) -> str | None:
    """Return the text of the module's file as it is now; None if there is none."""
    get_source = getattr(getattr(module, "__loader__", None), "get_source", None)
    try:
        text = get_source(module.__name__) if get_source else None
    except (ImportError, SyntaxError, ValueError):  # the file is gone, or its encoding is broken
        return None
    return text if isinstance(text, str) else None


def _exec_module(self: Any, module: ModuleType) -> None:
    original: Any = "the original"
    begin: Any = "the around function"
    end = begin(module)
    try:
        original(self, module)
    except BaseException as error:
        if end is not None:
            end(error)
        at = error.__traceback__  # this frame stands for the original's
        raise error.with_traceback(at.tb_next.tb_next if at and at.tb_next else at)  # noqa: B904 - the same one
    if end is not None:
        end(None)
