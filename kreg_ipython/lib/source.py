"""What a cell's source says: which definitions it makes, and whether a statement of it still stands. Pure functions."""

from __future__ import annotations

import ast
import functools
import json
import re
import textwrap
import tokenize
from collections.abc import Hashable, Iterator
from typing import NamedTuple

_DEFINES = re.compile(r"^\s*(?:async\s+)?(?:class|def)\s+(\w+)", re.MULTILINE)
_MAGIC = re.compile(  # and what asks for help
    r"^([ \t]*)(?:(?:[\w., ]+=\s*)?[%!](?:.*\\\n)*.*|\?{1,2}[\w.*%]+[ \t]*|[\w.*%]+\?{1,2}[ \t]*)$", re.MULTILINE
)
_OTHER_LANGUAGES = re.compile(
    r"\s*%%(bash|cmd|file|html|HTML|javascript|js|latex|markdown|perl|pypy|python\d?|ruby|script|sh|svg|SVG|sx|system"
    r"|writefile)\b"
)
_RUNS_ITS_BODY = re.compile(r"\s*%%(capture|prun|time|timeit)\b")
_CONDITIONS = {"If", "Try", "TryStar", "Match", "With", "AsyncWith"}  # `with suppress(…)` may end its body early
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_CALLERS = {"map": {"loop"}, "filter": {"condition", "loop", "choice"}}
_WRITERS = {"add", "append", "extend", "insert", "setdefault", "update"}
_NOTHING = ast.Module(body=[], type_ignores=[])
_DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_OWN_NAMES = (*_DEFINITIONS, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def definitions(source: str) -> set[str]:
    """The names that ``class`` and ``def`` statements in the source define, at any depth."""
    if "class " not in source and "def " not in source:
        return set()
    return set(_DEFINES.findall(source))


def executed(source: str) -> Iterator[ast.AST]:
    """The nodes of what the source itself executes, not of what functions, classes and comprehensions in it do."""

    def walk(node: ast.AST) -> Iterator[ast.AST]:
        yield node
        if not isinstance(node, _OWN_NAMES):
            for child in ast.iter_child_nodes(node):
                yield from walk(child)

    yield from walk(_tree(source))


def assigned(source: str) -> dict[str, int]:
    """The variables that the source gives a value to, or defines, and the last line that does."""
    found: dict[str, int] = {}
    for node in executed(source):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found[node.id] = max(node.lineno, found.get(node.id, 0))
        elif isinstance(node, _DEFINITIONS):
            found[node.name] = max(node.lineno, found.get(node.name, 0))
    return found


class Definition(NamedTuple):
    """A class or function statement, whatever its body says: its kind, its place in other definitions, and whether it
    is decorated. A guard around one means that its former body is the one that stands."""

    kind: str
    path: str
    decorated: bool


def statement(source: str, line: int | None) -> Hashable:
    """The innermost statement at a line (1 is the first), for comparison with those of another version; None if none.

    A class or function statement is a `Definition`.
    """
    found = _at(source, line)
    return found.stands if found else None


@functools.lru_cache(maxsize=4)
def statements(source: str) -> set[Hashable]:
    """All statements of the source, as `statement` gives them."""
    return {each.stands for each in _statements(source)}


@functools.lru_cache(maxsize=64)
def around(source: str, stands: Hashable) -> set[str]:
    """What the statement stands in, of ``condition``, ``loop`` and ``function``: why it may not have been executed; and
    ``choice``, a condition in a loop: why it may have been executed for some only. A loop over what the source itself
    lists is ``certain``, and no ``loop``. A function in a ``class`` is a method."""
    found = {"condition"} if _magic(source) and not _RUNS_ITS_BODY.match(source) else set()
    places = [(each.first, each.last) for each in _statements(source) if each.stands == stands]
    for each in _statements(source):
        if any(each.first <= start and each.last >= end for start, end in places):
            new = each.chooses if each.stands == stands else each.inside
            found |= new | ({"choice"} if "condition" in new and found & {"loop", "certain"} else set())
    return found


def parses(source: str) -> bool:
    """Whether the source can be read here: IPython may understand more."""
    return _read(source) is not None


@functools.lru_cache(maxsize=64)
def still_registers(before: str, line: int | None, now: str) -> bool:
    """Whether the statement at a line of a former source stands in the present one, under the same decorators."""
    found = _at(before, line)
    if found is None:
        return statements(before) <= statements(now)
    return any((each.stands, each.decorators) == (found.stands, found.decorators) for each in _statements(now))


def line_of_definition(source: str, qualname: str) -> int | None:
    """The line at which a class or function statement begins, with its decorators. An extension type's ``Spec`` has no
    statement of its own: its class's."""
    path = "." + qualname.replace(".<locals>", "")
    lines = {
        each.stands.path: each.first for each in reversed(_statements(source)) if isinstance(each.stands, Definition)
    }
    return lines.get(path, lines.get(path.removesuffix(".Spec")))


def of_file(path: str) -> str | None:
    """The Python text of a file, of a notebook its code cells; None if it cannot be read."""
    try:
        with tokenize.open(path) as file:
            text = file.read()
        if not path.endswith(".ipynb"):
            return text
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        return "\n".join("".join(cell["source"]) for cell in cells)
    except (OSError, SyntaxError, ValueError, LookupError, TypeError):
        return None


def line_of(source: str, text: str) -> int | None:
    """The first line with this string literal, or keyword, if possible in a statement that may write to a dict: where a
    key was written that no gate saw."""
    lines = []
    for node in ast.walk(_tree(source)):
        if isinstance(node, ast.Constant) and node.value == text:
            lines.append(node.lineno)
        elif isinstance(node, ast.keyword) and node.arg == text:
            lines.append(node.value.lineno)
    return next((line for line in lines if writes(source, line)), lines[0] if lines else None)


def keys_written(source: str) -> set[str]:
    """The keys at which the source writes to some dict: by assignment, by `setdefault`, or by `update`, in a dict or as
    keywords."""
    keys: list[ast.expr | None] = []
    keywords: set[str] = set()
    for node in ast.walk(_tree(source)):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            keys.append(node.slice)
        elif isinstance(node, ast.Dict):
            keys += node.keys
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "update":
                keywords |= {each.arg for each in node.keywords if each.arg}
            elif node.func.attr == "setdefault":
                keys += node.args[:1]
    return keywords | {key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}


@functools.lru_cache(maxsize=64)
def header(source: str) -> int:
    """How many lines come before the body: blank ones, which IPython cuts off, and ``%%time`` and its like."""
    blank = len(source) - len(source.lstrip())
    lines = source[:blank].count("\n")
    if not _magic(source):
        return lines
    _, _, body = source[blank:].partition("\n")
    return lines + 1 + header(body)


def writes(source: str, line: int | None) -> bool:
    """Whether the innermost statement at a line may write to a container: at a key, by a method, by ``|=``."""
    found = _at(source, line)
    return found is not None and found.writes


def writing(source: str) -> set[Hashable]:
    """The statements that may write to a container."""
    return {each.stands for each in _statements(source) if each.writes}


def _magic(source: str) -> bool:
    """Whether a cell magic executes the source."""
    return source.lstrip().startswith("%%")


class _Statement(NamedTuple):
    stands: Hashable
    first: int
    last: int
    decorators: tuple[str, ...]
    chooses: frozenset[str]
    inside: frozenset[str]
    writes: bool


@functools.lru_cache(maxsize=4096)
def _at(source: str, line: int | None) -> _Statement | None:
    """The innermost statement at a line."""
    found = None
    for each in _statements(source):
        if line is not None and each.first <= line <= each.last:
            found = each
    return found


@functools.lru_cache(maxsize=8)  # a cell's texts, and its helpers'
def _statements(source: str) -> tuple[_Statement, ...]:
    """Each statement with its first and last line, outer ones before those inside them."""

    def walk(node: ast.AST, path: str) -> Iterator[_Statement]:
        for child in ast.iter_child_nodes(node):
            inner = path
            if isinstance(child, ast.stmt):
                first, last = child.lineno, child.end_lineno or child.lineno
                stands: Hashable = (path, type(child).__name__, *_says(child))
                decorators: tuple[str, ...] = ()
                if isinstance(child, _DEFINITIONS):
                    inner = f"{path}.{child.name}"
                    first = min([first, *(d.lineno for d in child.decorator_list)])
                    decorators = tuple(ast.dump(each) for each in child.decorator_list)
                    stands = Definition(type(child).__name__, inner, bool(decorators))
                yield _Statement(stands, first, last, decorators, _chooses(child), _inside(child), _writes(child))
            yield from walk(child, inner)

    return tuple(walk(_tree(source), ""))


def _says(node: ast.stmt) -> Iterator[str]:
    """What a statement says itself, without the statements in it."""
    for _, value in ast.iter_fields(node):
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, (ast.stmt, ast.excepthandler, ast.match_case)):
                yield ast.dump(part) if isinstance(part, ast.AST) else str(part)


def _expressions(node: ast.AST) -> Iterator[ast.AST]:
    """What is evaluated when a statement is executed, but for the statements in it: of a definition, its decorators."""
    for child in node.decorator_list if isinstance(node, _DEFINITIONS) else ast.iter_child_nodes(node):
        if not isinstance(child, (ast.stmt, ast.Lambda)):
            yield child
            yield from _expressions(child)


def _chooses(node: ast.stmt) -> frozenset[str]:
    """What of a statement's own expressions is why a call in it may not be executed: ``x or call()``, for one."""
    found: set[str] = set()
    for each in _expressions(node):
        if isinstance(each, (ast.BoolOp, ast.IfExp)) and any(isinstance(part, ast.Call) for part in ast.walk(each)):
            found |= {"condition"}
        elif isinstance(each, ast.comprehension):
            found |= {"condition", "loop", "choice"} if each.ifs else {_over(each.iter)}
        elif isinstance(each, ast.Call) and isinstance(each.func, ast.Name):
            found |= _CALLERS.get(each.func.id, set())
    return frozenset(found)


def _inside(node: ast.stmt) -> frozenset[str]:
    """What a statement is to those in it."""
    if isinstance(node, _LOOPS):
        kind = "loop" if isinstance(node, ast.While) else _over(node.iter)
        skips = isinstance(node, ast.While) or _may_leave(node, (ast.Continue, ast.Break), _LOOPS)
        return frozenset({kind, "condition", "choice"} if skips else {kind})
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        skips = any(_may_leave(child, (ast.Return,), ()) for child in node.body if not isinstance(child, ast.Return))
        return frozenset({"function", "condition"} if skips else {"function"})
    kinds = {"class"} if isinstance(node, ast.ClassDef) else {"condition"} if type(node).__name__ in _CONDITIONS else ()
    return frozenset(kinds)


def _over(iterable: ast.expr) -> str:
    """Whether a loop over this is ``certain`` to go through all that the source says, at each run."""
    listed = isinstance(iterable, (ast.List, ast.Tuple, ast.Set, ast.Constant))
    return "certain" if listed and not any(isinstance(each, ast.Starred) for each in ast.walk(iterable)) else "loop"


def _may_leave(node: ast.AST, by: tuple[type[ast.stmt], ...], inner: tuple[type[ast.stmt], ...]) -> bool:
    """Whether such a statement stands in the node, and in no function or statement of the ``inner`` kinds in it."""
    children = [child for child in ast.iter_child_nodes(node) if not isinstance(child, (*_OWN_NAMES, *inner))]
    return any(isinstance(child, by) or _may_leave(child, by, inner) for child in children)


def _writes(node: ast.stmt) -> bool:
    called = node.value.func if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
    stores = any(isinstance(each, ast.Subscript) and isinstance(each.ctx, ast.Store) for each in _expressions(node))
    return stores or isinstance(node, ast.AugAssign) or (isinstance(called, ast.Attribute) and called.attr in _WRITERS)


def _tree(source: str) -> ast.Module:
    """The source's tree; empty if it cannot be read."""
    return _read(source) or _NOTHING


@functools.lru_cache(maxsize=4)
def _read(source: str) -> ast.Module | None:
    """The tree, with the lines of the source, if it can be read: all of it may be indented; magics, which are no
    statements of Python's, are strings, each on one line."""
    if _OTHER_LANGUAGES.match(source):
        return _NOTHING
    body = textwrap.dedent("\n".join(source.split("\n")[header(source) :]))
    for text in (body, _MAGIC.sub(lambda magic: f"{magic[1]}{magic[0].strip()!r}", body)):
        try:
            return ast.increment_lineno(ast.parse(text), header(source))
        except SyntaxError:
            continue
    return None
