"""One registry with all that is known of it. Its calls are safe: an adapter's exception ends here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from kreg_ipython.guard.gates import Gates
from kreg_ipython.guard.snapshot import Contents, contents
from kreg_ipython.lib import weak
from kreg_ipython.lib.importlib_bootstrap import pass_over
from kreg_ipython.lib.naming import error_text, module_of
from kreg_ipython.registries.registry import MISSING, Gate, NotThere, Registry, identity, is_there

_Result = TypeVar("_Result")
_FEW = 8
"""The most entries of a list that are looked for one by one."""
UNKNOWN: Any = object()
"""Stands for the value of a key that could not be asked for."""


class GuardedRegistry:
    """An adapter, what its container held when we last looked, and what went wrong with it.

    Args:
        adapter: says where the registry is and how to change it.
        gates: stand open while we change the registry ourselves.
        tell: is told the registry's name and a fault, when the fault is new.

    Attributes:
        allows_duplicates: whether equal keys stand side by side.
        ordered: whether the order of the entries means something.
    """

    def __init__(self, adapter: Registry, gates: Gates, tell: Callable[[str, str], None]) -> None:
        self.adapter, self.name, self._gates, self._tell = adapter, adapter.name, gates, tell
        self.allows_duplicates, self.ordered = adapter.allows_duplicates, adapter.ordered
        self.attached = False
        self.fault = ""
        """A line that says what is not guarded properly."""
        self._failing: Callable[..., Any] | None = None
        self.snapshot: Contents | None = None
        """The last known content of a container that users write to themselves."""
        self.diverts_lookups = False
        self.accessor = next((gate.function.rpartition(":")[2] for gate in self.gates("access")), "")
        """The name of the function that hands out the container, which a cell then writes to; empty if none does."""

    # -- what the adapter says

    def gates(self, act: str) -> list[Gate]:
        """Return the functions of the framework's that do this."""
        return [gate for gate in self.adapter.gates if gate.act == act]

    def is_there(self) -> bool:
        """Return whether the container can be had now; False, too, if asking fails."""
        return self.attempt(is_there, self.adapter, otherwise=False)

    def is_own(self, subject: Any) -> bool:
        """Return whether an object is the framework's own."""
        root = (module_of(subject) or "").partition(".")[0]
        return root == self.adapter.module.partition(".")[0]

    def divert(self, act: str, around: Callable[..., Any]) -> None:
        """Call ``around``, with this registry, instead of each of the framework's functions that do this."""
        for gate in self.gates(act):
            self._gates.add(self.name, gate, partial(around, self), self.fail)

    # -- asking

    def current(self, key: Hashable, otherwise: Any = MISSING) -> Any:
        """Return what stands at a key; `MISSING` if nothing does, ``otherwise`` if that cannot be told."""
        return self.attempt(self.adapter.current, key, otherwise=otherwise)

    def holds(self, key: Hashable, value: Any) -> bool | None:
        """Return whether this value stands at the key; None if that cannot be told."""
        return self.attempt(self.adapter.holds, key, value)

    def entries(self) -> list[tuple[Hashable, Any]]:
        """Return every key and value that stands in the registry, in its order."""
        return self.attempt(self._listed, otherwise=[])

    def _listed(self) -> list[tuple[Hashable, Any]]:
        return list(self.adapter.entries())

    def count(self) -> Counter[Hashable]:
        """Return how often each value stands in the registry, by its `identity`."""
        return Counter(identity(value) for _, value in self.entries())

    def subject(self, value: Any) -> Any:
        """Return the user's object in a value."""
        return self.attempt(self.adapter.subject, value, otherwise=value)

    def missing(self, placed: list[tuple[Hashable, Any]]) -> list[bool]:
        """Return for each key and value whether it does not stand in the registry."""
        if not self.allows_duplicates or len(placed) <= _FEW:
            return [self.holds(key, value) is False for key, value in placed]
        there, found = self.count(), []
        for key, value in placed:
            which = identity(value)
            there[which] -= 1
            found.append(there[which] < 0 and self.holds(key, value) is False)
        return found

    def same(self, key: Hashable, value: Any, subject: Any) -> bool:
        """Return whether an object is the same definition as the one in a value, run again."""
        return bool(self.attempt(self.adapter.same, key, value, subject, otherwise=False))

    def has(self, container: Any) -> bool:
        """Return whether this is the framework's own container, or another one that belongs to it."""
        return any(each is container for each in self.containers)

    @property
    def containers(self) -> tuple[Any, ...]:
        """The framework's own container, and others that belong to it."""
        return self.attempt(self._containers, otherwise=())

    def _containers(self) -> tuple[Any, ...]:
        return self.adapter.table, *self.adapter.parts

    # -- changing

    def insert(self, key: Hashable, value: Any) -> Any:
        """Put a value in; return the value as it is stored, since a registry may wrap it anew."""
        with self._gates.open():
            self.attempt(self.adapter.insert, key, value)
        stored = MISSING if self.allows_duplicates else self.current(key)
        self.note(key, value)
        return value if stored is MISSING else stored

    def remove(self, key: Hashable, value: Any) -> None:
        """Take a value out."""
        with self._gates.open():
            self.attempt(self.adapter.remove, key, value)
        self.note(key, value)

    @pass_over
    def register(self, subject: Any, original: Callable[..., Any], args: Any, kwargs: Any, again: bool = True) -> Any:
        """Call the framework's function.

        If the object may be registered ``again``, its reverse key is hidden: the function may refuse a second one.
        """
        __tracebackhide__ = True
        names, name = self._names() if again else None, MISSING
        if names is not None:
            with suppress(TypeError):  # it cannot be hashed
                name = names.pop(subject, MISSING)
        try:
            return self.adapter.call(subject, original, args, kwargs)
        finally:
            if name is not MISSING and names is not None:
                names.setdefault(subject, name)

    # -- the reverse map

    def weaken_keys(self, value: Any | None = None) -> None:
        """Let the reverse map hold an object weakly; without one, all objects of the notebook's that it knows."""
        names = self._names()
        if names is None:
            return
        for subject in [self.subject(value)] if value is not None else names.copy():
            if value is not None or module_of(subject) == "__main__":
                self.attempt(weak.weaken, names, subject)

    def rename(self, value: Any, key: Hashable) -> None:
        """Let the reverse map know an object by this key again."""
        names, subject = self._names(), self.subject(value)
        with suppress(TypeError):  # it cannot be hashed
            if names is not None and subject in names:
                names[subject] = key

    def restore_strong_keys(self) -> None:
        """Undo what `weaken_keys` did."""
        names = self._names()
        if names is not None:
            self.attempt(weak.strengthen, names)

    def _names(self) -> dict[Any, Hashable] | None:
        return self.attempt(getattr, self.adapter, "names")  # type: ignore[no-any-return]

    # -- what users write to the container themselves

    def look(self) -> None:
        """Take note of what the container holds now, if users write to it themselves."""
        if self.gates("access") or self.adapter.direct:
            self.snapshot = contents(self.adapter)

    def note(self, key: Hashable, value: Any) -> None:
        """Take note of a change of ours at a key, of this value."""
        if self.snapshot is not None:
            self.attempt(self.snapshot.note, key, value)

    # -- faults

    def attempt(self, act: Callable[..., _Result], *args: Any, otherwise: Any = None) -> _Result:
        """Return ``act(*args)``, or ``otherwise`` if that fails.

        A container that is not there for a while is no fault.
        """
        try:
            result = act(*args)
        except Exception as error:
            if not isinstance(error, NotThere) or is_there(self.adapter):
                self.fail(error, act)
            return otherwise  # type: ignore[no-any-return]
        if self._failing is not None and self._failing == act:
            self.fault, self._failing = "", None
        return result

    def fail(self, error: Exception, act: Callable[..., Any]) -> None:
        """Take note of an adapter's exception until the same act succeeds again; tell it if it is new."""
        text, self._failing = error_text(error), act
        if self.fault != text:
            self.fault = text
            self._tell(self.name, text)
