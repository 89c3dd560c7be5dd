"""Custom objects: of Keras 3, of Keras 2 in its several homes, and of the copy inside TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kreg_ipython.registry import Announcement, DictRegistry, Gate, Registry

_HOMES = {
    "keras.custom_objects": "keras.src.saving.object_registration",  # Keras 3, and Keras 2.13 to 2.15
    "keras2.custom_objects": "keras.saving.object_registration",  # Keras 2.11 and 2.12
    "keras2.legacy_custom_objects": "keras.utils.generic_utils",  # Keras up to 2.10
    "tf_keras.custom_objects": "tf_keras.src.saving.object_registration",
    "tensorflow.keras_custom_objects": "tensorflow.python.keras.utils.generic_utils",
}


def registries() -> Iterator[Registry]:
    for name, module in _HOMES.items():
        yield DictRegistry(
            name,
            f"{module}:GLOBAL_CUSTOM_OBJECTS|{module}:_GLOBAL_CUSTOM_OBJECTS",
            [Gate(f"{module}:register_keras_serializable", _announce, decorator=True)],
            reverse=f"{module}:GLOBAL_CUSTOM_NAMES|{module}:_GLOBAL_CUSTOM_NAMES",
            handout=Gate(f"{module}:get_custom_objects", lambda: (None, None)),
        )


def _announce(subject: Any, package: str = "Custom", name: str | None = None) -> Announcement:
    return f"{package}>{subject.__name__ if name is None else name}", subject
