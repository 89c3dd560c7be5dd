"""Define what an adapter says of a registry: where its state lives, its entries, and where registering passes by.

An adapter knows nothing of owners, cells or stacks. It imports no framework: `locate` looks in ``sys.modules``. The
shapes that most registries have are in ``shapes.py``.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from kreg_ipython.lib.patch import cannot_be_diverted

MISSING: Any = object()
"""The value of a key that is not registered."""

Announcement = tuple[Hashable, Any]
"""The key and the user's object that a call is about to register, unregister or look up."""


class NotThere(LookupError):
    """A framework's module is imported but has no state of this name, because it is another version."""


class CannotUndo(Exception):
    """An act that nobody can undo. A gate's ``announce`` raises it; the user is told its text, and the call goes on."""


def locate(path: str) -> Any:
    """Return the object at ``"package.module:attribute.attribute"``, without importing anything.

    Alternatives are separated by ``|``: versions of a framework that keep the same thing elsewhere.

    Raises:
        NotThere: if none of them is there.
    """
    for module, attributes in _alternatives(path):
        found = sys.modules.get(module, MISSING)
        for attribute in filter(None, attributes):
            found = getattr(found, attribute, MISSING)
        if found is not MISSING:
            return found
    raise NotThere(path)


@functools.cache
def _alternatives(path: str) -> list[tuple[str, list[str]]]:
    split = [alternative.partition(":") for alternative in path.split("|")]
    return [(module, attributes.split(".")) for module, _, attributes in split]


class Absence(NamedTuple):
    """The facts about a key that is looked up, and was never registered in this process.

    Attributes:
        key: the key.
        registry: the name of the registry in which it is looked up.
        keys: the keys that are registered there.
        elsewhere: another registry that has the key, and whose look-up is explained by the same function.
        definer: the cell or module that defines a class or function of that name: ``cell [7]``.
        file: the notebook's file in which a cell defines it that has not run.
    """

    key: str
    registry: str
    keys: list[str]
    elsewhere: str | None
    definer: str | None
    file: str | None

    @property
    def name(self) -> str:
        """The key without its package."""
        return self.key.rpartition(">")[2]


@dataclass(frozen=True)
class Gate:
    """A function of a framework's that is diverted.

    Attributes:
        function: where it is, as `locate` finds it.
        announce: returns what a call is about to do, given its arguments; None if that is for no guarded registry, and
            a list if it registers several keys. For a ``decorator`` factory it gets the decorated object first, then
            the factory's arguments. Shapes of what is on instances take an instance, too.
        decorator: whether the function returns the decorator that registers.
        act: what the function does: register a key, unregister one, look one up and raise if it is missing, or give
            access to the container, which users then write to.
        lacks: whether an error of a look-up says that this key is not there; None if only what was swept is told about.
        explain: returns the note on such an error, in the framework's own words; None for plain ones.
    """

    function: str
    announce: Callable[..., tuple[Any, ...] | list[Any] | None] = lambda: (None, None)
    decorator: bool = False
    act: Literal["register", "unregister", "look up", "access"] = "register"
    lacks: Callable[[BaseException, str], bool] | None = None
    explain: Callable[[Absence], str] | None = None


class Registry(Protocol):
    """One process-global table of a framework.

    Attributes:
        name: the name that users know it by.
        module: the module whose import creates it.
        gates: the functions that are diverted.
        passthrough_modules: the modules between the user's statement and a gate; the search for the owner skips them.
        allows_duplicates: whether equal keys stand side by side instead of replacing each other.
        ordered: whether the order of its entries means something.
        direct: whether users write to the container themselves without any function that returns it.
        refuses: whether registering a definition again raises.
        resolved_by_live_graphs: whether graphs look up its keys by name, however long ago they were traced.
        irreversible: whether nothing that was removed can be put back. An entry is then only removed when it is
            registered again, or swept: never before a run.
        users_only: whether what installed packages register, on their own behalf, is not tracked.
    """

    name: str
    module: str
    gates: tuple[Gate, ...]
    passthrough_modules: frozenset[str]
    allows_duplicates: bool
    ordered: bool
    direct: bool
    refuses: bool
    resolved_by_live_graphs: bool
    irreversible: bool
    users_only: bool

    @property
    def table(self) -> Any:
        """The framework's own container."""

    @property
    def parts(self) -> Iterable[Any]:
        """The framework's other containers that belong to this registry."""

    @property
    def names(self) -> dict[Any, Hashable] | None:
        """The framework's own reverse dict, from object to key; None if there is none."""

    def entries(self) -> Iterable[tuple[Hashable, Any]]:
        """Return every key and value that stands in the registry, in its order."""

    def current(self, key: Hashable) -> Any:
        """Return the value that stands at the key (the newest one), or `MISSING`."""

    def holds(self, key: Hashable, value: Any) -> bool:
        """Return whether exactly this value stands at the key."""

    def insert(self, key: Hashable, value: Any) -> None:
        """Put a value in: at a key where nothing stands, or after its equals if they stand side by side."""

    def remove(self, key: Hashable, value: Any) -> None:
        """Remove this value, so that a later `insert` brings it back."""

    def subject(self, value: Any) -> Any:
        """Return the user's object in what the registry stores."""

    def same(self, key: Hashable, value: Any, subject: Any) -> bool:
        """Return whether ``subject`` is the definition that stands in ``value``, run again."""

    def call(self, subject: Any, register: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Return ``register(*args, **kwargs)``, even where something other than the key would make it refuse."""


def is_there(registry: Registry) -> bool:
    """Return whether the registry's container can be had now."""
    try:
        registry.table  # noqa: B018
    except NotThere:
        return False
    return True


def checked(registry: Any) -> Registry:
    """Return the adapter if it is one.

    Raises:
        TypeError: if it is not, or if one of its gates is a function that cannot be diverted, as far as it is imported.
            The text says what it lacks.
    """
    wanted = [name for name in {*Registry.__annotations__, *vars(Registry)} if not name.startswith("_")]
    lacking = sorted(name for name in wanted if name not in dir(registry))
    if lacking or isinstance(registry, type):
        lacks = f" (it has no {', '.join(lacking)})" if lacking else ""
        raise TypeError(f"{registry!r} is not a registry adapter{lacks}; make a DictRegistry or a ListRegistry")
    for gate in registry.gates:
        with suppress(NotThere):
            if why := cannot_be_diverted(locate(gate.function)):
                raise TypeError(f"{registry.name}: {gate.function}: {why}")
    return registry  # type: ignore[no-any-return]


def same_value(one: Any, other: Any) -> bool:
    """Return whether two values are the same objects: some registries keep the parts of a value in several places."""
    if type(one) is tuple is type(other):
        return len(one) == len(other) and all(map(same_value, one, other))
    return one is other or (type(one) is int is type(other) and one == other)


def identity(value: Any) -> Hashable:
    """Return a value that is equal for two values exactly if `same_value` calls them the same."""
    if type(value) is tuple:
        return tuple(map(identity, value))
    return ("int", value) if type(value) is int else id(value)
