"""Tell what a statement changes, by its text. Pure."""

from __future__ import annotations

import ast

from kreg_ipython.export.harmless import WRITERS


def sets_attribute_of(node: ast.stmt, name: str) -> bool:
    """Return whether a statement sets an attribute of a variable."""
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    return isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == name


def registers_with(node: ast.stmt, name: str) -> str:
    """Return by which method a statement tells something to what a variable holds; empty if it does not.

    It is that of a decorator, ``@area.register(Square)``, or one of a few that complete a definition.
    """
    calls = [node.value] if isinstance(node, ast.Expr) else getattr(node, "decorator_list", ())
    for each in calls:
        callee = each.func if isinstance(each, ast.Call) else each
        if isinstance(callee, ast.Attribute) and _root(callee) == name:
            return callee.attr if not isinstance(node, ast.Expr) or callee.attr in _COMPLETES else ""
    return ""


_COMPLETES = {"register", "defvjp", "defjvp", "defjvps"}
"""The methods by which Python's and JAX's definitions are told more."""
_CHANGERS = {
    *(*WRITERS, "appendleft", "clear", "discard", "extendleft", "fill", "itemset", "partition", "pop", "popitem"),
    *("popleft", "put", "remove", "resize", "reverse", "setfield", "setflags", "sort", "subtract"),
}
"""The methods that change an object."""


def changes(node: ast.AST, name: str) -> bool:
    """Return whether a statement, or a function in it, changes what a variable holds: ``W[1] = 2``, ``W.fill(0)``."""
    for each in ast.walk(node):
        if isinstance(each, (ast.Attribute, ast.Subscript)) and isinstance(each.ctx, (ast.Store, ast.Del)):
            changed: ast.expr = each
        elif isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr in _CHANGERS:
            changed = each.func.value
        else:
            continue
        if _root(changed) == name:
            return True
    return False


def _root(node: ast.expr) -> str:
    """Return the variable in a chain of attributes and keys; empty if there is none."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


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
