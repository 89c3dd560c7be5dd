"""Make a module whose definitions are shown to be those of the notebook, and name what is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kreg_ipython.export import facts
from kreg_ipython.export.module import LeftOut, Module


def proven(
    module: Module,
    make: Callable[[frozenset[str]], Module],
    name: str,
    described: Callable[[Module], facts.Table | None],
) -> Module:
    """Return the module in which everything is as it is in the notebook, or is named as left out.

    What turns out to be another thing elsewhere is written otherwise, if there is another way: as a literal, or by the
    statement that was executed.

    Args:
        module: the module as it was typed.
        make: returns the module in which these names are not what their statements give.
        name: the name of the module.
        described: returns the facts of a module that a fresh process has imported; None if there are none.
    """
    refused: frozenset[str] = frozenset()
    while True:
        its = described(module)
        if its is None:
            return module
        found = [*facts.differences(described_here(module, name), its)]
        worse = {_refused(each) for each in found} - refused
        refused |= worse
        again = make(refused) if worse else module
        if again.text == module.text:
            return replace(module, left_out=(*module.left_out, *_told(module, found)))
        module = again


def asked(module: Module, name: str) -> dict[str, Any]:
    """Return what a process is asked that has imported a module by this name, see `facts.table`."""
    return {"names": [*module.live], "homes": [*module.homes, name], "unseen": module.unseen}


def described_here(module: Module, name: str) -> facts.Table:
    """Return the facts of what a module of this name stands for in the notebook."""
    return facts.table(module.live, [*module.homes, name], module.unseen)


def _refused(each: facts.Difference) -> str:
    attribute = each.parts[0] if each.parts else ""
    return f"{each.name}.{attribute.partition(' ')[2]}" if attribute.startswith("attribute ") else each.name


def _told(module: Module, found: list[facts.Difference]) -> tuple[LeftOut, ...]:
    """Return what differs, the first difference of each name, in words."""
    first = {each.name: each for each in reversed(found)}
    return tuple(
        LeftOut(name, module.cell_of.get(name) or None, _why(first[name]))
        for name in dict.fromkeys(e.name for e in found)
    )


def _why(each: facts.Difference) -> str:
    part = f"its {', '.join(each.parts)}" if each.parts else "it"
    if each.mine == "unknown":
        return f"{part} cannot be compared: {each.its}"
    return f"{part} is {each.mine} in the notebook, and {each.its} where a fresh process imports the module"
