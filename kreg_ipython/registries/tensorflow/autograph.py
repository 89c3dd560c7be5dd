"""Adapt AutoGraph's registries, and find the user's lines of the code that it makes."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from kreg_ipython.lib.stack import Step
from kreg_ipython.registries.registry import Announcement, Gate, Registry, locate
from kreg_ipython.registries.shapes import DictRegistry

_PYTHON = "tensorflow.python."


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
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
        code = step.code.replace(co_filename=file, co_name=name, co_qualname=name)
    return Step(code, line, step.module)
