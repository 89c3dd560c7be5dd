"""Find what may keep a call in a statement from being executed. Pure functions of syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Literal

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

Obstacles = frozenset[Obstacle]
NOTHING: Obstacles = frozenset()
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS = (ast.ClassDef, *FUNCTIONS)
OWN_NAMES = (*DEFINITIONS, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_CONDITIONS = {"If", "Try", "TryStar", "Match", "With", "AsyncWith"}  # `with suppress(…)` may end its body early
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_CALLERS: dict[str, set[Obstacle]] = {"map": {"loop"}, "filter": {"condition", "loop", "choice"}}
_PURE = {
    "chr",
    "dict",
    "enumerate",
    "frozenset",
    "getattr",
    "int",
    "len",
    "list",
    "map",
    "ord",
    "range",
    "reversed",
    "set",
}
_PURE |= {"sorted", "str", "tuple", "zip"}
"""The functions of Python's own that make the same of the same."""
_PURE_METHODS = {"get", "items", "keys", "values", *dir(str), *dir(tuple), *dir(frozenset)}
_PURE_METHODS -= {"difference", "symmetric_difference"}
"""The methods of Python's own that do so, without those that tell what is left."""
_TRANSPARENT = {"classmethod", "property", "staticmethod"}


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


def chooses(node: ast.stmt) -> Obstacles:
    """Return what of a statement's own expressions may keep a call in it from being executed: ``x or call()``."""
    found: set[Obstacle] = set()
    for each in expressions(node):
        chained = isinstance(each, ast.Compare) and len(each.ops) > 1  # 0 < x < call()
        if isinstance(each, (ast.BoolOp, ast.IfExp)) or chained:
            found |= {"condition"} if any(isinstance(part, ast.Call) for part in ast.walk(each)) else set()
        elif isinstance(each, ast.comprehension):
            found |= {"condition", "loop", "choice"} if each.ifs else _over(each.iter)
        elif isinstance(each, ast.Call) and isinstance(each.func, ast.Name):
            found |= _CALLERS.get(each.func.id, set())
    return frozenset(found)


def inside(node: ast.stmt) -> Obstacles:
    """Return the obstacles that a compound statement is to those in it."""
    if isinstance(node, ast.While):
        return frozenset({"loop", "condition", "choice"})
    if isinstance(node, (ast.For, ast.AsyncFor)):
        leaves = _may_leave(node, (ast.Continue, ast.Break), _LOOPS)
        return frozenset({"loop", "condition", "choice"}) if leaves else _over(node.iter)
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
    return frozenset(found | ({"cached"} if names - _TRANSPARENT else set()))


def _returns(node: ast.AST) -> Iterator[ast.Return]:
    """Yield the return statements in a function, not those of the functions in it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Return):
            yield child
        elif not isinstance(child, OWN_NAMES):
            yield from _returns(child)


def _over(iterable: ast.expr) -> Obstacles:
    """Return whether a loop over this goes through what the source itself lists."""
    if _is_listed(iterable):
        return frozenset({"listed"})
    return frozenset({"loop"} if _is_data(iterable) else {"loop", "choice"})


def _is_data(node: ast.AST) -> bool:
    """Return whether an expression is data as it is, and not what is left of it: ``names - done``, ``pending()``."""
    match node:
        case ast.Call():
            return _lists(node) and all(map(_is_data, _given(node)))
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts) | ast.BoolOp(values=parts):
            return all(map(_is_data, parts))
        case ast.BinOp(op=ast.Add() | ast.BitOr()):
            return _is_data(node.left) and _is_data(node.right)
        case ast.ListComp(generators=loops) | ast.SetComp(generators=loops) | ast.GeneratorExp(generators=loops):
            return all(_is_data(each.iter) and not each.ifs for each in loops)
        case ast.Starred():
            return _is_data(node.value)
    return isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.Dict, ast.Lambda))


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
