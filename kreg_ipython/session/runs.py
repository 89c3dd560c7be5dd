"""Everything that is executing: cells, bodies of modules and scripts, bodies that say whose they are, and threads.

The one home of each run that has begun and has not ended, and of what beginning and ending mean.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kreg_ipython.guard.ledger import Caller, Owner, Run
from kreg_ipython.guard.transaction import Guard, Outcome
from kreg_ipython.lib.patch import End, divert

if TYPE_CHECKING:
    import asyncio

_cell: ContextVar[Run | None] = ContextVar("kreg_ipython_cell", default=None)
"""The cell that the code in this context belongs to: sync and async cells, subshells, tasks that outlive their cell."""
_body: ContextVar[Run | None] = ContextVar("kreg_ipython_body", default=None)
"""The module or script whose body is being executed in this context."""


@dataclass(eq=False, slots=True)
class _Cell:
    """A cell that is executing: its run, IPython's info of it (None for the cell that loaded us), where it began."""

    run: Run
    info: int | None
    thread: int
    task: Any


class Runs:
    """The runs of one guard.

    Args:
        guard: is told that a run begins and ends.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._cells: list[_Cell] = []
        self._bodies: list[Run] = []
        self._inside: dict[Run, list[Run]] = {}
        self._starters: weakref.WeakKeyDictionary[threading.Thread, Run] = weakref.WeakKeyDictionary()

    # -- what is executing

    def cell(self) -> Run | None:
        """Return the cell of this context."""
        return _cell.get()

    def innermost(self) -> Run | None:
        """Return what is executing in this context: the innermost body, or the cell."""
        return _body.get() or _cell.get()

    def is_in_body(self) -> bool:
        """Return whether the body of a module or script is executing in this context."""
        return _body.get() is not None

    def declared(self) -> Run | None:
        """Return the body that is executing in this context, if the innermost one says whose it is."""
        run = _body.get()
        return run if run is not None and run.declared and run in self._bodies else None

    def of(self, owner: Owner) -> Run | None:
        """Return the execution of a module or script that is going on."""
        return next((run for run in self._bodies[::-1] if run.owner is owner), None)  # a copy: threads change the list

    def starter(self) -> Run | None:
        """Return what started this thread."""
        return self._starters.get(threading.current_thread())

    def is_in_cells_task(self, run: Run) -> bool:
        """Return whether the code that is executing is the cell's own, and not that of a task beside it."""
        task = _current_task()
        return all(each.task is task for each in self._cells if each.run is run)

    # -- cells

    def begin_cell(self, run: Run, info: int | None) -> None:
        """Begin the run of a cell in this thread, which IPython knows by its ``info``."""
        self._cells.append(_Cell(run, info, threading.get_ident(), _current_task()))
        run.active = True
        _cell.set(run)

    def cell_of(self, info: int) -> Run | None:
        """Return the cell that began with this info."""
        return next((each.run for each in self._cells if each.info == info), None)

    def cell_here(self) -> Run | None:
        """Return the cell that has begun in this thread and has not ended, if any."""
        thread = threading.get_ident()
        return next((each.run for each in reversed(self._cells) if each.thread == thread), None)

    def has_loaded(self, run: Run) -> bool:
        """Return whether this is the cell that loaded us: IPython's info of it is not known."""
        return any(each.run is run and each.info is None for each in self._cells)

    def is_suspended(self, run: Run) -> bool:
        """Return whether a cell awaits something: what begins now does so in a task beside it."""
        task = _current_task()
        return any(each.run is run and each.task not in (None, task) and not each.task.done() for each in self._cells)

    def end_cell(self, run: Run, outcome: Outcome) -> None:
        """End the run of a cell.

        It is forgotten last: one that an interrupt keeps from ending here ends with the next cell of its thread.
        """
        try:
            self._end(run, outcome)
        except Exception:
            self._forget_cell(run)
            raise
        self._forget_cell(run)

    def _forget_cell(self, run: Run) -> None:
        self._cells = [each for each in self._cells if each.run is not run]
        if _cell.get() is run:
            _cell.set(None)

    # -- bodies

    def begin_body(self, run: Run, unsuccessful: Outcome) -> End:
        """Begin the run of a module's or script's body in this context.

        Args:
            run: the run.
            unsuccessful: what its outcome is if the body raises.

        Returns:
            What ends it.
        """
        self._guard.between(self.innermost())
        is_second = run.declared and self.of(run.owner) is not None
        run.active, run.within = True, self.innermost() or self.starter()
        self._bodies.append(run)
        token = _body.set(run)

        def end(error: BaseException | None) -> None:
            with suppress(ValueError):  # a generator may be closed in another context than it began in
                _body.reset(token)
            self._end(run, "success" if error is None else unsuccessful)

        try:
            if not is_second:
                self._guard.begin(run)  # two threads may execute one script at once: only the first is a transaction
        except BaseException as error:  # Ctrl-C, which was deferred until all was removed
            end(error)
            raise
        return end

    def begin_inside(self, run: Run, executor: Caller | None) -> None:
        """Begin the run of a body that nobody saw begin. It ends with what is executing around it: the ``executor``."""
        around = executor.run if executor is not None else self.innermost() or self.starter()
        if around is not None and around.active:
            self._inside.setdefault(around, []).append(run)
            self._bodies.append(run)
            run.active, run.within = True, around
            self._guard.begin(run)
            if executor is not None:
                self._guard.executes(executor, run.owner, unseen=True)

    def _end(self, run: Run, outcome: Outcome) -> None:
        """End a run, and before it those that began inside it."""
        with suppress(ValueError):  # a cell is no body
            self._bodies.remove(run)
        try:
            for inner in reversed(self._inside.pop(run, [])):
                self._end(inner, "success" if outcome == "success" else "failed")
        finally:
            self._guard.end(run, outcome)

    # -- threads

    def follow_threads(self) -> Callable[[], None]:
        """Remember who starts each thread from now on: a thread's registrations are its starter's.

        Returns:
            The undo.
        """

        def start(thread: threading.Thread) -> None:
            run = self.declared() or self.cell() or self.starter()
            if run is not None:
                self._starters[thread] = run
            original(thread)

        original, undo = divert(threading.Thread.start, start)  # type: ignore[arg-type]
        return undo

    def close(self) -> None:
        """Forget all cells: nothing is guarded any more."""
        self._cells.clear()
        _cell.set(None)


def _current_task() -> asyncio.Task[Any] | None:
    if "asyncio" not in sys.modules:
        return None
    import asyncio

    try:
        return asyncio.current_task()
    except RuntimeError:  # no event loop is running
        return None
