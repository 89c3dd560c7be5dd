"""Translate the methods of an optimizer that was written for the slots of Keras 2. No code is run, only rewritten.

`Translator` walks the statements of a method. `OPERATIONS` and `BACKEND` say what replaces TensorFlow's functions and
those of `keras.backend` in Keras 3. What replaces the methods of the former base is one method each: ``_on_get_slot``,
``_super_prepare_local`` and so on. A statement that cannot be translated becomes a comment and a ``raise``.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

RATE_NAMES = frozenset({"learning_rate", "lr", "_learning_rate", "_lr"})
"""The attributes under which the optimizers of Keras 2 keep the learning rate."""

STEP, SPARSE_STEP, COEFFICIENTS = "update_step", "_update_step_sparse", "_coefficients"
"""What the methods ``_resource_apply_dense``, ``_resource_apply_sparse`` and ``_prepare_local`` are called now."""

_UNARY = "abs ceil exp expm1 floor log log1p round rsqrt reciprocal sigmoid sign sin cos softplus sqrt square tanh"
_BINARY = "add divide greater greater_equal less less_equal logical_and logical_or maximum minimum multiply not_equal"
_BINARY += " equal subtract"
_REDUCTIONS = "sum mean max min prod any all"

OPERATIONS: dict[str, tuple[str, str]] = {
    **{name: (name, "x=x") for name in _UNARY.split()},
    **{name: (name, "x=x1 y=x2") for name in _BINARY.split()},
    **{f"reduce_{name}": (name, "input_tensor=x axis=axis keepdims=keepdims") for name in _REDUCTIONS.split()},
    "cast": ("cast", "x=x dtype=dtype"),
    "clip_by_value": ("clip", "t=x clip_value_min=x_min clip_value_max=x_max"),
    "concat": ("concatenate", "values=xs axis=axis"),
    "cond": ("cond", "pred=pred true_fn=true_fn false_fn=false_fn"),
    "constant": ("convert_to_tensor", "value=x dtype=dtype"),
    "convert_to_tensor": ("convert_to_tensor", "value=x dtype=dtype"),
    "divide_no_nan": ("divide_no_nan", "x=x1 y=x2"),
    "expand_dims": ("expand_dims", "input=x axis=axis"),
    "floordiv": ("floor_divide", "x=x1 y=x2"),
    "floormod": ("mod", "x=x1 y=x2"),
    "identity": ("copy", "input=x"),
    "is_finite": ("isfinite", "x=x"),
    "is_nan": ("isnan", "x=x"),
    "logical_not": ("logical_not", "x=x"),
    "matmul": ("matmul", "a=x1 b=x2"),
    "mod": ("mod", "x=x1 y=x2"),
    "negative": ("negative", "x=x"),
    "norm": ("norm", "tensor=x -=- axis=axis keepdims=keepdims"),
    "ones": ("ones", "shape=shape dtype=dtype"),
    "ones_like": ("ones_like", "input=x dtype=dtype"),
    "pow": ("power", "x=x1 y=x2"),
    "reshape": ("reshape", "tensor=x shape=newshape"),
    "size": ("size", "input=x"),
    "stack": ("stack", "values=x axis=axis"),
    "stop_gradient": ("stop_gradient", "input=variable"),
    "tensordot": ("tensordot", "a=x1 b=x2 axes=axes"),
    "transpose": ("transpose", "a=x perm=axes"),
    "truediv": ("divide", "x=x1 y=x2"),
    "where": ("where", "condition=condition x=x1 y=x2"),
    "zeros": ("zeros", "shape=shape dtype=dtype"),
    "zeros_like": ("zeros_like", "input=x dtype=dtype"),
}
"""By TensorFlow's function: that of `keras.ops` with the same values, and what its parameters are called there."""

BACKEND: dict[str, tuple[str, str]] = {
    **{name: (name, "x=x") for name in ("abs", "exp", "log", "sign", "square", "zeros_like", "ones_like", "ndim")},
    **{name: (name, "x=x1 y=x2") for name in ("maximum", "minimum", "equal", "not_equal", "greater", "less")},
    **{name: (name, "x=x axis=axis keepdims=keepdims") for name in _REDUCTIONS.split()},
    "cast": ("cast", "x=x dtype=dtype"),
    "clip": ("clip", "x=x min_value=x_min max_value=x_max"),
    "constant": ("convert_to_tensor", "value=x dtype=dtype"),
    "pow": ("power", "x=x1 a=x2"),
}
"""The same for the functions of `keras.backend`."""

_ASSIGNS = {
    **{name: name for name in ("assign", "assign_add", "assign_sub")},
    "scatter_update": "assign",
    "scatter_add": "assign_add",
    "scatter_sub": "assign_sub",
}
_UPDATES = {"update": "assign", "update_add": "assign_add", "update_sub": "assign_sub"}
_TYPES = frozenset({"float16", "float32", "float64", "bfloat16", "int32", "int64", "bool"})
_DROPPED = frozenset({"use_locking", "read_value", "name"})
_HOMES = frozenset({"backend", "compat", "keras", "linalg", "math", "nn", "v1", "v2"})
"""The modules of TensorFlow whose functions of these names are those of the tables."""
_RAW = ("raw_ops", "training_ops", "gen_training_ops")


@dataclass(frozen=True)
class Target:
    """The target of a translation.

    Attributes:
        keras: the expression for this Keras.
        is_3: whether it is Keras 3.
        backend: the name of its backend.
        ops: the expression for `keras.ops`.
        tensorflow: the name by which the code has TensorFlow.
        modules: the full name of each module, by the name that the code has for it.
        slots: the attribute that holds a slot's variables, by the slot.
        attributes: the new names of attributes whose names the base needs.
        coefficients: what the former base puts into ``apply_state``, as text, by key. ``{dtype}`` is the type.
        decays: whether the class has the argument ``decay`` of its former base.
        own_base: whether the class is built on another class of the user's, whose methods are translated as well.
    """

    keras: str
    is_3: bool
    backend: str = "tensorflow"
    ops: str = "ops"
    tensorflow: str = "tf"
    modules: Mapping[str, str] = field(default_factory=lambda: {"tf": "tensorflow"})
    slots: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    coefficients: Mapping[str, str] = field(default_factory=dict)
    decays: bool = False
    own_base: bool = False

    def cast(self, value: str, dtype: str) -> str:
        """Return the text that casts a value."""
        return f"{self.ops if self.is_3 else self.tensorflow}.cast({value}, {dtype})"

    def index(self, variable: str) -> str:
        """Return the text that has the place of a variable in the list of a slot."""
        if self.is_3:
            return f"self._get_variable_index({variable})"
        return f"self._index_dict[self._var_key({variable})]"

    def slot(self, name: ast.expr) -> str:
        """Return the text that has the list of a slot."""
        if isinstance(name, ast.Constant):
            return f"self.{self.slots.get(str(name.value), str(name.value))}"
        return f"self.slots[{ast.unparse(name)}]"


def expression(text: str) -> ast.expr:
    """Return an expression from its text."""
    return ast.parse(text, mode="eval").body


def statements(text: str) -> list[ast.stmt]:
    """Return statements from their text."""
    return ast.parse(text).body


def comment(text: str) -> list[ast.stmt]:
    """Return comments: a name is unparsed as it is."""
    return [ast.Expr(ast.Name(f"# {line}")) for line in text.splitlines()]


def indented(text: str) -> str:
    """Return lines as they stand in a block."""
    return "\n".join(f"    {line}" if line else line for line in text.splitlines())


def method_text(name: str, given: str, body: Iterable[ast.stmt]) -> str:
    """Return the text of a method from its name, its arguments and its statements."""
    lines = [ast.unparse(ast.fix_missing_locations(each)) for each in body]
    return f"def {name}({given}):\n{indented(chr(10).join(lines))}"


class Untranslatable(Exception):
    """A statement has no counterpart; the message says why."""


class Translator(ast.NodeTransformer):
    """Translates the statements of one method.

    Args:
        target: what the translation is for.
        method: the method.
        rate: the expression for the learning rate in this method.
        state: the name of the coefficients in this method; None if it has none.
        variable: the name of the variable in this method; None if it has none.
        is_step: whether what it returns is of no use.

    Attributes:
        missed: why statements were not translated.
    """

    def __init__(
        self,
        target: Target,
        method: ast.FunctionDef,
        rate: str = "self.learning_rate",
        state: str | None = None,
        variable: str | None = None,
        *,
        is_step: bool = False,
    ) -> None:
        self.target, self.method, self._rate, self._state = target, method, rate, state
        self._variable, self._is_step = variable, is_step
        self.missed: list[str] = []
        self._before: list[ast.stmt] = []
        self._remarks: list[str] = []
        self._slots: set[str] = set()
        self._inside = 0

    def body(self) -> list[ast.stmt]:
        """Return the translated statements of the method."""
        found = self.block(copy.deepcopy(self.method.body))
        while found and self._is_step and isinstance(found[-1], ast.Return) and found[-1].value is None:
            found.pop()
        return self._without_aliases(found) or [ast.Pass()]

    # -- statements

    def block(self, body: Iterable[ast.stmt]) -> list[ast.stmt]:
        """Translate statements, one after another."""
        return [new for each in body for new in self._statement(each)]

    def _statement(self, old: ast.stmt) -> list[ast.stmt]:
        outer, self._before, self._remarks = (self._before, self._remarks), [], []
        text = ast.unparse(old)
        try:
            new = self.visit(_branched(old) if self.target.is_3 else old)
            made = new if isinstance(new, list) else [new]
            remarks = [line for each in dict.fromkeys(self._remarks) for line in comment(each)]
            return [*remarks, *self._before, *(kept for each in made for kept in self._tidied(each))]
        except Untranslatable as reason:
            self.missed.append(str(reason))
            return [
                *comment(f"not translated: {reason}\n{text}"),
                *statements("raise NotImplementedError('the statement above is not translated')"),
            ]
        finally:
            self._before, self._remarks = outer

    def _tidied(self, new: ast.stmt) -> list[ast.stmt]:
        """Leave out what has no effect once the assignments stand for themselves."""
        if isinstance(new, ast.Expr) and _is_inert(new.value) and not ast.unparse(new).startswith("#"):
            return [new] if isinstance(new.value, ast.Constant) and isinstance(new.value.value, str) else []
        if isinstance(new, ast.Assign) and [ast.unparse(each) for each in new.targets] == [ast.unparse(new.value)]:
            return []
        if isinstance(new, ast.Return) and self._is_step and new.value and _is_inert(new.value):
            return [ast.Return(None)]
        return [new]

    def _without_aliases(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Leave out the names that only served to order the operations."""
        module = ast.Module(body, [])
        while True:
            loaded = {node.id for node in ast.walk(module) if isinstance(node, ast.Name) and _loads(node)}
            assigned = [node for node in ast.walk(module) if isinstance(node, ast.Assign)]
            unused = [each for each in assigned if (names := _local_names(each)) and not names & loaded]
            dead = [each for each in unused if _is_inert(each.value)]
            _replace(module, {id(each): ast.Expr(each.value) for each in unused if _is_assignment(each.value)})
            if not dead:
                return module.body
            _replace(module, {id(each): None for each in dead})

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        """Translate a call of ``_set_hyper`` into an assignment."""
        call = node.value
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "self._set_hyper" and len(call.args) == 2:
            name, value = call.args
            if not isinstance(name, ast.Constant):
                return statements(f"setattr(self, {ast.unparse(name)}, {ast.unparse(self.visit(value))})")[0]
            return statements(f"self.{self._attribute(str(name.value))} = {ast.unparse(self.visit(value))}")[0]
        return self._plain(node)

    def visit_Assign(self, node: ast.Assign) -> ast.stmt | list[ast.stmt]:
        """Translate an assignment, and remember which names are slots."""
        target = node.targets[0]
        if self.target.is_3 and isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            values = node.value.elts
            if any(isinstance(value, ast.Attribute) and value.attr == "device" for value in values):
                each = [ast.Assign([name], value, lineno=1) for name, value in zip(target.elts, values)]
                return [new for one in each for new in self._listed(self.visit(one))]
        if isinstance(target, ast.Name) and "get_slot" in ast.unparse(node.value):
            self._slots.add(target.id)
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
        is_step, self._is_step = self._is_step, False
        node.body = self.block(node.body) or [ast.Pass()]
        self._is_step = is_step
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
                        self._before += self._tidied(ast.Expr(self.visit(each)))
            return self.block(node.body)
        node.items = [super(Translator, self).generic_visit(item) for item in node.items]  # type: ignore[misc]
        node.body = self.block(node.body) or [ast.Pass()]
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        """Translate what a condition of the graph may call."""
        if self.target.backend == "jax" and _has_assignment(node):
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
        self._inside += 1
        new = super().generic_visit(node)
        self._inside -= 1
        assert isinstance(new, ast.expr)
        return new

    # -- expressions

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """Translate the names of types, attributes that are called otherwise, and the learning rate."""
        path = self._function(node)
        if self.target.is_3 and path[0] == "tensorflow" and path[-1] in _TYPES and len(path) == 2:
            return ast.Constant(path[-1])
        if path[:2] == ["tensorflow", "keras"] and ast.unparse(node).partition(".")[2].startswith("keras"):
            return expression(".".join([self.target.keras, *path[2:]]))
        if path[0] == "tensorflow" and self.target.backend != "tensorflow":
            raise Untranslatable(f"{self._shown(path)} needs TensorFlow, the backend is {self.target.backend}")
        if isinstance(node.value, ast.Name) and node.value.id == "self" and isinstance(node.ctx, ast.Load):
            if node.attr in RATE_NAMES:
                return expression(self._rate)
            return expression(f"self.{self._attribute(node.attr)}")
        if self.target.is_3 and node.attr == "base_dtype":
            return self.visit(node.value)  # type: ignore[no-any-return]
        if self.target.is_3 and node.attr == "device" and path[0] not in ("self", "tensorflow"):
            return ast.Constant(None)  # the coefficients are the same for all
        if self.target.is_3 and node.attr == "handle":
            held = ast.unparse(self.visit(node.value))
            return expression(f"{held}.value.handle" if held in self._slots or "self." in held else f"{held}.handle")
        new = super().generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            node.attr = self._attribute(node.attr)
        assert isinstance(new, ast.expr)
        return new

    def _attribute(self, name: str) -> str:
        return {"_name": "name", **self.target.attributes}.get(name, name)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        """Translate ``apply_state[device, type]`` and ``self._hyper[name]``."""
        new = super().generic_visit(node)
        assert isinstance(new, ast.Subscript)
        if self._is_state(new.value) and not _is_text(new.slice):
            return new.value  # the coefficients of a device and a type: there is one of each
        if ast.unparse(new.value) == "self._hyper" and isinstance(new.slice, ast.Constant):
            return expression(f"self.{self._attribute(str(new.slice.value))}")
        return new

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        """Translate ``(apply_state or {}).get(…) or …``: there always are coefficients."""
        if isinstance(node.op, ast.Or) and self._is_state(first := self.visit(copy.deepcopy(node.values[0]))):
            return first  # type: ignore[no-any-return]
        return self._conditional(node)

    def _is_state(self, node: ast.AST) -> bool:
        return self._state is not None and isinstance(node, ast.Name) and node.id == self._state

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Translate a call: of the former base's methods, of a variable's, of a framework's functions."""
        path = self._function(node.func)
        owner, name = path[0], path[-1]
        if isinstance(node.func, ast.Call) and self._text(copy.deepcopy(node.func)) == self._rate:
            return expression(self._rate)  # a schedule that was called with the step
        if owner in ("self", "super()") and len(path) == 2:
            handler = getattr(self, ("_on_" if owner == "self" else "_super_") + name.lstrip("_"), None)
            if handler is not None:
                return handler(self._arguments(node))  # type: ignore[no-any-return]
        if isinstance(node.func, ast.Attribute) and owner not in ("tensorflow", "keras"):
            method = getattr(self, f"_method_{name}", None)
            if name in _ASSIGNS and (owner != "self" or len(path) > 2):
                return self._assigns(name, node.func.value, self._arguments(node))
            if method is not None and (new := method(node)) is not None:
                return new  # type: ignore[no-any-return]
        if owner in ("tensorflow", "keras") and isinstance(node.func, ast.Attribute):
            return self._framework(path, node)
        if name == "isinstance" and self.target.is_3 and self._function(node.args[1]) == ["tensorflow", "Tensor"]:
            return expression(f"{self.target.ops}.is_tensor({self._text(node.args[0])})")
        return self._call(node)

    def _call(self, node: ast.Call) -> ast.expr:
        new = super().generic_visit(node)
        assert isinstance(new, ast.Call)
        new.keywords = [word for word in new.keywords if ast.unparse(word.value) != "self._use_locking"]
        return new

    def _arguments(self, node: ast.Call) -> dict[str | int, ast.expr]:
        """Return the translated arguments by place or name."""
        given: dict[str | int, ast.expr] = {at: self.visit(each) for at, each in enumerate(node.args)}
        words = {word.arg: word.value for word in node.keywords if word.arg and word.arg not in _DROPPED - {"name"}}
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
        module = self.target.modules.get(node.id)
        if module is None:
            return [node.id, *path]
        package, *rest = module.split(".")
        package = "keras" if package in ("keras", "tf_keras") else package
        inside = [each for each in rest if each in ("keras", "backend", *_RAW)]
        return [package, *inside, *path]

    # -- what changes a variable

    def _assigns(self, how: str, variable: ast.expr, given: Mapping[str | int, ast.expr]) -> ast.expr:
        """Assign to a variable; the expression is the variable."""
        value = next((given[key] for key in (0, "value", "delta", "sparse_delta") if key in given), ast.Constant(None))
        to = ast.unparse(self.visit(variable))
        if not self.target.is_3:
            return expression(f"{to}.{how}({ast.unparse(value)})")
        call = expression(f"self.{_ASSIGNS[how]}({to}, {ast.unparse(value)})")
        if self._inside:
            return call
        self._before.append(ast.Expr(call))
        return expression(to)

    def _on_resource_scatter_add(self, given: Mapping[str | int, ast.expr]) -> ast.expr:
        return self._scatters("scatter_add", given)

    def _on_resource_scatter_update(self, given: Mapping[str | int, ast.expr]) -> ast.expr:
        return self._scatters("scatter_update", given)

    def _scatters(self, how: str, given: Mapping[str | int, ast.expr]) -> ast.expr:
        variable, indices, values = (given[at] if at in given else given[name] for at, name in enumerate("xiv"))
        slices = f"{self.target.tensorflow}.IndexedSlices({ast.unparse(values)}, {ast.unparse(indices)})"
        return self._assigns(how, variable, {0: expression(slices)})

    def _method_read_value(self, node: ast.Call) -> ast.expr | None:
        assert isinstance(node.func, ast.Attribute)
        if not self.target.is_3 or node.args:
            return None
        return expression(f"{self.target.ops}.copy({ast.unparse(self.visit(node.func.value))})")

    _method_value = _method_read_value

    def _method_get_shape(self, node: ast.Call) -> ast.expr:
        assert isinstance(node.func, ast.Attribute)
        return expression(f"{ast.unparse(self.visit(node.func.value))}.shape")

    def _method_as_list(self, node: ast.Call) -> ast.expr:
        assert isinstance(node.func, ast.Attribute)
        return expression(f"list({ast.unparse(self.visit(node.func.value))})")

    def _method_get(self, node: ast.Call) -> ast.expr | None:
        assert isinstance(node.func, ast.Attribute)
        held = self.visit(copy.deepcopy(node.func.value))
        return held if self._is_state(held) and node.args and not _is_text(node.args[0]) else None

    # -- what the former base had

    def _on_get_hyper(self, given: Mapping[str | int, ast.expr]) -> ast.expr:
        name = given[0] if 0 in given else given["name"]
        dtype = given.get(1) or given.get("dtype")
        if not isinstance(name, ast.Constant):
            value = f"getattr(self, {ast.unparse(name)})"
        elif name.value in RATE_NAMES:
            value = self._rate
        else:
            value = f"self.{self._attribute(str(name.value))}"
        return expression(self.target.cast(value, ast.unparse(dtype)) if dtype is not None else value)

    def _on_decayed_lr(self, given: Mapping[str | int, ast.expr]) -> ast.expr:
        dtype = ast.unparse(given[0] if 0 in given else given["var_dtype"])
        return expression(self._decayed(dtype))

    def _decayed(self, dtype: str) -> str:
        return f"self._decayed_lr({dtype})" if self.target.decays else self.target.cast(self._rate, dtype)

    def _on_call_if_callable(self, given: Mapping[str | int, ast.expr]) -> ast.expr:
        return given[0]

    def _on_assert_valid_dtypes(self, given: Mapping[str | int, ast.expr]) -> ast.expr:
        return ast.Constant(None)

    def _on_serialize_hyperparameter(self, given: Mapping[str | int, ast.expr]) -> ast.expr:
        if not _is_text(given[0]):  # the method of the same name that today's base has takes the value
            return expression(f"self._serialize_hyperparameter({ast.unparse(given[0])})")
        return self._on_get_hyper({0: given[0]})

    def _on_get_slot(self, given: Mapping[str | int, ast.expr]) -> ast.expr:
        variable, name = (given[at] if at in given else given[word] for at, word in enumerate(("var", "slot_name")))
        return expression(f"{self.target.slot(name)}[{self.target.index(ast.unparse(variable))}]")

    def _on_add_slot(self, given: Mapping[str | int, ast.expr]) -> ast.expr:
        variable, name = (given[at] if at in given else given[word] for at, word in enumerate(("var", "slot_name")))
        initializer, shape = given.get(2) or given.get("initializer"), given.get(3) or given.get("shape")
        made = self._variable_like(ast.unparse(variable), ast.unparse(name), initializer, shape)
        held = self.target.slot(name)
        if not isinstance(name, ast.Constant):
            held = f"self.slots.setdefault({ast.unparse(name)}, [])"
        return expression(f"{held}.append({made})")

    def _on_no_slot(self, given: Mapping[str | int, ast.expr]) -> ast.expr:
        return expression(f"{self.target.slot(given[0])}.append(None)")

    def _variable_like(self, variable: str, name: str, initializer: ast.expr | None, shape: ast.expr | None) -> str:
        """Return the text that makes a slot's variable."""
        text = None if initializer is None else ast.unparse(initializer)
        plain = text in (None, "'zeros'")
        is_tensor = initializer is not None and self._is_tensor(initializer)
        if self.target.is_3:
            name = name.replace("/", "_")  # which no name may have
            text = f"lambda shape, dtype: {text}" if is_tensor else text
            initial = "" if plain else f", initializer={text}"
            if shape is None:
                return f"self.add_variable_from_reference({variable}, name={name}{initial})"
            return f"self.add_variable({ast.unparse(shape)}{initial}, dtype={variable}.dtype, name={name})"
        extra = "" if shape is None else f", shape={ast.unparse(shape)}"
        if not plain and not is_tensor:
            size = f"{variable}.shape" if shape is None else ast.unparse(shape)
            text = f"{self.target.keras}.initializers.get({text})({size}, {variable}.dtype)"
        return (
            f"self.add_variable_from_reference({variable}, {name}{extra}{'' if plain else f', initial_value={text}'})"
        )

    def _is_tensor(self, node: ast.expr) -> bool:
        """Return whether an initial value is a tensor, as far as its text tells."""
        if isinstance(node, ast.Name):
            found = [each for each in ast.walk(self.method) if isinstance(each, ast.Assign)]
            named = [each.value for each in found if node.id in map(ast.unparse, each.targets)]
            return bool(named) and self._is_tensor(named[-1])
        name = ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
        return bool(name) and not name.endswith("initializer") and not name[:1].isupper() and name != "get"

    def _on_add_weight(self, given: Mapping[str | int, ast.expr]) -> ast.expr:
        order = ("name", "shape", "dtype", "initializer")
        words = {word: given[key] for at, word in enumerate(order) for key in (at, word) if key in given}
        words = {"shape": words.pop("shape", ast.Tuple([], ast.Load())), **words}
        initializer = words.get("initializer")
        if isinstance(initializer, ast.Constant) and not isinstance(initializer.value, str):
            words["initializer"] = expression(f"{self.target.keras}.initializers.Constant({ast.unparse(initializer)})")
        return expression(f"self.add_variable({', '.join(f'{k}={ast.unparse(v)}' for k, v in words.items())})")

    def _on_fallback_apply_state(self, given: Mapping[str | int, ast.expr]) -> ast.expr:
        if self._state is not None:
            return ast.Name(self._state, ast.Load())
        return expression(f"self.{COEFFICIENTS}({ast.unparse(given[1])})")

    def _on_prepare_local(self, given: Mapping[str | int, ast.expr]) -> ast.expr:
        return expression(f"{ast.unparse(given[2])}.update(self.{COEFFICIENTS}({ast.unparse(given[1])}))")

    def _on_resource_apply_dense(self, given: Mapping[str | int, ast.expr]) -> ast.expr:
        return self._steps("self", STEP, given, 2)

    def _on_resource_apply_sparse(self, given: Mapping[str | int, ast.expr]) -> ast.expr:
        return self._steps("self", SPARSE_STEP, given, 3)

    def _steps(self, owner: str, method: str, given: Mapping[str | int, ast.expr], count: int) -> ast.expr:
        names: list[list[str | int]] = [[0, "grad", "gradient"], [1, "var", "handle"], [2, "indices"]]
        keys = [next(key for key in each if key in given) for each in names[:count]]
        passed = [ast.unparse(given[key]) for key in keys] + ([self._rate] if self.target.is_3 else [])
        call = expression(f"{owner}.{method}({', '.join(passed)})")
        if self._inside or not self._is_step:
            return call
        self._before.append(ast.Expr(call))
        return ast.Constant(None)

    def _super_resource_apply_dense(self, given: Mapping[str | int, ast.expr]) -> ast.expr:
        return self._steps("super()", STEP, given, 2)

    def _super_resource_apply_sparse(self, given: Mapping[str | int, ast.expr]) -> ast.expr:
        if self.target.own_base:
            return self._steps("super()", SPARSE_STEP, given, 3)
        slices = f"{self.target.tensorflow}.IndexedSlices({ast.unparse(given[0])}, {ast.unparse(given[2])})"
        return self._steps("super()", STEP, {**given, 0: expression(slices)}, 2)

    def _super_apply_gradients(self, given: Mapping[str | int, ast.expr]) -> ast.expr:
        pairs = given[0] if 0 in given else given["grads_and_vars"]
        return expression(f"super().apply_gradients({ast.unparse(pairs)})")

    def _super_create_slots(self, given: Mapping[str | int, ast.expr]) -> ast.expr:
        return ast.Constant(None)  # ``super().build`` has made them

    def _super_prepare_local(self, given: Mapping[str | int, ast.expr]) -> ast.expr:
        dtype = ast.unparse(given[1] if 1 in given else given["var_dtype"])
        if self.target.own_base:
            return expression(f"{self._state}.update(super().{COEFFICIENTS}({dtype}))")
        return expression(f"{self._state}.update({self.coefficients(dtype)})")

    def coefficients(self, dtype: str) -> str:
        """Return the text of the coefficients that the framework's base has."""
        known = {"lr_t": self._decayed(dtype)}
        known.update({key: text.replace("{dtype}", dtype) for key, text in self.target.coefficients.items()})
        return f"{{{', '.join(f'{key!r}: {text}' for key, text in known.items())}}}"

    # -- the functions of the frameworks

    def _framework(self, path: list[str], node: ast.Call) -> ast.expr:
        name, of_backend = path[-1], "backend" in path[:-1]
        updates = _UPDATES if of_backend else _ASSIGNS
        if name in updates and any(each in path for each in ("tensorflow", "backend")):
            given = self._arguments(node)
            variable, value = (given[key] for key in [*given][:2])
            return self._assigns(updates[name], variable, {0: value})
        if name == "group":
            for each in node.args:
                self._before += self._tidied(ast.Expr(self.visit(each)))
            return ast.Constant(None)
        if name == "no_op":
            return ast.Constant(None)
        if self.target.is_3 and "keras" in path and name in ("epsilon", "floatx"):
            return expression(f"{self.target.keras}.config.{name}()")
        if name in ("Variable", "variable") and {word.arg for word in node.keywords} <= {"trainable", "dtype", "name"}:
            return self._made_variable(node)
        if not self.target.is_3 or ("keras" in path[:2] and not of_backend):
            return self._call(node)
        if of_backend and name == "sqrt":  # which knows no negative numbers
            return expression(f"{self.target.ops}.sqrt({self.target.ops}.maximum({self._text(node.args[0])}, 0))")
        if name.endswith("_initializer") or "initializers" in path:
            return self._initializer(name, node)
        known = (BACKEND if of_backend else OPERATIONS).get(name)
        return self._operation(known if {*path[1:-1]} <= _HOMES else None, self._shown(path), node)

    def _initializer(self, name: str, node: ast.Call) -> ast.expr:
        kinds = {"constant_initializer": "Constant", "zeros_initializer": "Zeros", "ones_initializer": "Ones"}
        if name not in kinds:
            return self._call(node)
        given = ", ".join(self._text(each) for each in node.args[:1])
        return expression(f"{self.target.keras}.initializers.{kinds[name]}({given})")

    def _made_variable(self, node: ast.Call) -> ast.expr:
        """Return a variable that is saved with the optimizer."""
        words = {str(word.arg): self._text(word.value) for word in node.keywords}
        value = node.args[0] if node.args else None
        number = isinstance(value, ast.Constant)
        if isinstance(value, ast.Constant) and type(value.value) is int:
            words = {"dtype": "'int32'" if self.target.is_3 else f"{self.target.tensorflow}.int32", **words}
        if self.target.is_3:
            given = [*map(self._text, node.args), *(f"{name}={text}" for name, text in words.items())]
            return expression(f"{self.target.keras}.Variable({', '.join(given)})")
        if not number or len(node.args) > 1:
            return self._call(node)
        words.pop("trainable", None)
        initial = f"initializer={self.target.keras}.initializers.Constant({self._text(node.args[0])})"
        return expression(f"self.add_variable({', '.join(['()', initial, *(f'{k}={v}' for k, v in words.items())])})")

    def _text(self, node: ast.expr) -> str:
        return ast.unparse(self.visit(node))

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
        return expression(f"{self.target.ops}.{operation}({', '.join(passed)})")

    def _text_of_tensor(self, node: ast.expr) -> str:
        """Return the text of an expression that must not be a variable: JAX's `where` takes none."""
        text = self._text(node)
        return f"{self.target.ops}.convert_to_tensor({text})" if text in {*self._slots, self._variable} else text

    def _shown(self, path: list[str]) -> str:
        return ".".join(["tf", *path[1:]])

    def _left(self, path: str, node: ast.Call) -> ast.expr:
        """Leave a call as it is, with TensorFlow; without it there is no translation."""
        if self.target.backend != "tensorflow":
            raise Untranslatable(f"{path} needs TensorFlow, the backend is {self.target.backend}")
        if not path.endswith(("IndexedSlices", "gather", "unique", "shape")):
            self._remarks.append(f"{path} has no counterpart in keras.ops: this line needs the TensorFlow backend")
        return self._call(node)


def _has_assignment(node: ast.AST) -> bool:
    return any(isinstance(each, ast.Call) and _is_assignment(each) for each in ast.walk(node))


def _branched(old: ast.stmt) -> ast.stmt:
    """Return a statement that assigns in one of two cases as an ``if``."""
    value = getattr(old, "value", None)
    if not isinstance(old, (ast.Assign, ast.Return, ast.Expr)) or not isinstance(value, ast.IfExp):
        return old
    if not _has_assignment(value):
        return old
    yes, no = copy.deepcopy(old), copy.deepcopy(old)
    yes.value, no.value = value.body, value.orelse
    return ast.If(value.test, [yes], [no])


def _is_inert(node: ast.expr) -> bool:
    """Return whether evaluating an expression does nothing."""
    if isinstance(node, (ast.Tuple, ast.List)):
        return all(_is_inert(each) for each in node.elts)
    if isinstance(node, ast.Starred):
        return _is_inert(node.value)
    if isinstance(node, ast.Subscript):
        return _is_inert(node.value)
    return isinstance(node, (ast.Name, ast.Attribute, ast.Constant))


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _loads(node: ast.Name) -> bool:
    return not isinstance(getattr(node, "ctx", None), ast.Store)


def _local_names(node: ast.Assign) -> set[str]:
    """Return the names that a statement assigns; none if it assigns anything else, too."""
    targets = [each for one in node.targets for each in (one.elts if isinstance(one, ast.Tuple) else [one])]
    names = {each.id for each in targets if isinstance(each, ast.Name)}
    return names if all(isinstance(each, ast.Name) for each in targets) else set()


def _is_assignment(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _ASSIGNS


def _replace(module: ast.Module, new: dict[int, ast.stmt | None]) -> None:
    """Replace statements, or leave them out."""
    for node in list(ast.walk(module)):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and any(id(each) in new for each in block):
                kept = [each for old in block if (each := new.get(id(old), old)) is not None]
                setattr(node, name, kept or ([ast.Pass()] if name == "body" and node is not module else []))
