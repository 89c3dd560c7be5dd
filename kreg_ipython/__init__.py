"""Keep Keras's and TensorFlow's registries as in a fresh kernel when cells run again: ``%load_ext kreg_ipython``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kreg_ipython.api import load, on_rerun, owner, register_adapter, status, stop
from kreg_ipython.registries.instances import AttributeRegistry, HandlerRegistry, InstanceRegistry
from kreg_ipython.registries.registry import MISSING, CannotUndo, Gate, NotThere, Registry, locate
from kreg_ipython.registries.shapes import DictRegistry, ListRegistry, SetRegistry, SlotRegistry

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from kreg_ipython.magic import KregMagics

__all__ = [
    "MISSING",
    "AttributeRegistry",
    "CannotUndo",
    "DictRegistry",
    "Gate",
    "HandlerRegistry",
    "InstanceRegistry",
    "ListRegistry",
    "NotThere",
    "Registry",
    "SetRegistry",
    "SlotRegistry",
    "load",
    "load_ipython_extension",
    "locate",
    "on_rerun",
    "owner",
    "register_adapter",
    "status",
    "stop",
    "unload_ipython_extension",
]
__version__ = "0.1.0"


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Guard the registries, adopt what is in them, and add ``%kreg``.

    ``%load_ext kreg_ipython`` calls it.
    """
    from kreg_ipython.magic import configured
    from kreg_ipython.session.notebook import Notebook

    if _magics(shell) is None:
        notebook = Notebook(shell)
        magics = configured(shell, notebook)
        shell.register_magics(magics)
        if magics.enabled:
            notebook.start()


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Give back every function, dict, hook and magic. The registries keep what is in them.

    ``%unload_ext kreg_ipython`` calls it, and ``%reload_ext kreg_ipython``. The shell remembers which cell is which.
    """
    magics = _magics(shell)
    if magics is not None:
        magics.notebook.close(whole=magics.is_reloading())
        magics.remove_from(shell)


def _magics(shell: InteractiveShell) -> KregMagics | None:
    found: KregMagics | None = shell.magics_manager.registry.get("KregMagics")
    return found
