"""Find live objects whose class or function was defined again since."""

from __future__ import annotations

from collections.abc import Iterator

from kreg_ipython.checks.notebook import Found, Notebook
from kreg_ipython.guard.ledger import Former
from kreg_ipython.guard.messages import former_use, rebuild
from kreg_ipython.lib.holders import Holder
from kreg_ipython.lib.naming import definition_text, enumerated


def former_class(notebook: Notebook) -> Iterator[Found]:
    """Look for variables that are instances of a former class, or are built from one.

    A class is one finding, which names all of its variables. What will-not-load says of a model is not said again.
    """
    unloadable = {name for name, _, keras in notebook.models() if keras.tells_configs}
    causes: dict[int, tuple[Former, list[Holder]]] = {}
    for holder, one in notebook.uses_of_formers:
        if one.registry in notebook.custom_objects and holder.name in unloadable and not notebook.is_current(one):
            continue
        causes.setdefault(id(one), (one, []))[1].append(holder)
    for one, held in causes.values():
        yield _found(one, held, notebook)


def _found(one: Former, held: list[Holder], notebook: Notebook) -> Found:
    names = [holder.name for holder in held]
    place, number = notebook.cells.assigns(names[0]), one.run.number if one.run else None
    use = former_use(*held[0], definition_text(one.subject()), number)
    if len(held) > 1:
        use = former_use(enumerated(names), "are built from", definition_text(one.subject()), number)
    why = "what you edited since is not in it; a saved model names the current one"
    if one.owner is not None and one.owner.kind == "module":  # %autoreload may have patched its methods
        why = f"{one.owner.label} now defines another one"
    fixes = [rebuild(notebook.cells.assigns(name).cell, name, notebook.imported_before(one)) for name in names]
    return Found(names[0], str(place), f"{use}: {why}", "\n".join(fixes))
