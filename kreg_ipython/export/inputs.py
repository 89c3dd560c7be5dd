"""Make random inputs for a model, by the shapes and dtypes that it knows: equal ones for two processes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from kreg_ipython.checks.keras import Keras
from kreg_ipython.export import worker
from kreg_ipython.lib.holders import attributes_of

_BATCH = 2

_SIZES = (8, 32, 128)
"""The sizes given to a dimension that the model leaves open. The first that the model takes is used."""


_WORDS = ("kreg", "the", "a", "words of a text")


class Unknown(Exception):
    """The input of a model is not known. The text says why."""


class Inputs(NamedTuple):
    """Inputs in two parts, see `worker.answers`: what is called with which form, and the arrays by their numbers."""

    calls: list[tuple[str | None, Any]]
    arrays: dict[str, Any]


@dataclass(frozen=True)
class _Input:
    """One tensor that a model takes.

    Attributes:
        shape: its shape; None is a size that the model leaves open.
        dtype: the name of its dtype.
        kind: ``array``, ``ragged`` or ``sparse``.
        most: the number of integers that what reads it takes; None if nothing says so.
    """

    shape: tuple[int | None, ...]
    dtype: str
    kind: str = "array"
    most: int | None = None


@dataclass
class _Maker:
    """Makes the arrays for one size of the dimensions that are left open."""

    size: int
    random: Any
    arrays: dict[str, Any] = field(default_factory=dict)

    def form(self, wanted: Any) -> Any:
        """Return how the inputs are nested, and make the arrays."""
        if isinstance(wanted, dict):
            return {"dict": {key: self.form(each) for key, each in wanted.items()}}
        if isinstance(wanted, (list, tuple)):
            return {"list" if isinstance(wanted, list) else "tuple": [self.form(each) for each in wanted]}
        number = str(len(self.arrays))
        self.arrays[number] = self._array(wanted)
        return {"text" if wanted.dtype == "string" else wanted.kind: number}

    def _array(self, wanted: _Input) -> Any:
        first = [_BATCH if size is None else size for size in wanted.shape[:1]]
        shape = (*first, *(self.size if size is None else size for size in wanted.shape[1:]))
        if wanted.dtype == "string":
            return self.random.choice(_WORDS, shape)
        if wanted.dtype == "bool":
            return self.random.integers(0, 2, shape).astype(bool)
        dtype = "float32" if wanted.dtype == "bfloat16" else wanted.dtype
        if wanted.most is not None:
            return self.random.integers(0, wanted.most, shape).astype(dtype)
        if "int" in dtype:
            return self.random.integers(0, 256 if dtype == "uint8" else 2, shape).astype(dtype)
        return self.random.uniform(0.0, 1.0, shape).astype(dtype)


def candidates(model: Any, keras: Keras | None) -> Iterator[Inputs]:
    """Yield inputs that the model may take, the likeliest ones first.

    Args:
        model: the model, or a `tf.Module`.
        keras: the model's Keras; None for a module.

    Raises:
        Unknown: if that is not known.
    """
    import numpy as np

    taken: Iterable[dict[str | None, Any]]
    taken = [_of_functions(model)] if keras is None else ({None: each} for each in _wanted(model, keras))
    for wanted in taken:
        for size in _SIZES if _is_open(wanted) else _SIZES[:1]:
            maker = _Maker(size, np.random.default_rng(1))
            calls = [(name, maker.form(each)) for name, each in wanted.items()]
            yield Inputs(calls, maker.arrays)


def functions_of(module: Any) -> list[str]:
    """Return the names of a module's functions of TensorFlow, of its class's and its own."""
    found = {name: value for base in reversed(type(module).__mro__) for name, value in vars(base).items()}
    found |= attributes_of(module)
    return [name for name, value in found.items() if "_python_function" in attributes_of(value)]


def _of_functions(module: Any) -> dict[str | None, Any]:
    """Return the tensors that each function of a `tf.Module` takes. One that is not traced takes nobody knows what."""
    tf: Any = sys.modules["tensorflow"]
    found: dict[str | None, Any] = {}
    for name in functions_of(module):
        specs = worker.signature(getattr(module, name))
        if specs is not None:
            flat = tf.nest.flatten(specs, expand_composites=True)
            found[name] = [_of_tensor(each) for each in flat if isinstance(each, tf.TypeSpec)]
    if not found:
        raise Unknown("none of its functions has an input_signature, or was called")
    return found


def _is_open(wanted: Any) -> bool:
    if isinstance(wanted, _Input):
        return None in wanted.shape[1:]
    return any(map(_is_open, wanted.values() if isinstance(wanted, dict) else wanted))


def _wanted(model: Any, keras: Keras) -> Iterator[dict[str, Any]]:
    """Yield what the model may take: ``args`` and ``kwargs`` of a call, with an `_Input` for each tensor."""
    known = _asked(model, "inputs")
    if known:
        nested = _asked(getattr(model, "_functional", None) or model, "input")  # a Sequential of Keras 3 wraps one
        if nested is None:
            nested = known[0] if len(known) == 1 else known
        taken = _mapped(nested, lambda tensor: _of_tensor(tensor, _read_by(tensor, keras)))
        yield {"args": [taken], "kwargs": {}}
        return
    found = _of_shapes(model) if keras.is_3 else _of_signature(model)
    if found is None:
        raise Unknown("its input shape is not known. Give it a keras.Input, or call it once")
    most = _least(list(model._flatten_layers()))
    integers = _mapped(found, lambda each: replace(each, dtype="int32", most=most))
    if most is not None:  # an Embedding takes floats, too, and cuts them
        yield _mapped(found, lambda each: replace(each, most=most)) if _has_integers(found) else integers
    yield found
    if keras.is_3:  # it knows shapes only
        yield integers
        yield _mapped(found, lambda each: replace(each, dtype="string"))


def _asked(model: Any, name: str) -> Any:
    try:
        return getattr(model, name)
    except Exception:  # a model without inputs of its own raises
        return None


def _of_shapes(model: Any) -> dict[str, Any] | None:
    """Return what a model of Keras 3 takes that was built by a call: it keeps the shapes, in order."""
    shapes = getattr(model, "_build_shapes_dict", None)
    if not shapes:
        return None
    shapes = shapes.get("shapes_dict", shapes)
    taken = {name.removesuffix("_shape"): _of_shape(shape) for name, shape in shapes.items()}
    if len(taken) == 1:
        return {"args": [*taken.values()], "kwargs": {}}
    return {"args": [], "kwargs": taken}


def _of_shape(shape: Any) -> Any:
    if isinstance(shape, Mapping):
        return {key: _of_shape(each) for key, each in shape.items()}
    if all(size is None or isinstance(size, int) for size in shape):
        return _Input((None, *shape[1:]), "float32")
    return [_of_shape(each) for each in shape]


def _of_signature(model: Any) -> dict[str, Any] | None:
    """Return what a model of Keras 2 takes that was called: it keeps the specs."""
    kept = model._get_save_spec(inputs_only=False) if hasattr(model, "_get_save_spec") else None
    if kept is None:
        return None
    args, kwargs = kept
    return {"args": _mapped(list(args), _of_tensor), "kwargs": _mapped(dict(kwargs), _of_tensor)}


def _of_tensor(tensor: Any, most: int | None = None) -> _Input:
    """Return what stands for a tensor of Keras's, or for a spec of one."""
    name = type(tensor).__name__
    kind = "ragged" if "Ragged" in name or getattr(tensor, "ragged", False) else "array"
    kind = "sparse" if "Sparse" in name or getattr(tensor, "sparse", False) else kind
    dtype = getattr(tensor.dtype, "name", str(tensor.dtype))
    if dtype == "variant" or not hasattr(tensor.shape, "__iter__"):
        raise Unknown(f"it takes a {name}")
    return _Input(tuple(tensor.shape), dtype, kind, most)


def _mapped(nested: Any, act: Callable[[Any], Any]) -> Any:
    if isinstance(nested, Mapping):
        return {key: _mapped(each, act) for key, each in nested.items()}
    if isinstance(nested, (list, tuple)):
        mapped = [_mapped(each, act) for each in nested]
        return tuple(mapped) if isinstance(nested, tuple) else mapped
    return act(nested)


def _has_integers(wanted: Any) -> bool:
    if isinstance(wanted, _Input):
        return "int" in wanted.dtype
    return any(map(_has_integers, wanted.values() if isinstance(wanted, dict) else wanted))


# -- the vocabulary of what reads an input


def _read_by(tensor: Any, keras: Keras) -> int | None:
    """Return how many integers the layers take that an input leads to, directly or through others; None: any."""
    found: list[int] = []
    seen: set[int] = set()
    todo = [_origin(tensor)]
    while todo:
        one = todo.pop()
        for reader in _readers(one):
            if id(reader) in seen:
                continue
            seen.add(id(reader))
            most = _least(_inside(reader))
            if most is not None:
                found.append(most)
            elif not getattr(reader, "weights", None):  # what has weights makes other numbers of it
                todo.append(reader)
    return min(found, default=None)


def _origin(tensor: Any) -> Any:
    history = getattr(tensor, "_keras_history", None)
    return getattr(history, "operation", None) or getattr(history, "layer", None)


def _readers(operation: Any) -> Iterator[Any]:
    for node in getattr(operation, "_outbound_nodes", None) or ():
        reader = getattr(node, "operation", None) or getattr(node, "layer", None)
        if reader is not None:
            yield reader


def _inside(operation: Any) -> list[Any]:
    flatten = getattr(operation, "_flatten_layers", None)
    return [operation] if flatten is None else list(flatten())


def _least(layers: list[Any]) -> int | None:
    """Return how many integers all of these layers take; None if none of them has such a bound."""
    bounds = [
        value
        for layer in layers
        if any(base.__name__ in ("Embedding", "CategoryEncoding") for base in type(layer).__mro__)
        for value in (getattr(layer, "input_dim", None), getattr(layer, "num_tokens", None))
        if isinstance(value, int)
    ]
    return min(bounds, default=None)
