"""What is executing in IPython: cells, `%run` scripts, `%autoreload`. Only here and in magic.py: IPython."""

from __future__ import annotations

import functools
import linecache
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import CodeType, FunctionType
from typing import Any

import IPython
from IPython.core.interactiveshell import InteractiveShell

from kreg_ipython.guard.context import Caller
from kreg_ipython.guard.ledger import Ledger, Owner, Run
from kreg_ipython.guard.transaction import Outcome
from kreg_ipython.lib import source, stack
from kreg_ipython.lib.naming import definition
from kreg_ipython.lib.stack import Origin
from kreg_ipython.registries.registry import NotThere
from kreg_ipython.session import autoreload, scripts
from kreg_ipython.session.process import Process, executing


class Tracker(Process):
    """Tells the guard when a cell begins and ends, and which one registers."""

    _notes = IPython.version_info >= (8, 15)

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self._runs: dict[int, Run] = {}
        self._running: dict[int, Run] = {}
        self._loading: Run | None = None
        self._cells: dict[str, Owner] = {}
        self._deleted: set[str] = set()
        self._texts: dict[str, Owner] = {}
        self._number = len(self._history) - 1  # shell.execution_count is the next cell's already, since IPython 9
        self._sources: dict[tuple[str, int], tuple[str, int | None]] = {}
        self._defined_in: tuple[int, dict[str, int]] = 0, {}
        self._has_requests = hasattr(shell, "parent_header")  # ipykernel's shell
        super().__init__()

    def start(self) -> None:
        """Hook into IPython, the import system and threads; adopt what was registered before."""
        if self.on:
            return
        code = stack.cell_code(sys._getframe())
        if code is not None:
            self._begin_late(code)
        super().start()

    def stop(self) -> None:
        """Give everything back, in reverse; what is registered stays registered."""
        super().stop()
        self._runs.clear()
        self._running.clear()
        self._loading = None

    def _hook(self) -> None:
        for event, callback in (("pre_run_cell", self._pre_run_cell), ("post_run_cell", self._post_run_cell)):
            self.shell.events.register(event, callback)
            self._give_back.append(functools.partial(self._unregister, event, callback))
        before = self.shell.events.callbacks["pre_run_cell"]
        before.insert(0, before.pop())  # before autoreload's: a definition may have moved from this cell to a module
        super()._hook()
        self._give_back.append(scripts.notice(self._at_the_boundary(self.modules.begin_script)))

    def _fresh(self, former: Ledger | None = None) -> None:
        super()._fresh(former)
        for home in autoreload.HOMES:
            self._await(home)

    def _arrived(self, module: str) -> None:
        super()._arrived(module)
        if module in autoreload.HOMES:
            self._divert_autoreload(module)

    def _divert_autoreload(self, home: str) -> None:
        with suppress(NotThere):
            self._give_back.append(autoreload.leave_instances(home, self.guard.ledger.has_subject))
            wanted = self.modules.may_register
            self._give_back.append(autoreload.carry_names_over(home, wanted, self.modules.namespaces))
            self._give_back.append(autoreload.reload_fully(home, wanted))

    def _unregister(self, event: str, callback: Callable[..., None]) -> None:
        if callback in self.shell.events.callbacks[event]:
            self.shell.events.unregister(event, callback)

    # -- cells

    def _pre_run_cell(self, info: Any) -> None:
        """IPython's pre_run_cell: a cell is about to run."""
        thread = threading.get_ident()
        before = self._running.get(thread)
        if before is not None:
            if _in_cell():
                return  # run_cell inside a cell, %%capture: what it registers is the outer cell's
            self._runs = {key: run for key, run in self._runs.items() if run is not before}
            self._end(before, "failed")  # its post_run_cell never came
        try:
            self.guard.recover()
            self.guard.between()
            run = self._identify(getattr(info, "cell_id", None), info.raw_cell or "")
            self._running[thread] = self._runs[id(info)] = run
            executing.set(run)
            if self.guard.ledger.has_entries(run.owner):
                self.guard.begin(run)
        except Exception as error:
            self._fault(error)

    def _post_run_cell(self, result: Any) -> None:
        """IPython's post_run_cell: outside the cell's context if the cell is asynchronous, hence keyed on its info."""
        info = getattr(result, "info", None)
        run = self._runs.pop(id(info), None)
        if run is None:
            run = self._running.get(threading.get_ident())
            if run is None:
                self._emptied(info)
                return
            if _in_cell():
                run.broken |= _outcome(result) != "success"
                return
            if info is not None and run is not self._loading:
                return
        if getattr(result, "execution_count", None) is not None:
            self._number = run.number = run.owner.number = result.execution_count
        outcome = _outcome(result)
        self._end(run, "failed" if run.broken and outcome == "success" else outcome)

    def _emptied(self, info: Any) -> None:
        """A cell without any code has no pre_run_cell: it registers nothing now."""
        owner = self._cells.get(getattr(info, "cell_id", None) or "")
        if owner is not None and self.guard.ledger.has_entries(owner) and not (info.raw_cell or "").strip():
            self.guard.empty(owner)

    def _end(self, run: Run, outcome: Outcome) -> None:
        try:
            self.guard.end(run, outcome)
        except Exception as error:
            self._fault(error)
        self._say_acts()
        thread = threading.get_ident()  # last: a run that an interrupt keeps from ending here ends with the next cell
        if self._running.get(thread) is run:
            del self._running[thread]
        if executing.get() is run:
            executing.set(None)

    def _begin_late(self, code: CodeType) -> None:
        """Loaded by a cell: the rest of that cell is tracked like any other, and what it registered before adopted."""
        text, number = self._source_of(code)
        metadata, _, request = self._request()
        run = self._identify(metadata.get("cellId") if request.strip() == text.strip() else None, text)
        if number is not None:
            self._number = run.number = run.owner.number = number
        self._loading = self._running[threading.get_ident()] = run
        executing.set(run)

    def _identify(self, cell_id: str | None, raw: str) -> Run:
        """The cell that is about to run: by the front end's id, for an unknown one or none by equal source.

        Only a cell that is not known by an id of this session can be meant by its source. What else may be the same
        cell is seen when it registers the same definition again.
        """
        metadata, session, request = self._request() if self._has_requests else ({}, None, "")
        if cell_id is None and request == raw:  # and not a call-back's run_cell
            cell_id = (metadata.get("colab") or {}).get("cell_id")
        number = self._number + 1
        named = set(metadata.get("deletedCells", self._deleted))
        for deleted in named - self._deleted:  # it is named until answered, when it may be back
            if deleted in self._cells:
                self._cells[deleted].deleted = True
        self._deleted = named
        owner, text = self._cells.get(cell_id) if cell_id else None, raw.strip()
        if owner is None:
            owner = self._texts.get(text)
            if (
                owner is None
                or (owner.source or "").strip() != text
                or (owner.id is not None and session in owner.sessions)
            ):
                owner = Owner("cell", None)
        if cell_id is not None:
            owner.id = cell_id
            self._cells[cell_id] = owner
        owner.sessions.add(session)
        owner.number, owner.source, owner.deleted = number, raw, False
        self._texts[text] = owner
        run = Run(owner, raw, number)
        run.active = True
        return run

    def _request(self) -> tuple[dict[str, Any], str | None, str]:
        """The front end's request that is being answered: its metadata, its session, its code."""
        request = getattr(self.shell, "parent_header", None)
        if not request:
            return {}, None, ""
        header, content = request.get("header") or {}, request.get("content") or {}
        return request.get("metadata") or {}, header.get("session"), content.get("code") or ""

    # -- who registers

    def _caller_in(self, found: Origin) -> Caller:
        """The cell of this context, of this thread, or the one that defines the running code."""
        run, steps = executing.get(), found.steps
        typed = run.source if run is not None else None
        if run is not None and typed is not None and found.in_cell:
            steps = steps[found.inner :] if typed.lstrip().startswith("%%") else steps
            steps = stack.shifted(steps, steps[0].code.co_filename, source.header(typed))
            return Caller(run.owner, run, stack.innermost_line(steps), steps)
        maker = (
            steps[-1] if steps and steps[-1].module == "__main__" and steps[-1].code.co_filename != "<string>" else None
        )
        text, number = self._source_of(maker.code) if maker is not None else ("", None)
        started = run is None
        run = run or self._started.get(threading.current_thread())
        same = run is not None and (run.source or "").strip() == text.strip()
        if text and not same and (run is None or not run.active):
            run, same = self._adopted(text, number, None).run, True
        if run is None:
            return super()._caller_in(found)
        if started and not same and not run.active:  # in a pool: another cell may have asked for it
            run = Run(run.owner, None, run.number)
        if maker is None or not same:
            return Caller(run.owner, run, None, steps, False)
        steps = stack.shifted(steps, maker.code.co_filename, source.header(run.source or ""))
        return Caller(run.owner, run, steps[-1].line, steps, False)

    def variables(self) -> Mapping[str, Any]:
        """The notebook's variables, without those that IPython puts there."""
        hidden = self.shell.user_ns_hidden
        return {name: value for name, value in list(self.shell.user_ns.items()) if name not in hidden}

    def cells(self) -> dict[int, str]:
        """The text of each cell as it ran last, by its execution count."""
        return {owner.number: owner.source for owner in self._texts.values() if owner.number and owner.source}

    def cell_of(self, code: CodeType) -> int | None:
        """The execution count of the cell that this code was compiled in."""
        return self._source_of(code)[1]

    def _find_in_main(self, subject: Any) -> Caller | None:
        """The cell that ran the definition of an object that was registered unseen."""
        code, defined = _code(subject), definition(subject)
        name = defined[1] if defined and isinstance(defined[1], str) else ""
        found = self._owner_that_defines(name.partition(".")[0]) if code is None else self._owner_of_code(code)
        text = found.run.source if found and found.run else None
        line = source.read(text).line_of_definition(name) if text else None
        return found if found is None or line is None else found._replace(line=line)

    def _owner_of_code(self, code: CodeType) -> Caller | None:
        """The cell whose file this code was compiled from."""
        text, number = self._source_of(code)
        return self._adopted(text, number, code.co_firstlineno) if text else None

    def _source_of(self, code: CodeType) -> tuple[str, int | None]:
        """The source of the cell that this code was compiled from, as typed if it is in the history, and its number."""
        number = getattr(self.shell.compile, "_filename_map", {}).get(code.co_filename)  # not before IPython 8
        known = code.co_filename, number if number is not None else -len(self._history)
        if known not in self._sources:
            self._sources[known] = self._typed(code.co_filename, number)
        return self._sources[known]

    def _typed(self, filename: str, number: int | None) -> tuple[str, int | None]:
        compiled = "".join(linecache.getlines(filename)).strip()
        backwards = range(len(self._history) - 1, 0, -1)
        for count in backwards if number is None else (number, *backwards):  # IPython 8 counts some errors twice
            if count < len(self._history) and self._compiled(self._history[count]).strip() == compiled:
                return self._history[count], count if number is None else number
        return compiled, number

    def _compiled(self, raw: str) -> str:
        """What IPython compiles of a cell: nothing of one that it reports as a syntax error, by whatever was raised."""
        try:
            return str(self.shell.transform_cell(raw))
        except Exception:  # as in run_cell: a transformer may be the user's
            return ""

    def _owner_that_defines(self, name: str) -> Caller | None:
        """The cell that defined a name last: a class without methods has no code to tell."""
        history = self._history
        if len(history) != self._defined_in[0]:
            names = {name: at for at, text in enumerate(history) for name in source.definitions(text)}
            self._defined_in = len(history), names
        number = self._defined_in[1].get(name)
        return None if number is None else self._adopted(history[number], number, None)

    @property
    def _history(self) -> list[str]:
        return self.shell.history_manager.input_hist_raw if self.shell.history_manager else []

    def _adopted(self, text: str, number: int | None, line: int | None) -> Caller:
        run = executing.get()
        if run is not None and (run.source or "").strip() == text.strip():
            return Caller(run.owner, run, line)
        owner = self._texts.setdefault(text.strip(), Owner("cell", None, source=text, number=number))
        return Caller(owner, Run(owner, text, number), line)


def _outcome(result: Any) -> Outcome:
    if result is None or result.error_in_exec is not None:
        return "failed"
    return "success" if result.error_before_exec is None else "not compiled"


def _is_notebooks(step: stack.Step) -> bool:
    """Return whether a step is in code of the notebook's, and in no text that is executed there."""
    return step.module == "__main__" and step.code.co_filename != "<string>"


def _in_cell() -> bool:
    """Whether the event that calls us comes from a cell inside a cell."""
    return stack.cell_code(sys._getframe(2)) is not None


def _code(subject: Any) -> CodeType | None:
    """Some code of an object's definition: a function's own, or that of a class's first method."""
    for candidate in vars(subject).values() if isinstance(subject, type) else (subject,):
        if isinstance(candidate, (property, classmethod, staticmethod)):
            candidate = candidate.fget if isinstance(candidate, property) else candidate.__func__
        if isinstance(candidate, FunctionType) and candidate.__module__ == "__main__":
            return candidate.__code__
    return None
