"""Find the file whose text a body of code is, however that is executed: by ``exec``, by another tool's ``runfile``."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from types import CodeType, FrameType
from typing import Any

from kreg_ipython.lib import source, stack

_FLAGS = sys.modules["__future__"].annotations.compiler_flag
_MOST = 100
"""The most bodies that are remembered."""
_files: dict[int, tuple[CodeType, str | None]] = {}
"""The files by the ``id`` of the code: hashing a code takes long."""


def file_of(body: FrameType) -> str | None:
    """Return the path of the user's file whose text this body executes; None if it is no file's.

    The code bears the file's name, or its caller mentions the file. What the file says, compiled, must be this code: a
    part of a file is not the file.
    """
    code = body.f_code
    known = _files.get(id(code))
    if known is None or known[0] is not code:
        found = next((path for path in _candidates(body) if _is_text_of(code, path)), None)
        known = _files[id(code)] = code, found and os.path.realpath(found)
        while len(_files) > _MOST:
            del _files[next(iter(_files))]
    return known[1]


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
        said = list(filter(None, map(_path, (*code.co_consts, *values, *around.literals))))
        folders = ["", *filter(os.path.isdir, said)]
        yield from (os.path.join(folder, each) for each in said for folder in folders)


def _path(value: Any) -> str | None:
    """Return the path that a value is, or that of an open file."""
    path: Any = None
    with suppress(Exception):  # a property of the user's
        path = value.name if hasattr(type(value), "readline") else os.fspath(value)
    return path if isinstance(path, str) and path.isprintable() and len(path) < 1_000 else None


def _is_text_of(code: CodeType, path: str) -> bool:
    if stack.is_library(path) or not os.path.isfile(path):
        return False
    text = source.of_file(path)
    try:
        return text is not None and compile(text, path, "exec", code.co_flags & _FLAGS, True) == code
    except (SyntaxError, ValueError):
        return False
