"""Translate the statements of an optimizer's method that was written for the slots of Keras 2."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable

from kreg_ipython.checks.rewriting.former_base import FormerBase, Given
from kreg_ipython.checks.rewriting.frameworks import DROPPED, Frameworks, shown
from kreg_ipython.checks.rewriting.method import Method, Untranslatable
from kreg_ipython.checks.rewriting.syntax import (
    assigns,
    branched,
    comment,
    expression,
    is_text,
    statements,
    without_aliases,
)
from kreg_ipython.checks.rewriting.tables import ASSIGNS
from kreg_ipython.checks.rewriting.target import RATE_NAMES

_TYPES = frozenset({"float16", "float32", "float64", "bfloat16", "int32", "int64", "bool"})
_RAW = ("raw_ops", "training_ops", "gen_training_ops")


class Translator(ast.NodeTransformer):
    """Translates the statements of one method.

    Args:
        method: the method, and what is known of it.

    Attributes:
        missed: why statements were not translated.
    """

    def __init__(self, method: Method) -> None:
        self._method, self._target = method, method.target
        self._former, self._frameworks = FormerBase(method), Frameworks(method, self.visit, self._call)
        self.missed: list[str] = []

    def body(self) -> list[ast.stmt]:
        """Return the translated statements of the method."""
        found = self.block(copy.deepcopy(self._method.node.body))
        while found and self._method.is_step and isinstance(found[-1], ast.Return) and found[-1].value is None:
            found.pop()
        return without_aliases(found) or [ast.Pass()]

    # -- statements

    def block(self, body: Iterable[ast.stmt]) -> list[ast.stmt]:
        """Translate statements, one after another."""
        return [new for each in body for new in self._statement(each)]

    def _statement(self, old: ast.stmt) -> list[ast.stmt]:
        method = self._method
        outer, method.before, method.remarks = (method.before, method.remarks), [], []
        text = ast.unparse(old)
        try:
            new = self.visit(branched(old) if self._target.is_3 else old)
            made = new if isinstance(new, list) else [new]
            remarks = [line for each in dict.fromkeys(method.remarks) for line in comment(each)]
            return [*remarks, *method.before, *(kept for each in made for kept in method.tidied(each))]
        except Untranslatable as reason:
            self.missed.append(str(reason))
            return [
                *comment(f"not translated: {reason}\n{text}"),
                *statements("raise NotImplementedError('the statement above is not translated')"),
            ]
        finally:
            method.before, method.remarks = outer

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        """Translate a call of ``_set_hyper`` into an assignment."""
        call = node.value
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "self._set_hyper" and len(call.args) == 2:
            name, value = call.args
            if not isinstance(name, ast.Constant):
                return statements(f"setattr(self, {ast.unparse(name)}, {ast.unparse(self.visit(value))})")[0]
            return statements(f"self.{self._method.attribute(str(name.value))} = {ast.unparse(self.visit(value))}")[0]
        return self._plain(node)

    def visit_Assign(self, node: ast.Assign) -> ast.stmt | list[ast.stmt]:
        """Translate an assignment, and remember which names are slots."""
        target = node.targets[0]
        if self._target.is_3 and isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            values = node.value.elts
            if any(isinstance(value, ast.Attribute) and value.attr == "device" for value in values):
                each = [ast.Assign([name], value, lineno=1) for name, value in zip(target.elts, values)]
                return [new for one in each for new in self._listed(self.visit(one))]
        if isinstance(target, ast.Name) and "get_slot" in ast.unparse(node.value):
            self._method.slots.add(target.id)
        return self._plain(node)

    def _plain(self, node: ast.stmt) -> ast.stmt:
        new = super().generic_visit(node)
        assert isinstance(new, ast.stmt)
        return new

    def _listed(self, new: ast.stmt | list[ast.stmt]) -> list[ast.stmt]:
        return new if isinstance(new, list) else [new]

    def visit_If(self, node: ast.If) -> ast.stmt:
        """Translate both branches."""
        node.test = self.visit(node.test)
        node.body, node.orelse = self.block(node.body) or [ast.Pass()], self.block(node.orelse)
        return node

    def visit_For(self, node: ast.For) -> ast.stmt:
        """Translate the body of a loop."""
        node.iter = self.visit(node.iter)
        node.body, node.orelse = self.block(node.body) or [ast.Pass()], self.block(node.orelse)
        return node

    def visit_While(self, node: ast.While) -> ast.stmt:
        """Translate the body of a loop."""
        node.test = self.visit(node.test)
        node.body = self.block(node.body) or [ast.Pass()]
        return node

    def visit_Try(self, node: ast.Try) -> ast.stmt:
        """Translate each block."""
        node.body = self.block(node.body) or [ast.Pass()]
        for handler in node.handlers:
            handler.body = self.block(handler.body) or [ast.Pass()]
        node.orelse, node.finalbody = self.block(node.orelse), self.block(node.finalbody)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        """Translate a function inside the method: what it returns is used."""
        is_step, self._method.is_step = self._method.is_step, False
        node.body = self.block(node.body) or [ast.Pass()]
        self._method.is_step = is_step
        return node

    def visit_With(self, node: ast.With) -> ast.stmt | list[ast.stmt]:
        """Leave out what ordered or placed the operations: they run in the order of the statements today."""
        calls = [item.context_expr for item in node.items]
        names = [self._function(call.func)[-1] if isinstance(call, ast.Call) else "" for call in calls]
        if all(name in ("control_dependencies", "device", "name_scope") for name in names):
            for name, call in zip(names, calls):
                if name == "control_dependencies":
                    assert isinstance(call, ast.Call)
                    for each in call.args:
                        self._method.before += self._method.tidied(ast.Expr(self.visit(each)))
            return self.block(node.body)
        node.items = [super(Translator, self).generic_visit(item) for item in node.items]  # type: ignore[misc]
        node.body = self.block(node.body) or [ast.Pass()]
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        """Translate what a condition of the graph may call."""
        if self._target.backend == "jax" and assigns(node):
            raise Untranslatable("JAX cannot assign under a condition of the graph")
        return self._conditional(node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        """Translate what may not be evaluated."""
        return self._conditional(node)

    def visit_ListComp(self, node: ast.ListComp) -> ast.expr:
        """Translate what is evaluated again and again."""
        return self._conditional(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.expr:
        """Translate what is evaluated again and again."""
        return self._conditional(node)

    def _conditional(self, node: ast.expr) -> ast.expr:
        """Translate what may not be evaluated: an assignment in it stays in its place."""
        self._method.inside += 1
        new = super().generic_visit(node)
        self._method.inside -= 1
        assert isinstance(new, ast.expr)
        return new

    # -- expressions

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """Translate the names of types, attributes that are called otherwise, and the learning rate."""
        path = self._function(node)
        if self._target.is_3 and path[0] == "tensorflow" and path[-1] in _TYPES and len(path) == 2:
            return ast.Constant(path[-1])
        if path[:2] == ["tensorflow", "keras"] and ast.unparse(node).partition(".")[2].startswith("keras"):
            return expression(".".join([self._target.keras, *path[2:]]))
        if path[0] == "tensorflow" and self._target.backend != "tensorflow":
            raise Untranslatable(f"{shown(path)} needs TensorFlow, the backend is {self._target.backend}")
        if isinstance(node.value, ast.Name) and node.value.id == "self" and isinstance(node.ctx, ast.Load):
            if node.attr in RATE_NAMES:
                return expression(self._method.rate)
            return expression(f"self.{self._method.attribute(node.attr)}")
        if self._target.is_3 and node.attr == "base_dtype":
            return self.visit(node.value)  # type: ignore[no-any-return]
        if self._target.is_3 and node.attr == "device" and path[0] not in ("self", "tensorflow"):
            return ast.Constant(None)  # the coefficients are the same for all
        if self._target.is_3 and node.attr == "handle":
            held = ast.unparse(self.visit(node.value))
            is_of_keras = held in self._method.slots or "self." in held
            return expression(f"{held}.value.handle" if is_of_keras else f"{held}.handle")
        new = super().generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            node.attr = self._method.attribute(node.attr)
        assert isinstance(new, ast.expr)
        return new

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        """Translate ``apply_state[device, type]`` and ``self._hyper[name]``."""
        new = super().generic_visit(node)
        assert isinstance(new, ast.Subscript)
        if self._method.is_state(new.value) and not is_text(new.slice):
            return new.value  # the coefficients of a device and a type: there is one of each
        if ast.unparse(new.value) == "self._hyper" and isinstance(new.slice, ast.Constant):
            return expression(f"self.{self._method.attribute(str(new.slice.value))}")
        return new

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        """Translate ``(apply_state or {}).get(…) or …``: there always are coefficients."""
        if isinstance(node.op, ast.Or) and self._method.is_state(first := self.visit(copy.deepcopy(node.values[0]))):
            return first  # type: ignore[no-any-return]
        return self._conditional(node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Translate a call: of the former base's methods, of a variable's, of a framework's functions."""
        path = self._function(node.func)
        owner, name = path[0], path[-1]
        if isinstance(node.func, ast.Call) and self._text(copy.deepcopy(node.func)) == self._method.rate:
            return expression(self._method.rate)  # a schedule that was called with the step
        if owner in ("self", "super()") and len(path) == 2:
            translated = self._former.handler(owner, name)
            if translated is not None:
                return translated(self._arguments(node))
        if owner in ("tensorflow", "keras") and isinstance(node.func, ast.Attribute):
            return self._frameworks.translated(path, node)
        if isinstance(node.func, ast.Attribute):
            if name in ASSIGNS and (owner != "self" or len(path) > 2):
                return self._assigned(name, node.func.value, self._arguments(node))
            new = self._asked(name, node.func.value, node)
            if new is not None:
                return new
        if name == "isinstance" and self._target.is_3 and self._function(node.args[1]) == ["tensorflow", "Tensor"]:
            return expression(f"{self._target.ops}.is_tensor({self._text(node.args[0])})")
        return self._call(node)

    def _call(self, node: ast.Call) -> ast.expr:
        new = super().generic_visit(node)
        assert isinstance(new, ast.Call)
        new.keywords = [word for word in new.keywords if ast.unparse(word.value) != "self._use_locking"]
        return new

    def _arguments(self, node: ast.Call) -> dict[str | int, ast.expr]:
        """Return the translated arguments by place or name."""
        given: dict[str | int, ast.expr] = {at: self.visit(each) for at, each in enumerate(node.args)}
        words = {word.arg: word.value for word in node.keywords if word.arg and word.arg not in DROPPED - {"name"}}
        return {**given, **{name: self.visit(value) for name, value in words.items()}}

    def _function(self, node: ast.expr) -> list[str]:
        """Return the path to a function: its module's package, or else the first name, comes first."""
        path: list[str] = []
        while isinstance(node, ast.Attribute):
            path.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            first = "super()" if ast.unparse(node).startswith("super(") else "…"
            return [first, *path]
        module = self._target.modules.get(node.id)
        if module is None:
            return [node.id, *path]
        package, *rest = module.split(".")
        package = "keras" if package in ("keras", "tf_keras") else package
        inside = [each for each in rest if each in ("keras", "backend", *_RAW)]
        return [package, *inside, *path]

    def _text(self, node: ast.expr) -> str:
        return ast.unparse(self.visit(node))

    def _assigned(self, how: str, variable: ast.expr, given: Given) -> ast.expr:
        """Translate a method of a variable that assigns to it."""
        value = next((given[key] for key in (0, "value", "delta", "sparse_delta") if key in given), ast.Constant(None))
        return self._method.assign(how, self._text(variable), ast.unparse(value))

    def _asked(self, name: str, owner: ast.expr, node: ast.Call) -> ast.expr | None:
        """Translate another method of a variable, of a shape or of the coefficients; None if it is none of these."""
        if name in ("read_value", "value") and self._target.is_3 and not node.args:
            return expression(f"{self._target.ops}.copy({self._text(owner)})")
        if name == "get_shape":
            return expression(f"{self._text(owner)}.shape")
        if name == "as_list":
            return expression(f"list({self._text(owner)})")
        if name == "get" and node.args and not is_text(node.args[0]):
            held = self.visit(copy.deepcopy(owner))
            return held if self._method.is_state(held) else None
        return None
