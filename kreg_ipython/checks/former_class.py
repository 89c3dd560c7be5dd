"""Find live objects whose class or function was defined again since."""

from __future__ import annotations

from collections.abc import Iterator

from kreg_ipython.checks.notebook import Found, Notebook
from kreg_ipython.guard.messages import former_use, rebuild
from kreg_ipython.lib.naming import definition_text


def former_class(notebook: Notebook) -> Iterator[Found]:
    """Look for variables that are instances of a former class, or are built from one."""
    for holder, one in notebook.uses_of_formers:
        place, number = notebook.cells.assigns(holder.name), one.run.number if one.run else None
        use = former_use(*holder, definition_text(one.subject()), number)
        why = "it does not have your later edits"
        if one.owner is not None and one.owner.kind == "module":  # %autoreload may have patched its methods
            why = f"{one.owner.label} now defines another one"
        fix = rebuild(place.cell, holder.name, notebook.imported_before(one))
        yield Found(holder.name, str(place), f"{use}: {why}", fix)
