"""Find what may keep a call in a statement from being executed. Pure functions of syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, Literal

Obstacle = Literal[
    "condition",  # an `if`, a `try`, a `with` that may end its body early, `x or call()`, …
    "choice",  # a condition inside a loop: it may be executed for some only
    "loop",  # a loop over what the source does not list itself
    "listed",  # a loop over what it lists: it goes through all of it at each run, and is no obstacle by itself
    "early return",  # a function that may end before it
    "cached",  # a function that something else may stand in for: it is decorated, or a last resort
    "library",  # code that is not the user's
    "unknown",  # nobody saw how it was reached, or its text cannot be read
]

Obstacles = frozenset[Obstacle]
NOTHING: Obstacles = frozenset()
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS = (ast.ClassDef, *FUNCTIONS)
OWN_NAMES = (*DEFINITIONS, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_CONDITIONS = {"If", "Try", "TryStar", "Match", "With", "AsyncWith"}  # `with suppress(…)` may end its body early
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_CALLERS: dict[str, set[Obstacle]] = {"map": {"loop"}, "filter": {"condition", "loop", "choice"}}
_PURE = {"chr", "dict", "enumerate", "frozenset", "getattr", "int", "len", "list", "map", "ord", "range", "reversed"}
_PURE |= {"set", "sorted", "str", "tuple", "zip"}
"""The functions of Python's own that make the same of the same."""
_PURE_METHODS = {"get", "items", "keys", "values", *dir(str), *dir(tuple), *dir(frozenset)}
_PURE_METHODS -= {"difference", "symmetric_difference"}
"""The methods of Python's own that do so, without those that tell what is left."""
_TAKERS = {"clear", "difference_update", "discard", "pop", "popitem", "popleft", "remove"}
"""The methods that take something out of a container."""
_TRANSPARENT = {"classmethod", "property", "staticmethod"}
_LAST_RESORTS = {"__getattr__", "__missing__"}
"""The functions that Python calls for what is not there: afterwards it may be."""


class Scope:
    """The variables of a text, or of a function in it.

    Args:
        node: the text's tree, or the function.
        outer: what it stands in; None for a text.
        by_magic: whether a magic decides if the text is executed.
    """

    def __init__(self, node: ast.AST, outer: Scope | None = None, by_magic: bool = False) -> None:
        self._node, self._outer = node, outer
        self.by_magic: bool = outer.by_magic if outer is not None else by_magic

    def made(self, name: str) -> list[ast.expr | None]:
        """Return the values that the code gives a variable, and None if it takes something out of it."""
        found = self._made.get(name)
        return found if found is not None else self._outer.made(name) if self._outer is not None else []

    @cached_property
    def _made(self) -> dict[str, list[ast.expr | None]]:
        arguments = getattr(self._node, "args", None)
        names = [each.arg for each in ast.walk(arguments) if isinstance(each, ast.arg)] if arguments else []
        found: dict[str, list[ast.expr | None]] = {name: [] for name in names}
        for node in _inside(self._node):
            made: list[tuple[str, ast.expr | None]] = []
            match node:
                case ast.Assign(targets=targets, value=value):
                    made = [(each.id, value) for each in targets if isinstance(each, ast.Name)]
                case (
                    ast.AnnAssign(target=ast.Name(id=name), value=value)
                    | ast.NamedExpr(target=ast.Name(id=name), value=value)
                ):
                    made = [(name, value)] if value is not None else []
                case ast.AugAssign(target=ast.Name(id=name), op=ast.Sub()):
                    made = [(name, None)]
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if method in _TAKERS:
                    made = [(name, None)]
            for name, value in made:
                found.setdefault(name, []).append(value)
        return found


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes in a text or a function, without those of functions and classes in it."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, (*DEFINITIONS, ast.Lambda)):
            yield from _inside(child)


def together(around: Obstacles, new: Obstacles) -> Obstacles:
    """Add obstacles to those around; a condition in a loop is a choice."""
    everything = around | new
    choice: Obstacles = frozenset({"choice"} if "condition" in new and everything & {"loop", "listed"} else ())
    return everything | choice


def expressions(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is evaluated when a statement is executed, but for the statements in it.

    For a definition these are its decorators and bases. A lambda's expression counts: it may be called there.
    """
    parts: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, ast.ClassDef):
        parts = [*node.decorator_list, *node.bases, *node.keywords]
    elif isinstance(node, FUNCTIONS):
        parts = [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
    for child in parts:
        if not isinstance(child, (ast.stmt, ast.excepthandler, ast.match_case)):
            yield child
            yield from expressions(child)


def chooses(node: ast.stmt, scope: Scope) -> Obstacles:
    """Return what of a statement's own expressions may keep a call in it from being executed: ``x or call()``."""
    found: set[Obstacle] = set()
    for each in expressions(node):
        chained = isinstance(each, ast.Compare) and len(each.ops) > 1  # 0 < x < call()
        if isinstance(each, (ast.BoolOp, ast.IfExp)) or chained:
            found |= {"condition"} if any(isinstance(part, ast.Call) for part in ast.walk(each)) else set()
        elif isinstance(each, ast.comprehension):
            found |= {"condition", "loop", "choice"} if each.ifs else _over(each.iter, scope)
        elif isinstance(each, ast.Call) and isinstance(each.func, ast.Name):
            found |= _CALLERS.get(each.func.id, set())
    return frozenset(found | _left_to_write(node, scope))


def _left_to_write(node: ast.stmt, scope: Scope) -> set[Obstacle]:
    """Return the obstacles of a statement that writes what is left of something: ``objects.update(new)``."""
    given: list[ast.expr] = []
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
        given = node.value.args if node.value.func.attr == "update" else []
    elif isinstance(node, ast.AugAssign):
        given = [node.value]
    over = [_over(each, scope) for each in given]
    return set().union(*(each for each in over if "choice" in each))


def inside(node: ast.stmt, scope: Scope) -> Obstacles:
    """Return the obstacles that a compound statement is to those in it."""
    if isinstance(node, ast.While):
        return frozenset({"loop", "condition", "choice"})
    if isinstance(node, (ast.For, ast.AsyncFor)):
        leaves = _may_leave(node, (ast.Continue, ast.Break), _LOOPS)
        return frozenset({"loop", "condition", "choice"}) if leaves else _over(node.iter, scope)
    return frozenset({"condition"}) if type(node).__name__ in _CONDITIONS else NOTHING


def asked_by(node: ast.stmt) -> Iterator[ast.AST]:
    """Yield what decides whether the statements in a compound statement, or a call in a simple one, are executed."""
    if isinstance(node, (ast.If, ast.While)):
        yield node.test
    elif isinstance(node, ast.Match):
        yield node.subject
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        yield from node.items
    elif type(node).__name__ in ("Try", "TryStar"):
        yield from node.body  # type: ignore[attr-defined]
    elif not isinstance(node, DEFINITIONS):
        yield from (each for each in expressions(node) if isinstance(each, (ast.BoolOp, ast.IfExp)))


def mentioned(node: ast.AST) -> set[str]:
    """Return the strings, names and attributes in a part of a statement."""
    return set().union(*map(said_by, ast.walk(node)))


def said_by(node: ast.AST) -> set[str]:
    """Return the string, name or attribute that a node is."""
    said = getattr(node, "value" if isinstance(node, ast.Constant) else "attr", getattr(node, "id", None))
    return {said} if isinstance(said, str) else set()


def of_function(
    node: ast.FunctionDef | ast.AsyncFunctionDef, statement: ast.stmt, headers: Iterable[ast.stmt]
) -> Obstacles:
    """Return the obstacles of a function to one of its statements: it may return before, or be decorated.

    Args:
        node: the function.
        statement: the statement.
        headers: the compound statements that the statement stands in.
    """
    loop = next((each for each in headers if isinstance(each, _LOOPS)), statement)
    ends = loop.end_lineno if loop is not statement and loop.end_lineno else statement.lineno - 1
    leaves = any(each.lineno <= ends for each in _returns(node))
    yields = any(_may_leave(child, (ast.Yield, ast.YieldFrom), ()) for child in node.body)  # who knows how far it goes
    found: set[Obstacle] = {"early return"} if leaves or yields else set()
    names = {ast.unparse(each).rpartition(".")[2] for each in node.decorator_list}
    cached = bool(names - _TRANSPARENT) or node.name in _LAST_RESORTS
    return frozenset(found | ({"cached"} if cached else set()))


def _returns(node: ast.AST) -> Iterator[ast.Return]:
    """Yield the return statements in a function, not those of the functions in it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Return):
            yield child
        elif not isinstance(child, OWN_NAMES):
            yield from _returns(child)


def _over(iterable: ast.expr, scope: Scope) -> Obstacles:
    """Return whether a loop over this goes through what the source itself lists."""
    if _is_listed(iterable):
        return frozenset({"listed"})
    return frozenset({"loop"} if _is_data(iterable, scope) else {"loop", "choice"})


def _is_data(node: ast.AST | None, scope: Scope, known: frozenset[str] = frozenset()) -> bool:
    """Return whether an expression is data as it is, and not what is left of it: ``names - done``, ``pending()``.

    Args:
        node: the expression; None for what something is taken out of.
        scope: what tells the values of variables.
        known: the variables that are being looked at.
    """
    parts: list[Any]
    match node:
        case ast.Name(id=name):
            parts, known = scope.made(name) if name not in known else [], known | {name}
        case ast.Call():
            parts = _given(node) if _lists(node) else [None]
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts) | ast.BoolOp(values=parts):
            pass
        case ast.BinOp(op=ast.Add() | ast.BitOr()):
            parts = [node.left, node.right]
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            parts = [None if each.ifs else each.iter for each in node.generators]
        case ast.Subscript(slice=ast.Slice(lower=start)):
            parts = [None] if start is not None and _asks_for_a_variable(start) else []
        case ast.Starred():
            parts = [node.value]
        case _:
            return isinstance(node, (ast.Attribute, ast.Subscript, ast.Constant, ast.Dict, ast.Lambda))
    return all(_is_data(each, scope, known) for each in parts)


def _is_listed(node: ast.expr) -> bool:
    if not _asks_for_a_variable(node):
        return True
    if isinstance(node, ast.Call):
        return _lists(node) and all(map(_is_listed, _given(node)))
    listed = isinstance(node, (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.Constant))
    return listed and not any(isinstance(each, ast.Starred) for each in ast.walk(node))


def _asks_for_a_variable(node: ast.expr) -> bool:
    """Return whether an expression asks for more than functions of Python's own: ``"a b".split()`` does not."""
    parts = [*ast.walk(node)]
    names = [each for each in parts if isinstance(each, ast.Name)]
    calls = [each for each in parts if isinstance(each, ast.Call)]
    functions = [each.func for each in calls] + [
        part for each in calls if _called_name(each) in _CALLERS for part in each.args[:1]
    ]
    called = {id(each) for each in functions if getattr(each, "id", "") in _PURE}
    looped = [part for each in parts if isinstance(each, ast.comprehension) for part in ast.walk(each.iter)]
    own = {each.id for each in names if isinstance(each.ctx, ast.Store)} - {getattr(each, "id", "") for each in looped}
    waits = any(isinstance(each, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)) for each in parts)
    return waits or not all(id(each) in called or each.id in own for each in names)


def _lists(call: ast.Call) -> bool:
    """Return whether a call makes something of what it is given, and of nothing else: ``enumerate(names)``."""
    if isinstance(call.func, ast.Attribute):
        takes = call.func.attr == "get" and not call.args  # from a queue
        return call.func.attr in _PURE_METHODS and not takes
    return _called_name(call) in _PURE


def _called_name(call: ast.Call) -> str:
    return str(getattr(call.func, "id", ""))


def _given(call: ast.Call) -> list[ast.expr]:
    """Return what a call is given: the object of a method, too."""
    given = [*call.args, *(each.value for each in call.keywords)]
    return given + ([call.func.value] if isinstance(call.func, ast.Attribute) else [])


def _may_leave(node: ast.AST, by: tuple[type[ast.AST], ...], inner: tuple[type[ast.stmt], ...]) -> bool:
    """Return whether such a statement stands in a node that is no definition.

    Definitions in the node, and statements of the ``inner`` kinds, are not looked into.
    """
    if isinstance(node, OWN_NAMES):
        return False
    children = [child for child in ast.iter_child_nodes(node) if not isinstance(child, inner)]
    return any(isinstance(child, by) or _may_leave(child, by, inner) for child in children)
