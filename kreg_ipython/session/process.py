"""The guard of this process without IPython: modules, threads, and bodies of code that say whose they are."""

from __future__ import annotations

import functools
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any

from kreg_ipython import registries
from kreg_ipython.guard.context import Caller
from kreg_ipython.guard.journal import Journal
from kreg_ipython.guard.ledger import Entry, Kind, Ledger, Name, Owner, Run
from kreg_ipython.guard.settings import Settings
from kreg_ipython.guard.transaction import Guard
from kreg_ipython.lib import stack
from kreg_ipython.lib.naming import error_text, module_of, named
from kreg_ipython.lib.patch import divert
from kreg_ipython.lib.stack import Origin
from kreg_ipython.registries import watched as watching
from kreg_ipython.registries.registry import NotThere, Registry, is_there
from kreg_ipython.session import imports
from kreg_ipython.session.modules import Modules, script_id

executing: ContextVar[Run | None] = ContextVar("kreg_ipython_executing", default=None)
"""The cell that the code in this context belongs to: sync and async cells, subshells, tasks that outlive their cell."""

_current: Process | None = None
_starting = threading.RLock()


def current() -> Process | None:
    """What guards this process, if anything does; it may be off."""
    return _current


def started() -> Process:
    """What guards this process, or begins to. What the user has switched off stays off."""
    with _starting:
        if _current is None:
            Process().start()
        assert _current is not None
        return _current


class Process:
    """Tells the guard who registers, which body of code begins and ends, and which framework has been imported.

    What users decided (``settings``, ``pinned``, ``watched``), the ``journal`` and the owners outlive `stop`.
    """

    _notes = True

    def __init__(self) -> None:
        self.settings, self.journal = Settings(), Journal()
        self.pinned: set[Name] = set()
        self.watched: dict[str, Registry | None] = {}
        """What `%kreg watch` names; None until its module is imported."""
        self._owners: dict[tuple[Kind, str], Owner] = {}
        self._started: weakref.WeakKeyDictionary[threading.Thread, Run] = weakref.WeakKeyDictionary()
        self._give_back: list[Callable[[], None]] = []
        self._said = 0
        self._fresh()

    @property
    def on(self) -> bool:
        """Whether the registries are guarded now."""
        return bool(self._give_back)

    def start(self) -> None:
        """Hook into the import system and threads; adopt what was registered before."""
        global _current
        if self.on:
            return
        if type(_current) is Process and _current is not self:
            self._take_over(_current)
        _current = self
        for adapter in registries.added.values():
            known = self.guard.registries.get(adapter.name)
            if known is None or known.adapter is not adapter:
                self.add(adapter)
        self._hook()
        for module, imported in list(self._imported.items()):
            if module in sys.modules:
                imported()
        self.guard.remembered.clear()

    def stop(self) -> None:
        """Give everything back, in reverse; what is registered stays registered."""
        if not self.on:
            return
        while self._give_back:
            self._give_back.pop()()
        self.guard.detach()
        self._fresh(self.guard.ledger)
        executing.set(None)

    def close(self) -> None:
        """`stop` for good: the next one to guard this process is another one."""
        global _current
        self.stop()
        if _current is self:
            _current = None

    def _take_over(self, former: Process) -> None:
        """Go on where a process without IPython was."""
        ledger = former.guard.ledger
        former.close()
        self.journal, self.pinned, self.watched = former.journal, former.pinned, former.watched
        self._owners = former._owners
        self._fresh(ledger)

    def _fresh(self, former: Ledger | None = None) -> None:
        faults: dict[str, str] = {}
        self.guard = Guard(
            [*registries.all_registries(faults), *filter(None, self.watched.values())],
            self,
            say=self._say,
            notes=self._notes,
            journal=self.journal,
            settings=self.settings,
            pinned=self.pinned,
            former=former,
        )
        self.guard.foreign_faults.update(faults)
        self._imported: dict[str, Callable[[], None]] = {}
        for registry in self.guard.registries.values():
            self._await(registry.adapter.module)
        for path in self.watched:
            self._await(_module_of(path))
        self.modules = Modules(self.guard, executing.get, registries.FRAMEWORKS, self._imported, self._owners)

    def _await(self, module: str) -> None:
        self._imported[module] = functools.partial(self._arrived, module)

    def _arrived(self, module: str) -> None:
        """A module has been imported that something was waiting for."""
        self.guard.attach(module)
        for path in [path for path, registry in self.watched.items() if registry is None]:
            if _module_of(path) == module:
                try:
                    self.watch(path)
                except (NotThere, TypeError, ValueError) as error:
                    del self.watched[path]
                    self.guard.tell(f"cannot watch {path}: {error}")

    def _hook(self) -> None:
        self._give_back.append(self._divert_thread_start())
        self._give_back.append(imports.notice(self._at_the_boundary(self.modules.begin)))

    # -- registries that come later

    def add(self, registry: Registry) -> None:
        """Guard one more registry; one of the same name makes way."""
        self.guard.add(registry, now=self.on and registry.module in sys.modules)
        self._await(registry.module)

    def watch(self, path: str) -> Registry | None:
        """Guard the container at ``"package.module:attribute"``; None if its module is not imported yet: then as soon
        as it is.

        Raises:
            NotThere: if the module has nothing of this name.
            TypeError: if it is no dict, list or set.
            ValueError: if it is guarded already under another name.
        """
        if _module_of(path) not in sys.modules:
            self.watched.setdefault(path, None)
            self._await(_module_of(path))
            return None
        registry = self.watched.get(path)
        if registry is None or path in self.waiting():
            registry = watching.watched(path)
            taken = self.guard.name_of(registry.table)
            if taken not in (None, path):
                raise ValueError(f"{path} is guarded already, as {taken}")
            self.watched[path] = registry
            self.add(registry)
        return registry

    def unwatch(self, path: str) -> None:
        """Leave a container alone again; what is in it stays."""
        if self.watched.pop(path) is not None:
            self.guard.remove(path)

    def waiting(self) -> list[str]:
        """What is watched as soon as it is there: its module is not imported, or it was deleted."""
        return [path for path, registry in self.watched.items() if registry is None or not is_there(registry)]

    # -- bodies that say whose they are

    @contextmanager
    def owner(self, name: str, source: str | None = None) -> Iterator[Owner]:
        """Run the body of the with statement as a transaction of this owner: see `kreg_ipython.owner`."""
        owner = self.modules.owner("script", name)
        begin = functools.partial(self.modules.begin_body, text=source)
        end = self._at_the_boundary(begin)(owner) or (lambda error: None)
        try:
            yield owner
        except BaseException as error:
            end(error)
            raise
        else:
            end(None)
        finally:
            self._say_acts()

    # -- who registers

    def locate_caller(self, frame: FrameType, passthrough: frozenset[str]) -> Caller | None:
        """Who registers under this frame: a body that says whose it is, a module's, a script, or what `_caller_in`
        finds; None if a framework does."""
        found = stack.trace(frame, passthrough, registries.FRAMEWORKS)
        if found is None or _root(found.module or "") in registries.FRAMEWORKS:
            return None
        body = self.modules.body()
        if body is not None:
            steps = stack.from_file(found.steps, body.owner.id or "")
            return Caller(body.owner, body, stack.innermost_line(steps), steps)
        if found.module is not None or found.script is not None:
            if found.module is not None:
                owner = self.modules.owner("module", found.module)
            else:
                owner = self.modules.owner("script", script_id(found.script or ""))
            return Caller(owner, self.modules.run(owner), stack.innermost_line(found.steps), found.steps)
        return self._caller_in(found)

    def _caller_in(self, found: Origin) -> Caller:
        """Who registers where no body of code is being executed that we know: the one that started the thread."""
        run = executing.get() or self._started.get(threading.current_thread())
        if run is None:
            return Caller(self.modules.owner("module", "__main__"), None, None, found.steps, False)
        return Caller(run.owner, run, None, found.steps, False)

    def is_framework_again(self, frame: FrameType) -> bool:
        """Whether a framework registers under this frame because one of its own modules is executed again."""
        return bool(self.modules.again) and stack.body_of(frame) in self.modules.again

    def is_outdated(self, entry: Entry) -> bool:
        """Whether the file of a module or script does not say any more what registered this."""
        return self.modules.is_outdated(entry)

    def find_owner(self, subject: Any) -> Caller | None:
        """The owner of an object that was registered before we were watching: its module; None for a framework's."""
        module = module_of(subject)
        if module == "__main__":
            return self._find_in_main(subject)
        found = self.modules.registered_before(subject, module)
        return Caller(*found) if found is not None else None

    def _find_in_main(self, subject: Any) -> Caller | None:
        """The owner of an object of the main module's that was registered unseen: nobody can tell."""
        return None

    def number(self) -> int | None:
        """The execution count of the cell that is being executed."""
        run = executing.get()
        return run.number if run is not None else None

    def running(self) -> Run | None:
        """What is being executed in this context: a module's body, a script's, a cell."""
        return self.modules.running()

    def is_framework(self, module: str) -> bool:
        """Whether a module is part of a framework."""
        return _root(module) in registries.FRAMEWORKS

    def _divert_thread_start(self) -> Callable[[], None]:
        """`threading.Thread.start`: a thread's registrations belong to whoever started it."""

        def start(thread: threading.Thread) -> None:
            run = self.modules.body() or executing.get() or self._started.get(threading.current_thread())
            if run is not None:
                self._started[thread] = run
            original(thread)

        original, undo = divert(threading.Thread.start, start)  # type: ignore[arg-type]
        return undo

    # -- faults

    def _at_the_boundary(self, begin: Callable[[Any], imports.End | None]) -> Callable[[Any], imports.End | None]:
        """What is called in the midst of an import or a script: a fault of ours is told, and goes no further."""

        def safely(act: Callable[[Any], Any], argument: Any) -> Any:
            try:
                return act(argument)
            except Exception as error:
                self._fault(error)

        def begun(body: Any) -> imports.End | None:
            end = safely(begin, body)
            return None if end is None else functools.partial(safely, end)

        return begun

    def _fault(self, error: Exception) -> None:
        self.guard.tell(f"this run is not guarded properly: {error_text(error)}")

    def _say_acts(self) -> None:
        """After each body of code, for those who want to be told all: what was done, act by act."""
        said, self._said = self._said, self.journal.count
        if self.settings.verbosity == "all" and said < self._said:
            acts: dict[str, dict[str, None]] = {}
            for event in self.journal.acts(said):
                acts.setdefault(event.act, {})[event.key] = None
            if acts:
                self._say("; ".join(f"{act} {named(keys)}" for act, keys in acts.items()))

    def _say(self, text: str) -> None:
        print(f"kreg: {text}", file=sys.stderr)


def _module_of(path: str) -> str:
    return path.partition(":")[0]


@functools.cache
def _root(module: str) -> str:
    return module.partition(".")[0]
