"""Adapt any dict, list or set that users name by ``MODULE:ATTRIBUTE``."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from kreg_ipython.lib.naming import definition_text
from kreg_ipython.registries.registry import NotThere, Registry, locate
from kreg_ipython.registries.shapes import DictRegistry, ListRegistry, SetRegistry


class _Watched:
    """A container that users write to themselves, through no gate, and may rebind or delete at any time."""

    direct = True
    kind: type
    _table: str

    @property
    def table(self) -> Any:
        """The container that has the name now.

        Raises:
            NotThere: if the name is no container of this kind any more.
        """
        found = _found(self._table)
        if not isinstance(found, self.kind):
            raise NotThere(f"{self._table} is no longer a {self.kind.__name__}")
        return found


class WatchedDict(_Watched, DictRegistry):
    """A dict of the user's own."""

    kind = dict


class WatchedList(_Watched, ListRegistry):
    """A list of the user's own."""

    kind = list


class WatchedSet(_Watched, SetRegistry):
    """A set of the user's own."""

    kind = set


def watched(path: str) -> Registry:
    """Return a registry for the container at ``"package.module:attribute"``, which must exist.

    Raises:
        NotThere: if the module has not been imported, or has nothing of this name that can be read.
        TypeError: if it is not a dict, list or set.
    """
    found = _found(path)
    if isinstance(found, dict):
        return WatchedDict(path, path)
    if isinstance(found, list):
        return WatchedList(path, path, key=_key_of)
    if isinstance(found, set):
        return WatchedSet(path, path)
    raise TypeError(f"{path} is of type {type(found).__name__}, not a dict, list or set")


def _found(path: str) -> Any:
    try:
        return locate(path)
    except Exception as error:  # a property of the user's
        raise NotThere(path) from error


def _key_of(element: Any) -> Hashable:
    """Return the key of an element: strings and numbers name themselves."""
    return element if isinstance(element, (str, bytes, int, float)) else definition_text(element)
