"""Let warnings and logging name the user's file, and not ours, when functions of ours stand in between.

Python's `warnings` and `logging` pass over a frame whose file has both words of this directory's name in its path:
those of the import system. The path of a code that leads through this directory still leads to the code's file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from types import CodeType
from typing import Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])
_HERE = os.path.dirname(os.path.realpath(__file__))  # ".." leads up from a real directory only


def pass_over(function: _Function) -> _Function:
    """Let a ``stacklevel`` pass over the frames of a function, and of the functions in it: a decorator."""
    function.__code__ = passed_over(function.__code__)
    return function


def passed_over(code: CodeType) -> CodeType:
    """Return the code with a file name that a ``stacklevel`` passes over. The name still leads to the file."""
    inner = tuple(passed_over(each) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_consts=inner, co_filename=_through_here(code.co_filename))


def _through_here(path: str) -> str:
    try:
        return os.path.join(_HERE, os.path.relpath(path, _HERE)) if os.path.isabs(path) else path
    except ValueError:  # on another drive
        return path
