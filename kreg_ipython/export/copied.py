"""Copy what the user's own modules define: each is read as a cell is."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Mapping
from types import CodeType
from typing import Any

from kreg_ipython.export.pieces import Piece, Registration
from kreg_ipython.export.slice import Slice
from kreg_ipython.lib import source
from kreg_ipython.lib.stack import is_library


class Copied:
    """The slices of the user's own modules.

    Args:
        registrations: what is registered.
        imported: the modules that are to be imported all the same; None for all of them.
        refused: what is not to be typed as it is, see `Slice`.
    """

    def __init__(
        self,
        registrations: Iterable[Registration],
        imported: Collection[str] | None,
        refused: Mapping[str, str] | None = None,
    ) -> None:
        self._registrations, self._imported, self._refused = list(registrations), imported, refused
        self.slices: dict[str, Slice | None] = {}
        """The slices by the names of the modules; None for a module that is imported."""

    def __call__(self, name: str) -> Slice | None:
        """Return the slice of a module; None for one that is to be imported."""
        if self._imported is None or name in self._imported:
            return None
        if name not in self.slices:
            self.slices[name] = self._read(name)
        return self.slices[name]

    def _read(self, name: str) -> Slice | None:
        module: Any = sys.modules.get(name)
        path = getattr(module, "__file__", None)
        if name == "__main__" or not isinstance(path, str) or not path.endswith(".py") or is_library(path):
            return None
        text = source.of_file(path)

        def text_of(code: CodeType) -> str | None:
            return text if os.path.realpath(code.co_filename) == os.path.realpath(path) else None

        if text is None:
            return None
        options: Any = {"home": name, "copied": self, "refused": self._refused}
        return Slice({0: text}, vars(module), text_of, self._registrations, **options)


def claimed_twice(pieces: Iterable[Piece]) -> set[str]:
    """Return the modules that bind a name which the notebook, or another module, binds to something else."""
    homes: dict[str, set[str]] = {}
    for piece in pieces:
        if piece.item is not None and piece.alias is None:
            for name in piece.binds:
                homes.setdefault(name, set()).add(piece.item.home)
    return set().union(*(some for some in homes.values() if len(some) > 1)) - {"__main__"}
