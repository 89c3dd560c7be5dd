"""Find metrics that are given twice: they duplicate a column of the history, or make ``fit`` raise."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
from collections.abc import Iterator
from typing import Any

from kreg_ipython.checks.cells import Place
from kreg_ipython.checks.keras import Keras, is_frameworks
from kreg_ipython.checks.notebook import Found, Harm, Notebook

_ACCURACY = ("accuracy", "acc")


def duplicate_metric(notebook: Notebook) -> Iterator[Found]:
    """Look for duplicate metrics in each compiled model.

    In ``compile(metrics=…)`` these are one object twice, two equal objects, a string and its instance, and two metrics
    of one name. A metric in ``compile`` may also have the name of one in the model itself.
    """
    for name, model, keras in notebook.models():
        place = notebook.cells.call(name, "compile")
        for metrics in _of_outputs(keras.compiled_metrics(model)):
            pairs = itertools.combinations(enumerate(metrics), 2)
            again = sorted({at for (_, one), (at, two) in pairs if _same(one, two, model, keras)})
            if again:
                called = ", ".join(repr(_called(metrics[at])) for at in again)
                harm = Harm.RAISES if _raises(metrics, keras) else Harm.UNTIDY
                hurts = "fit raises ValueError" if harm is Harm.RAISES else "the history has the same column twice"
                message = f"{name}.compile gets {called} twice: {hurts}"
                yield Found(name, str(place), message, _without(again, metrics, place), harm)
            compiled = {_called(metric) for metric in metrics}
            for metric in keras.attached_metrics(model):
                if metric.name in compiled and not any(metric is other for other in metrics):
                    message = (
                        f"{name} has its own metric {metric.name!r}, and {name}.compile gets another one of that name: "
                        "the history has one column for both, and evaluate returns more values than names"
                    )
                    fix = f"{keras.name}.metrics.{type(metric).__name__}(name='compiled_{metric.name}')  # in compile"
                    yield Found(name, str(place), message, fix, Harm.UNTIDY)


def _raises(metrics: list[Any], keras: Keras) -> bool:
    """Return whether Keras refuses the metrics: Keras 2 does if two are one object or have one name."""
    names = [_called(metric) for metric in metrics]
    return not keras.is_3 and len(set(names)) < len(names)


def _of_outputs(metrics: Any) -> list[list[Any]]:
    """Return the metrics of each output."""
    if metrics is None:
        return []
    if isinstance(metrics, dict):
        return [each for value in metrics.values() for each in _of_outputs(value)]
    if not isinstance(metrics, (list, tuple)):
        return [[metrics]]
    if any(isinstance(each, (list, tuple, dict)) for each in metrics):
        return [each for value in metrics for each in _of_outputs(value)]
    return [[metric for metric in metrics if metric is not None]]


def _same(one: Any, two: Any, model: Any, keras: Keras) -> bool:
    if isinstance(one, str) and isinstance(two, str):
        return one == two or {one, two} == {*_ACCURACY}
    if one is two:
        return True
    if isinstance(one, keras.metric) and isinstance(two, keras.metric):
        told = "get_config" in vars(type(one)) or is_frameworks(type(one))
        return told and type(one) is type(two) and _given_name(one) == _given_name(two) and _config(one) == _config(two)
    instances = [metric for metric in (one, two) if isinstance(metric, keras.metric)]
    words = [metric for metric in (one, two) if isinstance(metric, str)]
    if not instances or not words:
        return False
    return words[0] == instances[0].name or _stands_for(words[0], instances[0], model, keras)


def _stands_for(word: str, metric: Any, model: Any, keras: Keras) -> bool:
    """Return whether the string means a metric of this kind with these arguments."""
    if word in _ACCURACY:
        meant = _accuracy(model, keras)
    else:
        meant = keras.meaning(word, "metrics")
    if isinstance(meant, type):
        return type(metric) is meant and _config(metric) in ({}, _defaults(meant))
    return meant is not None and getattr(metric, "_fn", None) is meant


def _accuracy(model: Any, keras: Keras) -> Any:
    """Return the metric class that ``"accuracy"`` stands for, as far as the output and the loss tell."""
    shape, loss = getattr(model, "output_shape", None), getattr(model, "loss", None)
    loss = loss if isinstance(loss, str) else str(getattr(loss, "name", ""))
    if isinstance(shape, tuple) and shape and shape[-1] == 1:
        return keras.module.metrics.BinaryAccuracy
    if loss.startswith("sparse_categorical"):
        return keras.module.metrics.SparseCategoricalAccuracy
    return keras.module.metrics.CategoricalAccuracy if loss.startswith("categorical") else None


def _config(metric: Any) -> dict[str, Any]:
    try:
        return {key: value for key, value in metric.get_config().items() if key not in ("name", "dtype")}
    except Exception:  # a get_config of the user's
        return {"itself": metric}


def _defaults(kind: type) -> dict[str, Any]:
    """Return the constructor's default arguments, by the names that get_config uses."""
    parameters = inspect.signature(kind).parameters.values()
    return {each.name: each.default for each in parameters if each.name not in ("name", "dtype")}


def _given_name(metric: Any) -> str:
    """Return the metric's name, without the number if Keras made it from the name of the class."""
    kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])", "_", type(metric).__name__).lower()
    return kind if re.fullmatch(rf"{kind}(_\d+)?", str(metric.name)) else str(metric.name)


def _called(metric: Any) -> str:
    if isinstance(metric, str):
        return metric
    return str(getattr(metric, "name", None) or getattr(metric, "__name__", None) or type(metric).__name__)


def _without(again: list[int], metrics: list[Any], place: Place) -> str:
    """Return the text of the compile call without the duplicates, if its metrics are a list that can be read."""
    call = place.node
    given = [word.value for word in call.keywords if word.arg == "metrics"] if isinstance(call, ast.Call) else []
    if not isinstance(call, ast.Call) or not given or not isinstance(given[0], ast.List):
        return "compile(metrics=[…]) with each metric once"
    if len(given[0].elts) != len(metrics):
        return "compile(metrics=[…]) with each metric once"
    once = ast.List([element for at, element in enumerate(given[0].elts) if at not in again], ast.Load())
    words = [ast.keyword(word.arg, once if word.arg == "metrics" else word.value) for word in call.keywords]
    return ast.unparse(ast.Call(call.func, call.args, words))
