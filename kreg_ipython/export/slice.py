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
import inspect
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from types import CodeType, FunctionType
from typing import Any

from kreg_ipython.export import literals
from kreg_ipython.export.binders import Binders
from kreg_ipython.export.changes import changes, registers_with, sets_attribute_of, writes_to, written
from kreg_ipython.export.harmless import Judge
from kreg_ipython.export.imports import ABSENT, absolute, bound_by, import_of, import_text, leads
from kreg_ipython.export.items import DEFINITIONS, IMPORTS, Item, always_binds, items
from kreg_ipython.export.origins import Origins
from kreg_ipython.export.pieces import (
    LeftOut,
    Piece,
    Registration,
    comment,
)
from kreg_ipython.lib.naming import definition

_OF_IPYTHON = {"display": "from IPython.display import display", "get_ipython": "from IPython import get_ipython"}
_OF_MODULES = {"__name__", "__file__", "__doc__", "__builtins__", "__spec__", "__package__", "__loader__", "__class__"}


class Slice:
    """The pieces of a module.

    Args:
        texts: the text of each cell by its execution count.
        namespace: the notebook's variables.
        text_of: returns the text of the cell that a code object was compiled in; None if it is not known.
        registrations: what is registered, in the order of registration.
        home: the module of what the texts define.
        copied: returns the slice of a module of the user's whose definitions are to be copied; None for one that is to
            be imported.
        refused: the names, and attributes after a name and a dot, that are not what their statements give elsewhere,
            and why.
    """

    def __init__(
        self,
        texts: Mapping[int, str],
        namespace: Mapping[str, Any],
        text_of: Callable[[CodeType], str | None] = lambda code: None,
        registrations: Iterable[Registration] = (),
        *,
        home: str = "__main__",
        copied: Callable[[str], Slice | None] = lambda module: None,
        refused: Mapping[str, str] | None = None,
    ) -> None:
        self._namespace = namespace
        self._registrations = [each for each in registrations if each.home == home]
        self.home, self._copied, self._refused = home, copied, refused or {}
        self.items = list(items(texts, home))
        self._origins = Origins(texts, text_of, self.items, home)
        self._binders = Binders(self.items, namespace, self._origins, self._refused)
        self._judge = Judge(namespace.__getitem__, self._origins.node_of, home)
        self._pieces: dict[tuple[Any, ...], Piece] = {}
        self._waiting: list[Piece] = []
        self.missing: list[LeftOut] = []
        """The roots of which no statement is known."""
        self.calls: dict[Item, Registration] = {}
        """The statements that no cell has, each the call of a function of theirs that registers once more."""

    # -- what is needed

    def add(self, subject: Any) -> None:
        """Add an object: its definition, and the statements that register it."""
        item = self._origins.item_of(subject)
        mine = [each for each in self._registrations if each.subject is subject]
        names = [name for name, value in self._namespace.items() if value is subject and name in self._binders]
        names.sort(key=lambda name: self._origins.of_live(subject, self._binders.of(name)) is None)
        unseen = [each for each in mine if self._take_registration(each) is None]
        if item is not None and (not names or self._origins.name_in(item, subject) in names):
            self._take_item(item, self._origins.name_in(item, subject))
        elif names:
            item = self._binders.last(names[0], None)
            self._take(names[0], None)
        home = import_of(subject, "")
        copied = self._copied(str(subject.__module__)) if home is not None and item is None else None
        if copied is not None:
            copied.add(subject)
        elif item is None and home is not None and len(unseen) == len(mine):
            self._of_text(home, "")
        elif item is None or not getattr(item.node, "decorator_list", ()):
            self._miss(subject, item, unseen, mine)
        self._follow()

    def _miss(
        self, subject: Any, item: Item | None, unseen: list[Registration], registrations: list[Registration]
    ) -> None:
        """Note what no statement of the cells defines, or registers."""
        for each in unseen:
            why = "no statement of its cell registers it by itself: a function of yours does, or the statement is gone"
            why = why if each.cell is not None else "a script or a module registers it, and no cell"
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
            subject = self._namespace.get(name, ABSENT)
            for each in self._registrations:
                if each.subject is subject:
                    self._take_registration(each)
            if subject is not ABSENT and piece.item is not None:
                self._attributes(piece, piece.item, name, subject)

    def _attributes(self, piece: Piece, definition: Item, name: str, subject: Any) -> None:
        """Take the statements that set attributes of a definition; write down those that are others elsewhere."""
        later = [inner for each in self.items for inner in each.all() if inner.at > definition.at]
        setting = [each for each in later if sets_attribute_of(each.node, name) or registers_with(each.node, name)]
        inside = {inner for each in self.items if (each, None) in self._pieces for inner in each.all()}
        for item in setting:
            if isinstance(item.node, DEFINITIONS):
                self._take_item(item, item.node.name)
            elif isinstance(item.node, ast.Expr):
                method = inspect.getattr_static(subject, registers_with(item.node, name), None)
                self._take_statement(item, name, direct=getattr(method, "__module__", self.home) != self.home)
            elif item not in inside:
                self._take_statement(item, ast.unparse(item.node.targets[0]))  # type: ignore[attr-defined]
        last = max([piece.at, *(each.at for each in setting)])
        is_its = self._origins.item_of(subject) is definition  # and no other object has its name by now
        for each in self._refused if is_its else ():
            if each.startswith(f"{name}."):
                self._attribute(piece, each, vars(subject).get(each.partition(".")[2], ABSENT), (*last, sys.maxsize))

    def _attribute(self, owner: Piece, name: str, live: Any, at: tuple[int, ...]) -> None:
        """Write down what an attribute of a definition is now, or that it cannot be written."""
        text = literals.literal(live) if live is not ABSENT else None
        if self._takes_what_is_in(live):
            return
        left_out = None if text is not None else LeftOut(name, owner.cell, self._refused[name])
        said = f"{name} = {text}  # what it was in the end" if left_out is None else comment(left_out)
        needs: dict[str, Piece | None] = {name.partition(".")[0]: owner}
        self._piece((owner, name), lambda: Piece(at, owner.cell, said, frozenset(), needs, left_out=left_out))

    def _takes_what_is_in(self, container: Any) -> bool:
        """Take the definitions in a container that functions fill; return whether that is all that is in it."""
        inside = [*container.values()] if isinstance(container, dict) else container
        if not isinstance(inside, (list, tuple, set)) or not inside:
            return False
        found = [self._origins.item_of(each) if callable(each) else None for each in inside]
        if None in found:
            return False
        for item, each in zip(found, inside):
            if item is not None:
                self._take_item(item, self._origins.name_in(item, each))
        return True

    def _take_registration(self, one: Registration) -> Piece | None:
        """Take the statement that registers an object."""
        if one.cell is None:
            return None
        item = next((each for each in self.items if each.cell == one.cell and each.executes(one.line)), None)
        if item is None:
            call = self._call_that_made(one)
            return None if call is None else self._take_statement(call, one.key)
        if item.inner and self._judge.effect_of_registration(item.node, direct=one.direct):  # not as a whole
            item = item.at_line(one.line)
        if isinstance(item.node, DEFINITIONS):
            return self._take_item(item, item.node.name)
        return self._take_statement(item, one.key, direct=one.direct)

    def _call_that_made(self, one: Registration) -> Item | None:
        """Return the call of a function of the cells that defined and registered an object: a thread made it, for one.

        The object's closure has the arguments. It is None if that does not have them all, or not as literals.
        """
        known = next((call for call, made in self.calls.items() if made is one), None)
        maker = self._namespace.get(getattr(one.subject, "__qualname__", "").partition(".<locals>.")[0])
        if known is not None:
            return known
        if not isinstance(maker, FunctionType) or not isinstance(one.subject, FunctionType):
            return None
        if one.subject.__code__ not in maker.__code__.co_consts:
            return None
        inside = inspect.getclosurevars(one.subject).nonlocals
        arguments = []
        for name, parameter in inspect.signature(maker).parameters.items():
            text = literals.literal(inside[name]) if name in inside else None
            if text is not None and parameter.kind is not parameter.POSITIONAL_ONLY:
                arguments.append(f"{name}={text}")
            elif parameter.default is parameter.empty:
                return None
        [call] = items({one.cell or 0: f"{maker.__name__}({', '.join(arguments)})"}, self.home)
        call.at = (sys.maxsize, len(self.calls))
        self.calls[call] = one
        return call

    def _take_statement(self, item: Item, name: str, *, direct: bool = False) -> Piece:
        """Take a statement that binds no name, but does something to an object that is needed."""
        effect = self._judge.effect_of_registration(item.node, direct=direct)
        if not effect and not item.has_magic:
            return self._typed(item)
        why = f"its statement {effect or 'is a magic'}, which may do more than define it"
        return self._left_out(item, name, why)

    # -- which statement a name is

    def _take(self, name: str, reader: Item | None, chains: Collection[str] = ()) -> Piece | None:
        """Return the piece that binds a name: for a statement that reads it, or else for when all cells have run.

        It is None for what Python itself defines, and for a name that the notebook does not know either.
        """
        item = self._binders.last(name, reader)
        star = self._binders.star(name, reader, item)
        if star:
            return self._of_text(star[1], name, star[0])
        if item is not None:
            for other in self._binders.of(name):
                if isinstance(other.node, ast.Import) and other is not item:
                    self._take_submodules(other, name, chains)
            return self._take_item(item, name, chains)
        return self._of_no_statement(name, reader)

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
        left_out = LeftOut(name, item.cell or None, why)
        return self._piece(
            (item, name), lambda: Piece(item.at, item.cell, comment(left_out), frozenset({name}), left_out=left_out)
        )

    def _take_item(self, item: Item, name: str, chains: Collection[str] = ()) -> Piece:
        """Return the piece by which an item binds a name."""
        node = item.node
        if isinstance(node, IMPORTS):
            return self._of_import(item, name, chains)
        if item.has_magic:
            return self._left_out(item, name, "there is a magic in its statement")
        environment = self._judge.reads_environment(node) if isinstance(node, DEFINITIONS) else ""
        if environment:
            return self._left_out(item, name, f"it {environment}, which may be another one elsewhere")
        if isinstance(node, DEFINITIONS) or type(node).__name__ == "TypeAlias":
            return self._typed(item)
        if item.inner:
            return self._of_compound(item, name)
        return self._of_value(item, name)

    def _of_import(self, item: Item, name: str, chains: Collection[str]) -> Piece:
        aliases = [each for each in item.node.names if bound_by(item.node, each) == name]  # type: ignore[attr-defined]
        wanted = [each for each in aliases if each.name == name or each.asname or isinstance(item.node, ast.ImportFrom)]
        wanted += [each for each in aliases if each not in wanted and leads(each.name, chains)]
        pieces = [self._alias(item, each) for each in wanted or aliases]
        return pieces[-1]

    def _take_submodules(self, item: Item, name: str, chains: Collection[str]) -> None:
        """Take ``import a.b`` for who says ``a.b.c``, whichever statement binds ``a``."""
        for alias in item.node.names:  # type: ignore[attr-defined]
            if not alias.asname and alias.name.startswith(f"{name}.") and leads(alias.name, chains):
                self._alias(item, alias)

    def _alias(self, item: Item, alias: ast.alias) -> Piece:
        bound = bound_by(item.node, alias)
        text = import_text(item, [alias])
        if isinstance(item.node, ast.ImportFrom):
            module = absolute(item.node, self._namespace)
            copied = self._copied(module)
            piece = copied.of_name(alias.name) if copied is not None else None
            if piece is not None:
                return piece if bound == alias.name else self._renamed(item, alias.name, bound, piece)
            if item.node.level:
                text = f"from {module} import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
                return self._of_text(text, bound, item)
        return self._piece((text,), lambda: Piece(item.at, item.cell, text, frozenset({bound}), item=item, alias=alias))

    def of_name(self, name: str) -> Piece | None:
        """Return the piece that binds a name in the end; None if no statement of the texts does."""
        piece = self._take(name, None) if name in self._binders else None
        self._follow()
        return piece

    def _renamed(self, item: Item, name: str, bound: str, piece: Piece) -> Piece:
        """Return the assignment that stands for an import under another name."""
        text = f"{bound} = {name}"
        return self._piece((text,), lambda: Piece(item.at, item.cell, text, frozenset({bound}), {name: piece}))

    def _of_compound(self, item: Item, name: str) -> Piece:
        """Return a compound statement as a whole if it only defines; else the statement in it that was executed."""
        whole = isinstance(item.node, (ast.If, ast.Try)) or literals.literal(self._namespace.get(name, ABSENT)) is None
        whole = whole and name not in self._refused
        if whole and not self._judge.effect(item.node):
            piece = self._typed(item)
            before = [each for each in self._binders.of(name) if each.at < item.at]
            if before and not always_binds(item.node, name):
                piece.now[name] = self._take(name, item)
            return piece
        live = self._namespace.get(name, ABSENT)
        inner = self._origins.inner_of(item, name, live) if literals.literal(live) is None else None
        return self._take_item(inner, name) if inner is not None else self._of_value(item, name)

    def _of_value(self, item: Item, name: str) -> Piece:
        """Return the statement that gives a variable its value, if it may be executed again.

        Else the value is written as a literal, or imported, or left out; so is one that a call computes, and one that
        is changed later.
        """
        effect, live = self._judge.effect(item.node), self._namespace.get(name, ABSENT)
        is_last = self._binders.of(name)[-1] is item or item.at > self._binders.of(name)[-1].at
        if live is ABSENT or not is_last:
            replaced = "it was deleted" if live is ABSENT else "another cell has replaced its value"
            if not effect and (self._is_changed(item, name) or isinstance(item.node, ast.AugAssign)):
                effect = "gives what was changed later" if self._is_changed(item, name) else "adds to a former value"
            return (
                self._left_out(item, name, f"its statement {effect}, and {replaced}") if effect else self._typed(item)
            )
        text, numpy = self._written(live)
        is_typed = not (effect or name in self._refused or isinstance(item.node, ast.AugAssign))
        if is_typed and text and not numpy:  # the value says more than how a library computed it
            is_typed = not self._judge.computes(item.node)
        if is_typed and not (text and self._is_changed(item, name)):
            return self._filled(item, name, live)
        if text:
            origin, line = f"# computed in {item.place}", f"{name} = {text}"
            line = f"{origin}\n{line}" if numpy or "\n" in line else f"{line}  {origin}"
            needs = {each: self._take(each, None) for each in filter(None, [numpy])}
            return self._piece((item, name), lambda: Piece(item.at, item.cell, line, frozenset({name}), needs))
        imported = import_of(live, name)
        if effect and imported is not None:
            return self._piece((imported,), lambda: Piece(item.at, item.cell, imported, frozenset({name})))
        why = effect or "would give another value elsewhere"
        return self._left_out(
            item, name, f"its statement {why}, and {literals.described(live)} is no small plain value"
        )

    def _written(self, live: Any) -> tuple[str, str]:
        """Return the literal of a value, or the call that makes a small array, and the name of NumPy that it needs."""
        text = literals.literal(live)
        if text is not None:
            return text, ""
        np = sys.modules.get("numpy", ABSENT)
        numpy = next((name for name, value in self._namespace.items() if value is np and name in self._binders), "")
        return (literals.array_literal(live, numpy) if numpy else None) or "", numpy

    def _is_changed(self, item: Item, name: str) -> bool:
        """Return whether a later statement changes what a variable holds, without giving it another value."""
        return any(each.at > item.at and changes(each.node, name) for each in self.items)

    def _filled(self, item: Item, name: str, live: Any) -> Piece:
        """Return the statement that gives a variable its value, and take those that fill a container with it."""
        for each in self.items:
            fills = writes_to(each.node, name) or sets_attribute_of(each.node, name)
            if fills and each.at > item.at and not any(map(self._judge.effect, written(each.node))):
                self._typed(each)
        self._takes_what_is_in(live)
        return self._typed(item)

    def _of_no_statement(self, name: str, reader: Item | None) -> Piece | None:
        """Return the piece that binds a name that no statement of the cells binds."""
        if name in self._binders and name in vars(builtins) and reader is not None:  # a later cell does
            return None
        if name in self._binders:  # the reader itself does
            return self._nowhere(name, f"no cell's last text gives it a value before cell [{reader and reader.cell}]")
        if name in _OF_IPYTHON and name not in self._binders:
            return self._of_text(_OF_IPYTHON[name], name)
        live = self._namespace.get(name, ABSENT)
        asks = reader is None or isinstance(reader.node, ast.Try)  # whether there is such a name
        if live is ABSENT and not asks and name not in _OF_MODULES and not hasattr(builtins, name):
            return self._nowhere(name, "the notebook has no such variable")
        if live is ABSENT or name in _OF_MODULES or vars(builtins).get(name, ABSENT) is live:
            return None
        value = literals.literal(live)
        text = import_of(live, name) or (f"{name} = {value}" if value is not None else "")
        if text:
            return self._of_text(text, name)
        return self._nowhere(name, f"no cell's last text gives it its value, {literals.described(live)}")

    def _nowhere(self, name: str, why: str) -> Piece:
        left_out = LeftOut(name, None, why)
        return self._piece((name, why), lambda: Piece((-1,), None, comment(left_out), frozenset(), left_out=left_out))

    def _of_text(self, text: str, name: str, item: Item | None = None) -> Piece:
        """Return a piece of this text, in the place of an item, or before all others."""
        at, cell = (item.at, item.cell) if item is not None else ((-1,), None)
        return self._piece((text,), lambda: Piece(at, cell, text, frozenset({name} if name else ())))

    def live(self) -> dict[str, Any]:
        """Return the variables that the module has in the end, as they are now."""
        found: dict[str, Any] = {}
        for piece in self._pieces.values():
            for name in piece.binds & self._namespace.keys() if piece.left_out is None else ():
                last = self._binders.last(name, None)
                if last is None or last.at[:2] == piece.at[:2]:
                    found[name] = self._namespace[name]
        return found

    def pieces(self) -> list[Piece]:
        """Return all pieces, in the order in which they were found to be needed."""
        self._follow()
        return [*self._pieces.values()]
