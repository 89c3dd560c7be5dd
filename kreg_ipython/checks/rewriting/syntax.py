"""Make syntax trees from texts and texts from them, and ask what a piece of one does."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable

from kreg_ipython.checks.rewriting.tables import ASSIGNS


def expression(text: str) -> ast.expr:
    """Return an expression from its text."""
    return ast.parse(text, mode="eval").body


def statements(text: str) -> list[ast.stmt]:
    """Return statements from their text."""
    return ast.parse(text).body


def comment(text: str) -> list[ast.stmt]:
    """Return comments: a name is unparsed as it is."""
    return [ast.Expr(ast.Name(f"# {line}")) for line in text.splitlines()]


def indented(text: str) -> str:
    """Return lines as they stand in a block."""
    return "\n".join(f"    {line}" if line else line for line in text.splitlines())


def method_text(name: str, given: str, body: Iterable[ast.stmt]) -> str:
    """Return the text of a method from its name, its arguments and its statements."""
    lines = [ast.unparse(ast.fix_missing_locations(each)) for each in body]
    return f"def {name}({given}):\n{indented(chr(10).join(lines))}"


def is_text(node: ast.expr) -> bool:
    """Return whether an expression is a text that is written out."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def is_inert(node: ast.expr) -> bool:
    """Return whether evaluating an expression does nothing."""
    if isinstance(node, (ast.Tuple, ast.List)):
        return all(is_inert(each) for each in node.elts)
    if isinstance(node, (ast.Starred, ast.Subscript)):
        return is_inert(node.value)
    return isinstance(node, (ast.Name, ast.Attribute, ast.Constant))


def assigns(node: ast.AST) -> bool:
    """Return whether a call in an expression assigns to a variable."""
    return any(_is_assignment(each) for each in ast.walk(node))


def branched(old: ast.stmt) -> ast.stmt:
    """Return a statement that assigns in one of two cases as an ``if``."""
    value = getattr(old, "value", None)
    if not isinstance(old, (ast.Assign, ast.Return, ast.Expr)) or not isinstance(value, ast.IfExp):
        return old
    if not assigns(value):
        return old
    yes, no = copy.deepcopy(old), copy.deepcopy(old)
    yes.value, no.value = value.body, value.orelse
    return ast.If(value.test, [yes], [no])


def without_aliases(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return statements without the names that only served to order the operations."""
    module = ast.Module(body, [])
    while True:
        nodes = [*ast.walk(module)]
        loaded = {each.id for each in nodes if isinstance(each, ast.Name) and not _stores(each)}
        assigned = [each for each in nodes if isinstance(each, ast.Assign)]
        unused = [each for each in assigned if (names := _local_names(each)) and not names & loaded]
        dead = [each for each in unused if is_inert(each.value)]
        _replace(module, {id(each): ast.Expr(each.value) for each in unused if _is_assignment(each.value)})
        if not dead:
            return module.body
        _replace(module, {id(each): None for each in dead})


def _stores(node: ast.Name) -> bool:
    return isinstance(getattr(node, "ctx", None), ast.Store)


def _is_assignment(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ASSIGNS


def _local_names(node: ast.Assign) -> set[str]:
    """Return the names that a statement assigns; none if it assigns anything else, too."""
    targets = [each for one in node.targets for each in (one.elts if isinstance(one, ast.Tuple) else [one])]
    names = {each.id for each in targets if isinstance(each, ast.Name)}
    return names if all(isinstance(each, ast.Name) for each in targets) else set()


def _replace(module: ast.Module, new: dict[int, ast.stmt | None]) -> None:
    """Replace statements, or leave them out."""
    for node in list(ast.walk(module)):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and any(id(each) in new for each in block):
                kept = [each for old in block if (each := new.get(id(old), old)) is not None]
                setattr(node, name, kept or ([ast.Pass()] if name == "body" and node is not module else []))
