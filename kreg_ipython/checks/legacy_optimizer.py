"""Find optimizers that are written for the slots of Keras 2, or whose get_config is missing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from kreg_ipython.checks.keras import Keras
from kreg_ipython.checks.modern_optimizer import arguments, arguments_of_base, base_of, methods, skeleton
from kreg_ipython.checks.notebook import Found, Notebook, tree_of

_SLOTS = ("_create_slots", "_resource_apply_dense", "_resource_apply_sparse", "_prepare_local")


def legacy_optimizer(notebook: Notebook) -> Iterator[Found]:
    """Look for faults in each optimizer class of the user's.

    These are slot methods under a base that never calls them, ``name`` in the place of ``learning_rate``, arguments
    without a get_config, and a ``_resource_apply_…`` that returns nothing.
    """
    for name, kind in notebook.classes():
        keras = next((each for each in notebook.families if issubclass(kind, each.optimizers)), None)
        faults = list(_faults(kind, keras)) if keras is not None else []
        if keras is not None and faults:
            codes = [method.__code__ for method in methods(kind).values() if kind.__module__ != "__main__"]
            where = notebook.cells.of_code(codes[0]) if codes else str(notebook.cells.assigns(kind.__name__))
            message = f"{kind.__name__} {'; '.join(faults)}"
            yield Found(name, where, message, skeleton(kind, keras))


def _faults(kind: type, keras: Keras) -> Iterator[str]:
    own, base_arguments = methods(kind), arguments_of_base(kind)
    slots = [name for name in own if name in _SLOTS]
    if issubclass(kind, keras.optimizer):
        base = "Keras 3's Optimizer" if keras.is_3 else f"{keras.path}.optimizers.Optimizer"
        if slots:
            home = base_of(kind)
            step = "fit raises NotImplementedError"
            if home is not keras.optimizer and getattr(keras.module.optimizers, home.__name__, None) is home:
                step = f"training takes the steps of {home.__name__}, without a word"
            yield f"has {slots[0]}, which {base} never calls: {step}"
        if any("_set_hyper" in method.__code__.co_names for method in own.values()):
            yield f"calls _set_hyper, which {base} does not have: creating one raises AttributeError"
        if base_arguments[:1] == ["learning_rate"] and _passes_name_first(own.get("__init__")):
            yield "passes the name in the place of learning_rate: creating one raises"
    for name in slots:
        if not issubclass(kind, keras.optimizer) and name.startswith("_resource") and _returns_nothing(own[name]):
            yield f"returns nothing from {name}, which must return the operation that updates: fit raises TypeError"
    lost = [name for name in arguments(kind) if name not in base_arguments]
    if lost and "get_config" not in own:
        yield f"has no get_config: a saved optimizer loses {', '.join(lost)}"


def _passes_name_first(made: Any) -> bool:
    """Return whether the first argument of ``super().__init__`` is the name, as in Keras 2."""
    for node in ast.walk(tree_of(made) or ast.Module(body=[], type_ignores=[])):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".__init__"):
            rates = [word.value for word in node.keywords if word.arg == "learning_rate"]
            first = node.args[0] if node.args else rates[0] if rates else None
            if isinstance(first, ast.Name) and first.id == "name":
                return True
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                return True
    return False


def _returns_nothing(method: Any) -> bool:
    body = tree_of(method)
    return body is not None and not any(isinstance(node, ast.Return) and node.value for node in ast.walk(body))
