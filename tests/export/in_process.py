"""Cells without a kernel: they are executed one after another, and a module is made of them."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from dataclasses import replace
from types import CodeType, ModuleType
from typing import Any

from kreg_ipython.export import facts
from kreg_ipython.export.module import Module, module_of
from kreg_ipython.export.pieces import Registration
from kreg_ipython.export.proof import proven
from kreg_ipython.lib import source


class Cells:
    """Cells that run in one namespace. A cell that runs again has a new number, and only its last text counts."""

    def __init__(self, *texts: str) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.typed: list[str] = [""]
        self.last: dict[str, int] = {}
        self.registrations: list[Registration] = []
        for at, text in enumerate(texts):
            self.run(str(at), text)

    def run(self, cell: str, text: str) -> None:
        """Run a cell, which may be one that has run before."""
        self.typed.append(text)
        self.last[cell] = len(self.typed) - 1
        code = compile(source.Source(text).python, f"<cell {self.last[cell]}>", "exec", dont_inherit=True)
        exec(code, self.namespace)

    def text_of(self, code: CodeType) -> str | None:
        number = code.co_filename.removeprefix("<cell ").removesuffix(">")
        return self.typed[int(number)] if number.isdigit() else None

    def module(self, *names: str, inline: bool = False) -> Module:
        """Return the module that these variables need."""
        texts = {number: self.typed[number] for number in self.last.values()}
        subjects = [self.namespace[name] for name in names]

        def make(refused: Mapping[str, str]) -> Module:
            known = (texts, self.namespace, self.text_of, self.registrations, subjects)
            return module_of(*known, inline=inline, refused=refused)

        module = proven(make({}), make, "exported", described)
        return replace(module, left_out=(*module.left_out, *module.differs))


def described(module: Module) -> facts.Table | None:
    """Return the facts of a module's names; None if it cannot be executed."""
    state = random.getstate()  # a fresh process has its own
    try:
        namespace = executed(module)
    except Exception:
        return None
    finally:
        random.setstate(state)
    return facts.table(facts.found(namespace, module.live), [*module.homes, "exported"], module.unseen)


def executed(module: Module) -> dict[str, Any]:
    """Return the names of a module, executed in a fresh namespace."""
    sys.modules["exported"] = made = ModuleType("exported")
    exec(compile(module.text, "<exported>", "exec", dont_inherit=True), vars(made))
    return vars(made)
