"""Load models in a fresh process, and compare what they answer with what is expected.

The process executes this file by its path, see fresh.py, and imports nothing of kreg. What makes and compares answers
is used on both sides.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import os
import queue
import re
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

_TOLERANCES = {
    "float64": 1e-6,
    "complex128": 1e-6,
    "float32": 1e-4,
    "complex64": 1e-4,
    "float16": 2e-2,
    "bfloat16": 5e-2,
}
"""The largest difference that is none, relative to the largest value. What is no float here must be equal."""


class Answer(NamedTuple):
    """One array of what a model answered, and the name of its dtype: a file of NumPy's has not all dtypes."""

    array: Any
    dtype: str


class Difference(NamedTuple):
    """The difference of two answers: the largest difference relative to the largest value, and why they are not equal.

    ``much`` is None if there is no such number; ``why`` is empty if the answers are equal.
    """

    much: float | None
    why: str


# -- answers


def answers(
    model: Any, calls: Iterable[tuple[str | None, Any]], arrays: Mapping[str, Any], *, gradients: bool = False
) -> list[Answer]:
    """Call a model as for a prediction, or each of a `tf.Module`'s functions; return what it answers, array by array.

    Args:
        model: the model.
        calls: the name of each function that is called, and the form of its inputs, see `tensors`: ``args`` and
            ``kwargs`` of a model that is called itself, without a name, or else all tensors of a function's signature.
        arrays: the arrays that the inputs are made of, by their numbers.
        gradients: whether to return the gradients by each input of floats, too; with TensorFlow only.
    """
    found: list[Answer] = []
    for name, form in calls:
        nested = tensors(form, arrays)
        if name is None:
            call, args, kwargs = functools.partial(model, training=False), nested["args"], nested["kwargs"]
        else:
            call = getattr(model, name)
            args, kwargs = _filled(signature(call), iter(nested))
        found += _answers(call, args, kwargs, gradients=gradients)
    return found


def signature(function: Any) -> Any:
    """Return what a `tf.function` takes, as specs, of a live module or of a loaded one; None if nobody knows."""
    loaded = getattr(function, "concrete_functions", None)
    if loaded:
        return loaded[0].structured_input_signature
    if function.input_signature is not None:
        return function.get_concrete_function().structured_input_signature
    traced = function._list_all_concrete_functions()
    return traced[0].structured_input_signature if traced else None


def _filled(specs: Any, given: Iterator[Any]) -> Any:
    """Return the arguments of a function: tensors for its specs, and the values that it was traced with as they are."""
    tf: Any = sys.modules["tensorflow"]
    flat = tf.nest.flatten(specs, expand_composites=True)
    tensors = [next(given) if isinstance(each, tf.TypeSpec) else each for each in flat]
    return tf.nest.pack_sequence_as(specs, tensors, expand_composites=True)


def _answers(call: Any, args: Any, kwargs: Any, *, gradients: bool) -> list[Answer]:
    if not gradients:
        return list(map(_answer, leaves(call(*args, **kwargs))))
    tf: Any = sys.modules["tensorflow"]
    floats = [each for each in leaves([args, kwargs]) if tf.is_tensor(each) and each.dtype.is_floating]
    with tf.GradientTape() as tape:
        for each in floats:
            tape.watch(each)
        given = list(leaves(call(*args, **kwargs)))
        total = sum(tf.reduce_sum(tf.cast(each, tf.float32)) for each in given if each.dtype.is_floating)
    slopes = tape.gradient(total, floats) if floats else []
    return list(map(_answer, [*given, *(each for each in leaves(slopes) if each is not None)]))


def leaves(value: Any) -> Iterator[Any]:
    """Yield the tensors in nested tuples, lists and dicts, and the parts of those that are made of several."""
    if value is None:
        return
    if isinstance(value, Mapping):
        for key in sorted(value, key=str):
            yield from leaves(value[key])
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from leaves(each)
    else:
        tf: Any = sys.modules.get("tensorflow")
        yield from tf.nest.flatten(value, expand_composites=True) if tf is not None else [value]


def _answer(value: Any) -> Answer:
    import numpy as np

    if hasattr(value, "detach"):  # torch's
        value = value.detach().cpu()
        dtype = str(value.dtype).rpartition(".")[2]
        value = value.float() if dtype == "bfloat16" else value
        return Answer(np.asarray(value), dtype)
    array = np.asarray(value)
    if array.dtype == object:
        return Answer(array.astype(bytes), "string")
    if array.dtype.kind == "V":  # bfloat16 and its like
        return Answer(array.astype("float32"), str(array.dtype))
    return Answer(array, str(array.dtype))


def difference(expected: Sequence[Answer], given: Sequence[Answer]) -> Difference:
    """Return how far two answers differ."""
    shapes, others = [each.array.shape for each in expected], [each.array.shape for each in given]
    if shapes != others:
        return Difference(None, f"shapes {_listed(others)} instead of {_listed(shapes)}")
    kinds = [(one.dtype, other.dtype) for one, other in zip(expected, given) if one.dtype != other.dtype]
    if kinds:
        return Difference(None, f"{kinds[0][1]} instead of {kinds[0][0]}")
    found = [_apart(one, other) for one, other in zip(expected, given)]
    if None in found:
        return Difference(None, "other values")
    worst = max((each for each in found if each is not None), default=0.0)
    far = any((much or 0.0) > _TOLERANCES.get(one.dtype, 0.0) for much, one in zip(found, expected))
    return Difference(worst, f"by {worst:.1e} of the largest value" if far else "")


def _apart(one: Answer, other: Answer) -> float | None:
    """Return the largest difference relative to the largest value; None if it is no number."""
    import numpy as np

    if one.array.dtype.kind not in "fciub":
        return 0.0 if np.array_equal(one.array, other.array) else None
    wide = "complex128" if one.array.dtype.kind == "c" else "float64"
    first, second = one.array.astype(wide), other.array.astype(wide)
    same = (first == second) | (np.isnan(first) & np.isnan(second))  # an infinity is equal to itself
    first, second = first[~same], second[~same]
    if not first.size:
        return 0.0
    much = float(np.abs(first - second).max())
    largest = max(float(np.nanmax(np.abs(each.array.astype(wide)))) for each in (one, other))
    return much / largest if np.isfinite(much) and np.isfinite(largest) else None


def _listed(shapes: Iterable[tuple[int, ...]]) -> str:
    return ", ".join(map(str, shapes)) or "none"


# -- files


def write_answers(path: str, given: Sequence[Answer]) -> None:
    """Write answers to a file."""
    import numpy as np

    dtypes = np.array(json.dumps([each.dtype for each in given]))
    np.savez(path, dtypes=dtypes, **{str(at): each.array for at, each in enumerate(given)})


def read_answers(path: str) -> list[Answer]:
    """Return what `write_answers` wrote."""
    import numpy as np

    with np.load(path) as held:
        return [Answer(held[str(at)], dtype) for at, dtype in enumerate(json.loads(str(held["dtypes"])))]


def tensors(form: Any, arrays: Mapping[str, Any]) -> Any:
    """Return inputs, made of arrays: ``{"array": "0"}``, ``{"list": […]}``, ``{"dict": {…}}`` and so on.

    Args:
        form: how the arrays are nested, in JSON's types.
        arrays: the arrays by their numbers.
    """
    [(kind, value)] = form.items()
    if kind == "dict":
        return {key: tensors(each, arrays) for key, each in value.items()}
    if kind in ("list", "tuple"):
        nested = [tensors(each, arrays) for each in value]
        return nested if kind == "list" else tuple(nested)
    tf: Any = sys.modules.get("tensorflow")
    array = arrays[value]
    if kind == "text":
        return tf.constant(array.tolist()) if tf is not None else array
    if kind == "ragged":
        return tf.RaggedTensor.from_tensor(array)
    if kind == "sparse":
        return tf.sparse.from_dense(array)
    return tf.convert_to_tensor(array) if tf is not None and _computes_with_tensorflow() else array


def _computes_with_tensorflow() -> bool:
    keras: Any = sys.modules.get("keras")
    return keras is None or not hasattr(keras, "config") or keras.config.backend() == "tensorflow"


# -- the process


def error_line(error: BaseException) -> str:
    """Return an error in one line: the cause, which Keras tells after what was called, or after a config."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    text = text.rpartition("Exception encountered: ")[2].strip() or text
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()] or [""]
    line = lines[1] if lines[0].startswith("Exception encountered when calling") and len(lines) > 1 else lines[0]
    return f"{type(error).__name__}: {line[:1_000]}" if line else type(error).__name__


class _Parent:
    """The messages between the process and its parent: one line of JSON each.

    The user's code prints elsewhere, and reads nothing. If the parent is gone, this process ends.
    """

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        self._in = os.fdopen(os.dup(0), "r", encoding="utf-8")
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        self.requests: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self._in:
            self.requests.put(json.loads(line))
        os._exit(0)

    def say(self, **said: Any) -> None:
        self._out.write(json.dumps(said) + "\n")
        self._out.flush()


def _execute(path: str, name: str) -> None:
    """Execute the module's text: as ``__main__``, where a notebook's definitions are, or under its own name."""
    if name == "__main__":
        main = sys.modules["__main__"]
        main.__file__ = path  # the text of a class is looked for there
        with open(path, encoding="utf-8") as file:
            exec(compile(file.read(), path, "exec"), vars(main))
        return
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def _describe(request: dict[str, Any], name: str, parent: _Parent) -> None:
    """Tell what the names of the module are here."""
    try:
        spec = importlib.util.spec_from_file_location("kreg_facts", request["facts"])
        assert spec is not None and spec.loader is not None
        facts: Any = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(facts)
        roots = facts.found(vars(sys.modules[name]), request["names"])
        parent.say(table=facts.table(roots, request["homes"], request["unseen"]))
    except BaseException as error:
        parent.say(failed=error_line(error))


def _verify(request: dict[str, Any], parent: _Parent) -> None:
    began = time.monotonic()
    try:
        home = importlib.import_module(request["home"])
        parent.say(doing="loads")
        path = request["model"]
        model = home.models.load_model(path) if hasattr(home, "models") else home.saved_model.load(path)
        parent.say(doing="calls")
        found = None
        if request["inputs"] is not None:
            given = answers(model, request["calls"], _arrays(request["inputs"]), gradients=request["gradients"])
            if request["expected"] is not None:
                found = difference(read_answers(request["expected"]), given)
    except BaseException as error:
        parent.say(failed=error_line(error), seconds=time.monotonic() - began)
    else:
        parent.say(difference=found, seconds=time.monotonic() - began)


def _arrays(path: str) -> dict[str, Any]:
    import numpy as np

    with np.load(path) as held:
        return dict(held)


def main() -> None:
    """Execute the module that the parent names, then load and compare one model after the other."""
    parent = _Parent()
    job = parent.requests.get()
    sys.path[:] = job["path"]
    try:
        for each in job["imports"]:
            parent.say(doing=f"imports {each}")
            importlib.import_module(each)
    except BaseException as error:
        parent.say(failed=f"{each} cannot be imported: {error_line(error)}")
        return
    try:
        parent.say(doing="executes the definitions")
        _execute(job["module"], job["name"])
    except BaseException as error:
        parent.say(failed=f"the definitions cannot be executed: {error_line(error)}")
        return
    parent.say(ready=True)
    while True:
        request = parent.requests.get()
        if "names" in request:
            _describe(request, job["name"], parent)
        else:
            _verify(request, parent)
