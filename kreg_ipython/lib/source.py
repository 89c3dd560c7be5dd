"""Read a source: its statements, what may keep each from being executed, and whether it still stands in another text.

The shapes::

    Source     one text: its statements, and a few indexes, each made when it is first asked for
    Statement  one statement: what it says, where it stands, and the obstacles around it
    Obstacle   why a call in a statement may not be executed, or not for everything

All of this is pure. `read` keeps the sources that were read last.
"""

from __future__ import annotations

import ast
import functools
import json
import re
import textwrap
import tokenize
from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import cached_property
from typing import Literal, TypeVar

Obstacle = Literal[
    "condition",  # an `if`, a `try`, a `with` that may end its body early, `x or call()`, …
    "choice",  # a condition inside a loop: it may be executed for some only
    "loop",  # a loop over what the source does not list itself
    "listed",  # a loop over what it lists: it goes through all of it at each run, and is no obstacle by itself
    "early return",  # a function that may end before it
    "cached",  # a function that something else may stand in for: it is decorated
    "library",  # code that is not the user's
    "unknown",  # nobody saw how it was reached, or its text cannot be read
]

_DEFINES = re.compile(r"^\s*(?:async\s+)?(?:class|def)\s+(\w+)", re.MULTILINE)
_MAGIC = re.compile(  # and what asks for help
    r"^([ \t]*)(?:(?:[\w.,][\w., ]*=\s*)?[%!](?:.*\\\n)*.*|\?{1,2}[\w.*%]+[ \t]*|[\w.*%]+\?{1,2}[ \t]*)$", re.MULTILINE
)
_CALLED = re.compile(r"([A-Za-z_][\w.]*)\s*\(")
_OTHER_LANGUAGES = re.compile(
    r"\s*%%(bash|cmd|file|html|HTML|javascript|js|latex|markdown|perl|pypy|python\d?|ruby|script|sh|svg|SVG|sx|system"
    r"|writefile)\b"
)
_RUNS_ITS_BODY = re.compile(r"\s*%%(capture|prun|time|timeit)\b")
_CONDITIONS = {"If", "Try", "TryStar", "Match", "With", "AsyncWith"}  # `with suppress(…)` may end its body early
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_CALLERS: dict[str, set[Obstacle]] = {"map": {"loop"}, "filter": {"condition", "loop", "choice"}}
_LISTERS = {"enumerate", "items", "keys", "list", "range", "reversed", "sorted", "tuple", "values", "zip"}
_WRITERS = {"add", "append", "extend", "insert", "setdefault", "update"}
_NAMESPACES = {"globals", "locals", "vars", "dir"}
_TRANSPARENT = {"classmethod", "property", "staticmethod"}
_DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_OWN_NAMES = (*_DEFINITIONS, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)

_Around = frozenset[Obstacle]
_NOTHING: _Around = frozenset()


class Statement:
    """One statement of a source; what takes time is found when it is first asked for.

    Attributes:
        node: the statement in the source's tree.
        path: the definitions that it stands in: ``.Outer.method``.
        headers: the compound statements that it stands in, up to the innermost definition.
        definitions: the definitions it stands in, the innermost last.
        parent: the statement that it stands in; None in the body of the source.
    """

    __slots__ = ("__dict__", "definitions", "headers", "node", "parent", "path")

    def __init__(
        self,
        node: ast.stmt,
        path: str,
        headers: tuple[ast.stmt, ...],
        definitions: tuple[ast.stmt, ...],
        parent: Statement | None,
        by_magic: bool,
    ) -> None:
        self.node, self.path, self.headers, self.definitions = node, path, headers, definitions
        self.parent = parent
        self.shares_its_line = False
        """Nothing tells which of several statements on a line is meant."""
        self._by_magic = by_magic

    @property
    def first(self) -> int:
        """Its first line, decorators included."""
        decorators = self.node.decorator_list if isinstance(self.node, _DEFINITIONS) else ()
        return min([self.node.lineno, *(each.lineno for each in decorators)])

    @property
    def last(self) -> int:
        """Its last line."""
        return self.node.end_lineno or self.node.lineno

    @cached_property
    def says(self) -> Hashable:
        """The text that makes it the same statement in another source.

        For a definition this is its kind and its path, for any other statement all that it says without the statements
        in it.
        """
        if isinstance(self.node, _DEFINITIONS):
            return type(self.node).__name__, self.name
        return self.path, *_says(self.node)

    @cached_property
    def obstacles(self) -> frozenset[Obstacle]:
        """The reasons why a call in it may not be executed.

        They lie in its own expressions, and in what it stands in, up to the innermost definition.
        """
        around: _Around = frozenset({"condition"} if self._by_magic else ())
        for header in self.headers:
            around = _with(around, _inside(header) | _chooses(header))
        return _with(around, _chooses(self.node))

    @cached_property
    def function(self) -> frozenset[Obstacle]:
        """The obstacles of the function that it stands in."""
        innermost = self.definitions[-1] if self.definitions else None
        is_function = isinstance(innermost, (ast.FunctionDef, ast.AsyncFunctionDef))
        return _of_function(innermost) if is_function else _NOTHING  # type: ignore[arg-type]

    @property
    def is_in_method(self) -> bool:
        """True if it stands in a function of a class's."""
        kinds = [isinstance(each, ast.ClassDef) for each in self.definitions]
        return True in kinds and not kinds[-1]

    @property
    def is_definition(self) -> bool:
        """True for a ``class`` or ``def``."""
        return isinstance(self.node, _DEFINITIONS)

    @property
    def is_magic(self) -> bool:
        """True if this is no statement of Python's, but a line that IPython executes: ``%time setup()``."""
        constant = self.node.value if isinstance(self.node, ast.Expr) else None
        text = constant.value if isinstance(constant, ast.Constant) else None
        return isinstance(text, str) and _MAGIC.fullmatch(text) is not None

    @property
    def name(self) -> str:
        """The path of what a definition defines: ``.Outer.method``."""
        return f"{self.path}.{self.last_name}"

    @property
    def last_name(self) -> str:
        """The name that a definition defines: ``method``."""
        return str(getattr(self.node, "name", ""))

    @cached_property
    def body(self) -> str:
        """All that a definition says, its header and decorators included: for comparison with another version."""
        return ast.dump(self.node)

    @cached_property
    def place(self) -> Hashable:
        """The place that it stands in: the definitions, and what the compound statements around it say."""
        return self.path, *(tuple(_says(header)) for header in self.headers)

    @cached_property
    def decorators(self) -> tuple[str, ...]:
        """The text of a definition's decorators."""
        return tuple(map(ast.dump, self.node.decorator_list)) if isinstance(self.node, _DEFINITIONS) else ()

    @cached_property
    def is_decorated(self) -> bool:
        """True for a definition with decorators."""
        return isinstance(self.node, _DEFINITIONS) and bool(self.node.decorator_list)

    @cached_property
    def called_names(self) -> frozenset[str]:
        """The functions that it calls itself, as it names them: ``lib.setup``; of a magic, all that it may call."""
        if self.is_magic:
            return frozenset(_CALLED.findall(ast.literal_eval(self.node.value)))  # type: ignore[attr-defined]
        called = [each.func for each in _expressions(self.node) if isinstance(each, ast.Call)]
        called += self.node.decorator_list if isinstance(self.node, _DEFINITIONS) else []
        return frozenset(ast.unparse(each) for each in called if isinstance(each, (ast.Name, ast.Attribute)))

    @cached_property
    def calls(self) -> frozenset[str]:
        """The same, and their last names: ``setup``."""
        return self.called_names.union(name.rpartition(".")[2] for name in self.called_names)

    @property
    def words(self) -> set[str]:
        """The names in it, and its strings of one line."""
        said = {word for each in _expressions(self.node) for word in _mentioned(each)}
        return {word for word in said if word.isprintable()}

    @cached_property
    def writes(self) -> bool:
        """True if it may write to a container: at a key, by a method, by ``|=``."""
        return self.keys_written is not None

    def may_write(self, key: Hashable) -> bool:
        """Return whether it may write to a container at this key: it says the key, or computes one."""
        keys = self.keys_written
        return keys is not None and (not keys or key in keys)

    @cached_property
    def writing_method(self) -> str:
        """The method by which it may write to a container, as it names it: ``objects.update``; empty if by none."""
        called = (
            self.node.value.func if isinstance(self.node, ast.Expr) and isinstance(self.node.value, ast.Call) else None
        )
        return ast.unparse(called) if isinstance(called, ast.Attribute) and called.attr in _WRITERS else ""

    @cached_property
    def keys_written(self) -> frozenset[Hashable] | None:
        """The keys at which it writes; none if it computes one; None if it does not write."""
        node = self.node
        call = node.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
        method = self.writing_method.rpartition(".")[2]
        stores = [each for each in _expressions(node) if isinstance(each, ast.Subscript)]
        keys: list[ast.expr | None] = [each.slice for each in stores if isinstance(each.ctx, ast.Store)]
        if isinstance(node, ast.AugAssign) or method not in ("", "setdefault", "update"):
            return frozenset()
        if call is not None and method == "setdefault":
            keys += call.args[:1]
        elif call is not None and method == "update":
            given = call.args[0] if call.args else None
            keys += given.keys if isinstance(given, ast.Dict) else call.args
            keys += [ast.Constant(each.arg) if each.arg else None for each in call.keywords]
        elif not keys:
            return None
        written = [each.value if isinstance(each, ast.Constant) else None for each in keys]
        return frozenset() if None in written else frozenset(written)

    @cached_property
    def asked(self) -> tuple[frozenset[str], ...]:
        """The strings and names that each condition mentions that may skip it; none if one asks for a variable."""
        asked = [part for header in self.headers for part in _asked(header)]
        if "early return" in self.function:
            conditions = (each for each in ast.walk(self.definitions[-1]) if isinstance(each, ast.If))
            asked += [part for each in conditions for part in _asked(each)]
        said = tuple(frozenset(_mentioned(part)) for part in (*asked, *_asked(self.node)))
        return () if any(each & _NAMESPACES for each in said) else said


class Statements(tuple[Statement, ...]):
    """Statements that may stand for one another."""

    @cached_property
    def obstacles(self) -> frozenset[Obstacle]:
        """The obstacles of all of them, and of the functions that they stand in."""
        return _NOTHING.union(*(each.obstacles | each.function for each in self))

    @cached_property
    def share_a_line(self) -> bool:
        """True if one of them shares its line with another statement that calls something."""
        return any(each.shares_its_line for each in self)

    def guards_mention(self, words: Iterable[str]) -> bool:
        """Return whether each condition that may skip one of them asks about one of these words."""
        return any(all(said.intersection(words) for said in guards) for guards in self._asked)

    @cached_property
    def _asked(self) -> set[tuple[frozenset[str], ...]]:
        return {each.asked for each in self if each.asked}


class Source:
    """One text, read. A text that cannot be read has no statements, and does not `parses`."""

    def __init__(self, text: str) -> None:
        self.text = text
        tree = _tree(text)
        self.parses = tree is not None
        """False if the text cannot be read here: IPython may understand more."""
        self.tree = tree or ast.Module(body=[], type_ignores=[])
        by_magic = text.lstrip().startswith("%%") and not _RUNS_ITS_BODY.match(text)
        self.statements = tuple(_statements(self.tree.body, by_magic))
        """All statements, outer ones before those in them."""

    def at(self, line: int | None, function: str | None = None) -> Statement | None:
        """Return the innermost statement at a line, 1 being the first.

        If a function is given by its qualified name, only its body counts; if the name is empty, only the source's.
        """
        innermost = self._by_line.get(line) if line is not None else None
        if innermost is None or function is None:
            return innermost
        names = [name for name in function.split(".") if name and name[0] != "<"]  # a lambda, what is local
        path = "".join(f".{name}" for name in names)
        found: Statement | None = innermost
        while found is not None and (not found.path.endswith(path) or (not path and found.path)):
            found = found.parent
        return found or innermost

    def standing(self, statement: Statement) -> list[Statement]:
        """Return the statements that say the same as one of another text: see `Statement.says`."""
        return self._saying(*_bucket(statement)).get(statement.says, [])

    def at_place(self, place: Hashable) -> list[Statement]:
        """Return the statements that stand in the same definitions and compound statements: see `Statement.place`."""
        return self._by_place.get(place, [])

    def defined(self, name: str) -> list[Statement]:
        """Return the ``class`` and ``def`` statements of this name, wherever they stand."""
        return self._by_name.get(name, [])

    def mentions(self, names: Iterable[str]) -> bool:
        """Return whether any statement says one of these names without calling it: it may hand the function on."""
        return not self._names.isdisjoint(names)

    def calling(self, names: Iterable[str]) -> Statements:
        """Return the statements that call one of these functions."""
        wanted = frozenset(names)
        if wanted not in self._callers:
            self._callers[wanted] = Statements(each for name in wanted for each in self._by_call.get(name, ()))
        return self._callers[wanted]

    def says_all_of(self, other: Source) -> bool:
        """Return whether every statement of another text stands in this one."""
        return all(self.standing(each) for each in other.statements)

    def writers(self, key: Hashable) -> list[Statement]:
        """Return the statements that may write to a container at this key; those of methods write to their objects."""
        return [*self._writers.get(key, ()), *self._writers.get(None, ())]

    @cached_property
    def _writers(self) -> dict[Hashable, list[Statement]]:
        """The statements that write, by the keys that they say; those that compute one under None."""
        found: dict[Hashable, list[Statement]] = {}
        for each in self.statements:
            if each.keys_written is not None and not each.is_in_method:
                for key in each.keys_written or {None}:
                    found.setdefault(key, []).append(each)
        return found

    def line_of_definition(self, qualname: str) -> int | None:
        """Return the line at which a definition begins, with its decorators.

        An extension type's ``Spec`` has no statement of its own: it is its class's.
        """
        path = "." + qualname.replace(".<locals>", "")
        return self._definitions.get(path, self._definitions.get(path.removesuffix(".Spec")))

    def line_of_key(self, key: str) -> int | None:
        """Return the first line with this string literal or keyword: where a key was written that no gate saw.

        Statements that may write to a container come first.
        """
        lines = self.literals.get(key, ())
        written = (line for line in lines if (found := self.at(line)) is not None and found.writes)
        return next(written, lines[0] if lines else None)

    @cached_property
    def literal_keys(self) -> set[str]:
        """The keys at which the text writes to some dict.

        It may assign them, call `setdefault`, or call `update` with a dict or keywords.
        """
        keys: list[ast.expr | None] = []
        keywords: set[str] = set()
        for node in ast.walk(self.tree):
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

    @cached_property
    def _by_line(self) -> dict[int, Statement]:
        found: dict[int, Statement] = {}
        for each in self.statements:
            for line in range(each.first, each.last + 1):
                beside = found.get(line)
                together = beside is not None and beside.parent is each.parent
                if beside is not None and together and beside.calls and each.calls:
                    beside.shares_its_line = each.shares_its_line = True
                if beside is None or not together or _likelier(each, beside):
                    found[line] = each
        return found

    @cached_property
    def _buckets(self) -> dict[tuple[str, str], list[Statement]]:
        return _grouped(self.statements, _bucket)

    @cached_property
    def _by_place(self) -> dict[Hashable, list[Statement]]:
        return _grouped(self.statements, lambda each: each.place)

    @cached_property
    def _by_name(self) -> dict[str, list[Statement]]:
        return _grouped([each for each in self.statements if each.is_definition], lambda each: each.last_name)

    @cached_property
    def _said(self) -> dict[tuple[str, str], dict[Hashable, list[Statement]]]:
        return {}

    def _saying(self, *bucket: str) -> dict[Hashable, list[Statement]]:
        """Return the statements of a bucket by what they say: only those that are asked for are read that far."""
        path, kind = bucket
        if (path, kind) not in self._said:
            self._said[path, kind] = _grouped(self._buckets.get((path, kind), []), lambda each: each.says)
        return self._said[path, kind]

    @property
    def called(self) -> Iterable[str]:
        """The functions that its statements call: see `Statement.calls`."""
        return self._by_call.keys()

    @cached_property
    def _names(self) -> set[str]:
        nodes = list(ast.walk(self.tree))
        imported = {each.name for each in nodes if isinstance(each, ast.alias)}
        imported.update(*(each.calls for each in self.statements if each.is_magic))
        return imported.union(
            *(_said(each) for each in nodes if isinstance(getattr(each, "ctx", ast.Load()), ast.Load))
        )

    @cached_property
    def _callers(self) -> dict[frozenset[str], Statements]:
        return {}

    @cached_property
    def _by_call(self) -> dict[str, list[Statement]]:
        found: dict[str, list[Statement]] = {}
        for each in self.statements:
            for name in each.calls:
                found.setdefault(name, []).append(each)
        return found

    @cached_property
    def _definitions(self) -> dict[str, int]:
        return {each.name: each.first for each in reversed(self.statements) if each.is_definition}

    @cached_property
    def literals(self) -> dict[str, list[int]]:
        """The strings and keywords in the text, and their lines."""
        found: dict[str, list[int]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.setdefault(node.value, []).append(node.lineno)
            elif isinstance(node, ast.keyword) and node.arg is not None:
                found.setdefault(node.arg, []).append(node.value.lineno)
        return found


@functools.lru_cache(maxsize=16)  # a cell's texts, and those of the functions that it calls
def read(text: str) -> Source:
    """Read a text; a text that was read lately is not read again."""
    return Source(text)


def definitions(text: str) -> set[str]:
    """Return the names that ``class`` and ``def`` statements in the text define, at any depth."""
    if "class " not in text and "def " not in text:
        return set()
    return set(_DEFINES.findall(text))


def executed(text: str) -> Iterator[ast.AST]:
    """Yield the nodes of what the text itself executes, not of what functions, classes and comprehensions in it do."""

    def walk(node: ast.AST) -> Iterator[ast.AST]:
        yield node
        if not isinstance(node, _OWN_NAMES):
            for child in ast.iter_child_nodes(node):
                yield from walk(child)

    yield from walk(read(text).tree)


def assigned(text: str) -> dict[str, int]:
    """Return the variables that the text gives a value to, or defines, and the last line that does."""
    found: dict[str, int] = {}
    for node in executed(text):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found[node.id] = max(node.lineno, found.get(node.id, 0))
        elif isinstance(node, _DEFINITIONS):
            found[node.name] = max(node.lineno, found.get(node.name, 0))
    return found


def of_file(path: str) -> str | None:
    """Return the Python text of a file, of a notebook that of its code cells; None if it cannot be read."""
    try:
        with tokenize.open(path) as file:
            text = file.read()
        if not path.endswith(".ipynb"):
            return text
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        return "\n".join("".join(cell["source"]) for cell in cells)
    except (OSError, SyntaxError, ValueError, LookupError, TypeError):
        return None


@functools.lru_cache(maxsize=64)
def header(text: str) -> int:
    """Return how many lines come before the body: blank ones, which IPython cuts off, and ``%%time`` and its like."""
    blank = len(text) - len(text.lstrip())
    lines = text[:blank].count("\n")
    if not text.lstrip().startswith("%%"):
        return lines
    _, _, body = text[blank:].partition("\n")
    return lines + 1 + header(body)


def _tree(text: str) -> ast.Module | None:
    """Return the tree, with the lines of the text, or None.

    The text may be indented as a whole. Magics, which are no statements of Python's, become strings, each on one line.
    """
    if _OTHER_LANGUAGES.match(text):
        return ast.Module(body=[], type_ignores=[])
    body = textwrap.dedent("\n".join(text.split("\n")[header(text) :]))
    for python in (body, _MAGIC.sub(lambda magic: f"{magic[1]}{magic[0].strip()!r}", body)):
        try:
            tree, before = ast.parse(python), header(text)
            return ast.increment_lineno(tree, before) if before else tree
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # a null byte; nested too deeply
            continue
    return None


_Key = TypeVar("_Key", bound=Hashable)


def _grouped(statements: Iterable[Statement], key: Callable[[Statement], _Key]) -> dict[_Key, list[Statement]]:
    found: dict[_Key, list[Statement]] = {}
    for each in statements:
        found.setdefault(key(each), []).append(each)
    return found


def _likelier(one: Statement, other: Statement) -> bool:
    """Return whether of two statements on one line the first is likelier to be meant.

    It calls something, and has more obstacles, so that nothing is taken for certain.
    """
    return (bool(one.calls), len(one.obstacles)) > (bool(other.calls), len(other.obstacles))


def _bucket(statement: Statement) -> tuple[str, str]:
    """Return what two statements have in common, at least, that say the same."""
    return statement.path, type(statement.node).__name__


def _statements(body: list[ast.stmt], by_magic: bool) -> Iterator[Statement]:
    """Yield each statement, outer ones before those in them."""

    def walk(
        body: Iterable[ast.stmt],
        path: str,
        headers: tuple[ast.stmt, ...],
        definitions: tuple[ast.stmt, ...],
        parent: Statement | None,
    ) -> Iterator[Statement]:
        for node in body:
            statement = Statement(node, path, headers, definitions, parent, by_magic)
            yield statement
            if isinstance(node, _DEFINITIONS):
                yield from walk(node.body, f"{path}.{node.name}", (), (*definitions, node), statement)
            elif hasattr(node, "body") or hasattr(node, "cases"):
                yield from walk(_inner(node), path, (*headers, node), definitions, statement)

    yield from walk(body, "", (), (), None)


def _inner(node: ast.AST) -> Iterator[ast.stmt]:
    """Yield the statements in a compound statement, which may be those of its `except` clauses and cases."""
    for field in ("body", "handlers", "cases", "orelse", "finalbody"):
        for part in getattr(node, field, ()):
            yield from (part,) if isinstance(part, ast.stmt) else _inner(part)


def _with(around: _Around, new: _Around) -> _Around:
    """Add obstacles to those around; a condition in a loop is a choice."""
    everything = around | new
    choice: _Around = frozenset({"choice"} if "condition" in new and everything & {"loop", "listed"} else ())
    return everything | choice


def _says(node: ast.stmt) -> Iterator[str]:
    """Yield what a statement says itself, without the statements in it."""
    yield type(node).__name__
    for _, value in ast.iter_fields(node):
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, (ast.stmt, ast.excepthandler, ast.match_case)):
                yield ast.dump(part) if isinstance(part, ast.AST) else str(part)


def _expressions(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is evaluated when a statement is executed, but for the statements in it.

    For a definition these are its decorators and bases. A lambda's expression counts: it may be called there.
    """
    parts: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, ast.ClassDef):
        parts = [*node.decorator_list, *node.bases, *node.keywords]
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        parts = [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
    for child in parts:
        if not isinstance(child, (ast.stmt, ast.excepthandler, ast.match_case)):
            yield child
            yield from _expressions(child)


def _chooses(node: ast.stmt) -> _Around:
    """Return what of a statement's own expressions may keep a call in it from being executed: ``x or call()``."""
    found: set[Obstacle] = set()
    for each in _expressions(node):
        chained = isinstance(each, ast.Compare) and len(each.ops) > 1  # 0 < x < call()
        if isinstance(each, (ast.BoolOp, ast.IfExp)) or chained:
            found |= {"condition"} if any(isinstance(part, ast.Call) for part in ast.walk(each)) else set()
        elif isinstance(each, ast.comprehension):
            found |= {"condition", "loop", "choice"} if each.ifs else _over(each.iter)
        elif isinstance(each, ast.Call) and isinstance(each.func, ast.Name):
            found |= _CALLERS.get(each.func.id, set())
    return frozenset(found)


def _inside(node: ast.stmt) -> _Around:
    """Return the obstacles that a compound statement is to those in it."""
    if isinstance(node, ast.While):
        return frozenset({"loop", "condition", "choice"})
    if isinstance(node, (ast.For, ast.AsyncFor)):
        leaves = _may_leave(node, (ast.Continue, ast.Break), _LOOPS)
        return frozenset({"loop", "condition", "choice"}) if leaves else _over(node.iter)
    return frozenset({"condition"}) if type(node).__name__ in _CONDITIONS else _NOTHING


def _asked(node: ast.stmt) -> Iterator[ast.AST]:
    """Yield what decides whether the statements in a compound statement, or a call in a simple one, are executed."""
    if isinstance(node, (ast.If, ast.While)):
        yield node.test
    elif isinstance(node, ast.Match):
        yield node.subject
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        yield from node.items
    elif type(node).__name__ in ("Try", "TryStar"):
        yield from node.body  # type: ignore[attr-defined]
    elif not isinstance(node, _DEFINITIONS):
        yield from (each for each in _expressions(node) if isinstance(each, (ast.BoolOp, ast.IfExp)))


def _mentioned(node: ast.AST) -> set[str]:
    """Return the strings, names and attributes in a part of a statement."""
    return set().union(*map(_said, ast.walk(node)))


def _said(node: ast.AST) -> set[str]:
    said = getattr(node, "value" if isinstance(node, ast.Constant) else "attr", getattr(node, "id", None))
    return {said} if isinstance(said, str) else set()


def _of_function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> _Around:
    """Return the obstacles of a function to its statements: it may return early, or be decorated."""
    leaves = any(_may_leave(child, (ast.Return,), ()) for child in node.body if not isinstance(child, ast.Return))
    found: set[Obstacle] = {"early return"} if leaves or _yields(node) else set()
    names = {ast.unparse(each).rpartition(".")[2] for each in node.decorator_list}
    return frozenset(found | ({"cached"} if names - _TRANSPARENT else set()))


def _over(iterable: ast.expr) -> _Around:
    """Return whether a loop over this goes through what the source itself lists."""
    if _is_listed(iterable):
        return frozenset({"listed"})
    return frozenset({"loop"} if _is_data(iterable) else {"loop", "choice"})


def _is_data(node: ast.expr) -> bool:
    """Return whether an expression is data as it is, and not what is left of it: ``names - done``, ``pending()``."""
    if isinstance(node, ast.Call):
        return _lists(node) and all(map(_is_data, _listed_by(node)))
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return all(map(_is_data, node.elts))
    return isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Starred, ast.Constant, ast.Dict))


def _is_listed(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return _lists(node) and all(map(_is_listed, _listed_by(node)))
    listed = isinstance(node, (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.Constant))
    return listed and not any(isinstance(each, ast.Starred) for each in ast.walk(node))


def _lists(call: ast.Call) -> bool:
    """Return whether a call only lists what it is given: ``enumerate(names)``, ``table.items()``."""
    function = call.func
    name = getattr(function, "id" if isinstance(function, ast.Name) else "attr", "")
    return name in _LISTERS and not call.keywords


def _listed_by(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *([call.func.value] if isinstance(call.func, ast.Attribute) else [])]


def _may_leave(node: ast.AST, by: tuple[type[ast.stmt], ...], inner: tuple[type[ast.stmt], ...]) -> bool:
    """Return whether such a statement stands in a node that is no definition.

    Definitions in the node, and statements of the ``inner`` kinds, are not looked into.
    """
    if isinstance(node, _OWN_NAMES):
        return False
    children = [child for child in ast.iter_child_nodes(node) if not isinstance(child, inner)]
    return any(isinstance(child, by) or _may_leave(child, by, inner) for child in children)


def _yields(node: ast.AST) -> bool:
    """Return whether a function is a generator: nothing tells how far it is executed."""
    children = [child for child in ast.iter_child_nodes(node) if not isinstance(child, _OWN_NAMES)]
    return any(isinstance(child, (ast.Yield, ast.YieldFrom)) or _yields(child) for child in children)
