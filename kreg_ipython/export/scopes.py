"""Tell which global names a statement binds, and which it reads: when it is executed, or later. Pure.

It follows the scopes of Python: functions see the functions around them and no class; a class body sees its own names
once they are bound; the first iterable of a comprehension belongs to the scope around it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True)
class Names:
    """The global names of a statement.

    Attributes:
        binds: what it binds when it is executed.
        now: what it reads when it is executed, and does not bind before.
        later: what the functions in it read when they are called.
        quoted: what annotations name that are not evaluated, or not for certain.
        binds_later: what the functions in it bind, which say ``global``.
        chains: the dotted names in it: ``keras.layers.Layer``.
        star: the modules of which it imports everything.
        called: what it calls when it is executed: decorators, metaclasses, functions.
    """

    binds: frozenset[str]
    now: frozenset[str]
    later: frozenset[str]
    quoted: frozenset[str]
    binds_later: frozenset[str]
    chains: frozenset[str]
    star: frozenset[str]
    called: frozenset[str]


def names(statement: ast.stmt, *, annotations_are_text: bool = False) -> Names:
    """Return the global names of a statement that stands in the body of a module.

    Args:
        statement: the statement.
        annotations_are_text: whether ``from __future__ import annotations`` is in effect.
    """
    reader = _Reader(annotations_are_text)
    reader.visit(statement, _Scope("module"))
    return Names(
        frozenset(reader.binds),
        frozenset(reader.now),
        frozenset(reader.later),
        frozenset(reader.quoted),
        frozenset(reader.binds_later),
        frozenset(_chains(statement)),
        frozenset(reader.star),
        frozenset(reader.called),
    )


@dataclass
class _Scope:
    """A scope: of a module or class the names that are bound so far, of a function all its names.

    Attributes:
        kind: what it is the scope of; type parameters have one, too.
        names: see above.
        all_names: all names that a class body binds.
        says_global: the names that it says are global.
        around: the scope around it.
        is_later: whether what stands in it is executed by a call.
        in_class: the name of the innermost class, by which private names are mangled.
    """

    kind: Literal["module", "class", "function", "comprehension", "types"]
    names: set[str] = field(default_factory=set)
    all_names: set[str] = field(default_factory=set)
    says_global: set[str] = field(default_factory=set)
    around: _Scope | None = None
    is_later: bool = False
    in_class: str = ""


class _Reader:
    """Walks through a statement in the order of its execution."""

    def __init__(self, annotations_are_text: bool) -> None:
        self._annotations_are_text = annotations_are_text
        self._bound: set[str] = set()
        self.binds: set[str] = set()
        self.now: set[str] = set()
        self.later: set[str] = set()
        self.quoted: set[str] = set()
        self.binds_later: set[str] = set()
        self.star: set[str] = set()
        self.called: set[str] = set()

    def visit(self, node: Any, scope: _Scope) -> None:
        """Read a node, or each of several."""
        if isinstance(node, (list, tuple)):
            for each in node:
                self.visit(each, scope)
        elif isinstance(node, _COMPREHENSIONS):
            self._comprehension(node, scope)
        elif isinstance(node, ast.AST):
            special = getattr(self, f"_{type(node).__name__}", None)
            special(node, scope) if special is not None else self.visit(list(ast.iter_child_nodes(node)), scope)

    # -- names

    def _Name(self, node: ast.Name, scope: _Scope) -> None:
        if isinstance(node.ctx, ast.Store):
            self._bind(node.id, scope)
        else:
            self._read(node.id, scope)

    def _read(self, name: str, scope: _Scope, found: set[str] | None = None) -> None:
        """Note a global name that is read; a name of a scope is none."""
        name = _mangled(name, scope)
        here: _Scope | None = scope
        while here is not None and here.kind != "module":
            if name in here.says_global or (here.kind == "class" and here is scope and name in here.all_names):
                if name in here.names:
                    return
                break
            if here.kind != "class" and name in here.names:
                return
            here = here.around
        if found is not None:
            found.add(name)
        elif scope.is_later:
            self.later.add(name)
        elif name not in self._bound:
            self.now.add(name)

    def _bind(self, name: str, scope: _Scope) -> None:
        name = _mangled(name, scope)
        is_global = scope.kind == "module" or name in scope.says_global
        if is_global and scope.is_later:
            self.binds_later.add(name)
        elif is_global:
            self.binds.add(name)
            self._bound.add(name)
        elif scope.kind == "class":
            scope.names.add(name)

    def _NamedExpr(self, node: ast.NamedExpr, scope: _Scope) -> None:
        self.visit(node.value, scope)
        while scope.kind == "comprehension" and scope.around is not None:
            scope = scope.around
        self._bind(node.target.id, scope)

    def _Call(self, node: ast.Call, scope: _Scope) -> None:
        self._calling(node.func, scope)
        self.visit(list(ast.iter_child_nodes(node)), scope)

    def _calling(self, callee: ast.expr, scope: _Scope) -> None:
        while isinstance(callee, ast.Attribute):
            callee = callee.value
        if isinstance(callee, ast.Name) and not scope.is_later:
            self.called.add(callee.id)

    def _Global(self, node: ast.Global, scope: _Scope) -> None:
        scope.says_global.update(node.names)

    # -- statements whose parts are executed in another order than they are written in

    def _Assign(self, node: ast.Assign, scope: _Scope) -> None:
        self.visit(node.value, scope)
        self.visit(node.targets, scope)

    def _AugAssign(self, node: ast.AugAssign, scope: _Scope) -> None:
        if isinstance(node.target, ast.Name):
            self._read(node.target.id, scope)
        self.visit([node.value, node.target], scope)

    def _AnnAssign(self, node: ast.AnnAssign, scope: _Scope) -> None:
        if scope.kind in ("module", "class"):
            self._annotation(node.annotation, scope)
        else:
            self._quoted(node.annotation, scope)
        if node.value is not None:
            self.visit([node.value, node.target], scope)
        elif not isinstance(node.target, ast.Name):
            self.visit(node.target, scope)

    def _For(self, node: ast.For | ast.AsyncFor, scope: _Scope) -> None:
        self.visit([node.iter, node.target, node.body, node.orelse], scope)

    _AsyncFor = _For

    def _ExceptHandler(self, node: ast.ExceptHandler, scope: _Scope) -> None:
        self.visit(node.type, scope)
        if node.name and scope.kind == "module":
            self._bound.add(node.name)  # for the clause: it is deleted after it
        elif node.name:
            self._bind(node.name, scope)
        self.visit(node.body, scope)

    def _Import(self, node: ast.Import, scope: _Scope) -> None:
        for alias in node.names:
            self._bind(alias.asname or alias.name.partition(".")[0], scope)

    def _ImportFrom(self, node: ast.ImportFrom, scope: _Scope) -> None:
        for alias in node.names:
            if alias.name == "*":
                self.star.add(node.module or "")
            else:
                self._bind(alias.asname or alias.name, scope)

    def _MatchAs(self, node: ast.MatchAs | ast.MatchStar, scope: _Scope) -> None:
        self.visit(list(ast.iter_child_nodes(node)), scope)
        if node.name:
            self._bind(node.name, scope)

    _MatchStar = _MatchAs

    def _MatchMapping(self, node: ast.MatchMapping, scope: _Scope) -> None:
        self.visit(list(ast.iter_child_nodes(node)), scope)
        if node.rest:
            self._bind(node.rest, scope)

    # -- scopes

    def _comprehension(self, node: Any, scope: _Scope) -> None:
        first, *others = node.generators
        self.visit(first.iter, scope)
        inner = self._inside(scope, "comprehension", set(_bound_by([each.target for each in node.generators])))
        self.visit([first.target, first.ifs], inner)
        for each in others:
            self.visit([each.iter, each.target, each.ifs], inner)
        self.visit([node.key, node.value] if isinstance(node, ast.DictComp) else node.elt, inner)

    def _Lambda(self, node: ast.Lambda, scope: _Scope) -> None:
        self._defaults(node.args, scope)
        self._function(node.args, [ast.Expr(node.body)], scope)

    def _FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: _Scope) -> None:
        for each in node.decorator_list:
            self._calling(each, scope)
        self.visit(node.decorator_list, scope)
        self._defaults(node.args, scope)
        outer = self._types(node, scope)
        for parameter in _arguments(node.args):
            self._annotation(parameter.annotation, outer)
        self._annotation(node.returns, outer)
        if outer is scope:
            self._bind(node.name, scope)
        self._function(node.args, node.body, outer)
        if outer is not scope:
            self._bind(node.name, scope)

    _AsyncFunctionDef = _FunctionDef

    def _function(self, args: ast.arguments, body: list[Any], scope: _Scope) -> None:
        outer = {name for each in body for name in _said_outer(each)}
        local = {each.arg for each in _arguments(args)} | (set(_bound_by(body)) - outer)
        inner = self._inside(scope, "function", local, is_later=True)
        inner.says_global = {name for each in body for name in _said_outer(each, ast.Global)}
        self.visit(body, inner)

    def _defaults(self, args: ast.arguments, scope: _Scope) -> None:
        self.visit([*args.defaults, *filter(None, args.kw_defaults)], scope)

    def _ClassDef(self, node: ast.ClassDef, scope: _Scope) -> None:
        for each in [*node.decorator_list, *(each.value for each in node.keywords)]:
            self._calling(each, scope)
        self.visit(node.decorator_list, scope)
        outer = self._types(node, scope)
        self.visit([node.bases, node.keywords], outer)
        inner = self._inside(outer, "class", set())
        inner.all_names = set(_bound_by(node.body)) | {"__module__", "__qualname__"}
        inner.names = {"__module__", "__qualname__"}
        inner.in_class = node.name
        inner.all_names = {_mangled(name, inner) for name in inner.all_names}
        self.visit(node.body, inner)
        self._bind(node.name, scope)

    def _TypeAlias(self, node: Any, scope: _Scope) -> None:
        self._bind(node.name.id, scope)
        outer = self._types(node, scope)
        self.visit(node.value, self._inside(outer, "types", set(), is_later=True))

    def _types(self, node: Any, scope: _Scope) -> _Scope:
        """Return the scope of a definition's type parameters; the scope around it if there are none."""
        params = getattr(node, "type_params", [])
        if not params:
            return scope
        inner = self._inside(scope, "types", {each.name for each in params})
        later = self._inside(inner, "types", set(), is_later=True)
        for each in params:
            self.visit(list(ast.iter_child_nodes(each)), later)
        return inner

    @staticmethod
    def _inside(scope: _Scope, kind: Any, local: set[str], *, is_later: bool = False) -> _Scope:
        inner = _Scope(kind, set(), around=scope, is_later=scope.is_later or is_later, in_class=scope.in_class)
        inner.names = {_mangled(name, inner) for name in local}
        return inner

    # -- annotations

    def _annotation(self, node: ast.expr | None, scope: _Scope) -> None:
        if node is None:
            return
        if not self._annotations_are_text:
            self.visit(node, scope)
        self._quoted(node, scope, strings_only=not self._annotations_are_text)

    def _quoted(self, node: ast.expr, scope: _Scope, *, strings_only: bool = False) -> None:
        """Note what an annotation names that is not evaluated; what stands in a string is code, too."""
        for each in _of_annotation(node):
            if isinstance(each, ast.Name) and not strings_only:
                self._read(each.id, scope, self.quoted)
            elif isinstance(each, ast.Constant) and isinstance(each.value, str):
                with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
                    self._quoted(ast.parse(each.value.strip(), mode="eval").body, scope)


def _of_annotation(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of an annotation, without the strings in ``Literal["a"]``, which are no code."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(node, ast.Subscript) and child is node.slice and ast.unparse(node.value).endswith("Literal"):
            continue
        yield from _of_annotation(child)


def _arguments(args: ast.arguments) -> list[ast.arg]:
    """Return all parameters of a function."""
    all_of_them = (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg)
    return [each for each in all_of_them if each is not None]


def _bound_by(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the names that are bound in a scope, not those of the scopes in it."""
    for node in nodes:
        if isinstance(node, _COMPREHENSIONS):
            inside = (each for each in _same_function(node) if isinstance(each, ast.NamedExpr))
            yield from (each.target.id for each in inside)
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            yield node.id
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (each.asname or each.name.partition(".")[0] for each in node.names)
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            yield node.name
        elif isinstance(node, ast.MatchMapping) and node.rest:
            yield node.rest
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        yield from _bound_by(_outside(node))


def _outside(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the children of a node that belong to the scope that it stands in."""
    if isinstance(node, _FUNCTIONS):
        yield from [*node.args.defaults, *filter(None, node.args.kw_defaults)]
        yield from getattr(node, "decorator_list", [])
    elif isinstance(node, ast.ClassDef):
        yield from [*node.decorator_list, *node.bases, *node.keywords]
    else:
        yield from ast.iter_child_nodes(node)


def _same_function(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and those in it, but not those in functions and classes."""
    yield node
    for child in _outside(node):
        yield from _same_function(child)


def _said_outer(node: ast.AST, kind: Any = (ast.Global, ast.Nonlocal)) -> Iterator[str]:
    """Yield the names that a function says are not its own."""
    for each in _same_function(node):
        if isinstance(each, kind):
            yield from each.names


def _mangled(name: str, scope: _Scope) -> str:
    if not scope.in_class.strip("_") or not name.startswith("__") or name.endswith("__"):
        return name
    return f"_{scope.in_class.lstrip('_')}{name}"


def _chains(node: ast.AST) -> Iterator[str]:
    """Yield the dotted names in a node, the longest ones only."""
    if isinstance(node, ast.Attribute):
        parts: list[str] = []
        part: ast.expr = node
        while isinstance(part, ast.Attribute):
            parts.append(part.attr)
            part = part.value
        if isinstance(part, ast.Name):
            yield ".".join([part.id, *reversed(parts)])
            return
    for child in ast.iter_child_nodes(node):
        yield from _chains(child)
