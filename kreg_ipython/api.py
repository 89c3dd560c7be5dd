"""Offer programs without IPython an owner for their code, a status, and a way to guard one more registry."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from kreg_ipython import registries
from kreg_ipython.lib import stack
from kreg_ipython.registries.registry import Registry, checked
from kreg_ipython.session.process import current, running_shell, started

if TYPE_CHECKING:
    from kreg_ipython.report import Status

_NAME = __name__.partition(".")[0]
Rerun = TypeVar("Rerun", bound=Callable[[], Any])


@contextmanager
def owner(name: str | os.PathLike[str], source: str | None = None) -> Iterator[None]:
    """Execute the body of the with statement as a run of its owner.

    What the owner registered in its former run is removed, replaced or kept as for a cell that runs again. If the body
    raises, what was removed is restored.

    Use it in a program that executes scripts again and is no notebook::

        with kreg_ipython.owner("app.py"):
            exec(compile(text, "app.py", "exec"), namespace)

    The first use begins to guard the registries of this process, unless ``%load_ext kreg_ipython`` has done so. After
    ``%kreg off`` nothing is guarded. Two threads may execute the body of one owner at once: the thread that began first
    is the run.

    Args:
        name: the name of the owner: the path of a script, always written the same way, or any other name.
        source: the text that is executed, if ``name`` is not the path of it. Without it, the text is that of the file,
            or of the cell, in which the with statement stands. If nobody knows the text, entries that are not
            registered again are kept: the body may have skipped them.
    """
    process = started()
    if process.on:
        with process.owner(os.fspath(name), source, stack.user_of_context(sys._getframe())):
            yield
    else:
        yield


def load() -> None:
    """Guard the registries of this process: the way in for every kernel and script.

    In an IPython shell it does what ``%load_ext kreg_ipython`` does. Elsewhere it guards modules, threads, and the
    bodies that `owner` names.
    """
    extensions = getattr(running_shell(), "extension_manager", None)
    if extensions is not None:
        extensions.load_extension(_NAME)
    else:
        started()


def stop() -> None:
    """Stop guarding, and give every function back. What is registered stays.

    In an IPython shell it does what ``%unload_ext kreg_ipython`` does.
    """
    extensions = getattr(running_shell(), "extension_manager", None)
    if extensions is not None:
        extensions.unload_extension(_NAME)
    process = current()
    if process is not None:
        process.close()


def status() -> Status:
    """Return what is registered in this process, as ``%kreg status`` shows it.

    Its ``on`` is False if nothing is guarded.
    """
    from kreg_ipython import report

    process = current()
    if process is None:
        return report.Status(False)
    return report.status(process.guard, on=process.on, waiting=process.waiting())


def on_rerun(function: Rerun) -> Rerun:
    """Have a function called before the code that declares it runs again: a decorator.

    Several are called newest first, each once. What one raises is shown in one line, and the run goes on. An emptied
    cell calls them, too::

        server = serve(model)

        @kreg_ipython.on_rerun
        def stop_server():
            server.shutdown()

    The code is a cell, a script or a module, as for what is registered. Where nothing is guarded, or nobody knows whose
    code it is, nothing is called.

    Args:
        function: is called without arguments.

    Returns:
        The function.

    Raises:
        TypeError: if it cannot be called, or returns a coroutine, which nobody would await.
    """
    if not callable(function) or inspect.iscoroutinefunction(function):
        raise TypeError(f"on_rerun takes a function that can be called without arguments, not {function!r}")
    process = current()
    if process is not None and process.on:
        caller = process.context.locate_caller(sys._getframe(1), frozenset(), function)
        if caller is not None:
            process.guard.memory.reruns[caller.owner].append(function)
    return function


def register_adapter(adapter: Registry) -> None:
    """Guard one more registry, as if its adapter came with kreg. An adapter of the same name is replaced.

    Args:
        adapter: usually a `DictRegistry` or a `ListRegistry`.

    Raises:
        TypeError: if it is not an adapter.
        ValueError: if a registry that comes with kreg has its name.
    """
    name = checked(adapter).name
    if registries.is_builtin(name):
        raise ValueError(f"{name} is already guarded; give your adapter another name")
    registries.added[name] = adapter
    process = current()
    if process is not None:
        process.add(adapter)
