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
import unicodedata
from collections.abc import Iterable, Sequence
from html import escape
from itertools import accumulate
from typing import Any

from pygments import lex
from pygments.lexers import PythonLexer
from pygments.token import Token

from kreg_ipython.lib.naming import clean

_GREEN, _BLUE, _PURPLE, _AMBER, _RED, _GREY = "#23863a", "#2f7ad0", "#9a5fd0", "#b7650b", "#d9483b", "#767676"

COLOURS = {
    **dict.fromkeys(("current", "restored", "registered", "loads"), _GREEN),
    **dict.fromkeys(("shadowed", "replaced"), _BLUE),
    **dict.fromkeys(("superseded", "swept", "removed", "cleared", "forgot"), _PURPLE),
    **dict.fromkeys(("kept", "differs"), _AMBER),
    **dict.fromkeys(("partial", "failed", "fails"), _RED),
    **dict.fromkeys(("framework", "adopted", "released", "skipped"), _GREY),
}
"""A dot for each state, act and verdict; any other word is something to look at, as what is kept. All stand out against
white and black; the word beside the dot has the page's colour."""

_ANSI = {_GREEN: 32, _BLUE: 34, _PURPLE: 35, _AMBER: 33, _RED: 31, _GREY: 90}
"""The same colours in a terminal."""

_SYNTAX = {
    Token.Keyword: ("--jp-mirror-editor-keyword-color", "#23863a"),
    Token.Literal.String: ("--jp-mirror-editor-string-color", "#c2452d"),
    Token.Literal.Number: ("--jp-mirror-editor-number-color", "#23863a"),
    Token.Comment: ("--jp-ui-font-color2", "#767676"),
}
"""The colours of a line of source: the page's own variable, and what stands for it elsewhere. JupyterLab's own
colour of comments is hard to read in its dark theme."""

_NARROWEST = 24
"""The fewest columns of a terminal that the last cell of a line gets: with fewer it has lines of its own."""

_WIDEST = 60
"""The most characters of a page that a column gets, which wraps longer texts."""

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


def entries(rows: Sequence[Sequence[str]], widths: Sequence[int], indent: str = "  ", hang: int = 0) -> Iterable[str]:
    """Yield rows as aligned lines: the first cell is a state, and the last two are a line of source and sentences.

    What does not fit beside the other cells, the source first, has a line of its own, and is cut only there.

    Args:
        rows: the cells of each row. The sentences are lines of one text.
        widths: how wide the columns are, as `widths_of` says.
        indent: what each line begins with.
        hang: what further lines of a row begin with, in columns; below the second cell if it is 0.
    """
    if not rows:
        return
    begin = f"{indent}{' ' * (hang or widths[0] + 2)}"
    ends = [*accumulate((each + 2 if each else 0 for each in widths), initial=len(indent))][1:]
    room = width() - ends[-1]
    fitting = len(widths) + 1 if room >= _NARROWEST else sum(end - 2 <= width() for end in ends)
    for state, *cells, source, note in rows:
        shown = [_fitted(cell, most) if most else "" for cell, most in zip(cells, widths[1:])]
        last = len("  ".join(filter(None, [*shown[fitting - 1 :], _filled(note)])))
        if not source and last <= (room if fitting > len(widths) else width() - len(begin)):
            source, note = note, ""
        is_beside = fitting > len(widths) and len(_filled(source)) <= room
        line = _aligned([*shown[: fitting - 1], _filled(source) if is_beside else ""], [*widths[1:], room], "  ")
        yield _unfilled(f"{indent}{painted(state)}{' ' * (widths[0] - len(state))}{line}".rstrip())
        below = [*filter(None, [*map(_unfilled, shown[fitting - 1 :]), "" if is_beside else source])]
        if len(_filled("  ".join(below))) <= width() - len(begin):
            below = ["  ".join(below)]
        yield from (_unfilled(f"{begin}{_fitted(each, width() - len(begin))}") for each in filter(None, below))
        yield from wrapped(note.splitlines(), begin)


def widths_of(rows: Iterable[Sequence[str]], most: int = 0) -> list[int]:
    """Return how wide the columns of `entries` are, but for the last two; one that is empty everywhere has no width.

    Args:
        rows: the cells of each row.
        most: the most that a column gets; what suits the terminal if it is 0.
    """
    most = most or max(width() // 2 - 8, _NARROWEST)
    columns = zip(*([len(row[0]), *(len(_fitted(cell, most)) for cell in row[1:-2])] for row in rows))
    return [max(column) for column in columns]


def wrapped(sentences: Iterable[str], indent: str = "") -> Iterable[str]:
    """Yield sentences as lines that fit the terminal, cut between words."""
    for each in sentences:
        lines = textwrap.wrap(
            _filled(each, 1_000), width() - len(indent), break_long_words=False, break_on_hyphens=False
        )
        yield from (f"{indent}{_unfilled(line)}" for line in lines)


def painted(state: str) -> str:
    """Return the word for a state, in its colour if the terminal has any."""
    colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    return f"\x1b[{_ANSI[colour(state)]}m{state}\x1b[0m" if colours else state


def _aligned(row: Sequence[str], widths: Sequence[int], indent: str) -> str:
    return (indent + "  ".join(cell.ljust(each) for cell, each in zip(row, widths) if each)).rstrip()


_FILLER = "\0"
"""Stands before each character that takes two columns, so that a text is as long as it is wide."""


def _filled(text: str, most: int = 500) -> str:
    """Return text as one line of printable characters, with fillers."""
    text = clean(text, most)
    if text.isascii():
        return text
    return "".join(f"{_FILLER}{each}" if unicodedata.east_asian_width(each) in "WF" else each for each in text)


def _fitted(text: str, columns: int) -> str:
    """Return text as one line that is at most so many columns wide, with fillers."""
    filled = _filled(text)
    return filled if len(filled) <= columns else filled[: columns - 1].rstrip(_FILLER) + "…"


def _unfilled(text: str) -> str:
    return text.replace(_FILLER, "")


def count(number: int, noun: str, plural: str = "") -> str:
    """Return ``1 entry``, ``2,000 entries``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def place(line: int | None, run: int | None) -> str:
    """Return ``line 2 of run [3]``, as far as it is known."""
    known = [] if line is None else [f"line {line}"]
    return " of ".join(known if run is None else [*known, f"run [{run}]"])


def more(number: int, way: str) -> str:
    """Return the line that stands for what is cut."""
    return f"… and {number:,} more: {way}"


def everything(command: str) -> str:
    """Return how to see all that a command's result has: two lines to type, since `;` would be part of the first."""
    return f"r = %kreg {command}, then r.to_dict()"


# -- HTML


def paragraph(text: str, width: int = 300) -> str:
    """Return a paragraph of plain text."""
    return f"<p style='margin:2px 0'>{escape(clean(text, width))}</p>"


def colour(word: str) -> str:
    """Return the colour of a state, an act or a verdict on a page."""
    return COLOURS.get(word, _AMBER)


def dot(state: str) -> str:
    """Return a dot in the state's colour. The word stands beside it."""
    return f"<span style='color:{colour(state)}' aria-hidden='true'>●</span> "


def entry_list(rows: Sequence[Sequence[str]], widths: Sequence[int] = (), way: str = "") -> str:
    """Return rows of entries as a list in columns; what does not fit beside them hangs below the second one.

    Args:
        rows: the cells of each row, as `entries` has them.
        widths: how wide the columns but for the last two are, in characters, as `page_widths` says; as these rows want
            it, if none are given.
        way: how to see the rows that are not shown.
    """
    if not rows:
        return ""
    first, *others = widths or page_widths(rows)
    body = []
    for state, *cells, source, note in rows[:_MOST]:
        parts = [
            f"<span style='min-width:{_COLUMN.format(least)};overflow-wrap:anywhere'{_title(cell)}>"
            f"{escape(clean(cell, 100))}</span>"
            for cell, least in zip(cells, others)
            if least
        ]
        said = f"<code style='{_SOURCE}'>{_coloured(source)}</code>" if source else ""
        said += "".join(f"<div>{escape(clean(line, 500))}</div>" for line in note.splitlines())
        parts.append(f"<span style='flex:1 1 40ch;overflow-wrap:anywhere'>{said}</span>" if said else "")
        body.append(
            f"<li style='{_FLOW};margin:2px 0'><span style='min-width:{first + 2}ch'>{dot(state)}{escape(state)}</span>"
            f"<div style='{_FLOW};flex:1 1 30ch'>{''.join(parts)}</div></li>"
        )
    rest = paragraph(more(len(rows) - _MOST, way)) if len(rows) > _MOST else ""
    return f"<ul style='list-style:none;margin:2px 0 6px 16px;padding:0'>{''.join(body)}</ul>{rest}"


_FLOW = "display:flex;flex-wrap:wrap;gap:0 2ch"
_SOURCE = "white-space:pre-wrap;padding:0;background:none"
_COLUMN = "clamp(0px,(100% - 60ch)*999,{}ch)"
"""The width of a column where there is room for columns; 0 on a page of less than 60 characters, as a phone's."""


def page_widths(rows: Iterable[Sequence[str]]) -> list[int]:
    """Return how wide the columns of `entry_list` are, in characters."""
    return widths_of(rows, _WIDEST)


def _title(text: str) -> str:
    """Return the attribute that shows a text as a whole which is cut."""
    return f" title='{escape(clean(text, 500))}'" if clean(text, 100) != text else ""


def fold(title: str, body: str, *, shut: bool = False) -> str:
    """Return a part that can be folded."""
    return (
        f"<details{'' if shut else ' open'}><summary style='cursor:pointer'>{escape(clean(title, 200))}</summary>"
        f"{body}</details>"
    )


def code(text: str) -> str:
    """Return lines of source."""
    lines = "\n".join(map(_coloured, text.splitlines()))
    return f"<pre style='margin:2px 0 8px 32px'>{lines}</pre>"


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
