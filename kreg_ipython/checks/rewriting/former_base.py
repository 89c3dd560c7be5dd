"""Translate the calls of the methods that the former base had, and today's has not."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

from kreg_ipython.checks.rewriting.method import Method
from kreg_ipython.checks.rewriting.syntax import expression, is_text
from kreg_ipython.checks.rewriting.target import COEFFICIENTS, RATE_NAMES, SPARSE_STEP, STEP

Given = Mapping[str | int, ast.expr]
"""The arguments of a call, translated, by place or by name."""


class FormerBase:
    """Translates calls in one method: of ``self.get_slot`` by `_on_get_slot`, of ``super()._x`` by `_super_x`.

    Args:
        method: the method that is being translated.
    """

    def __init__(self, method: Method) -> None:
        self._method, self._target = method, method.target

    def handler(self, owner: str, name: str) -> Callable[[Given], ast.expr] | None:
        """Return what translates a call of ``self.name`` or ``super().name``; None if the former base has no such."""
        return getattr(self, ("_on_" if owner == "self" else "_super_") + name.lstrip("_"), None)

    def _on_resource_scatter_add(self, given: Given) -> ast.expr:
        return self._scatters("scatter_add", given)

    def _on_resource_scatter_update(self, given: Given) -> ast.expr:
        return self._scatters("scatter_update", given)

    def _scatters(self, how: str, given: Given) -> ast.expr:
        variable, indices, values = (given[at] if at in given else given[name] for at, name in enumerate("xiv"))
        slices = f"{self._target.tensorflow}.IndexedSlices({ast.unparse(values)}, {ast.unparse(indices)})"
        return self._method.assign(how, ast.unparse(variable), slices)

    def _on_get_hyper(self, given: Given) -> ast.expr:
        name = given[0] if 0 in given else given["name"]
        dtype = given.get(1) or given.get("dtype")
        if not isinstance(name, ast.Constant):
            value = f"getattr(self, {ast.unparse(name)})"
        elif name.value in RATE_NAMES:
            value = self._method.rate
        else:
            value = f"self.{self._method.attribute(str(name.value))}"
        return expression(self._target.cast(value, ast.unparse(dtype)) if dtype is not None else value)

    def _on_decayed_lr(self, given: Given) -> ast.expr:
        dtype = ast.unparse(given[0] if 0 in given else given["var_dtype"])
        return expression(self._method.decayed_rate(dtype))

    def _on_call_if_callable(self, given: Given) -> ast.expr:
        return given[0]

    def _on_assert_valid_dtypes(self, given: Given) -> ast.expr:
        return ast.Constant(None)

    def _on_serialize_hyperparameter(self, given: Given) -> ast.expr:
        if not is_text(given[0]):  # the method of the same name that today's base has takes the value
            return expression(f"self._serialize_hyperparameter({ast.unparse(given[0])})")
        return self._on_get_hyper({0: given[0]})

    def _on_get_slot(self, given: Given) -> ast.expr:
        variable, name = (given[at] if at in given else given[word] for at, word in enumerate(("var", "slot_name")))
        return expression(f"{self._target.slot(name)}[{self._target.index(ast.unparse(variable))}]")

    def _on_add_slot(self, given: Given) -> ast.expr:
        variable, name = (given[at] if at in given else given[word] for at, word in enumerate(("var", "slot_name")))
        initializer, shape = given.get(2) or given.get("initializer"), given.get(3) or given.get("shape")
        made = self._variable_like(ast.unparse(variable), ast.unparse(name), initializer, shape)
        held = self._target.slot(name)
        if not isinstance(name, ast.Constant):
            held = f"self.slots.setdefault({ast.unparse(name)}, [])"
        return expression(f"{held}.append({made})")

    def _on_no_slot(self, given: Given) -> ast.expr:
        return expression(f"{self._target.slot(given[0])}.append(None)")

    def _variable_like(self, variable: str, name: str, initializer: ast.expr | None, shape: ast.expr | None) -> str:
        """Return the text that makes a slot's variable."""
        text = None if initializer is None else ast.unparse(initializer)
        plain = text in (None, "'zeros'")
        is_tensor = initializer is not None and self._is_tensor(initializer)
        if self._target.is_3:
            name = name.replace("/", "_")  # which no name may have
            text = f"lambda shape, dtype: {text}" if is_tensor else text
            initial = "" if plain else f", initializer={text}"
            if shape is None:
                return f"self.add_variable_from_reference({variable}, name={name}{initial})"
            return f"self.add_variable({ast.unparse(shape)}{initial}, dtype={variable}.dtype, name={name})"
        extra = "" if shape is None else f", shape={ast.unparse(shape)}"
        if not plain and not is_tensor:
            size = f"{variable}.shape" if shape is None else ast.unparse(shape)
            text = f"{self._target.keras}.initializers.get({text})({size}, {variable}.dtype)"
        return (
            f"self.add_variable_from_reference({variable}, {name}{extra}{'' if plain else f', initial_value={text}'})"
        )

    def _is_tensor(self, node: ast.expr) -> bool:
        """Return whether an initial value is a tensor, as far as its text tells."""
        if isinstance(node, ast.Name):
            found = [each for each in ast.walk(self._method.node) if isinstance(each, ast.Assign)]
            named = [each.value for each in found if node.id in map(ast.unparse, each.targets)]
            return bool(named) and self._is_tensor(named[-1])
        name = ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
        return bool(name) and not name.endswith("initializer") and not name[:1].isupper() and name != "get"

    def _on_add_weight(self, given: Given) -> ast.expr:
        order = ("name", "shape", "dtype", "initializer")
        words = {word: given[key] for at, word in enumerate(order) for key in (at, word) if key in given}
        words = {"shape": words.pop("shape", ast.Tuple([], ast.Load())), **words}
        initializer = words.get("initializer")
        if isinstance(initializer, ast.Constant) and not isinstance(initializer.value, str):
            words["initializer"] = expression(f"{self._target.keras}.initializers.Constant({ast.unparse(initializer)})")
        return expression(f"self.add_variable({', '.join(f'{k}={ast.unparse(v)}' for k, v in words.items())})")

    def _on_fallback_apply_state(self, given: Given) -> ast.expr:
        if self._method.state is not None:
            return ast.Name(self._method.state, ast.Load())
        return expression(f"self.{COEFFICIENTS}({ast.unparse(given[1])})")

    def _on_prepare_local(self, given: Given) -> ast.expr:
        return expression(f"{ast.unparse(given[2])}.update(self.{COEFFICIENTS}({ast.unparse(given[1])}))")

    def _on_resource_apply_dense(self, given: Given) -> ast.expr:
        return self._steps("self", STEP, given, 2)

    def _on_resource_apply_sparse(self, given: Given) -> ast.expr:
        return self._steps("self", SPARSE_STEP, given, 3)

    def _steps(self, owner: str, method: str, given: Given, count: int) -> ast.expr:
        names: list[list[str | int]] = [[0, "grad", "gradient"], [1, "var", "handle"], [2, "indices"]]
        keys = [next(key for key in each if key in given) for each in names[:count]]
        passed = [ast.unparse(given[key]) for key in keys] + ([self._method.rate] if self._target.is_3 else [])
        return self._method.take_step(f"{owner}.{method}({', '.join(passed)})")

    def _super_resource_apply_dense(self, given: Given) -> ast.expr:
        return self._steps("super()", STEP, given, 2)

    def _super_resource_apply_sparse(self, given: Given) -> ast.expr:
        if self._target.own_base:
            return self._steps("super()", SPARSE_STEP, given, 3)
        slices = f"{self._target.tensorflow}.IndexedSlices({ast.unparse(given[0])}, {ast.unparse(given[2])})"
        return self._steps("super()", STEP, {**given, 0: expression(slices)}, 2)

    def _super_apply_gradients(self, given: Given) -> ast.expr:
        pairs = given[0] if 0 in given else given["grads_and_vars"]
        return expression(f"super().apply_gradients({ast.unparse(pairs)})")

    def _super_create_slots(self, given: Given) -> ast.expr:
        return ast.Constant(None)  # ``super().build`` has made them

    def _super_prepare_local(self, given: Given) -> ast.expr:
        dtype = ast.unparse(given[1] if 1 in given else given["var_dtype"])
        if self._target.own_base:
            return expression(f"{self._method.state}.update(super().{COEFFICIENTS}({dtype}))")
        return expression(f"{self._method.state}.update({self._method.coefficients(dtype)})")
