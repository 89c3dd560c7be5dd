"""Make ``%autoreload`` execute a changed file anew where it would rather patch functions and classes one by one.

Since IPython 9 it compares a changed file with its former text and replaces the code of functions. A class's decorator
is not called then, and a function's decorator is called on a function that is thrown away. AutoGraph reads functions by
their lines in the file, and finds other lines there.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from kreg_ipython.lib.naming import definition, module_of, same_definition
from kreg_ipython.lib.patch import divert
from kreg_ipython.registries.registry import locate

HOMES = ("IPython.extensions.autoreload", "autoreload")
"""The modules that the extension may be: IPython 7 finds its own extensions on the path."""


def reload_fully(home: str, wanted: Callable[[ModuleType], bool]) -> Callable[[], None]:
    """Make ``%autoreload`` reload each ``wanted`` module as a whole.

    `DeduperReloader.maybe_reload_module` leaves a module to be reloaded if it has no former text to compare with.

    Returns:
        The undo.

    Raises:
        NotThere: if this IPython always reloads modules as a whole.
    """

    def maybe_reload_module(reloader: Any, module: ModuleType) -> Any:
        if wanted(module):
            reloader.source_by_modname[module.__name__] = ""
        return original(reloader, module)

    original, undo = divert(locate(f"{home}:DeduperReloader.maybe_reload_module"), maybe_reload_module)
    return undo


def rebind_names(
    home: str, wanted: Callable[[ModuleType], bool], namespaces: Callable[[], list[dict[str, Any]]]
) -> Callable[[], None]:
    """Bind names that were imported from a ``wanted`` module to what `%autoreload` makes the module define anew.

    The names are those in ``namespaces``, bound by ``from layers import Block`` for one.

    Returns:
        The undo.
    """

    def superreload(module: ModuleType, *args: Any, **kwargs: Any) -> Any:
        before = vars(module).copy() if wanted(module) else {}
        reloaded = original(module, *args, **kwargs)
        everywhere = namespaces() if before else []
        for name, former in before.items():
            now = vars(module).get(name)
            if now is not former and module_of(former) == module.__name__ and same_definition(former, now):
                for names in everywhere:
                    if names.get(name) is former:
                        names[name] = now
        return reloaded

    original, undo = divert(locate(f"{home}:superreload"), superreload)
    return undo


def leave_instances(home: str, registered: Callable[[Any], bool]) -> Callable[[], None]:
    """Make ``%autoreload`` leave a former class and its instances alone if the new class has other bases.

    The new class must be ``registered``. The instances would become those of a class whose ``__init__`` they have never
    seen: a layer could not be saved.

    Returns:
        The undo.
    """

    def update_class(old: type, new: type) -> Any:
        if _bases(old) == _bases(new) or not registered(new):
            return original(old, new)
        return None

    original, undo = divert(locate(f"{home}:update_class"), update_class)
    return undo


def _bases(cls: type) -> list[tuple[Any, ...] | None]:
    return [definition(base) for base in cls.__mro__[1:]]
