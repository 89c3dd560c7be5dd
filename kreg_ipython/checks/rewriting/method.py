"""Know one method that is being translated, and write what changes a variable in it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from kreg_ipython.checks.rewriting.syntax import expression, is_inert, is_text
from kreg_ipython.checks.rewriting.tables import ASSIGNS
from kreg_ipython.checks.rewriting.target import Target


class Untranslatable(Exception):
    """A statement has no counterpart; the message says why."""


@dataclass
class Method:
    """One method that is being translated.

    Attributes:
        target: what the translation is for.
        node: the method as the user wrote it.
        rate: the expression for the learning rate in this method.
        state: the name of the coefficients in this method; None if it has none.
        variable: the name of the variable in this method; None if it has none.
        is_step: whether what it returns is of no use.
        before: the statements that come before the one that is being translated.
        remarks: the comments that come before it.
        slots: the names that hold slots.
        inside: in how many expressions that may not be evaluated it stands. What assigns there, stays there.
    """

    target: Target
    node: ast.FunctionDef
    rate: str = "self.learning_rate"
    state: str | None = None
    variable: str | None = None
    is_step: bool = False
    before: list[ast.stmt] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    slots: set[str] = field(default_factory=set)
    inside: int = 0

    def attribute(self, name: str) -> str:
        """Return what an attribute or a hyperparameter of the user's is called now."""
        return {"_name": "name", **self.target.attributes}.get(name, name)

    def is_state(self, node: ast.AST) -> bool:
        """Return whether an expression is the name of the coefficients."""
        return self.state is not None and isinstance(node, ast.Name) and node.id == self.state

    def assign(self, how: str, variable: str, value: str) -> ast.expr:
        """Assign to a variable; the expression that is returned has its value."""
        if not self.target.is_3:
            return expression(f"{variable}.{how}({value})")
        call = expression(f"self.{ASSIGNS[how]}({variable}, {value})")
        if self.inside:
            return call
        self.before.append(ast.Expr(call))
        return expression(variable)

    def take_step(self, call: str) -> ast.expr:
        """Call another step; what it returns is of no use to a step."""
        if self.inside or not self.is_step:
            return expression(call)
        self.before.append(ast.Expr(expression(call)))
        return ast.Constant(None)

    def tidied(self, new: ast.stmt) -> list[ast.stmt]:
        """Leave out what has no effect once the assignments stand for themselves."""
        if isinstance(new, ast.Expr) and is_inert(new.value) and not ast.unparse(new).startswith("#"):
            return [new] if is_text(new.value) else []
        if isinstance(new, ast.Assign) and [ast.unparse(each) for each in new.targets] == [ast.unparse(new.value)]:
            return []
        if isinstance(new, ast.Return) and self.is_step and new.value and is_inert(new.value):
            return [ast.Return(None)]
        return [new]

    def decayed_rate(self, dtype: str) -> str:
        """Return the text of the learning rate, decayed if the class has the argument ``decay``."""
        return f"self._decayed_lr({dtype})" if self.target.decays else self.target.cast(self.rate, dtype)

    def coefficients(self, dtype: str) -> str:
        """Return the text of the coefficients that the framework's base has."""
        known = {"lr_t": self.decayed_rate(dtype)}
        known.update({key: text.replace("{dtype}", dtype) for key, text in self.target.coefficients.items()})
        return f"{{{', '.join(f'{key!r}: {text}' for key, text in known.items())}}}"
