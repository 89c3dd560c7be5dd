"""Look at what a model takes along to TFLite, then convert it and compare its outputs: ``%kreg check --convert``."""

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
from kreg_ipython.checks.notebook import Found, Harm, Notebook
from kreg_ipython.lib.naming import error_text

_CLOSE = 1e-3
"""The largest difference from Keras's output that is not reported, relative to the largest value."""

_UNKNOWN = 8
"""The size given to a dimension that the model leaves open. The first one, the batch, is 1."""


def conversion(notebook: Notebook) -> Iterator[Found]:
    """Look for what makes a model's conversion larger, fail, or differ. Only ``--convert`` asks for it.

    It reports several optimizers, functions of one signature, operations that TFLite does not have, and outputs that
    differ.
    """
    for name, model, keras in notebook.models() if notebook.convert else ():
        place = str(notebook.cells.assigns(name))
        attributes = {key: value for key, value in vars(model).items() if not key.startswith("_")}
        optimizers = [key for key, value in attributes.items() if isinstance(value, keras.optimizers)]
        if len(optimizers) > 1:
            message = (
                f"{name} holds {len(optimizers)} optimizers ({', '.join(optimizers)}), and each is saved with its slots"
            )
            unused = next(key for key in optimizers if key != "optimizer")
            yield Found(name, place, message, f"del {name}.{unused}", Harm.UNTIDY)
        signatures = [(key, getattr(value, "input_signature", None)) for key, value in attributes.items()]
        for (one, signature), (two, other) in itertools.combinations(signatures, 2):
            if signature is not None and signature == other:
                message = f"{name}.{one} and {name}.{two} have the same signature: the file holds the weights twice"
                yield Found(name, place, message, f"del {name}.{two}", Harm.UNTIDY)
        problem = _problem(model, keras)
        if problem is not None:
            harm = Harm.RAISES if "cannot be" in problem[0] else Harm.SILENT
            yield Found(name, place, f"{name} {problem[0]}", problem[1], harm)


def _problem(model: Any, keras: Keras) -> tuple[str, str] | None:
    """Return what is wrong with the converted model and what to do; None if its outputs are Keras's."""
    if keras.backend != "tensorflow":
        fix = "run the notebook in a kernel with KERAS_BACKEND=tensorflow"
        return f"cannot be converted: TFLite takes TensorFlow's models, and this one is built on {keras.backend}", fix
    tf: Any = sys.modules["tensorflow"]
    inputs = getattr(model, "inputs", None)
    if not inputs:
        return "cannot be converted: its input shape is unknown", "give it a keras.Input, or call it once"
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):  # a log handler would keep another stderr
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
            given = [_random(tf, each) for each in inputs]
            answers = _answers(tf, content, inputs, given)
            expected = [each.numpy() for each in tf.nest.flatten(model(given[0] if len(given) == 1 else given))]
        except Exception as error:
            fix = "leave out the operations that TFLite does not have, or allow SELECT_TF_OPS"
            return f"cannot be converted: {error_text(error)}", fix
        finally:
            logging.disable(logging.NOTSET)
    far = _farthest(tf, expected, answers)
    if far is None or far > _CLOSE:
        much = "in shape" if far is None else f"by {far:.1e} of the largest value"
        return (
            f"gives other outputs as TFLite: they differ {much}",
            "compare layer by layer: keras.Model(model.inputs, layer.output)",
        )
    return None


def _random(tf: Any, tensor: Any) -> Any:
    """Return a random input of the tensor's shape and type."""
    shape = [1, *(_UNKNOWN if size is None else size for size in tuple(tensor.shape)[1:])]
    kind = tf.as_dtype(tensor.dtype)
    values = tf.random.Generator.from_seed(1).uniform(shape, 0.0, 2.0 if kind.is_integer else 1.0)
    return tf.cast(values, kind)


def _answers(tf: Any, content: bytes, inputs: list[Any], given: list[Any]) -> list[Any]:
    """Return the outputs of the converted model.

    Its inputs are matched with Keras's by the alphabetical order of their names.
    """
    runner = tf.lite.Interpreter(model_content=content).get_signature_runner()
    called = {str(tensor.name): value for tensor, value in zip(inputs, given)}
    values = (called[name] for name in sorted(called))
    return list(runner(**dict(zip(sorted(runner.get_input_details()), values))).values())


def _farthest(tf: Any, expected: list[Any], answers: list[Any]) -> float | None:
    """Return the largest difference, relative to the largest value; None if an output has no counterpart.

    The outputs may have another order, so each is compared with the closest one of its shape.
    """
    worst = 0.0
    for value in expected:
        same = [abs(value - other).max() for other in answers if other.shape == value.shape]
        if not same:
            return None
        worst = max(worst, float(min(same)) / max(1.0, float(abs(value).max())))
    return worst
