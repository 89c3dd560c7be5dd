"""Modules and scripts: owners that the import system or ``%run`` executes, again or for the first time."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable, Container
from types import CodeType, ModuleType
from typing import Any

from kreg_ipython import registries
from kreg_ipython.guard.ledger import Caller, Kind, Owner, Run
from kreg_ipython.guard.transaction import Guard, Outcome
from kreg_ipython.lib import source, stack
from kreg_ipython.lib.naming import package_of
from kreg_ipython.lib.patch import End
from kreg_ipython.session import imports
from kreg_ipython.session.runs import Runs


class Modules:
    """The modules and scripts of a process, as owners.

    Args:
        guard: knows their entries.
        runs: has their runs.
        awaited: the modules whose import something waits for.
        arrived: is told when one of them has been imported.
        owners: the modules and scripts that are known already.
    """

    def __init__(
        self,
        guard: Guard,
        runs: Runs,
        awaited: Container[str],
        arrived: Callable[[str], None],
        owners: dict[tuple[Kind, str, str | None], Owner],
    ) -> None:
        self._guard, self._runs, self._owners = guard, runs, owners
        self._awaited, self._arrived = awaited, arrived
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
            run = Run(owner, text_of(owner))
            run.unseen = True
            self._runs.begin_inside(run, find_executor())
        run.source  # noqa: B018 - a library's: it is read now
        return run

    # -- a body is executed

    def begin(self, module: ModuleType) -> End | None:
        """See `imports.notice`: a module's body is about to be executed."""
        name = module.__name__
        if is_foreign(name):
            end = self._begin_framework(name)
        else:
            emptied = imports.is_emptied(module)
            replays = emptied and imports.is_reload(module)
            end = self.begin_file(self.owner_of(module), "undone" if emptied else "failed", replays)
        return end if name not in self._awaited else functools.partial(self._end_import, name, end)

    def _end_import(self, name: str, end: End | None, error: BaseException | None) -> None:
        if end is not None:
            end(error)
        if error is None:
            self._arrived(name)

    def _begin_framework(self, name: str) -> End | None:
        executed = name in self._executed
        if owns_nothing(name):
            self._executed.add(name)
        if not executed:
            return None
        self.again.add(name)
        return lambda error: self.again.discard(name)

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
        run = Run(owner, text_of(owner) if text is None else text)
        run.declared, run.code = True, code
        return self._runs.begin_body(run, "failed")

    def begin_file(self, owner: Owner, unsuccessful: Outcome = "failed", replays: bool = False) -> End:
        """Begin the run of a module or script that is about to be executed; return what ends it.

        What a script leaves behind when it fails is used, and so is what a reload does in the module's namespace. A
        module that cannot be imported is gone with all its definitions, and `%autoreload`, which empties the namespace
        first, puts the former ones back.
        """
        # The file may be saved while it is executed. Most of a library's files register nothing.
        run = Run(owner, functools.partial(text_of, owner) if owner.library else text_of(owner))
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

    def is_to_be_executed(self, module: ModuleType, former: str) -> bool:
        """Return whether a changed file that may register is to be executed as a whole, not patched by functions.

        Patching keeps what the module's variables hold. It is enough where nothing but functions that the file only
        defines has changed, and no graph was traced of them.
        """
        text = imports.source_of(module) or ""
        may_be_traced = not (registries.FRAMEWORKS - {"keras"}).isdisjoint(re.findall(r"\w+", text))
        return may_be_traced or not source.read(text).executes_the_same_as(source.read(former))

    def _uses(self, module: ModuleType, seen: set[str]) -> bool:
        seen.add(module.__name__)
        text = imports.source_of(module) or ""
        if any(word in registries.FRAMEWORKS for word in re.findall(r"\w+", text)):
            return True
        homes = {
            str(getattr(value, "__name__" if isinstance(value, ModuleType) else "__module__", ""))
            for value in list(vars(module).values())
        }
        awaited = {home for home in homes if home in self._awaited and package_of(home) not in registries.LIBRARIES}
        return any(package_of(home) in registries.FRAMEWORKS or home in awaited for home in homes) or any(
            self._uses(sys.modules[home], seen) for home in homes - seen if home in sys.modules and _is_users(home)
        )

    def namespaces(self) -> list[dict[str, Any]]:
        """Return the namespaces of the notebook, and of all other modules of the user's."""
        return [vars(module) for _, module in users_modules()]


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


def users_modules() -> list[tuple[str, ModuleType]]:
    """Return the names and modules that the user wrote."""
    return [(name, module) for name, module in list(sys.modules.items()) if _is_users(name)]


def _is_users(name: str) -> bool:
    """Return whether the user wrote the module of this name."""
    module = sys.modules.get(name)
    if is_foreign(name) or package_of(name) == package_of(__name__) or not issubclass(type(module), ModuleType):
        return False
    return not stack.is_library(str(vars(module).get("__file__")))


def is_foreign(module: str) -> bool:
    """Return whether a module is Python's own or a framework's."""
    if owns_nothing(module):
        return True
    package = package_of(module)
    file = getattr(sys.modules.get(package), "__file__", None)  # a file of the user's may have taken its name
    return package in sys.stdlib_module_names and (file is None or stack.is_library(str(file)))


def owns_nothing(module: str) -> bool:
    """Return whether a module is one of those that never own what they register."""
    return package_of(module) in registries.OWNING_NOTHING
