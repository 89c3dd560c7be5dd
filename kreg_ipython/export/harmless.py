"""Tell what a statement does besides defining something: what must not be executed again in a module."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import enum
import functools
import inspect
import os
import re
import sys
from collections.abc import Callable, Container, Iterable, Iterator
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from kreg_ipython.lib.naming import definition_text
from kreg_ipython.registries.harmless import makes_a_value

_METHODS = {
    *("capitalize", "copy", "count", "decode", "difference", "encode", "endswith", "format", "get", "index", "items"),
    *("intersection", "isdigit", "join", "keys", "lower", "lstrip", "partition", "replace", "rpartition", "rsplit"),
    *("rstrip", "split", "splitlines", "startswith", "strip", "title", "union", "upper", "values", "zfill"),
}
"""The methods of plain values that change nothing."""
WRITERS = {"add", "append", "extend", "insert", "setdefault", "update"}
_REGISTERS = re.compile(
    r".*(register|Register|dispatch_for|no_gradient|NotDifferentiable).*|functools\.(wraps|lru_cache)"
)
"""The functions that make a decorator which does not call what it decorates."""
_HOLDS = re.compile(
    rf"{_REGISTERS.pattern}|builtins\.(?!(filter|map|max|min|sorted)$)\w+|functools\.(?!reduce$)\w+"
    r"|types\.(?!new_class$)\w+|(typing|typing_extensions|_?collections|collections\.abc|enum|dataclasses|abc)\..*"
    r"|tensorflow\.python\.(eager|ops\.custom_gradient)\..*|jax\._src\.(api\.(jit|grad|vmap|value_and_grad)|custom_.*)"
    r"|numpy\.(vectorize|frompyfunc)"
)
"""The functions that do not call those which they are given, before somebody calls what they make of them."""
_CALLABLES = (FunctionType, BuiltinFunctionType, MethodType, functools.partial, type)
_CONTAINERS = (dict, list, tuple, set, str, bytes)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_USES = (
    *(ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.If, ast.Subscript, ast.Attribute),
    *(ast.FormattedValue, ast.Starred, ast.comprehension),
)
"""The parts of a statement that may call a method of the object which they use."""
_NOT_USED = {
    "__init__",
    "__new__",
    "__post_init__",
    "__init_subclass__",
    "__class_getitem__",
    "__set_name__",
    "__call__",
}
"""The methods that no operator calls."""
_NOTHING = (ast.Import, ast.ImportFrom, ast.Pass, ast.Break, ast.Continue)
_ABSENT = object()


class Judge:
    """Tells the effects of code in a notebook.

    Args:
        value_of: returns what a global name is; raises KeyError if it is nothing.
        definition_of: returns the ``def`` or ``class`` of an object of the notebook's; None if it is not known.
        home: the module of these objects.
    """

    def __init__(
        self,
        value_of: Callable[[str], Any],
        definition_of: Callable[[Any], ast.AST | None],
        home: str = "__main__",
    ) -> None:
        self._value_of, self.definition_of, self._home = value_of, definition_of, home
        self._known: dict[int, tuple[Any, str]] = {}

    def effect(self, node: ast.AST | None) -> str:
        """Return what a statement or an expression does besides defining something; nothing if it does nothing."""
        return _Frame(self).effect(node)

    def effect_of_registration(self, node: ast.stmt, *, direct: bool) -> str:
        """Return what a statement does besides registering something, or setting an attribute.

        Args:
            node: the statement.
            direct: whether it calls the framework's function itself.
        """
        if isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Name):
            inside = [part for each in node.targets for part in ast.walk(each) if isinstance(part, ast.Call)]
            return self.effect(node.value) or next(filter(None, map(self.effect, inside)), "")
        call = node.value if isinstance(node, ast.Expr) else None
        if direct and isinstance(call, ast.Call):
            given = [call, call.func] if isinstance(call.func, ast.Call) else [call]
            parts = [part for each in given for part in (*each.args, *(arg.value for arg in each.keywords))]
            return next(filter(None, map(self.effect, parts)), "")
        return self.effect(node)

    def reads_environment(self, node: ast.AST) -> str:
        """Return what a definition reads of the environment when it is executed; nothing if it does not."""
        frame = _Frame(self)
        for each in executed_in(node):
            if isinstance(each, ast.Call) and ast.unparse(each.func) in ("os.getenv", "getenv"):
                return "reads os.environ"
            if isinstance(each, (ast.Name, ast.Attribute)) and frame.is_environment(each):
                return f"reads {_short(each)}"
        return ""

    def computes(self, node: ast.AST) -> bool:
        """Return whether a statement calls anything but Python's own types and the methods of literals."""
        for each in ast.walk(node):
            if isinstance(each, ast.Call) and not (
                isinstance(each.func, ast.Attribute) and isinstance(each.func.value, ast.Constant)
            ):
                try:
                    callee = self.value(each.func)
                except KeyError:
                    return True
                if getattr(callee, "__module__", None) not in ("builtins", "collections", "types"):
                    return True
        return False

    def of_call(self, callee: Any) -> str | None:
        """Return what a call of an object does; None if that is not known."""
        if isinstance(callee, (functools.partial, MethodType)):
            return None
        if makes_a_value(callee) or _is_method_of_plain(callee):
            return ""
        known = self._known.get(id(callee))
        if known is None:
            self._known[id(callee)] = callee, ""  # a function that calls itself
            self._known[id(callee)] = known = callee, self._of_users(callee) or ""
        return known[1] if known[1] != "?" else None

    def _of_users(self, callee: Any) -> str:
        if isinstance(callee, type) and callee.__module__ == self._home:
            return self._of_class(callee)
        node = self.definition_of(callee) if getattr(callee, "__module__", None) == self._home else None
        if not isinstance(node, ast.FunctionDef) or not isinstance(callee, FunctionType):
            return "?"
        if hasattr(callee, "__wrapped__"):  # the statement is that of another function
            return "?"
        return self._of_body(node)

    def _of_class(self, kind: type) -> str:
        if type(kind) not in (type, enum.EnumMeta) and type(kind).__name__ != "ABCMeta":
            return "?"
        if getattr(kind.__new__, "__module__", None) == self._home:
            return "?"
        fields = dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ()
        factories = [each.default_factory for each in fields if each.default_factory is not dataclasses.MISSING]
        if any(self.of_call(each) != "" for each in factories):
            return "?"
        made: Any = getattr(kind, "__init__")  # noqa: B009 - mypy
        own = isinstance(made, FunctionType)
        if own and made.__code__.co_filename == "<string>":  # a dataclass's
            made = getattr(kind, "__post_init__", object.__init__)
        if any(each.__module__ not in (self._home, "builtins", "enum", "abc", "typing") for each in kind.__mro__):
            return "?"
        if not isinstance(made, FunctionType):
            return ""
        node = self.definition_of(kind)
        body = node.body if isinstance(node, ast.ClassDef) else []
        found = [each for each in body if isinstance(each, ast.FunctionDef) and each.name == made.__name__]
        return self._of_body(found[-1]) if found else "?"

    def is_own(self, kind: type) -> bool:
        """Return whether a class is the notebook's."""
        return kind.__module__ == self._home

    def has_operators(self, kind: type) -> bool:
        """Return whether using an object of a class, as by ``+`` or ``str``, may do more than to compute."""
        own = [each for base in kind.__mro__ if self.is_own(base) for each in vars(base).items()]
        return any(
            name.startswith("__")
            and name not in _NOT_USED
            and isinstance(each, FunctionType)
            and each.__code__.co_filename != "<string>"
            and self.of_call(each) != ""
            for name, each in own
        )

    def _of_body(self, node: ast.FunctionDef) -> str:
        args = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
        parameters = {each.arg for each in args if each is not None}
        return _Frame(self, parameters, in_function=True).first(node.body)

    def value(self, node: ast.expr, local: Container[str] = ()) -> Any:
        """Return what a dotted name is; raise KeyError if that is not known."""
        if isinstance(node, ast.Name) and node.id not in local:
            try:
                return self._value_of(node.id)
            except KeyError:
                return vars(builtins)[node.id]
        if isinstance(node, ast.Attribute):
            inner = self.value(node.value, local)
            if isinstance(inner, type) and inner.__module__ == self._home:
                found = inspect.getattr_static(inner, node.attr, None)
                if hasattr(type(found), "__get__") and type(found).__module__ == self._home:
                    raise KeyError(node.attr)  # a function of the user's gives it
            if isinstance(inner, (ModuleType, type)):
                try:
                    return getattr(inner, node.attr)
                except Exception:  # a module's __getattr__ may raise anything
                    raise KeyError(node.attr) from None
        raise KeyError


class _Frame:
    """Judges the statements of one body.

    Attributes:
        in_function: whether it is a function's: what it assigns is its own.
        local: the names that are its own.
        parameters: those of them that somebody else may hold.
    """

    def __init__(self, judge: Judge, parameters: Iterable[str] = (), *, in_function: bool = False) -> None:
        self.judge, self.in_function = judge, in_function
        self.parameters, self.local = set(parameters), set(parameters)

    def first(self, nodes: Iterable[ast.AST | None]) -> str:
        """Return the first effect of these."""
        return next(filter(None, map(self.effect, nodes)), "")

    def effect(self, node: ast.AST | None) -> str:
        """Return the effect of a node; see `Judge.effect`."""
        if node is None or isinstance(node, _NOTHING):
            return ""
        if isinstance(node, _DEFINITIONS):
            self.local |= {node.name} if self.in_function else set()
            return ""
        if isinstance(node, ast.Lambda):
            return self.first([*node.args.defaults, *node.args.kw_defaults])
        if isinstance(node, ast.Call):
            return self._call(node) or self.first([*node.args, *(each.value for each in node.keywords)])
        if isinstance(node, (ast.Name, ast.Attribute)) and self.is_environment(node):
            return f"reads {_short(node)}"
        if isinstance(node, _USES):
            used = self._used(*ast.iter_child_nodes(node)) or self._property(node)
            return used or self.first(ast.iter_child_nodes(node))
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            return f"changes {', '.join(node.names)}"
        if isinstance(node, (ast.While, ast.Delete, ast.Await, ast.Yield, ast.YieldFrom)):
            return f"executes `{_short(node)}`"
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.NamedExpr, ast.For, ast.AsyncFor)):
            return self._assigning(node)
        if isinstance(node, (ast.Return, ast.Raise)) and not self.in_function:
            return f"executes `{_short(node)}`"
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            inner = _Frame(self.judge, self.local, in_function=True)
            return inner.first(ast.iter_child_nodes(node))
        return self.first(ast.iter_child_nodes(node))

    def is_environment(self, node: ast.expr) -> bool:
        """Return whether this is what another process may have another value for: ``os.environ``, ``sys.argv``."""
        try:
            live = self.judge.value(node, self.local)
        except KeyError:
            return False
        return live is os.environ or live is getattr(os, "environb", os.environ) or live is sys.argv

    def _assigning(self, node: Any) -> str:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        loops = isinstance(node, (ast.For, ast.AsyncFor))
        value = node.iter if loops else node.value
        found = (
            (self._used(value) if loops else "")
            or self.effect(value)
            or next(filter(None, map(self._target, targets)), "")
        )
        return found or self.first([*getattr(node, "body", ()), *getattr(node, "orelse", ())])

    def _target(self, node: ast.expr) -> str:
        """Return what storing to a target changes elsewhere."""
        if isinstance(node, (ast.Tuple, ast.List)):
            return next(filter(None, map(self._target, node.elts)), "")
        if isinstance(node, ast.Starred):
            return self._target(node.value)
        if isinstance(node, ast.Name):
            self.local |= {node.id} if self.in_function else set()
            return ""
        root = _root(node)
        is_own = root in self.local and (root == "self" or root not in self.parameters)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Call) and self._is_known(node.value):
            is_own = True  # a registry's container, for which the text asks
        return "" if is_own else f"changes {_short(node)}"

    def _call(self, node: ast.Call) -> str:
        """Return the effect of a call, without that of its arguments."""
        given = [*node.args, *(each.value for each in node.keywords)]
        if isinstance(node.func, ast.Call):  # a decorator that is made first
            if not self._is_known(node.func):
                return _calls(node)
            made = self.judge.value(node.func.func, self.local)
            inner = [*node.func.args, *(each.value for each in node.func.keywords)]
            called = [] if _REGISTERS.fullmatch(definition_text(made)) else inner
            called += given if made is functools.partial or not holds(made) else []
            return self._call(node.func) or self.first(inner) or next(filter(None, map(self._called, called)), "")
        if isinstance(node.func, ast.Lambda):
            return self.effect(node.func.body)
        try:
            callee = self.judge.value(node.func, self.local)
        except KeyError:
            return "" if self._is_method(node.func) else _calls(node)
        found = self.judge.of_call(callee)
        if found is None or found or holds(callee):
            return _calls(node) if found is None else found
        used = self._used(*given)
        if used:
            return used
        first = node.args[:1] if callee in (map, filter, functools.reduce) else []
        first += [each.value for each in node.keywords if each.arg == "key"]
        unknown = next((each for each in first if not self._is_function(each)), None)
        if unknown is not None:
            return f"calls {_short(unknown)}()"
        return next(filter(None, map(self._called, given)), "")

    def _used(self, *nodes: ast.AST) -> str:
        """Return which methods of the user's an operator or a library may call on what these give."""
        for node in nodes:
            try:
                if isinstance(node, ast.Call):
                    kinds = [self.judge.value(node.func, self.local)]
                else:
                    live = self.judge.value(node, self.local) if isinstance(node, ast.expr) else None
                    inside: Any = live if type(live) in _CONTAINERS else ()
                    kinds = [type(live), *map(type, inside), *(map(type, live.values()) if type(live) is dict else ())]
            except KeyError:
                continue
            if any(isinstance(each, type) and self.judge.has_operators(each) for each in kinds):
                return f"uses {_short(node)}, which has methods that may do more"
        return ""

    def _property(self, node: ast.AST) -> str:
        """Return which attribute a function of the user's computes."""
        try:
            owner = self.judge.value(node.value, self.local) if isinstance(node, ast.Attribute) else None
        except KeyError:
            return ""
        kind = owner if isinstance(owner, type) else type(owner)
        found = inspect.getattr_static(kind, getattr(node, "attr", ""), None)
        is_own = self.judge.is_own(type(found)) and hasattr(type(found), "__get__")
        is_own |= owner is not kind and isinstance(found, (property, functools.cached_property))
        return f"reads {_short(node)}, which a function gives" if is_own and self.judge.is_own(kind) else ""

    def _is_function(self, node: ast.expr) -> bool:
        """Return whether it is known what a call of this does."""
        if isinstance(node, (ast.Lambda, ast.Constant)) or self._is_method(node):
            return True
        if isinstance(node, ast.Call):
            return self._is_known(node)
        try:
            return self.judge.value(node, self.local) is not _ABSENT
        except KeyError:
            return False

    def _called(self, node: ast.expr) -> str:
        """Return the effect of calling what an expression gives; nothing if that is no function."""
        if isinstance(node, ast.Lambda):
            names = {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)}
            inner = _Frame(self.judge, self.local | names, in_function=True)
            return inner.effect(node.body)
        if isinstance(node, ast.Call):
            return next(filter(None, map(self._called, (*node.args, *(each.value for each in node.keywords)))), "")
        if isinstance(node, (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.IfExp, ast.BoolOp, ast.Starred)):
            inside = (each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr))
            return next(filter(None, map(self._called, inside)), "")
        try:
            value = self.judge.value(node, self.local)
        except KeyError:
            return ""
        if not isinstance(value, _CALLABLES) or isinstance(value, ModuleType):
            return ""
        found = self.judge.of_call(value)
        return f"calls {_short(node)}()" if found is None else found

    def _is_known(self, node: ast.Call) -> bool:
        try:
            return makes_a_value(self.judge.value(node.func, self.local))
        except KeyError:
            return False

    def _is_method(self, node: ast.expr) -> bool:
        """Return whether this is a method of a plain value, or one that writes to a list of the function's own."""
        if not isinstance(node, ast.Attribute):
            return False
        root = _root(node)
        if node.attr in WRITERS:
            is_own = isinstance(node.value, ast.Name) and root in self.local - self.parameters
            return is_own or (isinstance(node.value, ast.Call) and self._is_known(node.value))
        if node.attr not in _METHODS or self.effect(node.value):
            return False
        if isinstance(node.value, ast.Name) and root not in self.local:
            return type(self.judge.value(node.value)) in _CONTAINERS
        return True


def executed_in(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is executed of a definition, without the bodies of the functions in it."""
    yield node
    children: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        children = [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
    elif isinstance(node, ast.Lambda):
        children = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
    for child in children:
        yield from executed_in(child)


def holds(callee: Any) -> bool:
    """Return whether something does not call the functions that it is given, before what it makes is called."""
    return _HOLDS.fullmatch(definition_text(callee)) is not None


def _is_method_of_plain(callee: Any) -> bool:
    """Return whether this is a method that changes nothing: ``str.strip``."""
    owner = getattr(callee, "__objclass__", None) if type(callee).__name__ == "method_descriptor" else None
    return owner in _CONTAINERS and callee.__name__ in _METHODS


def _root(node: ast.AST) -> str:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _calls(node: ast.Call) -> str:
    return f"calls {_short(node.func)}()"


def _short(node: ast.AST) -> str:
    text = ast.unparse(node).split("\n")[0]
    return text if len(text) <= 60 else f"{text[:57]}…"
