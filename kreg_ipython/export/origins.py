"""Tell where live objects come from: the statement of a cell that defined them, or the module that has them."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import CodeType, FunctionType, ModuleType
from typing import Any

from kreg_ipython.export.imports import imports
from kreg_ipython.export.items import DEFINITIONS, IMPORTS, Item
from kreg_ipython.lib import source
from kreg_ipython.lib.naming import definition


class Origins:
    """Finds the statements that defined objects.

    Args:
        texts: the text of each cell by its execution count.
        text_of: returns the text that a code object was compiled in; None if it is not known.
        items: all statements.
        home: the module of what the cells define.
    """

    def __init__(
        self,
        texts: Mapping[int, str],
        text_of: Callable[[CodeType], str | None],
        items: Iterable[Item],
        home: str = "__main__",
    ) -> None:
        self._texts, self._text_of, self.home = dict(sorted(texts.items())), text_of, home
        self.binders: dict[str, list[Item]] = {}
        """The statements that bind each name."""
        for item in items:
            for name in item.names.binds:
                self.binders.setdefault(name, []).append(item)

    def of_live(self, live: Any, found: Sequence[Item]) -> Item | None:
        """Return which of some statements made an object, if its code tells; its own code tells first."""
        for code in codes_of(live):
            cell, line = self.place_of(code)
            for each in reversed(found):
                if each.cell == cell and each.spans(line):
                    return each
        return None

    def place_of(self, code: CodeType) -> tuple[int | None, int | None]:
        """Return the cell whose last text some code was compiled in, and its first line there."""
        text = (self._text_of(code) or "").strip()
        cell = next((cell for cell, each in reversed([*self._texts.items()]) if text and each.strip() == text), None)
        return cell, None if cell is None else code.co_firstlineno + source.header(self._texts[cell])

    def item_of(self, subject: Any) -> Item | None:
        """Return the item that defines an object of the notebook's, by its code, or else by its name."""
        found = definition(subject)
        if found is None or found[-1] == "instance" or found[0] != self.home or not isinstance(found[1], str):
            return None
        if "<locals>" in found[1]:  # a function made it
            return None
        name = found[1].partition(".")[0]
        named = [each for each in self.binders.get(name, ()) if _defines(each.node, name)]
        by_code = self.of_live(subject, named)
        if by_code is not None:
            return by_code
        fitting = [each for each in named if fits(each.node, subject)]
        return next(reversed(fitting or named), None)

    def inner_of(self, item: Item, name: str, live: Any) -> Item | None:
        """Return the statement in a compound one that bound a name to an object, as far as can be told."""
        inner = [each for each in item.inner if name in each.names.binds]
        code = code_of(live)
        if code is not None and self.of_live(live, [item]) is not None:
            _, line = self.place_of(code)
            inner = [each for each in inner if each.spans(line)] or inner
        elif isinstance(live, ModuleType):
            inner = [each for each in inner if isinstance(each.node, IMPORTS) and imports(each.node, live)] or inner
        return inner[-1] if inner else None

    def name_in(self, item: Item, subject: Any) -> str:
        """Return the name by which a statement binds an object that it defines."""
        found = definition(subject)
        return str(found[1]).partition(".")[0] if found else next(iter(item.names.binds))

    def node_of(self, subject: Any) -> ast.AST | None:
        """Return the ``def`` or ``class`` of an object of the notebook's."""
        found, item = definition(subject), self.item_of(subject)
        if item is None or found is None:
            return None
        nodes = [each for each in ast.walk(item.node) if isinstance(each, DEFINITIONS)]
        last = str(found[1]).rpartition(".")[2]
        return next((each for each in nodes if each.name == last), None)


def _defines(node: ast.AST, name: str) -> bool:
    """Return whether a statement is, or has in it, the definition of a name."""
    if isinstance(node, DEFINITIONS):
        return node.name == name
    return any(isinstance(each, DEFINITIONS) and each.name == name for each in ast.walk(node))


def fits(node: ast.AST, subject: Any) -> bool:
    """Return whether a statement may have defined a class: all its methods are there, and no others."""
    kind = next((each for each in ast.walk(node) if isinstance(each, ast.ClassDef)), None)
    if kind is None or not isinstance(subject, type):
        return kind is None and not isinstance(subject, type)
    said = {each.name for each in kind.body if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))}
    return said <= {*vars(subject)} and bool(said) == (code_of(subject) is not None)


def code_of(subject: Any) -> CodeType | None:
    """Return some code of an object's definition: a function's own, or that of a class's first method.

    Of a decorated function it is that of the function that it wraps.
    """
    return next(reversed([*codes_of(subject)]), None)


def codes_of(subject: Any) -> Iterator[CodeType]:
    """Yield the code of an object's definition, and of the functions that it wraps, its own first."""
    for _ in range(10):
        yield from _own_code(subject)
        if isinstance(subject, functools.partial):
            subject = subject.func
        elif not isinstance(subject, type) and hasattr(subject, "__wrapped__"):
            subject = subject.__wrapped__
        else:
            return


def _own_code(subject: Any) -> Iterator[CodeType]:
    for candidate in list(vars(subject).values()) if isinstance(subject, type) else (subject,):
        if isinstance(candidate, (property, classmethod, staticmethod)):
            candidate = candidate.fget if isinstance(candidate, property) else candidate.__func__
        is_own = not isinstance(subject, type) or getattr(candidate, "__qualname__", "").startswith(
            subject.__qualname__
        )
        if isinstance(candidate, FunctionType) and is_own:
            yield candidate.__code__
            return
