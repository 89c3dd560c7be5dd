"""Find the cell that some code, or some definition, comes from: in IPython's history of what was typed."""

from __future__ import annotations

import linecache
from types import CodeType, FunctionType
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from kreg_ipython.lib import source
from kreg_ipython.lib.naming import definition


class History:
    """The texts that were typed into a shell, and the code that they became.

    Args:
        shell: the shell.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._sources: dict[tuple[str, int], tuple[str, int | None]] = {}
        self._defined_in: tuple[int, dict[str, int]] = 0, {}

    @property
    def typed(self) -> list[str]:
        """The cells' texts, by their execution counts."""
        return self._shell.history_manager.input_hist_raw if self._shell.history_manager else []

    def of_code(self, code: CodeType) -> tuple[str, int | None]:
        """Return the source and the execution count of the cell that this code was compiled from.

        The source is as typed if it is in the history.
        """
        number = getattr(self._shell.compile, "_filename_map", {}).get(code.co_filename)  # not before IPython 8
        known = code.co_filename, number if number is not None else -len(self.typed)
        if known not in self._sources:
            self._sources[known] = self._find(code.co_filename, number)
        return self._sources[known]

    def of_definition(self, subject: Any) -> tuple[str, int | None] | None:
        """Return the source and the execution count of the cell that ran an object's definition; None if none did.

        A class without methods has no code to tell: then it is the last cell that defines its name.
        """
        code = _code(subject)
        if code is not None:
            text, number = self.of_code(code)
            return (text, number) if text else None
        defined = definition(subject)
        name = defined[1].partition(".")[0] if defined and isinstance(defined[1], str) else ""
        typed = self.typed
        if len(typed) != self._defined_in[0]:
            names = {name: at for at, text in enumerate(typed) for name in source.definitions(text)}
            self._defined_in = len(typed), names
        number = self._defined_in[1].get(name)
        return None if number is None else (typed[number], number)

    def _find(self, filename: str, number: int | None) -> tuple[str, int | None]:
        compiled, typed = "".join(linecache.getlines(filename)).strip(), self.typed
        kept = max((line for line in compiled.splitlines() if "get_ipython()" not in line), key=len, default="").strip()
        backwards = range(len(typed) - 1, 0, -1) if compiled else ()  # nothing is known of what `exec` compiles
        for count in backwards if number is None else (number, *backwards):  # IPython 8 counts some errors twice
            # IPython's transformers, which take long, leave a line as it is that they make nothing else of.
            if count < len(typed) and kept in typed[count] and self._compiled(typed[count]).strip() == compiled:
                return typed[count], count if number is None else number
        return compiled, number

    def _compiled(self, raw: str) -> str:
        """Return what IPython compiles of a cell.

        It compiles nothing of one that it reports as a syntax error, whatever was raised.
        """
        try:
            return str(self._shell.transform_cell(raw))
        except Exception:  # as in run_cell: a transformer may be the user's
            return ""


def _code(subject: Any) -> CodeType | None:
    """Return some code of an object's definition: a function's own, or that of a class's first method."""
    for candidate in vars(subject).values() if isinstance(subject, type) else (subject,):
        if isinstance(candidate, (property, classmethod, staticmethod)):
            candidate = candidate.fget if isinstance(candidate, property) else candidate.__func__
        if isinstance(candidate, FunctionType) and candidate.__module__ == "__main__":
            return candidate.__code__
    return None
