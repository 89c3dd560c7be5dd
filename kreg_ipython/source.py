"""What a cell's source says: which definitions it makes, and whether a statement of it still stands. Pure functions."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Hashable, Iterator
from typing import NamedTuple

_DEFINES = re.compile(r"^\s*(?:async\s+)?(?:class|def)\s+(\w+)", re.MULTILINE)
_MAGIC = re.compile(r"^(\s*)(?:[\w., ]+=\s*)?[%!].*$", re.MULTILINE)
_OTHER_LANGUAGES = re.compile(
    r"\s*%%(bash|cmd|file|html|HTML|javascript|js|latex|markdown|perl|pypy|python\d?|ruby|script|sh|svg|SVG|sx|system"
    r"|writefile)\b"
)
_AROUND = {
    **dict.fromkeys(("If", "Try", "TryStar", "Match"), "condition"),
    **dict.fromkeys(("For", "AsyncFor", "While"), "loop"),
}
_DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def definitions(source: str) -> set[str]:
    """The names that ``class`` and ``def`` statements in the source define, at any depth."""
    if "class " not in source and "def " not in source:
        return set()
    return set(_DEFINES.findall(source))


class Definition(NamedTuple):
    """A class or function statement, whatever its body says: its kind, its place in other definitions, and whether it
    is decorated. A guard around one means that its former body is the one that stands."""

    kind: str
    path: str
    decorated: bool


@functools.lru_cache(maxsize=1024)
def statement(source: str, line: int | None) -> Hashable:
    """The innermost statement at a line (1 is the first), for comparison with those of another version; None if none.

    A class or function statement is a `Definition`.
    """
    found = None
    for stands, first, last in _statements(source):
        if line is not None and first <= line <= last:
            found = stands
    return found


@functools.lru_cache(maxsize=4)
def statements(source: str) -> set[Hashable]:
    """All statements of the source, as `statement` gives them."""
    return {stands for stands, _, _ in _statements(source)}


@functools.lru_cache(maxsize=64)
def around(source: str, stands: Hashable) -> set[str]:
    """What the statement stands in, of ``condition``, ``loop`` and ``function``: why it may not have been executed."""
    found: set[str] = set()
    places = [(first, last) for other, first, last in _statements(source) if other == stands]
    for other, first, last in _statements(source):
        if any(first <= start and last >= end and other != stands for start, end in places):
            if isinstance(other, Definition):
                found |= {"function"} if other.kind != "ClassDef" else set()
            else:
                found |= {_AROUND.get(_kind(other), "")} - {""}
    return found


def line_of(source: str, text: str) -> int | None:
    """The first line with this string literal: where a key was written that no gate saw."""
    for node in ast.walk(_parse(source)):
        if isinstance(node, ast.Constant) and node.value == text:
            return node.lineno + header(source)
    return None


def header(source: str) -> int:
    """How many lines come before the body: blank ones, which IPython cuts off, and ``%%time`` and its like."""
    blank = len(source) - len(source.lstrip())
    lines = source[:blank].count("\n")
    if not source.startswith("%%", blank):
        return lines
    _, _, body = source[blank:].partition("\n")
    return lines + 1 + header(body)


@functools.lru_cache(maxsize=4)
def _statements(source: str) -> tuple[tuple[Hashable, int, int], ...]:
    """Each statement with its first and last line, outer ones before those inside them."""
    offset = header(source)

    def walk(node: ast.AST, path: str) -> Iterator[tuple[Hashable, int, int]]:
        for child in ast.iter_child_nodes(node):
            inner = path
            if isinstance(child, ast.stmt):
                first, last = child.lineno, child.end_lineno or child.lineno
                stands: Hashable = (path, type(child).__name__, ast.dump(child))
                if isinstance(child, _DEFINITIONS):
                    inner = f"{path}.{child.name}"
                    first = min([first, *(d.lineno for d in child.decorator_list)])
                    stands = Definition(type(child).__name__, inner, bool(child.decorator_list))
                yield stands, first + offset, last + offset
            yield from walk(child, inner)

    return tuple(walk(_parse(source), ""))


def _kind(stands: Hashable) -> str:
    return str(stands[1]) if isinstance(stands, tuple) else ""


def _parse(source: str) -> ast.Module:
    """The source's tree without magics, which are no statements of Python's; empty if it does not parse."""
    if _OTHER_LANGUAGES.match(source):
        return ast.Module(body=[], type_ignores=[])
    body = "\n".join(source.split("\n")[header(source) :])
    for text in (body, _MAGIC.sub(r"\1pass", body)):
        try:
            return ast.parse(text)
        except SyntaxError:
            continue
    return ast.Module(body=[], type_ignores=[])
