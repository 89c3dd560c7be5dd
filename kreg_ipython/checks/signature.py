"""Tell whether a class takes the config that was written for it, as loading will find out. Nothing is called."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from kreg_ipython.checks.from_config import Made, Reads
from kreg_ipython.checks.keras import is_frameworks

_PLAIN = {
    *("Layer", "Operation", "Model", "Metric", "Loss", "Initializer", "Regularizer", "Constraint"),
    *("Optimizer", "BaseOptimizer", "KerasOptimizer", "OptimizerV2", "_BaseOptimizer", "LearningRateSchedule"),
}
"""Keras's classes whose ``from_config`` calls ``cls(**config)``. Others take something out of the config first."""


class Refusal(NamedTuple):
    """The reason why a class does not take its config, and the remedy."""

    why: str
    fix: str


def refused(kind: type, config: Mapping[str, Any]) -> Refusal | None:
    """Return why ``kind.from_config(config)`` will raise; None if nothing speaks against it, or nobody can tell.

    A ``from_config`` of the user's is read, and not called: it may do anything.
    """
    home = _home(kind)
    if home is None or "layers" in config:
        return None
    if is_frameworks(home):
        made = Made(0, tuple(config)) if home.__name__ in _PLAIN else None
        return _unbound(kind, made, config, own=False)
    reads = Reads(kind, home, lambda base: is_frameworks(base) and base.__name__ in _PLAIN)
    lacking, made = reads.read(config)
    if lacking is not None:
        return _left_out(kind, [lacking], f"get_config leaves out {lacking!r}, which from_config requires")
    return _unbound(kind, made, config, own=True)


def _home(kind: type) -> type | None:
    return next((base for base in kind.__mro__ if "from_config" in vars(base)), None)


def _unbound(kind: type, made: Made | None, config: Mapping[str, Any], *, own: bool) -> Refusal | None:
    """Return the arguments that the user's constructor lacks or does not take; None if it takes them.

    Args:
        kind: the class.
        made: what the constructor gets; None if nobody can tell.
        config: what ``from_config`` gets.
        own: whether ``from_config`` is the user's.
    """
    constructor = next(vars(base)["__init__"] for base in kind.__mro__ if "__init__" in vars(base))
    if made is None or is_frameworks(constructor):
        return None
    try:
        signature = inspect.signature(constructor)
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(None, *[None] * made.positional, **dict.fromkeys(made.names))
    except TypeError as error:
        missing, unknown = _difference(signature, made)
        if missing and own and set(missing) <= {*config}:
            why = f"from_config does not hand on {_listed(missing)}, which __init__ requires"
            given = ", ".join(f"{each}=…" for each in missing)
            return Refusal(why, f"cls({given}, **config)  # in {kind.__name__}.from_config")
        if missing:
            return _left_out(kind, missing, f"get_config leaves out {_listed(missing)}, which __init__ requires")
        if unknown:
            gives = "which from_config hands on" if own else "which get_config returns"
            why = f"__init__ does not take {_listed(unknown)}, {gives}"
            parameters = [*signature.parameters.values(), inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)]
            head = f"def __init__{signature.replace(parameters=parameters)}"
            return Refusal(why, f"{head}: super().__init__(**kwargs)  # in {kind.__name__}")
        return Refusal(str(error), f"make {kind.__name__}.from_config take what get_config returns")
    return None


def _difference(signature: inspect.Signature, made: Made) -> tuple[list[str], list[str]]:
    """Return the arguments that a constructor requires and does not get, and those that it gets and does not take."""
    given = signature.parameters.values()
    open_ended = any(each.kind == each.VAR_KEYWORD for each in given)
    unknown = [] if open_ended else [name for name in made.names if name not in signature.parameters]
    positional = [each.name for each in given if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    filled = {*positional[: made.positional + 1], *made.names}
    missing = [
        each.name
        for each in given
        if each.default is each.empty
        and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
        and each.name not in filled
    ]
    return missing, unknown


def _left_out(kind: type, names: Iterable[str], why: str) -> Refusal:
    told = ", ".join(f"{name!r}: self.{name}" for name in names)
    return Refusal(why, f"def get_config(self): return {{**super().get_config(), {told}}}  # in {kind.__name__}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
