"""Adapt dispatch: the functions that TensorFlow calls instead of its own, for types of the user's."""

from __future__ import annotations

import typing
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

from kreg_ipython.lib.naming import Parameter, definition_text
from kreg_ipython.registries.registry import MISSING, Announcement, Gate, Registry, locate
from kreg_ipython.registries.shapes import DictRegistry, ListRegistry, Shape, remove_last

_DISPATCH = "tensorflow.python.util.dispatch"
_UNREGISTER = Gate(
    f"{_DISPATCH}:unregister_dispatch_for", lambda dispatch_target: (None, dispatch_target), act="unregister"
)


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield ApiDispatch()
    yield ElementwiseDispatch()
    yield OpDispatchers()
    yield ListRegistry(
        "tensorflow.global_dispatchers",
        f"{_DISPATCH}:_GLOBAL_DISPATCHERS",
        [Gate(f"{_DISPATCH}:GlobalOpDispatcher.register", lambda self: (definition_text(self), self))],
    )


class ApiDispatch(Shape):
    """`tf.experimental.dispatch_for_api`: for each API a dict from target functions to their signatures.

    A key is ``(api, signature, definition)``, a value ``(api, target, signatures)``. The C++ dispatcher holds the same,
    and only the framework's own functions change it. One target may be registered for several signatures by turns.
    """

    allows_duplicates = True

    def __init__(self) -> None:
        register = Gate(f"{_DISPATCH}:dispatch_for_api", self._announce, decorator=True)
        super().__init__("tensorflow.dispatch", _DISPATCH, [register, _UNREGISTER])

    @property
    def table(self) -> Any:
        return locate(f"{_DISPATCH}:_TYPE_BASED_DISPATCH_SIGNATURES")

    @staticmethod
    def _announce(target: Any, api: Any, *signatures: Any) -> Announcement:
        annotations = {name: kind for name, kind in getattr(target, "__annotations__", {}).items() if name != "return"}
        return _dispatch_key(api, signatures or (annotations,), target), target

    def entries(self) -> Iterable[tuple[Hashable, Any]]:
        for api in _apis(self.table):
            for target, signatures in self.table[api].copy().items():
                if getattr(target, "__module__", None) != _DISPATCH:  # those of an elementwise handler
                    yield _dispatch_key(api, signatures, target), (api, target, tuple(signatures))

    def current(self, key: Hashable) -> Any:
        assert isinstance(key, tuple)
        for target, stored in reversed(self.table.get(key[0], {}).copy().items()):
            for count in range(1, len(stored) + 1):
                signatures = tuple(stored[-count:])
                if _dispatch_key(key[0], signatures, target) == key:
                    return key[0], target, signatures
        return MISSING

    def holds(self, key: Hashable, value: Any) -> bool:
        api, target, signatures = value
        stored = self.table.get(api, {}).get(target, ())
        return all(any(signature is other for other in stored) for signature in signatures)

    def remove(self, key: Hashable, value: Any) -> None:
        api, target, signatures = value
        others = [other for other in self.table[api][target] if all(other is not mine for mine in signatures)]
        _undispatch(api, target)
        if others:
            self.insert(key, (api, target, others))

    def insert(self, key: Hashable, value: Any) -> None:
        api, target, signatures = value
        locate(f"{_DISPATCH}:dispatch_for_api")(api, *signatures)(target)

    def subject(self, value: Any) -> Any:
        return value[1]


def _apis(table: dict[Any, Any]) -> Iterable[Any]:
    """Return the APIs that can be dispatched, each once: `tf.add` is there as two functions that share all else."""
    return {id(targets): api for api, targets in table.copy().items()}.values()


def _dispatch_key(api: Any, signatures: Iterable[dict[Any, Any]], target: Any) -> Hashable:
    parameters = [Parameter(name, kind) for signature in signatures for name, kind in signature.items()]
    return (api, *parameters, definition_text(target))


def _undispatch(api: Any, target: Any) -> None:
    getattr(api, locate(f"{_DISPATCH}:TYPE_BASED_DISPATCH_ATTR")).Unregister(target)
    signatures = locate(f"{_DISPATCH}:_TYPE_BASED_DISPATCH_SIGNATURES")[api].pop(target)
    _forget_checkers(kind for signature in signatures for kind in signature.values())


def _forget_checkers(kinds: Iterable[Any]) -> None:
    """Forget the checkers of these types, which would keep former classes alive: TensorFlow makes them anew."""
    checkers = locate(f"{_DISPATCH}:_is_instance_checker_cache")
    for kind in kinds:
        parts = typing.get_args(kind)
        _forget_checkers(parts)
        checkers.pop(tuple(sorted((part for part in parts if isinstance(part, type)), key=id)) if parts else kind, None)


class ElementwiseDispatch(DictRegistry):
    """`tf.experimental.dispatch_for_{unary,binary}_elementwise{,_assert}_apis`: one handler for over 100 targets.

    The targets of a binary and of an assert handler for the same types share one list, on which
    `unregister_dispatch_for` fails. So the targets are removed here, each kind by its own APIs.
    """

    _KINDS = {
        1: ("dispatch_for_unary_elementwise_apis", "_UNARY_ELEMENTWISE_APIS"),
        2: ("dispatch_for_binary_elementwise_apis", "_BINARY_ELEMENTWISE_APIS"),
        3: ("dispatch_for_binary_elementwise_assert_apis", "_BINARY_ELEMENTWISE_ASSERT_APIS"),
    }

    def __init__(self) -> None:
        announcements: list[Callable[..., Announcement]] = [
            lambda handler, x_type: ((x_type,), handler),
            lambda handler, x_type, y_type: ((x_type, y_type), handler),
            lambda handler, x_type, y_type: ((x_type, y_type, locate(f"{_DISPATCH}:_ASSERT_API_TAG")), handler),
        ]
        super().__init__(
            "tensorflow.elementwise_dispatch",
            f"{_DISPATCH}:_ELEMENTWISE_API_HANDLERS",
            [
                Gate(f"{_DISPATCH}:{decorator}", announce, decorator=True)
                for (decorator, _), announce in zip(self._KINDS.values(), announcements)
            ]
            + [_UNREGISTER],
            refuses=True,
        )

    def remove(self, key: Hashable, value: Any) -> None:
        assert isinstance(key, tuple)
        super().remove(key, value)
        lists = locate(f"{_DISPATCH}:_ELEMENTWISE_API_TARGETS")
        apis = locate(f"{_DISPATCH}:{self._KINDS[len(key)][1]}")
        targets: list[tuple[Any, Any]] = []
        others: list[tuple[Any, Any]] = []
        for api, target in lists.get(key[:2], ()):
            (targets if api in apis else others).append((api, target))
        lists.pop(key[:2], None)
        if others:
            lists[key[:2]] = others
        for api, target in targets:
            _undispatch(api, target)

    def insert(self, key: Hashable, value: Any) -> None:
        assert isinstance(key, tuple)
        locate(f"{_DISPATCH}:{self._KINDS[len(key)][0]}")(*key[:2])(value)


class OpDispatchers(Shape):
    """`OpDispatcher.register(op)` and `dispatch_for_types`: a list on each op. A value is ``(op, dispatcher)``."""

    allows_duplicates = True
    ordered = True

    def __init__(self) -> None:
        super().__init__(
            "tensorflow.op_dispatchers",
            _DISPATCH,
            [Gate(f"{_DISPATCH}:OpDispatcher.register", lambda self, op: (_op_key(op, self), _override(self)))],
        )

    @property
    def table(self) -> Any:
        return locate(f"{_DISPATCH}:_TYPE_BASED_DISPATCH_SIGNATURES")  # whose keys are the ops

    def entries(self) -> Iterable[tuple[Hashable, Any]]:
        for op in _apis(self.table):
            for dispatcher in list(_dispatchers(op)):
                yield _op_key(op, dispatcher), (op, dispatcher)

    def current(self, key: Hashable) -> Any:
        op = key[0] if isinstance(key, tuple) else None
        for dispatcher in reversed(_dispatchers(op)):
            if _op_key(op, dispatcher) == key:
                return op, dispatcher
        return MISSING

    def holds(self, key: Hashable, value: Any) -> bool:
        op, dispatcher = value
        return any(dispatcher is other for other in reversed(_dispatchers(op)))

    def remove(self, key: Hashable, value: Any) -> None:
        op, dispatcher = value
        remove_last(_dispatchers(op), dispatcher)

    def insert(self, key: Hashable, value: Any) -> None:
        op, dispatcher = value
        _dispatchers(op).append(dispatcher)

    def subject(self, value: Any) -> Any:
        return _override(value[1])


def _dispatchers(op: Any) -> list[Any]:
    found: list[Any] = getattr(op, locate(f"{_DISPATCH}:FALLBACK_DISPATCH_ATTR"), [])
    return found


def _override(dispatcher: Any) -> Any:
    """Return the user's function in what `dispatch_for_types` makes of it, or the user's own dispatcher."""
    return getattr(dispatcher, "_override_func", dispatcher)


def _op_key(op: Any, dispatcher: Any) -> Hashable:
    return op, *getattr(dispatcher, "_types", ()), definition_text(_override(dispatcher))
