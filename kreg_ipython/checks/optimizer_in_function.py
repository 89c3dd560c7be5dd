"""Find optimizers and metrics that are made inside a `tf.function`, which can make no variables at its second call."""

from __future__ import annotations

import ast
import builtins
import inspect
from collections.abc import Iterable, Iterator
from types import FunctionType
from typing import Any

from kreg_ipython.checks.definitions import function_tree
from kreg_ipython.checks.keras import Keras, is_frameworks
from kreg_ipython.checks.notebook import Found, Notebook
from kreg_ipython.lib.holders import attributes_of


def optimizer_in_function(notebook: Notebook) -> Iterator[Found]:
    """Look for an optimizer or a metric that a `tf.function` makes at each call.

    The function's body may make it, or the body of a function that it calls.
    """
    for name, function in _functions(notebook):
        for maker, call, kind in _made(function, notebook.families, deeper=True):
            through = "" if maker is function else f" through {maker.__name__}()"
            made, variable = ast.unparse(call), "optimizer" if kind == "an optimizer" else "metric"
            yield Found(
                name,
                notebook.cells.of_code(maker.__code__, call.lineno - maker.__code__.co_firstlineno),
                f"{name} creates {kind}{through} at each call: a tf.function may create variables only at its first "
                "call, and raises ValueError",
                f"{variable} = {made}  # once, outside {name}; pass it in, or use it as a global",
            )


def _functions(notebook: Notebook) -> Iterator[tuple[str, FunctionType]]:
    """Yield the Python function of each `tf.function`, including methods of the user's classes."""
    for name, value in notebook.objects.items():
        found = [(name, value)]
        if issubclass(type(value), type) and not is_frameworks(value):
            found = [(f"{name}.{key}", attribute) for key, attribute in vars(value).items()]
        for called, one in found:
            function = attributes_of(one).get("_python_function")
            if isinstance(function, FunctionType):
                yield called, function


def _made(
    function: FunctionType, families: Iterable[Keras], *, deeper: bool
) -> Iterator[tuple[FunctionType, ast.Call, str]]:
    """Yield each call that makes an optimizer or a metric: the function it stands in, the call, and the kind.

    If ``deeper``, the bodies of the functions that are called count, too.
    """
    body = function_tree(function)
    for call in _calls(getattr(body, "body", ())):
        called = _resolved(call.func, function)
        kind = _kind(called, call, families)
        if kind is not None:
            yield function, call, kind
        called = attributes_of(called).get("_python_function", called)
        if deeper and isinstance(called, FunctionType) and not is_frameworks(called):
            yield from _made(called, families, deeper=False)


def _calls(nodes: Iterable[ast.AST]) -> Iterator[ast.Call]:
    """Yield the calls that are executed each time.

    Calls under a condition are left out: they may make an object once, if it is not there yet. So are calls in
    functions that are only defined.
    """
    for node in nodes:
        if isinstance(node, (ast.If, ast.IfExp, ast.Try, ast.BoolOp, ast.Lambda, ast.ClassDef)):
            continue
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.With) and any("init_scope" in ast.unparse(item) for item in node.items):
            continue
        if isinstance(node, ast.Call):
            yield node
        yield from _calls(ast.iter_child_nodes(node))


def _resolved(node: ast.AST, function: FunctionType) -> Any:
    """Return what an expression in the function means now; None if only a call could tell."""
    if isinstance(node, ast.Name) and node.id not in function.__code__.co_varnames:
        try:
            closed = inspect.getclosurevars(function).nonlocals
        except (TypeError, ValueError):
            closed = {}
        for names in (closed, function.__globals__, vars(builtins)):
            if node.id in names:
                return names[node.id]
    if isinstance(node, ast.Attribute):
        owner = _resolved(node.value, function)
        if inspect.ismodule(owner) or isinstance(owner, type):
            return getattr(owner, node.attr, None)
    return None


def _kind(called: Any, call: ast.Call, families: Iterable[Keras]) -> str | None:
    for keras in families:
        if isinstance(called, type) and issubclass(called, keras.optimizers):
            return "an optimizer"
        if called is keras.module.optimizers.get and call.args and isinstance(call.args[0], ast.Constant):
            return "an optimizer"
        if isinstance(called, type) and issubclass(called, keras.metric):
            return "a metric"
    return None
