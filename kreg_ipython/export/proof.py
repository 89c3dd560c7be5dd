"""Make a module whose definitions are shown to be those of the notebook, and name what is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from types import FunctionType
from typing import Any

from kreg_ipython.export import facts
from kreg_ipython.export.module import LeftOut, Module
from kreg_ipython.guard.gates import undiverted

_DIGEST = re.compile(r"\b[0-9a-f]{64}$")


def proven(
    module: Module,
    make: Callable[[Mapping[str, str]], Module],
    name: str,
    described: Callable[[Module], facts.Table | None],
) -> Module:
    """Return the module in which everything is as it is in the notebook, or is named as left out.

    What turns out to be another thing elsewhere is written otherwise, if there is another way: as a literal, or by the
    statement that was executed.

    Args:
        module: the module as it was typed.
        make: returns the module in which these names are not what their statements give, and why not.
        name: the name of the module.
        described: returns the facts of a module that a fresh process has imported; None if there are none.
    """
    refused: dict[str, str] = {}
    while True:
        its = described(module)
        if its is None:
            return module
        found = [*facts.differences(described_here(module, name), its)]
        if not found:
            return module
        again = module
        while again.text == module.text:
            worse = dict(_refused(each, module, refused) for each in reversed(found))
            if worse.keys() <= refused.keys():
                return replace(module, differs=_told(module, found))
            new = worse.keys() - refused.keys()  # the attributes of another object, if its name is among them
            refused = {each: why for each, why in refused.items() if each.partition(".")[0] not in new} | worse
            again = make(refused)
        module = again


def asked(module: Module, name: str) -> dict[str, Any]:
    """Return what a process is asked that has imported a module by this name, see `facts.table`."""
    return {"names": [*module.live], "homes": [*module.homes, name], "unseen": module.unseen}


def described_here(module: Module, name: str) -> facts.Table:
    """Return the facts of what a module of this name stands for in the notebook."""
    return facts.table(module.live, [*module.homes, name], module.unseen, undiverted)


def _refused(each: facts.Difference, module: Module, refused: Container[str]) -> tuple[str, str]:
    """Return what must not be typed as it is, an attribute of a class or function or else the name, and why."""
    kind, _, attribute = each.parts[0].partition(" ") if each.parts else ("", "", "")
    whole = f"{each.name}.{attribute}"
    if kind == "attribute" and isinstance(module.live.get(each.name), (type, FunctionType)) and whole not in refused:
        return whole, _why(each._replace(parts=each.parts[1:]))
    return each.name, _why(each)


def _told(module: Module, found: list[facts.Difference]) -> tuple[LeftOut, ...]:
    """Return what differs, the first difference of each name, in words."""
    first = {each.name: each for each in reversed(found)}
    told = dict.fromkeys(each.name for each in found)
    return tuple(LeftOut(name, module.cell_of.get(name) or None, _why(first[name])) for name in told)


def _why(each: facts.Difference) -> str:
    parts = [part for part in each.parts if part not in ("items", "array")]
    what = f"its {', '.join(parts)}" if parts else "it"
    if each.mine == "unknown":
        return f"{what} cannot be compared: {each.its}"
    if "code" in parts:
        return "it has other code in the notebook"
    mine, its = (_DIGEST.sub("", each.partition(": ")[2] or each) for each in (each.mine, each.its))
    if mine == its:
        return f"{what} is another one in the notebook"
    return f"{what} is {mine} in the notebook, and {its} in a fresh process"
