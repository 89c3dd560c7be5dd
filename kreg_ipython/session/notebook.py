"""The cells of an IPython shell: when each begins and ends, which one it is, and which one registers."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import CodeType, ModuleType
from typing import Any, Protocol

import IPython
from IPython.core.interactiveshell import InteractiveShell

from kreg_ipython.guard import messages, reruns
from kreg_ipython.guard.ledger import Caller, Owner, Run
from kreg_ipython.guard.memory import Memory
from kreg_ipython.guard.transaction import Outcome
from kreg_ipython.lib import source, stack
from kreg_ipython.lib.naming import definition
from kreg_ipython.lib.patch import End
from kreg_ipython.lib.stack import Origin
from kreg_ipython.registries.registry import NotThere
from kreg_ipython.session import autoreload, engine, process, recalls, scripts
from kreg_ipython.session.context import SessionContext
from kreg_ipython.session.history import History
from kreg_ipython.session.process import Process


class Attachment(Protocol):
    """Something else that follows a notebook's cells while kreg is on."""

    def attach(self, notebook: Notebook) -> Callable[[], None]:
        """Attach to the notebook; return the undo, which may be called again."""


@dataclass
class NotebookMemory:
    """The memory of an unloaded notebook, held by its shell.

    It is its process's memory, the cells by id and by text, and what else follows the cells.
    """

    process: Memory = field(default_factory=Memory)
    cells: dict[str, Owner] = field(default_factory=dict)
    texts: dict[str, Owner] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    attachments: list[Attachment] = field(default_factory=list)


class Notebook(SessionContext):
    """The cells of a process.

    Args:
        shell: the shell that executes them. If a former notebook has left its memory with it, this one goes on.

    Attributes:
        process: what guards the process.
        ended: is called with each run that has ended, and how.
        attachments: what else follows the cells.
        deleted: the ids of the cells that the front end says are deleted.
    """

    shows_notes = IPython.version_info >= (8, 15)
    awaited = autoreload.HOMES

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self._history = History(shell)
        self._asking: Run | None = None
        """The run of a client's cell that asked for a call last."""
        self.ended: list[Callable[[Run, Outcome], None]] = []
        self._number = len(self._history.typed) - 1  # shell.execution_count is the next cell's already, since IPython 9
        self._uncounted = 0
        self._has_requests = hasattr(shell, "parent_header")  # ipykernel's shell
        memory: NotebookMemory = vars(shell).pop(process.LEFT, None) or NotebookMemory()
        self._cells, self._texts, self.deleted = memory.cells, memory.texts, memory.deleted
        self.attachments = memory.attachments
        self.process = Process(self, memory.process)

    def close(self, *, whole: bool) -> None:
        """Stop for good. The next notebook of the shell goes on with the ``whole`` ledger, or with who is who."""
        known = self.process.close(whole=whole)
        memory = NotebookMemory(known, self._cells, self._texts, self.deleted, self.attachments)
        vars(self.shell)[process.LEFT] = memory

    def start(self) -> None:
        """Guard the registries, also for the rest of the cell that loads us."""
        if not self.process.on:
            code = stack.cell_code(sys._getframe())
            if code is not None:
                self._begin_late(code)
            self.process.start()

    def hook(self) -> Iterator[Callable[[], None]]:
        """Attach to the shell's events and its ways to execute scripts; yield each undo."""
        begin: Callable[..., Any] = self.process.at_the_boundary(self._pre_run_cell)
        for event, callback in (("pre_run_cell", begin), ("post_run_cell", self._post_run_cell)):
            self.shell.events.register(event, callback)
            yield functools.partial(self._unregister, event, callback)
        before = self.shell.events.callbacks["pre_run_cell"]
        before.insert(0, before.pop())  # before autoreload's: a definition may have moved from this cell to a module
        yield from scripts.notice(self.process.at_the_boundary(self.process.begin_script))
        begun = (self.process.at_the_boundary(each) for each in (self._begin_silent, self._begin_call))
        yield from engine.follow_requests(self.shell, *begun)
        yield from (each.attach(self) for each in self.attachments)

    def attach(self, attachment: Attachment) -> None:
        """Let something else follow the cells, now and whenever kreg is on."""
        self.attachments.append(attachment)
        if self.process.on:
            self.process.undo_later(attachment.attach(self))

    def arrived(self, module: str) -> None:
        """Follow `%autoreload`, if it has been imported."""
        if module not in autoreload.HOMES:
            return
        modules, renew = self.process.modules, self.process.guard.renew
        own = self.process.guard.ledger.has_subject

        def reloading(each: ModuleType) -> End | None:
            return autoreload.lead_to_new(each, modules.namespaces, renew) if modules.may_register(each) else None

        def patching(change: autoreload.Change) -> End | None:
            if not modules.may_register(change.module):
                return lambda error: None
            if modules.is_to_be_executed(*change):
                return None
            return lambda error: autoreload.give_lines(change.module)

        safely = self.process.at_the_boundary
        with suppress(NotThere):
            self.process.undo_later(autoreload.update_classes(module, own))
            for undo in autoreload.notice(module, safely(reloading), safely(patching)):
                self.process.undo_later(undo)

    def _unregister(self, event: str, callback: Callable[..., Any]) -> None:
        if callback in self.shell.events.callbacks[event]:
            self.shell.events.unregister(event, callback)

    # -- what is in the notebook

    @property
    def namespace(self) -> dict[str, Any]:
        """The notebook's variables, with those that IPython puts there."""
        found: dict[str, Any] = self.shell.user_ns
        return found

    def variables(self) -> Mapping[str, Any]:
        """Return the notebook's variables, without those that IPython puts there."""
        hidden = self.shell.user_ns_hidden
        return {name: value for name, value in list(self.shell.user_ns.items()) if name not in hidden}

    def cells(self) -> dict[int, str]:
        """Return the text of each cell as it ran last, by its execution count."""
        return {owner.number: owner.source for owner in self._texts.values() if owner.number and owner.source}

    def typed(self) -> Sequence[str]:
        """Return the texts of all runs, by their execution counts."""
        return self._history.typed

    def assigned(self, name: str) -> tuple[Owner, int] | None:
        """Return the cell that assigned a variable last, and the line; None if none is known."""
        for owner in sorted(self._texts.values(), key=lambda each: each.number or 0, reverse=True):
            line = source.assigned(owner.source).get(name) if owner.source and name in owner.source else None
            if line is not None:
                return owner, line
        return None

    @property
    def path(self) -> str:
        """The path of the notebook's file, as Jupyter's server says; empty if it does not."""
        return os.environ.get("JPY_SESSION_NAME", "")

    def text_of_file(self) -> tuple[str, str]:
        """Return the name of the notebook's file and the text of its cells, as it was saved; empty if not known."""
        return os.path.basename(self.path), (self.path.endswith(".ipynb") and source.of_file(self.path)) or ""

    def places(self) -> dict[str, int]:
        """Return where each cell stands in the saved notebook, by id; empty if its file is not known."""
        try:
            with open(self.path, encoding="utf-8") as file:
                return {str(cell.get("id")): at for at, cell in enumerate(json.load(file)["cells"])}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):  # not a notebook that we can read
            return {}

    def owner_of(self, cell_id: str) -> Owner | None:
        """Return the cell that has this id; None if it has not run."""
        return self._cells.get(cell_id)

    def cell_of(self, code: CodeType) -> int | None:
        """Return the execution count of the cell that this code was compiled in."""
        text, number = self._history.of_code(code)
        owner = self._texts.get(text.strip()) if number is None or number >= len(self.typed()) else None
        return number if owner is None else owner.number

    # -- cells begin and end

    def _pre_run_cell(self, info: Any) -> None:
        """Begin a cell: IPython's pre_run_cell."""
        process, runs = self.process, self.process.runs
        before = runs.cell_here()
        if before is not None:
            if _is_inside(before, process):
                return  # run_cell inside a cell, %%capture: what it registers is the outer cell's
            self._end(before, "failed")  # its post_run_cell never came
        counted = getattr(info, "store_history", True)  # nbval's are not: IPython counts none of them
        self._begin(getattr(info, "cell_id", None), info.raw_cell or "", id(info), counted=counted)

    def _begin(self, cell_id: str | None, text: str, info: int | None, *, counted: bool = True) -> Run:
        """Begin the run of a cell."""
        self.process.guard.recover()
        self.process.guard.between()
        run = self._identify(cell_id, text)
        if not counted:
            self._uncounted += 1
            run.number = run.owner.number = self._number + self._uncounted
        self.process.runs.begin_cell(run, info)
        self.process.guard.begin(run)
        return run

    def _begin_silent(self, asked: dict[str, Any]) -> End | None:
        """Begin the cell of a request that fires no event, as it is on an engine; return what ends it."""
        metadata, _, code = self._request()
        return self._end_of(self._begin(metadata.get("cellId"), code, None))

    def _begin_call(self, asked: dict[str, Any]) -> End | None:
        """Begin a call that a cell of the client asked for; return what ends it.

        It goes on with the cell's run: the cell may ask for many calls.
        """
        metadata, session, _ = self._request()
        run, which = self._asking, (asked["number"], metadata.get("cellId"))
        if run is not None and (run.number, run.owner.id) == which and session in run.owner.sessions:
            self.process.runs.begin_cell(run, None)
        else:
            run = self._asking = self._begin(metadata.get("cellId"), asked["text"], None)
        run.asks = stack.Step(compile("", asked["file"], "exec"), asked["line"] or 0, "__main__")
        return self._end_of(run)

    def _end_of(self, run: Run) -> End:
        """Return what ends a run that is no front end's."""
        return lambda error: self._end(run, "success" if error is None else "failed")

    def _post_run_cell(self, result: Any) -> None:
        """End a cell: IPython's post_run_cell, outside the cell's context if the cell is asynchronous."""
        info, runs = getattr(result, "info", None), self.process.runs
        run = runs.cell_of(id(info))
        if run is None:
            run = runs.cell_here()
            if run is None:
                self._empty(info)
                return
            if _is_inside(run, self.process):
                run.broken |= _outcome(result) != "success" and not runs.is_suspended(run)
                return
            if info is not None and not runs.has_loaded(run):
                return
        if getattr(result, "execution_count", None) is not None and getattr(info, "store_history", True):
            self._number = result.execution_count
            if engine.MARKS not in self._request()[0]:  # a client counts its cells itself
                run.number = run.owner.number = self._number
        outcome = _outcome(result)
        self._end(run, "failed" if run.broken and outcome == "success" else outcome)

    def _empty(self, info: Any) -> None:
        """Sweep what a cell registered that has no code any more: it has no pre_run_cell."""
        owner, guard = self._cells.get(getattr(info, "cell_id", None) or ""), self.process.guard
        if owner is not None and not (info.raw_cell or "").strip():
            reruns.call(guard.memory.reruns, owner, None, guard.tell)
            guard.empty([owner])

    def _end(self, run: Run, outcome: Outcome) -> None:
        try:
            self.process.runs.end_cell(run, outcome)
            if outcome == "success" and run.owner.id is None and self._is_typed():
                self._offer_to_clear(run)
            for each in [*self.ended]:
                each(run, outcome)
        except Exception as error:
            self.process.tell_fault(error)
        self.process.say_acts()

    def _is_typed(self) -> bool:
        """Return whether somebody types the inputs, at a prompt: programs that execute notebooks take no input."""
        request = getattr(self.shell, "parent_header", None)
        return not self._has_requests or bool(request and (request.get("content") or {}).get("allow_stdin"))

    def _offer_to_clear(self, run: Run) -> None:
        """Name what a rename may have left, if an input looks like a former one that was recalled and edited."""
        found = recalls.left_behind(run, self._texts.values(), self.process.guard.ledger)
        if found is not None:
            self.process.guard.tell(messages.left_by_an_edit(run, *found))

    def _begin_late(self, code: CodeType) -> None:
        """Begin the cell that loads kreg.

        The rest of it is guarded like any other, and what it registered before is adopted.
        """
        text, number = self._history.of_code(code)
        metadata, _, request = self._request()
        run = self._identify(metadata.get("cellId") if request.strip() == text.strip() else None, text)
        if number is not None:
            self._number = run.number = run.owner.number = number
        self.process.runs.begin_cell(run, None)

    # -- which cell it is

    def _identify(self, cell_id: str | None, raw: str) -> Run:
        """Return a run of the cell that is about to run: by the front end's id, or else by equal source.

        Only a cell that is not known by an id of this session can be meant by its source. What else may be the same
        cell is seen when it registers the same definition again.
        """
        metadata, session, request = self._request() if self._has_requests else ({}, None, "")
        if cell_id is None and request == raw:  # and not a call-back's run_cell
            cell_id = (metadata.get("colab") or {}).get("cell_id")
        number = metadata.get(engine.MARKS, {}).get("number") or self._number + 1
        self._note_deleted(set(metadata.get("deletedCells", self.deleted)))
        text = raw.strip()
        owner = (self._cells.get(cell_id) if cell_id else None) or self._of_equal_text(text, session)
        if cell_id is not None:
            owner.id = cell_id
            self._cells[cell_id] = owner
        owner.sessions.add(session)
        owner.number, owner.source, owner.deleted = number, raw, False
        self._texts[text] = owner
        return Run(owner, raw, number)

    def _note_deleted(self, named: set[str]) -> None:
        """Note which cells the front end says are deleted: it names one until it is answered, when it may be back."""
        for deleted in named - self.deleted:
            if deleted in self._cells:
                self._cells[deleted].deleted = True
        self.deleted = named

    def _of_equal_text(self, text: str, session: str | None) -> Owner:
        """Return the cell that ran this text last and may have another id now; a new one, if there is none."""
        owner = self._texts.get(text)
        if (
            owner is None
            or (owner.source or "").strip() != text
            or (owner.id is not None and session in owner.sessions)
        ):
            return Owner("cell", None)
        return owner

    def _request(self) -> tuple[dict[str, Any], str | None, str]:
        """Return the front end's request that is being answered: its metadata, its session, its code."""
        request = getattr(self.shell, "parent_header", None)
        if not request:
            return {}, None, ""
        header, content = request.get("header") or {}, request.get("content") or {}
        return request.get("metadata") or {}, header.get("session"), content.get("code") or ""

    # -- which cell registers

    def caller_in(self, found: Origin) -> Caller | None:
        """Return the cell of this context or thread, or the one that defines the running code; None without one."""
        runs, steps = self.process.runs, found.steps
        run = runs.cell()
        if run is not None and run.asks is not None:
            return _in_call(run, run.asks, steps)
        if run is not None and found.in_cell and runs.is_in_cells_task(run):
            text = run.source or ""
            steps = found.steps_in(text, source.header(text))
            return Caller(run.owner, run, stack.innermost_line(steps), steps)
        in_thread = run is None
        run = run or runs.starter()
        maker = steps[-1] if steps and _is_notebooks(steps[-1]) else None
        if maker is not None and (run is None or not run.active):
            text, number = self._history.of_code(maker.code)
            if run is None or (text and not _is_same(text, run)):
                run = self._adopted(text, number, None).run
        if run is None:
            return None
        own = [step for step in steps if _is_notebooks(step) and _is_same(self._history.of_code(step.code)[0], run)]
        if not own:
            if in_thread and not run.active:  # in a pool: another cell may have asked for it
                run = Run(run.owner, None, run.number)
            return Caller(run.owner, run, None, steps, False)
        file, header = own[-1].code.co_filename, source.header(run.source or "")
        return Caller(run.owner, run, own[-1].line + header, stack.shifted(steps, file, header), False)

    def find_in_main(self, subject: Any) -> Caller | None:
        """Return the cell that ran the definition of an object that was registered unseen."""
        found = self._history.of_definition(subject)
        if found is None:
            return None
        text, number = found
        defined = definition(subject)
        name = defined[1] if defined and isinstance(defined[1], str) else ""
        return self._adopted(text, number, source.read(text).line_of_definition(name))

    def cells_beside(self, owner: Owner) -> list[str]:
        """Return the texts of the other cells, as they ran last."""
        others = {each for each in self._texts.values() if each is not owner and not each.deleted}
        return [each.source for each in others if each.source]

    def _adopted(self, text: str, number: int | None, line: int | None) -> Caller:
        run = self.process.runs.cell()
        if run is not None and (run.source or "").strip() == text.strip():
            return Caller(run.owner, run, line)
        owner = self._texts.setdefault(text.strip(), Owner("cell", None, source=text, number=number))
        return Caller(owner, Run(owner, text, number), line)


def _in_call(run: Run, asks: stack.Step, steps: tuple[stack.Step, ...]) -> Caller:
    """Return the client's cell that asked for a call: its statement, and then the functions that are called."""
    called = tuple(step for step in steps if step.code.co_filename != "<string>")
    whole = stack.shifted((asks, *called), asks.code.co_filename, source.header(run.source or ""))
    return Caller(run.owner, run, stack.innermost_line(whole), whole)


def _outcome(result: Any) -> Outcome:
    if result is None or result.error_in_exec is not None:
        return "failed"
    return "success" if result.error_before_exec is None else "not compiled"


def _is_same(text: str, run: Run) -> bool:
    """Return whether a cell's text is what a run executes."""
    return bool(text) and (run.source or "").strip() == text.strip()


def _is_notebooks(step: stack.Step) -> bool:
    """Return whether a step is in code of the notebook's, and in no text that is executed there."""
    return step.module == "__main__" and step.code.co_filename != "<string>"


def _is_inside(run: Run, process: Process) -> bool:
    """Return whether the event that calls us comes from a cell inside a cell, or from a task while the cell awaits."""
    return stack.cell_code(sys._getframe(2)) is not None or process.runs.is_suspended(run)
