"""What is executing: IPython's cells, imports of frameworks, threads. Only here and in magic.py: IPython."""

from __future__ import annotations

import functools
import importlib.abc
import importlib.util
import linecache
import sys
import threading
import weakref
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from importlib.machinery import ModuleSpec
from types import CodeType, FrameType, ModuleType
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from kreg_ipython import origin, source
from kreg_ipython.guard import Caller, Guard, Outcome
from kreg_ipython.ledger import Entry, Owner, Run, definition
from kreg_ipython.patch import divert
from kreg_ipython.registries import FRAMEWORKS, all_registries

_executing: ContextVar[Run | None] = ContextVar("kreg_ipython_executing", default=None)
"""The cell that the code in this context belongs to: sync and async cells, subshells, tasks that outlive their cell."""


class Tracker:
    """Tells the guard when a cell begins and ends, who registers, and which framework has been imported."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.guard = self._new_guard()
        self._runs: dict[int, Run] = {}
        self._running: dict[int, Run] = {}
        self._loading: Run | None = None
        self._started: weakref.WeakKeyDictionary[threading.Thread, Run] = weakref.WeakKeyDictionary()
        self._undo: list[Callable[[], None]] = []

    @property
    def on(self) -> bool:
        """Whether the registries are guarded now."""
        return bool(self._undo)

    def start(self) -> None:
        """Hook into IPython, the import system and threads; adopt what was registered before."""
        if self.on:
            return
        self.guard = self._new_guard()
        code = origin.cell_code(sys._getframe())
        if code is not None:
            self._begin_late(code)
        for event, callback in (("pre_run_cell", self._pre_run_cell), ("post_run_cell", self._post_run_cell)):
            self.shell.events.register(event, callback)
            self._undo.append(functools.partial(self._unregister, event, callback))
        self._undo.append(self._divert_thread_start())
        modules = {registry.module for registry in self.guard.registries.values()}
        finder = _Finder(modules, self.guard.attach)
        sys.meta_path.insert(0, finder)
        self._undo.append(functools.partial(_remove, sys.meta_path, finder))
        for module in [name for name in modules if name in sys.modules]:
            self.guard.attach(module)

    def stop(self) -> None:
        """Give everything back, in reverse; what is registered stays registered."""
        while self._undo:
            self._undo.pop()()
        self.guard.detach()
        self._runs.clear()
        self._running.clear()
        self._loading = None
        _executing.set(None)

    def _new_guard(self) -> Guard:
        return Guard(
            all_registries(),
            locate_caller=self._locate_caller,
            find_owner=self._find_owner,
            namespace=lambda: self.shell.user_ns,
            say=_say,
        )

    def _unregister(self, event: str, callback: Callable[..., None]) -> None:
        if callback in self.shell.events.callbacks[event]:
            self.shell.events.unregister(event, callback)

    # -- cells

    def _pre_run_cell(self, info: Any) -> None:
        """IPython's pre_run_cell: a cell is about to run."""
        thread = threading.get_ident()
        before = self._running.get(thread)
        if before is not None:
            if origin.cell_code(sys._getframe(1)) is not None:
                return  # run_cell inside a cell, %%capture: what it registers is the outer cell's
            self._end(before, "failed")  # its post_run_cell never came
        try:
            run, doubtful = self._identify(getattr(info, "cell_id", None), info.raw_cell or "")
            run.modules_before = len(sys.modules)
            self._runs[id(info)] = self._running[thread] = run
            _executing.set(run)
            self.guard.begin(run, doubtful)
        except Exception as error:
            self._fault(error)

    def _post_run_cell(self, result: Any) -> None:
        """IPython's post_run_cell: outside the cell's context if the cell is asynchronous, hence keyed on its info."""
        info = getattr(result, "info", None)
        run = self._runs.pop(id(info), None) if info is not None else self._running.get(threading.get_ident())
        if run is None and self._loading is not None and origin.cell_code(sys._getframe(1)) is None:
            run = self._loading
        if run is None:
            return
        outcome: Outcome = "success"
        if result is None or result.error_in_exec is not None:
            outcome = "failed"
        elif result.error_before_exec is not None:
            outcome = "not compiled"
        self._end(run, outcome)

    def _end(self, run: Run, outcome: Outcome) -> None:
        if run is self._loading:
            self._loading = None
        if _executing.get() is run:
            _executing.set(None)
        for running in (self._runs, self._running):
            for key in [key for key, other in list(running.items()) if other is run]:
                running.pop(key, None)
        try:
            self.guard.end(run, outcome)
        except Exception as error:
            self._fault(error)

    def _begin_late(self, code: CodeType) -> None:
        """Loaded by a cell: the rest of that cell is tracked like any other, and what it registered before adopted."""
        text, number = self._source_of(code)
        run, _ = self._identify(None, text)
        run.number = run.owner.number = number
        run.modules_before = len(sys.modules)
        self._loading = self._running[threading.get_ident()] = run
        _executing.set(run)
        self.guard.begin(run)

    def _identify(self, cell_id: str | None, raw: str) -> tuple[Run, Iterable[Entry]]:
        """The cell that is about to run, and entries that are probably its own.

        By the front end's id; for an unknown id or none by equal source, then by equal definitions. Only a cell
        that is not known by an id of this session can be meant by those.
        """
        parent = getattr(self.shell, "parent_header", None) or {}
        metadata, header = parent.get("metadata") or {}, parent.get("header") or {}
        session = header.get("session")
        cell_id = cell_id or metadata.get("cellId") or (metadata.get("colab") or {}).get("cell_id")
        ledger = self.guard.ledger
        for deleted in metadata.get("deletedCells") or ():
            owner = ledger.owner("cell", deleted)
            if owner is not None and deleted != cell_id:
                self.guard.clear(ledger.entries(owner))
        doubtful: list[Entry] = []
        owner = ledger.owner("cell", cell_id) if cell_id else None
        if owner is None:
            owner = ledger.owner_of_source(raw)
            if owner is None or not _unidentified(owner, cell_id, session):
                names = source.definitions(raw)
                entries = [entry for name in names for entry in ledger.defined(name)]
                doubtful = [e for e in entries if e.owner and _unidentified(e.owner, cell_id, session)]
                owner = Owner("cell", None)
        if owner.id != cell_id or owner.session != session:
            ledger.identify(owner, cell_id or owner.id, session)
        if owner.source != raw:
            ledger.resource(owner, raw)
        owner.number = self.shell.execution_count
        return Run(owner, raw, owner.number), doubtful

    # -- who registers

    def _locate_caller(self, frame: FrameType, plumbing: frozenset[str]) -> Caller | None:
        """Who registers under this frame: a module's body, a script, the cell of this context, of this thread, or the
        cell that defines the running code; None if a framework does."""
        found = origin.trace(frame, plumbing, FRAMEWORKS)
        if found is None:
            return None
        module, script, line, site = found
        if module is not None:
            return None if _root(module) in FRAMEWORKS else Caller(self._owner("module", module), None, line, site)
        if script is not None:
            return Caller(self._owner("script", script), None, line, site)
        run = _executing.get() or self._started.get(threading.current_thread())
        if run is not None:
            if line is not None and run.source is not None:
                line += source.header(run.source)
            return Caller(run.owner, run, line, site)
        if site is not None:
            defined = self._owner_of_code(site)
            if defined is not None:
                return Caller(defined.owner, defined.run, line, site)
        return Caller(self._owner("module", "__main__"), None, line, site)

    def _find_owner(self, subject: Any) -> Caller | None:
        """The owner of an object that was registered before we were watching: its module, or the cell that ran its
        definition; None for a framework's own."""
        defined = definition(subject)
        module = defined[0] if defined else None
        if not isinstance(module, str) or _root(module) in FRAMEWORKS | sys.stdlib_module_names:
            return None
        if module != "__main__":
            return Caller(self._owner("module", module)) if module in sys.modules else None
        code = _code(subject)
        if code is not None:
            return self._owner_of_code(code)
        name = defined[1].partition(".")[0] if defined and isinstance(defined[1], str) else ""
        return self._owner_that_defines(name)

    def _owner(self, kind: Any, owner_id: str) -> Owner:
        return self.guard.ledger.owner(kind, owner_id) or Owner(kind, owner_id)

    def _owner_of_code(self, code: CodeType) -> Caller | None:
        """The cell whose file this code was compiled from."""
        text, number = self._source_of(code)
        return self._adopted(text, number, code.co_firstlineno) if text else None

    def _source_of(self, code: CodeType) -> tuple[str, int | None]:
        """The source of the cell that this code was compiled from, as typed if it is in the history, and its number."""
        compiled = "".join(linecache.getlines(code.co_filename))
        number = getattr(self.shell.compile, "_filename_map", {}).get(code.co_filename)  # not before IPython 8
        for count in [number] if number is not None else range(len(self._history) - 1, 0, -1):
            if count < len(self._history) and self.shell.transform_cell(self._history[count]).strip() == compiled.strip():
                return self._history[count], count
        return compiled, number

    @property
    def _history(self) -> list[str]:
        return self.shell.history_manager.input_hist_raw if self.shell.history_manager else []

    def _owner_that_defines(self, name: str) -> Caller | None:
        """The cell that defined a name last: a class without methods has no code to tell."""
        for number in range(len(self._history) - 1, 0, -1):
            if name in source.definitions(self._history[number]):
                return self._adopted(self._history[number], number, None)
        return None

    def _adopted(self, text: str, number: int | None, line: int | None) -> Caller:
        run = self._loading
        if run is not None and run.source == text:
            return Caller(run.owner, run, line)
        owner = self.guard.ledger.owner_of_source(text) or Owner("cell", None, source=text, number=number)
        return Caller(owner, Run(owner, text, number), line)

    def _divert_thread_start(self) -> Callable[[], None]:
        """`threading.Thread.start`: a thread's registrations belong to the cell that started it."""

        def start(thread: threading.Thread) -> None:
            run = _executing.get() or self._started.get(threading.current_thread())
            if run is not None:
                self._started[thread] = run
            original(thread)

        original, undo = divert(threading.Thread.start, start)  # type: ignore[arg-type]
        return undo

    def _fault(self, error: Exception) -> None:
        self.guard.tell(f"this cell is not guarded properly: {type(error).__name__}: {error}")


class _Finder(importlib.abc.MetaPathFinder):
    """Notices that one of ``modules`` has been imported; leaves the finding and the loading to the others."""

    def __init__(self, modules: set[str], imported: Callable[[str], None]) -> None:
        self._modules, self._imported = modules, imported

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname not in self._modules:
            return None
        for finder in sys.meta_path:
            find_spec = getattr(finder, "find_spec", None)
            if finder is not self and find_spec is not None:
                spec: ModuleSpec | None = find_spec(fullname, path, target)
                if spec is not None:
                    if spec.loader is not None:
                        spec.loader = _Loader(spec.loader, self._imported)
                    return spec
        return None


class _Loader(importlib.abc.Loader):
    """Stands in for a module's loader until the module's body has been executed, then says so."""

    def __init__(self, loader: Any, imported: Callable[[str], None]) -> None:
        self._loader, self._imported = loader, imported

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._imported(module.__name__)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


def _unidentified(owner: Owner, cell_id: str | None, session: str | None) -> bool:
    """Whether an unknown cell may be this one: it has no id, or one of a session that has ended."""
    return owner.kind == "cell" and (owner.id is None or owner.session != session)


def _code(subject: Any) -> CodeType | None:
    """Some code of an object's definition: a function's own, or that of a class's first method."""
    for candidate in (subject, *vars(subject).values()) if isinstance(subject, type) else (subject,):
        candidate = getattr(candidate, "__func__", getattr(candidate, "fget", candidate))
        code = getattr(candidate, "__code__", None)
        if isinstance(code, CodeType) and getattr(candidate, "__module__", None) == "__main__":
            return code
    return None


def _root(module: str) -> str:
    return module.partition(".")[0]


def _remove(items: list[Any], item: Any) -> None:
    if item in items:
        items.remove(item)


def _say(text: str) -> None:
    print(f"kreg: {text}", file=sys.stderr)
