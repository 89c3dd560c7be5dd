"""Describe a statement: what it says, where it stands, what it calls and writes, what may skip it."""

from __future__ import annotations

import ast
import re
from collections.abc import Hashable, Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

from kreg_ipython.lib.obstacles import (
    DEFINITIONS,
    FUNCTIONS,
    NOTHING,
    Obstacle,
    Obstacles,
    Scope,
    asked_by,
    chooses,
    expressions,
    inside,
    mentioned,
    of_function,
    together,
)

MAGIC = re.compile(  # and what asks for help
    r"^([ \t]*)(\S.*?=\s*)?([%!](?:.*\\\n)*.*|\?{1,2}[\w.*%]+[ \t]*|[\w.*%]+\?{1,2}[ \t]*)$",
    re.MULTILINE,
)
CALLED = re.compile(r"(?<!\w)(?<!\w\.)([A-Za-z_][\w.]*)\s*\(")
_KEYED = {"__setitem__", "setdefault", "update"}
"""The methods that are given keys."""
_WRITERS = _KEYED | {"add", "append", "extend", "insert"}
_NAMESPACES = {"globals", "locals", "vars", "dir"}


class Kin(NamedTuple):
    """The functions that a statement calls, whether it writes to a container, and whether it only defines."""

    calls: frozenset[str]
    writes: bool
    defines: bool


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
        scope: Scope,
    ) -> None:
        self.node, self.path, self.headers, self.definitions = node, path, headers, definitions
        self.parent = parent
        self.shares_its_line = False
        """Nothing tells which of several statements on a line is meant."""
        self._scope = scope

    @property
    def first(self) -> int:
        """Its first line, decorators included."""
        return min([self.node.lineno, *(each.lineno for each in self._decorators)])

    @property
    def last(self) -> int:
        """Its last line."""
        return self.node.end_lineno or self.node.lineno

    @cached_property
    def says(self) -> tuple[str, ...]:
        """The text that makes it the same statement in another source.

        For a definition this is its kind and its path, for any other statement all that it says without the statements
        in it.
        """
        if isinstance(self.node, DEFINITIONS):
            return type(self.node).__name__, self.name
        return self.path, *_says(self.node)

    @cached_property
    def obstacles(self) -> frozenset[Obstacle]:
        """The reasons why a call in it may not be executed.

        They lie in its own expressions, and in what it stands in, up to the innermost definition.
        """
        around: Obstacles = frozenset({"condition"} if self._scope.by_magic else ())
        for header in self.headers:
            around = together(around, inside(header, self._scope))
        return together(around, chooses(self.node, self._scope))

    @cached_property
    def function(self) -> frozenset[Obstacle]:
        """The obstacles to it of the function that it stands in."""
        innermost = self.definitions[-1] if self.definitions else None
        is_function = isinstance(innermost, (ast.FunctionDef, ast.AsyncFunctionDef))
        return of_function(innermost, self.node, self.headers) if is_function else NOTHING  # type: ignore[arg-type]

    @property
    def is_in_method(self) -> bool:
        """True if it stands in a function of a class's."""
        kinds = [isinstance(each, ast.ClassDef) for each in self.definitions]
        return True in kinds and not kinds[-1]

    @property
    def is_definition(self) -> bool:
        """True for a ``class`` or ``def``."""
        return isinstance(self.node, DEFINITIONS)

    @property
    def is_magic(self) -> bool:
        """True if this is a line that IPython executes: ``%time setup()``, ``made = %time setup()``."""
        return bool(self._magic)

    @cached_property
    def _magic(self) -> str:
        return magic_in(self.node)

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
        return tuple(map(ast.dump, self._decorators))

    @cached_property
    def header(self) -> tuple[str, ...]:
        """The text of a definition's decorators, and of a class's bases."""
        return (*self.decorators, *self._bases)

    @cached_property
    def _bases(self) -> dict[str, None]:
        bases = (*self.node.bases, *self.node.keywords) if isinstance(self.node, ast.ClassDef) else ()
        return dict.fromkeys(map(ast.dump, bases))

    @property
    def _decorators(self) -> list[ast.expr]:
        return self.node.decorator_list if isinstance(self.node, DEFINITIONS) else []

    @cached_property
    def called_names(self) -> frozenset[str]:
        """The functions that it calls itself, as it names them: ``lib.setup``; of a magic, all that it may call."""
        if self.is_magic:
            return frozenset(CALLED.findall(self._magic))
        called = [each.func for each in expressions(self.node) if isinstance(each, ast.Call)]
        called += self._decorators
        return frozenset(ast.unparse(each) for each in called if isinstance(each, (ast.Name, ast.Attribute)))

    @cached_property
    def calls(self) -> frozenset[str]:
        """The same, and their last names: ``setup``."""
        return self.called_names.union(name.rpartition(".")[2] for name in self.called_names)

    @property
    def words(self) -> set[str]:
        """The names in it, and its strings of one line."""
        said = {word for each in expressions(self.node) for word in mentioned(each)}
        return {word for word in said if word.isprintable()}

    @cached_property
    def writes(self) -> bool:
        """True if it may write to a container: at a key, by a method, by ``|=``."""
        return self.keys_written is not None

    def still_leads(self, new: Statement) -> bool:
        """Return whether a definition's new text may call what this one called: by a decorator, or else by a base."""
        was, now = (self.calls, new.calls) if self.calls else (self._bases.keys(), new._bases.keys())
        return not was or bool(was & now)

    @cached_property
    def kin(self) -> Kin:
        """The traits by which another statement may be its new text."""
        return Kin(self.calls, self.writes, self.is_definition and not self.calls)

    def is_kin(self, kin: Kin) -> bool:
        """Return whether it may be the new text of a statement: it calls the same, or writes or defines, too."""
        defines = kin.defines and self.is_definition
        return defines or (kin.writes and self.writes) or not kin.calls.isdisjoint(self.calls)

    def may_write(self, key: Hashable) -> bool:
        """Return whether it may write to a container at this key: it says the key, or computes one."""
        keys = self.keys_written
        return keys is not None and (not keys or key in keys)

    @property
    def _call(self) -> ast.Call | None:
        """The call that it is, if it is nothing else."""
        value = self.node.value if isinstance(self.node, ast.Expr) else None
        return value if isinstance(value, ast.Call) else None

    @cached_property
    def writing_method(self) -> str:
        """The method by which it may write to a container, as it names it: ``objects.update``; empty if by none."""
        called = self._call.func if self._call is not None else None
        return ast.unparse(called) if isinstance(called, ast.Attribute) and called.attr in _WRITERS else ""

    @cached_property
    def written_to(self) -> list[ast.expr]:
        """The expressions to whose values it may write."""
        call, stores = self._call, (each for each in expressions(self.node) if isinstance(each, ast.Subscript))
        found = [each.value for each in stores if isinstance(each.ctx, ast.Store)]
        if call is not None and self.writing_method and isinstance(call.func, ast.Attribute):
            found.append(call.func.value)
        return found + ([self.node.target] if isinstance(self.node, ast.AugAssign) else [])

    @cached_property
    def keys_written(self) -> frozenset[Hashable] | None:
        """The keys at which it writes; none if it computes one; None if it does not write."""
        call, method = self._call, self.writing_method.rpartition(".")[2]
        stores = [each for each in expressions(self.node) if isinstance(each, ast.Subscript)]
        keys = [key for each in stores for key in keys_of(each)]
        if isinstance(self.node, ast.AugAssign) or method not in ("", *_KEYED):
            return frozenset()
        if call is not None and method:
            keys += keys_of(call)
        elif not keys:
            return None
        written = [each.value if isinstance(each, ast.Constant) else None for each in keys]
        return frozenset() if None in written else frozenset(written)

    @cached_property
    def asked(self) -> tuple[frozenset[str], ...]:
        """The strings and names that each condition mentions that may skip it; none if one asks for a variable."""
        asked = [part for header in self.headers for part in asked_by(header)]
        if "early return" in self.function:
            conditions = (each for each in ast.walk(self.definitions[-1]) if isinstance(each, ast.If))
            asked += [part for each in conditions for part in asked_by(each)]
        said = tuple(frozenset(mentioned(part)) for part in (*asked, *asked_by(self.node)))
        return () if any(each & _NAMESPACES for each in said) else said


class Statements(tuple[Statement, ...]):
    """Statements that may stand for one another."""

    @cached_property
    def obstacles(self) -> frozenset[Obstacle]:
        """The obstacles of all of them, and of the functions that they stand in."""
        return NOTHING.union(*(each.obstacles | each.function for each in self))

    @cached_property
    def share_a_line(self) -> bool:
        """True if one of them shares its line with another statement that calls something."""
        return any(each.shares_its_line for each in self)

    def guards_mention(self, words: Iterable[str], but_not: frozenset[str] = frozenset()) -> bool:
        """Return whether each condition that may skip one of them asks about one of these words, and not of others."""
        return any(
            all(said.intersection(words) and said.isdisjoint(but_not) for said in guards) for guards in self._asked
        )

    @cached_property
    def _asked(self) -> set[tuple[frozenset[str], ...]]:
        return {each.asked for each in self if each.asked}


def statements(tree: ast.Module, by_magic: bool) -> Iterator[Statement]:
    """Yield each statement, outer ones before those in them."""

    def walk(
        body: Iterable[ast.stmt],
        path: str,
        headers: tuple[ast.stmt, ...],
        definitions: tuple[ast.stmt, ...],
        parent: Statement | None,
        scope: Scope,
    ) -> Iterator[Statement]:
        for node in body:
            statement = Statement(node, path, headers, definitions, parent, scope)
            yield statement
            if isinstance(node, DEFINITIONS):
                within = Scope(node, scope) if isinstance(node, FUNCTIONS) else scope
                yield from walk(node.body, f"{path}.{node.name}", (), (*definitions, node), statement, within)
            elif hasattr(node, "body") or hasattr(node, "cases"):
                yield from walk(_inner(node), path, (*headers, node), definitions, statement, scope)

    yield from walk(tree.body, "", (), (), None, Scope(tree, by_magic=by_magic))


def magic_in(node: ast.stmt) -> str:
    """Return the magic that a statement executes, or assigns the result of; nothing if it is none."""
    constant = node.value if isinstance(node, (ast.Expr, ast.Assign, ast.AnnAssign)) else None
    text = constant.value if isinstance(constant, ast.Constant) else None
    return text if isinstance(text, str) and MAGIC.fullmatch(text) else ""


def keys_of(node: ast.AST) -> list[ast.expr | None]:
    """Return the keys at which an expression may write to a dict: by assignment, or by one of its methods."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
        return [node.slice]
    method = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
    if isinstance(node, ast.Call) and method in ("__setitem__", "setdefault"):
        return [*node.args[:1]]
    if isinstance(node, ast.Call) and method == "update":
        given = node.args[0] if node.args else None
        keywords = [ast.Constant(each.arg) if each.arg else None for each in node.keywords]
        return [*(given.keys if isinstance(given, ast.Dict) else node.args), *keywords]
    return []


def _inner(node: ast.AST) -> Iterator[ast.stmt]:
    """Yield the statements in a compound statement, which may be those of its `except` clauses and cases."""
    for field in ("body", "handlers", "cases", "orelse", "finalbody"):
        for part in getattr(node, field, ()):
            yield from (part,) if isinstance(part, ast.stmt) else _inner(part)


def _says(node: ast.stmt) -> Iterator[str]:
    """Yield what a statement says itself, without the statements in it."""
    yield type(node).__name__
    for _, value in ast.iter_fields(node):
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, (ast.stmt, ast.excepthandler, ast.match_case)):
                yield ast.dump(part) if isinstance(part, ast.AST) else str(part)
