"""Make a module of the definitions in a notebook that some of its objects need."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kreg_ipython.checks.notebook import Notebook
from kreg_ipython.lib import source
from kreg_ipython.lib.naming import definition, key_text


@dataclass(frozen=True)
class LeftOut:
    """A name that the objects need and that the module does not define.

    Attributes:
        name: the name, or the key of an entry.
        cell: the execution count of the cell that gives it its value; None if no cell is known to.
        why: why it was left out.
    """

    name: str
    cell: int | None
    why: str


@dataclass(frozen=True)
class Module:
    """The text of a module, made of a notebook's definitions.

    Attributes:
        text: the text of the module.
        objects: the keys that it registers.
        cells: the execution counts of the cells whose text is in it.
        left_out: what the objects need and the module does not define.
    """

    text: str
    objects: tuple[str, ...]
    cells: tuple[int, ...]
    left_out: tuple[LeftOut, ...]


def module_for(notebook: Notebook, roots: Iterable[Any]) -> Module:
    """Return a module that defines and registers what these objects need.

    Args:
        notebook: the notebook.
        roots: classes, functions or other registered objects, or keys of entries as text.
    """
    keys = {key_text(entry.key): entry.subject for entry in notebook.guard.ledger}
    objects = [keys.get(each) if isinstance(each, str) else each for each in roots]
    statements: dict[str, tuple[int, ast.stmt]] = {}
    for number, text in notebook.cells.texts.items():
        for node in source.read(text).tree.body:
            for name in _binds(node):
                statements[name] = number, node
    wanted = [defined[1].partition(".")[0] for each in objects if (defined := definition(each)) is not None]
    taken: dict[ast.stmt, int] = {}
    while wanted:
        number, node = statements.get(wanted.pop(), (0, None))
        if node is not None and node not in taken:
            taken[node] = number
            wanted += [each.id for each in ast.walk(node) if isinstance(each, ast.Name)]
    ordered = sorted(taken, key=lambda node: (taken[node], node.lineno))
    subjects = {id(each) for each in objects}
    return Module(
        "\n\n".join(map(ast.unparse, ordered)) + "\n",
        tuple(dict.fromkeys(key for key, subject in keys.items() if id(subject) in subjects)),
        tuple(sorted({*taken.values()})),
        (),
    )


def _binds(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
        return [node.name]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [each.asname or each.name.partition(".")[0] for each in node.names]
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
        return [each.id for each in node.targets if isinstance(each, ast.Name)]
    return []
