"""Find live objects whose class or function was defined again since."""

from __future__ import annotations

from collections.abc import Iterator

from kreg_ipython.checks.definitions import methods
from kreg_ipython.checks.keras import is_built_on
from kreg_ipython.checks.notebook import Found, Harm, Notebook
from kreg_ipython.guard.ledger import Former
from kreg_ipython.guard.messages import former_use, rebuild
from kreg_ipython.lib.holders import Holder
from kreg_ipython.lib.naming import definition_text, enumerated, same_definition


def former_class(notebook: Notebook) -> Iterator[Found]:
    """Look for variables that are instances of a former class, or are built from one.

    A class is one finding, which names all of its variables. What will-not-load says is not said again.
    """
    said = {id(one) for one in notebook.unloadable}
    causes: dict[int, tuple[Former, list[Holder]]] = {}
    for holder, one in notebook.uses_of_formers:
        if id(one) in said:
            continue
        causes.setdefault(id(one), (one, []))[1].append(holder)
    for one, held in causes.values():
        yield _found(one, held, notebook)
    for kind, names in _unregistered(notebook).items():
        number = next((notebook.cells.number_of(method.__code__) for method in methods(kind).values()), None)
        relation = "are built from" if len(names) > 1 else "is built from"
        use = former_use(enumerated(names), relation, definition_text(kind), number)
        place = notebook.cells.assigns(names[0])
        fixes = [rebuild(notebook.cells.assigns(name).cell, name) for name in names]
        message = f"{use}: what you edited since is not in it"
        yield Found(names[0], str(place), message, "\n".join(fixes), Harm.SILENT)


def _unregistered(notebook: Notebook) -> dict[type, list[str]]:
    """Return the former classes that were never registered, and the expressions of what is built from them."""
    known = {id(one.subject()) for one in notebook.guard.ledger.former()}
    found: dict[type, list[str]] = {}
    bases = tuple(kind for keras in notebook.families for kind in keras.with_variables)
    for name, value in notebook.objects.items():
        keras = next((each for each in notebook.families if issubclass(type(value), each.model)), None)
        kinds = [type(value), *(map(type, value._flatten_layers()) if keras is not None else ())]
        for kind in dict.fromkeys(kind for kind in kinds if is_built_on(kind, bases)):
            now = notebook.variables.get(kind.__qualname__)
            newer = now is not kind and issubclass(type(now), type) and same_definition(now, kind)
            if newer and id(kind) not in known:
                found.setdefault(kind, []).append(name)
    return found


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
    return Found(names[0], str(place), f"{use}: {why}", "\n".join(fixes), Harm.SILENT)
