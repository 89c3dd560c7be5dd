"""How results are drawn: aligned text, and HTML that is readable in light and dark. Everything is escaped and cut."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from kreg_ipython.lib.naming import clean

COLOURS = {
    "current": "#23863a",
    "shadowed": "#2f7ad0",
    "superseded": "#9a5fd0",
    "swept": "#9a5fd0",
    "kept": "#b7650b",
    "partial": "#d9483b",
    "framework": "#767676",
}
"""A dot for each state. All stand out against white and against black; the word beside it has the page's own colour."""

FOLDED = 20
"""How many rows of one group are shown at once: text is cut there, HTML folds."""

_MOST = 5_000
"""How many rows of one group HTML has at all."""


class Shown:
    """A result: `to_dict` says it all, of JSON's types only; text and HTML show it to people."""

    def to_dict(self) -> dict[str, Any]:
        """The facts, of JSON's types only."""
        raise NotImplementedError

    def to_json(self) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2)

    def text(self) -> Iterable[str]:
        """The lines of the text."""
        raise NotImplementedError

    def html(self) -> Iterable[str]:
        """The blocks of the HTML."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return "\n".join(self.text())

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))

    def _repr_html_(self) -> str:
        return f"<div>{''.join(self.html())}</div>"


# -- text


def columns(rows: Sequence[Sequence[str]], indent: str = "  ") -> list[str]:
    """Rows with their columns aligned; columns that are empty everywhere are left out. The last one may be long."""
    cleaned = [[*(clean(cell) for cell in row[:-1]), clean(row[-1], 160)] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cleaned)]
    return [
        (indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths) if width)).rstrip() for row in cleaned
    ]


def count(number: int, noun: str, plural: str = "") -> str:
    """``1 entry``, ``2,000 entries``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def more(number: int, way: str) -> str:
    """The line that stands for what is cut."""
    return f"… and {number:,} more: {way}"


# -- HTML


def paragraph(text: str, width: int = 300, state: str | None = None) -> str:
    """A paragraph of plain text, with a state's dot before it."""
    return f"<p style='margin:2px 0'>{dot(state) if state else ''}{escape(clean(text, width))}</p>"


def dot(state: str) -> str:
    """The state's colour, as a dot. The word stands beside it."""
    return f"<span style='color:{COLOURS.get(state, COLOURS['framework'])}' aria-hidden='true'>●</span> "


def table(head: Sequence[str], rows: Sequence[Sequence[str]], state: int | None = None, way: str = "") -> str:
    """A table with escaped cells; the column ``state`` gets its colour. ``way`` leads to rows that are not shown."""
    used = [at for at in range(len(head)) if any(row[at] for row in rows)]
    top = "".join(f"<th style='text-align:left'>{escape(head[at])}</th>" for at in used)
    body = "".join(
        "<tr>" + "".join(_cell(row[at], dot(row[at]) if at == state else "") for at in used) + "</tr>"
        for row in rows[:_MOST]
    )
    rest = paragraph(more(len(rows) - _MOST, way)) if len(rows) > _MOST else ""
    return f"<table style='margin:2px 0 6px 16px'><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>{rest}"


def _cell(text: str, mark: str) -> str:
    shown = clean(text, 100)
    title = f" title='{escape(clean(text, 500))}'" if shown != text else ""
    return f"<td style='text-align:left'{title}>{mark}{escape(shown)}</td>"


def fold(title: str, body: str, *, shut: bool = False) -> str:
    """A part that can be folded."""
    return (
        f"<details{'' if shut else ' open'}><summary style='cursor:pointer'>{escape(clean(title, 200))}</summary>"
        f"{body}</details>"
    )


def code(text: str) -> str:
    """Lines of source."""
    lines = "\n".join(escape(clean(line, 200)) for line in text.splitlines())
    return f"<pre style='margin:2px 0 2px 16px'>{lines}</pre>"


def items(lines: Iterable[str]) -> str:
    """A list of plain texts."""
    return "<ul style='margin:2px 0'>" + "".join(f"<li>{escape(clean(line, 300))}</li>" for line in lines) + "</ul>"
