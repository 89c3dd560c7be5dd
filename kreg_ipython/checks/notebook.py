"""What the rules look at: the notebook's objects by the names they go by, its cells' text, and where things stand."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import FunctionType, ModuleType
from typing import Any

from kreg_ipython.checks.cells import Cells, root
from kreg_ipython.checks.keras import Keras, families, is_frameworks
from kreg_ipython.guard import Guard

_MOST = 1_000
"""How many items of one container, or attributes of one object, are looked at."""


@dataclass(frozen=True)
class Finding:
    """A mistake: the rule's name, the object as it is called in the notebook, where it stands, why it will hurt, and
    the corrected code."""

    rule: str
    object: str
    where: str
    message: str
    fix: str


class Notebook:
    """What is looked at.

    Args:
        variables: the notebook's variables.
        guard: what guards the registries.
        cells: the text of the cells.
        asked: the names of those variables that are to be looked at; all, if there is none.
        convert: whether models are converted to TFLite.
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
        """All live objects, each once, by the expression that it goes by: a variable, an item of one, an attribute of
        an object whose class the user wrote."""
        found: dict[str, Any] = {}
        seen: set[int] = set()
        for name, value in sorted(self.variables.items(), key=lambda item: item[0] not in self._asked):
            if not name.startswith("_") and not isinstance(value, ModuleType):
                for expression, one in [(name, value), *_parts(name, value)]:
                    if id(one) not in seen:
                        seen.add(id(one))
                        found[expression] = one
        return found

    @cached_property
    def objects(self) -> dict[str, Any]:
        """Those of `everything` that are looked at."""
        asked = self._asked
        return {name: value for name, value in self.everything.items() if not asked or {name, root(name)} & asked}

    def asked(self, subject: Any) -> bool:
        """Whether an object is one of those that are looked at: any, if no name is given."""
        return not self._asked or any(value is subject for value in self.objects.values())

    @property
    def variables_asked(self) -> dict[str, Any]:
        """The variables that are looked at."""
        return {name: value for name, value in self.variables.items() if not self._asked or name in self._asked}

    def models(self) -> Iterator[tuple[str, Any, Keras]]:
        """Each model, the name it goes by, and its Keras."""
        return self._of_kind(self.objects, lambda keras: keras.model)

    def all_models(self) -> Iterator[tuple[str, Any, Keras]]:
        """The same, also of those that are not to be looked at."""
        return self._of_kind(self.everything, lambda keras: keras.model)

    def optimizers(self) -> Iterator[tuple[str, Any, Keras]]:
        """Each optimizer that has a name."""
        return self._of_kind(self.objects, lambda keras: keras.optimizers)

    def classes(self) -> Iterator[tuple[str, type]]:
        """Each class that users wrote: those with a name, and those that are registered."""
        named = [(name, value) for name, value in self.objects.items() if isinstance(value, type)]
        keyed = [] if self._asked else [(entry.subject.__name__, entry.subject) for entry in self._registered()]
        seen: set[type] = set()
        for name, value in named + keyed:
            if value not in seen and not is_frameworks(value):
                seen.add(value)
                yield name, value

    def _registered(self) -> Iterator[Any]:
        for entry in self.guard.ledger:
            if isinstance(entry.subject, type) and not self.guard.ledger.shadowed(entry):
                yield entry

    def _of_kind(
        self, objects: Mapping[str, Any], kind: Callable[[Keras], type | tuple[type, ...]]
    ) -> Iterator[tuple[str, Any, Keras]]:
        for name, value in objects.items():
            keras = next((each for each in self.families if isinstance(value, kind(each))), None)
            if keras is not None:
                yield name, value, keras

    @property
    def checked(self) -> int:
        """How many models, optimizers, functions and classes are looked at."""
        kinds = tuple(kind for keras in self.families for kind in (keras.model, *keras.optimizers))
        found = {id(value) for value in self.objects.values() if isinstance(value, kinds) or is_function(value)}
        found |= {id(kind) for _, kind in self.classes()}
        found |= {id(entry.subject) for entry in self.guard.ledger if self.asked(entry.subject)}
        return len(found)


def is_function(value: Any) -> bool:
    """Whether this is a `tf.function`."""
    return isinstance(inspect.getattr_static(value, "_python_function", None), FunctionType)


def tree_of(function: Any) -> ast.AST | None:
    """The ``def`` of a function, with lines that count from 1; None if its text is not known."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return None


def _parts(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if type(value) in (list, tuple):
        yield from ((f"{name}[{at}]", item) for at, item in enumerate(value[:_MOST]))
    elif type(value) is dict:
        yield from ((f"{name}[{key!r}]", item) for key, item in list(value.items())[:_MOST] if isinstance(key, str))
    elif not isinstance(value, type) and type(value).__module__ == "__main__":
        yield from ((f"{name}.{key}", item) for key, item in list(getattr(value, "__dict__", {}).items())[:_MOST])
