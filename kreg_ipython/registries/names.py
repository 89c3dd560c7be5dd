"""Say where Keras counts the names that it gives by itself: ``dense``, ``dense_1``, and who only seems to hold objects.

A counter knows a number for each prefix, and not the object that gets the name: that one is in the calling frame.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from traceback import walk_stack
from types import FrameType
from typing import Any

from kreg_ipython.registries import FRAMEWORKS, built_upon
from kreg_ipython.registries.registry import Announcement, Gate, locate

_OURS = __name__.partition(".")[0]
_KERAS = ("keras", "tf_keras")
_VENDORED = "tensorflow.python.keras.backend"
_HOMES = {  # Keras 2 in its several homes; what Keras 3 has at the second one counts no names
    "tf_keras.names": "tf_keras.src.backend",
    "keras.names": "keras.src.backend",  # 2.13 to 2.15
    "keras2.names": "keras.backend",  # until 2.12
    "tensorflow.keras_names": _VENDORED,
}


@dataclass(eq=False)
class Counter:
    """One function that numbers names, as `Gate` has it, and where it counts.

    Attributes:
        name: what it is called in a message.
        module: the module whose import creates it.
        gate: the function. Its ``announce`` returns the prefix, and what makes the function's answer of a number; None
            for a call that does not count here.
        counts: returns an object that lives as long as the counting goes on, and the dict from prefix to the number of
            names that were asked for.
    """

    name: str
    module: str
    gate: Gate
    counts: Callable[[], tuple[Any, Mapping[Hashable, int]]]


def counters() -> Iterator[Counter]:
    """Yield the functions by which Keras 3 and Keras 2, in its several homes, number names."""
    keras3 = "keras.src.utils.naming"
    yield Counter("keras.names", keras3, Gate(f"{keras3}:uniquify", _name), _of_thread)
    yield Counter("keras.names", keras3, Gate(f"{keras3}:get_uid", _number), _of_thread)
    for name, module in _HOMES.items():
        yield Counter(name, module, Gate(f"{module}:unique_object_name", _object_name), _of_default_graph(module))
        yield Counter(name, module, Gate(f"{module}:get_uid", _number), _of_kerass_graph(module))


@dataclass(eq=False)
class Joint:
    """One function that raises if two objects of a model have one name, as `Gate` has it.

    The gate's ``announce`` returns a function that lists the objects, in the order in which they keep their names.
    """

    name: str
    module: str
    gate: Gate
    what: str = "layers"

    def names(self, error: BaseException) -> str | None:
        """Return the name that two objects have, if this is what an error says."""
        found = re.search(
            r"""should have unique names\. Name (["'])(.+)\1 is|The name (["'])(.+)\3 is used""", str(error)
        )
        return (found[2] or found[4]) if found is not None else None


def joints() -> Iterator[Joint]:
    """Yield the functions by which Keras 3 and Keras 2, in its several homes, want names to be unique in a model."""
    for home in ("keras.src.models", "tf_keras.src.engine", "keras.src.engine", "keras.engine"):
        module = f"{home}.sequential"
        add = f"{module}:Sequential.add"
        yield Joint("keras.names", module, Gate(f"{add}.__wrapped__.__wrapped__|{add}", _added))
    for module, function in (
        ("keras.src.ops.function", "map_graph"),
        ("tf_keras.src.engine.functional", "_map_graph_network"),
        ("keras.src.engine.functional", "_map_graph_network"),
        ("keras.engine.functional", "_map_graph_network"),
    ):
        yield Joint("keras.names", module, Gate(f"{module}:{function}", _mapped))


@dataclass(eq=False)
class Reset:
    """One function that lets all counting begin anew, as `Gate` has it. ``announce`` returns what it is called."""

    name: str
    module: str
    gate: Gate


def resets() -> Iterator[Reset]:
    """Yield the functions by which users let Keras 3 and Keras 2, in its several homes, forget what it has counted."""
    cleared, forgotten = ("clear_session()", None), ("reset_uids()", None)
    keras3 = "keras.src.backend.common.global_state"
    yield Reset("keras.names", keras3, Gate(f"{keras3}:clear_session", lambda *args, **kwargs: cleared))
    for name, module in _HOMES.items():
        yield Reset(name, module, Gate(f"{module}:clear_session", lambda: cleared))
        yield Reset(name, module, Gate(f"{module}:reset_uids", lambda: forgotten))


def _added(model: Any, layer: Any, *args: Any, **kwargs: Any) -> Announcement:
    history = getattr(layer, "_keras_history", None)
    added = layer if history is None else history[0]
    return lambda: [*model.layers, added] if hasattr(added, "name") else [], None


def _mapped(inputs: Any, outputs: Any) -> Announcement:
    return lambda: _graph(outputs), None


def _graph(outputs: Any) -> list[Any]:
    """Return the layers and operations that lead to these tensors, those near the inputs first."""
    todo, found, seen = [outputs], dict[int, Any](), set[int]()
    while todo:
        each = todo.pop()
        if isinstance(each, (list, tuple)):
            todo += each
        elif isinstance(each, dict):
            todo += each.values()
        elif (history := getattr(each, "_keras_history", None)) is not None:
            operation, node = history[0], history[0]._inbound_nodes[history[1]]
            found[id(operation)] = found.pop(id(operation), operation)
            if id(node) not in seen:
                seen.add(id(node))
                todo.append(node.keras_inputs if hasattr(node, "keras_inputs") else node.input_tensors)
    return [*found.values()][::-1]


def rename(named: Any, name: str) -> None:
    """Give a layer, a model or an operation another name."""
    setattr(named, "_name" if hasattr(named, "_name") else "name", name)


def _name(name: str) -> Announcement:
    return name, lambda number: f"{name}_{number}" if number else name


def _number(prefix: str = "") -> Announcement:
    return prefix, lambda number: number + 1


def _object_name(
    name: str,
    name_uid_map: Any = None,
    avoid_names: Any = None,
    namespace: str = "",
    zero_based: bool = False,
    avoid_observed_names: bool = False,
) -> Announcement | None:
    if name_uid_map is not None or avoid_names is not None or avoid_observed_names:
        return None  # the caller counts for himself, or for Keras 1's layers
    if zero_based:
        return (namespace, name), lambda number: f"{name}_{number}" if number else name
    return (namespace, name), lambda number: f"{name}_{number + 1}"


def _of_thread() -> tuple[Any, Mapping[Hashable, int]]:
    get = locate("keras.src.backend.common.global_state:get_global_attribute")
    return threading.current_thread(), get("object_name_uids")


def _of_default_graph(module: str) -> Callable[[], tuple[Any, Mapping[Hashable, int]]]:
    return lambda: (
        locate("tensorflow.python.framework.ops:get_default_graph")(),
        locate(f"{module}:get_default_graph_uid_map")(),
    )


def _of_kerass_graph(module: str) -> Callable[[], tuple[Any, Mapping[Hashable, int]]]:
    def counts() -> tuple[Any, Mapping[Hashable, int]]:
        graph = locate(f"{module}:get_graph")()
        return graph, locate(f"{module}:PER_GRAPH_OBJECT_NAME_UIDS")[graph]

    return counts


def asker(frame: FrameType) -> tuple[Any, bool]:
    """Return the object that asks for a name under this frame, None if no object does; and if a framework asks."""
    counting = {*_HOMES.values(), "keras.src.utils.naming"}
    for each, _ in walk_stack(frame):
        module = str(each.f_globals.get("__name__"))
        if module not in counting and module.partition(".")[0] != _OURS:
            code = each.f_code
            has_self = code.co_argcount > 0 and code.co_varnames[0] == "self"
            return each.f_locals.get("self") if has_self else None, module.partition(".")[0] in FRAMEWORKS
    return None, False


_ONLY_SEEM = {
    "Callback": {"model", "_model"},  # so a History does, which `fit` returns
    "Model": {"_compile_config", "_compile_loss", "_compile_metrics", "compiled_loss", "compiled_metrics", "optimizer"},
    "Layer": {  # what it keeps of its attributes once more, to save or to track them, and of its methods
        *("_obj_reference_counts_dict", "_self_unconditional_checkpoint_dependencies"),
        *("_self_unconditional_dependency_names", "_tracker", "_tracked", "_call_signature", "build", "quantize"),
    },
}
"""The attributes by which no object holds what anybody would build upon, by the name of a class of Keras's.

What `compile` made is replaced by the next `compile`.
"""


def beside_the_point(kind: type) -> frozenset[str]:
    """Return the attributes of objects of a type that do not count when it is asked who holds a named object."""
    found = set(built_upon(kind))
    for base in kind.__mro__:
        if base.__name__ in _ONLY_SEEM and str(base.__module__).partition(".")[0] in _KERAS:
            found |= _ONLY_SEEM[base.__name__]
    return frozenset(found)
