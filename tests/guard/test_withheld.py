"""What was swept with its statement comes back with it, and with nothing else."""

from __future__ import annotations


def test_another_statement_under_an_equal_condition_brings_nothing_back(lab):
    lab.main.ready, lab.main.name = True, "x"
    lab.cell("a", "if ready:\n    register(name, 1)")
    lab.cell("a", "pass")
    lab.main.ready = False
    lab.cell("b", "if ready:\n    register(name, 2)")
    assert lab.home.table == {}


def test_a_guarded_statement_that_comes_back_finds_what_it_registered(lab):
    guarded = "if 'done' not in globals():\n    register('x', 1)\n    done = True"
    lab.cell("a", guarded)
    lab.cell("a", "pass")
    assert lab.home.table == {}
    lab.cell("b", guarded)
    assert lab.home.table == {"x": 1}
    assert [(entry.owner.id, bool(entry.kept)) for entry in lab.guard.ledger] == [("b", True)]


def test_what_another_cell_asks_for_too_stays_when_its_cell_drops_it(lab):
    guarded = "if 'done' not in globals():\n    register('x', 1)\n    done = True"
    lab.cell("a", guarded)
    lab.cell("b", guarded)
    lab.cell("a", "pass")
    assert lab.home.table == {"x": 1}
    lab.cell("b", "pass")
    lab.cell("a", "pass  # again")
    assert lab.home.table == {}
