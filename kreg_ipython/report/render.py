"""Draw results as aligned text, and as HTML that is readable in light and dark. Everything is escaped and cut.

In a terminal, states have colours, unless ``NO_COLOR`` is set. Each state has a word, too.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from html import escape
from itertools import accumulate
from typing import Any

from pygments import lex
from pygments.lexers import PythonLexer
from pygments.token import Token

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

_ANSI = {
    "current": 32,
    "shadowed": 34,
    "superseded": 35,
    "swept": 35,
    "kept": 33,
    "partial": 31,
    "framework": 90,
}
"""The same colours in a terminal."""

_SYNTAX = {
    Token.Keyword: ("--jp-mirror-editor-keyword-color", "#23863a"),
    Token.Literal.String: ("--jp-mirror-editor-string-color", "#c2452d"),
    Token.Literal.Number: ("--jp-mirror-editor-number-color", "#23863a"),
    Token.Comment: ("--jp-mirror-editor-comment-color", "#767676"),
}
"""The colours of a line of source: the page's own variable, and what stands for it elsewhere."""

_NARROWEST = 24
"""The fewest columns of a terminal that the last cell of a line gets: with fewer it has lines of its own."""

FOLDED = 20
"""The number of rows of one group that are shown at once. Text is cut there, HTML folds."""

_MOST = 2_000
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


def width() -> int:
    """Return the number of columns of the terminal; 80 if there is none."""
    return max(shutil.get_terminal_size().columns, 40)


def columns(rows: Sequence[Sequence[str]], indent: str = "  ") -> list[str]:
    """Return rows with their columns aligned, without columns that are empty everywhere. The last one may be long."""
    cleaned = [[*(clean(cell) for cell in row[:-1]), clean(row[-1], 160)] for row in rows]
    widths = _widths(cleaned)
    return [_aligned(row, widths, indent) for row in cleaned]


def entries(rows: Sequence[Sequence[str]], widths: Sequence[int], indent: str = "  ") -> Iterable[str]:
    """Yield rows as aligned lines: the first cell is a state, and the last two are a line of source and a sentence.

    What does not fit beside the other cells, the source first, has a line of its own.

    Args:
        rows: the cells of each row.
        widths: how wide the columns are, as `widths_of` says.
        indent: what each line begins with.
    """
    begin = f"{indent}{' ' * (widths[0] + 2)}"
    ends = [*accumulate((each + 2 if each else 0 for each in widths), initial=len(indent))][1:]
    room = width() - ends[-1]
    fitting = len(widths) + 1 if room >= _NARROWEST else sum(end - 2 <= width() for end in ends)
    for state, *cells, source, note in rows:
        shown = [clean(cell, most) if most else "" for cell, most in zip(cells, widths[1:])]
        shown.append(clean(source, max(room, _NARROWEST)))
        beside, below = shown[: fitting - 1], [*filter(None, shown[fitting - 1 : -1]), source]
        line = _aligned(beside, [*widths[1:], room], "  ")
        yield f"{indent}{painted(state)}{' ' * (widths[0] - len(state))}{line}".rstrip()
        if any(below) and fitting <= len(widths):
            yield f"{begin}{clean('  '.join(below), width() - len(begin))}"
        if note:
            yield from wrapped([note], begin)


def widths_of(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return how wide the columns of `entries` are, but for the last two; one that is empty everywhere has no width."""
    most = max(width() // 2 - 8, _NARROWEST)
    return [min(each, most) for each in _widths([[clean(cell) for cell in row[:-2]] for row in rows])]


def wrapped(sentences: Iterable[str], indent: str = "") -> Iterable[str]:
    """Yield sentences as lines that fit the terminal, cut between words."""
    for each in sentences:
        yield from textwrap.wrap(
            clean(each, 500), width(), initial_indent=indent, subsequent_indent=indent, break_long_words=False
        )


def painted(state: str) -> str:
    """Return the word for a state, in its colour if the terminal has any."""
    colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    return f"\x1b[{_ANSI[state]}m{state}\x1b[0m" if colours and state in _ANSI else state


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows)]


def _aligned(row: Sequence[str], widths: Sequence[int], indent: str) -> str:
    return (indent + "  ".join(cell.ljust(each) for cell, each in zip(row, widths) if each)).rstrip()


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
    """Return a table with escaped cells, without columns that are empty everywhere.

    Args:
        head: the headings.
        rows: the cells of each row.
        state: the column that gets the dot of its state.
        way: how to see the rows that are not shown.
    """
    used = [at for at in range(len(head)) if any(row[at] for row in rows)]
    top = "".join(f"<th style='text-align:left'>{escape(head[at])}</th>" for at in used)
    body = "".join("<tr>" + "".join(_cell(row[at], at == state) for at in used) + "</tr>" for row in rows[:_MOST])
    rest = paragraph(more(len(rows) - _MOST, way)) if len(rows) > _MOST else ""
    return f"<table style='margin:2px 0 6px 16px'><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>{rest}"


def entry_list(rows: Sequence[Sequence[str]], widths: Sequence[int], way: str = "") -> str:
    """Return rows of entries as a list whose columns are as wide as those of its neighbours; a narrow page wraps them.

    Args:
        rows: the cells of each row: the first is a state, and the last two are a line of source and a sentence.
        widths: how wide the columns but for the last two are, in characters, as `widths_of` says.
        way: how to see the rows that are not shown.
    """
    basis = [each + (2 if at == 0 else 0) for at, each in enumerate(widths)]
    body = []
    for *cells, source, note in rows[:_MOST]:
        parts = [
            f"<span style='flex:0 1 {basis[at]}ch;overflow-wrap:anywhere'{_title(cell)}>"
            f"{dot(cell) if at == 0 else ''}{escape(clean(cell, 100))}</span>"
            for at, cell in enumerate(cells)
            if basis[at]
        ]
        said = f"<code style='white-space:pre-wrap;background:none'>{_coloured(source)}</code>" if source else ""
        said += f"<div>{escape(clean(note, 500))}</div>" if note else ""
        parts.append(f"<span style='flex:1 1 40ch;overflow-wrap:anywhere'>{said}</span>")
        body.append(f"<li style='display:flex;flex-wrap:wrap;gap:0 2ch;margin:2px 0'>{''.join(parts)}</li>")
    rest = paragraph(more(len(rows) - _MOST, way)) if len(rows) > _MOST else ""
    return f"<ul style='list-style:none;margin:2px 0 6px 16px;padding:0'>{''.join(body)}</ul>{rest}"


def _title(text: str) -> str:
    """Return the attribute that shows a text as a whole which is cut."""
    return f" title='{escape(clean(text, 500))}'" if clean(text, 100) != text else ""


def _cell(text: str, is_state: bool) -> str:
    return f"<td style='text-align:left'{_title(text)}>{dot(text) if is_state else ''}{escape(clean(text, 100))}</td>"


def fold(title: str, body: str, *, shut: bool = False) -> str:
    """Return a part that can be folded."""
    return (
        f"<details{'' if shut else ' open'}><summary style='cursor:pointer'>{escape(clean(title, 200))}</summary>"
        f"{body}</details>"
    )


def code(text: str) -> str:
    """Return lines of source."""
    lines = "\n".join(map(_coloured, text.splitlines()))
    return f"<pre style='margin:2px 0 2px 16px'>{lines}</pre>"


@functools.lru_cache(maxsize=1_000)
def _coloured(line: str) -> str:
    """Return a line of Python as HTML, with its syntax in the page's colours."""
    parts = []
    for kind, part in lex(clean(line, 200), PythonLexer(stripnl=False)):
        variable, colour = next((_SYNTAX[each] for each in kind.split()[::-1] if each in _SYNTAX), ("", ""))
        shown = escape(part.rstrip("\n"))
        parts.append(f"<span style='color:var({variable},{colour})'>{shown}</span>" if variable else shown)
    return "".join(parts)


def items(lines: Iterable[str]) -> str:
    """Return a list of plain texts."""
    return "<ul style='margin:2px 0'>" + "".join(f"<li>{escape(clean(line, 300))}</li>" for line in lines) + "</ul>"
