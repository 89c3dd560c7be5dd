"""Tell whether a class takes the config that was written for it, as loading will find out. Nothing is created."""

from __future__ import annotations

import copy
import inspect
from types import SimpleNamespace
from typing import Any

from kreg_ipython.checks.keras import is_frameworks

_PLAIN = {
    *("Layer", "Operation", "Model", "Metric", "Loss", "Initializer", "Regularizer", "Constraint"),
    *("Optimizer", "BaseOptimizer", "KerasOptimizer", "OptimizerV2", "_BaseOptimizer", "LearningRateSchedule"),
}
"""Keras's classes whose ``from_config`` calls ``cls(**config)``. Others take something out of the config first."""


class _Refused(TypeError):
    """The error of a constructor that does not take its arguments."""


def refused(kind: type, config: dict[str, Any]) -> str | None:
    """Return why ``kind.from_config(config)`` will raise; None if nothing speaks against it, or nobody can tell."""
    home = next((base for base in kind.__mro__ if "from_config" in vars(base)), None)
    if home is None or is_frameworks(_constructor(kind)) or ("layers" in config and is_frameworks(home)):
        return None
    if is_frameworks(home):
        return _unbound(kind, (), config) if home.__name__ in _PLAIN else None
    return _asked(kind, config)


def _constructor(kind: type) -> Any:
    return next(vars(base)["__init__"] for base in kind.__mro__ if "__init__" in vars(base))


def _unbound(kind: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
    """Return the arguments that the constructor lacks or does not take; None if it takes them."""
    try:
        signature = inspect.signature(_constructor(kind))
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(None, *args, **kwargs)
    except TypeError as error:
        given = signature.parameters.values()
        if any(each.kind == each.VAR_KEYWORD for each in given):
            unknown = []
        else:
            unknown = [name for name in kwargs if name not in signature.parameters]
        first = [each.name for each in given if each.kind != each.KEYWORD_ONLY][: len(args) + 1]
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


def _asked(kind: type, config: dict[str, Any]) -> str | None:
    """Return what the user's own ``from_config`` answers, given a class that only compares its arguments."""
    users = [base for base in kind.__mro__ if not is_frameworks(base) and base is not object]
    if any("__init_subclass__" in vars(base) for base in users) or type(kind).__module__ == "__main__":
        return None  # a subclass would be noticed

    called: list[str | None] = []

    def new(cls: type, *args: Any, **kwargs: Any) -> Any:
        called.append(_unbound(kind, args, kwargs))
        if called[-1] is not None:
            raise _Refused(called[-1])
        return SimpleNamespace()  # no instance of the class, so that __init__ is not called

    try:
        stand_in: Any = type(kind)(kind.__name__, (kind,), {"__new__": new, "__module__": kind.__module__})
        stand_in.from_config(copy.deepcopy(config))
    except _Refused as error:
        return str(error)
    except LookupError as error:
        return None if called else f"from_config raises {type(error).__name__}: {error}"
    except Exception:  # it does something with the object that it has made
        return None
    return None


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names))
