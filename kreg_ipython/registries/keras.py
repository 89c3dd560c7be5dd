"""Adapt the custom objects of Keras 3, of Keras 2 in its several homes, and of the copy inside TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from kreg_ipython.registries.registry import Absence, Announcement, Gate, Registry
from kreg_ipython.registries.shapes import DictRegistry

_HOMES = {
    "keras.custom_objects": "keras.src.saving.object_registration",  # Keras 3, and Keras 2.13 to 2.15
    "keras2.custom_objects": "keras.saving.object_registration",  # Keras 2.11 and 2.12
    "keras2.legacy_custom_objects": "keras.utils.generic_utils",  # Keras up to 2.10
    "tf_keras.custom_objects": "tf_keras.src.saving.object_registration",
    "tensorflow.keras_custom_objects": "tensorflow.python.keras.utils.generic_utils",
}


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    for name, module in _HOMES.items():
        yield DictRegistry(
            name,
            f"{module}:GLOBAL_CUSTOM_OBJECTS|{module}:_GLOBAL_CUSTOM_OBJECTS",
            [
                Gate(f"{module}:register_keras_serializable", _announce, decorator=True),
                Gate(f"{module}:get_custom_objects", act="access"),
                *_lookups(module.partition(".")[0]),
            ],
            reverse=f"{module}:GLOBAL_CUSTOM_NAMES|{module}:_GLOBAL_CUSTOM_NAMES",
            refuses=name.startswith(("keras2.", "tensorflow.")),
        )


def _lookups(package: str) -> Iterator[Gate]:
    """Yield the functions that look a key up, in all places where Keras has them.

    They raise "Could not locate class", "Cannot deserialize object" and "Unknown layer".
    """
    new = ("src.saving.serialization_lib", "saving.serialization_lib")
    old = (
        "src.legacy.saving.serialization",
        "src.saving.legacy.serialization",
        "saving.legacy.serialization",
        "python.keras.utils.generic_utils",
    )
    yield Gate(
        _in(package, new, "_retrieve_class_or_fn"),
        lambda name, registered_name, *args, **kwargs: (registered_name or name, None),
        act="look up",
        lacks=_lacks,
        explain=_explain,
    )
    yield Gate(
        _in(package, new, "deserialize_keras_object"),
        _asked_by,
        act="look up",
        lacks=_lacks,
        explain=_explain,
    )
    yield Gate(
        _in(package, old, "class_and_config_for_serialized_keras_object"),
        _asked_by,
        act="look up",
        lacks=_lacks,
        explain=_explain,
    )


def _lacks(error: BaseException, key: str) -> bool:
    """Return whether an error says that this key cannot be found, and not one that it is a part of."""
    told = "Could not locate (class|function)|Cannot deserialize object of type|Unknown [a-z ]+:"
    name = re.escape(key.rpartition(">")[2])
    return re.match(rf"\W*({told})\W*([^\s>]+>)?{name}\b", str(error)) is not None


def _explain(absence: Absence) -> str:
    """Return the note on a key that was never registered, with the line of code that mends it."""
    key, family = absence.key, _family(absence.registry)
    package = key.rpartition(">")[0]
    register = f"@{family}.utils.register_keras_serializable({f'package={package!r}' if package else ''})"
    near = _nearest(key, absence.keys)
    if absence.elsewhere is not None:
        other = _family(absence.elsewhere)
        return (
            f"{key!r} is registered with {other}, but {family} looks it up: register one that is built on {family} "
            f"with {register}, or load with {other}"
        )
    if near is not None:
        return (
            f"{key!r} was never registered in this kernel, but {near!r} is. If that is it: "
            f"custom_objects={{{key!r}: {family}.utils.get_custom_objects()[{near!r}]}}"
        )
    if absence.definer is not None:
        return (
            f"{absence.name} is defined by {absence.definer}, but not registered: put {register} before it, or load "
            f"with custom_objects={{{key!r}: {absence.name}}}"
        )
    if absence.file is not None:
        return (
            f"{key!r} was never registered in this kernel. A cell of {absence.file} defines {absence.name}: run it, or "
            "write it to a module there with %kreg export, and import that"
        )
    return (
        f"{key!r} was never registered in this kernel: run the cell or import the module that defines {absence.name} "
        f"(%kreg export makes one of another notebook's cells), or load with custom_objects={{{key!r}: …}}"
    )


def _family(registry: str) -> str:
    """Return the name by which users import the Keras of a registry."""
    return registry.partition(".")[0].removesuffix("2")


def _nearest(key: str, keys: list[str]) -> str | None:
    """Return the key that was probably meant: the name in another package, in other letters, or spelt otherwise."""
    names = {each.rpartition(">")[2].lower(): each for each in keys}
    name = key.rpartition(">")[2].lower()
    if name in names:
        return names[name]
    import difflib

    close = difflib.get_close_matches(key, keys, 1, 0.9)
    return close[0] if close else None


def _asked_by(config: Any, *args: Any, **kwargs: Any) -> Announcement | None:
    """Announce the key of the object that a config describes; what Keras takes besides names no object."""
    if not isinstance(config, dict) or "class_name" not in config:
        return None
    kind = config["class_name"]
    return (config.get("config") if kind == "function" else config.get("registered_name") or kind), None


def _in(package: str, homes: Iterable[str], function: str) -> str:
    return "|".join(f"{package}.{home}:{function}" for home in homes)


def _announce(subject: Any, package: str = "Custom", name: str | None = None) -> Announcement:
    return f"{package}>{subject.__name__ if name is None else name}", subject
