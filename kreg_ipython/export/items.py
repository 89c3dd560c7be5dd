"""Cut the cells' texts into items: the statements that a module may be made of, each as it was typed."""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from functools import cached_property

from kreg_ipython.export.scopes import Names, names
from kreg_ipython.lib import source
from kreg_ipython.lib.source import Source

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)
_LAZY = sys.version_info >= (3, 14)
"""True if Python evaluates annotations when somebody asks for them."""
_NO_COMMENT = re.compile(r"#\s*(%%|In\s*\[|@)")
"""Lines by which editors and Colab divide or title cells."""


class Item:
    """A statement of a cell.

    Attributes:
        cell: the execution count of the cell; 0 for the text of a module.
        home: the module that it defines things in: ``__main__`` for a cell.
        at: its place in the order of execution.
        node: the statement.
        inner: the statements in it, if it is a compound statement and no definition.
    """

    def __init__(
        self, cell: int, at: tuple[int, ...], node: ast.stmt, text: Source, annotations_are_text: bool, home: str
    ) -> None:
        self.cell, self.at, self.node, self.home = cell, at, node, home
        self._source, self.annotations_are_text = text, annotations_are_text
        self.inner: list[Item] = []
        if not isinstance(node, DEFINITIONS):
            inside = enumerate(_statements_in(node))
            self.inner = [Item(cell, (*at, n), each, text, annotations_are_text, home) for n, each in inside]

    @property
    def place(self) -> str:
        """The place where it stands, for people."""
        return f"cell [{self.cell}]" if self.cell else f"module {self.home}"

    @cached_property
    def names(self) -> Names:
        """The global names that it binds and reads."""
        return names(self.node, annotations_are_text=self.annotations_are_text or _LAZY)

    @cached_property
    def first(self) -> int:
        """Its first line, decorators included."""
        return _first(self.node)

    @property
    def last(self) -> int:
        """Its last line."""
        return self.node.end_lineno or self.node.lineno

    @cached_property
    def has_magic(self) -> bool:
        """True if there is a line in it that only IPython executes."""
        return not self._source.magics.isdisjoint(range(self.first, self.last + 1))

    @cached_property
    def text(self) -> str:
        """The statement as it was typed, with the comments above it."""
        lines = self._source.python.split("\n")
        if self._shares_a_line(lines):
            return ast.get_source_segment(self._source.python, self.node) or ast.unparse(self.node)
        first = self.first
        while (
            first > 1 and lines[first - 2].lstrip().startswith("#") and not _NO_COMMENT.match(lines[first - 2].strip())
        ):
            first -= 1
        typed = "\n".join(line.rstrip() if line.isspace() else line for line in lines[first - 1 : self.last])
        dedented = textwrap.dedent(typed)
        return dedented if _says(dedented, self.node) else ast.unparse(self.node)

    def _shares_a_line(self, lines: list[str]) -> bool:
        """Return whether another statement stands on its first or last line."""
        try:
            return not _says(textwrap.dedent("\n".join(lines[self.first - 1 : self.last])), self.node)
        except IndexError:
            return True

    def spans(self, line: int | None) -> bool:
        """Return whether it stands on a line of its cell."""
        return line is not None and self.first <= line <= self.last

    def executes(self, line: int | None) -> bool:
        """Return whether executing it executes a line, and not only defines a function that would."""
        return self.spans(line) and _executes(self.node, line or 0)

    def at_line(self, line: int | None) -> Item:
        """Return the innermost statement at a line in it that is executed once, whatever loops do."""
        loops = (ast.For, ast.AsyncFor, ast.While)
        inner = [] if isinstance(self.node, loops) else [each for each in self.inner if each.spans(line)]
        return inner[0].at_line(line) if inner else self

    def all(self) -> Iterator[Item]:
        """Yield the statement, and those in it that no loop repeats."""
        yield self
        for each in self.inner if not isinstance(self.node, (ast.For, ast.AsyncFor, ast.While)) else ():
            yield from each.all()

    def same_import(self, other: Item) -> bool:
        """Return whether two imports say the same."""
        return isinstance(self.node, IMPORTS) and ast.dump(self.node) == ast.dump(other.node)


def items(texts: Mapping[int, str], home: str = "__main__") -> Iterator[Item]:
    """Yield the statements of the cells, in the order of their execution.

    Args:
        texts: the text of each cell by its execution count.
        home: the module that they define things in.
    """
    annotations_are_text = False
    for cell, text in sorted(texts.items()):
        read = source.read(text)
        annotations_are_text |= any(map(_is_future, read.tree.body))
        for at, node in enumerate(read.tree.body):
            yield Item(cell, (cell, at), node, read, annotations_are_text, home)


def always_binds(node: ast.stmt, name: str) -> bool:
    """Return whether a statement binds a name in whichever way it is executed."""

    def some(body: list[ast.stmt]) -> bool:
        return any(always_binds(each, name) for each in body)

    if isinstance(node, ast.If):
        return some(node.body) and some(node.orelse)
    if isinstance(node, ast.Try):
        without_error = some([*node.body, *node.orelse])
        return some(node.finalbody) or (without_error and all(some(each.body) for each in node.handlers))
    if isinstance(node, (ast.For, ast.AsyncFor, ast.While)) or hasattr(node, "cases"):
        return False
    return name in names(node).binds


def _executes(node: ast.AST, line: int) -> bool:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return line < min(map(_first, node.body)) or line == node.lineno
    inside = [each for each in _statements_in(node) if _first(each) <= line <= (each.end_lineno or each.lineno)]
    return _executes(inside[0], line) if inside else True


def _first(node: ast.stmt) -> int:
    decorators = node.decorator_list if isinstance(node, DEFINITIONS) else ()
    return min([node.lineno, *(each.lineno for each in decorators)])


def _is_future(node: ast.stmt) -> bool:
    is_import = isinstance(node, ast.ImportFrom) and node.module == "__future__"
    return is_import and any(each.name == "annotations" for each in node.names)  # type: ignore[attr-defined]


def _says(text: str, node: ast.stmt) -> bool:
    """Return whether a text is this statement, and nothing else."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return False
    return len(body) == 1 and ast.dump(body[0]) == ast.dump(node)


def _statements_in(node: ast.AST) -> Iterator[ast.stmt]:
    """Yield the statements in a compound statement, which may be those of its ``except`` clauses and cases."""
    for field in ("body", "handlers", "cases", "orelse", "finalbody"):
        for part in getattr(node, field, ()):
            if isinstance(part, ast.stmt):
                yield part
            elif isinstance(part, ast.AST):
                yield from _statements_in(part)
