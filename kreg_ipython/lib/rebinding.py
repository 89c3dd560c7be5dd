"""Find the variables that a text binds anew without asking for their former values: nobody needs what they hold.

What is not certain is left out: an assignment under a condition, a variable that is read first, also by a function that
the text calls.
"""

from __future__ import annotations

import ast
import dis
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import CodeType, FunctionType
from typing import Any

from kreg_ipython.lib import source
from kreg_ipython.lib.obstacles import expressions
from kreg_ipython.lib.statements import magic_in

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_ASK_FOR_ALL = {"eval", "exec", "globals", "locals", "vars"}
_MAY_END_EARLY = ("suppress", "raises")
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_READS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
"""The instructions that read a variable of a module."""


def rebound(text: str, namespace: Mapping[str, Any], module: str) -> set[str]:
    """Return the variables that a text certainly binds or deletes before it reads them.

    Args:
        text: what is executed.
        namespace: where, with the functions that it may call.
        module: the name of the module whose functions read this namespace.
    """
    found = _Reader(namespace, module)
    bound = found.run(source.read(text).tree.body, frozenset())
    return set(bound - found.read)


class _Reader:
    """One reading of a text. Sets of names say what is certainly bound by then."""

    def __init__(self, namespace: Mapping[str, Any], module: str) -> None:
        self._namespace, self._module = namespace, module
        self._functions: dict[str, Callable[[], set[str]]] = {}
        """Say which names the functions and classes of the text read when they are called."""
        self.read: set[str] = set()
        """The names that were read before they were bound."""

    def run(self, body: Iterable[ast.stmt], bound: frozenset[str]) -> frozenset[str]:
        """Execute statements; return what is bound then."""
        certain = True
        for node in body:
            after = self._execute(node, bound)
            bound = after if certain else bound
            certain = certain and not _may_leave(node)
        return bound

    def _execute(self, node: ast.stmt, bound: frozenset[str]) -> frozenset[str]:
        kind = type(node).__name__
        evaluated = _evaluated(node)
        self._read({*_names(evaluated, ast.Load), *re.findall(r"\w+", magic_in(node))}, bound)
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            self._functions[node.name] = functools.cache(functools.partial(_read_when_called, node))
            return bound | {node.name}
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            return bound | {(each.asname or each.name).partition(".")[0] for each in node.names}
        if isinstance(node, ast.If):
            return self.run(node.body, bound) & self.run(node.orelse, bound)
        if isinstance(node, (ast.For, ast.AsyncFor)):
            inside = self.run(node.body, bound | _stored(ast.walk(node.target)))
            self.run(node.orelse, inside)
            return bound if self._is_empty(node.iter) else inside
        if isinstance(node, ast.While):
            inside = self.run(node.body, bound)
            self.run(node.orelse, bound)
            return inside if isinstance(node.test, ast.Constant) and node.test.value else bound
        if isinstance(node, (ast.With, ast.AsyncWith)):
            inside = self.run(node.body, bound | _stored(evaluated))
            early = any(word in ast.unparse(each) for each in node.items for word in _MAY_END_EARLY)
            return bound if early else inside
        if kind in ("Try", "TryStar"):
            return self._try(node, bound)
        if isinstance(node, ast.Match):
            for case in node.cases:
                self._read({*_names(expressions(case), ast.Load)}, bound)
                self.run(case.body, bound)
            return bound
        return bound | _stored(evaluated)

    def _try(self, node: Any, bound: frozenset[str]) -> frozenset[str]:
        ends = [self.run(node.orelse, self.run(node.body, bound))]
        for each in node.handlers:
            self._read({*_names(expressions(each), ast.Load)}, bound)
            ends.append(self.run(each.body, bound))
        inside = frozenset.intersection(*ends)
        return inside | self.run(node.finalbody, inside)

    def _read(self, names: set[str], bound: frozenset[str]) -> None:
        """Note what a statement reads, and what the functions read that it names."""
        todo, seen = names, set()
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            if name in self._functions:
                todo |= self._functions[name]()
            elif name not in bound:
                self.read |= {name}
                todo |= self._read_by(self._namespace.get(name))
        if seen & _ASK_FOR_ALL:
            self.read |= self._namespace.keys() - bound

    def _read_by(self, value: Any) -> set[str]:
        """Return the names that a function, or the class of an object, reads when it is called."""
        kind = type(value)
        definition = value if issubclass(kind, (FunctionType, type)) else kind
        if getattr(definition, "__module__", None) != self._module:
            return set()
        functions = [definition] if isinstance(definition, FunctionType) else vars(definition).values()
        return {name for each in functions if isinstance(each, FunctionType) for name in _read_by(each.__code__)}

    def _is_empty(self, iterable: ast.expr) -> bool:
        """Return whether a loop over this is known to do nothing."""
        value = self._namespace.get(iterable.id) if isinstance(iterable, ast.Name) else iterable
        if isinstance(value, (ast.List, ast.Tuple, ast.Set)):
            return not value.elts
        return isinstance(value, (list, tuple, dict, set)) and not value


def _evaluated(node: ast.stmt) -> list[ast.AST]:
    """Return what a statement itself evaluates or binds."""
    if isinstance(node, ast.AnnAssign) and node.value is None:
        return []
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        return [ast.Name(node.target.id, ast.Load()), *expressions(node)]
    body = node.body if isinstance(node, ast.ClassDef) else []
    return [*expressions(node), *(part for each in body for part in _evaluated(each))]


def _names(nodes: Iterable[ast.AST], *contexts: type[ast.expr_context]) -> frozenset[str]:
    """Return the names in nodes, but for the variables of the lambdas and comprehensions among these."""
    found, own = [*nodes], set[int]()
    for each in found:
        if isinstance(each, ast.Lambda):
            own |= _uses([each.body], {part.arg for part in ast.walk(each.args) if isinstance(part, ast.arg)})
        elif isinstance(each, _COMPREHENSIONS):
            targets = [part for loop in each.generators for part in ast.walk(loop.target)]
            parts = [part for part in ast.iter_child_nodes(each) if part is not each.generators[0]]
            parts += [each.generators[0].target, *each.generators[0].ifs]  # what it loops over is evaluated outside
            own |= _uses(parts, {part.id for part in targets if isinstance(part, ast.Name)})
    names = (each for each in found if isinstance(each, ast.Name) and isinstance(each.ctx, contexts))
    return frozenset(each.id for each in names if id(each) not in own)


def _uses(nodes: Iterable[ast.AST], names: set[str]) -> set[int]:
    """Return the nodes that are one of these names, by their ``id``."""
    inside = (part for node in nodes for part in ast.walk(node))
    return {id(each) for each in inside if isinstance(each, ast.Name) and each.id in names}


def _stored(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """Return the names that nodes bind or delete."""
    return _names(nodes, ast.Store, ast.Del)


def _read_when_called(node: ast.stmt) -> set[str]:
    """Return the names that a function or class reads when it is called."""
    code = compile(ast.Module([node], []), "", "exec")
    return {name for each in _codes_in(code) for name in _read_by(each)}


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    """Yield the codes of the functions and classes that a code makes."""
    return (each for each in code.co_consts if isinstance(each, CodeType))


def _read_by(code: CodeType) -> Iterator[str]:
    """Yield the variables of its module that a function reads, and those that the functions in it read."""
    yield from (each.argval for each in dis.get_instructions(code) if each.opname in _READS)
    for inner in _codes_in(code):
        yield from _read_by(inner)


def _may_leave(node: ast.stmt) -> bool:
    """Return whether what follows in a loop's body may be skipped."""
    return any(isinstance(each, (ast.Break, ast.Continue)) for each in ast.walk(node))
