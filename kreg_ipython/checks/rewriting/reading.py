"""Read single facts in the definitions of an optimizer: what it sets, adds, passes on and takes."""

from __future__ import annotations

import ast

from kreg_ipython.checks.rewriting.target import RATE_NAMES


def is_name(value: ast.expr, given: dict[str, ast.expr]) -> bool:
    """Return whether a value is the name of an optimizer: a text, or an argument whose default is one.

    Args:
        value: the value.
        given: the defaults of the constructor's arguments.
    """
    if isinstance(value, ast.JoinedStr):
        return True
    if isinstance(value, ast.Constant):
        return isinstance(value.value, str)
    if isinstance(value, ast.Name):
        default = given.get(value.id)
        return value.id == "name" or (isinstance(default, ast.Constant) and isinstance(default.value, str))
    return isinstance(value, ast.Attribute) and value.attr == "__name__"


def defaults(made: ast.FunctionDef) -> dict[str, ast.expr]:
    """Return the defaults of a function's arguments."""
    given = [*made.args.posonlyargs, *made.args.args]
    pairs = [*zip(given[len(given) - len(made.args.defaults) :], made.args.defaults)]
    pairs += [(each, value) for each, value in zip(made.args.kwonlyargs, made.args.kw_defaults) if value is not None]
    return {each.arg: value for each, value in pairs}


def parameters(made: ast.FunctionDef, *, of_class: bool = True) -> list[ast.arg]:
    """Return the arguments of a function, without ``self`` if it is a method."""
    return [*made.args.posonlyargs, *made.args.args, *made.args.kwonlyargs][1 if of_class else 0 :]


def super_call(made: ast.FunctionDef) -> ast.Call | None:
    """Return the call of the base's constructor; None without one."""
    for node in ast.walk(made):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".__init__"):
            return node
    return None


def rate_set_by(node: ast.stmt) -> ast.expr | None:
    """Return the learning rate that a statement of the constructor sets; None if it sets none."""
    found = _set_by(node)
    if isinstance(found, ast.Call) and found.args and ast.unparse(found.func).rpartition(".")[2].lower() == "variable":
        return found.args[0]
    return found


def _set_by(node: ast.stmt) -> ast.expr | None:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value
        if (
            ast.unparse(call.func) == "self._set_hyper"
            and len(call.args) == 2
            and isinstance(call.args[0], ast.Constant)
        ):
            return call.args[1] if call.args[0].value in RATE_NAMES else None
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
        target = node.targets[0]
        return node.value if ast.unparse(target.value) == "self" and target.attr in RATE_NAMES else None
    return None


def stored(tree: ast.ClassDef) -> list[str]:
    """Return the attributes and hyperparameters that a class sets."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            found.append(node.attr)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "self._set_hyper":
            found += [str(each.value) for each in node.args[:1] if isinstance(each, ast.Constant)]
    return [name for name in dict.fromkeys(found) if name not in ("name", "_name")]


def added_slots(tree: ast.ClassDef) -> list[str]:
    """Return the names that are given to ``add_slot``."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_slot":
            words = [*node.args[1:2], *(word.value for word in node.keywords if word.arg == "slot_name")]
            found += [word.value for word in words if isinstance(word, ast.Constant)]
    return [name for name in dict.fromkeys(found) if isinstance(name, str)]


def only_raises(old: ast.FunctionDef) -> bool:
    """Return whether a method says that it does nothing."""
    body = [each for each in old.body if not is_docstring(each)]
    return all(isinstance(each, (ast.Raise, ast.Pass)) for each in body)


def is_docstring(node: ast.stmt) -> bool:
    """Return whether a statement is a text."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
