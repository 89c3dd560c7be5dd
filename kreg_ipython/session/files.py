"""Find the file whose text a body of code is, however that is executed: by ``exec``, by another tool's ``runfile``."""

from __future__ import annotations

import functools
import linecache
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from types import CodeType, FrameType
from typing import Any

from kreg_ipython.lib import source, stack
from kreg_ipython.lib.remembered import remembered

_FLAGS = sys.modules["__future__"].annotations.compiler_flag
_MOST = 100
"""The most bodies that are remembered, and the most files that one may be the text of."""
_LARGEST = 1_000_000
"""The largest file that is read, in bytes."""


def file_of(body: FrameType) -> str | None:
    """Return the path of the user's file whose text this body executes; None if it is no file's.

    The code bears the file's name, or its caller mentions the file. What the file says, compiled, must be this code: a
    part of a file is not the file.
    """
    return _file_of(body.f_code, body)


@remembered(_MOST)
def _file_of(code: CodeType, body: FrameType) -> str | None:
    found = next((path for path in islice(_candidates(body), _MOST) if _is_text_of(code, path)), None)
    return found and os.path.realpath(found)


def _candidates(body: FrameType) -> Iterator[str]:
    """Yield the files that a body may be the text of: its own name, or what its caller or the text around mentions."""
    name, caller = body.f_code.co_filename, body.f_back
    if name[:1] != "<":
        yield name
    elif name == "<string>" and caller is not None and not stack.is_library(caller.f_code.co_filename):
        code = caller.f_code
        names = (*code.co_names, *code.co_varnames, *code.co_freevars)
        values = (caller.f_locals.get(each, caller.f_globals.get(each)) for each in names)
        around = source.read("".join(linecache.getlines(code.co_filename)))
        mentioned = filter(None, map(_path, (*code.co_consts, *values, *around.literals)))
        said = list(dict.fromkeys(islice(mentioned, _MOST)))
        folders = ["", *filter(os.path.isdir, said)]
        yield from (os.path.join(folder, each) for folder in folders for each in said)


def _path(value: Any) -> str | None:
    """Return the path that a value is, or that of an open file."""
    path: Any = None
    with suppress(Exception):  # a property of the user's
        path = value.name if hasattr(type(value), "readline") else os.fspath(value)
    return path if isinstance(path, str) and path.isprintable() and len(path) < 1_000 else None


def _is_text_of(code: CodeType, path: str) -> bool:
    try:
        found = os.stat(path)
    except OSError:
        return False
    if stack.is_library(path) or not os.path.isfile(path) or found.st_size > _LARGEST:
        return False
    return _compiled(os.path.abspath(path), found.st_mtime_ns, code.co_flags & _FLAGS) == code


@functools.lru_cache(maxsize=16)
def _compiled(path: str, moment: int, flags: int) -> CodeType | None:
    """Return what a file says, compiled; None if that is no Python. It is read again when it was saved again."""
    with suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the user has seen them
        code: CodeType = compile(source.of_file(path) or "", path, "exec", flags, True)
        return code
    return None
