"""Adapt conversion to tensors, and of what is given to a session."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Any

from kreg_ipython.lib.naming import definition_text
from kreg_ipython.registries.registry import MISSING, Announcement, Gate, Registry, locate
from kreg_ipython.registries.shapes import ListRegistry, Shape, remove_last

_SESSION = "tensorflow.python.client.session"


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield TensorConversions()
    yield ListRegistry(
        "tensorflow.session_conversions",
        f"{_SESSION}:_REGISTERED_EXPANSIONS",
        [
            Gate(
                f"{_SESSION}:register_session_run_conversion_functions",
                lambda tensor_type, *args, **kwargs: (definition_text(tensor_type), tensor_type),
            )
        ],
        subject=lambda expansion: expansion[0],
        at=0,
    )


class TensorConversions(Shape):
    """`tf.register_tensor_conversion_function`: pairs by priority, of which the first that fits wins.

    A value is ``(priority, (base type, function))``.
    """

    allows_duplicates = True
    ordered = True

    def __init__(self) -> None:
        self._home = "tensorflow.python.framework.tensor_conversion_registry:"
        module = self._home.rstrip(":")
        super().__init__(
            "tensorflow.tensor_conversions",
            module,
            # The internal variant's name differs between versions; the public one is what users call.
            [Gate(self._home + "register_tensor_conversion_function", self._announce)],
        )

    @property
    def table(self) -> Any:
        return locate(self._home + "_tensor_conversion_func_registry")

    @staticmethod
    def _announce(base_type: Any, conversion_func: Any, priority: int = 100) -> Announcement:
        return _conversion_key(priority, base_type, conversion_func), conversion_func

    def entries(self) -> Iterable[tuple[Hashable, Any]]:
        for priority, pairs in sorted(dict(self.table).items()):
            for pair in list(pairs):
                yield _conversion_key(priority, *pair), (priority, pair)

    def current(self, key: Hashable) -> Any:
        priority = key[0] if isinstance(key, tuple) else None
        newest_first = reversed(self.table.get(priority, ()))
        return next(((priority, pair) for pair in newest_first if _conversion_key(priority, *pair) == key), MISSING)

    def holds(self, key: Hashable, value: Any) -> bool:
        priority, pair = value
        return any(pair is other for other in reversed(self.table.get(priority, ())))

    def remove(self, key: Hashable, value: Any) -> None:
        priority, pair = value
        with locate(self._home + "_tensor_conversion_func_lock"):
            pairs = self.table[priority]
            remove_last(pairs, pair)
            if not pairs:
                del self.table[priority]
            locate(self._home + "_tensor_conversion_func_cache").clear()

    def insert(self, key: Hashable, value: Any) -> None:
        priority, pair = value
        with locate(self._home + "_tensor_conversion_func_lock"):
            self.table[priority].append(pair)
            locate(self._home + "_tensor_conversion_func_cache").clear()

    def subject(self, value: Any) -> Any:
        return value[1][1]


def _conversion_key(priority: Any, base_type: Any, function: Any) -> Hashable:
    return priority, base_type, definition_text(function)
