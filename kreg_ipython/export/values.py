"""Tell what executing an assignment once more would give a variable, without changing anything."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import FunctionType, ModuleType
from typing import Any

from kreg_ipython.export import literals
from kreg_ipython.export.harmless import WRITERS, Judge
from kreg_ipython.export.items import Item

ABSENT = object()
MUTABLE = (dict, list, set)
_LIBRARIES = ("builtins", "collections", "types")
"""The modules of what is called once more."""


class Values:
    """Compares what statements say with the values that variables have.

    Args:
        namespace: the variables.
        judge: tells what is called.
        home: the module of the notebook's classes.
    """

    def __init__(self, namespace: Mapping[str, Any], judge: Judge, home: str) -> None:
        self._namespace, self._judge, self._home = namespace, judge, home

    def comes_to(self, item: Item, name: str, live: Any) -> bool:
        """Return whether executing a statement once more gives a variable the value that it has."""
        if isinstance(item.node, ast.AugAssign):
            return False
        if not literals.is_plain(live) and not isinstance(live, MUTABLE) and type(live).__module__ != self._home:
            return True  # a class, a function, what a library made
        made = self._evaluated(item.node, name)
        return made is not ABSENT and literals.same(made, live)

    def _evaluated(self, node: ast.stmt, name: str) -> Any:
        """Return what an assignment would give a variable; nothing if it calls more than Python's own types."""
        value, at = assigned(node, name)
        if value is None:
            return ABSENT
        if not all(self._is_simple(each.func) for each in ast.walk(value) if isinstance(each, ast.Call)):
            return ABSENT
        if not all(map(self._is_at_rest, ast.walk(value))):
            return ABSENT
        try:
            made = eval(compile(ast.Expression(value), "<kreg>", "eval"), dict(self._namespace))
            return made if at is None else list(made)[at]
        except Exception:  # what it reads has changed since
            return ABSENT

    def _is_simple(self, function: ast.expr) -> bool:
        """Return whether a call makes a value of Python's own, or an object of a class of the notebook's."""
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Constant):
            return True  # "a b c".split()
        try:
            callee = self._judge.value(function)
        except KeyError:
            return False
        home = getattr(callee, "__module__", None)
        return home in _LIBRARIES or (home == self._home and isinstance(callee, type))

    def _is_at_rest(self, node: ast.AST) -> bool:
        """Return whether reading this changes nothing: no iterator, no property, no item of an unknown container."""
        if isinstance(node, ast.Attribute) and not isinstance(node.value, ast.Constant):
            try:
                self._judge.value(node)
            except KeyError:
                return False
        live = self._namespace.get(node.id) if isinstance(node, ast.Name) else None
        kinds = (ModuleType, FunctionType, type, *MUTABLE, tuple)
        return literals.is_plain(live) or isinstance(live, kinds)

    def replayed(self, statements: list[Item]) -> Any:
        """Return what a container is that the first statement makes, and the others fill."""
        value, _ = assigned(statements[0].node, next(iter(statements[0].names.binds)))
        if not isinstance(value, (ast.Dict, ast.List, ast.Set, ast.Call)):
            return ABSENT  # another variable's own
        scratch = dict(self._namespace)
        name = next(iter(statements[0].names.binds))
        try:
            for each in statements:
                exec(compile(ast.Module([each.node], []), "<kreg>", "exec"), scratch)
            return scratch[name]
        except Exception:  # what they read has changed since
            return ABSENT


def assigned(node: ast.stmt, name: str) -> tuple[ast.expr | None, int | None]:
    """Return the expression that an assignment gives a variable, and which of its values."""
    if isinstance(node, ast.AnnAssign):
        return node.value, None
    if not isinstance(node, ast.Assign):
        return None, None
    for target in node.targets:
        if isinstance(target, ast.Name) and target.id == name:
            return node.value, None
        if isinstance(target, (ast.Tuple, ast.List)) and all(isinstance(each, ast.Name) for each in target.elts):
            names = [each.id for each in target.elts if isinstance(each, ast.Name)]
            if name in names:
                return node.value, names.index(name)
    return None, None


def sets_attribute_of(node: ast.stmt, name: str) -> bool:
    """Return whether a statement sets an attribute of a variable."""
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    return isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == name


def writes_to(node: ast.stmt, name: str) -> bool:
    """Return whether a statement writes to a container: at a key, by a method, by ``|=``."""
    if isinstance(node, ast.AugAssign):
        target: ast.AST = node.target.value if isinstance(node.target, ast.Subscript) else node.target
        return isinstance(target, ast.Name) and target.id == name
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
        owner = node.value.func.value
        return node.value.func.attr in WRITERS and isinstance(owner, ast.Name) and owner.id == name
    return any(
        isinstance(each, ast.Subscript) and isinstance(each.value, ast.Name) and each.value.id == name
        for each in (node.targets if isinstance(node, ast.Assign) else ())
    )


def written(node: ast.stmt) -> list[ast.expr]:
    """Return the expressions that such a statement executes."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return [*node.value.args, *(each.value for each in node.value.keywords)]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
    return [node.value, *(each.slice for each in targets if isinstance(each, ast.Subscript))]  # type: ignore[attr-defined]
