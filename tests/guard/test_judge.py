"""What cannot be decided stays."""

from __future__ import annotations

from kreg_ipython.guard import ways


def test_a_way_that_cannot_be_told_keeps_all(lab, monkeypatch):
    lab.cell("a", "register('x', 1)")
    monkeypatch.setattr(ways, "way_to", lambda entry, accessor: 1 / 0)
    lab.cell("a", "pass")
    assert lab.home.table == {"x": 1}
