"""What was registered before anybody was watching is adopted: each entry once."""

from __future__ import annotations

from kreg_ipython.guard.ledger import Caller, Run


def test_equal_keys_are_adopted_side_by_side(lab):
    lab.owner("a")
    lab.home.pile += [("k", 1), ("k", 2)]
    lab.find_owner = lambda subject, *spot: Caller(lab.owners["a"], Run(lab.owners["a"], "", 1))
    lab.guard.attach("home")
    assert lab.entries() == [("pile", "k", "a")] * 2


def test_an_object_that_stands_in_a_list_twice_is_known_twice_by_a_new_guard(lab):
    lab.cell("a", "value = ('k', 2)\nappend(value)\nappend(value)")
    lab.guard.detach()
    lab.guard = lab.new_guard(lab.guard.ledger)
    lab.guard.attach("home")
    assert lab.entries() == [("listed", "k", "a")] * 2
    lab.cell("a", "pass")
    assert lab.home.line == []
