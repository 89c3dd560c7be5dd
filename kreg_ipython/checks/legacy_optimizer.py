"""Find optimizers that are written for the slots of Keras 2, or whose get_config is missing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from kreg_ipython.checks.definitions import function_tree, methods
from kreg_ipython.checks.keras import Keras
from kreg_ipython.checks.notebook import Found, Harm, Notebook
from kreg_ipython.checks.rewriting.modern import modern
from kreg_ipython.checks.rewriting.reading import defaults, is_name, only_raises
from kreg_ipython.checks.rewriting.source import SLOTS, arguments, arguments_of_base, base_of
from kreg_ipython.checks.rewriting.target import STEP


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
            written = modern(kind, keras)
            if written.missed:
                faults.append(f"the class below leaves to you what it could not translate: {', '.join(written.missed)}")
            harm = Harm.SILENT if any("without a word" in fault for fault in faults) else Harm.RAISES
            yield Found(name, where, f"{kind.__name__} {'; '.join(faults)}", written.text, harm)


def _faults(kind: type, keras: Keras) -> Iterator[str]:
    own, base_arguments = methods(kind), arguments_of_base(kind)
    slots = [name for name in own if name in SLOTS]
    if issubclass(kind, keras.optimizer):
        yield from _faults_of_today(kind, keras, own, [] if STEP in own else slots)
    for name in slots:
        if not issubclass(kind, keras.optimizer) and name.startswith("_resource") and _returns_nothing(own[name]):
            yield f"returns nothing from {name}, which must return the operation that updates: fit raises TypeError"
    lost = [name for name in arguments(kind) if name not in base_arguments]
    if lost and "get_config" not in own:
        yield f"has no get_config: a saved optimizer loses {', '.join(lost)}"


def _faults_of_today(kind: type, keras: Keras, own: dict[str, Any], slots: list[str]) -> Iterator[str]:
    """Look for what today's bases do not have."""
    base = "Keras 3's Optimizer" if keras.is_3 else f"{keras.path}.optimizers.Optimizer"
    named = arguments_of_base(kind)[:1] == ["learning_rate"] and _passes_name_first(own.get("__init__"))
    hyper = any("_set_hyper" in method.__code__.co_names for method in own.values())
    if slots:
        home = base_of(kind)
        step = ": fit raises NotImplementedError"
        below = [base for base in home.__mro__ if issubclass(base, keras.optimizer) and base is not keras.optimizer]
        if any(STEP in vars(base) for base in below):
            step = f": training takes the steps of {home.__name__}, without a word"
        yield f"has {slots[0]}, which {base} never calls{'' if named or hyper else step}"
    if hyper:
        yield f"calls _set_hyper, which {base} does not have: creating one raises AttributeError"
    if named:
        yield "passes the name in the place of learning_rate: creating one raises an exception"


def _passes_name_first(made: Any) -> bool:
    """Return whether the learning rate of ``super().__init__`` is the name, which came first in Keras 2."""
    tree = function_tree(made)
    given = defaults(tree) if tree is not None else {}
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".__init__"):
            rates = [word.value for word in node.keywords if word.arg in ("learning_rate", "lr")]
            if any(is_name(value, given) for value in [*node.args[:1], *rates]):
                return True
    return False


def _returns_nothing(method: Any) -> bool:
    body = function_tree(method)
    if body is None or only_raises(body):
        return False
    return not any(isinstance(node, ast.Return) and node.value for node in ast.walk(body))
