"""Write a module to a file: as a whole or not at all, and over no work of the user's."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.util
import keyword
import os
import re
import sys
import tempfile
from collections.abc import Iterable

from kreg_ipython.export.module import Module
from kreg_ipython.lib.naming import enumerated, error_text

_MARK = "# sha256 of what follows: "
_MARKED = re.compile(rf"^{_MARK}([0-9a-f]{{64}})$", re.MULTILINE)


class CannotWrite(Exception):
    """The module cannot be written there. The text is one line that says why, and what to do instead."""


def checked(path: str, *, force: bool) -> str:
    """Return the path of a module that may be written.

    Args:
        path: as the user gave it; ``~`` is the home directory.
        force: whether a file that is not ours, or was edited, may be overwritten.

    Raises:
        CannotWrite: if it may not.
    """
    full = os.path.realpath(os.path.expanduser(path))
    folder, base = os.path.split(full)
    name, extension = os.path.splitext(base)
    if os.path.isdir(full):
        raise CannotWrite(f"{path} is a directory; name a file in it, such as {os.path.join(path, 'my_layers.py')}")
    if extension != ".py" or not name.isidentifier() or name == "__main__":
        raise CannotWrite(f"{base!r} cannot be imported; the name of a module is a Python name, and ends in .py")
    if keyword.iskeyword(name):
        raise CannotWrite(f"{base!r} cannot be imported; {name} is a word of Python's own; give it another name")
    if not os.path.isdir(folder):
        raise CannotWrite(f"there is no directory {os.path.dirname(path) or folder}; make it first")
    home = _home_of(name)
    if home is not None and home != full:
        raise CannotWrite(f"{base} would stand in the way of the module {name} that is installed; give it another name")
    if os.path.lexists(full) and not force and not _is_ours(full):
        raise CannotWrite(f"{path} was written by somebody else, or edited since; --force overwrites it")
    return full


def _home_of(name: str) -> str | None:
    """Return the file of an installed module, or of Python's own, that has this name; None if there is none."""
    from kreg_ipython.lib.stack import is_library

    if name in sys.builtin_module_names:
        return ""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    origin = getattr(spec, "origin", None)
    return os.path.realpath(origin) if origin and is_library(origin) else None


def _is_ours(path: str) -> bool:
    """Return whether we wrote a file, and nobody edited it since."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, ValueError):
        return False
    mark = _MARKED.search(text)
    return mark is not None and mark[1] == _digest(text[mark.end() :])


def _digest(text: str) -> str:
    return hashlib.sha256(text.strip().encode()).hexdigest()


def with_header(module: Module, notebook: str = "") -> str:
    """Return a module's text below the lines that say how it was made.

    Args:
        module: the module.
        notebook: the name of the notebook's file; empty if it is not known.
    """
    cells = enumerated(f"[{number}]" for number in module.cells)
    origin = {0: "no cell", 1: f"cell {cells}"}.get(len(module.cells), f"cells {cells}")
    origin += f" of {notebook}" if notebook else ""
    lines = [
        f"# Made by %kreg export from {origin}: definitions as they were typed there, and what they need.",
        "# It does not need kreg_ipython. Edit it as you like: it will not be overwritten then.",
        f"{_MARK}{_digest(module.text)}",
    ]
    return "\n".join([*lines, "", module.text])


def write(path: str, text: str) -> None:
    """Write a file as a whole: whoever reads it finds the former text or this one.

    Raises:
        CannotWrite: if it cannot be written. Then nothing has changed.
    """
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise CannotWrite("the definitions have a character in them that cannot be written as UTF-8") from None
    new = ""
    try:
        handle, new = tempfile.mkstemp(prefix=".kreg_", suffix=".tmp", dir=os.path.dirname(path))
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(new, _mode(path))
        os.replace(new, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(new)
        if isinstance(error, OSError):
            raise CannotWrite(_why(error, path)) from None
        raise


def _mode(path: str) -> int:
    """Return the permissions of a file; those of a new one if there is none."""
    with contextlib.suppress(OSError):
        return os.stat(path).st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _why(error: OSError, path: str) -> str:
    folder = os.path.dirname(path)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no space is left in {folder}; nothing was written"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{folder} cannot be written to; name another directory"
    return f"{path} cannot be written: {error_text(error)}"


def names_itself(path: str, text: str) -> Iterable[str]:
    """Return the lines of a module by which it would import the file that it is written to."""
    name = os.path.splitext(os.path.basename(path))[0]
    home = getattr(sys.modules.get(name), "__file__", None)
    if home is None or os.path.realpath(home) != path:
        return []
    return re.findall(rf"^(?:from {name} import .*|import {name}\b.*)$", text, re.MULTILINE)
