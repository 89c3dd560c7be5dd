"""Choose what a module needs of the cells: the definitions of some objects, and what these refer to, transitively.

The shapes::

    Item   a statement of a cell: see `items`
    Piece  what the module has of an item: as it was typed, a literal in its place, or a comment that it is left out
    Slice  all pieces; the names that each of them needs, and the pieces that these are

A name that is read when a definition is executed is what was bound last before it. A name that a function reads when it
is called is what is bound last of all, as in the notebook.
"""

from __future__ import annotations

import ast
import builtins
import functools
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from kreg_ipython.export import literals
from kreg_ipython.export.harmless import WRITERS, Judge
from kreg_ipython.export.items import DEFINITIONS, IMPORTS, Item, always_binds, items
from kreg_ipython.lib import source
from kreg_ipython.lib.naming import definition

_ABSENT = object()
_NOTHING: frozenset[str] = frozenset()
_OF_IPYTHON = {"display": "from IPython.display import display", "get_ipython": "from IPython import get_ipython"}
_OF_MODULES = {"__name__", "__file__", "__doc__", "__builtins__", "__spec__", "__package__", "__loader__", "__class__"}
_MUTABLE = (dict, list, set)


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
    """

    key: str
    subject: Any
    cell: int | None
    line: int | None
    direct: bool


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
    called: frozenset[str] = _NOTHING
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


class Slice:
    """The pieces of a module.

    Args:
        texts: the text of each cell by its execution count.
        namespace: the notebook's variables.
        text_of: returns the text of the cell that a code object was compiled in; None if it is not known.
        registrations: what is registered, in the order of registration.
    """

    def __init__(
        self,
        texts: Mapping[int, str],
        namespace: Mapping[str, Any],
        text_of: Callable[[CodeType], str | None] = lambda code: None,
        registrations: Iterable[Registration] = (),
    ) -> None:
        self._texts, self._namespace, self._text_of = dict(sorted(texts.items())), namespace, text_of
        self._registrations = list(registrations)
        self.items = list(items(texts))
        self._binders: dict[str, list[Item]] = {}
        for item in self.items:
            for name in item.names.binds:
                self._binders.setdefault(name, []).append(item)
        self._judge = Judge(namespace.__getitem__, self._node_of)
        self._pieces: dict[tuple[Any, ...], Piece] = {}
        self._waiting: list[Piece] = []
        self.missing: list[LeftOut] = []
        """The roots of which no statement is known."""

    # -- what is needed

    def add(self, subject: Any) -> None:
        """Add an object: its definition, and the statements that register it."""
        item = self._definition_item(subject)
        mine = [each for each in self._registrations if each.subject is subject]
        names = [name for name, value in self._namespace.items() if value is subject and name in self._binders]
        unseen = [each for each in mine if self._take_registration(each) is None]
        if item is not None and (not names or self._name_in(item, subject) in names):
            self._take_item(item, self._name_in(item, subject))
        elif names:
            item = self._binder(names[0], None)
            self._take(names[0], None)
        home = _import_of(subject, "")
        if item is None and home is not None and len(unseen) == len(mine):
            self._of_text(home, "")
        elif item is None or not getattr(item.node, "decorator_list", ()):
            self._miss(subject, item, unseen, mine)
        self._follow()

    def _miss(
        self, subject: Any, item: Item | None, unseen: list[Registration], registrations: list[Registration]
    ) -> None:
        """Note what no statement of the cells defines, or registers."""
        for each in unseen:
            why = "no statement of a cell registers it by itself: it is called elsewhere, or gone"
            self.missing.append(LeftOut(each.key, each.cell, why))
        if item is None and not registrations:
            found = definition(subject)
            called = str(found[1]) if found and found[-1] != "instance" else literals.described(subject)
            self.missing.append(LeftOut(called, None, "no cell's last text defines it"))

    def _follow(self) -> None:
        while self._waiting:
            piece = self._waiting.pop()
            if piece.item is None or piece.left_out is not None or piece.alias is not None:
                continue
            chains = piece.item.names.chains
            for name in piece.now:
                piece.now[name] = self._take(name, piece.item, chains)
            for name in piece.later:
                piece.later[name] = self._take(name, None, chains)
            if piece.is_definition:
                self._beside(piece)

    def _beside(self, piece: Piece) -> None:
        """Take what belongs to a definition and stands beside it: registrations, attributes that are set later."""
        for name in piece.binds:
            subject = self._namespace.get(name, _ABSENT)
            for each in self._registrations:
                if each.subject is subject:
                    self._take_registration(each)
            for item in self.items:
                if item.at > piece.at and _sets_attribute_of(item.node, name):
                    self._take_statement(item, f"{ast.unparse(item.node.targets[0])}")  # type: ignore[attr-defined]

    def _take_registration(self, one: Registration) -> Piece | None:
        """Take the statement that registers an object."""
        if one.cell is None:
            return None
        item = next((each for each in self.items if each.cell == one.cell and _spans(each, one.line)), None)
        if item is None:
            return None
        if isinstance(item.node, DEFINITIONS):
            return self._take_item(item, item.node.name)
        return self._take_statement(item, one.key, direct=one.direct)

    def _take_statement(self, item: Item, name: str, *, direct: bool = False) -> Piece:
        """Take a statement that binds no name, but does something to an object that is needed."""
        effect = self._effect_of_statement(item.node, direct)
        if effect and item.inner:  # the part of it that was executed, if only one can have been
            inner = [each for each in item.inner if not self._effect_of_statement(each.node, direct)]
            if len(inner) == len(item.inner) == 1:
                return self._typed(inner[0])
        if not effect and not item.has_magic:
            return self._typed(item)
        why = f"its statement {effect or 'is a magic'}, which may do more than define it"
        return self._left_out(item, name, why)

    def _effect_of_statement(self, node: ast.stmt, direct: bool) -> str:
        if isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Name):
            inside = [part for each in node.targets for part in ast.walk(each) if isinstance(part, ast.Call)]
            return self._judge.effect(node.value) or next(filter(None, map(self._judge.effect, inside)), "")
        call = node.value if isinstance(node, ast.Expr) else None
        if direct and isinstance(call, ast.Call):
            given = [call, call.func] if isinstance(call.func, ast.Call) else [call]
            parts = [part for each in given for part in (*each.args, *(arg.value for arg in each.keywords))]
            return next(filter(None, map(self._judge.effect, parts)), "")
        return self._judge.effect(node)

    # -- which statement a name is

    def _take(self, name: str, reader: Item | None, chains: Collection[str] = ()) -> Piece | None:
        """Return the piece that binds a name: for a statement that reads it, or else for when all cells have run.

        It is None for what Python itself defines, and for a name that the notebook does not know either.
        """
        item = self._binder(name, reader)
        if item is not None:
            for other in self._binders[name]:
                if isinstance(other.node, ast.Import) and other is not item:
                    self._take_submodules(other, name, chains)
            return self._take_item(item, name, chains)
        return self._of_no_statement(name, reader)

    def _binder(self, name: str, reader: Item | None) -> Item | None:
        """Return the item that binds a name; the last one before the reader, if there is one."""
        found = [each for each in self._binders.get(name, []) if reader is None or each.at != reader.at[:2]]
        if not found or all(each.same_import(found[0]) for each in found):
            return found[0] if found else None
        live = self._of_live(name, found)
        if reader is not None:
            found = [each for each in found if each.at < reader.at] or found[:1]
        elif live is not None:
            return live
        while len(found) > 1 and found[-1] is not live and self._was_skipped(found[-1], name):
            found.pop()
        return found[-1]

    def _was_skipped(self, item: Item, name: str) -> bool:
        """Return whether a conditional definition was not executed: what the name is was defined elsewhere."""
        if always_binds(item.node, name):
            return False
        live = self._namespace.get(name)
        code = _code(live)
        known = code is not None and self._text_of(code) is not None
        return known or (isinstance(live, type) and live.__module__ == "__main__" and not _fits(item.node, live))

    def _of_live(self, name: str, found: list[Item]) -> Item | None:
        """Return the item that defined what a name is now, if its code tells."""
        code = _code(self._namespace.get(name))
        cell, line = self._place_of(code) if code is not None else (None, None)
        return next((each for each in reversed(found) if each.cell == cell and _spans(each, line)), None)

    def _place_of(self, code: CodeType) -> tuple[int | None, int | None]:
        """Return the cell whose last text some code was compiled in, and its first line there."""
        text = (self._text_of(code) or "").strip()
        cell = next((cell for cell, each in reversed(self._texts.items()) if text and each.strip() == text), None)
        return cell, None if cell is None else code.co_firstlineno + source.header(self._texts[cell])

    def _definition_item(self, subject: Any) -> Item | None:
        """Return the item that defines an object of the notebook's, by its code, or else by its name."""
        found = definition(subject)
        if found is None or found[-1] == "instance" or found[0] != "__main__" or not isinstance(found[1], str):
            return None
        if "<locals>" in found[1]:  # a function made it
            return None
        name, code = found[1].partition(".")[0], _code(subject)
        cell, line = self._place_of(code) if code is not None else (None, None)
        named = [each for each in self._binders.get(name, ()) if _defines(each.node, name)]
        by_code = [each for each in named if each.cell == cell and _spans(each, line)]
        if by_code:
            return by_code[-1]
        fitting = [each for each in named if _fits(each.node, subject)]
        return next(reversed(fitting or named), None)

    def _name_in(self, item: Item, subject: Any) -> str:
        found = definition(subject)
        return str(found[1]).partition(".")[0] if found else next(iter(item.names.binds))

    def _node_of(self, subject: Any) -> ast.AST | None:
        """Return the ``def`` or ``class`` of an object of the notebook's."""
        found, item = definition(subject), self._definition_item(subject)
        if item is None or found is None:
            return None
        nodes = [each for each in ast.walk(item.node) if isinstance(each, DEFINITIONS)]
        last = str(found[1]).rpartition(".")[2]
        return next((each for each in nodes if each.name == last), None)

    # -- pieces

    def _piece(self, key: tuple[Any, ...], make: Callable[[], Piece]) -> Piece:
        if key not in self._pieces:
            self._pieces[key] = piece = make()
            self._waiting.append(piece)
        return self._pieces[key]

    def _typed(self, item: Item) -> Piece:
        """Return an item as it was typed."""
        read = item.names

        def make() -> Piece:
            later = dict.fromkeys(sorted(read.later | read.quoted))
            return Piece(
                item.at,
                item.cell,
                item.text,
                read.binds,
                dict.fromkeys(sorted(read.now)),
                later,
                read.called,
                item=item,
            )

        return self._piece((item, None), make)

    def _left_out(self, item: Item, name: str, why: str) -> Piece:
        left_out = LeftOut(name, item.cell, why)
        return self._piece(
            (item, name), lambda: Piece(item.at, item.cell, _comment(left_out), frozenset({name}), left_out=left_out)
        )

    def _take_item(self, item: Item, name: str, chains: Collection[str] = ()) -> Piece:
        """Return the piece by which an item binds a name."""
        node = item.node
        if isinstance(node, IMPORTS):
            return self._of_import(item, name, chains)
        if item.has_magic:
            return self._left_out(item, name, "there is a magic in its statement")
        if isinstance(node, DEFINITIONS) or type(node).__name__ == "TypeAlias":
            return self._typed(item)
        if item.inner:
            return self._of_compound(item, name)
        return self._of_value(item, name)

    def _of_import(self, item: Item, name: str, chains: Collection[str]) -> Piece:
        aliases = [each for each in item.node.names if (each.asname or _bound(item.node, each)) == name]  # type: ignore[attr-defined]
        wanted = [each for each in aliases if each.name == name or each.asname or isinstance(item.node, ast.ImportFrom)]
        wanted += [each for each in aliases if each not in wanted and _leads(each.name, chains)]
        pieces = [self._alias(item, each) for each in wanted or aliases]
        return pieces[-1]

    def _take_submodules(self, item: Item, name: str, chains: Collection[str]) -> None:
        """Take ``import a.b`` for who says ``a.b.c``, whichever statement binds ``a``."""
        for alias in item.node.names:  # type: ignore[attr-defined]
            if not alias.asname and alias.name.startswith(f"{name}.") and _leads(alias.name, chains):
                self._alias(item, alias)

    def _alias(self, item: Item, alias: ast.alias) -> Piece:
        text, bound = _import_text(item, [alias]), alias.asname or _bound(item.node, alias)
        return self._piece((text,), lambda: Piece(item.at, item.cell, text, frozenset({bound}), item=item, alias=alias))

    def _of_compound(self, item: Item, name: str) -> Piece:
        """Return a compound statement as a whole if it only defines; else the statement in it that was executed."""
        whole = isinstance(item.node, (ast.If, ast.Try)) or literals.literal(self._namespace.get(name, _ABSENT)) is None
        if whole and not self._asks_for_state(item.node) and not self._judge.effect(item.node):
            piece = self._typed(item)
            before = [each for each in self._binders[name] if each.at < item.at]
            if before and not always_binds(item.node, name):
                piece.now[name] = self._take(name, item)
            return piece
        inner = [each for each in item.inner if name in each.names.binds]
        live = self._namespace.get(name, _ABSENT)
        if inner and literals.literal(live) is None:
            found = self._of_live(name, [item])
            executed = inner
            code = _code(live)
            if found is not None and code is not None:
                _, line = self._place_of(code)
                executed = [each for each in inner if _spans(each, line)] or inner
            elif isinstance(live, ModuleType):
                executed = [
                    each for each in inner if isinstance(each.node, IMPORTS) and _imports(each.node, live)
                ] or inner
            return self._take_item(executed[-1], name)
        return self._of_value(item, name)

    def _asks_for_state(self, node: ast.AST) -> bool:
        """Return whether a condition asks for more than what is imported: the answer may be another one by now."""
        asked = ast.walk(node.test) if isinstance(node, ast.If) else ()
        names = {each.id for each in asked if isinstance(each, ast.Name)}
        return any(
            not all(isinstance(each.node, IMPORTS) for each in self._binders.get(name, [])) for name in names
        ) or ("__name__" in names)

    def _of_value(self, item: Item, name: str) -> Piece:
        """Return the statement that gives a variable its value, if it may be executed again and comes to the same.

        Else the value is written as a literal, or imported, or left out.
        """
        effect, live = self._judge.effect(item.node), self._namespace.get(name, _ABSENT)
        is_last = self._binders[name][-1] is item or item.at > self._binders[name][-1].at
        if live is _ABSENT or not is_last:
            replaced = "it was deleted" if live is _ABSENT else "another cell has replaced its value"
            return (
                self._left_out(item, name, f"its statement {effect}, and {replaced}") if effect else self._typed(item)
            )
        if not effect and self._comes_to(item, name, live):
            return self._typed(item)
        text = literals.literal(live)
        if text is not None:
            origin = f"  # computed in cell [{item.cell}]"
            line = f"{name} = {text}"
            line = line + origin if "\n" not in line else f"#{origin.strip(' #')}\n{line}".replace("#c", "# c", 1)
            return self._piece((item, name), lambda: Piece(item.at, item.cell, line, frozenset({name})))
        imported = _import_of(live, name)
        if effect and imported is not None:
            return self._piece((imported,), lambda: Piece(item.at, item.cell, imported, frozenset({name})))
        if effect:
            return self._left_out(
                item, name, f"its statement {effect}, and {literals.described(live)} is no small plain value"
            )
        return self._filled(item, name, live) if not isinstance(item.node, ast.AugAssign) else self._changed(item, name)

    def _comes_to(self, item: Item, name: str, live: Any) -> bool:
        """Return whether executing a statement once more gives a variable the value that it has."""
        if isinstance(item.node, ast.AugAssign):
            return False
        if not literals.is_plain(live) and not isinstance(live, _MUTABLE) and type(live).__module__ != "__main__":
            return True  # a class, a function, what a library made
        made = self._evaluated(item.node, name)
        return made is not _ABSENT and literals.same(made, live)

    def _evaluated(self, node: ast.stmt, name: str) -> Any:
        """Return what an assignment would give a variable; nothing if it calls more than Python's own types."""
        value, at = _assigned(node, name)
        if value is None:
            return _ABSENT
        for call in (each for each in ast.walk(value) if isinstance(each, ast.Call)):
            try:
                callee = self._judge.value(call.func)
            except KeyError:
                return _ABSENT
            if getattr(callee, "__module__", None) not in ("builtins", "collections", "types", "__main__"):
                return _ABSENT
            if getattr(callee, "__module__", None) == "__main__" and not isinstance(callee, type):
                return _ABSENT
        try:
            made = eval(compile(ast.Expression(value), "<kreg>", "eval"), dict(self._namespace))
            return made if at is None else list(made)[at]
        except Exception:  # what it reads has changed since
            return _ABSENT

    def _filled(self, item: Item, name: str, live: Any) -> Piece:
        """Return a container that was filled after it was made: by statements, or by the functions that use it."""
        statements = [each for each in self.items if each.at > item.at and _writes_to(each.node, name)]
        piece = self._typed(item)
        if statements and all(not self._judge.effect(part) for each in statements for part in _written(each.node)):
            made = self._replayed([item, *statements])
            if literals.same(made, live):
                for each in statements:
                    self._typed(each)
                return piece
        fillers = set(self._functions_that_fill(name))
        called = {
            called for each in self.items if not isinstance(each.node, DEFINITIONS) for called in each.names.called
        }
        if statements or not fillers or fillers & called:
            del self._pieces[item, None]
            self._waiting = [each for each in self._waiting if each is not piece]
            return self._changed(item, name)
        for each in live.values() if isinstance(live, dict) else live if isinstance(live, _MUTABLE) else ():
            found = self._definition_item(each)
            if found is not None:
                self._take_item(found, self._name_in(found, each))
        return piece

    def _changed(self, item: Item, name: str) -> Piece:
        live = literals.described(self._namespace[name])
        return self._left_out(item, name, f"it was changed since, and {live} is no small plain value")

    def _replayed(self, statements: list[Item]) -> Any:
        scratch = dict(self._namespace)
        name = next(iter(statements[0].names.binds))
        try:
            for each in statements:
                exec(compile(ast.Module([each.node], []), "<kreg>", "exec"), scratch)
            return scratch[name]
        except Exception:  # what they read has changed since
            return _ABSENT

    def _functions_that_fill(self, name: str) -> Iterator[str]:
        """Yield the functions and classes of the cells in which something is written to a container."""
        for item in self.items:
            inside = ast.walk(item.node) if isinstance(item.node, DEFINITIONS) and name in item.names.later else ()
            if any(_writes_to(each, name) for each in inside if isinstance(each, ast.stmt)):
                yield item.node.name  # type: ignore[attr-defined]

    def _of_no_statement(self, name: str, reader: Item | None) -> Piece | None:
        """Return the piece that binds a name that no statement of the cells binds."""
        if name in self._binders and name not in vars(builtins):  # the reader itself does
            return self._nowhere(name, f"no cell's last text gives it a value before cell [{reader and reader.cell}]")
        if name in _OF_IPYTHON and name not in self._binders:
            return self._of_text(_OF_IPYTHON[name], name)
        live = self._namespace.get(name, _ABSENT)
        asks = reader is None or isinstance(reader.node, ast.Try)  # whether there is such a name
        if live is _ABSENT and not asks and name not in _OF_MODULES and not hasattr(builtins, name):
            return self._nowhere(name, "the notebook has no such variable")
        if live is _ABSENT or name in _OF_MODULES or vars(builtins).get(name, _ABSENT) is live:
            return None
        for item in (each for each in self.items if each.names.star):
            for module in item.names.star:
                if vars(sys.modules.get(module, sys)).get(name, _ABSENT) is live:
                    said = f"from {module} import {name}"
                    return self._of_text(said, name, item)
        value = literals.literal(live)
        text = _import_of(live, name) or (f"{name} = {value}" if value is not None else "")
        if text:
            return self._of_text(text, name)
        return self._nowhere(name, f"no cell's last text gives it its value, {literals.described(live)}")

    def _nowhere(self, name: str, why: str) -> Piece:
        left_out = LeftOut(name, None, why)
        return self._piece((name, why), lambda: Piece((-1,), None, _comment(left_out), _NOTHING, left_out=left_out))

    def _of_text(self, text: str, name: str, item: Item | None = None) -> Piece:
        """Return a piece of this text, in the place of an item, or before all others."""
        at, cell = (item.at, item.cell) if item is not None else ((-1,), None)
        return self._piece((text,), lambda: Piece(at, cell, text, frozenset({name} if name else ())))

    # -- what the module says

    def pieces(self) -> list[Piece]:
        """Return the pieces in an order that works; those that cannot be executed are left out, and say so."""
        self._follow()
        self._leave_out_what_needs_what_is_left_out()
        return self._ordered()

    def _leave_out_what_needs_what_is_left_out(self) -> None:
        """Replace pieces that would raise when they are executed: what they need is not there."""
        changed = True
        while changed:
            changed = False
            for piece in self._pieces.values():
                lacking = piece.left_out is None and self._lacks(piece)
                if lacking:
                    name = next(iter(sorted(piece.binds)), None) or piece.text.split("\n")[0]
                    piece.left_out = LeftOut(name, piece.cell, f"it needs {lacking}, which is left out")
                    piece.text = _comment(piece.left_out)
                    changed = True

    def _lacks(self, piece: Piece) -> str:
        """Return the name of something that is left out and that the piece needs when it is executed."""
        for name, needed in piece.now.items():
            if needed is not None and needed.left_out is not None:
                return name
        return next((name for name, needed in self._while_executed(piece) if needed.left_out is not None), "")

    def _while_executed(self, piece: Piece) -> Iterator[tuple[str, Piece]]:
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

    def _ordered(self) -> list[Piece]:
        """Return the pieces so that each comes after what it needs, and else in the order of their execution."""
        done: dict[Piece, None] = {}
        entered: set[Piece] = set()

        def enter(piece: Piece) -> None:
            if piece in entered:
                return
            entered.add(piece)
            needed = [each for each in piece.now.values() if each is not None]
            needed += [each for _, each in self._while_executed(piece)]
            for each in sorted(needed, key=_order):
                enter(each)
            done[piece] = None

        for piece in sorted(self._pieces.values(), key=_order):
            enter(piece)
        once = [piece for piece in done if piece.is_import and self._binds_alone(piece)]
        return [*_together(once), *(piece for piece in done if piece not in once)]

    def _binds_alone(self, piece: Piece) -> bool:
        return not any(
            other.binds & piece.binds and not other.is_import for other in self._pieces.values() if other is not piece
        )


def _import_text(item: Item, aliases: list[ast.alias]) -> str:
    """Return an import of some of the names of a statement; the statement itself if these are all."""
    node = item.node
    if len(node.names) == len(aliases):  # type: ignore[attr-defined]
        return item.text
    said = ", ".join(f"{each.name} as {each.asname}" if each.asname else each.name for each in aliases)
    if isinstance(node, ast.ImportFrom):
        return f"from {'.' * node.level}{node.module or ''} import {said}"
    return f"import {said}"


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
        yield Piece(item.at, item.cell, _import_text(item, wanted), bound, item=item)


def _order(piece: Piece) -> tuple[Any, ...]:
    return piece.at


def _comment(left_out: LeftOut) -> str:
    cell = "" if left_out.cell is None else f" of cell [{left_out.cell}]"
    return f"# left out: {left_out.name}{cell}: {left_out.why}".replace("\n", " ")


def _has_hook(piece: Piece) -> bool:
    """Return whether building on a class executes something of it."""
    node = piece.item.node if piece.item is not None else None
    if not isinstance(node, ast.ClassDef):
        return False
    hooks = {"__init_subclass__", "__class_getitem__", "__new__", "__call__", "__prepare__", "__mro_entries__"}
    return bool(node.keywords) or any(getattr(each, "name", "") in hooks for each in node.body)


def _spans(item: Item, line: int | None) -> bool:
    return line is not None and item.first <= line <= item.last


def _defines(node: ast.AST, name: str) -> bool:
    """Return whether a statement is, or has in it, the definition of a name."""
    if isinstance(node, DEFINITIONS):
        return node.name == name
    return any(isinstance(each, DEFINITIONS) and each.name == name for each in ast.walk(node))


def _fits(node: ast.AST, subject: Any) -> bool:
    """Return whether a statement may have defined a class: all its methods are there, and no others."""
    kind = next((each for each in ast.walk(node) if isinstance(each, ast.ClassDef)), None)
    if kind is None or not isinstance(subject, type):
        return kind is None and not isinstance(subject, type)
    said = {each.name for each in kind.body if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))}
    return said <= {*vars(subject)} and bool(said) == (_code(subject) is not None)


def _code(subject: Any) -> CodeType | None:
    """Return some code of an object's definition: a function's own, or that of a class's first method."""
    for _ in range(10):
        if isinstance(subject, functools.partial):
            subject = subject.func
        elif not isinstance(subject, type) and hasattr(subject, "__wrapped__"):
            subject = subject.__wrapped__
    for candidate in list(vars(subject).values()) if isinstance(subject, type) else (subject,):
        if isinstance(candidate, (property, classmethod, staticmethod)):
            candidate = candidate.fget if isinstance(candidate, property) else candidate.__func__
        is_own = not isinstance(subject, type) or getattr(candidate, "__qualname__", "").startswith(
            subject.__qualname__
        )
        if isinstance(candidate, FunctionType) and candidate.__module__ == "__main__" and is_own:
            return candidate.__code__
    return None


def _bound(node: ast.AST, alias: ast.alias) -> str:
    return alias.name if isinstance(node, ast.ImportFrom) else alias.name.partition(".")[0]


def _leads(module: str, chains: Collection[str]) -> bool:
    return any(chain == module or chain.startswith(f"{module}.") for chain in chains)


def _imports(node: ast.stmt, module: ModuleType) -> bool:
    """Return whether an import binds this module."""
    names = [each.name for each in node.names]  # type: ignore[attr-defined]
    if isinstance(node, ast.ImportFrom):
        names = [f"{node.module}.{each}" for each in names]
    return any(sys.modules.get(name) is module for name in names)


def _import_of(live: Any, name: str) -> str | None:
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


def _assigned(node: ast.stmt, name: str) -> tuple[ast.expr | None, int | None]:
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


def _sets_attribute_of(node: ast.stmt, name: str) -> bool:
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    return isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == name


def _writes_to(node: ast.stmt, name: str) -> bool:
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


def _written(node: ast.stmt) -> list[ast.expr]:
    """Return the expressions that such a statement executes."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return [*node.value.args, *(each.value for each in node.value.keywords)]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
    return [node.value, *(each.slice for each in targets if isinstance(each, ast.Subscript))]  # type: ignore[attr-defined]
