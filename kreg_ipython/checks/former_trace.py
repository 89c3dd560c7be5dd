"""Find `tf.function`s whose traces use variables of a former model or optimizer."""

from __future__ import annotations

import ast
import gc
import re
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any, NamedTuple

from kreg_ipython.checks.cells import root
from kreg_ipython.checks.definitions import function_tree
from kreg_ipython.checks.keras import Keras, is_built_on, is_frameworks, is_variable
from kreg_ipython.checks.notebook import CannotTell, Found, Harm, Notebook, is_function
from kreg_ipython.lib.holders import Opaque, attributes_of, holders
from kreg_ipython.lib.naming import enumerated
from kreg_ipython.registries import is_opaque

_DEPTH = 5
"""The number of functions deep that a `tf.function` is looked for in the functions that call it."""


class _Traced(NamedTuple):
    """A `tf.function`: its expression, the function, the Python function that it traces, the instance of a method."""

    name: str
    function: Any
    python: FunctionType
    instance: Any = None


def former_trace(notebook: Notebook) -> Iterator[Found]:
    """Look for `tf.function`s that use what is not in the notebook any more, or cannot take a second optimizer.

    A trace holds on to the variables that it was made with. If the cell that makes the model runs again, and the cell
    with the function does not, the function goes on training the former model.
    """
    owned: dict[int, Any] | None = None
    owners: dict[int, list[Any]] | None = None
    unknown: list[str] = []
    for traced in _traced(notebook):
        traces = [trace for trace in _traces(traced.function) if not _is_of_the_dead(trace)]
        unknown += [traced.name] if len(traces) < len(_traces(traced.function)) and not _tells(traced.function) else []
        owned = _owned(notebook) if owned is None and traces else owned
        if owned is not None and _lost(traces, owned):
            owners = _owners(notebook) if owners is None else owners
            if _are_formers(_lost(traces, owned), owners, traced, notebook):
                yield from _former(traced, traces, notebook)
        yield from _second_optimizer(traced, notebook)
    if unknown:
        raise CannotTell(f"this TensorFlow does not tell which models {enumerated(unknown)} got as arguments")


# -- the functions


def _traced(notebook: Notebook) -> Iterator[_Traced]:
    """Yield each `tf.function` once: variables, methods, and what the user's functions hold."""
    seen: set[int] = set()
    for name, value in notebook.objects.items():
        for found in _functions_of(name, value, seen):
            if not is_frameworks(found.python):
                yield found


def _functions_of(name: str, value: Any, seen: set[int], depth: int = 0) -> Iterator[_Traced]:
    if id(value) in seen or depth > _DEPTH:
        return
    if is_function(value):
        seen.add(id(value))
        found = _Traced(name, value, attributes_of(value)["_python_function"])
        yield found
        value = found.python
    if issubclass(type(value), FunctionType):
        if not is_frameworks(value):
            seen.add(id(value))
            for held, one in _held(value).items():
                if issubclass(type(one), FunctionType) or is_function(one):
                    yield from _functions_of(held, one, seen, depth + 1)
        return
    for kind in type.mro(type(value)) if not issubclass(type(value), type) else ():
        for key, method in vars(kind).items() if not is_frameworks(kind) and kind is not object else ():
            if is_function(method):  # each instance has a function of its own
                copies = list(getattr(method, "_descriptor_cache", {}).items())
                python = attributes_of(method)["_python_function"]
                yield from (_Traced(f"{name}.{key}", copy, python, value) for one, copy in copies if one is value)


def _held(function: FunctionType) -> dict[str, Any]:
    """Return what a function's closure, defaults and globals mean, by the names in its code."""
    code = function.__code__
    given = dict(zip(reversed(code.co_varnames[: code.co_argcount]), reversed(function.__defaults__ or ())))
    closed = {}
    for name, cell in zip(code.co_freevars, function.__closure__ or ()):
        if gc.get_referents(cell):
            closed[name] = cell.cell_contents
    names = {name: function.__globals__[name] for name in code.co_names if name in function.__globals__}
    return {**names, **given, **(function.__kwdefaults__ or {}), **closed}


# -- their traces


def _traces(function: Any) -> list[Any]:
    return list(function._list_all_concrete_functions())


def _arguments(trace: Any) -> dict[str, Any]:
    """Return the weak references to the objects that a trace was made for, by the parameters' names."""
    parameters = getattr(getattr(trace, "function_type", None), "parameters", {})
    kinds: dict[str, Any] = {name: getattr(each, "type_constraint", None) for name, each in parameters.items()}
    return {name: kind._ref for name, kind in kinds.items() if hasattr(kind, "_ref")}


def _tells(function: Any) -> bool:
    """Return whether traces tell which objects they were made for: not in TensorFlow 2.12."""
    return all(hasattr(trace, "function_type") for trace in _traces(function))


def _is_of_the_dead(trace: Any) -> bool:
    """Return whether a trace was made for an argument that nobody can pass any more, or may have been."""
    if not hasattr(trace, "function_type"):
        return any("Unknown" in type(each).__name__ for each in trace.structured_input_signature[0])
    return any(reference() is None for reference in _arguments(trace).values())


def _variables(trace: Any) -> list[Any]:
    """Return the variables that a trace uses; None for each one that is not alive any more."""
    return [reference() for reference in getattr(trace.graph, "_weak_variables", ())]


def _lost(traces: list[Any], owned: dict[int, Any]) -> list[Any]:
    """Return the variables that traces use and no object of the notebook has; None for one that is not alive."""
    return [each for trace in traces for each in _variables(trace) if _key(each) not in owned]


def _key(variable: Any) -> int:
    """Return what a variable of Keras 3 and its TensorFlow variable have in common."""
    inner = getattr(variable, "_value", None)
    return id(variable if inner is None else inner)


# -- the variables


def _owned(notebook: Notebook) -> dict[int, Any]:
    """Return the variables of the notebook's models, layers, optimizers and metrics, and those with names."""
    found: dict[int, Any] = {}
    for value in notebook.everything.values():
        keras = _keras_of(value, notebook)
        named = [value] if is_variable(value) else []
        for variable in _variables_of(value) if keras is not None else named:
            found[_key(variable)] = variable
        optimizer = keras.optimizer_of(value) if keras is not None and isinstance(value, keras.model) else None
        found.update((_key(each), each) for each in _variables_of(optimizer))
    return found


def _keras_of(value: Any, notebook: Notebook) -> Keras | None:
    kind = type(value)
    return next((each for each in notebook.families if is_built_on(kind, each.with_variables)), None)


def _variables_of(value: Any) -> list[Any]:
    try:
        found = value.variables if value is not None else ()
        return list(found() if callable(found) else found)  # a slot-based optimizer's is a method
    except Exception:  # it is not built; a property of the user's
        return []


def _owners(notebook: Notebook) -> dict[int, list[Any]]:
    """Return the layers, models, optimizers and metrics that are alive, by the variables that they have."""
    found: dict[int, list[Any]] = {}
    for one in notebook.alive:
        for variable in _variables_of(one) if _keras_of(one, notebook) is not None else ():
            found.setdefault(_key(variable), []).append(one)
    return found


def _are_formers(lost: list[Any], owners: dict[int, list[Any]], traced: _Traced, notebook: Notebook) -> bool:
    """Return whether some of these variables belong to a model or an optimizer that nothing in the notebook leads to.

    Variables of nobody, such as those of a random generator, are in use on purpose.
    """
    having = [owners.get(_key(variable), []) for variable in lost if variable is not None]
    names = {**notebook.variables, "function": traced.python, "instance": traced.instance}
    held = holders(names, [one for each in having for one in each], Opaque(is_opaque))
    return len(having) < len(lost) or any(each and not any(id(one) in held for one in each) for each in having)


# -- what is said


def _former(traced: _Traced, traces: list[Any], notebook: Notebook) -> Iterator[Found]:
    """Yield the finding on a function that uses former variables: what its names mean now, and where they were."""
    used = [variable for trace in traces for variable in _variables(trace)]
    cells, keys = notebook.cells, {_key(each) for each in used}
    unused = [
        name for name, value in _referred(traced, notebook) if not keys & {_key(each) for each in _variables_of(value)}
    ]
    where = cells.of_code(traced.python.__code__)
    own = cells.number_of(traced.python.__code__)
    again = "re-run the cell that defines" if own is None else f"re-run cell [{own}], which defines"
    fix = f"{again} {root(traced.name) if own is None else traced.python.__qualname__.rpartition('.<locals>.')[2]}"
    if traced.instance is not None:
        fix += f", and then the cell that makes {traced.name.rpartition('.')[0]}"
    if not unused:
        names = ", ".join(sorted(_names(traces, used))[:3])
        message = f"{traced.name} uses variables of a former model that is not in the notebook any more ({names})"
        if names:  # or all of them are alive: something that is not looked into holds the model
            message += ": what you see or train is another one"
            yield Found(traced.name, where, message, fix, Harm.SILENT)
        return
    told = []
    for name in unused:
        new, old = (None, None) if "." in name else (cells.assigns(name).cell, cells.assigned_before(name))
        run = f" of run [{old}]" if old is not None else ""
        told.append(f"the former {name}{run}" + (f" (cell [{new}] has made another one since)" if new else ""))
    message = f"{traced.name} was traced with {' and '.join(told)}, and goes on using it: {' and '.join(unused)}"
    message += " will not be trained or asked, without a word"
    yield Found(traced.name, where, message, fix, Harm.SILENT)


def _names(traces: list[Any], used: list[Any]) -> set[str]:
    """Return the names of the variables that are not alive any more."""
    alive = {id(getattr(variable, "handle", None)) for variable in used if variable is not None}
    texts = [repr(each) for trace in traces for each in trace.captured_inputs if id(each) not in alive]
    found = {re.search(r'name="([^"]+?)(/\d+)?"', text) for text in texts}
    return {match[1] for match in found if match is not None}


def _referred(traced: _Traced, notebook: Notebook) -> Iterator[tuple[str, Any]]:
    """Yield the models, layers, optimizers and metrics that a function's code names now."""
    seen: set[int] = set()
    todo: list[tuple[Any, int]] = [(traced.python, 0)]
    while todo:
        function, depth = todo.pop()
        names: Mapping[str, Any] = _held(function)
        if traced.instance is not None:
            base = traced.name.rpartition(".")[0]
            own = attributes_of(traced.instance)
            names = {**names, **{f"{base}.{key}": own[key] for key in function.__code__.co_names if key in own}}
        for name, value in names.items():
            inner: Any = attributes_of(value).get("_python_function", value)
            if id(value) in seen:
                continue
            seen.add(id(value))
            if _keras_of(value, notebook) is not None:
                yield name, value
            elif isinstance(inner, FunctionType) and not is_frameworks(inner) and depth < _DEPTH:
                todo.append((inner, depth + 1))


# -- one function, several optimizers


def _second_optimizer(traced: _Traced, notebook: Notebook) -> Iterator[Found]:
    """Yield a finding if a function was traced with one optimizer, and a cell calls it with one that is not built."""
    applied = {
        node.func.value.id
        for node in ast.walk(function_tree(traced.python) or ast.Module(body=[], type_ignores=[]))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("apply_gradients", "apply", "minimize")
        and isinstance(node.func.value, ast.Name)
    }
    references = [given for trace in _traces(traced.function) if (given := _arguments(trace))]
    if not any(applied & {*given} for given in references):
        return
    passed = {id(reference()) for given in references for reference in given.values()}
    for name, optimizer, keras in notebook.optimizers():
        if keras.makes_variables(optimizer):
            names = {name for call in notebook.cells.calls(traced.name) for name in call}
            if id(optimizer) not in passed and root(name) in names:
                message = (
                    f"{traced.name} was traced with another optimizer, and {name} has no variables yet: a tf.function "
                    f"may create variables only at its first call, so that calling it with {name} raises ValueError"
                )
                fix = (
                    f"{name}.build(model.trainable_variables)  # of its model, before {traced.name} is called with it\n"
                    f"# or one function for each model: tf.function({traced.name}.python_function)"
                )
                yield Found(traced.name, notebook.cells.of_code(traced.python.__code__), message, fix)
                return
