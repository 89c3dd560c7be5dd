"""Read off the stack where a registration comes from: which body of code is executing, and the steps from it.

It keeps no state. Whose a body is, is not known here.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import linecache
import os
import re
import sys
from collections.abc import Callable, Container, Hashable, Iterable
from itertools import islice
from traceback import walk_stack
from types import CodeType, FrameType
from typing import NamedTuple

_CELL = ("IPython.core.interactiveshell", "run_code")
_SCRIPT = (  # what %run and %run -m execute a script by; the first since IPython 9, the second before
    ("IPython.core.interactiveshell", "execfile"),
    ("IPython.utils.py3compat", "execfile"),
    ("runpy", "_run_code"),
)
_IMPORT = ("importlib._bootstrap", "_call_with_frames_removed")
_NOTEBOOK = ("IPython.core.interactiveshell", "safe_execfile_ipy")  # and .ipy and .ipynb files, cell by cell
_OURS = __name__.partition(".")[0]
_STANDARD_LIBRARY = os.path.join(os.path.dirname(os.__file__), "")
_PACKAGES = {"site-packages", "dist-packages"}
_MAGIC = re.compile(r"\s*%%")
_MOST = 64
"""The most steps of a registration that are written down, from the outermost on."""


class Step(NamedTuple):
    """One frame on the way to a registration: its code, the line that it executes, the name of its module."""

    code: CodeType
    line: int
    module: str

    @property
    def function(self) -> str:
        """The qualified name of the code; nothing for a body."""
        return "" if is_body(self.code) else self.code.co_qualname


class Origin(NamedTuple):
    """The origin of a registration.

    ``module`` or ``script`` names the body that is executing, if it is not a cell's; ``in_cell`` tells that it is.
    ``file`` is the module's. ``cell`` is the text of the script's cell that is executing, if the script is a notebook.
    ``executor`` is the frame that executes a script that nothing else has told of.
    ``steps`` lead from the body to the registration; ``inner`` is the first of them in code that the body's magic
    executes: the body of ``%%time``. Without any body, in a thread or a task that has outlived its cell, the steps are
    those that are known.
    """

    module: str | None = None
    script: str | None = None
    in_cell: bool = False
    steps: tuple[Step, ...] = ()
    inner: int = 0
    file: str | None = None
    cell: str | None = None
    executor: FrameType | None = None

    def steps_in(self, cell: str, before: int) -> tuple[Step, ...]:
        """Return the steps in a cell, from the first one in its own code on.

        Args:
            cell: the cell's text. The body of a magic, of ``%%time``, is its own code, and what executes that is not.
            before: how many lines come before the code: IPython cuts off a header, which is no code.
        """
        steps = self.steps[self.inner :] if _MAGIC.match(cell) else self.steps
        return shifted(steps, steps[0].code.co_filename, before)


def trace(
    frame: FrameType | None,
    passthrough: Container[str],
    frameworks: Container[str],
    file_of: Callable[[FrameType], str | None] = lambda body: None,
) -> Origin | None:
    """Return the origin of a registration that is happening under ``frame``; None if a framework registers for itself.

    Args:
        frame: where the registration happens.
        passthrough: the modules whose frames carry the user's registration, and are skipped. If the first other frame
            is a framework's, no user asked for this: tracing names gradients, loading a saved model registers.
        frameworks: the packages that are frameworks.
        file_of: returns the file whose text a body executes that nothing has imported; None for any other text.
    """
    while frame is not None and ((name := _module(frame)) in passthrough or name.partition(".")[0] == _OURS):
        frame = frame.f_back
    if frame is None:
        return Origin()
    if _module(frame).partition(".")[0] in frameworks:
        return None
    frames: list[FrameType] = []
    inner = body = 0
    while frame is not None:
        frames.append(frame)
        code = frame.f_code
        if code.co_name[:1] == "<" and is_body(code):
            name, caller = _module(frame), _function(frame.f_back)
            # the kernel's own main module, which runpy executes, too, is not in sys.modules any more
            listed = getattr(sys.modules.get(name), "__dict__", None) is frame.f_globals
            file = frame.f_globals.get("__file__")
            imported = caller == _IMPORT or (listed and name != "__main__" and not _is_libraries_string(frame))
            if not body and listed and caller in _SCRIPT:
                return Origin(script=code.co_filename, steps=_steps(frames))
            if not body and imported and file:
                return Origin(name, steps=_steps(frames), file=file)
            if not body and caller not in (None, _CELL) and (script := file_of(frame)) is not None:
                return Origin(script=script, steps=_steps(frames), executor=frame.f_back)
            if not body and imported:
                return Origin(name, steps=_steps(frames))
            if caller == _CELL:
                body, inner = len(frames), inner or len(frames)  # and walk on: run_cell may be called inside a cell
            elif not inner and code.co_filename != "<string>":
                inner = len(frames)
        elif body and code.co_name == _NOTEBOOK[1]:
            path = frame.f_locals.get("fname")
            if path is not None and _function(frame) == _NOTEBOOK:
                steps = _steps(frames[:body])
                cell = frame.f_locals.get("cell")
                return Origin(script=str(path), steps=steps, inner=max(len(steps) - inner, 0), cell=cell)
        frame = frame.f_back
    if body:
        steps = _steps(frames[:body])
        return Origin(in_cell=True, steps=steps, inner=max(len(steps) - inner, 0))
    users = next((at for at, each in enumerate(frames) if is_library(each.f_code.co_filename)), len(frames))
    return Origin(steps=_steps(frames[: max(users, 1)]))


def _steps(frames: list[FrameType]) -> tuple[Step, ...]:
    """Return the steps that these frames are, which are listed from the innermost one."""
    ours = [each for each in reversed(frames) if _module(each).partition(".")[0] != _OURS]
    return tuple(Step(each.f_code, each.f_lineno, _module(each)) for each in ours[:_MOST])


def trail(frame: FrameType | None) -> Hashable:
    """Return what is equal for two calls that come the same way, instruction by instruction; cheap beside `trace`."""
    found: list[int] = []
    while frame is not None:
        found += (id(frame.f_code), frame.f_lasti)
        frame = frame.f_back
    return tuple(found)


def innermost_line(steps: Iterable[Step]) -> int | None:
    """Return the line of the innermost step in the body's own file, which may be in a function that the body calls."""
    line = file = None
    for step in steps:
        file = file or step.code.co_filename
        if step.code.co_filename == file:
            line = step.line
    return line


def shifted(steps: tuple[Step, ...], file: str, lines: int) -> tuple[Step, ...]:
    """Return the steps with the lines of one file counted from further above."""
    if not lines:
        return steps
    return tuple(step._replace(line=step.line + lines) if step.code.co_filename == file else step for step in steps)


def from_file(steps: tuple[Step, ...], path: str) -> tuple[Step, ...]:
    """Return the steps from the innermost body on that was executed from this file, or from a string.

    There are none if no step is in such code.
    """
    found: tuple[Step, ...] = ()
    for at in range(len(steps) - 1, -1, -1):
        file = steps[at].code.co_filename
        if file in (path, "<string>") and (not found or file == found[0].code.co_filename):
            found = steps[at:]
            if is_body(steps[at].code):
                break
    return found


def from_code(steps: tuple[Step, ...], code: CodeType) -> tuple[Step, ...]:
    """Return the steps from the innermost one on that is in this code; none if no step is."""
    at = next((at for at in range(len(steps) - 1, -1, -1) if steps[at].code is code), len(steps))
    return steps[at:]


def user_of_context(frame: FrameType) -> CodeType | None:
    """Return the code that uses a context manager, whose generator executes in ``frame``, or that it decorates."""
    for user, _ in islice(walk_stack(frame), 1, None):
        if user.f_code.co_filename != contextlib.__file__:
            return user.f_code
        decorated = user.f_locals.get("func")
        if user.f_code.co_name == "inner" and callable(decorated):
            return getattr(inspect.unwrap(decorated), "__code__", None)
    return None


def text_of(code: CodeType) -> str | None:
    """Return the text that a code was compiled from, whole, as `linecache` knows it; None if nobody knows it.

    The file of a function may have been saved since, and say something else now.
    """
    linecache.checkcache(code.co_filename)
    text = "".join(linecache.getlines(code.co_filename))
    says_it = is_body(code) or not os.path.isfile(code.co_filename) or code in _codes_in(text, code.co_filename)
    return text if text and says_it else None


@functools.lru_cache(maxsize=16)
def _codes_in(text: str, filename: str) -> list[CodeType]:
    """Return the codes of all functions in a text."""
    found: list[CodeType] = []
    with contextlib.suppress(SyntaxError, ValueError):
        found.append(compile(text, filename, "exec", dont_inherit=True))
    for code in found:
        found += [each for each in code.co_consts if isinstance(each, CodeType)]
    return found


@functools.lru_cache(maxsize=1024)
def is_library(filename: str) -> bool:
    """Return whether a file is an installed package's or Python's own. An editable install is the user's."""
    if filename.startswith("<frozen"):
        return True
    folders = re.split(r"[/\\]", filename)
    return not _PACKAGES.isdisjoint(folders) or filename.startswith(_STANDARD_LIBRARY)


def _is_libraries_string(frame: FrameType) -> bool:
    """Return whether a body is a text that an installed package executes: no body of its module's."""
    return frame.f_code.co_filename == "<string>" and is_library(str(frame.f_globals.get("__file__")))


def body_of(frame: FrameType) -> str | None:
    """Return the name of the module whose body is being executed: the innermost one that is."""
    return next((_module(each) for each, _ in walk_stack(frame) if is_body(each.f_code)), None)


def is_body(code: CodeType) -> bool:
    """Return whether this is the code of a module, script or cell, not of a function or class in it."""
    return code.co_name == "<module>" or code.co_name.startswith("<cell line")


def cell_code(frame: FrameType) -> CodeType | None:
    """Return the code of the cell that is being executed somewhere up the stack."""
    bodies = (each for each, _ in walk_stack(frame) if is_body(each.f_code))
    return next((each.f_code for each in bodies if _function(each.f_back) == _CELL), None)


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__"))


def _function(frame: FrameType | None) -> tuple[str, str] | None:
    return (frame.f_globals.get("__name__", ""), frame.f_code.co_name) if frame is not None else None
