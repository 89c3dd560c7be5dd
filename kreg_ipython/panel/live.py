"""The panel's widget: it looks at the registries when a run has changed something, and does what its buttons say.

What is a button for the user is a word after ``%kreg`` here. The page asks for all tables at first, and then gets what
has changed. A panel that no page shows rests.
"""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib.resources import files
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

from anywidget import AnyWidget

from kreg_ipython.guard.ledger import Run
from kreg_ipython.guard.transaction import Outcome
from kreg_ipython.lib import source
from kreg_ipython.lib.holders import holders
from kreg_ipython.lib.naming import error_text
from kreg_ipython.panel.state import WORDS, State, changes, difference, owner_id, state
from kreg_ipython.registries import OPAQUE
from kreg_ipython.report.done import Refused
from kreg_ipython.report.render import Shown
from kreg_ipython.report.status import Status, owner_dict
from kreg_ipython.session.notebook import Notebook

CarryOut = Callable[[str, list[str]], Shown]
"""Carries out a word after ``%kreg``, with its arguments."""

_ACTS = ("keep", "release", "clear", "undo")
_SOON = 0.05
"""Seconds after a run in which the kernel first answers the page."""
_SHARE = 3
"""The panel waits this many times as long as it took to look, at least, before it looks again."""

_open: WeakKeyDictionary[Notebook, Panel] = WeakKeyDictionary()


def opened(notebook: Notebook, carry_out: CarryOut) -> Panel:
    """Return the panel of a notebook, which may be open already."""
    panel = _open.get(notebook)
    if panel is None:
        panel = _open[notebook] = Panel(notebook, carry_out)
        notebook.process.undo_later(functools.partial(_close, notebook))
    return panel


def _close(notebook: Notebook) -> None:
    panel = _open.get(notebook)
    if panel is not None:
        panel.close()


class Panel(AnyWidget):
    """The panel of a notebook.

    Args:
        notebook: whose registries it shows.
        carry_out: carries out what the buttons say.
    """

    _esm = files(__package__).joinpath("panel.js").read_text("utf-8")
    _css = files(__package__).joinpath("panel.css").read_text("utf-8")

    def __init__(self, notebook: Notebook, carry_out: CarryOut) -> None:
        self._notebook, self._carry_out = notebook, carry_out
        self._sent, self._version = State(), 0
        self._last: dict[str, Any] = {}
        self._looked_at, self._is_outdated = self._revision(), True
        self._timer: asyncio.TimerHandle | None = None
        self._rests_until = 0.0
        self._busy = threading.RLock()  # a page may speak to a subshell, which has a thread of its own
        super().__init__()
        self.on_msg(self._asked)

    def __repr__(self) -> str:
        return "kreg's panel, which needs its kernel"

    def close(self) -> None:
        """End the panel: nothing follows the runs any more."""
        self._rest()
        if _open.get(self._notebook) is self:
            del _open[self._notebook]
        self._sent = State()
        with suppress(Exception):  # the page may be gone
            super().close()

    # -- following the runs

    def _follow(self) -> None:
        if self._ended not in self._notebook.ended:
            self._notebook.ended.append(self._ended)

    def _rest(self) -> None:
        with suppress(ValueError):
            self._notebook.ended.remove(self._ended)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ended(self, run: Run, outcome: Outcome) -> None:
        self._at_the_boundary(self._look_after, run)

    def _look_after(self, run: Run) -> None:
        """Look at the registries soon, unless the run that has ended changed nothing."""
        owns = self._notebook.process.guard.ledger.has_entries(run.owner)
        self._is_outdated = self._is_outdated or owns or self._revision() != self._looked_at
        if self._timer is None and (self._is_outdated or source.assigned(run.source or "")):
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                self._look()
            else:
                delay = max(self._rests_until - time.monotonic(), _SOON)
                self._timer = loop.call_later(delay, self._at_the_boundary, self._look)

    def _revision(self) -> tuple[int, set[str]]:
        return self._notebook.process.guard.memory.journal.count, self._notebook.deleted

    def _look(self, *, whole: bool = False) -> None:
        """Send what has changed; if ``whole``, all."""
        with self._busy:
            self._timer = None
            if self._notebook.process.guard.pending() and not whole:
                return  # in the midst of a run, whose end calls again
            began, before = time.monotonic(), State() if whole else self._sent
            self._sent = self._now()
            found = difference(before, self._sent)
            self._rests_until = time.monotonic() + _SHARE * (time.monotonic() - began)
            if whole or found:
                self._version += 1
                message = {"version": self._version, "tables": found, "last": self._last}
                self.send(message | ({"words": WORDS} if whole else {}))

    def _now(self) -> State:
        """Return the tables. What is registered is looked at only if a run, or a variable, may have changed it."""
        variables = dict(self._variables())
        if not self._is_outdated and variables == self._sent.variables:
            return self._sent
        (count, _), self._looked_at, self._is_outdated = self._looked_at, self._revision(), False
        events = self._notebook.process.guard.memory.journal.since(count)
        self._last = changes(events, self._looked_at[0] - count - len(events)) if events else self._last
        return self._tables()._replace(variables=dict(self._variables()))

    def _tables(self) -> State:
        guard = self._notebook.process.guard
        status = self._carry_out("status", [])
        assert isinstance(status, Status)
        undoable = {entry.name: None for entry in guard.undoable()}
        return state(status, guard.memory.pinned, undoable)

    def _variables(self) -> Iterable[tuple[str, Mapping[str, Any]]]:
        """Yield the variables that are instances of, or are built from, what is registered or was."""
        guard, notebook = self._notebook.process.guard, self._notebook
        subjects = [(entry.name, entry.subject, False) for entry in guard.ledger]
        subjects += [((one.registry, one.key), one.subject(), True) for one in guard.ledger.former()]
        subjects = [each for each in subjects if isinstance(each[1], (type, FunctionType))]
        variables = notebook.variables()
        found = holders(variables, [each[1] for each in subjects], OPAQUE) if subjects else {}
        of: dict[str, list[tuple[str, str, str, bool]]] = {}
        for name, subject, is_former in subjects:
            for holder in found.get(id(subject), ()):
                if holder.relation != "is" and guard.name_of(variables[holder.name]) is None:
                    of.setdefault(holder.name, []).append((*name, holder.relation, is_former))
        for variable, some in of.items():
            by = owner_dict((notebook.assigned(variable) or (None,))[0])
            yield variable, {"owner": owner_id(by), "by": by, "of": some}

    # -- what the page asks

    def _asked(self, widget: Any, content: Any, buffers: Any) -> None:
        self._at_the_boundary(self._answer, content)

    def _answer(self, content: Mapping[str, Any]) -> None:
        match content:
            case {"ask": "all"}:
                self._is_outdated = True
                self._follow()
                self._look(whole=True)
            case {"ask": "rest"}:
                self._rest()
                self.send({"rests": True})  # another page may show it, too, and asks for all
            case {"ask": "close"}:
                self.close()
            case {"do": str(word), "key": str(key)} if word in _ACTS:
                self._act(word, [] if word == "undo" else ["--", key])

    def _act(self, word: str, arguments: list[str]) -> None:
        with self._busy:
            try:
                answer = {"answer": repr(self._carry_out(word, arguments)), "done": True}
            except Refused as error:
                answer = {"answer": f"%kreg {word}: {error}", "done": False}
            self.send(answer)
            self._is_outdated = True
            self._look()

    # -- the boundary

    def _at_the_boundary(self, act: Callable[..., None], *arguments: Any) -> None:
        """Carry out an act of the panel's. A fault ends the panel, and goes no further."""
        try:
            act(*arguments)
        except Exception as error:
            self._notebook.process.guard.tell(f"the panel has ended, %kreg panel opens another: {error_text(error)}")
            self.close()
