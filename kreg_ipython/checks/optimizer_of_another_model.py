"""An optimizer that was built for the variables of another model, or of a former one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kreg_ipython.checks.keras import Keras
from kreg_ipython.checks.notebook import Finding, Notebook

_RULE = "optimizer-of-another-model"


def optimizer_of_another_model(notebook: Notebook) -> Iterator[Finding]:
    """A compiled model whose optimizer knows other variables than the model's, or is another model's, too; an optimizer
    of a training loop whose variables no model has any more."""
    models = list(notebook.all_models())
    optimizers: set[int] = set()
    for name, model, keras in notebook.models():
        optimizer = getattr(model, "optimizer", None)
        if not isinstance(optimizer, keras.optimizers):
            continue
        optimizers.add(id(optimizer))
        known = keras.known_variables(optimizer)
        place = notebook.cells.call(name, "compile")
        if known is not None:
            missing = [each for each in keras.was_trainable(model) if keras.key_of(each) not in known]
            if missing:
                whose = _whose(known, [other for other in models if other[1] is not model])
                yield _finding(name, str(place), f"the optimizer of {name} was built for {whose}", keras, name)
        else:
            sharing = [other for other, one, _ in models if one is not model and _shares(model, one, keras)]
            if (sharing and keras.legacy_optimizer is None) or (sharing and isinstance(optimizer, keras.optimizer)):
                message = f"{name} and {sharing[0]} are compiled with one optimizer, which can train only one of them"
                yield _finding(name, str(place), message, keras, name)
    for name, optimizer, keras in notebook.optimizers():
        known = keras.known_variables(optimizer)
        if known and id(optimizer) not in optimizers:
            alive = {keras.key_of(each) for _, model, of in models if of == keras for each in model.variables}
            theirs = {keras.key_of(each) for each in _variables(notebook, keras)}
            if models and not known & (alive | theirs):
                message = f"{name} was built for {_whose(known, [])}, and no model here has them"
                yield _finding(name, str(notebook.cells.assigns(name)), message, keras, None)


def _shares(model: Any, other: Any, keras: Keras) -> bool:
    """Whether two models have one optimizer, and neither has all the variables of the other one."""
    if getattr(other, "optimizer", None) is not model.optimizer:
        return False
    mine = {keras.key_of(each) for each in keras.trainable_variables(model)}
    theirs = {keras.key_of(each) for each in keras.trainable_variables(other)}
    return not mine <= theirs and not theirs <= mine


def _whose(known: set[Any], models: list[tuple[str, Any, Keras]]) -> str:
    for name, model, keras in models:
        if known & {keras.key_of(each) for each in keras.trainable_variables(model)}:
            return f"the variables of {name}"
    return "a former model's variables"


def _variables(notebook: Notebook, keras: Keras) -> Iterator[Any]:
    """The variables of layers, and those that have a name themselves."""
    for value in notebook.everything.values():
        if isinstance(value, keras.layer):
            yield from getattr(value, "variables", ())
        elif hasattr(type(value), "assign") and hasattr(type(value), "trainable"):
            yield value


def _finding(name: str, where: str, message: str, keras: Keras, model: str | None) -> Finding:
    error = "ValueError: Unknown variable" if keras.is_3 else "KeyError: The optimizer cannot recognize variable"
    optimizer = f"{model}.optimizer" if model else name
    anew = f"type({optimizer}).from_config({optimizer}.get_config())"
    if model is None:
        fix = f"{name} = {anew}  # in the cell that builds the model"
    elif keras.is_3:
        fix = f"{model}.compile(optimizer={anew}, …)"
    else:
        fix = f"{model}.compile(optimizer={anew}, …), or {optimizer}.build({model}.trainable_variables) to move it over"
    return Finding(_RULE, name, where, f"{message}: training raises {error}", fix)
