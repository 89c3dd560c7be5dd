"""Find things in the text of the notebook's cells."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from types import CodeType
from typing import NamedTuple

from kreg_ipython.lib import source


class Place(NamedTuple):
    """A line of a cell (1 is the first), and the syntax node that stands there."""

    cell: int | None
    line: int | None
    node: ast.AST | None = None

    def __str__(self) -> str:
        line = "" if self.line is None else f", line {self.line}"
        return ("the notebook" if self.cell is None else f"cell [{self.cell}]") + line


class Cells:
    """The text of each cell as it was executed last, by execution count, the oldest first.

    Args:
        texts: the text of each cell by its execution count.
        number_of: returns the execution count of the cell that a code object was compiled in; None for code of another
            file.
        typed: the texts of all runs, by their execution counts, the former ones included.
    """

    def __init__(
        self,
        texts: Mapping[int, str],
        number_of: Callable[[CodeType], int | None] = lambda code: None,
        typed: Sequence[str] = (),
    ) -> None:
        self._texts = dict(sorted(texts.items()))
        self.number_of = number_of
        self._typed = typed

    @property
    def texts(self) -> Mapping[int, str]:
        """The text of each cell as it was executed last, by execution count, the oldest first."""
        return self._texts

    def text_of(self, code: CodeType) -> str | None:
        """Return the text of the cell that a code object was compiled in; None if it is not known."""
        number = self.number_of(code)
        return self._typed[number] if number is not None and 0 < number < len(self._typed) else None

    @cached_property
    def _nodes(self) -> list[tuple[int, ast.AST]]:
        return [(number, node) for number, text in self._texts.items() for node in source.executed(text)]

    @cached_property
    def _assigned(self) -> dict[str, Place]:
        found: dict[str, Place] = {}
        for number, text in self._texts.items():
            for name, line in source.assigned(text).items():
                found[name] = Place(number, line)
        return found

    def assigns(self, name: str) -> Place:
        """Return the place where a variable was assigned last. For ``models[3]`` that is where ``models`` was."""
        return self._assigned.get(root(name), Place(None, None))

    def assigned_before(self, name: str) -> int | None:
        """Return the run that assigned a variable before the last one that did; None if none is known."""
        last, wanted = self.assigns(name).cell, root(name)
        for number in range(min(last or 0, len(self._typed)) - 1, 0, -1):
            if wanted in self._typed[number] and wanted in source.assigned(self._typed[number]):
                return number
        return None

    def calls(self, name: str) -> Iterator[set[str]]:
        """Yield the names that stand in each cell that calls ``name(…)``."""
        for text in self._texts.values():
            nodes = source.executed(text) if root(name) in text else ()
            if any(isinstance(node, ast.Call) and ast.unparse(node.func) == name for node in nodes):
                yield {node.id for node in source.executed(text) if isinstance(node, ast.Name)}

    def call(self, name: str, method: str) -> Place:
        """Return the place of the last call ``name.method(…)``, or else of the variable's last assignment."""
        wanted = f"{name}.{method}"
        for number, node in reversed(self._nodes):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == wanted:
                return Place(number, node.lineno, node)
        return self.assigns(name)

    def of_code(self, code: CodeType, line: int = 0) -> str:
        """Return the place of a code object as text, at a line in it that counts from 0."""
        number = self.number_of(code)
        if number is None:
            return f"{code.co_filename}, line {code.co_firstlineno + line}"
        return str(Place(number, code.co_firstlineno + line + source.header(self._texts.get(number, ""))))


def root(expression: str) -> str:
    """Return the variable in an expression: ``models`` in ``models[3]``."""
    return expression.partition("[")[0].partition(".")[0]
