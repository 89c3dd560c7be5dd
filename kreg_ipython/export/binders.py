"""Find the statements that bind names: for a statement that reads one, or for when all cells have run."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kreg_ipython.export.imports import ABSENT, given_by_star, gives
from kreg_ipython.export.items import Item, always_binds
from kreg_ipython.export.origins import Origins


class Binders:
    """The statements that bind names.

    Args:
        items: all statements.
        namespace: the variables.
        origins: tells which statement has made a live object.
        refused: the names for which the last statement is shown to be the wrong one.
    """

    def __init__(
        self, items: Sequence[Item], namespace: Mapping[str, Any], origins: Origins, refused: Collection[str]
    ) -> None:
        self._items, self._namespace, self._origins, self._refused = items, namespace, origins, refused

    def __contains__(self, name: str) -> bool:
        return name in self._origins.binders

    def of(self, name: str) -> Sequence[Item]:
        """Return all statements that bind a name."""
        return self._origins.binders.get(name, ())

    def last(self, name: str, reader: Item | None) -> Item | None:
        """Return the item that binds a name; the last one before the reader, if there is one."""
        found = [each for each in self.of(name) if reader is None or _may_bind(each, name, reader)]
        if not found or (all(each.same_import(found[0]) for each in found) and name not in vars(builtins)):
            return found[0] if found else None
        live = self._origins.of_live(self._namespace.get(name), found)
        if reader is not None:
            before = [each for each in found if each.at < reader.at]
            found = before or ([] if name in vars(builtins) else found[:1])
            if not found:
                return None
        elif live is not None:
            return live
        while name in self._refused and len(found) > 1 and not always_binds(found[-1].node, name):
            found.pop()  # a guard has left alone what was there
        return found[-1]

    def star(self, name: str, reader: Item | None, item: Item | None) -> tuple[Item, str] | None:
        """Return the star import that binds a name, and an import of it alone; None if an item or nothing does."""
        for star in reversed(self._items):
            if not star.names.star or (reader is not None and star.at > reader.at):
                continue
            if item is not None and star.at < item.at and (reader is None or item.at < reader.at):
                return None
            live = self._namespace.get(name, ABSENT)
            for module in sorted(star.names.star, reverse=True):
                value = given_by_star(module, name)
                if item is not None and value is not ABSENT and gives(item.node, name, value):
                    return None
                if value is not ABSENT and (reader is not None or value is live):
                    return star, f"from {module} import {name}"
        return None


def _may_bind(item: Item, name: str, reader: Item) -> bool:
    """Return whether a statement binds a name for one that reads it, which may be a part of it."""
    if item.at != reader.at[:2]:
        return True
    return any(each.at < reader.at and name in each.names.binds for each in item.inner)
