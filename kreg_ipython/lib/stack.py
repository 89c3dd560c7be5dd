"""Read off the stack where a registration comes from. No state: what it means is the tracker's business."""

from __future__ import annotations

import sys
from collections.abc import Container
from types import CodeType, FrameType
from typing import Any, NamedTuple

_CELL = ("IPython.core.interactiveshell", "run_code")
_SCRIPT = (  # what %run and %run -m execute a script by; the first since IPython 9, the second before
    ("IPython.core.interactiveshell", "execfile"),
    ("IPython.utils.py3compat", "execfile"),
    ("runpy", "_run_code"),
)
_NOTEBOOK = ("IPython.core.interactiveshell", "safe_execfile_ipy")  # and .ipy and .ipynb files, cell by cell
_OURS = __name__.partition(".")[0]


class Site(NamedTuple):
    """The code that makes a registration, whether it is the owner's own (the notebook's, for a cell) or comes from
    elsewhere, and the line in its file."""

    code: CodeType
    own: bool
    line: int


class Lines(NamedTuple):
    """Where a body of code leads to a registration: its own line, and the innermost line in its file, which may be in a
    function that it calls."""

    own: int
    innermost: int


class Origin(NamedTuple):
    """Where a registration comes from, walking outward from it to the body of code that is being executed.

    ``module`` or ``script`` names that body if it is not a cell's. ``lines`` are the body's, and ``inner`` those of
    code that a magic of the cell executes: the body of ``%%time``. ``site`` is the innermost call outside the
    framework. Without any body, in a thread or a task that outlives its cell, ``lines`` are the site's.
    """

    module: str | None = None
    script: str | None = None
    lines: Lines | None = None
    inner: Lines | None = None
    in_cell: bool = False
    site: Site | None = None


def trace(frame: FrameType | None, plumbing: Container[str], frameworks: Container[str]) -> Origin | None:
    """The origin of a registration that is happening under ``frame``; None if a framework registers for itself.

    Frames of ``plumbing`` modules carry the user's registration and are looked through. If the first other frame
    is a framework's, no user asked for this: tracing names gradients, loading a saved model registers.
    """
    maker = _maker(frame, plumbing)
    if maker is None:
        return Origin()
    if _module(maker).partition(".")[0] in frameworks:
        return None
    inner = body = None
    frame = maker
    while frame is not None:
        code = frame.f_code
        if code.co_name[:1] == "<" and is_body(code):
            name, caller = _module(frame), _function(frame.f_back)
            # the kernel's own main module, which runpy executes, too, is not in sys.modules any more
            imported = body is None and getattr(sys.modules.get(name), "__dict__", None) is frame.f_globals
            if imported and (caller in _SCRIPT or name != "__main__"):
                module, script = (None, code.co_filename) if caller in _SCRIPT else (name, None)
                return Origin(module, script, _lines(maker, frame), site=_site(maker, frame.f_globals))
            if caller == _CELL:
                body, inner = frame, inner or frame  # and walk on: run_cell may be called inside a cell
            elif inner is None and code.co_filename != "<string>":
                inner = frame
        elif body is not None and code.co_name == _NOTEBOOK[1]:
            path = frame.f_locals.get("fname")
            if path is not None and _function(frame) == _NOTEBOOK:
                return Origin(script=str(path), site=_site(maker))
        frame = frame.f_back
    site = _site(maker)
    if body is not None and inner is not None:
        lines = _lines(maker, body)
        return Origin(lines=lines, inner=lines if inner is body else _lines(maker, inner), in_cell=True, site=site)
    return Origin(lines=_lines(maker, maker), site=site)


def _maker(frame: FrameType | None, plumbing: Container[str]) -> FrameType | None:
    """The frame that makes the registration: the innermost one that carries nobody else's."""
    while frame is not None and ((name := _module(frame)) in plumbing or name.partition(".")[0] == _OURS):
        frame = frame.f_back
    return frame


def within(frame: FrameType | None, site: Site | None, path: str) -> tuple[int | None, Site | None]:
    """The innermost line in a body of code that was executed from this file, or from a string; and the site, which is
    own if it is in there."""
    while frame is not None and frame.f_code.co_filename not in (path, "<string>"):
        frame = frame.f_back
    if frame is None:
        return None, site
    own = site is not None and site.code.co_filename == frame.f_code.co_filename
    return frame.f_lineno, Site(site.code, own, site.line) if site is not None else None


def body_of(frame: FrameType | None) -> str | None:
    """The name of the module whose body is being executed: the innermost one that is."""
    while frame is not None and not is_body(frame.f_code):
        frame = frame.f_back
    return None if frame is None else str(frame.f_globals.get("__name__"))


def is_body(code: CodeType) -> bool:
    """Whether this is the code of a module, script or cell, not of a function or class in it."""
    return code.co_name == "<module>" or code.co_name.startswith("<cell line")


def cell_code(frame: FrameType | None) -> CodeType | None:
    """The code of the cell that is being executed somewhere up the stack."""
    while frame is not None:
        back = frame.f_back
        if is_body(frame.f_code) and _function(back) == _CELL:
            return frame.f_code
        frame = back
    return None


def _site(maker: FrameType, body: dict[str, Any] | None = None) -> Site:
    """The code of the frame that registers, which is own if its globals are the body's, or the notebook's, and it is no
    text that is executed there."""
    own = maker.f_globals.get("__name__") == "__main__" if body is None else maker.f_globals is body
    return Site(maker.f_code, own and maker.f_code.co_filename != "<string>", maker.f_lineno)


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__"))


def _function(frame: FrameType | None) -> tuple[str, str] | None:
    return (frame.f_globals.get("__name__", ""), frame.f_code.co_name) if frame is not None else None


def _lines(maker: FrameType, body: FrameType) -> Lines:
    """Where a body of code leads to the registration that this frame makes."""
    frame: FrameType | None = maker
    while frame is not None and frame.f_code.co_filename != body.f_code.co_filename:
        frame = frame.f_back
    return Lines(body.f_lineno, body.f_lineno if frame is None else frame.f_lineno)
