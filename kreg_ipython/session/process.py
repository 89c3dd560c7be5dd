"""The guard of this process, with or without IPython: modules, threads, and bodies of code that say whose they are."""

from __future__ import annotations

import functools
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import CodeType, ModuleType
from typing import Any

from kreg_ipython import registries
from kreg_ipython.guard.ledger import Caller, Known, Ledger, Owner
from kreg_ipython.guard.memory import Memory
from kreg_ipython.guard.names import held_by_all
from kreg_ipython.guard.transaction import Guard
from kreg_ipython.lib.naming import error_text, named
from kreg_ipython.lib.patch import End
from kreg_ipython.registries import watched
from kreg_ipython.registries.names import Counter, Joint, Reset, counters, joints, resets
from kreg_ipython.registries.registry import NotThere, Registry, is_there
from kreg_ipython.session import imports
from kreg_ipython.session.context import SessionContext
from kreg_ipython.session.modules import Modules, script_id
from kreg_ipython.session.runs import Runs

LEFT = "_kreg_ipython"
"""The attribute of a shell by which an unloaded notebook leaves its memory to the next one."""
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
            shell = running_shell()
            left = vars(shell).get(LEFT) if shell is not None else None
            found = Process(left=None if left is None else left.process)
            found.start()
        return found


class Process:
    """Tells the guard who registers, which body of code begins and ends, and which framework has been imported.

    Its memory outlives `stop`.

    Args:
        context: knows of cells, if there are any.
        left: the knowledge of a former process, with which this one goes on.
    """

    def __init__(self, context: SessionContext | None = None, left: Memory | None = None) -> None:
        self.context = context or SessionContext()
        self.extras: tuple[str, ...] = ()
        """The names of the `registries.EXTRAS` that the user wants guarded."""
        self._undo: list[Callable[[], None]] = []
        self.go_on(left or Memory())

    def go_on(self, left: Memory) -> None:
        """Go on where another process was, before anything is guarded."""
        self._memory, self.watched = left, left.watched
        self._said = left.journal.count
        if not isinstance(left.ledger, Ledger):
            # Of another copy of this module, which is gone from `sys.modules`, the order of entries means nothing here.
            left.ledger = None
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
        if _current is not None and _current is not self and _current.context.namespace is None:
            self.go_on(_current.close(whole=True))
        _current = self
        for adapter in registries.added.values():
            known = self.guard.registries.get(adapter.name)
            if known is None or known.adapter is not adapter:
                self.add(adapter)
        self._undo += self.context.hook()
        self._undo.append(self.runs.follow_threads())
        self._undo.append(imports.notice(self.at_the_boundary(self.begin_module)))
        for module in [each for each in self._awaited if each in sys.modules]:
            self._arrived(module)
        self.guard.divert_made(each for namespace in self.modules.namespaces() for each in list(namespace.values()))
        self._memory.known.clear()
        self._memory.ledger = None

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
        for entry in self._memory.ledger or ():
            with suppress(TypeError):  # it cannot be referenced weakly
                caller = Caller(entry.owner, entry.run, entry.line, entry.steps, entry.complete)  # type: ignore[arg-type]
                self._memory.known.setdefault(entry.name, []).append(Known(weakref.ref(entry.subject), caller))
        if not whole:
            self._memory.ledger = None
        self._memory.names.held = held_by_all  # and not by this process, which ends
        return self._memory

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
        """Make what guards, and has not begun to."""
        self.context.known = self._memory.known
        self._memory.names.held = self.context.held
        faults: dict[str, str] = {}
        naming: list[Counter | Joint | Reset] = [*counters(), *joints(), *resets()]
        self.guard = Guard(
            [*registries.all_registries(faults), *filter(None, self.watched.values())],
            self.context,
            say=self._say,
            notes=self.context.shows_notes,
            memory=self._memory,
            counters=naming,
        )
        self.guard.foreign_faults.update(faults)
        self.runs = self.context.runs = Runs(self.guard)
        modules = [each.adapter.module for each in self.guard.registries.values()] + [each.module for each in naming]
        awaited = [*self.context.awaited, *modules, *map(_module_of, self.watched)]
        self._awaited: dict[str, str | None] = dict.fromkeys(awaited)
        """The modules whose import is awaited, and the library or extra whose adapters are made then."""
        self._awaited |= {package: package for package in registries.LIBRARIES}
        self._awaited |= {registries.EXTRAS[extra]: extra for extra in self.extras}
        self.modules = self.context.modules = Modules(
            self.guard, self.runs, self._awaited, self._arrived, self._memory.owners
        )

    def _arrived(self, module: str) -> None:
        """Attach what was waiting for a module that has been imported."""
        library = self._awaited[module]
        for adapter in registries.of_library(library) if library is not None else ():
            self.guard.add(adapter, now=adapter.module != module and adapter.module in sys.modules)
            self._awaited.setdefault(adapter.module)
        self._awaited[module] = None
        self.context.arrived(module)
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
            self._awaited[registries.EXTRAS[extra]] = None
            for adapter in registries.of_library(extra):
                if adapter.name in self.guard.registries:
                    self.guard.remove(adapter.name)
        for extra in set(self.extras) - set(former):
            module = registries.EXTRAS[extra]
            self._awaited[module] = extra
            if self.on and module in sys.modules:
                self._arrived(module)

    def add(self, adapter: Registry) -> None:
        """Guard one more registry; one of the same name makes way."""
        self.guard.add(adapter, now=self.on and adapter.module in sys.modules)
        self._awaited.setdefault(adapter.module)

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
            self._awaited.setdefault(_module_of(path))
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

    # -- bodies that are noticed

    def begin_module(self, module: ModuleType) -> End | None:
        """Begin the run of a module's body, if that is the user's; return what ends it."""
        if sys.modules.get(module.__name__) is not module:  # nothing keeps it from being executed each time
            self._note_executor(self.modules.owner_of(module))
        return self.modules.begin(module)

    def begin_script(self, path: str) -> End:
        """Begin the run of a script or notebook that ``%run`` or `runpy` is about to execute; return what ends it."""
        owner = self.modules.owner("script", script_id(path))
        self._note_executor(owner)
        return self.modules.begin_file(owner)

    def _note_executor(self, owner: Owner) -> None:
        """Note who is about to execute a file."""
        executor = self.context.locate_caller(sys._getframe(), frozenset())
        if executor is not None:
            self.guard.executes(executor, owner)

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
