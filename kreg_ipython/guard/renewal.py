"""Let entries follow classes and functions that are defined again, while what registered them does not run again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from kreg_ipython.guard.context import Shared
from kreg_ipython.guard.ledger import Entry
from kreg_ipython.guard.reconcile import Reconciler
from kreg_ipython.lib.interrupts import defer_interrupts
from kreg_ipython.lib.naming import package_of

_DEEPEST = 3
"""The depth to which tuples and dicts in one another are looked into: a value may be the user's own."""


class Renewal:
    """Renews entries: ``%autoreload`` keeps the class that a cell has registered, unless kreg has its file executed.

    Args:
        shared: what the parts of the guard share.
        reconciler: moves entries.
    """

    def __init__(self, shared: Shared, reconciler: Reconciler) -> None:
        self._ledger, self._registries, self._lock = shared.ledger, shared.registries, shared.lock
        self._reconciler = reconciler

    def renew(self, new: Mapping[int, Any]) -> None:
        """Make each entry that is made of a former object one of the new object.

        Args:
            new: the new object of each former one, by the former one's ``id``.
        """
        with self._lock, defer_interrupts():
            for entry in list(self._ledger):
                registry = self._registries[entry.registry]
                registry.attempt(self._renew, entry, new, package_of(registry.adapter.module))

    def _renew(self, entry: Entry, new: Mapping[int, Any], library: str) -> None:
        parts = entry.key, entry.value, entry.subject
        key, value, subject = (_renewed(part, new, library) for part in parts)
        if any(part is not former for part, former in zip((key, value, subject), parts)):
            renewed = dataclasses.replace(entry, key=key, value=value, subject=subject)
            self._reconciler.change(remove=[entry])
            self._reconciler.change(insert=[renewed])
            self._ledger.retire([entry])


def _renewed(part: Any, new: Mapping[int, Any], library: str, depth: int = 0) -> Any:
    """Return a part of an entry with new objects in the place of former ones; the part itself if it has none.

    What the library has built of the user's objects is built anew: tuples, dicts in tuples, its own dataclasses.
    """
    if id(part) in new:
        return new[id(part)]
    if isinstance(part, tuple):
        parts: dict[Any, Any] = dict(enumerate(part))
    elif depth and isinstance(part, dict):
        parts = part
    elif dataclasses.is_dataclass(part) and package_of(type(part).__module__) == library:
        parts = {each.name: getattr(part, each.name) for each in dataclasses.fields(part)}
    else:
        return part
    if depth == _DEEPEST:
        return part
    renewed = {name: _renewed(each, new, library, depth + 1) for name, each in parts.items()}
    if all(renewed[name] is each for name, each in parts.items()):
        return part
    if isinstance(part, tuple):
        return getattr(type(part), "_make", tuple)(renewed.values())
    return renewed if isinstance(part, dict) else dataclasses.replace(part, **renewed)
