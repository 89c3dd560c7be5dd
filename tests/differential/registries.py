"""What stands in the frameworks' registries, read from their own state, in words that two processes can compare."""

from __future__ import annotations

import hashlib
import re
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any

import history_frameworks as hf
from differential.harness import MADE
from tensorflow.python.keras.utils import generic_utils

Entry = tuple[Any, Any]
"""A key and what stands there."""
FRAMEWORKS = ("tensorflow", "keras", "tf_keras", "tensorflow_probability", "optree", "absl")
TRACED = re.compile(r"CustomGradient-\d+$|PyFunc|EagerPyFunc")
"""The keys that frameworks register while they trace: nobody's."""


def _of_registry(home: Any) -> Callable[[], Iterable[Entry]]:
    return lambda: [(key, value["type"]) for key, value in [*home._registry.items()]]


def _named(home: Any) -> Callable[[], Iterable[Entry]]:
    """Read one of the saved model's registries: three parallel structures."""
    return lambda: [
        (name, home._registered_map.get(name)) for name in home._registered_names if name in home._registered_predicates
    ]


def _conversions() -> Iterable[Entry]:
    table = hf.tensor_conversion_registry._tensor_conversion_func_registry
    return [((priority, type_), f) for priority, pairs in sorted(table.items()) for type_, f in pairs]


def _apis() -> Iterable[Entry]:
    table = hf.dispatch._TYPE_BASED_DISPATCH_SIGNATURES
    return [(api, target) for api, targets in [*table.items()] for target in [*targets]]


def _flags() -> Iterable[Entry]:
    modules = hf.flags.FLAGS.flags_by_module_dict()
    return [((name, flag.name), flag) for name, flags in modules.items() for flag in flags]


def _nodes() -> Iterable[Entry]:
    table = hf.optree.registry._NODETYPE_REGISTRY
    return [(key, entry.flatten_func) for key, entry in [*table.items()] if isinstance(key, tuple)]


def _fallbacks() -> Iterable[Entry]:
    apis = [hf.tf.math.abs, hf.tf.math.sign, hf.tf.add]
    return [
        (api.__name__, getattr(each, "_override_func", each)) for api in apis for each in api._tf_fallback_dispatchers
    ]


AUTOGRAPH = ("abs", "len", "print", "enumerate", "zip", "map", "filter", "any", "all", "sorted", "next")
READ: dict[str, Callable[[], Iterable[Entry]]] = {
    "keras": lambda: [*hf.keras.saving.get_custom_objects().items()],
    "tf_keras": lambda: [*hf.tf_keras.saving.get_custom_objects().items()],
    "keras_copy": lambda: [*generic_utils.get_custom_objects().items()],
    "gradient": _of_registry(hf.ops._gradient_registry),
    "statistic": _of_registry(hf.ops._stats_registry),
    "proto": _of_registry(hf.ops._proto_function_registry),
    "resolver": _of_registry(hf.auto_control_deps._acd_resource_resolvers_registry),
    "data_v2": _of_registry(hf.v2_compat._DATA_V2_CALLBACKS),
    "spec": lambda: [*hf.type_spec_registry._NAME_TO_TYPE_SPEC.items()],
    "conversion": _conversions,
    "saved_class": _named(hf.registration._class_registry),
    "saver": _named(hf.registration._saver_registry),
    "revived": lambda: [
        (key, hf.revived_types._REVIVED_TYPE_REGISTRY[key][0]) for key in hf.revived_types._TYPE_IDENTIFIERS
    ],
    "api": _apis,
    "elementwise": lambda: [*hf.dispatch._ELEMENTWISE_API_HANDLERS.items()],
    "fallback": _fallbacks,
    "global": lambda: [("", each) for each in hf.dispatch._GLOBAL_DISPATCHERS],
    "kl": lambda: [*hf.kullback_leibler._DIVERGENCES.items()],
    "pfor": lambda: [*hf.pfor._pfor_converter_registry.items()],
    **{
        f"autograph_{name}": lambda name=name: [*getattr(hf.py_builtins, f"{name}_registry")._registry.items()]
        for name in AUTOGRAPH
    },
    "session": lambda: [(each[0], each[1]) for each in hf.session._REGISTERED_EXPANSIONS],
    "codec": lambda: [("", each) for each in hf.nested_structure_coder._codecs],
    "node": _nodes,
    "flag": _flags,
}
"""How to read each registry: pairs of a key and an object, in its own order."""
ORDERED = {"conversion", "saved_class", "saver", "revived", "global", "session", "codec", "fallback"}
"""The registries whose order means something."""
BY_NAME = {"keras", "tf_keras", "keras_copy", "saved_class", "flag"}
"""The registries whose every new key is the user's, whatever the object."""


def baseline() -> dict[str, dict[Any, Entry]]:
    """Return what stands in the registries before any history, by what makes an entry the same in a forked process."""
    return {name: {_identity(entry): entry for entry in read()} for name, read in READ.items()}


def dump(before: dict[str, dict[Any, Entry]], namespace: dict[str, Any]) -> dict[str, list[list[Any]]]:
    """Describe, for each registry, what was not there before, and what is not there any more.

    A description is the key, the definition, and whether key and object are what their names say in ``namespace`` now.
    """
    found: dict[str, list[list[Any]]] = {}
    for name, read in READ.items():
        was, gone = before[name], before[name].copy()
        lines, generated = [], 0
        for key, value in read():
            which = _identity((key, value))
            if which in was or (isinstance(key, str) and TRACED.search(key)):
                gone.pop(which, None)
                continue
            if name not in BY_NAME and _is_frameworks(value):
                generated += name == "api"
                continue
            lines.append([text_of(key, namespace), digest(value), standing(value, namespace)])
        if name not in ORDERED:
            lines.sort(key=repr)
        lines += [[text_of(key, namespace), "missing", ""] for key, _ in gone.values()]
        if generated:
            lines.append([MADE, str(generated), ""])
        if lines:
            found[name] = lines
    return found


def _identity(entry: Entry) -> Any:
    key, value = entry
    if isinstance(key, tuple):
        key = tuple(each if isinstance(each, str | int) else id(each) for each in key)
    elif not isinstance(key, str):
        key = id(key)
    return key, id(value)


def _is_frameworks(value: Any) -> bool:
    home = getattr(value, "__module__", None) or type(value).__module__
    return isinstance(home, str) and home.partition(".")[0] in FRAMEWORKS


def text_of(key: Any, namespace: dict[str, Any]) -> str:
    """Describe a key: text as it is, a class or function by its name, digest and standing."""
    if isinstance(key, tuple):
        return "(" + ", ".join(text_of(each, namespace) for each in key) + ")"
    if isinstance(key, type) or callable(key):
        if _is_frameworks(key) or getattr(key, "__module__", "") == "builtins":
            return f"{key.__module__}.{getattr(key, '__qualname__', key)}"
        return f"{digest(key)} {standing(key, namespace)}".strip()
    return str(key)


def standing(value: Any, namespace: dict[str, Any]) -> str:
    """Say whether an object is what its name says where it was defined: "current", "former", "unnamed"."""
    if not isinstance(value, type | types.FunctionType):
        return ""
    home, name = value.__module__, value.__qualname__
    module = namespace if home == "__main__" else vars(sys.modules.get(home, types.ModuleType("none")))
    if name.endswith(".Spec"):
        owner = module.get(name.rpartition(".")[0])
        return "unnamed" if owner is None else "current" if getattr(owner, "Spec", None) is value else "former"
    if name in module:
        return "current" if module[name] is value else "former"
    held = any(each is value for key, each in [*namespace.items()] if not key.startswith("_"))
    return "held" if held else "unnamed"


def digest(value: Any) -> str:
    """Describe what an object is: its name, and a hash of its code and constants; two versions differ."""
    if isinstance(value, hf.flags.Flag):
        return f"flag {value.default!r} {value.help!r}"
    name = getattr(value, "__qualname__", None)
    home = getattr(value, "__module__", None)
    if name is None:
        name, home = type(value).__qualname__ + "()", type(value).__module__
    if isinstance(value, str | int | float | bool | tuple | list | dict | None):
        name, home = "", type(value).__name__
    shown = hashlib.sha256(repr(_facts(value, 4)).encode()).hexdigest()[:6]
    return f"{home}.{name}#{shown}"


_LEFT_OUT = {
    "__dict__", "__weakref__", "__doc__", "__module__", "__abstractmethods__", "_abc_impl", "__annotations__",
    "__static_attributes__", "__firstlineno__", "__annotate__", "__annotations_cache__", "__orig_bases__", "__parameters__",
}  # fmt: skip


def _facts(value: Any, depth: int) -> Any:
    """Return what makes an object the same in another process, as data whose repr says all."""
    if value is None or isinstance(value, str | int | float | bool | bytes):
        return value
    if depth == 0:
        return type(value).__qualname__
    if isinstance(value, list | tuple):
        return [_facts(each, depth - 1) for each in value]
    if isinstance(value, dict):
        return [(str(key), _facts(each, depth - 1)) for key, each in value.items()]
    if isinstance(value, types.CodeType):
        return [value.co_name, value.co_code.hex(), _facts(value.co_consts, 9), value.co_names, value.co_varnames]
    if isinstance(value, types.FunctionType):
        if _is_frameworks(value):
            return f"{value.__module__}.{value.__qualname__}"
        cells = [_facts(_content(cell), depth - 1) for cell in value.__closure__ or ()]
        return [_facts(value.__code__, 9), _facts(value.__defaults__, depth - 1), cells]
    if isinstance(value, types.MethodType | staticmethod | classmethod):
        return _facts(value.__func__, depth - 1)
    if isinstance(value, property):
        return _facts(value.fget, depth - 1)
    if isinstance(value, type):
        if _is_frameworks(value) or value.__module__ == "builtins":
            return f"{value.__module__}.{value.__qualname__}"
        own = [(key, each) for key, each in vars(value).items() if key not in _LEFT_OUT and not key.startswith("_tf")]
        if value.__qualname__.endswith(".Spec") and "value_type" in vars(value):
            own = [("value_type", value.value_type)]
        elif "Spec" in vars(value):
            own = [(key, each) for key, each in own if key != "Spec" and not _is_frameworks(each)]
        bases = [_facts(base, depth - 1) for base in value.__bases__]
        return [value.__qualname__, bases, [(key, _facts(each, depth - 1)) for key, each in own]]
    return type(value).__qualname__


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return None
