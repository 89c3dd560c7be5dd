"""Say which functions of libraries do nothing but make a value, or register one: a module may call them again."""

from __future__ import annotations

import re
from typing import Any

from kreg_ipython.lib.naming import definition

_BUILTINS = (
    "abs all any bin bool bytes callable chr complex dict divmod enumerate filter float format frozenset getattr "
    "hasattr hash hex int isinstance issubclass len list map max min object oct ord pow property range "
    "repr reversed round set slice sorted staticmethod classmethod str sum tuple type zip"
)
_HARMLESS = re.compile(
    "|".join(
        (
            rf"builtins\.({_BUILTINS.replace(' ', '|')})",
            r"(functools|itertools|_?operator|math|cmath|typing|typing_extensions|_?collections|collections\.abc|re|enum"
            r"|dataclasses|string|types|abc|fractions|decimal|numbers|statistics|textwrap|posixpath|ntpath|pathlib)\..*",
            r"logging\.getLogger",
            r"(keras|tf_keras)(\.src)?\.(initializers|regularizers|constraints|activations|losses|dtype_policies|ops"
            r"|optimizers\.schedules)\..*",
            r"(keras|tf_keras)(\.src)?\..*\.(register_keras_serializable|get_custom_objects|InputSpec)",
            r"tensorflow\.python\.framework\.(constant_op|dtypes|tensor|tensor_spec|tensor_shape|tensor_conversion)\..*",
            r"tensorflow\.python\.framework\..*\.(RegisterGradient|NotDifferentiable|no_gradient|RegisterStatistics)",
            r"tensorflow\.python\.framework\.tensor_conversion_registry\.register_tensor_conversion_function",
            r"tensorflow\.python\.ops\.(array_ops|math_ops|nn_ops|custom_gradient)\..*",
            r"tensorflow\.python\.util\.dispatch\.dispatch_for_.*",
            r"tensorflow\.python\.eager\..*\.function",
            r"jax\._src\.(numpy|nn|random|api|custom_derivatives|tree_util)\..*",
            r"jax\.(numpy|nn|random)\..*",
            r"numpy\.(?!load|save|from|gen|memmap|set|put|copyto|place|random)\w+",
        )
    )
)


def makes_a_value(callee: Any) -> bool:
    """Return whether a call of this function or class does nothing but make a value, or register one."""
    found = definition(callee)
    if found is None or found[-1] == "instance" or not all(isinstance(part, str) for part in found):
        return type(callee).__module__ == "numpy" and type(callee).__name__ == "ufunc"
    return _HARMLESS.fullmatch(".".join(found)) is not None
