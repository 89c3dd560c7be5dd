"""Tell what executing an assignment once more would give a variable, without changing anything."""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import re
from collections.abc import Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

from kreg_ipython.export import literals
from kreg_ipython.export.harmless import WRITERS, Judge, holds
from kreg_ipython.export.items import Item
from kreg_ipython.lib.naming import definition_text
from kreg_ipython.registries.harmless import makes_a_value

ABSENT = object()
MUTABLE = (dict, list, set)
_PYTHONS = ("builtins", "collections", "types")
"""The modules of what is called once more for a plain value."""
_STATEFUL = r"(initializers|regularizers|constraints|losses|dtype_policies|optimizers)\."
"""What counts names or draws numbers when it is called once more."""
_AT_REST = {"numpy", "tensorflow", "jax", "jaxlib", "pathlib", "re", "typing", "decimal", "fractions", "datetime"}
"""The packages whose objects change nothing when they are read."""


class Values:
    """Compares what statements say with the values that variables have.

    Args:
        namespace: the variables.
        judge: tells what is called.
        home: the module of the notebook's classes.
    """

    def __init__(self, namespace: Mapping[str, Any], judge: Judge, home: str) -> None:
        self._namespace, self._judge, self._home = namespace, judge, home

    def comes_to(self, item: Item, name: str, live: Any) -> bool:
        """Return whether executing a statement once more is shown to give a variable the value that it has."""
        if isinstance(item.node, ast.AugAssign):
            return False
        if isinstance(live, (FunctionType, BuiltinFunctionType, ModuleType, type)):
            return True
        value, at = assigned(item.node, name)
        if isinstance(value, ast.Call) and at is None and self._makes(value, live):
            return True
        if literals.literal(live) is not None and not self._is_pythons(value):
            return False  # the value says more than how a library computed it
        made = self.evaluated(value)
        try:
            made = made if at is None or made is ABSENT else list(made)[at]
        except Exception:
            return False
        return made is not ABSENT and literals.same(made, live)

    def _is_pythons(self, value: ast.expr | None) -> bool:
        """Return whether an expression calls Python's own types and nothing else."""
        for each in ast.walk(value) if value is not None else ():
            if isinstance(each, ast.Call) and not (
                isinstance(each.func, ast.Attribute) and isinstance(each.func.value, ast.Constant)
            ):
                try:
                    callee = self._judge.value(each.func)
                except KeyError:
                    return False
                if getattr(callee, "__module__", None) not in _PYTHONS:
                    return False
        return True

    def _makes(self, call: ast.Call, live: Any) -> bool:
        """Return whether a call makes an object, as far as can be told without the call.

        The object is one of a simple class of the notebook's, one that a framework can describe, or one around a
        function: ``tf.function(f)``.
        """
        try:
            callee = self._judge.value(call.func)
        except KeyError:
            return False
        given = [self.evaluated(each) for each in call.args]
        named = {each.arg: self.evaluated(each.value) for each in call.keywords}
        if None in named or any(each is ABSENT for each in (*given, *named.values())):
            return False
        try:
            if not isinstance(callee, type):
                return bool(given) and self._is_around(callee, given[0], live)
            if type(live) is not callee:
                return False
            if callee.__module__ == self._home:
                return self._made_simply(callee, given, named, live)
            return _is_frameworks(callee) and _is_configured(callee, given, named, live)
        except Exception:  # the call has other arguments by now, a description raises
            return False

    @staticmethod
    def _is_around(callee: Any, function: Any, live: Any) -> bool:
        inner = [getattr(live, each, ABSENT) for each in ("__wrapped__", "python_function", "pyfunc")]
        return (
            makes_a_value(callee) and holds(callee) and callable(function) and any(each is function for each in inner)
        )

    def _made_simply(self, kind: Any, given: list[Any], named: dict[Any, Any], live: Any) -> bool:
        """Return whether an object has what its class gives it that only stores its arguments."""
        if issubclass(kind, tuple) and kind.__new__.__module__ == f"namedtuple_{kind.__name__}":
            bound = inspect.signature(kind.__new__).bind(kind, *given, **named)
            bound.apply_defaults()
            return literals.same([*bound.args[1:]], [*live])
        frozen = dataclasses.is_dataclass(kind) and getattr(kind, "__dataclass_params__").frozen  # noqa: B009 - mypy
        sets = kind.__setattr__ is object.__setattr__ or (
            frozen and kind.__setattr__.__code__.co_filename == "<string>"
        )
        plain = [kind.__new__ is object.__new__, sets, type(kind) is type]
        if not all(plain) or any("__slots__" in vars(each) for each in kind.__mro__[:-1]):
            return False
        init: Any = inspect.getattr_static(kind, "__init__")
        if init is inspect.getattr_static(object, "__init__"):
            return not given and not named and not vars(live)
        bound = inspect.signature(init).bind(live, *given, **named)
        bound.apply_defaults()
        if dataclasses.is_dataclass(kind) and init.__code__.co_filename == "<string>":
            return not hasattr(kind, "__post_init__") and self._made_fields(kind, bound.arguments, live)
        node = self._judge.definition_of(kind)
        stored: dict[str, Any] = {}
        (said,) = (each for each in node.body if getattr(each, "name", "") == "__init__")  # type: ignore[union-attr]
        for each in said.body:
            if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant):
                continue
            (target,) = each.targets
            if target.value.id != said.args.args[0].arg:
                return False
            stored[target.attr] = self.evaluated(each.value, bound.arguments)
        return not any(each is ABSENT for each in stored.values()) and literals.same(stored, vars(live))

    @staticmethod
    def _made_fields(kind: Any, arguments: dict[str, Any], live: Any) -> bool:
        stored: dict[str, Any] = {}
        for each in dataclasses.fields(kind):
            value = arguments.get(each.name, each.default)
            factory: Any = each.default_factory
            is_given = each.name in arguments and type(value).__name__ != "_HAS_DEFAULT_FACTORY_CLASS"
            if factory is not dataclasses.MISSING and not is_given:
                if factory not in MUTABLE:
                    return False
                value = factory()
            stored[each.name] = value
        return literals.same(stored, vars(live))

    def evaluated(self, value: ast.expr | None, local: Mapping[str, Any] = MappingProxyType({})) -> Any:
        """Return what an expression gives; nothing if that would call anything of the user's, or change anything."""
        inside = [] if value is None else [*ast.walk(value)]
        calls = [each for each in inside if isinstance(each, ast.Call)]
        if value is None or self._judge.effect(value) or not all(self._is_simple(each, local) for each in calls):
            return ABSENT
        if not all(self._is_at_rest(each, local) for each in inside):
            return ABSENT
        try:
            return eval(
                compile(ast.Expression(value), "<kreg>", "eval", dont_inherit=True), {**self._namespace, **local}
            )
        except Exception:  # what it reads has changed since
            return ABSENT

    def _is_simple(self, call: ast.Call, local: Mapping[str, Any]) -> bool:
        """Return whether a call makes a value without any function of the notebook's."""
        function = call.func
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Constant):
            return True  # "a b c".split()
        try:
            callee = self._judge.value(function, local)
        except KeyError:
            return False
        if not makes_a_value(callee) or _is_frameworks(callee, _STATEFUL):
            return False
        return holds(callee) or not any(map(self._is_users, (*call.args, *(each.value for each in call.keywords))))

    def _is_users(self, given: ast.expr) -> bool:
        """Return whether a function, class or object of the notebook's is in what a call is given."""
        for node in ast.walk(given):
            if isinstance(node, ast.Lambda):
                return True
            if isinstance(node, (ast.Name, ast.Attribute)):
                try:
                    live = self._judge.value(node)
                except KeyError:
                    continue
                home = getattr(live, "__module__", None)
                if home == self._home or isinstance(live, (functools.partial, MethodType)):
                    return True
        return False

    def _is_at_rest(self, node: ast.AST, local: Mapping[str, Any]) -> bool:
        """Return whether reading this changes nothing: no iterator, no property, no item of an unknown container."""
        if isinstance(node, (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)):
            return False
        if isinstance(node, ast.Attribute) and not isinstance(node.value, ast.Constant):
            try:
                self._judge.value(node, local)
            except KeyError:
                return False
        if not isinstance(node, ast.Name):
            return True
        return self._rests(local.get(node.id, self._namespace.get(node.id)))

    def _rests(self, live: Any, depth: int = 5) -> bool:
        """Return whether an object runs nothing of the user's when it is read, compared or added."""
        kind = type(live)
        if literals.is_plain(live) or isinstance(live, (ModuleType, FunctionType, BuiltinFunctionType, type)):
            return True
        if kind.__module__ == self._home or not depth:
            return False
        if isinstance(live, (*MUTABLE, tuple)):
            inside = [*live, *(live.values() if isinstance(live, dict) else ())]
            return all(self._rests(each, depth - 1) for each in inside)
        return kind.__module__.partition(".")[0] in _AT_REST and not hasattr(kind, "__next__")

    def replayed(self, statements: list[Item]) -> Any:
        """Return what a container is that the first statement makes, and the others fill."""
        value, _ = assigned(statements[0].node, next(iter(statements[0].names.binds)))
        if not isinstance(value, (ast.Dict, ast.List, ast.Set, ast.Call)):
            return ABSENT  # another variable's own
        if any(
            self.evaluated(part) is ABSENT
            for part in (value, *(p for each in statements[1:] for p in written(each.node)))
        ):
            return ABSENT
        scratch = dict(self._namespace)
        name = next(iter(statements[0].names.binds))
        try:
            for each in statements:
                exec(compile(ast.Module([each.node], []), "<kreg>", "exec", dont_inherit=True), scratch)
            return scratch[name]
        except Exception:  # what they read has changed since
            return ABSENT


def _is_frameworks(callee: Any, parts: str = "") -> bool:
    """Return whether something is one of Keras's that has a configuration."""
    return re.match(rf"(keras|tf_keras)\.(.*\.)?{parts}", definition_text(callee)) is not None


def _is_configured(kind: Any, given: list[Any], named: dict[Any, Any], live: Any) -> bool:
    """Return whether the configuration of an object is what a call says."""
    config = live.get_config()
    bound = inspect.signature(kind.__init__).bind(live, *given, **named)
    said = {*bound.arguments}
    bound.apply_defaults()
    del bound.arguments[next(iter(bound.arguments))]
    for name, value in bound.arguments.items():
        has = config.get(name, ABSENT)
        if name in said and has is ABSENT:
            return False
        comparable = type(has) is type(value) or (isinstance(has, (int, float)) and isinstance(value, (int, float)))
        if (name in said and not comparable) or (comparable and has != value):
            return False
    return True


def assigned(node: ast.stmt, name: str) -> tuple[ast.expr | None, int | None]:
    """Return the expression that an assignment gives a variable, and which of its values."""
    if isinstance(node, ast.AnnAssign):
        return node.value, None
    if not isinstance(node, ast.Assign):
        return None, None
    for target in node.targets:
        if isinstance(target, ast.Name) and target.id == name:
            return node.value, None
        if isinstance(target, (ast.Tuple, ast.List)) and all(isinstance(each, ast.Name) for each in target.elts):
            names = [each.id for each in target.elts if isinstance(each, ast.Name)]
            if name in names:
                return node.value, names.index(name)
    return None, None


def sets_attribute_of(node: ast.stmt, name: str) -> bool:
    """Return whether a statement sets an attribute of a variable."""
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    return isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == name


_CHANGERS = {
    *WRITERS,
    *(
        "appendleft",
        "clear",
        "discard",
        "extendleft",
        "fill",
        "itemset",
        "partition",
        "pop",
        "popitem",
        "popleft",
        "put",
    ),
    *("register", "remove", "resize", "reverse", "setfield", "setflags", "sort", "subtract", "update_from"),
}
"""The methods that change an object."""


def changes_of(node: ast.AST, name: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield the attributes by which a statement, or a function in it, changes what a variable holds, and where.

    The attribute is empty if the object itself is changed, as by ``W[1] = 2`` and ``W.fill(0)``.
    """
    for each in ast.walk(node):
        if isinstance(each, (ast.Attribute, ast.Subscript)) and isinstance(each.ctx, (ast.Store, ast.Del)):
            found = _path(each, name)
            if found is not None:
                yield found, each
        elif isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr in _CHANGERS:
            found = _path(each.func.value, name)
            if found is not None:
                yield found, each
        elif isinstance(each, ast.Call) and ast.unparse(each.func).rpartition(".")[2].strip("_") in (
            "setattr",
            "delattr",
        ):
            given = each.args
            if len(given) > 1 and isinstance(given[0], ast.Name) and given[0].id == name:
                yield str(given[1].value) if isinstance(given[1], ast.Constant) else "*", each


def _path(node: ast.expr, name: str) -> str | None:
    """Return the first attribute of a variable in a chain; empty if it has none; None for another variable."""
    attribute = ""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        attribute = node.attr if isinstance(node, ast.Attribute) else ""
        node = node.value
    return attribute if isinstance(node, ast.Name) and node.id == name else None


def writes_to(node: ast.stmt, name: str) -> bool:
    """Return whether a statement writes to a container: at a key, by a method, by ``|=``."""
    if isinstance(node, ast.AugAssign):
        target: ast.AST = node.target.value if isinstance(node.target, ast.Subscript) else node.target
        return isinstance(target, ast.Name) and target.id == name
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
        owner = node.value.func.value
        return node.value.func.attr in WRITERS and isinstance(owner, ast.Name) and owner.id == name
    return any(
        isinstance(each, ast.Subscript) and isinstance(each.value, ast.Name) and each.value.id == name
        for each in (node.targets if isinstance(node, ast.Assign) else ())
    )


def written(node: ast.stmt) -> list[ast.expr]:
    """Return the expressions that such a statement executes."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return [*node.value.args, *(each.value for each in node.value.keywords)]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
    return [node.value, *(each.slice for each in targets if isinstance(each, ast.Subscript))]  # type: ignore[attr-defined]
