"""What a registry adapter says, and the few shapes that registries come in.

An adapter knows where a registry's state lives, what is in it, how to take one entry out and put it back, and which
functions registering passes by. It knows nothing of owners, cells or stacks, and imports no framework: `locate` looks
in ``sys.modules``. A new registry is one more instance of a shape below, in ``kreg_ipython/registries/``.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from kreg_ipython.lib import weak
from kreg_ipython.lib.naming import definition_text, module_of, same_definition

MISSING: Any = object()
"""Stands where no value stands."""

Announcement = tuple[Hashable, Any]
"""What a call is about to register: the key, and the user's object."""


class NotThere(LookupError):
    """A framework's module is imported but has no state of this name: another version of it."""


class CannotUndo(Exception):
    """Raised by a gate's ``announce`` for what nobody can undo: its text is told to the user, and the call goes on."""


def locate(path: str) -> Any:
    """The object at ``"package.module:attribute.attribute"``, without importing anything.

    Alternatives are separated by ``|``: versions of a framework that keep the same thing elsewhere.

    Raises:
        NotThere: if none of them is there.
    """
    for module, attributes in _alternatives(path):
        found = sys.modules.get(module, MISSING)
        for attribute in attributes:
            found = getattr(found, attribute, MISSING)
        if found is not MISSING:
            return found
    raise NotThere(path)


@functools.cache
def _alternatives(path: str) -> list[tuple[str, list[str]]]:
    split = [alternative.partition(":") for alternative in path.split("|")]
    return [(module, attributes.split(".")) for module, _, attributes in split]


@dataclass(frozen=True)
class Gate:
    """A function that registering passes by.

    ``announce`` gets the arguments of the call, and says what it is about to register, or None if it registers
    nothing here. For a ``decorator`` factory it gets the decorated object first, then the factory's arguments.
    """

    function: str
    announce: Callable[..., Announcement | None]
    decorator: bool = False


class Registry(Protocol):
    """One process-global table of a framework.

    ``module`` is the one whose import brings the registry about; ``plumbing`` names the modules between the user's
    statement and the gate, which the search for the owner looks through. A registry is ``appending`` if equal keys
    stand side by side instead of replacing each other, and ``ordered`` if the order of its entries means something.
    ``direct`` tells that users write to it themselves; ``handout`` is the function that hands it out to them, if that
    is the only way to get at it. ``lookups`` look a key up for somebody and raise if it is not there; it is looked up
    ``late`` if a live graph does so by name.
    """

    name: str
    module: str
    gates: tuple[Gate, ...]
    plumbing: frozenset[str]
    appending: bool
    ordered: bool
    direct: bool
    handout: Gate | None
    lookups: tuple[Gate, ...]
    late: bool

    @property
    def removal(self) -> Gate | None:
        """The function by which users unregister."""

    @property
    def table(self) -> Any:
        """The framework's own container."""

    def entries(self) -> Iterable[tuple[Hashable, Any]]:
        """Every key and value that stands in the registry, in its order."""

    def current(self, key: Hashable) -> Any:
        """The value that stands at the key (the newest one), or `MISSING`."""

    def holds(self, key: Hashable, value: Any) -> bool:
        """Whether exactly this value stands at the key."""

    def take(self, key: Hashable, value: Any) -> None:
        """Take this value out, so that a later `put` restores it."""

    def put(self, key: Hashable, value: Any) -> None:
        """Put a value back: at a key where nothing stands, or on top of its equals if they stand side by side."""

    def subject(self, value: Any) -> Any:
        """The user's object in what the registry stores."""

    def same(self, key: Hashable, value: Any, subject: Any) -> bool:
        """Whether ``subject`` is the same definition as what stands in ``value``, run again."""

    def loosen(self, value: Any) -> None:
        """Let a reverse map (object -> name) live no longer than the object."""

    def loosen_all(self) -> None:
        """`loosen` every object of the user's that the reverse map knows, also those that are not registered now."""

    def rename(self, value: Any, key: Hashable) -> None:
        """Let the reverse map call the object by this key again."""

    def register_again(self, subject: Any, register: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Call ``register(*args, **kwargs)`` although something else than the key may refuse it, a reverse map for
        one."""

    def tighten(self) -> None:
        """Undo every `loosen`."""


class Shape:
    """What adapters have in common unless they say otherwise."""

    appending = False
    ordered = False
    direct = False
    handout: Gate | None = None
    lookups: tuple[Gate, ...] = ()
    late = False
    removal: Gate | None = None

    def __init__(
        self, name: str, module: str, gates: Iterable[Gate] = (), plumbing: Iterable[str] = (), ordered: bool = False
    ) -> None:
        self.name = name
        self.module = module
        self.gates = tuple(gates)
        self.plumbing = frozenset({module, *(gate.function.partition(":")[0] for gate in self.gates), *plumbing})
        self.ordered = ordered or type(self).ordered

    def subject(self, value: Any) -> Any:
        return value

    def same(self, key: Hashable, value: Any, subject: Any) -> bool:
        return same_definition(self.subject(value), subject)

    def loosen(self, value: Any) -> None:
        """Most registries have no reverse map."""

    def loosen_all(self) -> None:
        """Most registries have no reverse map."""

    def rename(self, value: Any, key: Hashable) -> None:
        """Most registries have no reverse map."""

    def register_again(self, subject: Any, register: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        __tracebackhide__ = True
        return register(*args, **kwargs)

    def tighten(self) -> None:
        """Most registries have no reverse map."""


class Untracked(Shape):
    """What passes the gates leaves no entry that could be taken out: C++ state."""

    table: dict[Hashable, Any] = {}

    def entries(self) -> Iterable[tuple[Hashable, Any]]:
        return ()

    def current(self, key: Hashable) -> Any:
        return MISSING

    def holds(self, key: Hashable, value: Any) -> bool:
        return False

    def take(self, key: Hashable, value: Any) -> None:
        """Nothing can."""

    def put(self, key: Hashable, value: Any) -> None:
        """Nothing was taken."""


class DictRegistry(Shape):
    """A dict from key to value, perhaps with a reverse dict from object to key."""

    def __init__(
        self,
        name: str,
        table: str,
        gates: Iterable[Gate] = (),
        *,
        reverse: str | None = None,
        subject: Callable[[Any], Any] | None = None,
        handout: Gate | None = None,
        ordered: bool = False,
        lookups: Iterable[Gate] = (),
        late: bool = False,
        plumbing: Iterable[str] = (),
    ) -> None:
        super().__init__(name, table.partition(":")[0], gates, plumbing, ordered)
        self._table, self._reverse, self._subject = table, reverse, subject
        self.direct, self.handout = self.direct or handout is not None, handout
        self.lookups, self.late = tuple(lookups), late

    @property
    def table(self) -> dict[Hashable, Any]:
        """The framework's own dict."""
        found: dict[Hashable, Any] = locate(self._table)
        return found

    @property
    def names(self) -> dict[Any, Hashable]:
        """The framework's own reverse dict, or an empty one."""
        found: dict[Any, Hashable] = locate(self._reverse) if self._reverse else {}
        return found

    def entries(self) -> Iterable[tuple[Hashable, Any]]:
        return self.table.copy().items()

    def current(self, key: Hashable) -> Any:
        return self.table.get(key, MISSING)

    def holds(self, key: Hashable, value: Any) -> bool:
        return self.table.get(key, MISSING) is value

    def take(self, key: Hashable, value: Any) -> None:
        self.table.pop(key, None)

    def put(self, key: Hashable, value: Any) -> None:
        self.table[key] = value

    def subject(self, value: Any) -> Any:
        return self._subject(value) if self._subject else value

    def loosen(self, value: Any) -> None:
        if self._reverse:
            weak.loosen(self.names, self.subject(value))

    def loosen_all(self) -> None:
        for subject in self.names.copy():
            if module_of(subject) == "__main__":
                weak.loosen(self.names, subject)

    def rename(self, value: Any, key: Hashable) -> None:
        names, subject = self.names, self.subject(value)
        with suppress(TypeError):  # it cannot be hashed
            if self._reverse and subject in names:
                names[subject] = key

    def register_again(self, subject: Any, register: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        __tracebackhide__ = True
        names = self.names
        try:
            name = names.pop(subject, MISSING)
        except TypeError:  # it cannot be hashed
            name = MISSING
        try:
            return register(*args, **kwargs)
        finally:
            if name is not MISSING:
                names.setdefault(subject, name)

    def tighten(self) -> None:
        weak.tighten(self.names)


class ListRegistry(Shape):
    """A list of objects without names: the key is what defines the object."""

    appending = True
    ordered = True

    def __init__(
        self,
        name: str,
        table: str,
        gates: Iterable[Gate] = (),
        *,
        subject: Callable[[Any], Any] | None = None,
        key: Callable[[Any], Hashable] | None = None,
        at: int | None = None,
        plumbing: Iterable[str] = (),
    ) -> None:
        """``at`` is where the framework inserts a new object; None: it appends."""
        super().__init__(name, table.partition(":")[0], gates, plumbing)
        self._table, self._subject, self._key, self._at = table, subject, key, at

    @property
    def table(self) -> list[Any]:
        """The framework's own list."""
        found: list[Any] = locate(self._table)
        return found

    def entries(self) -> Iterable[tuple[Hashable, Any]]:
        items = [(self.key(value), value) for value in list(self.table)]
        return items if self._at is None else items[::-1]

    def key(self, value: Any) -> Hashable:
        """The key under which this value is known."""
        return self._key(value) if self._key else definition_text(self.subject(value))

    def current(self, key: Hashable) -> Any:
        return next((value for name, value in reversed(list(self.entries())) if name == key), MISSING)

    def holds(self, key: Hashable, value: Any) -> bool:
        return any(value is other for other in list(self.table))

    def take(self, key: Hashable, value: Any) -> None:
        table = self.table
        for at in [at for at, other in enumerate(table) if other is value][:1]:
            del table[at]

    def put(self, key: Hashable, value: Any) -> None:
        self.table.insert(len(self.table) if self._at is None else self._at, value)

    def subject(self, value: Any) -> Any:
        return self._subject(value) if self._subject else value


def is_there(registry: Registry) -> bool:
    """Whether the registry's container can be had now."""
    try:
        registry.table  # noqa: B018
    except NotThere:
        return False
    return True


def checked(registry: Any) -> Registry:
    """The adapter, if it is one.

    Raises:
        TypeError: with what it lacks.
    """
    wanted = [name for name in {*Registry.__annotations__, *vars(Registry)} if not name.startswith("_")]
    lacking = sorted(name for name in wanted if name not in dir(registry))
    if lacking or isinstance(registry, type):
        lacks = f", it has no {', '.join(lacking)}" if lacking else ""
        raise TypeError(f"{registry!r} is no registry adapter{lacks}: make a DictRegistry or a ListRegistry")
    return registry  # type: ignore[no-any-return]


def same_value(one: Any, other: Any) -> bool:
    """Whether two values are the same objects: some registries keep the parts of a value in several places."""
    if type(one) is tuple is type(other):
        return len(one) == len(other) and all(map(same_value, one, other))
    return one is other or (type(one) is int is type(other) and one == other)
