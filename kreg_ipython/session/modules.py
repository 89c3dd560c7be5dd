"""Modules and scripts: owners that the import system or ``%run`` executes, again or for the first time."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, ModuleType
from typing import Any

from kreg_ipython import registries
from kreg_ipython.guard import ways
from kreg_ipython.guard.ledger import Caller, Entry, Kind, Owner, Run
from kreg_ipython.guard.transaction import Guard, Outcome
from kreg_ipython.guard.verdicts import is_outdated
from kreg_ipython.lib import source, stack
from kreg_ipython.lib.naming import definition, package_of
from kreg_ipython.session import imports
from kreg_ipython.session.runs import End, Runs


class Modules:
    """The modules and scripts of a process, as owners.

    Args:
        guard: knows their entries.
        runs: has their runs.
        imported: what to do when a module of this name has been imported.
        owners: the modules and scripts that are known already.
    """

    def __init__(
        self,
        guard: Guard,
        runs: Runs,
        imported: Mapping[str, Callable[[], None]],
        owners: dict[tuple[Kind, str, str | None], Owner],
    ) -> None:
        self._guard, self._runs, self._imported, self._owners = guard, runs, imported, owners
        self._executed = {name for name in sys.modules if owns_nothing(name)}
        self.again: set[str] = set()
        """The frameworks' own modules that are being executed again: Keras has been purged, or reloaded."""

    def owner(self, kind: Kind, owner_id: str, file: str | None = None) -> Owner:
        """Return the module of this name and file, or the script at this path."""
        if (kind, owner_id, file) not in self._owners:
            library = kind == "module" and stack.is_library(str(file))
            self._owners[kind, owner_id, file] = Owner(kind, owner_id, file=file, library=library)
        return self._owners[kind, owner_id, file]

    def owner_of(self, module: ModuleType) -> Owner:
        """Return a module as an owner."""
        file = vars(module).get("__file__")
        return self.owner("module", module.__name__, str(file) if file else None)

    def run(self, owner: Owner, find_executor: Callable[[], Caller | None] = lambda: None) -> Run:
        """Return the execution of the owner that is going on, and is registering something.

        One that nobody saw begin, by ``exec`` or a loader of its own, begins now.
        """
        run = self._runs.of(owner)
        if run is None:
            run = Run(owner, functools.partial(text_of, owner))
            run.unseen = True
            self._runs.begin_inside(run, find_executor())
        _read_now(run)
        return run

    def registered_before(self, subject: Any, module: str | None) -> tuple[Owner, Run, int | None] | None:
        """Return the module of an object that nobody saw being registered; None for a framework's object.

        A run stands for the one that registered it. The line is that of the definition.
        """
        if module not in sys.modules or _is_foreign(module):
            return None
        owner = self.owner_of(sys.modules[module])
        run = Run(owner, text_of(owner))
        qualname = str(definition(subject)[1]) if definition(subject) else ""  # type: ignore[index]
        return owner, run, source.read(run.source).line_of_definition(qualname) if run.source else None

    def is_outdated(self, entry: Entry) -> bool:
        """Return whether a module's or script's file does not register this any more, or the module is gone."""
        if entry.owner is None or entry.run is None or entry.run.source is None:
            return False
        before, now = entry.run.source, text_of(entry.owner)
        if now is None:
            return is_gone(entry.owner)
        return before != now and is_outdated(ways.way_to(entry), source.read(before), source.read(now))

    def texts_beside(self, owner: Owner) -> Iterator[tuple[str, str]]:
        """Yield the names and texts of the user's modules but for one."""
        for name, module in _users_modules():
            if name != owner.id:
                yield name, imports.source_of(module) or ""

    # -- a body is executed

    def begin(self, module: ModuleType) -> End | None:
        """See `imports.notice`: a module's body is about to be executed."""
        name = module.__name__
        if _is_foreign(name):
            end = self._begin_framework(name)
        else:
            emptied = imports.is_emptied(module)
            replays = emptied and imports.is_reload(module)
            end = self._begin(self.owner_of(module), "undone" if emptied else "failed", replays)
        return end if name not in self._imported else functools.partial(self._end_import, name, end)

    def _end_import(self, name: str, end: End | None, error: BaseException | None) -> None:
        if end is not None:
            end(error)
        if error is None:
            self._imported[name]()

    def _begin_framework(self, name: str) -> End | None:
        executed = name in self._executed
        if owns_nothing(name):
            self._executed.add(name)
        if not executed:
            return None
        self.again.add(name)
        return lambda error: self.again.discard(name)

    def begin_script(self, owner: Owner) -> End:
        """Begin the run of a script that is about to be executed; return what ends it."""
        return self._begin(owner, "failed")

    def begin_declared(self, owner: Owner, text: str | None = None, code: CodeType | None = None) -> End:
        """Begin the run of a body that names its owner; return what ends it.

        The run has the text that is given, or that of the file that the owner is, or that of the code which the body is
        in.
        """
        if text is not None or source.of_file(owner.id or "") is not None:
            code = None
        elif code is not None:
            text = stack.text_of(code)
        owner.source = text
        run = Run(owner, functools.partial(text_of, owner) if text is None else text)
        _read_now(run)
        return self._runs.begin_body(run, "failed", declared=True, code=code)

    def _begin(self, owner: Owner, unsuccessful: Outcome, replays: bool = False) -> End:
        """Begin a run; return what ends it.

        What a script leaves behind when it fails is used, and so is what a reload does in the module's namespace. A
        module that cannot be imported is gone with all its definitions, and `%autoreload`, which empties the namespace
        first, puts the former ones back.
        """
        run = Run(owner, functools.partial(text_of, owner))
        if not owner.library:
            _read_now(run)
        run.replays = replays
        end = self._runs.begin_body(run, unsuccessful)

        def end_and_sweep(error: BaseException | None) -> None:
            end(error)
            if error is None and not self._runs.is_in_body():
                self._sweep_deleted()

        return end_and_sweep

    def _sweep_deleted(self) -> None:
        """Sweep what modules registered whose files were deleted, and that are not imported any more."""
        modules = [owner for owner in self._owners.values() if owner.kind == "module"]
        self._guard.empty(
            (
                owner
                for owner in filter(self._guard.ledger.has_entries, modules)
                if getattr(sys.modules.get(owner.id or ""), "__file__", None) != owner.file and is_gone(owner)
            ),
            "its file was deleted",
        )

    # -- autoreload

    def may_register(self, module: ModuleType) -> bool:
        """Return whether executing this module's file may register something.

        It may if it did, or if it uses a framework, perhaps by way of another module of the user's.
        """
        return self._guard.ledger.has_entries(self.owner_of(module)) or self._uses(module, set())

    def _uses(self, module: ModuleType, seen: set[str]) -> bool:
        seen.add(module.__name__)
        text = imports.source_of(module) or ""
        if any(word in registries.FRAMEWORKS for word in re.findall(r"\w+", text)):
            return True
        homes = {
            str(getattr(value, "__name__" if isinstance(value, ModuleType) else "__module__", ""))
            for value in list(vars(module).values())
        }
        awaited = {home for home in homes if home in self._imported and package_of(home) not in registries.LIBRARIES}
        return any(package_of(home) in registries.FRAMEWORKS or home in awaited for home in homes) or any(
            self._uses(sys.modules[home], seen) for home in homes - seen if home in sys.modules and _is_users(home)
        )

    def namespaces(self) -> list[dict[str, Any]]:
        """Those of the notebook, and of all other modules of the user's."""
        return [vars(module) for _, module in _users_modules()]


def _read_now(run: Run) -> None:
    """Read the text of a run: the file may be saved while it is executed."""
    run.source  # noqa: B018


def script_id(path: str) -> str:
    """Return the path by which a script is known, whatever the directory it was called from."""
    return os.path.realpath(os.path.expanduser(path))


def text_of(owner: Owner) -> str | None:
    """Return what the owner's file says now, or what it said itself; None if nobody can tell."""
    if owner.source is not None:
        return owner.source
    if owner.kind == "module":
        module = sys.modules.get(owner.id or "")
        if module is not None and getattr(module, "__file__", None) == owner.file:
            return imports.source_of(module)
    return source.of_file(owner.file or owner.id or "")


def is_gone(owner: Owner) -> bool:
    """Return whether the owner's file was deleted, or the module purged that nobody can read."""
    file = owner.file if owner.kind == "module" else owner.id
    if file is None:
        return owner.id not in sys.modules
    if not os.path.isabs(file) or os.path.exists(file):  # of a relative one nothing is known: see os.chdir
        return False
    while not os.path.exists(file):
        file = os.path.dirname(file)
    return not os.path.isfile(file)  # an archive


def _users_modules() -> list[tuple[str, ModuleType]]:
    return [(name, module) for name, module in list(sys.modules.items()) if _is_users(name)]


def _is_users(name: str) -> bool:
    """Return whether the user wrote the module of this name."""
    module = sys.modules.get(name)
    if _is_foreign(name) or package_of(name) == package_of(__name__) or not issubclass(type(module), ModuleType):
        return False
    return not stack.is_library(str(vars(module).get("__file__")))


def _is_foreign(module: str) -> bool:
    """Return whether a module is Python's own or a framework's."""
    return owns_nothing(module) or _is_pythons_own(package_of(module))


def owns_nothing(module: str) -> bool:
    """Return whether a module is one of those that never own what they register."""
    return package_of(module) in registries.OWNING_NOTHING


def _is_pythons_own(module: str) -> bool:
    """Return whether a module is of the standard library, and no file of the user's that has taken its name."""
    file = getattr(sys.modules.get(module), "__file__", None)
    return module in sys.stdlib_module_names and (file is None or stack.is_library(str(file)))
