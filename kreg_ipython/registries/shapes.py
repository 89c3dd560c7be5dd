"""Provide the shapes of registries: a dict, a list, and C++ state that cannot be removed.

A new registry is one more instance of a shape, in a module beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from kreg_ipython.lib.importlib_bootstrap import pass_over
from kreg_ipython.lib.naming import definition_text, same_definition
from kreg_ipython.registries.registry import MISSING, Gate, locate


class Shape:
    """The defaults that adapters have in common."""

    allows_duplicates = False
    ordered = False
    direct = False
    refuses = False
    resolved_by_live_graphs = False
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

    def current(self, key: Hashable) -> Any:
        raise NotImplementedError

    def holds(self, key: Hashable, value: Any) -> bool:
        return self.current(key) is value

    def subject(self, value: Any) -> Any:
        return value

    def same(self, key: Hashable, value: Any, subject: Any) -> bool:
        return same_definition(self.subject(value), subject)

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
        ordered: bool = False,
        refuses: bool = False,
        resolved_by_live_graphs: bool = False,
        passthrough_modules: Iterable[str] = (),
    ) -> None:
        super().__init__(name, table.partition(":")[0], gates, passthrough_modules, ordered)
        self._table, self._reverse, self._subject = table, reverse, subject
        self.refuses, self.resolved_by_live_graphs = refuses, resolved_by_live_graphs

    @property
    def table(self) -> dict[Hashable, Any]:
        """The framework's own dict."""
        found: dict[Hashable, Any] = locate(self._table)
        return found

    @property
    def names(self) -> dict[Any, Hashable] | None:  # type: ignore[override]
        """The framework's own reverse dict."""
        return locate(self._reverse) if self._reverse else None

    def entries(self) -> Iterable[tuple[Hashable, Any]]:
        return self.table.copy().items()

    def current(self, key: Hashable) -> Any:
        return self.table.get(key, MISSING)

    def remove(self, key: Hashable, value: Any) -> None:
        self.table.pop(key, None)

    def insert(self, key: Hashable, value: Any) -> None:
        self.table[key] = value

    def subject(self, value: Any) -> Any:
        return self._subject(value) if self._subject else value


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


pass_over(Shape.call)
