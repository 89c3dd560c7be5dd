"""Whether an edit of a file may change what executing the file registers. Pure functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from types import CodeType
from typing import Any, NamedTuple

Path = tuple[str, ...]
"""Where a definition stands in its file: the names of the classes around it, and its own."""

_PLAIN = {"classmethod", "property", "staticmethod"}
"""Decorators that register nothing."""
_WITH_THE_CLASS = {"__class_getitem__", "__init_subclass__", "__prepare__", "__set_name__"}
"""Methods that a class statement may call."""
_OF_THE_CLASS = {"__class__", "super"}
"""Names that the compiler gives a meaning in a method."""


def to_patch(before: str, now: str) -> list[Path] | None:
    """The functions that are edited in a file's text, if that is all; None if the file must be executed anew.

    It need not if comments are edited, or bodies and arguments of functions that executing the file does not call:
    `%autoreload` patches those in place, and whatever is registered stays the same object. When in doubt it must.
    """
    try:
        former, present = _outline(before), _outline(now)
    except (SyntaxError, ValueError):
        return None
    if former.text != present.text:
        return None
    pairs = zip(former.functions, present.functions, strict=True)
    edited = {new: old for old, new in pairs if old.text != new.text}
    if any(_is_beyond_patching(old, new) for new, old in edited.items()) or edited.keys() & _called(present):
        return None
    return [function.path for function in edited]


def is_as_written(namespace: Mapping[str, Any], path: Path, file: str) -> bool:
    """Whether what stands at the path is the very function that the file defines there, and nothing around it: a class
    may have put something else in its place."""
    value: Any = None
    for name in path:
        value = namespace.get(name)
        namespace = vars(value) if isinstance(value, type) else {}
    if isinstance(value, (classmethod, staticmethod)):
        value = value.__func__
    code = getattr(value.fget if isinstance(value, property) else value, "__code__", None)
    return isinstance(code, CodeType) and (code.co_filename, code.co_name) == (file, path[-1])


class _Function(NamedTuple):
    """The names of the classes around a function, and its own; its arguments and its body; the names that these use."""

    path: Path
    text: str
    uses: frozenset[str]


class _Outline(NamedTuple):
    """What is executed with a file, as text; the names that it uses; and the functions, which may not be executed."""

    text: str
    uses: frozenset[str]
    functions: list[_Function]


def _outline(source: str) -> _Outline:
    split = _Split()
    tree = split.visit(ast.parse(source))
    return _Outline(ast.dump(tree), frozenset(_uses(tree)), split.functions)


class _Split(ast.NodeTransformer):
    """Takes the functions out of a tree, and leaves their names; those with decorators stay. Strings that are
    statements go."""

    def __init__(self) -> None:
        self.functions: list[_Function] = []
        self._classes: tuple[str, ...] = ()

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        outer, self._classes = self._classes, (*self._classes, node.name)
        self.generic_visit(node)
        self._classes = outer
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        if all(isinstance(each, ast.Name) and each.id in _PLAIN for each in node.decorator_list):
            calls = any(isinstance(each, ast.Call) for each in ast.walk(node.args))  # when the function is defined
            parts = [*([] if calls else [node.args]), *node.body]
            uses = frozenset(name for part in parts for name in _uses(part))
            text = "\n".join(ast.dump(part) for part in parts)
            self.functions.append(_Function((*self._classes, node.name), text, uses))
            node.body = []
            if not calls:
                node.args = ast.arguments([], [], None, [], [], None, [])
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else node


def _uses(node: ast.AST) -> Iterator[str]:
    """The names and attributes that code uses, but for base classes, and what is under ``__name__ == "__main__"``."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'":
        return
    bases = node.bases if isinstance(node, ast.ClassDef) else []
    for child in ast.iter_child_nodes(node):
        if child not in bases or not isinstance(child, (ast.Name, ast.Attribute)):
            yield from _uses(child)


def _called(outline: _Outline) -> set[_Function]:
    """The functions that executing the file may call: what it uses, or such a function does, and all methods of such a
    class."""
    called = {each for each in outline.functions if each.path[-1] in _WITH_THE_CLASS}
    reached: frozenset[str] = frozenset()
    names = outline.uses.union(*(each.uses for each in called))
    while names - reached:
        reached |= names
        new = {each for each in outline.functions if names.intersection(each.path)} - called
        called |= new
        names = frozenset().union(*(each.uses for each in new))
    return called


def _is_beyond_patching(former: _Function, function: _Function) -> bool:
    """Whether a method has come to need the class that it stands in: what is patched in was compiled in another one."""
    private = any(name.startswith("__") and not name.endswith("__") for name in function.uses)
    return private or bool((function.uses - former.uses) & _OF_THE_CLASS)
