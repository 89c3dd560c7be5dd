"""Adapt TensorFlow's registries: gradients, type specs, saved models, conversion, dispatch, AutoGraph and others."""

from __future__ import annotations

import inspect
import os
import sys
import threading
import typing
from collections.abc import Callable, Hashable, Iterable, Iterator
from types import CodeType
from typing import Any

from kreg_ipython.lib.importlib_bootstrap import pass_over
from kreg_ipython.lib.naming import Parameter, definition_text
from kreg_ipython.lib.stack import Step
from kreg_ipython.registries.registry import (
    MISSING,
    Announcement,
    CannotUndo,
    Gate,
    Registry,
    locate,
    same_value,
)
from kreg_ipython.registries.shapes import DictRegistry, ListRegistry, Shape, Untracked, remove_last

_PYTHON = "tensorflow.python."
_DECORATORS = (_PYTHON + "util.deprecation", _PYTHON + "util.tf_export", _PYTHON + "util.tf_decorator")


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield from _framework_registries()
    yield DictRegistry(
        "tensorflow.type_specs",
        _PYTHON + "framework.type_spec_registry:_NAME_TO_TYPE_SPEC",
        [Gate(_PYTHON + "framework.type_spec_registry:register", lambda spec, name: (name, spec), decorator=True)],
        reverse=_PYTHON + "framework.type_spec_registry:_TYPE_SPEC_TO_NAME",
        refuses=True,
        passthrough_modules=[_PYTHON + "framework.extension_type"],
    )
    yield PredicateRegistry("tensorflow.saved_model_classes", "_class_registry")
    yield PredicateRegistry("tensorflow.checkpoint_savers", "_saver_registry")
    yield RevivedTypes()
    yield TensorConversions()
    yield ApiDispatch()
    yield ElementwiseDispatch()
    yield OpDispatchers()
    yield ListRegistry(
        "tensorflow.global_dispatchers",
        _PYTHON + "util.dispatch:_GLOBAL_DISPATCHERS",
        [Gate(_PYTHON + "util.dispatch:GlobalOpDispatcher.register", lambda self: (definition_text(self), self))],
    )
    yield DictRegistry(
        "tensorflow.kl_divergences",
        _PYTHON + "ops.distributions.kullback_leibler:_DIVERGENCES",
        [Gate(_PYTHON + "ops.distributions.kullback_leibler:RegisterKL.__call__", lambda self, fn: (self._key, fn))],
        refuses=True,
        passthrough_modules=_DECORATORS,
    )
    yield DictRegistry(
        "tensorflow.pfor_converters",
        _PYTHON + "ops.parallel_for.pfor:_pfor_converter_registry",
        [Gate(_PYTHON + "ops.parallel_for.pfor:RegisterPFor.__call__", lambda me, fn: (me.op_type, _converter(fn)))],
        subject=_converter,
    )
    yield from _autograph_registries()
    yield ListRegistry(
        "tensorflow.session_conversions",
        _PYTHON + "client.session:_REGISTERED_EXPANSIONS",
        [
            Gate(
                _PYTHON + "client.session:register_session_run_conversion_functions",
                lambda tensor_type, *args, **kwargs: (definition_text(tensor_type), tensor_type),
            )
        ],
        subject=lambda expansion: expansion[0],
        at=0,
    )
    yield ListRegistry(
        "tensorflow.saved_model_codecs",
        _PYTHON + "saved_model.nested_structure_coder:_codecs",
        [Gate(_PYTHON + "saved_model.nested_structure_coder:register_codec", lambda x: (definition_text(x), x))],
    )
    yield OpCallbacks()
    yield OpLibraries()
    yield Gauges()


# -- tensorflow.python.framework.registry.Registry: name -> {"type": object, "location": …}


def _framework_registries() -> Iterator[Registry]:
    homes = {
        "tensorflow.gradients": ("framework.ops", "_gradient_registry"),
        "tensorflow.statistics": ("framework.ops", "_stats_registry"),
        "tensorflow.proto_functions": ("framework.ops", "_proto_function_registry"),
        "tensorflow.resource_resolvers": ("framework.auto_control_deps", "_acd_resource_resolvers_registry"),
        "tensorflow.data_v2_callbacks": ("compat.v2_compat", "_DATA_V2_CALLBACKS"),
    }
    for name, (module, attribute) in homes.items():
        home = f"{_PYTHON}{module}:{attribute}"
        yield DictRegistry(
            name,
            f"{home}._registry",
            [
                Gate(_PYTHON + "framework.registry:Registry.register", _register_in(home)),
                Gate(_PYTHON + "framework.registry:Registry.lookup", _lookup_in(home), act="look up"),
            ],
            subject=lambda stored: stored["type"],
            refuses=True,
            resolved_by_live_graphs=attribute == "_gradient_registry",
            passthrough_modules=_DECORATORS,
        )


def _register_in(home: str) -> Callable[..., Announcement | None]:
    def announce(self: Any, candidate: Any, name: str | None = None) -> Announcement | None:
        return (name or candidate.__name__, candidate) if self is locate(home) else None

    return announce


def _lookup_in(home: str) -> Callable[..., Announcement | None]:
    def announce(self: Any, name: str | bytes) -> Announcement | None:
        text = name.decode() if isinstance(name, bytes) else name
        return (text, None) if self is locate(home) else None

    return announce


# -- saved models


class PredicateRegistry(Shape):
    """`_PredicateRegistry`: two dicts, and a list of names of which the last is asked first."""

    ordered = True
    refuses = True

    def __init__(self, name: str, attribute: str) -> None:
        module = _PYTHON + "saved_model.registration.registration"
        self._home = f"{module}:{attribute}"

        def announce(
            self_: Any, package: str, name: str, predicate: Callable[..., bool], candidate: Any
        ) -> Announcement | None:
            return (f"{package}.{name}", candidate) if self_ is locate(self._home) else None

        super().__init__(name, module, [Gate(f"{module}:_PredicateRegistry.register", announce)])

    @property
    def table(self) -> Any:
        return locate(self._home)

    def entries(self) -> Iterable[tuple[Hashable, Any]]:
        return [(name, self.current(name)) for name in list(self.table._registered_names)]

    def current(self, key: Hashable) -> Any:
        home = self.table
        if key not in home._registered_map:
            return MISSING
        return home._registered_map[key], home._registered_predicates[key]

    def holds(self, key: Hashable, value: Any) -> bool:
        return same_value(self.current(key), value)

    def remove(self, key: Hashable, value: Any) -> None:
        home = self.table
        home._registered_map.pop(key, None)
        home._registered_predicates.pop(key, None)
        home._registered_names[:] = [name for name in home._registered_names if name != key]

    def insert(self, key: Hashable, value: Any) -> None:
        home = self.table
        home._registered_map[key], home._registered_predicates[key] = value
        home._registered_names.append(key)

    def subject(self, value: Any) -> Any:
        return value[0]


class RevivedTypes(DictRegistry):
    """`register_revived_type`: a dict, and a list of its keys of which the first is asked first."""

    ordered = True

    def __init__(self) -> None:
        module = _PYTHON + "saved_model.revived_types"
        super().__init__(
            "tensorflow.revived_types",
            f"{module}:_REVIVED_TYPE_REGISTRY",
            [Gate(f"{module}:register_revived_type", lambda identifier, predicate, versions: (identifier, predicate))],
            subject=lambda stored: stored[0],
            ordered=True,
        )
        self._identifiers = f"{module}:_TYPE_IDENTIFIERS"

    def remove(self, key: Hashable, value: Any) -> None:
        super().remove(key, value)
        identifiers = locate(self._identifiers)
        identifiers[:] = [name for name in identifiers if name != key]

    def insert(self, key: Hashable, value: Any) -> None:
        super().insert(key, value)
        locate(self._identifiers).append(key)


# -- tensor conversion: priority -> [(type, function)], the first that fits wins


class TensorConversions(Shape):
    """`tf.register_tensor_conversion_function`. A value is ``(priority, (base type, function))``."""

    allows_duplicates = True
    ordered = True

    def __init__(self) -> None:
        self._home = _PYTHON + "framework.tensor_conversion_registry:"
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


# -- dispatch

_DISPATCH = _PYTHON + "util.dispatch"
_UNREGISTER = Gate(
    f"{_DISPATCH}:unregister_dispatch_for", lambda dispatch_target: (None, dispatch_target), act="unregister"
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


# -- AutoGraph, pfor, op callbacks


def _autograph_registries() -> Iterator[Registry]:
    builtins = ("abs", "len", "print", "enumerate", "zip", "map", "filter", "any", "all", "sorted", "next")
    homes = {name: f"{_PYTHON}autograph.operators.py_builtins:{name}_registry" for name in builtins}
    homes["for_loop"] = f"{_PYTHON}autograph.operators.control_flow:for_loop_registry"
    for name, home in homes.items():
        yield DictRegistry(
            f"tensorflow.autograph_{name}",
            f"{home}._registry",
            [Gate(_PYTHON + "autograph.utils.type_registry:TypeRegistry.register", _override_in(home))],
            ordered=True,  # the first type that fits is taken
            refuses=True,
        )


def _override_in(home: str) -> Callable[..., Announcement | None]:
    def announce(self: Any, obj: Any, value: Any) -> Announcement | None:
        return (obj, value) if self is locate(home) else None

    return announce


def as_written(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the steps with those in code that AutoGraph made at the lines of the user's that it was made from."""
    mappers = locate(_PYTHON + "util.tf_stack:_source_mapper_stacks")[threading.get_ident()]
    lines = mappers[-1].get_effective_source_map()
    origins = (lines.get((step.code.co_filename, step.line)) for step in steps)
    return tuple(step if origin is None else _at(step, *origin) for step, origin in zip(steps, origins))


def _at(step: Step, file: str, line: int, function: str | None) -> Step:
    """Return a step in the function of this name, or in one that is called so if the function is no global one."""
    name = function or "<lambda>"
    meant = getattr(sys.modules.get(step.module), name, None)
    code = getattr(inspect.unwrap(meant) if callable(meant) else None, "__code__", None)
    if not isinstance(code, CodeType) or code.co_filename != file:
        names: dict[str, Any] = {each: name for each in ("co_name", "co_qualname") if hasattr(step.code, each)}
        code = step.code.replace(co_filename=file, **names)
    return Step(code, line, step.module)


def _converter(stored: Any) -> Any:
    """Return the user's function in what `RegisterPForWithArgs` makes of it."""
    code = getattr(stored, "__code__", None)
    if code is not None and stored.__module__ == _PYTHON + "ops.parallel_for.pfor" and "converter" in code.co_freevars:
        return stored.__closure__[code.co_freevars.index("converter")].cell_contents
    return stored


class OpCallbacks(ListRegistry):
    """`add_op_callback`: a list in each thread's context, with a switch in `execute`."""

    def __init__(self) -> None:
        self._home = _PYTHON + "framework.op_callbacks:"
        super().__init__(
            "tensorflow.op_callbacks",
            self._home,
            [Gate(self._home + "add_op_callback", lambda callback_fn: (definition_text(callback_fn), callback_fn))],
        )

    @property
    def table(self) -> Any:
        context = locate(self._home + "context._context")  # None until TensorFlow makes one
        return context.op_callbacks if context else []

    def remove(self, key: Hashable, value: Any) -> None:
        locate(self._home + "remove_op_callback")(value)

    def insert(self, key: Hashable, value: Any) -> None:
        locate(self._home + "add_op_callback")(value)


class OpLibraries(Untracked):
    """`tf.load_op_library`: C++ that cannot be unloaded. The user is told when a rebuilt library is loaded."""

    def __init__(self) -> None:
        module = _PYTHON + "framework.load_library"
        self._built: dict[str, float] = {}
        super().__init__("tensorflow.op_libraries", module, [Gate(f"{module}:load_op_library", self._announce)])

    def _announce(self, library_filename: str) -> None:
        path = os.path.realpath(library_filename)
        if os.path.exists(path) and self._built.setdefault(path, os.path.getmtime(path)) != os.path.getmtime(path):
            raise CannotUndo(f"{library_filename} was rebuilt, but the former build stays loaded: restart the kernel")


class Gauges(Untracked):
    """`tensorflow.python.eager.monitoring`: counters with names.

    TensorFlow 2.12 refuses a second gauge of a name while the first one lives. A Keras that was purged may keep the
    first one alive. The new Keras counts under another name.
    """

    def __init__(self) -> None:
        module = _PYTHON + "eager.monitoring"
        super().__init__("tensorflow.gauges", module, [Gate(f"{module}:Metric.__init__", self._announce)])

    def _announce(self, gauge: Any, kind: str, methods: Any, label_length: int, name: str, *rest: Any) -> Announcement:
        return name, gauge

    def call(self, subject: Any, register: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        __tracebackhide__ = True
        try:
            return register(*args, **kwargs)
        except Exception as error:
            if type(error).__name__ != "AlreadyExistsError":  # the class is not there before TensorFlow is imported
                raise
            *first, name = args[:5]
            return self.call(subject, register, (*first, f"{name}/again", *args[5:]), kwargs)


pass_over(Gauges.call)
