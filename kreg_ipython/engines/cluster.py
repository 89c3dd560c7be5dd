"""The engines of one ipyparallel client: load kreg there, let requests say which cell they are of, ask all at once."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import TimeoutError as Late
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from traceback import walk_stack
from typing import Any, NamedTuple

from kreg_ipython.engines import remote
from kreg_ipython.engines.pieces import Pieces
from kreg_ipython.guard.ledger import Owner, Run
from kreg_ipython.guard.transaction import Outcome
from kreg_ipython.lib import stack
from kreg_ipython.lib.naming import error_text
from kreg_ipython.lib.patch import divert
from kreg_ipython.session.engine import MARKS
from kreg_ipython.session.notebook import Notebook

_PATIENCE = 10.0
"""For how many seconds an engine that has just joined may take to load kreg, before calls are sent to it."""

_unmarked: ContextVar[bool] = ContextVar("kreg_ipython_unmarked", default=False)


class Answers(NamedTuple):
    """The engines' answers, and the reasons why others did not answer, by their ids."""

    given: dict[int, Any]
    missing: dict[int, str]


@dataclass(frozen=True)
class Request:
    """A piece of a cell, as it was sent last: its id on engines, its text, and the execution count of its cell."""

    id: str
    text: str
    number: int


def cluster_of(notebook: Notebook) -> Cluster | None:
    """Return the cluster whose engines were loaded for a notebook, if any."""
    return next((each for each in notebook.attachments if isinstance(each, Cluster)), None)


@dataclass(eq=False)
class Cluster:
    """The engines of one client, on which the cells of a notebook run, too.

    Args:
        notebook: whose cells they are.
        client: ipyparallel's ``Client``.

    Attributes:
        known: the ids of the engines that have answered before.
    """

    notebook: Notebook
    client: Any
    known: set[int] = field(default_factory=set)
    _loaded: dict[bytes, Any] = field(default_factory=dict)
    _pieces: dict[Owner, Pieces] = field(default_factory=dict)
    _undo: list[Callable[[], None]] = field(default_factory=list)

    # -- loading

    def load(self, timeout: float) -> Answers:
        """Load kreg on all engines, and from now on on those that join; let requests say which cell they are of."""
        former = cluster_of(self.notebook)
        if former is not None and former is not self:
            self.notebook.attachments.remove(former)
            former.detach()
        if former is not self:
            self.notebook.attach(self)
        idents, ids = self._engines()
        for ident in idents:
            self._load(ident)
        return self._gather({each: self._loaded[ident] for each, ident in zip(ids, idents)}, timeout)

    def attach(self, notebook: Notebook) -> Callable[[], None]:
        """Let the requests of a notebook's cells say which cell they are of; return the undo."""
        self.notebook = notebook
        self._undo = [self._mark(name) for name in ("send_execute_request", "send_apply_request")]
        notebook.ended.append(self._end_cell)
        self._undo.append(lambda: notebook.ended.remove(self._end_cell))
        return self.detach

    def detach(self) -> None:
        """Let requests go out as they are again. What is loaded on the engines stays."""
        while self._undo:
            self._undo.pop()()

    def _engines(self) -> tuple[list[bytes], list[int]]:
        if not self.client.ids:
            return [], []
        idents, ids = self.client._build_targets("all")
        return list(idents), list(ids)

    def _load(self, ident: bytes) -> None:
        """Ask one engine to load kreg, unless it was asked before: one that restarts is another one."""
        if ident not in self._loaded:
            self._loaded[ident] = self._send(ident, remote.load)

    # -- asking

    def ask(self, function: Callable[..., Any], *args: Any, timeout: float) -> Answers:
        """Call a function on the engines, all at once; those that have not answered by then are missing."""
        idents, ids = self._engines()
        for ident in idents if self._undo else ():
            self._load(ident)
        return self._gather({each: self._send(ident, function, *args) for each, ident in zip(ids, idents)}, timeout)

    def execute(self, requests: Mapping[int, Iterable[Request]], timeout: float) -> dict[int, str]:
        """Execute pieces of cells on engines again; return what failed there, by engine."""
        idents, ids = self._engines()
        found: dict[int, str] = {}
        for each, ident in zip(ids, idents):
            for request in requests.get(each, ()):
                marks = {"cellId": request.id, MARKS: {"number": request.number}}
                with _silently():
                    future = self.client.send_execute_request(
                        self.client._mux_stream, request.text, silent=False, ident=ident, metadata=marks
                    )
                _, missing = self._gather({each: future}, timeout)
                if missing:
                    found[each] = f"cell [{request.number}] failed there: {missing[each]}"
                    break
        return found

    def _send(self, ident: bytes, function: Callable[..., Any], *args: Any) -> Any:
        with _silently():
            return self.client.send_apply_request(self.client._mux_stream, function, list(args), ident=ident)

    def _gather(self, futures: dict[int, Any], timeout: float) -> Answers:
        """Wait for the answers; what has not begun by then never will."""
        end = time.monotonic() + timeout
        given, missing = {}, {}
        for each, future in futures.items():
            try:
                answer = future.result(max(end - time.monotonic(), 0))
            except Late:
                missing[each] = f"busy: no answer within {timeout:g} s"
                continue
            except Exception as error:
                answer = error
            if isinstance(answer, Exception):
                died = getattr(answer, "ename", type(answer).__name__) == "EngineError"
                missing[each] = "dead" if died else _remote_text(answer)
            else:
                given[each] = answer
        late = [each for each, text in missing.items() if text.startswith("busy")]
        if late:
            self.client.abort([futures[each].msg_id for each in late], targets=late, block=False)
        self.known |= {*given}
        gone = dict.fromkeys(self.known - {*given} - {*missing} - {*self.client.ids}, "dead, or stopped")
        self.known -= {*gone}
        return Answers(given, missing | gone)

    # -- requests say which cell they are of

    def _mark(self, name: str) -> Callable[[], None]:
        """Let one way of sending add the cell to the metadata of a request; return the undo."""

        def send(client: Any, socket: Any, what: Any, *args: Any, **kwargs: Any) -> Any:
            if client is self.client and not _unmarked.get():
                kwargs["metadata"] = {**(kwargs.get("metadata") or {}), **self._marks(what, kwargs.get("ident"))}
                self._load_newcomers(socket, kwargs.get("ident"))
            return original(client, socket, what, *args, **kwargs)

        original, undo = divert(inspect.getattr_static(type(self.client), name), send)
        return undo

    def _marks(self, what: Any, ident: Any) -> dict[str, Any]:
        run = self.notebook.process.runs.cell() or self.notebook.process.runs.starter()
        if run is None or run.number is None or run.owner.kind != "cell":
            return {}
        marks: dict[str, Any] = {"number": run.number}
        pieces = None if run.owner.id is None else self._pieces.setdefault(run.owner, Pieces(run.owner.id))
        text = run.source or ""
        if isinstance(what, str):
            cell_id = pieces and pieces.of_text(run.number, what, text, ident)
        else:
            cell_id = pieces and pieces.of_call(run.number)
            marks |= {"text": text, **_place(text)}
        return {MARKS: marks, **({"cellId": cell_id} if cell_id else {})}

    def _load_newcomers(self, socket: Any, ident: Any) -> None:
        """Load kreg on the engines that have joined, before they get their first request.

        One socket keeps the order. What goes another way waits.
        """
        idents, ids = self._engines()
        new = {each: one for each, one in zip(ids, idents) if one not in self._loaded and ident in (None, one)}
        for one in new.values():
            self._load(one)
        if new and socket is not self.client._mux_stream:
            self._gather({each: self._loaded[one] for each, one in new.items()}, _PATIENCE)

    def _end_cell(self, run: Run, outcome: Outcome) -> None:
        """Let the engines sweep what a cell does not send any more."""
        pieces = self._pieces.get(run.owner)
        if pieces is not None and outcome == "success":
            gone = pieces.end(run.number)
            for ident in self._engines()[0] if gone else ():
                self._send(ident, remote.empty, gone)

    def requests(self) -> dict[str, Request]:
        """Return what the cells sent last, by the ids that engines know it by; without calls, which have no text."""
        return {
            piece: Request(piece, text, pieces.numbers[piece])
            for pieces in self._pieces.values()
            for piece, text in pieces.texts.items()
            if text is not None
        }


@contextmanager
def _silently() -> Iterator[None]:
    """Send requests of kreg's own: they are of no cell."""
    token = _unmarked.set(True)
    try:
        yield
    finally:
        _unmarked.reset(token)


def _place(text: str) -> dict[str, Any]:
    """Return the file and the line of the cell's statement that is executing."""
    for frame, line in walk_stack(sys._getframe()):
        if stack.is_body(frame.f_code) and stack.cell_code(frame) is frame.f_code:
            return {"file": frame.f_code.co_filename, "line": line}
    return _NOWHERE


_NOWHERE: dict[str, Any] = {"file": "<client>", "line": None}


def _remote_text(error: Exception) -> str:
    """Return the error of an engine in one line."""
    name, value = getattr(error, "ename", None), getattr(error, "evalue", None)
    return f"{name}: {value}".splitlines()[0] if name else error_text(error)
