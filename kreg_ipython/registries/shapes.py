"""Provide the shapes of registries: a dict, a set, a list, an attribute, and C++ state that cannot be removed.

What a library keeps on its instances and classes is in ``instances.py``. A new registry is one more instance of a
shape, in a module beside this one.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from kreg_ipython.lib.importlib_bootstrap import pass_over
from kreg_ipython.lib.naming import definition_text, same_definition
from kreg_ipython.registries.registry import MISSING, Gate, NotThere, locate, same_value


class Shape:
    """The defaults that adapters have in common."""

    allows_duplicates = False
    ordered = False
    direct = False
    refuses = False
    resolved_by_live_graphs = False
    irreversible = False
    users_only = False
    names: dict[Any, Hashable] | None = None

    def __init__(
        self,
        name: str,
        module: str,
        gates: Iterable[Gate] = (),
        passthrough_modules: Iterable[str] = (),
        ordered: bool = False,
    ) -> None:
        self.name, self.module, self.gates = name, module, tuple(gates)
        registering = (gate.function.partition(":")[0] for gate in self.gates if gate.act == "register")
        self.passthrough_modules = frozenset({module, *registering, *passthrough_modules})
        self.ordered = ordered or type(self).ordered

    @property
    def parts(self) -> Iterable[Any]:
        """The library's other containers that belong to this registry."""
        return [self.names] if self.names is not None else []

    def current(self, key: Hashable) -> Any:
        raise NotImplementedError

    def holds(self, key: Hashable, value: Any) -> bool:
        return self.current(key) is value

    def subject(self, value: Any) -> Any:
        return value

    def same(self, key: Hashable, value: Any, subject: Any) -> bool:
        return same_definition(self.subject(value), subject)

    @pass_over
    def call(self, subject: Any, register: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        __tracebackhide__ = True
        return register(*args, **kwargs)


class Untracked(Shape):
    """A registry without entries that could be removed, such as C++ state."""

    table: dict[Hashable, Any] = {}

    def entries(self) -> Iterable[tuple[Hashable, Any]]:
        return ()

    def current(self, key: Hashable) -> Any:
        return MISSING

    def remove(self, key: Hashable, value: Any) -> None:
        """Do nothing: nobody can."""

    def insert(self, key: Hashable, value: Any) -> None:
        """Do nothing: nothing was removed."""


class Permanent(Untracked):
    """C++ state in which a class stays for good: the same class with the same arguments is accepted again.

    Functions are the same if their code is.

    Args:
        name, module, gates: as for any shape.
        hint: the note on the library's error for the same class with other arguments.
    """

    def __init__(self, name: str, module: str, gates: Iterable[Gate], hint: str) -> None:
        super().__init__(name, module, gates)
        self._hint = hint
        self._known: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        """The arguments that each class was registered with, and whether the function returns the class."""

    @pass_over
    def call(self, subject: Any, register: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Call the library's function, unless it did the same before."""
        __tracebackhide__ = True
        given = {at: each for at, each in (*enumerate(args), *kwargs.items()) if each is not subject}
        said = {at: getattr(each, "__code__", each) for at, each in given.items()}
        former, returns_it = self._known.get(subject, (None, False))
        if former == said:
            return subject if returns_it else None
        try:
            result = register(*args, **kwargs)
        except ValueError as error:
            if former is not None:
                error.add_note(self._hint)
            raise
        self._known[subject] = said, result is subject
        return result


class Keyed(Shape):
    """Containers with the same keys, of which a dict comes first: an entry's value has its part of each of them."""

    def __init__(
        self,
        name: str,
        module: str,
        gates: Iterable[Gate] = (),
        *,
        beside: Iterable[str] = (),
        subject: Callable[[Any], Any] | None = None,
        refuses: bool = False,
        irreversible: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(name, module, gates, **options)
        self._beside, self._subject = tuple(beside), subject
        self.refuses, self.irreversible = refuses, irreversible

    def _containers(self, key: Hashable) -> tuple[list[Any], Hashable]:
        """Return the containers that a key is of, the dict first, and the key in them; none if they are gone."""
        raise NotImplementedError

    def _changed(self, key: Hashable) -> None:
        """Do what the library needs after a change of ours at a key."""

    def current(self, key: Hashable) -> Any:
        containers, inner = self._containers(key)
        value = containers[0].get(inner, MISSING) if containers else MISSING
        if value is MISSING or not self._beside:
            return value
        return (value, *(_part(each, inner) for each in containers[1:]))

    def holds(self, key: Hashable, value: Any) -> bool:
        there = self.current(key)
        return there is value or (bool(self._beside) and same_value(there, value))

    def remove(self, key: Hashable, value: Any) -> None:
        containers, inner = self._containers(key)
        for each in containers:
            _set_part(each, inner, MISSING)
        self._changed(key)

    def insert(self, key: Hashable, value: Any) -> None:
        containers, inner = self._containers(key)
        for each, part in zip(containers, value if self._beside else (value,)):
            _set_part(each, inner, part)
        self._changed(key)

    def subject(self, value: Any) -> Any:
        value = value[0] if self._beside else value
        return self._subject(value) if self._subject else value


class DictRegistry(Keyed):
    """A dict from key to value, perhaps with a reverse dict from object to key."""

    def __init__(
        self,
        name: str,
        table: str,
        gates: Iterable[Gate] = (),
        *,
        reverse: str | None = None,
        resolved_by_live_graphs: bool = False,
        after: Callable[[], object] | None = None,
        **options: Any,
    ) -> None:
        """Make a registry of a dict.

        Args:
            name: the name that users know it by.
            table: where the dict is: ``"package.module:attribute"``.
            gates: the functions that register.
            reverse: where a dict from object to key is.
            resolved_by_live_graphs: whether graphs look keys up by name, however long ago they were traced.
            after: is called when we have changed the dict: it clears a cache, for one.
            options: what may be said of any shape with keys.

                - subject: returns the user's object in a value; None if a value is that object.
                - ordered: whether the order of the entries means something.
                - refuses: whether registering a definition again raises.
                - irreversible: whether nothing that was removed can be put back as it was.
                - beside: where other dicts, sets, and lists of keys are, which change together with this one.
                - passthrough_modules: the modules between the user's statement and a gate.
        """
        super().__init__(name, table.partition(":")[0], gates, **options)
        self._table, self._reverse, self._after = table, reverse, after
        self.resolved_by_live_graphs = resolved_by_live_graphs

    @property
    def table(self) -> dict[Hashable, Any]:
        """The framework's own dict."""
        found: dict[Hashable, Any] = locate(self._table)
        return found

    @property
    def names(self) -> dict[Any, Hashable] | None:  # type: ignore[override]
        """The framework's own reverse dict."""
        return locate(self._reverse) if self._reverse else None

    @property
    def parts(self) -> Iterable[Any]:
        return [*super().parts, *self._others()]

    def _others(self) -> Iterator[Any]:
        for path in self._beside:
            with suppress(NotThere):  # in this version
                yield locate(path)

    def _containers(self, key: Hashable) -> tuple[list[Any], Hashable]:
        return [self.table, *self._others()] if self._beside else [self.table], key

    def _changed(self, key: Hashable) -> None:
        if self._after is not None:
            self._after()

    def entries(self) -> Iterable[tuple[Hashable, Any]]:
        known = self.table.copy()
        return [(key, self.current(key)) for key in known] if self._beside else known.items()


def _part(container: Any, key: Hashable) -> Any:
    """Return what stands at a key of a dict; of a set or list of keys, True: the key's object may be another one."""
    if isinstance(container, (set, list)):
        return True if key in container else MISSING
    return container.get(key, MISSING)


def _set_part(container: Any, key: Hashable, part: Any) -> None:
    """Set what stands at a key of a dict, set or list; of a list, the key comes last."""
    if isinstance(container, list):
        container[:] = [each for each in container if each != key] + ([key] if part is not MISSING else [])
    elif part is not MISSING and not isinstance(container, set):
        container[key] = part
    elif part is not MISSING:
        container.add(key)
    elif isinstance(container, set):
        container.discard(key)
    else:
        container.pop(key, None)


class SetRegistry(Shape):
    """A set, whose elements are their own keys.

    Args:
        name: the name that users know it by.
        table: where the set is: ``"package.module:attribute"``.
        gates: the functions that register.
        passthrough_modules: the modules between the user's statement and a gate.
    """

    def __init__(
        self, name: str, table: str, gates: Iterable[Gate] = (), *, passthrough_modules: Iterable[str] = ()
    ) -> None:
        super().__init__(name, table.partition(":")[0], gates, passthrough_modules)
        self._table = table

    @property
    def table(self) -> set[Any]:
        """The library's own set."""
        found: set[Any] = locate(self._table)
        return found

    def entries(self) -> Iterable[tuple[Hashable, Any]]:
        return [(element, element) for element in self.table.copy()]

    def current(self, key: Hashable) -> Any:
        return key if key in self.table else MISSING

    def holds(self, key: Hashable, value: Any) -> bool:
        return key in self.table

    def remove(self, key: Hashable, value: Any) -> None:
        self.table.discard(key)

    def insert(self, key: Hashable, value: Any) -> None:
        self.table.add(key)


class SlotRegistry(Shape):
    """One attribute that is set or empty. Its name is the key.

    Args:
        name: the name that users know it by.
        slot: where the attribute is: ``"package.module:attribute"``.
        gates: the functions that set it.
        empty: its value while nothing is registered.
        passthrough_modules: the modules between the user's statement and a gate.
    """

    def __init__(
        self,
        name: str,
        slot: str,
        gates: Iterable[Gate] = (),
        *,
        empty: Any = None,
        passthrough_modules: Iterable[str] = (),
    ) -> None:
        super().__init__(name, slot.partition(":")[0], gates, passthrough_modules)
        home, _, attributes = slot.partition(":")
        path, _, self._attribute = attributes.rpartition(".")
        self._holder, self._empty = f"{home}:{path}", empty

    @property
    def table(self) -> Any:
        """The object that has the attribute."""
        return locate(self._holder)

    def entries(self) -> Iterable[tuple[Hashable, Any]]:
        value = self.current(self._attribute)
        return [] if value is MISSING else [(self._attribute, value)]

    def current(self, key: Hashable) -> Any:
        value = getattr(self.table, self._attribute)
        return MISSING if value is self._empty else value

    def remove(self, key: Hashable, value: Any) -> None:
        setattr(self.table, self._attribute, self._empty)

    def insert(self, key: Hashable, value: Any) -> None:
        setattr(self.table, self._attribute, value)


class ListRegistry(Shape):
    """A list of objects without names. The key is the text of the object's definition."""

    allows_duplicates = True
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
        passthrough_modules: Iterable[str] = (),
    ) -> None:
        """Make a registry of a list.

        Args:
            name: the name that users know it by.
            table: where the list is: ``"package.module:attribute"``.
            gates: the functions that register.
            subject: returns the user's object in an element; None if an element is that object.
            key: returns the key of an element; None if it is the definition of its object.
            at: the index at which the framework inserts a new element; None if it adds one at the end.
            passthrough_modules: the modules between the user's statement and a gate.
        """
        super().__init__(name, table.partition(":")[0], gates, passthrough_modules)
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
        """Return the key under which this value is known."""
        return self._key(value) if self._key else definition_text(self.subject(value))

    def current(self, key: Hashable) -> Any:
        newest_first = reversed(self.table) if self._at is None else iter(self.table)
        return next((value for value in newest_first if self.key(value) == key), MISSING)

    def holds(self, key: Hashable, value: Any) -> bool:
        return any(value is other for other in reversed(self.table))

    def remove(self, key: Hashable, value: Any) -> None:
        remove_last(self.table, value)

    def insert(self, key: Hashable, value: Any) -> None:
        self.table.insert(len(self.table) if self._at is None else self._at, value)

    def subject(self, value: Any) -> Any:
        return self._subject(value) if self._subject else value


def remove_last(items: list[Any], value: Any) -> None:
    """Remove the last occurrence of this very object from a list: what was registered last is removed first."""
    for at in range(len(items) - 1, -1, -1):
        if items[at] is value:
            del items[at]
            return
