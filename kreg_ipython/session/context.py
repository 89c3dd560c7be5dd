"""The answers to what the guard asks about the code that is being executed: whose it is, and what is beside it."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from types import FrameType, FunctionType
from typing import Any

from kreg_ipython import registries
from kreg_ipython.guard import ways
from kreg_ipython.guard.context import ExecutionContext, Variable
from kreg_ipython.guard.ledger import Caller, Entry, Known, Name, Owner, Run, Spot
from kreg_ipython.guard.verdicts import is_outdated
from kreg_ipython.lib import source, stack
from kreg_ipython.lib.holders import holders
from kreg_ipython.lib.naming import definition, key_text, module_of, package_of
from kreg_ipython.lib.stack import Origin
from kreg_ipython.session import files, imports
from kreg_ipython.session.holding import held
from kreg_ipython.session.modules import Modules, is_foreign, is_gone, owns_nothing, script_id, text_of, users_modules
from kreg_ipython.session.runs import Runs


class SessionContext(ExecutionContext):
    """Answers what the guard of a process asks. This one is a program's and knows of no cells; a shell's is `Notebook`.

    Attributes:
        shows_notes: whether the notes of an exception are shown with it.
        awaited: the modules whose import it waits for.
        known: the entries of a former guard by name, until everything that stands has been adopted.
        runs: what is executing.
        modules: the modules and scripts. All three are the process's.
    """

    shows_notes = True
    awaited: tuple[str, ...] = ()
    known: dict[Name, list[Known]]
    runs: Runs
    modules: Modules

    # -- what there is of a notebook

    def hook(self) -> Iterable[Callable[[], None]]:
        """Attach to the shell; yield each undo."""
        return ()

    def arrived(self, module: str) -> None:
        """Attach to a module that has been imported, if it is one that is `awaited`."""

    def caller_in(self, found: Origin) -> Caller | None:
        """Return the cell of this context or thread, or the one that defines the running code; None without one."""
        return None

    def find_in_main(self, subject: Any) -> Caller | None:
        """Return the cell that ran the definition of an object that was registered unseen; None without one."""
        return None

    def cells_beside(self, owner: Owner) -> Iterable[str]:
        """Return the texts of the other cells, as they ran last."""
        return ()

    def assigned(self, name: str) -> tuple[Owner, int] | None:
        """Return the cell that assigned a variable last, and the line; None if none is known."""
        return None

    def text_of_file(self) -> tuple[str, str]:
        """Return the name of the notebook's file and the text of its cells, as it was saved; empty if not known."""
        return "", ""

    @property
    def namespace(self) -> dict[str, Any] | None:
        """The notebook's variables, with those that the shell puts there; None without a shell."""
        return None

    def variables(self) -> Mapping[str, Any]:
        """Return the notebook's variables, without those that the shell puts there."""
        return {}

    # -- who registers

    def locate_caller(self, frame: FrameType, passthrough: frozenset[str], subject: Any = None) -> Caller | None:
        """Return who registers under this frame; None if a framework does, for itself.

        It is a body that names its owner, a module, a script, a cell, or what started the thread.
        """
        found = self._trace(frame, passthrough | registries.CALLERS, subject)
        if found is None:
            return None
        declared = self.runs.declared()
        if declared is not None:
            return self._in_declared(declared, found.steps)
        if found.module is not None or found.script is not None:
            return self._in_file(found)
        return self.caller_in(found) or self._outside(found.steps)

    def _trace(self, frame: FrameType, passthrough: frozenset[str], subject: Any) -> Origin | None:
        """Return where a registration comes from: the user's code, also if a framework is handed the user's object."""
        found = stack.trace(frame, passthrough, registries.OWNING_NOTHING, files.file_of)
        if found is None and (home := module_of(subject)) is not None and not owns_nothing(home):
            found = stack.trace(frame, passthrough, (), files.file_of)
        if found is None or owns_nothing(found.module or ""):
            return None
        steps = registries.as_written(found.steps)
        return found if steps is found.steps else found._replace(steps=steps)

    def _in_declared(self, run: Run, steps: tuple[stack.Step, ...]) -> Caller:
        """Return the owner that a body names, which is executing, and the steps in the body's text."""
        own = stack.from_file(steps, run.owner.id or "") if run.code is None else stack.from_code(steps, run.code)
        return Caller(run.owner, run, stack.innermost_line(own), own)

    def _in_file(self, found: Origin) -> Caller:
        """Return the module or script whose body is executing."""
        if found.module is not None:
            owner = self.modules.owner("module", found.module, found.file)
        else:
            owner = self.modules.owner("script", script_id(found.script or ""))
        run = self.modules.run(owner, functools.partial(self._executor, found.executor))
        steps = found.steps
        if found.cell is not None:
            before = source.lines_before(found.cell, run.source or "")
            if before is None:  # the file was saved while it was read
                return Caller(owner, run, complete=False)
            steps = found.steps_in(found.cell, before)
        return Caller(owner, run, stack.innermost_line(steps), steps)

    def _outside(self, steps: tuple[stack.Step, ...]) -> Caller:
        """Return what started the thread in which nothing is executing; the notebook's module, if that is not known."""
        run = self.runs.cell() or self.runs.starter()
        owner = run.owner if run is not None else self.modules.owner("module", "__main__")
        return Caller(owner, run, None, steps, False)

    def _executor(self, frame: FrameType | None) -> Caller | None:
        """Return what executes a script under this frame by ``exec`` or a tool; None if there is no frame."""
        return None if frame is None else self.locate_caller(frame, frozenset())

    def is_framework_again(self, frame: FrameType) -> bool:
        """Return whether a framework registers under this frame because one of its own modules is executed again."""
        return bool(self.modules.again) and stack.body_of(frame) in self.modules.again

    def text_of(self, script: Owner) -> str | None:
        """Return what a script's or module's file says now; None if nobody can tell."""
        return text_of(script)

    def is_outdated(self, entry: Entry) -> bool:
        """Return whether the file of a module or script does not say any more what registered this."""
        if entry.owner is None or entry.run is None or entry.run.source is None:
            return False
        before, now = entry.run.source, text_of(entry.owner)
        if now is None:
            return is_gone(entry.owner)
        return before != now and is_outdated(ways.way_to(entry), source.read(before), source.read(now))

    def find_owner(self, subject: Any, spot: Spot | None = None) -> Caller | None:
        """Return the owner of an object that was registered before kreg was watching; None for a framework's object.

        The owner is the one that was known before unloading, or the object's module, or a cell.
        """
        if self.known and spot is not None:
            for each in self.known.get((spot[0], key_text(spot[1])), ()):
                if each.subject() is subject:
                    return each.caller
        module = module_of(subject)
        if module == "__main__":
            return self.find_in_main(subject)
        if module not in sys.modules or is_foreign(module):
            return None
        owner = self.modules.owner_of(sys.modules[module])
        run = Run(owner, text_of(owner))  # it stands for the one that registered the object
        qualname = str(definition(subject)[1]) if definition(subject) else ""  # type: ignore[index]
        return Caller(owner, run, source.read(run.source).line_of_definition(qualname) if run.source else None)

    def defined(self, name: str) -> Owner | str | None:
        """Return the owner of a class or function of this name in the notebook, or the file whose cell defines it."""
        found = (self.namespace or {}).get(name)
        if isinstance(found, (type, FunctionType)) and not self.is_framework(module_of(found) or ""):
            caller = self.find_owner(found)
            return caller.owner if caller is not None else self.modules.owner("module", module_of(found) or "__main__")
        file, text = self.text_of_file()
        return file if re.search(rf"^(class|def) {re.escape(name)}\b", text, re.MULTILINE) else None

    def find_variable(self, subject: Any) -> Variable | None:
        """Return the variable that leads to an object, of several the one that was assigned first; None without one."""
        found = []
        for name, relation in holders(self.variables(), [subject], registries.OPAQUE).get(id(subject), ()):
            assigned = self.assigned(name)
            if assigned is not None:
                found.append(Variable(name, relation == "is", *assigned))
        return min(found, key=lambda each: (not each.is_it, each.owner.number or 0), default=None)

    def texts_beside(self, owner: Owner) -> Iterator[tuple[str, str]]:
        """Yield the texts of the other cells, and of the user's other modules."""
        yield from (("__main__", text) for text in self.cells_beside(owner))
        for name, module in users_modules():
            if name != owner.id:
                yield name, imports.source_of(module) or ""

    def number(self) -> int | None:
        """Return the execution count of the cell that is being executed."""
        run = self.runs.cell()
        return run.number if run is not None else None

    def running(self) -> Run | None:
        """Return what is being executed in this context: a module's body, a script's, a cell."""
        return self.runs.innermost()

    def is_framework(self, module: str) -> bool:
        """Return whether a module is part of a framework."""
        return package_of(module) in registries.FRAMEWORKS

    def held(self, run: Run, objects: list[Any], but_by: Collection[int] = ()) -> set[int] | None:
        """Return which objects are held by other variables than those that the run binds anew; None if unknown.

        What only the containers ``but_by`` hold does not count.
        """
        notebook = self.namespace
        if notebook is None or self.runs.declared() is run or run.source is None:
            return None  # nothing tells in which namespace the body is executed
        modules = (each for each in self.modules.namespaces() if each is not notebook)
        return held(objects, run, self.variables(), modules, but_by)
