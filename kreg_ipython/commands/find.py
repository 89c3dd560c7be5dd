"""Find what the words after ``%kreg`` mean: entries, cells, modules, variables, and what may stand for them."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING

from kreg_ipython.checks.cells import Cells
from kreg_ipython.guard.ledger import Entry, Owner
from kreg_ipython.lib.naming import key_text, named
from kreg_ipython.report.done import Refused
from kreg_ipython.report.status import in_registry
from kreg_ipython.session.notebook import Notebook

if TYPE_CHECKING:
    from kreg_ipython import checks

_MOST = 20
"""The most choices that are named."""


def looked_at(notebook: Notebook, asked: list[str], *, convert: bool = False) -> checks.Notebook:
    """Return the objects and cells that the checks look at, with the variables that the user names."""
    from kreg_ipython import checks

    names = notebook.variables()
    for name in asked:
        if name not in names:
            raise Refused(f"no variable {name!r}.{closest(name, names)}")
    cells = Cells(notebook.cells(), notebook.cell_of, notebook.typed())
    return checks.Notebook(names, notebook.process.guard, cells, asked, convert=convert)


def all_entries(notebook: Notebook) -> list[Entry]:
    """Return all entries, including those that are removed for a run that has not ended."""
    return [*notebook.process.guard.ledger, *notebook.process.guard.pending()]


def entries_with_keys(notebook: Notebook, keys: Iterable[str]) -> list[Entry]:
    """Return the entries that have these keys."""
    must_be_on(notebook)
    entries = all_entries(notebook)
    chosen: list[Entry] = []
    for key in dict.fromkeys(keys):
        found = [entry for entry in entries if key_text(entry.key) == key]
        if not found and any(former.key == key for former in notebook.process.guard.ledger.former()):
            raise Refused(f"{key!r} is no longer registered; see %kreg show {shlex.quote(key)}")
        if not found:
            raise Refused(f"none of your entries has the key {key!r}.{meant(notebook, key)}")
        chosen += found
    return chosen


def owners_of_cell(notebook: Notebook, number: int) -> set[Owner]:
    """Return the cells with this execution count, now or in the run that an entry is from."""
    runs = [(entry.owner, entry.run) for entry in all_entries(notebook) if entry.owner and entry.owner.kind == "cell"]
    found = {owner for owner, run in runs if number in (owner.number, run.number if run else None)}
    if not found:
        cells = sorted({owner.label for owner, _ in runs}, key=_number_in)
        raise Refused(f"cell [{number}] has no entries.{choices(cells)}")
    return found


def ids_of_module(notebook: Notebook, name: str) -> set[str]:
    """Return the ids of the modules and scripts with this name, including the modules of a package."""
    ids = set(module_ids(notebook))
    found = {each for each in ids if each == name or each.startswith(f"{name}.") or each.endswith(f"/{name}")}
    if not found:
        raise Refused(f"no module or script {name!r} has entries.{choices(sorted(ids))}")
    return found


def must_be_registry(notebook: Notebook, name: str) -> None:
    """Raise `Refused` unless a registry or framework has this name."""
    names = list(notebook.process.guard.registries)
    if not any(in_registry(each, name) for each in names):
        frameworks = sorted({each.partition(".")[0].partition(":")[0] for each in names})
        meant = closest(name, [*frameworks, *names]) or choices(frameworks)
        raise Refused(f"unknown registry {name!r}.{meant}")


def container_path(notebook: Notebook, text: str) -> str:
    """Return the path of a container that a user names: a variable of the notebook, or ``MODULE:ATTR``.

    Raises:
        Refused: if it is neither.
    """
    variable = notebook.variables().get(text.partition(".")[0])
    if ":" not in text and variable is not None and not isinstance(variable, ModuleType):
        text = f"__main__:{text}"
    if not re.fullmatch(r"[\w.]+:[\w.]+", text):
        raise Refused(f"{text!r} is not the path of a container; write MODULE:ATTR, such as mymodels.registry:MODELS.")
    return text


def meant(notebook: Notebook, key: str) -> str:
    """Return the sentence that names the keys which were probably meant."""
    known = known_keys(notebook)
    in_packages = [each for each in known if each.rpartition(">")[2] == key]
    return closest(key, in_packages or known, cutoff=0.0 if in_packages else 0.6) or " %kreg status lists your entries."


def must_be_on(notebook: Notebook) -> None:
    """Raise `Refused` if kreg is off."""
    if not notebook.process.on:
        raise Refused("kreg is off and knows no entries; %kreg on turns it on.")


def closest(word: str, words: Iterable[str], cutoff: float = 0.6) -> str:
    """Return the sentence that names the words which are nearest; empty if none is."""
    import difflib  # seldom needed

    found = difflib.get_close_matches(word, list(words), n=3, cutoff=cutoff)
    return f" Did you mean {named(found)}?" if found else ""


def choices(words: Iterable[str]) -> str:
    """Return the sentence that names what may be chosen."""
    found = list(words)
    more = f" and {len(found) - _MOST:,} more" if len(found) > _MOST else ""
    return f" Choose from {', '.join(found[:_MOST])}{more}." if found else ""


def pinned_text(notebook: Notebook) -> str:
    """Return the sentence that names the kept keys."""
    pinned = named(pinned_keys(notebook))
    return f"Kept keys: {pinned}." if pinned else "No keys are kept."


def _number_in(label: str) -> int:
    return int(re.sub(r"\D", "", label) or 0)


def known_keys(notebook: Notebook) -> list[str]:
    """Return every key of the user's, including former ones."""
    ledger = notebook.process.guard.ledger
    return list(dict.fromkeys([key_text(entry.key) for entry in ledger] + [former.key for former in ledger.former()]))


def variable_names(notebook: Notebook) -> list[str]:
    """Return the names of the notebook's variables, but for private ones."""
    return [name for name in notebook.variables() if not name.startswith("_")]


def pinned_keys(notebook: Notebook) -> list[str]:
    """Return the keys that are kept."""
    return sorted({key for _, key in notebook.process.guard.memory.pinned})


def registry_names(notebook: Notebook) -> list[str]:
    """Return the names of the registries that are guarded."""
    return [registry.name for registry in notebook.process.guard.present()]


def cell_numbers(notebook: Notebook) -> list[str]:
    """Return the execution counts of the cells that have entries."""
    owners = {
        entry.owner for entry in notebook.process.guard.ledger if entry.owner is not None and entry.owner.kind == "cell"
    }
    return [str(owner.number) for owner in owners]


def module_ids(notebook: Notebook) -> list[str]:
    """Return the ids of the modules and scripts that have entries."""
    owners = {
        entry.owner for entry in notebook.process.guard.ledger if entry.owner is not None and entry.owner.kind != "cell"
    }
    return [owner.id for owner in owners if owner.id is not None]


def watched_paths(notebook: Notebook) -> list[str]:
    """Return the paths of the watched containers."""
    return list(notebook.process.watched)


def containers(notebook: Notebook) -> list[str]:
    """Return the paths of the containers in all imported modules but the standard library's."""
    modules = [name for name in sys.modules if name.partition(".")[0] not in sys.stdlib_module_names]
    return [
        f"{module}:{name}"
        for module in modules
        for name, value in list(getattr(sys.modules[module], "__dict__", {}).items())
        if any(type(value) is kind for kind in (dict, list, set)) and not name.startswith("__")
    ]
