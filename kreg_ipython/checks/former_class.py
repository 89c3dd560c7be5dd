"""Live objects of a class or function whose cell or module was executed again since."""

from __future__ import annotations

import gc
from collections.abc import Iterator

from kreg_ipython.checks.notebook import Finding, Notebook
from kreg_ipython.explain import former_use
from kreg_ipython.holders import Holder, Opaque, holders
from kreg_ipython.ledger import Former
from kreg_ipython.naming import definition_text
from kreg_ipython.registries import BUILT_UPON, is_opaque


def former_class(notebook: Notebook) -> Iterator[Finding]:
    """A variable that is an instance of a former class, or is built from one."""
    for holder, one in uses_of_formers(notebook):
        place, number = notebook.cells.assigns(holder.name), one.run.number if one.run else None
        yield Finding(
            "former-class",
            holder.name,
            str(place),
            f"{former_use(*holder, definition_text(one.subject()), number)}: what you have edited since is not in it",
            f"re-run {place.cell_or('the cell')}, which builds {holder.name}",
        )


def uses_of_formers(notebook: Notebook) -> Iterator[tuple[Holder, Former]]:
    """Each variable that uses a former object, and which."""
    if not notebook.guard.ledger.former():
        return
    gc.collect()  # a class is in a cycle with itself: only a collection tells whether anything else holds it
    formers = notebook.guard.ledger.former()
    held = holders(notebook.variables_asked, [one.subject() for one in formers], Opaque(is_opaque, BUILT_UPON))
    for one in formers:
        for holder in held.get(id(one.subject()), ()):
            if holder.relation != "is":
                yield holder, one
