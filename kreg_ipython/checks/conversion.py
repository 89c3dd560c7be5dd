"""`%kreg check --convert`: what a model takes along on its way to TFLite; then it is really converted, and compared."""

from __future__ import annotations

import io
import itertools
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any

from kreg_ipython.checks.keras import Keras
from kreg_ipython.checks.notebook import Found, Notebook
from kreg_ipython.lib.naming import error_text

_CLOSE = 1e-3
"""How far an answer of the converted model may be from Keras's, relative to the largest one."""

_UNKNOWN = 8
"""The size of a dimension that the model leaves open, but the first, of which one is enough."""


def conversion(notebook: Notebook) -> Iterator[Found]:
    """Only if it is asked for: several optimizers, functions of one signature, an operation that TFLite does not have,
    answers that differ."""
    for name, model, keras in notebook.models() if notebook.convert else ():
        place = str(notebook.cells.assigns(name))
        attributes = {key: value for key, value in vars(model).items() if not key.startswith("_")}
        optimizers = [key for key, value in attributes.items() if isinstance(value, keras.optimizers)]
        if len(optimizers) > 1:
            message = (
                f"{name} holds {len(optimizers)} optimizers: {', '.join(optimizers)}; each is saved with its slots"
            )
            unused = next(key for key in optimizers if key != "optimizer")
            yield Found(name, place, message, f"del {name}.{unused}")
        signatures = [(key, getattr(value, "input_signature", None)) for key, value in attributes.items()]
        for (one, signature), (two, other) in itertools.combinations(signatures, 2):
            if signature is not None and signature == other:
                message = f"{name}.{one} and {name}.{two} have one signature: the file has the weights once for each"
                yield Found(name, place, message, f"del {name}.{two}")
        problem = _problem(model, keras)
        if problem is not None:
            yield Found(name, place, f"{name} {problem[0]}", problem[1])


def _problem(model: Any, keras: Keras) -> tuple[str, str] | None:
    """What is wrong with the converted model, and what to do; None if it answers as Keras does."""
    tf: Any = sys.modules.get("tensorflow")
    if tf is None:
        return "cannot be converted: TensorFlow is not imported", "import tensorflow"
    inputs = getattr(model, "inputs", None)
    if not inputs:
        return "cannot be converted: the shape of its input is not known", "give it a keras.Input, or call it once"
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):  # a log handler would keep another stderr
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
            given = [_random(tf, each) for each in inputs]
            answers = _answers(tf, content, inputs, given)
            expected = [each.numpy() for each in tf.nest.flatten(model(given[0] if len(given) == 1 else given))]
        except Exception as error:
            fix = "leave out what TFLite does not have, or allow SELECT_TF_OPS"
            return f"cannot be converted: {error_text(error)}", fix
        finally:
            logging.disable(logging.NOTSET)
    far = _farthest(tf, expected, answers)
    if far is None or far > _CLOSE:
        much = "in shape" if far is None else f"by {far:.1e} of the largest value"
        return (
            f"answers differently as TFLite, {much}",
            "compare layer by layer: keras.Model(model.inputs, layer.output)",
        )
    return None


def _random(tf: Any, tensor: Any) -> Any:
    """An input of the tensor's shape and type."""
    shape = [1, *(_UNKNOWN if size is None else size for size in tuple(tensor.shape)[1:])]
    kind = tf.as_dtype(tensor.dtype)
    values = tf.random.Generator.from_seed(1).uniform(shape, 0.0, 2.0 if kind.is_integer else 1.0)
    return tf.cast(values, kind)


def _answers(tf: Any, content: bytes, inputs: list[Any], given: list[Any]) -> list[Any]:
    """What the converted model answers. Its inputs are called as Keras calls them, in the order of the alphabet."""
    runner = tf.lite.Interpreter(model_content=content).get_signature_runner()
    called = {str(tensor.name): value for tensor, value in zip(inputs, given)}
    values = (called[name] for name in sorted(called))
    return list(runner(**dict(zip(sorted(runner.get_input_details()), values))).values())


def _farthest(tf: Any, expected: list[Any], answers: list[Any]) -> float | None:
    """The largest difference, relative to the largest value; None if an output has no counterpart. Outputs may be in
    another order: each is compared with the closest one of its shape."""
    worst = 0.0
    for value in expected:
        same = [abs(value - other).max() for other in answers if other.shape == value.shape]
        if not same:
            return None
        worst = max(worst, float(min(same)) / max(1.0, float(abs(value).max())))
    return worst
