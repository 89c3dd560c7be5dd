"""Find the models of a notebook, and for each what of the user's it needs: classes, functions, and what they name."""

from __future__ import annotations

import sys
from collections.abc import Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any

from kreg_ipython.checks.definitions import methods
from kreg_ipython.checks.keras import Keras, is_frameworks
from kreg_ipython.checks.notebook import Notebook
from kreg_ipython.checks.will_not_load import customs_in, why_not
from kreg_ipython.export import worker
from kreg_ipython.export.inputs import functions_of
from kreg_ipython.guard.ledger import Entry, Former
from kreg_ipython.guard.messages import former_use, rebuild
from kreg_ipython.lib.holders import attributes_of
from kreg_ipython.lib.naming import (
    definition,
    definition_text,
    error_text,
    module_of,
    names_in,
    same_definition,
)
from kreg_ipython.registries import BUILT_UPON

_MOST = 100_000
"""The number of objects of one model that are looked at."""

_ELSEWHERE = BUILT_UPON | {"_inbound_nodes", "_inbound_nodes_value"}
"""The attributes by which a layer leads to the other models that it is in."""

_GRADIENTS = "tensorflow.gradients"


@dataclass(frozen=True)
class Subject:
    """A model, or a `tf.Module` with functions, and what of the user's it needs.

    Attributes:
        name: the expression that leads to it in the notebook.
        model: the model.
        keras: its Keras; None for a `tf.Module`.
        roots: the current classes, functions and other registered objects that it needs by itself. What these need in
            turn is for `export.module` to find.
        cells: the execution counts of the cells that define the roots.
        gradients: whether it needs a gradient that is registered.
        formers: what it is built from that was defined again since, in one line, with the way out; empty if nothing is.
        hints: what speaks against its loading elsewhere, and what to do.
    """

    name: str
    model: Any
    keras: Keras | None
    roots: tuple[Any, ...]
    cells: tuple[int, ...]
    gradients: bool = False
    formers: str = ""
    hints: tuple[str, ...] = ()

    @property
    def home(self) -> str:
        """The name of the module that loads it."""
        return "tensorflow" if self.keras is None else self.keras.name


def subjects(notebook: Notebook) -> list[Subject]:
    """Return the models that are looked at, with what they need. Nothing is traced, built or saved."""
    modules = ((name, module, None) for name, module in _modules(notebook))
    found = []
    for name, model, keras in (*notebook.models(), *modules):
        try:
            found.append(_subject(name, model, keras, notebook))
        except Exception as error:  # the user's objects may raise whatever they are asked
            hints = (f"it could not be looked at: {error_text(error)}",)
            found.append(Subject(name, model, keras, (), (), hints=hints))
    return found


def _modules(notebook: Notebook) -> Iterator[tuple[str, Any]]:
    """Yield the modules of TensorFlow that are no object of Keras's and have functions, which saving them keeps."""
    base = getattr(sys.modules.get("tensorflow"), "Module", None)
    for name, value in notebook.objects.items():
        if base is not None and issubclass(type(value), base) and not _is_kerass(type(value)) and functions_of(value):
            yield name, value


def _subject(name: str, model: Any, keras: Keras | None, notebook: Notebook) -> Subject:
    roots = roots_of(model, keras, notebook)
    entries = [entry for entry in _current(notebook) if any(entry.subject is each for each in roots)]
    numbers = {entry.owner.number for entry in entries if entry.owner is not None and entry.owner.kind == "cell"}
    registered = {id(entry.subject) for entry in entries}
    numbers |= {number for each in roots if id(each) not in registered for number in _numbers(each, notebook)}
    reasons = why_not(model, notebook, keras) if keras is not None else ()
    return Subject(
        name,
        model,
        keras,
        tuple(roots),
        tuple(sorted(number for number in numbers if number is not None)),
        any(entry.registry == _GRADIENTS for entry in entries),
        "" if keras is None else _formers(name, _live(model, keras, _subjects(notebook)), notebook),
        tuple(f"{reason.why}: {reason.fix}" for reason in dict.fromkeys(reasons)),
    )


def _numbers(root: Any, notebook: Notebook) -> Iterator[int | None]:
    """Yield the cell that defines a class or function."""
    own = methods(root).values() if isinstance(root, type) else [root] if isinstance(root, FunctionType) else []
    for function in own:
        if isinstance(function, FunctionType) and function.__module__ == "__main__":
            yield notebook.cells.number_of(function.__code__)
            return


def _formers(name: str, live: Iterable[Any], notebook: Notebook) -> str:
    """Return of which former classes and functions a model is made, in one line; empty if all are current."""
    texts, stale = [], None
    for one in live:
        now = _now(one, notebook)
        if now is not one and (now is None or type(now) is type(one)):
            former = _former(one, notebook)
            run = former.run.number if former is not None and former.run is not None else None
            number = run if run is not None else next(_numbers(one, notebook), None)
            texts.append(former_use(name, "is built from", definition_text(one), number))
            stale = stale or (isinstance(former, Former) and notebook.imported_before(former)) or None
    if not texts:
        return ""
    others = (text.partition("is built from ")[2] for text in dict.fromkeys(texts[1:]))
    built = rebuild(notebook.cells.assigns(name).cell, name, stale)
    return f"{' and '.join([texts[0], *others])}: {built}"


def _former(one: Any, notebook: Notebook) -> Entry | Former | None:
    """Return what is known of an object that was replaced, swept or shadowed."""
    hidden = (entry for entry in notebook.guard.ledger if entry.subject is one)
    return next(hidden, None) or next((each for each in notebook.guard.ledger.former() if each.subject() is one), None)


# -- roots


def roots_of(model: Any, keras: Keras | None, notebook: Notebook) -> list[Any]:
    """Return what of the user's a model needs, by its live objects, by its config, and by what their code names.

    A former class stands for the current one of its key, which is what a saved model will find.
    """
    entries = list(_current(notebook))
    registered = _subjects(notebook)
    found: dict[int, Any] = {}
    if keras is None:
        mine = [*_of_module(model, registered), *_told(type(model), entries)]
    else:
        mine = [*_live(model, keras, registered), *_named(model, keras, notebook)]
    todo = [_now(each, notebook) for each in mine]
    while todo:
        one = todo.pop(0)
        if one is None or id(one) in found:
            continue
        found[id(one)] = one
        todo += _told(one, entries)
        todo += [entry.subject for entry in entries if any(kind is one for kind in _types_in(entry.key))]
    return list(found.values())


def _subjects(notebook: Notebook) -> set[int]:
    """Return the ids of all that is registered, or was."""
    ledger = notebook.guard.ledger
    return {id(entry.subject) for entry in ledger} | {id(former.subject()) for former in ledger.former()}


def _current(notebook: Notebook) -> Iterator[Entry]:
    """Yield the user's entries that are registered now, and that no other one hides."""
    for entry in notebook.guard.ledger:
        if entry.owner is not None and not entry.owner.library and not notebook.guard.ledger.is_shadowed(entry):
            yield entry


def _of_module(module: Any, registered: Collection[int]) -> Iterator[Any]:
    """Yield the user's types in what a module's functions take. Its own class is in no file."""
    tf: Any = sys.modules["tensorflow"]
    for name in functions_of(module):
        function = getattr(module, name)
        specs = function.input_signature
        for spec in tf.nest.flatten(worker.signature(function) if specs is None else specs):
            if id(type(spec)) in registered:
                yield type(spec)
                yield spec.value_type


def _now(one: Any, notebook: Notebook) -> Any:
    """Return what stands for an object in a fresh kernel: for a former one the current one; None if there is none."""
    former = _former(one, notebook)
    if former is not None:
        spot = former.name if isinstance(former, Entry) else (former.registry, former.key)
        return next((each.subject for each in _current(notebook) if each.name == spot), None)
    defined = definition(one)
    name = defined[1] if defined is not None and len(defined) == 2 else None
    variable = notebook.variables.get(name) if isinstance(name, str) else None
    return variable if variable is not None and same_definition(variable, one) else one


def _live(model: Any, keras: Keras, registered: Collection[int]) -> Iterator[Any]:
    """Yield the user's classes of Keras's kinds, and the user's registered objects, that a model is made of."""
    todo = [model, *_compiled(model, keras)]
    seen: set[int] = set()
    while todo and len(seen) < _MOST:
        one = todo.pop()
        kind = type(one)
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, FunctionType):
            if _is_users(one) and not _is_made_by_keras(one) and one.__name__ != "<lambda>":
                yield one
        elif isinstance(one, type):
            if _is_users(one):
                yield one
        elif kind in (list, tuple, set, frozenset):
            todo += one
        elif kind is dict:
            todo += one.values()
        else:
            if id(kind) in registered or (_is_users(kind) and _is_kerass(kind)):
                yield kind
            if id(one) in registered:
                yield one
            if isinstance(one, MethodType):
                todo.append(one.__self__)
            if _is_kerass(kind) or id(kind) in registered:
                todo += [value for name, value in attributes_of(one).items() if name not in _ELSEWHERE]


def _compiled(model: Any, keras: Keras) -> Iterator[Any]:
    """Yield what a model was compiled with, and the layers that only a property of Keras's leads to."""
    yield keras.optimizer_of(model)
    yield getattr(model, "loss", None)
    yield keras.compiled_metrics(model)
    yield from model._flatten_layers()


def _named(model: Any, keras: Keras, notebook: Notebook) -> Iterator[Any]:
    """Yield what a model's config names, as loading it would find it."""
    try:
        customs = list(customs_in(keras.configs(model)))
    except Exception:  # it cannot be saved, which is told when it is saved
        return
    entries = {entry.name: entry.subject for entry in _current(notebook)}
    for custom in customs:
        found = entries.get((keras.custom_objects, custom.key))
        variable = notebook.variables.get(custom.name)
        if found is None and isinstance(variable, (type, FunctionType)) and _is_users(variable):
            found = variable
        yield found


def _told(one: Any, entries: Iterable[Entry]) -> Iterator[Any]:
    """Yield the registered objects whose keys stand as strings in the code of an object, and of what it calls."""
    strings = set(_strings(one))
    for entry in entries:
        if isinstance(entry.key, str) and entry.key in strings:
            yield entry.subject


def _strings(one: Any) -> Iterator[str]:
    todo, seen = [one], set()
    while todo:
        subject = todo.pop()
        if id(subject) in seen or not _is_users(subject):
            continue
        seen.add(id(subject))
        if isinstance(subject, type):
            todo += [each for each in vars(subject).values() if not isinstance(each, type) and _function_in(each)]
            todo += [base for base in subject.__mro__[1:] if _is_users(base)]
            yield from (value for value in vars(subject).values() if isinstance(value, str))
        function = _function_in(subject)
        if function is not None:
            yield from _constants(function.__code__)
            todo += [function.__globals__[name] for name in names_in(function.__code__) if name in function.__globals__]
            todo += [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]


def _function_in(subject: Any) -> FunctionType | None:
    """Return the user's function in a method, a property, a decorated one or a `tf.function`; None if there is none."""
    inner = attributes_of(subject).get("_python_function", subject)
    for name in ("fget", "__func__", "__wrapped__"):
        inner = getattr(inner, name, None) or inner
    return inner if isinstance(inner, FunctionType) else None


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _constants(code: Any) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, tuple):
            yield from (each for each in constant if isinstance(each, str))
        elif hasattr(constant, "co_consts"):
            yield from _constants(constant)


def _types_in(key: Hashable) -> Iterator[Any]:
    """Yield the classes that a key is made of."""
    if isinstance(key, type):
        yield key
    elif isinstance(key, tuple):
        for part in key:
            yield from _types_in(part)


def _is_kerass(kind: type) -> bool:
    return any(str(base.__module__).partition(".")[0] in ("keras", "tf_keras") for base in kind.__mro__)


def _is_made_by_keras(function: FunctionType) -> bool:
    """Return whether a function is one that Keras puts around a method of the user's, under its name."""
    return str(function.__globals__.get("__name__")).partition(".")[0] in ("keras", "tf_keras")


def _is_users(subject: Any) -> bool:
    """Return whether a class or function is neither a framework's nor Python's own."""
    return not is_frameworks(subject) and module_of(subject) not in (None, "builtins")
