"""Give the rules what they look at: the notebook's objects by name, the text of its cells, and the places in it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import IntEnum
from functools import cached_property
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from kreg_ipython.checks.cells import Cells, root
from kreg_ipython.checks.keras import Keras, families, is_built_on, is_frameworks, is_variable
from kreg_ipython.guard.ledger import Former
from kreg_ipython.guard.transaction import Guard
from kreg_ipython.lib.holders import Holder, Opaque, attributes_of, holders
from kreg_ipython.lib.naming import key_text
from kreg_ipython.registries import OPAQUE, is_opaque

_MOST = 1_000
"""The number of items of a container, or of attributes of an object, that are looked at."""


class Harm(IntEnum):
    """The harm that a mistake does. Findings are shown in this order."""

    SILENT = 0
    """Something else is trained, loaded or meant than what you see, without an error."""
    RAISES = 1
    """Training, saving, loading or converting raises."""
    UNTIDY = 2
    """Something is there twice."""


class Found(NamedTuple):
    """A mistake.

    Attributes:
        object: the expression that leads to the object in the notebook.
        where: the place to change: a cell and a line.
        message: what is wrong, and what it will lead to.
        fix: the corrected code.
        harm: what it does.
    """

    object: str
    where: str
    message: str
    fix: str
    harm: Harm = Harm.RAISES


class CannotTell(Exception):
    """A version of a framework that does not tell what a rule asks for. Its text says what was not looked at."""


class Finding(NamedTuple):
    """A mistake, and the rule that found it."""

    rule: str
    object: str
    where: str
    message: str
    fix: str


class Notebook:
    """The objects, cells and registries that the rules look at.

    Args:
        variables: the notebook's variables.
        guard: guards the registries.
        cells: the text of the cells.
        asked: the names of the variables to look at; none for all of them.
        convert: whether to convert models to TFLite.
    """

    def __init__(
        self,
        variables: Mapping[str, Any],
        guard: Guard,
        cells: Cells,
        asked: Iterable[str] = (),
        *,
        convert: bool = False,
    ) -> None:
        self.variables, self.guard, self.cells, self.convert = variables, guard, cells, convert
        self._asked = frozenset(asked)
        self.families = families()

    @cached_property
    def everything(self) -> dict[str, Any]:
        """All live objects, each once, by the expression that leads to it.

        The expression is a variable, an item of one, or an attribute of an object whose class the user wrote.
        """
        found: dict[str, Any] = {}
        seen: set[int] = set()
        for name, value in sorted(self.variables.items(), key=lambda item: item[0] not in self._asked):
            if not name.startswith("_") and not issubclass(type(value), ModuleType):
                for expression, one in [(name, value), *_parts(name, value)]:
                    if id(one) not in seen:
                        seen.add(id(one))
                        found[expression] = one
        return found

    @cached_property
    def objects(self) -> dict[str, Any]:
        """The objects of `everything` that are looked at."""
        asked = self._asked
        return {name: value for name, value in self.everything.items() if not asked or {name, root(name)} & asked}

    def asked(self, subject: Any) -> bool:
        """Return whether an object is looked at. If the user gave no names, every object is."""
        return not self._asked or any(value is subject for value in self.objects.values())

    @property
    def variables_asked(self) -> dict[str, Any]:
        """The variables that are looked at."""
        return {name: value for name, value in self.variables.items() if not self._asked or name in self._asked}

    @cached_property
    def uses_of_formers(self) -> list[tuple[Holder, Former]]:
        """Each variable that uses a former object, and that object."""
        ledger = self.guard.ledger
        if not ledger.former():
            return []
        gc.collect()  # a class is in a cycle with itself: only a collection tells whether anything else holds it
        formers = ledger.former()
        held = holders(self.variables_asked, [one.subject() for one in formers], OPAQUE)
        uses = [(holder, one) for one in formers for holder in held.get(id(one.subject()), ())]
        return [(holder, one) for holder, one in uses if holder.relation != "is"]

    @cached_property
    def unloadable(self) -> list[Former]:
        """The former classes that models are built from, and whose keys are not registered any more."""
        models = {name for name, _, _ in self.models()}
        kinds = {keras.custom_objects for keras in self.families}
        formers = [one for holder, one in self.uses_of_formers if holder.name in models]
        return [one for one in formers if one.registry in kinds and not self.is_current(one)]

    def is_current(self, one: Former) -> bool:
        """Return whether a key that a former object had is registered now, by another object."""
        return any(entry.registry == one.registry and key_text(entry.key) == one.key for entry in self.guard.ledger)

    def imported_before(self, one: Former) -> str | None:
        """Return the variable that still is a module's former object, imported by name before a reload."""
        if one.owner is None or one.owner.kind != "module":
            return None
        same = (name for name, value in self.variables.items() if value is one.subject())
        return next((name for name in same if not name.startswith("_")), None)

    @cached_property
    def alive(self) -> list[Any]:
        """All variables of the frameworks, and what has variables, in the whole process."""
        gc.collect()  # a model is in a cycle with itself
        kinds = [kind for keras in self.families for kind in keras.with_variables]
        known: dict[int, bool] = {}
        found = []
        for one in gc.get_objects():
            kind = type(one)
            if id(kind) not in known:
                known[id(kind)] = is_built_on(kind, kinds) or is_variable(one)
            if known[id(kind)]:
                found.append(one)
        return found

    def reaches(self, target: Any, without: Any) -> bool:
        """Return whether a variable leads to an object. Variables that are the object ``without`` do not count."""
        names = {name: value for name, value in self.variables.items() if value is not without}
        return bool(holders(names, [target], Opaque(is_opaque)))

    def models(self) -> Iterator[tuple[str, Any, Keras]]:
        """Yield each model that is looked at: its name, the model, and its Keras."""
        return self._of_kind(self.objects, lambda keras: keras.model)

    def all_models(self) -> Iterator[tuple[str, Any, Keras]]:
        """Yield every model, including those that are not looked at."""
        return self._of_kind(self.everything, lambda keras: keras.model)

    def optimizers(self) -> Iterator[tuple[str, Any, Keras]]:
        """Yield each optimizer that has a name: the name, the optimizer, and its Keras."""
        return self._of_kind(self.objects, lambda keras: keras.optimizers)

    def classes(self) -> Iterator[tuple[str, type]]:
        """Yield each class that users wrote and that has a name in the notebook or is registered."""
        named = [(name, value) for name, value in self.objects.items() if issubclass(type(value), type)]
        keyed = [] if self._asked else [(entry.subject.__name__, entry.subject) for entry in self._registered()]
        seen: set[int] = set()
        for name, value in named + keyed:
            if id(value) not in seen and not is_frameworks(value):
                seen.add(id(value))
                yield name, value

    def _registered(self) -> Iterator[Any]:
        for entry in self.guard.ledger:
            if isinstance(entry.subject, type) and not self.guard.ledger.is_shadowed(entry):
                yield entry

    def _of_kind(
        self, objects: Mapping[str, Any], kind: Callable[[Keras], type | tuple[type, ...]]
    ) -> Iterator[tuple[str, Any, Keras]]:
        for name, value in objects.items():
            keras = next((each for each in self.families if issubclass(type(value), kind(each))), None)
            if keras is not None:
                yield name, value, keras

    @property
    def checked(self) -> int:
        """The number of models, optimizers, functions and classes that are looked at."""
        kinds = tuple(kind for keras in self.families for kind in (keras.model, *keras.optimizers))
        found = {id(value) for value in self.objects.values() if issubclass(type(value), kinds) or is_function(value)}
        found |= {id(kind) for _, kind in self.classes()}
        found |= {id(entry.subject) for entry in self.guard.ledger if self.asked(entry.subject)}
        return len(found)


def is_function(value: Any) -> bool:
    """Return whether a value is a `tf.function`."""
    return isinstance(attributes_of(value).get("_python_function"), FunctionType)


def _parts(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if type(value) is list or type(value) is tuple:
        yield from ((f"{name}[{at}]", item) for at, item in enumerate(value[:_MOST]))
    elif type(value) is dict:
        yield from ((f"{name}[{key!r}]", item) for key, item in list(value.items())[:_MOST] if isinstance(key, str))
    elif not issubclass(type(value), type) and type(value).__module__ == "__main__":
        yield from ((f"{name}.{key}", item) for key, item in list(attributes_of(value).items())[:_MOST])
