"""The parts of a module: what each of them binds and needs, and the order in which they can be executed."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple

from kreg_ipython.export.imports import import_text
from kreg_ipython.export.items import DEFINITIONS, Item

_HOOKS = {"__init_subclass__", "__class_getitem__", "__new__", "__call__", "__prepare__", "__mro_entries__"}
"""The methods by which building on a class executes something of it."""
_AT = attrgetter("at")


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


class Registration(NamedTuple):
    """A registration of an object.

    Attributes:
        key: the key, as text.
        subject: the object.
        cell: the execution count of the cell that registered it; None if no cell did.
        line: the line in the last text of the cell; None if that does not say it any more.
        direct: whether the statement calls the framework's function itself.
        home: the module whose statement registered it: ``__main__`` for a cell's.
        registry: the name of the registry.
    """

    key: str
    subject: Any
    cell: int | None
    line: int | None
    direct: bool
    home: str = "__main__"
    registry: str = ""


@dataclass(eq=False)
class Piece:
    """A part of the module.

    Attributes:
        at: its place in the order of execution.
        cell: the execution count of its cell.
        text: its text.
        binds: the names that it binds.
        now: the names that it reads when it is executed, and the pieces that they are.
        later: the names that its functions read, and the pieces that they are.
        called: those of `now` that it calls.
        left_out: what it stands for, if it only says that this is left out.
        item: its statement.
        alias: what it imports of an import statement.
    """

    at: tuple[int, ...]
    cell: int | None
    text: str
    binds: frozenset[str]
    now: dict[str, Piece | None] = field(default_factory=dict)
    later: dict[str, Piece | None] = field(default_factory=dict)
    called: frozenset[str] = frozenset()
    left_out: LeftOut | None = None
    item: Item | None = None
    alias: ast.alias | None = None

    @property
    def is_import(self) -> bool:
        """True if it is nothing but an import."""
        return self.text.startswith(("import ", "from "))

    @property
    def is_definition(self) -> bool:
        """True for a ``class`` or ``def`` as it was typed."""
        return self.item is not None and isinstance(self.item.node, DEFINITIONS) and self.left_out is None


def comment(left_out: LeftOut) -> str:
    """Return the line that stands for what is left out."""
    cell = "" if left_out.cell is None else f" of cell [{left_out.cell}]"
    return f"# left out: {left_out.name}{cell}: {left_out.why}".replace("\n", " ")


def leave_out_what_cannot_be_executed(pieces: Collection[Piece]) -> None:
    """Replace pieces that would raise when they are executed, or read another thing by a name than they did."""
    changed = True
    while changed:
        changed = False
        for piece in pieces:
            lacking = piece.left_out is None and _lacks(piece)
            if lacking:
                leave_out(piece, f"it needs {lacking}, which is left out")
                changed = True
        if not changed:
            for piece, name in list(_confused(in_order(pieces))):
                if piece.left_out is None:
                    leave_out(piece, f"it needs another {name} than what stands before it in a module")
                    changed = True
                    break


def leave_out(piece: Piece, why: str) -> None:
    """Replace a piece by a comment."""
    name = next(iter(sorted(piece.binds)), None) or piece.text.split("\n")[0]
    piece.left_out = LeftOut(name, piece.cell, why)
    piece.text = comment(piece.left_out)


def _confused(pieces: Iterable[Piece]) -> Iterator[tuple[Piece, str]]:
    """Yield the pieces for which a name is another thing than they need, when they are executed in this order."""
    bound: dict[str, Piece] = {}
    kept = [piece for piece in pieces if piece.left_out is None]
    for piece in kept:
        for name, needed in (*piece.now.items(), *while_executed(piece)):
            here = bound.get(name)
            if here is not None and here is not piece and not _binds_the_same(here, needed, name):
                yield piece, name
        bound.update(dict.fromkeys(piece.binds, piece))
    for piece in kept:
        for name, needed in piece.later.items():
            if name in bound and bound[name] is not piece and not _binds_the_same(bound[name], needed, name):
                yield piece, name


def _binds_the_same(one: Piece, other: Piece | None, name: str) -> bool:
    """Return whether two pieces bind a name to the same: imports of a module, or of modules in it."""
    if other is None:  # Python's own
        return False
    if one is other or other.left_out is not None:
        return True
    if one.alias is None or other.alias is None:
        return one.text == other.text
    mine, its = ((each.alias.asname, _module_bound(each)) for each in (one, other) if each.alias is not None)
    return one.text == other.text or (mine[1] == its[1] and name in (mine[0] or name, its[0] or name))


def _module_bound(piece: Piece) -> str:
    """Return what an import binds its name to: for ``import a.b`` that is ``a``."""
    alias, node = piece.alias, piece.item.node if piece.item is not None else None
    if alias is None or isinstance(node, ast.ImportFrom):
        return f"{getattr(node, 'level', '')} {getattr(node, 'module', '')}.{alias and alias.name}"
    return alias.name if alias.asname else alias.name.partition(".")[0]


def _lacks(piece: Piece) -> str:
    """Return the name of something that is left out and that the piece needs when it is executed."""
    for name, needed in piece.now.items():
        if needed is not None and needed.left_out is not None:
            return name
    return next((name for name, needed in while_executed(piece) if needed.left_out is not None), "")


def while_executed(piece: Piece) -> Iterator[tuple[str, Piece]]:
    """Yield what the functions read that are called when a piece is executed."""
    seen: set[Piece] = set()
    waiting = [needed for name, needed in piece.now.items() if needed is not None and name in piece.called]
    waiting += [needed for needed in piece.now.values() if needed is not None and _has_hook(needed)]
    while waiting:
        function = waiting.pop()
        if function not in seen:
            seen.add(function)
            for name, needed in (*function.later.items(), *function.now.items()):
                if needed is not None:
                    yield name, needed
                    waiting.append(needed)


def ordered(pieces: Collection[Piece]) -> list[Piece]:
    """Return the pieces so that each comes after what it needs, and else in the order of their execution.

    The imports come first, those of one statement together, unless something else has one of their names.
    """
    done = in_order(pieces)
    once = [piece for piece in done if piece.is_import and _binds_alone(piece, pieces)]
    return [*_together(once), *(piece for piece in done if piece not in once)]


def in_order(pieces: Collection[Piece]) -> list[Piece]:
    """Return the pieces in the order of `ordered`."""
    done: dict[Piece, None] = {}
    entered: set[Piece] = set()

    def enter(piece: Piece) -> None:
        if piece in entered:
            return
        entered.add(piece)
        needed = [each for each in piece.now.values() if each is not None]
        needed += [each for _, each in while_executed(piece)] if piece.left_out is None else []
        for each in sorted(needed, key=_AT):
            enter(each)
        done[piece] = None

    for piece in sorted(pieces, key=_AT):
        enter(piece)
    once = [piece for piece in done if piece.is_import and _binds_alone(piece, pieces)]
    return [*once, *(piece for piece in done if piece not in once)]


def _binds_alone(piece: Piece, pieces: Collection[Piece]) -> bool:
    """Return whether all pieces that bind a name of an import bind it to the same."""
    return all(
        _binds_the_same(piece, other, name)
        for other in pieces
        if other is not piece and other.left_out is None
        for name in other.binds & piece.binds
    )


def _together(imports: list[Piece]) -> Iterator[Piece]:
    """Yield imports, those of one statement together."""
    by_item: dict[Any, list[Piece]] = {}
    for piece in imports:
        by_item.setdefault(piece.item or piece, []).append(piece)
    for pieces in by_item.values():
        item, aliases = pieces[0].item, [piece.alias for piece in pieces if piece.alias is not None]
        if item is None or not aliases:
            yield from pieces
            continue
        wanted = [each for each in item.node.names if each in aliases]  # type: ignore[attr-defined]
        bound = frozenset(name for piece in pieces for name in piece.binds)
        yield Piece(item.at, item.cell, import_text(item, wanted), bound, item=item)


def _has_hook(piece: Piece) -> bool:
    """Return whether building on a class executes something of it."""
    node = piece.item.node if piece.item is not None else None
    if not isinstance(node, ast.ClassDef):
        return False
    return bool(node.keywords) or any(getattr(each, "name", "") in _HOOKS for each in node.body)
