"""Define the functions that an engine executes at the client's request. Each is sent by its name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def load() -> bool:
    """Load kreg on this engine, unless it is loaded; return whether it is on."""
    shell = _shell()
    if "KregMagics" not in shell.magics_manager.registry:
        shell.extension_manager.load_extension(__name__.partition(".")[0])
    return bool(_notebook().process.on)


def command(line: str) -> tuple[dict[str, Any], list[str]]:
    """Execute ``%kreg`` on this engine; return its result as a dict, and as lines of text."""
    result = _shell().magics_manager.registry["KregMagics"].kreg(line)
    return result.to_dict(), list(result.text())


def empty(cell_ids: Iterable[str]) -> None:
    """Sweep what these pieces of cells registered: their cell does not send them any more."""
    notebook = _notebook()
    owners = map(notebook.owner_of, cell_ids)
    notebook.process.guard.empty(owner for owner in owners if owner is not None)


def _shell() -> Any:
    from IPython import get_ipython

    return get_ipython()


def _notebook() -> Any:
    return _shell().magics_manager.registry["KregMagics"].notebook
