"""Say what a class is written for: a Keras and its backend, and what the code calls things."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

RATE_NAMES = frozenset({"learning_rate", "lr", "_learning_rate", "_lr"})
"""The attributes under which the optimizers of Keras 2 keep the learning rate."""

STEP, SPARSE_STEP, COEFFICIENTS = "update_step", "_update_step_sparse", "_coefficients"
"""The names of today for the methods ``_resource_apply_dense``, ``_resource_apply_sparse`` and ``_prepare_local``."""


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
