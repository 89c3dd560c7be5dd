"""Prove that a module is imported in a fresh process, and that models load with it."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence

from kreg_ipython.export.fresh import Died, Fresh, OutOfTime
from kreg_ipython.export.models import Subject
from kreg_ipython.export.verify import Result, verify_models


def verify_module(
    models: Sequence[Subject], text: str, name: str, *, timeout: float, shown: Callable[[str], None]
) -> tuple[list[Result], str | None]:
    """Return what becomes of models that are loaded with a module, and why it cannot be imported.

    The reason is empty if it can, and None if that could not be told in time.

    Args:
        models: the models.
        text: the text of the module.
        name: its name.
        timeout: the seconds that all of this may take.
        shown: is called with what is being done, several times a second.
    """
    began = time.monotonic()
    results = verify_models(models, text, name=name, timeout=timeout, shown=shown)
    if any(each.verdict != "skipped" for each in results):
        return results, ""
    return results, _why_not_imported(text, name, max(timeout + began - time.monotonic(), 0.0), shown)


def _why_not_imported(text: str, name: str, timeout: float, shown: Callable[[str], None]) -> str | None:
    """Return why a module cannot be imported in a fresh process; empty if it can, None if there is no time."""
    try:
        with tempfile.TemporaryDirectory(prefix="kreg_", ignore_cleanup_errors=True) as folder:
            path = os.path.join(folder, f"{name}.py")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            with Fresh(shown, time.monotonic() + timeout) as process:
                process.begin(path, name)
                return process.begun(name)
    except OutOfTime:
        return None
    except (Died, OSError) as error:
        return str(error)
