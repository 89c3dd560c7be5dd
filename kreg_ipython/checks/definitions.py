"""Read the definitions of functions and classes in the text that they were compiled from. Nobody changes what is read.

A file that was saved since says something else: its definitions are not known.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable
from types import CodeType, FunctionType
from typing import Any

from kreg_ipython.checks.keras import is_frameworks
from kreg_ipython.lib import stack
from kreg_ipython.lib.source import read
from kreg_ipython.lib.statements import Statement


def function_tree(function: Any) -> ast.FunctionDef | None:
    """Return the ``def`` of a function, or of the one that its decorator wraps; None if its text is not known."""
    code = getattr(inspect.unwrap(function), "__code__", None) if isinstance(function, FunctionType) else None
    if code is None:
        return None
    for each in _definitions(code, code.co_name):
        if isinstance(each.node, ast.FunctionDef) and each.first == code.co_firstlineno:
            return each.node
    return None


def class_tree(kind: type) -> ast.ClassDef | None:
    """Return the ``class`` of a class, in the text of its first function; None if that is not known.

    Of a class without functions its name and its bases are known.
    """
    values = (getattr(value, "_python_function", value) for value in vars(kind).values())
    function = next((value for value in values if isinstance(value, FunctionType)), None)
    if function is None:
        bases = ast.parse(f"class {kind.__name__}({', '.join(base.__name__ for base in kind.__bases__)}): pass")
        return bases.body[0] if isinstance(bases.body[0], ast.ClassDef) else None
    code = function.__code__
    for each in _definitions(code, kind.__name__):
        if isinstance(each.node, ast.ClassDef) and each.first <= code.co_firstlineno <= each.last:
            return each.node
    return None


def methods(kind: type) -> dict[str, Any]:
    """Return the functions of a class and of those of its bases that users wrote."""
    own = [vars(base) for base in reversed(kind.__mro__) if not is_frameworks(base)]
    found = {name: getattr(value, "_python_function", value) for names in own for name, value in names.items()}
    return {name: value for name, value in found.items() if inspect.isfunction(value)}


def _definitions(code: CodeType, name: str) -> Iterable[Statement]:
    """Return the definitions of a name in the text of a function."""
    text = stack.text_of(code)
    return read(text).defined(name) if text is not None else ()
