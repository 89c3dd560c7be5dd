"""Find optimizers that were built for the variables of another model, or of a former one."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

from kreg_ipython.checks.keras import Keras
from kreg_ipython.checks.notebook import Found, Notebook


def optimizer_of_another_model(notebook: Notebook) -> Iterator[Found]:
    """Look for optimizers that cannot train their model.

    The optimizer of a compiled model may know other variables than the model's, or belong to another model, too. The
    optimizer of a training loop may know variables that nothing in the notebook has any more.
    """
    models = list(notebook.all_models())
    compiled: set[int] = set()
    for name, model, keras in notebook.models():
        optimizer = keras.optimizer_of(model)
        if not isinstance(optimizer, keras.optimizer):
            continue
        compiled.add(id(optimizer))
        known = keras.known_variables(optimizer)
        place = notebook.cells.call(name, "compile")
        if known is None:
            sharing = [other for other, one, _ in models if one is not model and _shares(model, one, keras)]
            if sharing:
                message = f"{name} and {sharing[0]} are compiled with one optimizer, which can train only one of them"
                yield _found(name, str(place), message, keras, name)
        elif not keras.trains_a_part(model, known):
            missing = [each for each in keras.was_trainable(model) if keras.key_of(each) not in known]
            if missing:
                whose = _whose(known, [other for other in models if other[1] is not model])
                yield _found(name, str(place), f"the optimizer of {name} was built for {whose}", keras, name)
    for name, optimizer, keras in notebook.optimizers():
        known = keras.known_variables(optimizer)
        if known and id(optimizer) not in compiled and models and not _alive(known, optimizer, notebook, keras):
            message = f"{name} was built for the variables of a former model, which are not in the notebook any more"
            yield _found(name, str(notebook.cells.assigns(name)), message, keras, None)


def _alive(known: set[Any], optimizer: Any, notebook: Notebook, keras: Keras) -> bool:
    """Return whether a variable of the notebook leads to one of these variables.

    The models are asked first, which is quick.
    """
    for _, model, of in notebook.all_models():
        if of == keras and known & {keras.key_of(each) for each in keras.variables(model)}:
            return True
    gc.collect()
    return any(notebook.reaches(each, without=optimizer) for each in keras.variables_alive(known, optimizer)[:1])


def _shares(model: Any, other: Any, keras: Keras) -> bool:
    """Return whether two models have one optimizer, and neither has all the variables of the other one."""
    if keras.optimizer_of(other) is not keras.optimizer_of(model):
        return False
    mine = {keras.key_of(each) for each in keras.trainable_variables(model)}
    theirs = {keras.key_of(each) for each in keras.trainable_variables(other)}
    return not mine <= theirs and not theirs <= mine


def _whose(known: set[Any], models: list[tuple[str, Any, Keras]]) -> str:
    for name, model, keras in models:
        if known & {keras.key_of(each) for each in keras.trainable_variables(model)}:
            return f"the variables of {name}"
    return "the variables of a former model"


def _found(name: str, where: str, message: str, keras: Keras, model: str | None) -> Found:
    error = "ValueError: Unknown variable" if keras.is_3 else "KeyError: The optimizer cannot recognize variable"
    optimizer = f"{model}.optimizer" if model else name
    anew = f"type({optimizer}).from_config({optimizer}.get_config())"
    if model is None:
        fix = f"{name} = {anew}  # in the cell that builds the model"
    elif keras.is_3:
        fix = f"{model}.compile(optimizer={anew}, …)"
    else:
        fix = f"{model}.compile(optimizer={anew}, …), or {optimizer}.build({model}.trainable_variables) to move it over"
    return Found(name, where, f"{message}: training raises {error}", fix)
