"""Tell which attributes of a class or function the notebook has changed since its definition. Nothing is changed."""

from __future__ import annotations

import ast
import enum
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from kreg_ipython.export import literals
from kreg_ipython.export.items import DEFINITIONS, Item
from kreg_ipython.export.values import ABSENT, Values, changes_of, sets_attribute_of


class Attributes:
    """The attributes of one class or function.

    Args:
        items: all statements of the cells.
        item: the one that defines it.
        name: its name.
        live: the class or function.
        values: evaluates what statements say.
    """

    def __init__(self, items: Sequence[Item], item: Item, name: str, live: Any, values: Values) -> None:
        self._item, self._name, self._values = item, name, values
        self._live: Mapping[str, Any] = vars(live)
        later = [inner for each in items for inner in each.all() if inner.at > item.at]
        self.replayed = [each for each in later if sets_attribute_of(each.node, name)]
        """The statements that set one of them and can be executed again."""
        again = {id(each.node.targets[0]) for each in self.replayed}  # type: ignore[attr-defined]
        self._changes = [
            (attribute, each)
            for each in items
            for attribute, node in changes_of(each.node, name)
            if id(node) not in again
            and (each.at > item.at or isinstance(each.node, DEFINITIONS) or each.at == item.at[: len(each.at)])
        ]
        self._body = dict(_said_in(item.node)) if isinstance(item.node, ast.ClassDef) else {}
        self._said_otherwise = {
            each.attr
            for other in items
            for each in ast.walk(other.node)
            if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)
        }
        self._is_made_otherwise = isinstance(live, type) and (
            isinstance(live, enum.EnumMeta) or type(live).__module__ == item.home
        )

    def changed(self, refused: Collection[str] = (), *, decorated: bool) -> Iterator[tuple[str, Item, bool]]:
        """Yield the attributes that are not what the statements give, or may not be.

        With each comes the last statement that changes it, and whether only functions do. The attribute is empty if
        something is registered with the object itself.

        Args:
            refused: the attributes, after their owner's name and a dot, that are shown to be others elsewhere.
            decorated: whether a function of the user's may have set some when it was defined.
        """
        direct = dict(self._changes)
        names = dict.fromkeys([*direct, *(() if self._is_made_otherwise else self._body)])
        if not decorated and not self._is_made_otherwise:
            names.update(dict.fromkeys(sorted(self._said_otherwise & {*self._live})))
        shown = [each.partition(".")[2] for each in refused if each.partition(".")[0] == self._name and "." in each]
        for name in dict.fromkeys([*names, *shown]):
            if name not in shown and (name.startswith("__") or (name and not self._is_changed(name, name in direct))):
                continue
            changing = [each for attribute, each in self._changes if attribute == name]
            if name or any(not isinstance(each.node, DEFINITIONS) or each.at > self._item.at for each in changing):
                by_functions = all(isinstance(each.node, DEFINITIONS) for each in changing)
                yield name, changing[-1] if changing else self._item, by_functions

    def _is_changed(self, name: str, is_said: bool) -> bool:
        """Return whether an attribute is another than what the statements give, or may be."""
        value = self._live.get(name, ABSENT)
        if value is ABSENT or hasattr(type(value), "__get__"):
            return is_said
        again = [each.node.value for each in self.replayed if each.node.targets[0].attr == name]  # type: ignore[attr-defined]
        said = again[-1] if again else self._body.get(name)
        if said is None:
            return name not in self._body
        made = self._values.evaluated(said, {} if again else {each: self._live.get(each) for each in self._body})
        return is_said if made is ABSENT else not literals.same(made, value)


def _said_in(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield the attributes that a class body assigns once, and what it gives them; None if that cannot be told."""
    stores = [each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]
    for each in node.body:
        target = each.targets[0] if isinstance(each, ast.Assign) else getattr(each, "target", None)
        if isinstance(each, (ast.Assign, ast.AnnAssign)) and isinstance(target, ast.Name) and each.value is not None:
            is_only = stores.count(target.id) == 1
            yield target.id, each.value if is_only else None
