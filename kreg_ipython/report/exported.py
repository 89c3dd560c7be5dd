"""Show what ``%kreg export`` wrote, and whether the models load with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from kreg_ipython.export.module import LeftOut
from kreg_ipython.export.verify import Result
from kreg_ipython.lib.naming import enumerated, named
from kreg_ipython.report import render


@dataclass(frozen=True, repr=False)
class Exported(render.Shown):
    """A module that was written.

    Attributes:
        path: its file.
        objects: the keys that it registers.
        cells: the execution counts of the cells whose text is in it.
        left_out: what is needed and not in it.
        differs: what is another one in it than in the notebook.
        results: what became of the models that were loaded with it.
        problem: why it cannot be imported; empty if it can, None if that was not tried.
    """

    path: str
    objects: tuple[str, ...]
    cells: tuple[int, ...]
    left_out: tuple[LeftOut, ...]
    differs: tuple[LeftOut, ...] = ()
    results: tuple[Result, ...] = ()
    problem: str | None = None

    @property
    def verified(self) -> bool | None:
        """True if it is imported, and all models load and answer the same; None if that could not be told."""
        verdicts = {each.verdict for each in self.results}
        if self.problem or verdicts & {"fails", "differs"}:
            return False
        return None if self.problem is None or self.left_out or self.differs or "skipped" in verdicts else True

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"path", "objects": [key…], "verified": true | false | null, "left_out": [{name, cell, why}]}``."""
        return {
            "path": self.path,
            "objects": [*self.objects],
            "verified": self.verified,
            "left_out": [asdict(each) for each in (*self.left_out, *self.differs)],
        }

    def text(self) -> Iterable[str]:
        yield from render.wrapped([self._head()])
        yield from render.wrapped(self._lines(), "  ")

    def html(self) -> Iterable[str]:
        yield render.paragraph(self._head(), 400)
        yield render.items(self._lines())

    def _head(self) -> str:
        cells = enumerated(f"[{number}]" for number in self.cells)
        origin = f" from {'cell' if len(self.cells) == 1 else 'cells'} {cells}" if cells else ""
        registers = f", which registers {named(self.objects)}" if self.objects else ""
        return f"kreg: wrote {self.path}{origin}{registers}"

    def _lines(self) -> Iterable[str]:
        words = {True: "verified", False: "it does not work elsewhere", None: "not verified"}
        yield f"{words[self.verified]}: {self._told()}"
        for result in self.results:
            if result.reason:
                yield f"{result.name}: {result.reason}"
        for what, some in (("left out", self.left_out), ("differs", self.differs)):
            for each in some:
                cell = "" if each.cell is None else f" of cell [{each.cell}]"
                yield f"{what}: {each.name}{cell}: {each.why}"

    def _told(self) -> str:
        if self.problem:
            return self.problem
        if self.problem is None:
            return "no process could import it in time"
        good = sum(each.verdict == "loads" for each in self.results)
        models = f"{good} of {render.count(len(self.results), 'model')} loaded and answered the same"
        return f"a fresh process imported it{f', and {models}' if self.results else ''}"
