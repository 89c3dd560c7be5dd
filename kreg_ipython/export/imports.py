"""Read import statements: what they bind, and to which module or object; and write them."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Collection, Mapping
from types import ModuleType
from typing import Any

from kreg_ipython.export.items import Item

ABSENT = object()


def bound_by(node: ast.AST, alias: ast.alias) -> str:
    """Return the name that a part of an import binds."""
    if alias.asname:
        return alias.asname
    return alias.name if isinstance(node, ast.ImportFrom) else alias.name.partition(".")[0]


def leads(module: str, chains: Collection[str]) -> bool:
    """Return whether one of these dotted names is a module's, or of something in it."""
    return any(chain == module or chain.startswith(f"{module}.") for chain in chains)


def imports(node: ast.stmt, module: ModuleType) -> bool:
    """Return whether an import binds this module."""
    names = [each.name for each in node.names]  # type: ignore[attr-defined]
    if isinstance(node, ast.ImportFrom):
        names = [f"{node.module}.{each}" for each in names]
    return any(sys.modules.get(name) is module for name in names)


def gives(node: ast.stmt, name: str, value: Any) -> bool:
    """Return whether an import binds a name to this."""
    if isinstance(node, ast.Import):
        return isinstance(value, ModuleType) and imports(node, value)
    names = node.names if isinstance(node, ast.ImportFrom) else []
    of = vars(sys.modules.get(getattr(node, "module", None) or "", sys))
    return any((each.asname or each.name) == name and of.get(each.name, ABSENT) is value for each in names)


def given_by_star(module: str, name: str) -> Any:
    """Return what a star import of a module binds a name to; nothing if it does not."""
    names = vars(sys.modules[module]) if module in sys.modules else {}
    return ABSENT if name.startswith("_") or name not in names.get("__all__", names) else names.get(name, ABSENT)


def absolute(node: ast.ImportFrom, namespace: Mapping[str, Any]) -> str:
    """Return the full name of the module that a statement imports from."""
    relative = "." * node.level + (node.module or "")
    try:
        return importlib.util.resolve_name(relative, namespace.get("__package__") or "")
    except ImportError:
        return relative


def import_of(live: Any, name: str) -> str | None:
    """Return the import by which another module has an object; without a name, one that only executes the module."""
    if isinstance(live, ModuleType):
        if sys.modules.get(live.__name__) is not live or live.__name__ == "__main__":
            return None
        return f"import {live.__name__}" + (f" as {name}" if name not in ("", live.__name__) else "")
    module, qualname = getattr(live, "__module__", None), getattr(live, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(qualname, str) or module in ("__main__", "builtins"):
        return None
    if getattr(sys.modules.get(module), qualname, None) is not live:
        return None
    return (
        f"import {module}"
        if not name
        else f"from {module} import {qualname}" + (f" as {name}" if name != qualname else "")
    )


def import_text(item: Item, aliases: list[ast.alias]) -> str:
    """Return an import of some of the names of a statement; the statement itself if these are all."""
    node = item.node
    if len(node.names) == len(aliases):  # type: ignore[attr-defined]
        return item.text
    said = ", ".join(f"{each.name} as {each.asname}" if each.asname else each.name for each in aliases)
    if isinstance(node, ast.ImportFrom):
        return f"from {'.' * node.level}{node.module or ''} import {said}"
    return f"import {said}"
