"""Draw results as aligned text, and as HTML that is readable in light and dark. Everything is escaped and cut."""

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
    "loads": "#23863a",
    "differs": "#b7650b",
    "fails": "#d9483b",
    "framework": "#767676",
}
"""A dot for each state or verdict. All stand out against white and black; the word beside it has the page's colour."""

FOLDED = 20
"""The number of rows of one group that are shown at once. Text is cut there, HTML folds."""

_MOST = 5_000
"""The number of rows of one group that HTML has at all."""


class Shown:
    """A result. `to_dict` has all of it, in JSON's types; text and HTML show it to people."""

    def to_dict(self) -> dict[str, Any]:
        """Return the facts, in JSON's types."""
        raise NotImplementedError

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2)

    def text(self) -> Iterable[str]:
        """Yield the lines of the text."""
        raise NotImplementedError

    def html(self) -> Iterable[str]:
        """Yield the blocks of the HTML."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return "\n".join(self.text())

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))

    def _repr_html_(self) -> str:
        return f"<div>{''.join(self.html())}</div>"


# -- text


def columns(rows: Sequence[Sequence[str]], indent: str = "  ") -> list[str]:
    """Return rows with their columns aligned, without columns that are empty everywhere. The last one may be long."""
    cleaned = [[*(clean(cell) for cell in row[:-1]), clean(row[-1], 160)] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cleaned)]
    return [
        (indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths) if width)).rstrip() for row in cleaned
    ]


def count(number: int, noun: str, plural: str = "") -> str:
    """Return ``1 entry``, ``2,000 entries``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def more(number: int, way: str) -> str:
    """Return the line that stands for what is cut."""
    return f"… and {number:,} more: {way}"


# -- HTML


def paragraph(text: str, width: int = 300, state: str | None = None) -> str:
    """Return a paragraph of plain text, after the dot of a state."""
    return f"<p style='margin:2px 0'>{dot(state) if state else ''}{escape(clean(text, width))}</p>"


def dot(state: str) -> str:
    """Return a dot in the state's colour. The word stands beside it."""
    return f"<span style='color:{COLOURS.get(state, COLOURS['framework'])}' aria-hidden='true'>●</span> "


def table(head: Sequence[str], rows: Sequence[Sequence[str]], state: int | None = None, way: str = "") -> str:
    """Return a table with escaped cells.

    Args:
        head: the headings.
        rows: the cells of each row.
        state: the column that gets the dot of its state.
        way: how to see the rows that are not shown.
    """
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
    """Return a part that can be folded."""
    return (
        f"<details{'' if shut else ' open'}><summary style='cursor:pointer'>{escape(clean(title, 200))}</summary>"
        f"{body}</details>"
    )


def code(text: str) -> str:
    """Return lines of source."""
    lines = "\n".join(escape(clean(line, 200)) for line in text.splitlines())
    return f"<pre style='margin:2px 0 2px 16px'>{lines}</pre>"


def items(lines: Iterable[str]) -> str:
    """Return a list of plain texts."""
    return "<ul style='margin:2px 0'>" + "".join(f"<li>{escape(clean(line, 300))}</li>" for line in lines) + "</ul>"
