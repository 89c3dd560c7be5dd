"""Many engines, without any: which piece of a cell a request is, what differs, what lags."""

from __future__ import annotations

from typing import Any

import pytest

from kreg_ipython.engines.cluster import Request
from kreg_ipython.engines.command import lagging
from kreg_ipython.engines.pieces import Pieces
from kreg_ipython.report.engines import Engines, Everywhere


def sent(pieces: Pieces, number: int, *texts: str, engines: str = "01") -> list[str]:
    """Run a cell that sends these texts, and return the ids of the requests at the last engine."""
    cell = "\n".join(texts)
    return [[pieces.of_text(number, text, cell, engine) for engine in engines][-1] for text in texts]


@pytest.mark.parametrize(
    ("before", "after", "ids", "gone"),
    [
        (["a"], ["b"], ["c"], []),
        (["a", "b"], ["a", "b"], ["c", "c#2"], []),
        (["a", "b"], ["b"], ["c#2"], ["c"]),
        (["a", "b"], ["x", "a", "b"], ["c#3", "c", "c#2"], []),
        (["a", "b"], ["a", "x"], ["c", "c#2"], []),
        (["a"], ["a", "a"], ["c", "c#2"], []),
        (["a", "b"], [], [], ["c", "c#2"]),
        ([], ["a"], ["c"], []),
    ],
)
def test_a_request_is_the_piece_of_equal_text_or_the_one_that_the_cell_has_not_any_more(before, after, ids, gone):
    pieces = Pieces("c")
    sent(pieces, 1, *before)
    assert pieces.end(1) == []
    assert sent(pieces, 2, *after) == ids
    assert pieces.end(2) == gone


def test_all_engines_get_one_piece_and_all_calls_are_one():
    pieces = Pieces("c")
    assert [pieces.of_text(1, "a", "a", engine) for engine in "012"] == ["c"] * 3
    assert [pieces.of_call(1) for _ in range(3)] == ["c@call"] * 3
    assert pieces.end(1) == []
    assert pieces.of_text(2, "a", "a", "0") == "c" and pieces.end(2) == ["c@call"]


def row(key: str, run: int, owner: str = "c", state: str = "current", **more: Any) -> dict[str, Any]:
    who = {"kind": "cell", "id": owner, "label": f"cell [{run}]"}
    facts = {
        "registry": "r",
        "key": key,
        "object": "o",
        "owner": who,
        "line": 1,
        "run": run,
        "state": state,
        "note": "",
    }
    return facts | more


def engines(*rows: list[dict[str, Any]], **more: Any) -> Engines:
    return Engines({engine: {"on": True, "entries": entries} for engine, entries in enumerate(rows)}, **more)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([[row("k", 5)], [row("k", 5)], [row("k", 2)]], "engine 2: current from run [2]; engines 0 and 1: current from run [5]"),
        ([[row("k", 5)], []], "engine 0: current from run [5]; engine 1: not there"),
        (
            [[row("k", 5)], [row("k", 5, object="p")]],
            "engine 0: current from run [5], line 1, o; engine 1: current from run [5], line 1, p",
        ),
        ([[row("k", 2)], *([[row("k", 5)]] * 7)], "engine 0: current from run [2]; the 7 others: current from run [5]"),
        ([[row("k", 5), row("k", 2, state="superseded")], [row("k", 5)]], "engine 0: current from run [5] and superseded from run [2]; engine 1: current from run [5]"),
    ],
)  # fmt: skip
def test_who_has_what_is_said_in_the_fewest_words(rows, text):
    [difference] = engines(*rows).differences
    assert difference.who_has_what() == text


def test_what_is_equal_everywhere_is_shown_once_and_what_differs_first():
    shown = engines([row("same", 1), row("k", 5)], [row("same", 1)], missing={2: "dead"}, did=["loaded"])
    lines = repr(shown).splitlines()
    assert lines[:3] == [
        "kreg: loaded",
        "kreg: 2 engines, 1 key differs:",
        "  differs  k  r  engine 0: current from run [5]; engine 1: not there",
    ]
    assert lines[3] == "on both engines: 1 entry" and "same" in lines[4] and lines[5] == "engine 2: dead"
    assert shown.to_dict()["differences"] == [{"registry": "r", "key": "k", "engines": {"0": "current", "1": None}}]
    html = shown._repr_html_()
    assert html.count("same") == 1 and "engine 2: dead" in html
    assert repr(engines([], [])) == "kreg: 2 engines, no difference"


def test_engines_that_say_the_same_say_it_once():
    shown = Everywhere({0: ({}, ["a"]), 1: ({}, ["b"]), 2: ({}, ["a"])}, {3: "busy"})
    assert repr(shown).splitlines() == ["engines 0 and 2:", "  a", "engine 1:", "  b", "engine 3:", "  busy"]


@pytest.mark.parametrize(
    ("rows", "again"),
    [
        ([[row("k", 5)], [row("k", 2)]], {1: ["c"]}),
        ([[row("k", 5)], []], {1: ["c"]}),
        ([[], [row("old", 2)]], {1: ["c"]}),
        ([[row("k", 5), row("l", 6, "d")], []], {1: ["c", "d"]}),
        ([[row("k", 5)], [row("k", 5)]], {}),
    ],
)
def test_an_engine_lags_that_has_not_what_the_last_run_registered(rows, again):
    pieces = {"c": Request("c", "text", 5), "d": Request("d", "text", 6)}
    found, unknown = lagging(engines(*rows).differences, pieces)
    assert {engine: [piece.id for piece in each] for engine, each in found.items()} == again and not unknown


def test_what_a_call_registered_has_no_text():
    assert lagging(engines([row("k", 5, "c@call")], []).differences, {}) == ({}, {"k"})
