"""Write plain values as literals, and compare values: what a text would make with what is there."""

from __future__ import annotations

import ast
import pprint
from types import FunctionType
from typing import Any

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


def same(one: Any, other: Any, depth: int = 20) -> bool:
    """Return whether two values are equal, and of equal types all the way down.

    Functions are equal if their code is: a ``lambda`` that is made twice is two objects.
    """
    if one is other:
        return True
    if type(one) is not type(other) or not depth:
        return False
    if isinstance(one, dict):
        return same(list(one), list(other), depth - 1) and all(same(one[key], other[key], depth - 1) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(same(*pair, depth - 1) for pair in zip(one, other))
    if isinstance(one, FunctionType):
        mine, its = one.__code__, other.__code__
        return (mine.co_code, mine.co_names, mine.co_varnames) == (its.co_code, its.co_names, its.co_varnames)
    try:
        if type(one).__module__ == "__main__" and vars(type(one)).get("__eq__") is None:
            return same(vars(one), vars(other), depth - 1)
        equal: bool = one == other
        return bool(equal)
    except Exception:  # a comparison of the user's, or of arrays
        return False


def described(value: Any) -> str:
    """Return what a value that cannot be written down is called: ``a dict of 20,000 items``."""
    kind = type(value).__name__
    article = "an" if kind[:1].lower() in "aeiou" else "a"
    if type(value) in (dict, list, tuple, set, str, bytes):
        unit = "characters" if isinstance(value, str) else "bytes" if isinstance(value, bytes) else "items"
        return f"{article} {kind} of {len(value):,} {unit}"
    return f"{article} {kind}"
