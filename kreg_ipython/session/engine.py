"""An ipyparallel engine: the requests of its client's cells that fire none of IPython's events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kreg_ipython.lib.patch import End

MARKS = "kreg"
"""The key at which the metadata of a request say which run of a client's cell sends it.

``{"number": execution count}``; with a call also ``{"text": the cell's, "file": the name of its code, "line": …}``.
"""
Begin = Callable[[dict[str, Any]], "End | None"]
"""Begins the run of a request, given its marks, and returns what ends it."""


def follow_requests(shell: Any, begin_silent: Begin, begin_call: Begin) -> Iterator[Callable[[], None]]:
    """Begin and end a run around each silent request and each call of a client's cell; yield each undo.

    It does nothing in a kernel that is no engine.
    """
    kernel: Any = getattr(shell, "kernel", None)
    if not hasattr(kernel, "do_apply"):
        return
    do_execute, do_apply = kernel.do_execute, kernel.do_apply

    async def execute(*args: Any, **kwargs: Any) -> Any:
        end, reply = _begun(shell, begin_silent, silent=True), None
        try:
            reply = await do_execute(*args, **kwargs)
            return reply
        finally:
            _end(end, reply)

    def apply(*args: Any, **kwargs: Any) -> Any:
        end, reply = _begun(shell, begin_call), (None,)
        try:
            reply = do_apply(*args, **kwargs)
            return reply
        finally:
            _end(end, reply[0])

    for name, around in (("do_execute", execute), ("do_apply", apply)):
        setattr(kernel, name, around)
        yield lambda name=name, around=around: _give_back(kernel, name, around)  # type: ignore[misc]


def _begun(shell: Any, begin: Begin, *, silent: bool = False) -> End | None:
    """Begin the run of a request; None if no cell sent it, or if its events tell."""
    request = getattr(shell, "parent_header", None) or {}
    marks = (request.get("metadata") or {}).get(MARKS)
    if not marks or (silent and not (request.get("content") or {}).get("silent")):
        return None
    return begin(marks)


def _end(end: End | None, reply: dict[str, Any] | None) -> None:
    """End the run of a request; it has no reply if something was raised."""
    if end is not None:
        end(None if (reply or {}).get("status") == "ok" else RuntimeError("the request failed"))


def _give_back(kernel: Any, name: str, around: Callable[..., Any]) -> None:
    if vars(kernel).get(name) is around:
        delattr(kernel, name)
