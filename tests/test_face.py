"""How results look: as text in terminals of several widths, with and without colours, and as HTML."""

from __future__ import annotations

import io
import re
import sys
import unicodedata
from typing import Any

import pytest

from kreg_ipython.checks import Finding
from kreg_ipython.export.verify import Result
from kreg_ipython.guard.journal import Event, OwnerText
from kreg_ipython.report import render
from kreg_ipython.report.engines import Engines
from kreg_ipython.report.findings import Findings
from kreg_ipython.report.life import Life, Lives, Use
from kreg_ipython.report.log import Log
from kreg_ipython.report.status import Group, Row, Status
from kreg_ipython.report.verified import Verified

OWNER = {"kind": "cell", "id": "a", "label": "cell [3]"}
LINE = '@keras.saving.register_keras_serializable("Demo", name="attention")'
WHY = "the code that registered it is still there, and may have been skipped"


def row(key: str, state: Any = "current", note: str = "", registry: str = "keras.custom_objects") -> Row:
    return Row(registry, key, f"__main__.{key}", OWNER, 2, 3, state, note, LINE)


STATUS = Status(
    True,
    (
        Group("cell [3]", (row("Demo>attention"), row("Demo>former", "superseded"))),
        Group("cell [4]", (row("Demo>small"), row("Demo>kept", "kept", WHY)), 1),
        Group("cell [5]", (row("Demo>fifth"),), 0),
        Group(
            "keras.custom_objects, which has a long name, filled by its framework", (row("Custom>theirs", "framework"),)
        ),
    ),
    {"current": 3, "kept": 1, "superseded": 1},
    {"keras.custom_objects": 12},
    faults={"mine.models": "ValueError: no"},
)


EVENTS = (
    Event("kept", "keras.custom_objects", "Demo>attention", OwnerText("cell", "a", 3), 3, WHY),
    Event("swept", "keras.custom_objects", "日本語", OwnerText("cell", "a", 3), 3, "cell runs again"),
)
FORMER = (row("Demo>attention", "superseded"), (Use("model", "is built from", 4), Use("layer", "is an instance of", 5)))
ENTRY = row("Demo>attention").to_dict()
SHOWN = {
    "status": STATUS,
    "log": Log(EVENTS),
    "show": Lives("k", (Life("r", "Demo>attention", row("k"), (row("k", "shadowed"),), (FORMER,), EVENTS),)),
    "check": Findings(
        (Finding("former-class", "model", "cell [4], line 1", WHY, "re-run cell [4], which builds it"),), 1
    ),
    "engines": Engines(
        {0: {"on": True, "entries": [ENTRY, ENTRY | {"key": "k"}]}, 1: {"on": True, "entries": [ENTRY]}}
    ),
    "verify": Verified((Result("model", "differs", WHY, (3, 4), 1e-3, 2.0),)),
}
"""A result of each word that shows rows."""


@pytest.fixture
def terminal(monkeypatch) -> Any:
    """A terminal of so many columns, which has colours."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def of(columns: int, **environment: str) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "stdout", Terminal())

    return of


def lines(plain: bool = True) -> list[str]:
    text = repr(STATUS)
    return (re.sub(r"\x1b\[\d+m", "", text) if plain else text).splitlines()


def titles() -> list[str]:
    return [line.partition(":")[0] for line in lines() if line[:1] != " "]


@pytest.mark.parametrize("columns", [60, 80, 100, 140])
def test_no_line_is_wider_than_the_terminal_and_the_columns_of_all_groups_are_aligned(terminal, columns):
    terminal(columns)
    assert max(map(len, lines())) <= columns
    places = {line.index("line 2") for line in lines() if "line 2" in line}
    assert len(places) == 1
    sources = [line for line in lines() if "@keras" in line]
    assert len(sources) == 6 and ("line 2" in sources[0]) is (columns >= 140)
    assert all(line.endswith(LINE) for line in sources) is (columns >= 100), (
        "what has room in a line of its own is whole"
    )


def columns_of(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in line)


@pytest.mark.parametrize("columns", [60, 100])
@pytest.mark.parametrize("word", SHOWN)
def test_each_result_fits_the_terminal_and_its_first_column_is_a_word_in_a_colour(terminal, word, columns):
    terminal(columns)
    text = repr(SHOWN[word])
    plain = re.sub(r"\x1b\[\d+m", "", text)
    assert max(map(columns_of, plain.splitlines())) <= columns
    assert re.search(r"^ *\x1b\[\d+m[\w-]+\x1b\[0m  +\S", text, re.MULTILINE)
    html = SHOWN[word]._repr_html_()
    assert re.search(r"●</span> [\w-]+<", html) and "<table" not in html


def test_a_short_reason_has_no_line_of_its_own_and_a_long_one_is_whole(terminal):
    terminal(60)
    short = Event("cleared", "tensorflow.gradients", "GuidedRelu", OwnerText("cell", "a", 3), 3, "%kreg clear")
    text = re.sub(r"\x1b\[\d+m", "", repr(Log((short, *EVENTS))))
    assert [" ".join(line.split()) for line in text.splitlines()] == [
        "cleared GuidedRelu cell [3] in run [3]",
        "tensorflow.gradients %kreg clear",
        "kept Demo>attention cell [3] in run [3]",
        "keras.custom_objects",
        "the code that registered it is still there, and may",
        "have been skipped",
        "swept 日本語 cell [3] in run [3]",
        "keras.custom_objects cell runs again",
    ]


def test_characters_that_are_two_columns_wide_count_two(terminal):
    terminal(100)
    keys = ("日本語のレイヤー", "👍 good", "plain", "é", "Ｗｉｄｅ", "語" * 40)
    text = repr(Status(True, (Group("cell [1]", tuple(map(row, keys))),), {"current": 6}))
    places = {columns_of(line.partition("line 2")[0]) for line in text.splitlines() if "line 2" in line}
    assert len(places) == 1 and "\0" not in text
    assert "語…" in text, "what does not fit is cut between characters"


def test_sentences_are_cut_between_words_at_any_width(terminal):
    terminal(60)
    said = " ".join(lines()).split()
    assert " ".join(WHY.split()) in " ".join(said)


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, False), ({"TERM": "dumb"}, False)],
)
def test_states_have_colours_in_a_terminal_that_wants_them(terminal, environment, coloured):
    terminal(100, **environment)
    assert any("\x1b[33mkept\x1b[0m" in line for line in lines(plain=False)) is coloured
    assert any("\x1b" in line for line in lines(plain=False)) is coloured


def test_what_needs_a_look_comes_first_and_what_is_gone_or_a_frameworks_last(terminal):
    terminal(100)
    assert titles() == [
        "kreg",
        "not guarded",
        "cell [4]",
        "cell [5]",
        "cell [3]",
        "gone from cell [3]",
        "keras.custom_objects, which has a long name, filled by its framework",
    ]
    [kept] = [at for at, line in enumerate(lines()) if "Demo>kept" in line]
    assert "Demo>small" in lines()[kept + (2 if "@keras" in lines()[kept] else 3)]
    assert [entry["key"] for entry in STATUS.to_dict()["entries"]][:2] == ["Demo>attention", "Demo>former"]


def test_a_registry_that_is_the_title_of_its_group_is_not_said_in_each_row_again(terminal):
    terminal(100)
    rows = (row("conv", "framework", registry="tensorflow.gradients"),)
    shown = Status(True, (Group("tensorflow.gradients, filled by its framework", rows), Group("cell [3]", rows)))
    assert repr(shown).count("tensorflow.gradients") == 2  # the title, and the row of the cell
    assert shown._repr_html_().count("tensorflow.gradients") == 2


def test_html_has_a_word_beside_each_colour_and_nothing_of_the_users_is_markup():
    odd = Status(True, (Group("cell [1]", (Row("r", "<b>k", "o", OWNER, 1, 1, "kept", "<i>n", "f('<u>')"),)),))
    html = odd._repr_html_()
    assert "&lt;b&gt;k" in html and "&lt;i&gt;n" in html and not re.search("<[biu]>", html)
    assert re.search(r"●</span> kept<", html)


def test_a_line_of_source_is_coloured_by_the_pages_own_colours():
    assert "var(--jp-mirror-editor-keyword-color" in render.code("class A: pass")
    assert re.sub("<[^>]*>", "", render.code("class A: pass")) == "class A: pass"


def test_before_any_framework_is_imported_the_status_says_what_it_waits_for():
    assert "none of the frameworks is imported so far (absl, keras," in " ".join(Status(True).text())
