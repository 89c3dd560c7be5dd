"""The same definition in two cells is told; a key that is equal in name takes a former one's place."""

from __future__ import annotations

import pytest

from kreg_ipython.guard import messages
from kreg_ipython.guard.ledger import Caller

FOO = "def foo(): return {}\n"
ONCE = FOO + "register_once('x', foo)"
SILENT = FOO + "register('x', foo)"
CLASS = "class Key: pass\n"


@pytest.fixture
def refusing(lab):
    """The lab, in which the registry that raises says so."""
    lab.guard.registries["raising"].adapter.refuses = True
    return lab


def test_a_definition_that_two_cells_say_is_told_once(refusing):
    lab = refusing
    lab.cell("a", ONCE.format(1))
    first = lab.entry("raising", "x")
    lab.cell("b", "pass\n" + ONCE.format(1))
    told = messages.said_twice(first, Caller(lab.owners["b"], None, 3))
    assert lab.said == [told] and "after a restart" in told
    lab.cell("b", "pass\n" + ONCE.format(1))
    assert lab.said == [told]


@pytest.mark.parametrize(
    "change",
    [
        lambda lab: setattr(lab.guard.registries["raising"].adapter, "refuses", False),
        lambda lab: setattr(lab.settings, "on_conflict", "replace"),
        lambda lab: setattr(lab.owners["a"], "id", None),
        lambda lab: setattr(lab.owners["a"], "deleted", True),
        lambda lab: lab.owners["a"].sessions.clear(),
        lambda lab: setattr(lab.entry("raising", "x"), "kept", "it may be skipped"),
        lambda lab: setattr(lab.entry("raising", "x"), "restored", True),
    ],
    ids=["no refusal", "replace", "no id", "deleted", "a former session", "kept", "restored"],
)
def test_what_may_be_the_same_cell_or_says_it_no_more_is_not_told(refusing, change):
    refusing.cell("a", ONCE.format(1))
    change(refusing)
    refusing.cell("b", ONCE.format(1))
    assert refusing.said == []


def test_a_module_that_says_what_a_cell_says_is_not_told(refusing):
    refusing.cell("a", "home.register_once('x', abs)", code="import home\nhome.register_once('x', abs)")
    refusing.module("mod", "home.register_once('x', abs)", fails=None)
    assert refusing.said == []


@pytest.mark.parametrize("register", ["register(Key, foo)", "append((Key, foo))"])
def test_without_ids_a_key_that_is_equal_in_name_takes_the_formers_place(lab, register):
    for name in ("a", "b", "a", "b"):
        lab.owner("class", id=None)
        lab.owner(name, id=None)
        lab.cell("class", CLASS)
        lab.cell(name, FOO.format(1) + register)
        assert [(each[1].__name__, each[2]) for each in lab.entries()] == [("Key", name)]
    assert len(lab.home.table) + len(lab.home.line) == 1
    assert lab.guard.ledger.equally_named(next(iter(lab.guard.ledger))) == []


@pytest.mark.parametrize(
    "second",
    [
        FOO.format(1) + "register(Key, foo)",  # the class is the same one
        CLASS + "def bar(): pass\nregister(Key, bar)",
        "def make():\n    class Key: pass\n    return Key\n" + FOO.format(1) + "register(make(), foo)",
    ],
    ids=["one key", "another definition", "a local class"],
)
def test_without_ids_other_keys_stay(lab, second):
    for name in ("a", "b"):
        lab.owner(name, id=None)
    lab.cell("a", CLASS + FOO.format(1) + "register(Key, foo)")
    lab.cell("b", second)
    assert len(lab.home.table) == 2 - (second == FOO.format(1) + "register(Key, foo)")


def test_with_ids_a_key_that_is_equal_in_name_is_another_cells(lab):
    lab.cell("a", CLASS + FOO.format(1) + "register(Key, foo)")
    lab.cell("b", CLASS + FOO.format(1) + "register(Key, foo)")
    assert len(lab.home.table) == 2


def test_what_gave_way_to_an_equal_name_comes_back_if_the_run_leaves_nothing(lab):
    for name in ("a", "b"):
        lab.owner(name, id=None)
    lab.cell("a", CLASS + FOO.format(1) + "append((Key, foo))")
    lab.cell(
        "b",
        CLASS + FOO.format(1) + "append((Key, foo))\nhome.line.pop()",
        code="import home\n" + CLASS + FOO.format(1) + "append((Key, foo))\n1/0",
        fails=ZeroDivisionError,
    )
    assert len(lab.home.line) == 1
