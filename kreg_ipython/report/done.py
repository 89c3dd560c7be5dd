"""Show what a command did: ``%kreg clear``, ``keep``, ``undo``, ``watch`` and their like."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kreg_ipython.report import render


class Refused(Exception):
    """A command that cannot be carried out. The text is one line that says why, and what to do instead."""


@dataclass(frozen=True, repr=False)
class Done(render.Shown):
    """One act in a sentence, and the entries it was done to as ``(registry, key)``."""

    act: str
    message: str
    entries: tuple[tuple[str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"act", "message", "entries": [{"registry", "key"}, …]}``."""
        entries = [{"registry": registry, "key": key} for registry, key in self.entries]
        return {"act": self.act, "message": self.message, "entries": entries}

    def text(self) -> Iterable[str]:
        yield from render.wrapped([f"kreg: {self.message}"])

    def html(self) -> Iterable[str]:
        yield render.paragraph(f"kreg: {self.message}", 1_000)
