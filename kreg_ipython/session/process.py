"""The guard of this process, with or without IPython: modules, threads, and bodies of code that say whose they are."""

from __future__ import annotations

import functools
import re
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, NamedTuple

from kreg_ipython import registries
from kreg_ipython.guard import memory
from kreg_ipython.guard.context import Variable
from kreg_ipython.guard.ledger import Caller, Entry, Kind, Ledger, Name, Owner, Run, Spot
from kreg_ipython.guard.names import held_by_all
from kreg_ipython.guard.transaction import Guard
from kreg_ipython.lib import source, stack
from kreg_ipython.lib.holders import holders
from kreg_ipython.lib.naming import error_text, key_text, module_of, named, package_of
from kreg_ipython.registries import watched
from kreg_ipython.registries.names import Counter, Joint, Reset, asker, counters, joints, resets
from kreg_ipython.registries.registry import NotThere, Registry, is_there
from kreg_ipython.session import files, imports
from kreg_ipython.session.front import Front
from kreg_ipython.session.holding import held
from kreg_ipython.session.modules import Modules, script_id, text_of
from kreg_ipython.session.runs import End, Runs

_current: Process | None = None
_starting = threading.RLock()


def current() -> Process | None:
    """Return what guards this process, if anything does; it may be off."""
    return _current or _of_the_shell()


def running_shell() -> Any:
    """Return the IPython shell of this process; None without one."""
    return getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()


def _of_the_shell() -> Process | None:
    """Return what a former copy of this module guards: Spyder deletes the user's modules to import them anew."""
    shell = running_shell()
    magics = shell.magics_manager.registry.get("KregMagics") if shell is not None else None
    found: Process | None = magics.notebook.process if magics is not None else None
    return found


def started() -> Process:
    """Return what guards this process, or begin to. What the user has switched off stays off."""
    with _starting:
        found = current()
        if found is None:
            found = Process()
            found.start()
        return found


class Known(NamedTuple):
    """An entry, as it is known after unloading: it keeps nothing alive that was registered."""

    subject: weakref.ref[Any]
    caller: Caller


@dataclass
class Memory:
    """The knowledge of a process that has been closed, for the next one to go on with.

    Attributes:
        guard: what its guard knew.
        watched: the containers of ``%kreg watch``.
        owners: the modules and scripts.
        known: the entries by name.
    """

    guard: memory.Memory = field(default_factory=memory.Memory)
    watched: dict[str, Registry | None] = field(default_factory=dict)
    owners: dict[tuple[Kind, str, str | None], Owner] = field(default_factory=dict)
    known: dict[Name, list[Known]] = field(default_factory=dict)


class Process:
    """Tells the guard who registers, which body of code begins and ends, and which framework has been imported.

    What the guard's memory has, what users want to be watched, and the owners outlive `stop`.

    Args:
        front: knows of cells.
        left: the knowledge of a former process, with which this one goes on.
    """

    def __init__(self, front: Front | None = None, left: Memory | None = None) -> None:
        self._front = front or Front()
        self.extras: tuple[str, ...] = ()
        """The names of the `registries.EXTRAS` that the user wants guarded."""
        self._undo: list[Callable[[], None]] = []
        self.go_on(left or Memory())

    def go_on(self, left: Memory) -> None:
        """Go on where another process was, before anything is guarded."""
        self._memory: memory.Memory = left.guard
        self._owners: dict[tuple[Kind, str, str | None], Owner] = left.owners
        self._known: dict[Name, list[Known]] = left.known
        self.watched: dict[str, Registry | None] = left.watched
        """The containers of `%kreg watch`, by path; None until the module is imported."""
        self._memory.names.held = self._held
        self._said = self._memory.journal.count
        if not isinstance(self._memory.ledger, Ledger):
            # Of another copy of this module, which is gone from `sys.modules`, the order of entries means nothing here.
            self._memory.ledger = None
        self._fresh()

    @property
    def on(self) -> bool:
        """True while the registries are guarded."""
        return bool(self._undo)

    def start(self) -> None:
        """Attach to the import system and threads; adopt what was registered before."""
        global _current
        if self.on:
            return
        if _current is not None and _current is not self and _current._front.namespace is None:
            self.go_on(_current.close(whole=True))
        _current = self
        for adapter in registries.added.values():
            known = self.guard.registries.get(adapter.name)
            if known is None or known.adapter is not adapter:
                self.add(adapter)
        self._undo += self._front.hook()
        self._undo.append(self.runs.follow_threads())
        self._undo.append(imports.notice(self.at_the_boundary(self.begin_module)))
        for module, imported in list(self._imported.items()):
            if module in sys.modules:
                imported()
        self.guard.divert_made(each for namespace in self.modules.namespaces() for each in list(namespace.values()))
        self.guard.remembered.clear()
        self._memory.ledger, self._known = None, {}

    def stop(self) -> None:
        """Give everything back, in reverse; what is registered stays registered."""
        if self.on:
            self._detach(forget=False)
            self._fresh()

    def close(self, *, whole: bool = False) -> Memory:
        """Give everything back for good: the next one to guard this process is another one.

        Returns:
            What that one needs to go on: the ``whole`` ledger, or who registered what.
        """
        global _current
        if self.on:
            self._detach(forget=not whole)
        if _current is self:
            _current = None
        known: dict[Name, list[Known]] = {}
        for entry in self._memory.ledger or ():
            with suppress(TypeError):  # it cannot be referenced weakly
                caller = Caller(entry.owner, entry.run, entry.line, entry.steps, entry.complete)  # type: ignore[arg-type]
                known.setdefault(entry.name, []).append(Known(weakref.ref(entry.subject), caller))
        if not whole:
            self._memory.ledger = None
        self._memory.names.held = held_by_all  # and not by this process, which ends
        return Memory(self._memory, self.watched, self._owners, known)

    def _detach(self, *, forget: bool) -> None:
        while self._undo:
            self._undo.pop()()
        self.guard.detach(forget=forget)
        self.runs.close()
        self._memory.ledger = self.guard.ledger

    def undo_later(self, undo: Callable[[], None]) -> None:
        """Undo one more thing when the process stops."""
        self._undo.append(undo)

    def _fresh(self) -> None:
        faults: dict[str, str] = {}
        naming: list[Counter | Joint | Reset] = [*counters(), *joints(), *resets()]
        self.guard = Guard(
            [*registries.all_registries(faults), *filter(None, self.watched.values())],
            self,
            say=self._say,
            notes=self._front.shows_notes,
            memory=self._memory,
            counters=naming,
        )
        self.guard.foreign_faults.update(faults)
        self.runs = Runs(self.guard)
        self._imported: dict[str, Callable[[], None]] = dict(self._front.awaited)
        for package in registries.LIBRARIES:
            self._imported[package] = functools.partial(self._guard_library, package, package)
        for extra in self.extras:
            module = registries.EXTRAS[extra]
            self._imported[module] = functools.partial(self._guard_library, extra, module)
        for registry in self.guard.registries.values():
            self._await(registry.adapter.module)
        for module in dict.fromkeys(each.module for each in naming):
            self._await(module)
        for path in self.watched:
            self._await(_module_of(path))
        self.modules = Modules(self.guard, self.runs, self._imported, self._owners)

    def _await(self, module: str) -> None:
        self._imported[module] = functools.partial(self._arrived, module)

    def _guard_library(self, package: str, module: str) -> None:
        """Guard the registries of a library whose module has been imported for the first time."""
        modules = {module: None}
        for adapter in registries.of_library(package):
            self.guard.add(adapter, now=False)
            modules[adapter.module] = None
        for module in modules:
            self._await(module)
            if module in sys.modules:
                self._arrived(module)

    def _arrived(self, module: str) -> None:
        """Attach what was waiting for a module that has been imported."""
        self.guard.attach(module)
        for path in [path for path, registry in self.watched.items() if registry is None]:
            if _module_of(path) == module:
                try:
                    self.watch(path)
                except (NotThere, TypeError, ValueError) as error:
                    del self.watched[path]
                    self.guard.tell(f"cannot watch {path}: {error}")

    # -- registries that come later

    def guard_extras(self, names: Iterable[str]) -> None:
        """Guard the `registries.EXTRAS` of these names, and leave the others alone."""
        former, self.extras = self.extras, tuple(dict.fromkeys(names))
        for extra in set(former) - set(self.extras):
            self._imported.pop(registries.EXTRAS[extra], None)
            for adapter in registries.of_library(extra):
                if adapter.name in self.guard.registries:
                    self.guard.remove(adapter.name)
        for extra in set(self.extras) - set(former):
            module = registries.EXTRAS[extra]
            self._imported[module] = functools.partial(self._guard_library, extra, module)
            if self.on and module in sys.modules:
                self._imported[module]()

    def add(self, adapter: Registry) -> None:
        """Guard one more registry; one of the same name makes way."""
        self.guard.add(adapter, now=self.on and adapter.module in sys.modules)
        self._await(adapter.module)

    def watch(self, path: str) -> Registry | None:
        """Guard the container at ``"package.module:attribute"``.

        Returns:
            Its adapter; None if the module is not imported yet: it is guarded as soon as it is.

        Raises:
            NotThere: if the module has nothing of this name.
            TypeError: if it is no dict, list or set.
            ValueError: if it is already guarded under another name.
        """
        if _module_of(path) not in sys.modules:
            self.watched.setdefault(path, None)
            self._await(_module_of(path))
            return None
        adapter = self.watched.get(path)
        if adapter is None or path in self.waiting():
            adapter = watched.watched(path)
            taken = self.guard.name_of(adapter.table)
            if taken not in (None, path):
                raise ValueError(f"{path} is already guarded, as {taken}")
            self.watched[path] = adapter
            self.add(adapter)
        return adapter

    def unwatch(self, path: str) -> None:
        """Leave a container alone again; what is in it stays."""
        if self.watched.pop(path) is not None:
            self.guard.remove(path)

    def waiting(self) -> list[str]:
        """Return what is watched as soon as it is there: its module is not imported, or it was deleted."""
        return [path for path, adapter in self.watched.items() if adapter is None or not is_there(adapter)]

    # -- bodies that say whose they are

    @contextmanager
    def owner(self, name: str, source: str | None = None, code: CodeType | None = None) -> Iterator[Owner]:
        """Execute the body of the with statement, which is in this code, as a run: see `kreg_ipython.owner`."""
        owner = self.modules.owner("script", name)
        begin = functools.partial(self.modules.begin_declared, text=source, code=code)
        end = self.at_the_boundary(begin)(owner) or (lambda error: None)
        try:
            yield owner
        except BaseException as error:
            end(error)
            raise
        else:
            end(None)
        finally:
            self.say_acts()

    # -- what the guard asks

    def locate_caller(self, frame: FrameType, passthrough: frozenset[str], subject: Any = None) -> Caller | None:
        """Return who registers under this frame; None if a framework does, for itself.

        It is a body that names its owner, a module, a script, a cell, or what started the thread.
        """
        passthrough |= registries.CALLERS
        found = stack.trace(frame, passthrough, registries.OWNING_NOTHING, files.file_of)
        if (
            found is None
            and (home := module_of(subject)) is not None
            and package_of(home) not in registries.OWNING_NOTHING
        ):
            found = stack.trace(frame, passthrough, (), files.file_of)
        if found is None or package_of(found.module or "") in registries.OWNING_NOTHING:
            return None
        steps = registries.as_written(found.steps)
        if steps is not found.steps:
            found = found._replace(steps=steps)
        declared = self.runs.declared()
        if declared is not None:
            code = self.runs.declared_in(declared)
            if code is not None:
                steps = stack.from_code(found.steps, code)
            else:
                steps = stack.from_file(found.steps, declared.owner.id or "")
            return Caller(declared.owner, declared, stack.innermost_line(steps), steps)
        if found.module is not None or found.script is not None:
            if found.module is not None:
                owner = self.modules.owner("module", found.module, found.file)
            else:
                owner = self.modules.owner("script", script_id(found.script or ""))
            executed = self.modules.run(owner, functools.partial(self._executor, found.executor))
            steps = found.steps
            if found.cell is not None:
                before = source.lines_before(found.cell, executed.source or "")
                if before is None:  # the file was saved while it was read
                    return Caller(owner, executed, complete=False)
                steps = found.steps_in(found.cell, before)
            return Caller(owner, executed, stack.innermost_line(steps), steps)
        caller = self._front.caller_in(found)
        if caller is not None:
            return caller
        run = self.runs.cell() or self.runs.starter()
        owner = run.owner if run is not None else self.modules.owner("module", "__main__")
        return Caller(owner, run, None, found.steps, False)

    def begin_module(self, module: ModuleType) -> End | None:
        """Begin the run of a module's body, if that is the user's; return what ends it."""
        if sys.modules.get(module.__name__) is not module:  # nothing keeps it from being executed each time
            self._note_executor(self.modules.owner_of(module))
        return self.modules.begin(module)

    def begin_script(self, path: str) -> End:
        """Begin the run of a script or notebook that ``%run`` or `runpy` is about to execute; return what ends it."""
        owner = self.modules.owner("script", script_id(path))
        self._note_executor(owner)
        return self.modules.begin_script(owner)

    def _note_executor(self, owner: Owner) -> None:
        """Note who is about to execute a file."""
        executor = self.locate_caller(sys._getframe(), frozenset())
        if executor is not None:
            self.guard.executes(executor, owner)

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
        return self.modules.is_outdated(entry)

    def find_owner(self, subject: Any, spot: Spot | None = None) -> Caller | None:
        """Return the owner of an object that was registered before kreg was watching; None for a framework's object.

        The owner is the one that was known before unloading, or the object's module, or a cell.
        """
        if self._known and spot is not None:
            for each in self._known.get((spot[0], key_text(spot[1])), ()):
                if each.subject() is subject:
                    return each.caller
        module = module_of(subject)
        if module == "__main__":
            return self._front.find_in_main(subject)
        found = self.modules.registered_before(subject, module)
        return Caller(*found) if found is not None else None

    def defined(self, name: str) -> Owner | str | None:
        """Return the owner of a class or function of this name in the notebook, or the file whose cell defines it."""
        found = self._front.named(name)
        if isinstance(found, (type, FunctionType)) and not self.is_framework(module_of(found) or ""):
            caller = self.find_owner(found)
            return caller.owner if caller is not None else self.modules.owner("module", module_of(found) or "__main__")
        file, text = self._front.text_of_file()
        return file if re.search(rf"^(class|def) {re.escape(name)}\b", text, re.MULTILINE) else None

    def find_variable(self, subject: Any) -> Variable | None:
        """Return the variable that leads to an object, of several the one that was assigned first; None without one."""
        found = []
        for name, relation in holders(self._front.variables(), [subject], registries.OPAQUE).get(id(subject), ()):
            assigned = self._front.assigned(name)
            if assigned is not None:
                found.append(Variable(name, relation == "is", *assigned))
        return min(found, key=lambda each: (not each.is_it, each.owner.number or 0), default=None)

    def texts_beside(self, owner: Owner) -> Iterator[tuple[str, str]]:
        """Yield the texts of the other cells, whose last run succeeded, and of the user's other modules."""
        yield from (("__main__", text) for text in self._front.texts_beside(owner))
        yield from self.modules.texts_beside(owner)

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

    def find_asker(self, frame: FrameType) -> tuple[Run | None, Any]:
        """Return whose an automatic name is that is asked for under this frame, and the object that gets it.

        What users number themselves is nobody's: nothing tells which object gets that name.
        """
        asking, by_framework = asker(frame)
        return self.runs.innermost() if by_framework else None, asking

    def _held(self, run: Run, objects: list[Any]) -> set[int] | None:
        """Return which objects are held by other variables than those that the run binds anew; None if unknown."""
        notebook = self._front.namespace
        if notebook is None or self.runs.declared() is run or run.source is None:
            return None  # nothing tells in which namespace the body is executed
        modules = (each for each in self.modules.namespaces() if each is not notebook)
        return held(objects, run, self._front.variables(), modules)

    # -- the boundary

    def at_the_boundary(self, begin: Callable[[Any], End | None]) -> Callable[[Any], End | None]:
        """Return ``begin``, made safe, and so what it returns.

        It is called in the midst of an import or a script, where a fault of ours is told and goes no further.
        """

        def safely(act: Callable[[Any], Any], argument: Any) -> Any:
            try:
                return act(argument)
            except Exception as error:
                self.tell_fault(error)

        def begun(body: Any) -> End | None:
            end = safely(begin, body)
            return None if end is None else functools.partial(safely, end)

        return begun

    def tell_fault(self, error: Exception) -> None:
        """Tell the user a fault of ours."""
        self.guard.tell(f"this run is not guarded properly: {error_text(error)}")

    def say_acts(self) -> None:
        """Tell those who want to be told all what was done in a body of code, act by act."""
        said, self._said = self._said, self._memory.journal.count
        if self._memory.settings.verbosity == "all" and said < self._said:
            acts: dict[str, dict[str, None]] = {}
            for event in self._memory.journal.acts(said):
                acts.setdefault(event.act, {})[event.key] = None
            if acts:
                self._say("; ".join(f"{act} {named(keys)}" for act, keys in acts.items()))

    def _say(self, text: str) -> None:
        print(f"kreg: {text}", file=sys.stderr)


def _module_of(path: str) -> str:
    return path.partition(":")[0]
