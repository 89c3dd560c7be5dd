"""A guard over a framework of plain dicts and lists, and cells whose frames are real: what is between the ledger and a
kernel. No IPython, no framework.

A cell's text is compiled under a file name of its own and executed in ``__main__``, as IPython does, and the way to a
registration is read off the stack. Nothing that the guard diverts is replaced.
"""

from __future__ import annotations

import functools
import linecache
import sys
import traceback
import types
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from kreg_ipython.guard.clearing import Undoable
from kreg_ipython.guard.ledger import Caller, Entry, Ledger, Owner, Run, Spot
from kreg_ipython.guard.memory import Memory, Settings
from kreg_ipython.guard.transaction import Guard
from kreg_ipython.lib import stack
from kreg_ipython.lib.holders import reached
from kreg_ipython.registries import OPAQUE
from kreg_ipython.registries.registry import Gate, Registry
from kreg_ipython.registries.shapes import DictRegistry, ListRegistry

FRAMEWORK = """
table, loud, names, queue, graphs, flags, drawer, line, pile = {}, {}, {}, {}, {}, {}, {}, [], []

def register(key, value):
    table[key] = value

def handout(copied=False, *, times=1):
    return [dict(table) for _ in range(times)] if copied else table

def register_once(key, value):
    if key in loud:
        raise KeyError(f"{key} has already been registered")
    if value in names:
        raise KeyError(f"{value.__name__} is known as {names[value]}")
    loud[key] = value
    names[value] = key

def registered(key):
    def decorate(value):
        register_once(key, value)
        return value
    return decorate

def unregister(key):
    names.pop(loud.pop(key), None)

def unregister_object(value):
    loud.pop(names.pop(value))

def enqueue(key, value):
    queue[key] = value

def gradient(key, value):
    graphs[key] = value

def find(key, *, twice=False):
    if key not in graphs:
        raise LookupError(f"no gradient {key}")
    return (graphs[key], graphs[key]) if twice else graphs[key]

def define(key, value):
    flags.setdefault(key, value)

def append(value):
    line.append(value)
"""
LIBRARY = """
things = {}

def put(key, value):
    things[key] = value
    return key

def put_new(*keys, value):
    for key in keys:
        if key in things:
            raise ValueError(f"{key} is taken")
        things[key] = value

def put_twice(key, value):
    put_new(key, f"{key}_too", value=value)
"""
_RUN_CODE = compile("def run_code(code, namespace):\n    exec(code, namespace)\n", "<frozen shell>", "exec")
_OF_THE_TOOL = {"mutmut.mutation.trampoline"}
"""`make mutants` calls each function of the guard's through one of its own."""


@functools.cache
def _compiled(text: str, file: str) -> types.CodeType:
    return compile(text, file, "exec")


def announce(key: Any, value: Any) -> tuple[Any, Any]:
    """Return what a call with a key and a value registers."""
    return key, value


class Direct(DictRegistry):
    """A dict that users write to themselves, and no function hands out."""

    direct = True


class DirectList(ListRegistry):
    """A list that users write to themselves."""

    direct = True


def adapters() -> list[Registry]:
    """The registries of the framework, one of each kind."""
    return [
        DictRegistry("silent", "home:table", [Gate("home:register", announce), Gate("home:handout", act="access")]),
        DictRegistry(
            "raising",
            "home:loud",
            [
                Gate("home:register_once", announce),
                Gate("home:registered", lambda value, key: (key, value), decorator=True),
                Gate("home:unregister", lambda key: (key, None), act="unregister"),
                Gate("home:unregister_object", lambda value: (None, value), act="unregister"),
            ],
            reverse="home:names",
        ),
        DictRegistry("ordered", "home:queue", [Gate("home:enqueue", announce)], ordered=True),
        DictRegistry(
            "graphs",
            "home:graphs",
            [Gate("home:gradient", announce), Gate("home:find", lambda key, **options: (key, None), act="look up")],
            resolved_by_live_graphs=True,
        ),
        DictRegistry("flags", "home:flags", [Gate("home:define", announce)]),
        ListRegistry(
            "listed",
            "home:line",
            [Gate("home:append", lambda value: (value[0], value[1]))],
            key=lambda value: value[0],
            subject=lambda value: value[1],
        ),
        Direct("drawer", "home:drawer"),
        DirectList("pile", "home:pile", key=lambda value: value[0]),
        DictRegistry("things", "shelf:things", [Gate("shelf:put", announce)]),
    ]


class Lab:
    """A process with a framework, a notebook and a guard; the guard's context, too.

    Attributes:
        home: the framework's module; ``home.tracing`` is another module of its.
        main: the notebook's module.
        said: the lines that the user was shown.
        again: the modules of the framework that are being executed again.
        outdated: what the files of the owners with these ids do not say any more.
        texts: what the files of the owners with these ids say now.
        found: who registered an object that nobody saw, by the object's key in `adopt`.
    """

    def __init__(self, monkeypatch: Any, notes: bool = True) -> None:
        self.modules: dict[str, types.ModuleType] = {}
        self._monkeypatch = monkeypatch
        self.home, self.main = self._module("home", FRAMEWORK), self._module("__main__", "from home import *")
        self.tracing = self._module("home.tracing", "from home import *")
        self.shelf = self._module("shelf", LIBRARY)
        shell = self._module("IPython.core.interactiveshell", "", register=False)
        exec(_RUN_CODE, vars(shell))
        self._run_code = shell.run_code
        self.said: list[str] = []
        self.again: set[str] = set()
        self.outdated: set[str | None] = set()
        self.texts: dict[str | None, str] = {}
        self.found: dict[int, Caller] = {}
        self.owners: dict[str, Owner] = {}
        self.runs: list[Run] = []
        self.count = 0
        self.faulty = False
        """Whether an adapter fails on purpose, so that the invariant may be broken."""
        self.settings = Settings()
        self._notes = notes
        self.guard = self.new_guard()
        for name in ("home", "shelf"):
            self.guard.attach(name)

    def new_guard(self, former: Ledger | None = None, **remembered: Any) -> Guard:
        """Make a guard, which watches nothing yet."""
        memory = Memory(settings=self.settings, ledger=former, **remembered)
        return Guard(adapters(), self, say=self.said.append, notes=self._notes, memory=memory)

    def _module(self, name: str, text: str, register: bool = True) -> types.ModuleType:
        module = types.ModuleType(name)
        if register:
            self._monkeypatch.setitem(sys.modules, name, module)
            self.modules[name] = module
        exec(_compiled(text, f"<frozen {name}>"), vars(module))
        return module

    # -- what the guard asks

    def locate_caller(self, frame: FrameType, passthrough: frozenset[str], subject: Any = None) -> Caller | None:
        found = stack.trace(frame, passthrough | _OF_THE_TOOL, {"home"})
        if found is None:
            return None
        line = stack.innermost_line(found.steps)
        if found.module is not None:
            owner = self.owners[found.module]
            return Caller(owner, next((run for run in self.runs if run.owner is owner), None), line, found.steps)
        if not self.runs:
            return Caller(self.owner("__main__", "module"), None, None, found.steps, False)
        run = self.runs[-1]
        if found.in_cell:
            return Caller(run.owner, run, line, found.steps)
        steps = found.steps
        notebooks = bool(steps) and steps[-1].module == "__main__"
        return Caller(run.owner, run, steps[-1].line if notebooks else None, steps, False)

    def is_framework_again(self, frame: FrameType) -> bool:
        return stack.body_of(frame) in self.again

    def find_owner(self, subject: Any, spot: Spot | None = None) -> Caller | None:
        return self.found.get(id(subject))

    def defined(self, name):
        return None

    def texts_beside(self, owner):
        others = [each for each in self.owners.values() if each is not owner and each.source]
        return [(str(each.id) if each.kind == "module" else "__main__", each.source) for each in others]

    def held(self, run, objects, but_by=()):
        return reached(list(vars(sys.modules["__main__"]).values()), {id(one) for one in objects}, OPAQUE, but_by)

    def text_of(self, script: Owner) -> str | None:
        return self.texts.get(script.id)

    def is_outdated(self, entry: Entry) -> bool:
        return entry.owner is not None and entry.owner.id in self.outdated

    def number(self) -> int | None:
        return self.runs[-1].number if self.runs else None

    def running(self) -> Run | None:
        return self.runs[-1] if self.runs else None

    def is_framework(self, module: str) -> bool:
        return module.partition(".")[0] == "home"

    # -- what is executed

    def owner(self, name: str, kind: Any = "cell", id: str | None = "") -> Owner:
        """The owner of this name; a cell has its name as its id, unless another one is given first."""
        if name not in self.owners:
            self.owners[name] = Owner(kind, name if id == "" else id, {"session"})
        return self.owners[name]

    def cell(self, name: str, text: str = "", *, code: str | None = None, fails: type | None = None) -> Any:
        """Run a cell, in which another text may be compiled than the one that was typed; return what it raised."""
        self.count += 1
        owner = self.owner(name)
        owner.number, owner.source = self.count, text
        guard, run = self.guard, Run(owner, text, self.count)
        guard.recover()
        guard.between()
        error = self.execute(run, text if code is None else code, vars(self.main), f"cell {self.count}")
        assert (type(error) if error else None) == fails, error
        return error

    def execute(
        self,
        run: Run,
        text: str,
        namespace: dict[str, Any],
        file: str,
        failed: Any = "failed",
        in_cell: bool = True,
    ) -> BaseException | None:
        """Execute a text as a run; return what it raised."""
        outcome: Any = "success"
        error = None
        with self.running_(run):
            try:
                code = compile(text, file, "exec")
                linecache.cache[file] = (len(text), None, text.splitlines(True), file)
            except SyntaxError as raised:
                error, outcome = raised, "not compiled"
            else:
                try:
                    if in_cell:
                        self._run_code(code, namespace)
                    else:
                        exec(code, namespace)
                except Exception as raised:
                    error, outcome = raised, failed
        self.guard.end(run, outcome)
        self.check()
        return error

    @contextmanager
    def running_(self, run: Run) -> Iterator[None]:
        """Let a run execute, from its beginning until before its end."""
        run.active = True
        self.runs.append(run)
        try:
            self.guard.begin(run)
            self.check()
            yield
        finally:
            self.runs.remove(run)

    def module(self, name: str, text: str, *, fails: type | None = None, replays: bool = False) -> Any:
        """Import a module, or reload it; return what its body raised."""
        owner, first = self.owner(name, "module"), name not in self.modules
        module = self.modules.get(name) or types.ModuleType(name)
        self._monkeypatch.setitem(sys.modules, name, module)
        self.modules[name] = module
        owner.source = text
        run = Run(owner, text)
        run.replays = replays
        self.guard.between(self.running())
        vars(module).setdefault("home", self.home)
        failed = "undone" if first else "failed"
        error = self.execute(run, text, vars(module), f"/user/{name}.py", failed, in_cell=False)
        if error and first:
            del self.modules[name], sys.modules[name]
        assert (type(error) if error else None) == fails, error
        return error

    def check(self) -> None:
        """The invariant, after each act."""
        if not self.faulty:
            assert self.guard.differences() == []
            assert not self.guard.faults

    def forget_undo(self) -> None:
        """Let `undo` hold nothing any more."""
        self.guard._clearing.undoable = Undoable()

    # -- what there is

    def entry(self, registry: str, key: Any) -> Entry:
        """The entry on top of a key."""
        top = self.guard.ledger.top((registry, key))
        assert top is not None
        return top

    def entries(self) -> list[tuple[str, Any, str]]:
        """The owners' entries, in the order of registration: registry, key, and the owner's name."""
        names = {owner: name for name, owner in self.owners.items()}
        return [(each.registry, each.key, names[each.owner]) for each in self.guard.ledger]

    def acts(self, key: str | None = None) -> list[str]:
        """Return what was done, to this key or to all, in order: ``"swept x"``."""
        events = self.guard.memory.journal.events()
        return [f"{each.act} {each.key}" for each in events if key is None or each.key == key]

    def reasons(self, key: str, act: str) -> list[str]:
        """Why something was done to a key, each time."""
        return [each.reason for each in self.guard.memory.journal.events() if each.key == key and each.act == act]

    def noted(self, error: BaseException) -> list[str]:
        """The notes on an error."""
        return list(getattr(error, "__notes__", []))


def hides_our_frames(error: BaseException) -> bool:
    """Return whether an error's traceback has frames of ours, each of which is hidden."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [each for each in frames if each.f_globals["__name__"].startswith("kreg_ipython")]
    return bool(ours) and all(each.f_locals.get("__tracebackhide__") for each in ours)


def library(lab: Lab, name: str, text: str) -> types.ModuleType:
    """Return a module of an installed library's."""
    module, path = lab._module(name, "from home import *"), f"/env/site-packages/{name}.py"
    linecache.cache[path] = (len(text), None, text.splitlines(True), path)
    exec(compile(text, path, "exec"), vars(module))
    return module
