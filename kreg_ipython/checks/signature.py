"""Tell whether a class takes the config that was written for it, as loading will find out. Nothing is created."""

from __future__ import annotations

import inspect
from typing import Any

from kreg_ipython.checks.keras import is_frameworks

_PLAIN = {
    *("Layer", "Operation", "Model", "Metric", "Loss", "Initializer", "Regularizer", "Constraint"),
    *("Optimizer", "BaseOptimizer", "KerasOptimizer", "OptimizerV2", "_BaseOptimizer", "LearningRateSchedule"),
}
"""Keras's classes whose ``from_config`` calls ``cls(**config)``. Others take something out of the config first."""


def refused(kind: type, config: dict[str, Any]) -> str | None:
    """Return why ``kind.from_config(config)`` will raise; None if nothing speaks against it, or nobody can tell."""
    home = next((base for base in kind.__mro__ if "from_config" in vars(base)), None)
    if home is None or not is_frameworks(home) or home.__name__ not in _PLAIN:
        return None  # the user's own function may do anything with what it is given
    if is_frameworks(_constructor(kind)) or "layers" in config:
        return None
    return _unbound(kind, config)


def _constructor(kind: type) -> Any:
    return next(vars(base)["__init__"] for base in kind.__mro__ if "__init__" in vars(base))


def _unbound(kind: type, kwargs: dict[str, Any]) -> str | None:
    """Return the arguments that the constructor lacks or does not take; None if it takes them."""
    try:
        signature = inspect.signature(_constructor(kind))
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(None, **kwargs)
    except TypeError as error:
        given = signature.parameters.values()
        if any(each.kind == each.VAR_KEYWORD for each in given):
            unknown = []
        else:
            unknown = [name for name in kwargs if name not in signature.parameters]
        first = [each.name for each in given if each.kind != each.KEYWORD_ONLY][:1]
        needed = [
            each.name
            for each in given
            if each.default is each.empty
            and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
            and each.name not in kwargs
            and each.name not in first
        ]
        if needed:
            return f"get_config leaves out {_listed(needed)}, which __init__ requires"
        return f"__init__ does not take {_listed(unknown)}, which get_config returns" if unknown else str(error)
    return None


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names))
