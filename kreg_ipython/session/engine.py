"""An ipyparallel engine: the requests of its client's cells that fire none of IPython's events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from kreg_ipython.guard.ledger import Run

MARKS = "kreg"
"""Where the metadata of a request say which run of a client's cell sends it.

``{"number": execution count}``; with a call also ``{"text": the cell's, "file": the name of its code, "line": …}``.
"""


class Cells(Protocol):
    """The side of a notebook that begins and ends runs: see `session.notebook.Notebook`.

    Attributes:
        shell: the engine's.
    """

    shell: Any

    def begin_silent(self) -> Run | None:
        """Begin the cell of a request that fires no event."""

    def begin_call(self) -> Run | None:
        """Begin a call that a cell of the client asked for."""

    def end_request(self, run: Run, *, success: bool) -> None:
        """End what one of these began."""

    def tell_fault(self, error: Exception) -> None:
        """Tell the user a fault of ours."""


def follow_requests(notebook: Cells) -> Iterator[Callable[[], None]]:
    """Begin and end a run around each silent request and each call of a client's cell; yield each undo.

    It does nothing in a kernel that is no engine.
    """
    kernel: Any = getattr(notebook.shell, "kernel", None)
    if not hasattr(kernel, "do_apply"):
        return
    do_execute, do_apply = kernel.do_execute, kernel.do_apply

    async def execute(*args: Any, **kwargs: Any) -> Any:
        run = _begun(notebook, notebook.begin_silent, silent=True)
        success = False
        try:
            reply = await do_execute(*args, **kwargs)
            success = reply["status"] == "ok"
            return reply
        finally:
            if run is not None:
                notebook.end_request(run, success=success)

    def apply(*args: Any, **kwargs: Any) -> Any:
        run = _begun(notebook, notebook.begin_call)
        success = False
        try:
            reply = do_apply(*args, **kwargs)
            success = reply[0]["status"] == "ok"
            return reply
        finally:
            if run is not None:
                notebook.end_request(run, success=success)

    for name, around in (("do_execute", execute), ("do_apply", apply)):
        setattr(kernel, name, around)
        yield lambda name=name, around=around: _give_back(kernel, name, around)  # type: ignore[misc]


def _begun(notebook: Cells, begin: Callable[[], Run | None], *, silent: bool = False) -> Run | None:
    """Begin the run of a request; None if no cell sent it, if its events tell, or if a fault of ours prevents it."""
    request = getattr(notebook.shell, "parent_header", None) or {}
    marks = (request.get("metadata") or {}).get(MARKS)
    if not marks or (silent and not (request.get("content") or {}).get("silent")):
        return None
    try:
        return begin()
    except Exception as error:
        notebook.tell_fault(error)
        return None


def _give_back(kernel: Any, name: str, around: Callable[..., Any]) -> None:
    if vars(kernel).get(name) is around:
        delattr(kernel, name)
