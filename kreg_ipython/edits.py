"""Whether an edit of a file may change what executing the file registers. Pure functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

_PLAIN = {"classmethod", "property", "staticmethod"}
"""Decorators that register nothing."""
_WITH_THE_CLASS = {"__class_getitem__", "__init_subclass__", "__prepare__", "__set_name__"}
"""Methods that a class statement may call."""
_OF_THE_CLASS = {"__class__", "super"}
"""Names that the compiler gives a meaning in a method."""


def must_execute(before: str, now: str) -> bool:
    """Whether a file must be executed anew to become what its edited text says.

    It need not if only comments are edited, or the bodies and arguments of functions that executing the file does not
    call: `%autoreload` patches those in place, and whatever is registered stays the same object. When in doubt it must.
    """
    try:
        former, present = _outline(before), _outline(now)
    except (SyntaxError, ValueError):
        return True
    if former.text != present.text:
        return True
    pairs = list(zip(former.functions, present.functions, strict=True))
    edited = {new for old, new in pairs if old.text != new.text}
    return any(_is_beyond_patching(old, new) for old, new in pairs if new in edited) or bool(edited & _called(present))


class _Function(NamedTuple):
    """A function's name and those of the classes around it; its arguments and its body; the names that these use."""

    names: frozenset[str]
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
            self.functions.append(_Function(frozenset({node.name, *self._classes}), text, uses))
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
    called = {each for each in outline.functions if each.names & _WITH_THE_CLASS}
    reached: frozenset[str] = frozenset()
    names = outline.uses.union(*(each.uses for each in called))
    while names - reached:
        reached |= names
        new = {each for each in outline.functions if each.names & names} - called
        called |= new
        names = frozenset().union(*(each.uses for each in new))
    return called


def _is_beyond_patching(former: _Function, function: _Function) -> bool:
    """Whether a method has come to need the class that it stands in: what is patched in was compiled in another one."""
    private = any(name.startswith("__") and not name.endswith("__") for name in function.uses)
    return private or bool((function.uses - former.uses) & _OF_THE_CLASS)
