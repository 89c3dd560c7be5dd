"""What programs call: whose a body of code is, what is registered, one more registry. No IPython."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kreg_ipython import registries
from kreg_ipython.registries.registry import Registry, checked
from kreg_ipython.session.process import current, started

if TYPE_CHECKING:
    from kreg_ipython.report import Status


@contextmanager
def owner(name: str | os.PathLike[str], source: str | None = None) -> Iterator[None]:
    """Run the body of the with statement as a transaction: what it registered the last time is withdrawn before, and
    swept or restored afterwards, as for a cell that runs again.

    For what executes scripts again without being a notebook::

        with kreg_ipython.owner("app.py"):
            exec(compile(text, "app.py", "exec"), namespace)

    The first use begins to guard the registries of this process, unless ``%load_ext kreg_ipython`` has done so; after
    ``%kreg off`` nothing is guarded. Two threads may execute the body of one owner at once: the one that began first
    is the transaction.

    Args:
        name: whose the body is: the path of a script, always written the same way, or any name.
        source: the text that is executed, if ``name`` is no path of it. If nobody knows the text, what is not
            registered again is kept: it may have been skipped.
    """
    process = started()
    if process.on:
        with process.owner(os.fspath(name), source):
            yield
    else:
        yield


def stop() -> None:
    """Guard nothing any more, and give every function back; what is registered stays. In IPython: ``%unload_ext``."""
    process = current()
    if process is not None:
        process.close()


def status() -> Status:
    """What is registered in this process, as ``%kreg status`` shows it; ``on`` is False if nothing is guarded."""
    from kreg_ipython import report

    process = current()
    if process is None:
        return report.Status(False)
    return report.status(process.guard, on=process.on, waiting=process.waiting())


def register_adapter(adapter: Registry) -> None:
    """Guard one more registry, as if its adapter came with us; one of the same name is replaced.

    Args:
        adapter: usually a `DictRegistry` or a `ListRegistry`.

    Raises:
        TypeError: if it is no adapter.
        ValueError: if its name is that of a registry that comes with us.
    """
    name = checked(adapter).name
    if name in registries.builtin_names():
        raise ValueError(f"{name} is guarded already: give your adapter another name")
    registries.added[name] = adapter
    process = current()
    if process is not None:
        process.add(adapter)
