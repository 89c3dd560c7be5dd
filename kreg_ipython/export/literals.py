"""Write plain values as literals, and compare values: what a text would make with what is there."""

from __future__ import annotations

import ast
import functools
import pprint
import sys
from types import CodeType, FunctionType, SimpleNamespace
from typing import Any, TypeVar

_LONGEST = 20_000
"""The most characters of a value that is still small."""
_SCALARS = (type(None), bool, int, float, complex, str, bytes, type(...))
_WIDTH = 100


def is_plain(value: Any) -> bool:
    """Return whether a value is made of Python's own scalars and containers, and of nothing else."""
    kind = type(value)
    if kind in _SCALARS:
        return True
    try:
        if kind is dict:
            return all(is_plain(key) and is_plain(each) for key, each in list(value.items()))
        return kind in (tuple, list, set) and all(map(is_plain, list(value)))
    except RecursionError:  # it contains itself
        return False


def literal(value: Any) -> str | None:
    """Return the literal of a small plain value; None if it is not one, or if its literal does not read back equal."""
    if not is_plain(value):
        return None
    try:
        for text in (repr(value), pprint.pformat(value, width=_WIDTH, sort_dicts=False, compact=True)):
            if len(text) > _LONGEST or not same(ast.literal_eval(text), value):
                return None
            if len(text) <= _WIDTH:
                break
    except (ValueError, SyntaxError, RecursionError, MemoryError):  # `nan`, `inf`, too many digits
        return None
    return text


def array_literal(value: Any, numpy: str) -> str | None:
    """Return the text that makes a small array or number of NumPy's; None if it is not one.

    Args:
        value: the array.
        numpy: the name of the module in the text.
    """
    np = sys.modules.get("numpy")
    if (
        np is None
        or not (type(value) is np.ndarray or isinstance(value, np.generic))
        or value.dtype.kind not in "biufc"
    ):
        return None
    said = literal(value.tolist()) if value.size * 20 < _LONGEST else None
    if said is None:
        return None
    dtype = value.dtype.str if value.dtype.byteorder == ">" else str(value.dtype)
    text = f"{numpy}.array({said}, dtype={dtype!r})" + ("" if type(value) is np.ndarray else "[()]")
    made = np.array(ast.literal_eval(said), dtype=dtype)
    return text if made.shape == value.shape and _same_arrays(made, value) else None


_OF_TYPE_VARIABLES = ("__name__", "__bound__", "__constraints__", "__covariant__", "__contravariant__")


def same(one: Any, other: Any, depth: int = 20) -> bool:
    """Return whether two values are equal, and of equal types all the way down.

    Functions are equal if all of their code is: a ``lambda`` that is made twice is two objects. No function of the
    user's is called: their objects are equal if what they hold is.
    """
    if one is other:
        return True
    if type(one) is not type(other) or not depth:
        return False
    kind = type(one)
    try:
        if isinstance(one, dict):
            return same([*one.items()], [*other.items()], depth - 1) and _same_attributes(one, other, depth)
        if isinstance(one, (list, tuple)):
            return len(one) == len(other) and all(same(*pair, depth - 1) for pair in zip(one, other))
        if isinstance(one, (float, complex)):
            return repr(one) == repr(other)  # `nan`, `-0.0`
        if isinstance(one, FunctionType):
            return _same_functions(one, other, depth - 1)
        if isinstance(one, functools.partial):
            return all(
                same(getattr(one, each), getattr(other, each), depth - 1) for each in ("func", "args", "keywords")
            )
        if isinstance(one, TypeVar):  # without a dict from Python 3.12 on
            return all(same(getattr(one, each), getattr(other, each), depth - 1) for each in _OF_TYPE_VARIABLES)
        if kind is object:
            return True
        if (
            kind.__module__ == "__main__"
            or getattr(kind, "__eq__", None) is getattr(object, "__eq__", None)
            or kind is SimpleNamespace
        ):
            return bool(vars(one) or kind.__module__ == "__main__") and same(vars(one), vars(other), depth - 1)
        if hasattr(kind, "dtype") and hasattr(kind, "shape"):
            return _same_arrays(one, other)
        if kind in (set, frozenset) and any(type(each).__module__ == "__main__" for each in (*one, *other)):
            return False
        equal: bool = one == other
        return bool(equal)
    except Exception:  # it has no such attributes; a comparison raises
        return False


def _same_attributes(one: Any, other: Any, depth: int) -> bool:
    return same(getattr(one, "__dict__", None), getattr(other, "__dict__", None), depth - 1)


def _same_functions(one: FunctionType, other: FunctionType, depth: int) -> bool:
    """Return whether two functions do the same: their code, their defaults, and what they have from outside."""
    return (
        _same_code(one.__code__, other.__code__)
        and same(one.__defaults__, other.__defaults__, depth)
        and same(one.__kwdefaults__, other.__kwdefaults__, depth)
        and same(_closure(one), _closure(other), depth)
        and same(vars(one), vars(other), depth)
    )


def _closure(function: FunctionType) -> list[Any]:
    return [each.cell_contents for each in function.__closure__ or ()]


def _same_code(one: CodeType, other: CodeType) -> bool:
    names = ("co_code", "co_names", "co_varnames", "co_freevars", "co_argcount", "co_kwonlyargcount")
    return (
        all(getattr(one, each) == getattr(other, each) for each in names)
        and one.co_flags & 0x3FF == other.co_flags & 0x3FF  # and not which `__future__` it has
        and len(one.co_consts) == len(other.co_consts)
        and all(
            _same_code(*pair) if isinstance(pair[0], CodeType) and isinstance(pair[1], CodeType) else same(*pair)
            for pair in zip(one.co_consts, other.co_consts)
        )
    )


def _same_arrays(one: Any, other: Any) -> bool:
    """Return whether two arrays or tensors are equal, bit by bit."""
    np = sys.modules["numpy"]
    mine, its = np.asarray(one), np.asarray(other)
    if mine.dtype != its.dtype or mine.shape != its.shape or mine.dtype.hasobject:
        return False
    return bool(mine.tobytes() == its.tobytes())


def described(value: Any) -> str:
    """Return what a value that cannot be written down is called: ``a dict of 20,000 items``."""
    kind = type(value).__name__
    article = "an" if kind[:1].lower() in "aeiou" else "a"
    if type(value) in (dict, list, tuple, set, str, bytes):
        unit = "characters" if isinstance(value, str) else "bytes" if isinstance(value, bytes) else "items"
        return f"{article} {kind} of {len(value):,} {unit}"
    return f"{article} {kind}"
