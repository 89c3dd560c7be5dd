"""Find optimizers that were built for the variables of another model, or of a former one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kreg_ipython.checks.keras import Keras
from kreg_ipython.checks.notebook import Found, Harm, Notebook


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
        mine = keras.trainable_variables(model) if keras.binds_by_place else keras.was_trainable(model)
        if known is None:
            sharing = [(other, one) for other, one, _ in models if one is not model and _shares(model, one, keras)]
            for other, one in sharing[:1]:
                message = f"{name} and {other} are compiled with one optimizer, which can train only one of them"
                hurts = _hurts(mine, keras.trainable_variables(one), keras)
                yield _found(name, str(place), message, keras, name, hurts)
        elif mine and not keras.trains_a_part(model, known):
            number = len(mine) if keras.binds_by_place else len(known)
            if len(known) != number or any(keras.key_of(each) not in known for each in mine):
                message = f"the optimizer of {name} was built for {_whose(known, name, model, models)}"
                hurts = _hurts(mine, keras.variables_of(optimizer, ()), keras)
                yield _found(name, str(place), message, keras, name, hurts)
    for name, optimizer, keras in notebook.optimizers():
        known = keras.known_variables(optimizer)
        if known and id(optimizer) not in compiled and models and not _alive(known, optimizer, notebook, keras):
            message = f"{name} was built for the variables of a former model, which are not in the notebook any more"
            yield _found(name, str(notebook.cells.assigns(name)), message, keras, None, _hurts([], [], keras))


def _alive(known: set[Any], optimizer: Any, notebook: Notebook, keras: Keras) -> bool:
    """Return whether a variable of the notebook leads to one of these variables.

    The models are asked first, which is quick.
    """
    for _, model, of in notebook.all_models():
        if of == keras and known & {keras.key_of(each) for each in keras.variables(model)}:
            return True
    return any(notebook.reaches(each, without=optimizer) for each in keras.variables_of(optimizer, notebook.alive)[:1])


def _shares(model: Any, other: Any, keras: Keras) -> bool:
    """Return whether two models have one optimizer, and neither has all the variables of the other one."""
    if keras.optimizer_of(other) is not keras.optimizer_of(model):
        return False
    mine = {keras.key_of(each) for each in keras.trainable_variables(model)}
    theirs = {keras.key_of(each) for each in keras.trainable_variables(other)}
    return not mine <= theirs and not theirs <= mine


def _whose(known: set[Any], name: str, model: Any, models: list[tuple[str, Any, Keras]]) -> str:
    """Return whose variables an optimizer was built for, and not for those of the model that it is to train."""
    for other, one, keras in models:
        keys = {keras.key_of(each) for each in keras.variables(one)}
        if one is model and known <= keys:
            return f"{len(known)} variables of {name}, which trains others now"
        if one is not model and known & {keras.key_of(each) for each in keras.trainable_variables(one)}:
            return f"the variables of {other}"
    return "the variables of a former model"


def _hurts(mine: list[Any], known: list[Any], keras: Keras) -> tuple[str, Harm]:
    """Return what training does, given the model's variables and those that the optimizer was built for."""
    if not keras.is_3:
        return "training raises KeyError: The optimizer cannot recognize variable", Harm.RAISES
    if not keras.binds_by_place:
        return "training raises ValueError: Unknown variable", Harm.RAISES
    if len(mine) != len(known):
        return "training raises ValueError: Argument `optimizer_variables` must be a list of tensors", Harm.RAISES
    if any(tuple(one.shape) != tuple(other.shape) for one, other in zip(mine, known)):
        return "training raises ValueError: Invalid variable value in StatelessScope", Harm.RAISES
    return "training goes on with the momenta and the step count of the other, without a word", Harm.SILENT


def _found(name: str, where: str, message: str, keras: Keras, model: str | None, hurts: tuple[str, Harm]) -> Found:
    optimizer = f"{model}.optimizer" if model else name
    anew = f"type({optimizer}).from_config({optimizer}.get_config())"
    if model is None:
        fix = f"{name} = {anew}  # in the cell that builds the model"
    elif keras.is_3:
        fix = f"{model}.compile(optimizer={anew}, …)"
    else:
        fix = f"{model}.compile(optimizer={anew}, …), or {optimizer}.build({model}.trainable_variables) to move it over"
    return Found(name, where, f"{message}: {hurts[0]}", fix, hurts[1])
