"""Find models that, saved now, would not load in a fresh kernel that runs the notebook."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from kreg_ipython.checks.keras import Keras, is_frameworks
from kreg_ipython.checks.notebook import Found, Harm, Notebook
from kreg_ipython.checks.signature import refused
from kreg_ipython.guard import messages
from kreg_ipython.guard.journal import GONE
from kreg_ipython.lib.naming import enumerated, error_text
from kreg_ipython.registries import FRAMEWORKS


class Custom(NamedTuple):
    """A custom object that a config names.

    Attributes:
        key: its key in the registry.
        name: the name of the class or function.
        module: the module of the class; None if the config has none.
        function: whether it is a function.
        config: what its constructor would get; None for a function.
    """

    key: str
    name: str
    module: str | None
    function: bool
    config: dict[str, Any] | None = None


class Reason(NamedTuple):
    """The fate of a model that is loaded.

    Attributes:
        why: why it would not load.
        fix: what to do.
        harm: what it does.
        gone: the key of a class that is not registered any more; empty for any other reason.
        happens: what happens to the models.
    """

    why: str
    fix: str
    harm: Harm = Harm.RAISES
    gone: str = ""
    happens: str = "saved now, {} would not load as it is"


def will_not_load(notebook: Notebook) -> Iterator[Found]:
    """Look for custom objects in a model's config that would not be found, or take other arguments.

    No file is written. What makes several models unloadable is one finding, which names them all.
    """
    causes: dict[Reason, list[str]] = {}
    for name, model, keras in notebook.models():
        for reason in dict.fromkeys(why_not(model, notebook, keras)):
            causes.setdefault(reason, []).append(name)
    for reason, names in causes.items():
        message = f"{reason.happens.format(enumerated(names))}: {reason.why}"
        formers = {id(one) for one in notebook.unloadable if one.key == reason.gone}
        using = dict.fromkeys(holder.name for holder, one in notebook.uses_of_formers if id(one) in formers)
        if others := [name for name in using if name not in names]:
            message += f"; {enumerated(others)} {'are' if len(others) > 1 else 'is'} of that class, too"
        yield Found(names[0], str(notebook.cells.assigns(names[0])), message, reason.fix, reason.harm)


def why_not(model: Any, notebook: Notebook, keras: Keras) -> Iterator[Reason]:
    """Yield why a model could not be saved, or would not load."""
    try:
        customs = list(customs_in(keras.configs(model)))
    except Exception as error:
        fix = "give the class a get_config() that returns its arguments"
        yield Reason(error_text(error), fix, happens="{} cannot be saved")
        return
    reasons = {custom.key: _reason(custom, notebook, keras) for custom in customs}
    for custom in customs:
        if reasons[custom.key] is None and custom.config is not None:
            reasons[custom.key] = _arguments(custom, keras)
    for function in keras.functions_of(model):
        reasons[function.__name__] = _disguised(function, keras) or reasons.get(function.__name__)
    if type(model).__module__ in {*sys.modules} - {"__main__"} and keras.imports_models:
        reasons.pop(type(model).__name__, None)
    yield from filter(None, reasons.values())


def _arguments(custom: Custom, keras: Keras) -> Reason | None:
    """Return why the class does not take the config, and what to do; None if it does."""
    kind = keras.module.utils.get_custom_objects().get(custom.key)
    problem = refused(kind, custom.config or {}) if isinstance(kind, type) else None
    return None if problem is None else Reason(f"{custom.name}: {problem.why}", problem.fix)


def customs_in(config: Any) -> Iterator[Custom]:
    """Yield each custom object that a config of Keras's names."""
    if isinstance(config, dict):
        kind, registered, module = config.get("class_name"), config.get("registered_name"), config.get("module")
        if kind == "__lambda__" or (kind == "Lambda" and "function_type" in (config.get("config") or ())):
            yield Custom("<lambda>", "<lambda>", None, True)
        elif kind == "function" and isinstance(config.get("config"), str):
            key = config["config"] if registered in (None, kind) else registered  # Keras 2.12 has the name in "config"
            yield Custom(key, config["config"], module, True)
        elif isinstance(kind, str) and registered and not kind.startswith("__") and not _is_frameworks(module):
            given = config.get("config")
            yield Custom(str(registered), kind, module, False, given if isinstance(given, dict) else None)
        for value in config.values():
            yield from customs_in(value)
    elif isinstance(config, (list, tuple)):
        for value in config:
            yield from customs_in(value)


def _built_in(name: str, keras: Keras) -> Any:
    return next(filter(None, (keras.meaning(name, home) for home in ("activations", "losses", "metrics"))), None)


def _disguised(function: Any, keras: Keras) -> Reason | None:
    """Return what is wrong with a function that has the name of one of Keras's own; None if nothing is.

    If it is not registered, the file would load Keras's own.
    """
    name = function.__name__
    if is_frameworks(function) or keras.module.utils.get_registered_name(function) != name:
        return None
    if _built_in(name, keras) is None:
        return None
    register = f"@{keras.path}.utils.register_keras_serializable(package='mine')"
    why = f"the function {name!r} is not registered, so Keras's own {name} would be loaded"
    return Reason(why, f"put {register} before it", Harm.SILENT)


def _is_frameworks(module: Any) -> bool:
    return isinstance(module, str) and module.partition(".")[0] in FRAMEWORKS


def _reason(custom: Custom, notebook: Notebook, keras: Keras) -> Reason | None:
    """Return why the object would not be found, and what to do; None if it would be found."""
    register = f"@{keras.path}.utils.register_keras_serializable(package='mine')"
    if custom.key == "<lambda>" and keras.loads_lambdas:
        return None
    if custom.key == "<lambda>" and keras.is_3:
        return Reason(
            "the lambda of a Lambda layer is not loaded in safe mode",
            f"register a function with {register}, and use it",
        )
    if custom.key == "<lambda>":
        return Reason(
            "the function of a Lambda layer is not loaded in safe mode",
            f"register a layer class with {register}, and use it",
        )
    registry, entry = keras.custom_objects, None
    for found in notebook.guard.ledger:
        if found.registry == registry and found.key == custom.key and not notebook.guard.ledger.is_shadowed(found):
            entry = found
    if entry is not None:
        if entry.owner is not None and entry.owner.deleted:
            return Reason(
                f"{custom.key!r} is registered by a cell that was deleted",
                "import the module that %kreg export writes of it, or run its text in another cell",
            )
        return None
    objects = keras.module.utils.get_custom_objects()
    if custom.key in objects:
        return None
    if custom.function and not keras.is_3 and any(str(key).endswith(f">{custom.key}") for key in objects):
        return None  # Keras 2.13 to 2.15 writes the name alone, and looks for it in all packages
    if custom.function and _built_in(custom.name, keras) is not None:
        return None
    event = notebook.guard.memory.journal.last(registry, custom.key)
    if event is not None and event.act in GONE:
        fix = f"re-run the cell that registers {custom.key!r}, or rebuild the model"
        return Reason(messages.gone(event), fix, gone=custom.key)
    what = "function" if custom.function else "class"
    fix = f"put {register} before the {what}, and rebuild the model"
    return Reason(f"the {what} {custom.name!r} is not registered", fix)
