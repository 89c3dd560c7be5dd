"""Write plain values as literals."""

from __future__ import annotations

import ast
import pprint
import sys
from typing import Any

from kreg_ipython.export import facts

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
            if len(text) > _LONGEST or not facts.same(ast.literal_eval(text), value):
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
    return text if facts.same(made if type(value) is np.ndarray else made[()], value) else None


def described(value: Any) -> str:
    """Return what a value that cannot be written down is called: ``a dict of 20,000 items``."""
    kind = type(value).__name__
    article = "an" if kind[:1].lower() in "aeiou" else "a"
    if type(value) in (dict, list, tuple, set, str, bytes):
        unit = "characters" if isinstance(value, str) else "bytes" if isinstance(value, bytes) else "items"
        return f"{article} {kind} of {len(value):,} {unit}"
    return f"{article} {kind}"
