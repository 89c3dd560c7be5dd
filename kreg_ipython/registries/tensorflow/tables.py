"""Adapt the dicts by name, type or op: gradients and their like, type specs, KL divergences, converters of pfor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kreg_ipython.registries.registry import Announcement, Gate, Registry, locate
from kreg_ipython.registries.shapes import DictRegistry

_PYTHON = "tensorflow.python."
_SPECS = _PYTHON + "framework.type_spec_registry"
_KL = _PYTHON + "ops.distributions.kullback_leibler"
_PFOR = _PYTHON + "ops.parallel_for.pfor"
_DECORATORS = (_PYTHON + "util.deprecation", _PYTHON + "util.tf_export", _PYTHON + "util.tf_decorator")


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield from _of_framework()
    yield DictRegistry(
        "tensorflow.type_specs",
        f"{_SPECS}:_NAME_TO_TYPE_SPEC",
        [Gate(f"{_SPECS}:register", lambda spec, name: (name, spec), decorator=True)],
        reverse=f"{_SPECS}:_TYPE_SPEC_TO_NAME",
        refuses=True,
        passthrough_modules=[_PYTHON + "framework.extension_type"],
    )
    yield DictRegistry(
        "tensorflow.kl_divergences",
        f"{_KL}:_DIVERGENCES",
        [Gate(f"{_KL}:RegisterKL.__call__", lambda self, kl_fn: (self._key, kl_fn))],
        refuses=True,
        passthrough_modules=_DECORATORS,
    )
    yield DictRegistry(
        "tensorflow.pfor_converters",
        f"{_PFOR}:_pfor_converter_registry",
        [Gate(f"{_PFOR}:RegisterPFor.__call__", lambda self, converter: (self.op_type, _converter(converter)))],
        subject=_converter,
    )


def _of_framework() -> Iterator[Registry]:
    """Yield the adapters of each ``framework.registry.Registry``: name -> {"type": object, "location": …}."""
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


def _converter(stored: Any) -> Any:
    """Return the user's function in what `RegisterPForWithArgs` makes of it."""
    code = getattr(stored, "__code__", None)
    if code is not None and stored.__module__ == _PFOR and "converter" in code.co_freevars:
        return stored.__closure__[code.co_freevars.index("converter")].cell_contents
    return stored
