"""Translate the calls of TensorFlow's functions, of those of `keras.backend`, and of initializers."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from kreg_ipython.checks.rewriting.method import Method, Untranslatable
from kreg_ipython.checks.rewriting.syntax import expression
from kreg_ipython.checks.rewriting.tables import ASSIGNS, BACKEND, HOMES, OPERATIONS, UPDATES

DROPPED = frozenset({"use_locking", "read_value", "name"})
"""The arguments that mean nothing today."""


def shown(path: list[str]) -> str:
    """Return the path of a function of TensorFlow's as people write it."""
    return ".".join(["tf", *path[1:]])


class Frameworks:
    """Translates calls in one method.

    Args:
        method: the method that is being translated.
        visit: returns the translation of a node.
        plain: returns a call whose parts are translated, and nothing else.
    """

    def __init__(self, method: Method, visit: Callable[[ast.AST], Any], plain: Callable[[ast.Call], ast.expr]) -> None:
        self._method, self._target, self._visit, self._plain = method, method.target, visit, plain

    def translated(self, path: list[str], node: ast.Call) -> ast.expr:
        """Return the translation of a call of a function with this path."""
        name, of_backend = path[-1], "backend" in path[:-1]
        updates = UPDATES if of_backend else ASSIGNS
        if name in updates and any(each in path for each in ("tensorflow", "backend")):
            words = [word.value for word in node.keywords if word.arg and word.arg not in DROPPED]
            variable, value = (self._text(each) for each in [*node.args, *words][:2])
            return self._method.assign(updates[name], variable, value)
        if name == "group":
            for each in node.args:
                self._method.before += self._method.tidied(ast.Expr(self._visit(each)))
            return ast.Constant(None)
        if name == "no_op":
            return ast.Constant(None)
        if self._target.is_3 and "keras" in path and name in ("epsilon", "floatx"):
            return expression(f"{self._target.keras}.config.{name}()")
        if name in ("Variable", "variable") and {word.arg for word in node.keywords} <= {"trainable", "dtype", "name"}:
            return self._made_variable(node)
        if not self._target.is_3 or ("keras" in path[:2] and not of_backend):
            return self._plain(node)
        if of_backend and name == "sqrt":  # which knows no negative numbers
            return expression(f"{self._target.ops}.sqrt({self._target.ops}.maximum({self._text(node.args[0])}, 0))")
        if name.endswith("_initializer") or "initializers" in path:
            return self._initializer(name, node)
        known = (BACKEND if of_backend else OPERATIONS).get(name)
        return self._operation(known if {*path[1:-1]} <= HOMES else None, shown(path), node)

    def _initializer(self, name: str, node: ast.Call) -> ast.expr:
        kinds = {"constant_initializer": "Constant", "zeros_initializer": "Zeros", "ones_initializer": "Ones"}
        if name not in kinds:
            return self._plain(node)
        given = ", ".join(self._text(each) for each in node.args[:1])
        return expression(f"{self._target.keras}.initializers.{kinds[name]}({given})")

    def _made_variable(self, node: ast.Call) -> ast.expr:
        """Return a variable that is saved with the optimizer."""
        words = {str(word.arg): self._text(word.value) for word in node.keywords}
        value = node.args[0] if node.args else None
        number = isinstance(value, ast.Constant)
        if isinstance(value, ast.Constant) and type(value.value) is int:
            words = {"dtype": "'int32'" if self._target.is_3 else f"{self._target.tensorflow}.int32", **words}
        if self._target.is_3:
            given = [*map(self._text, node.args), *(f"{name}={text}" for name, text in words.items())]
            return expression(f"{self._target.keras}.Variable({', '.join(given)})")
        if not number or len(node.args) > 1:
            return self._plain(node)
        words.pop("trainable", None)
        initial = f"initializer={self._target.keras}.initializers.Constant({self._text(node.args[0])})"
        return expression(f"self.add_variable({', '.join(['()', initial, *(f'{k}={v}' for k, v in words.items())])})")

    def _text(self, node: ast.expr) -> str:
        return ast.unparse(self._visit(node))

    def _operation(self, found: tuple[str, str] | None, path: str, node: ast.Call) -> ast.expr:
        if found is None:
            return self._left(path, node)
        operation, parameters = found
        names = dict(pair.split("=") for pair in parameters.split())
        words = {word.arg: word.value for word in node.keywords if word.arg != "name"}
        if not {*words} <= {*names} or [*names][: len(node.args)].count("-") or len(node.args) > len(names):
            return self._left(path, node)
        if operation in ("where", "cond") and len(node.args) + len(words) < 3:
            return self._left(path, node)
        text = self._text_of_tensor if operation == "where" else self._text
        passed = [text(each) for each in node.args]
        passed += [f"{names[str(name)]}={text(value)}" for name, value in words.items()]
        return expression(f"{self._target.ops}.{operation}({', '.join(passed)})")

    def _text_of_tensor(self, node: ast.expr) -> str:
        """Return the text of an expression that must not be a variable: JAX's `where` takes none."""
        text = self._text(node)
        is_variable = text in {*self._method.slots, self._method.variable}
        return f"{self._target.ops}.convert_to_tensor({text})" if is_variable else text

    def _left(self, path: str, node: ast.Call) -> ast.expr:
        """Leave a call as it is, with TensorFlow; without it there is no translation."""
        if self._target.backend != "tensorflow":
            raise Untranslatable(f"{path} needs TensorFlow, the backend is {self._target.backend}")
        if not path.endswith(("IndexedSlices", "gather", "unique", "shape")):
            remark = f"{path} has no counterpart in keras.ops: this line needs the TensorFlow backend"
            self._method.remarks.append(remark)
        return self._plain(node)
