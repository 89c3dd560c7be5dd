"""Show what became of the models that ``%kreg verify`` loaded in a fresh process."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any

from kreg_ipython.export.verify import Result
from kreg_ipython.lib.naming import clean
from kreg_ipython.report import render


class NotVerified(Exception):
    """The error of ``%kreg verify --strict``: the cell fails, and so does the program that executes the notebook."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows: the error's line, without kreg's own frames."""
        return [f"NotVerified: {self}"]


class Interrupted(KeyboardInterrupt):
    """The user has interrupted a command. The process that it had started is ended."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows."""
        return [f"KeyboardInterrupt: {self}"]


@dataclass(frozen=True, repr=False)
class Verified(render.Shown):
    """The results, model by model.

    Attributes:
        results: the results.
        left_out: what the models need and the definitions do not have, a line each.
    """

    results: tuple[Result, ...]
    left_out: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"models": [{"name", "verdict", "reason", "cells", "max_difference", "seconds"}, …]}``."""
        return {"models": [{**asdict(result), "cells": [*result.cells]} for result in self.results]}

    def text(self) -> Iterable[str]:
        yield from render.wrapped([self._head()])
        rows = [_cells(result) for result in self.results]
        yield from render.entries(rows[: render.FOLDED], render.widths_of(rows))
        yield from render.wrapped(self._foot())
        if len(self.results) > render.FOLDED:
            yield render.more(len(self.results) - render.FOLDED, render.everything("verify"))

    def html(self) -> Iterable[str]:
        yield render.paragraph(self._head())
        rows = [_cells(result) for result in self.results]
        yield render.entry_list(rows, way=render.everything("verify"))
        yield from map(render.paragraph, self._foot())

    def summary(self) -> str:
        """Return the models that do not load, or answer otherwise, in one line."""
        others = [each for each in self.results if each.verdict != "loads"]
        named = "; ".join(f"{clean(each.name)} {each.verdict}: {clean(each.reason, 300)}" for each in others)
        return f"{len(others)} of {render.count(len(self.results), 'model')}: {named}"

    def _head(self) -> str:
        if not self.results:
            return "kreg: there is no model"
        good = [each for each in self.results if each.verdict == "loads"]
        load = "loads in a fresh kernel and answers" if len(self.results) == 1 else "load in a fresh kernel and answer"
        return f"kreg: {len(good)} of {render.count(len(self.results), 'model')} {load} the same"

    def _foot(self) -> Iterable[str]:
        yield from (f"left out: {line}" for line in self.left_out)


def _cells(result: Result) -> tuple[str, ...]:
    much = "" if result.max_difference is None else f"difference {result.max_difference:.1g}"
    cells = ", ".join(f"[{number}]" for number in result.cells)
    where = f"cells {cells}" if cells else ""
    return result.verdict, result.name, much, where, f"{result.seconds:.1f} s", "", result.reason


class Line:
    """One line on stderr that tells what is being done and for how long, and is gone at the end, as those of tqdm."""

    def __init__(self) -> None:
        self._began, self._text = time.monotonic(), ""

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write("")

    def __call__(self, doing: str) -> None:
        """Show what is being done."""
        self._write(f"kreg: {clean(doing, 100)}, {time.monotonic() - self._began:.0f} s")

    def _write(self, text: str) -> None:
        if text != self._text:
            with suppress(Exception):  # a closed stderr
                sys.stderr.write(f"\r{text.ljust(len(self._text))}" + ("" if text else "\r"))
                sys.stderr.flush()
            self._text = text
