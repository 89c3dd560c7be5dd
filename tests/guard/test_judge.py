"""What cannot be decided stays."""

from __future__ import annotations

import pytest

from kreg_ipython.guard import judge, ways


def test_a_way_that_cannot_be_told_keeps_all(lab, monkeypatch):
    lab.cell("a", "register('x', 1)")
    monkeypatch.setattr(ways, "way_to", lambda entry, accessor: 1 / 0)
    lab.cell("a", "pass")
    assert lab.home.table == {"x": 1}


@pytest.mark.parametrize("question", ["is_left_out", "place"])
def test_a_question_that_has_no_answer_loses_nothing(lab, monkeypatch, question):
    text = "for name in names:\n    register(name, 1)"
    lab.main.names = ["x", "y"]
    lab.cell("a", text)
    monkeypatch.setattr(judge, question, lambda *args: 1 / 0)
    lab.main.names = ["x"]
    lab.cell("a", text)
    assert lab.home.table == {"x": 1, "y": 1}
    assert lab.guard.pending() == []
