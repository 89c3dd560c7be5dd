"""Adapt what watches and extends the runtime: callbacks of ops, libraries of ops, and gauges."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator
from typing import Any

from kreg_ipython.lib.importlib_bootstrap import pass_over
from kreg_ipython.lib.naming import definition_text
from kreg_ipython.registries.registry import Announcement, CannotUndo, Gate, Registry, locate
from kreg_ipython.registries.shapes import ListRegistry, Untracked

_PYTHON = "tensorflow.python."


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield OpCallbacks()
    yield OpLibraries()
    yield Gauges()


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

    @pass_over
    def call(self, subject: Any, register: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        __tracebackhide__ = True
        try:
            return register(*args, **kwargs)
        except Exception as error:
            if type(error).__name__ != "AlreadyExistsError":  # the class is not there before TensorFlow is imported
                raise
            *first, name = args[:5]
            return self.call(subject, register, (*first, f"{name}/again", *args[5:]), kwargs)
