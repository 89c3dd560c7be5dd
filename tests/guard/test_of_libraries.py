"""What libraries register on their own behalf is left alone, and what cannot be put back is not removed before a run."""

from __future__ import annotations

import pytest

from kreg_ipython.guard.verdicts import Step, Way, verdict
from kreg_ipython.lib.source import read
from kreg_ipython.registries.registry import Gate
from kreg_ipython.registries.shapes import DictRegistry

SEABORN = """
from shelf import put

def setup():
    put("theirs", 1)

def on_behalf(key, value):
    put(key, value)
"""


def guarded(lab, **options):
    """The shelf's registry by an adapter as ours are, in a lab whose cells know a library that uses the shelf."""
    adapter = DictRegistry("things", "shelf:things", [Gate("shelf:put", lambda key, value: (key, value))], **options)
    adapter.users_only = True
    lab.guard.add(adapter, now=True)
    seaborn = lab._module("seaborn", SEABORN)
    vars(lab.main).update(seaborn=seaborn, put=lab.shelf.put)
    return lab.shelf.things


def test_what_a_library_registers_for_itself_on_first_use_stays(lab):
    things = guarded(lab)
    lab.cell("a", "seaborn.setup()\nput('mine', 1)")
    assert things == {"theirs": 1, "mine": 1} and lab.entries() == [("things", "mine", "a")]
    lab.cell("a", "put('mine', 2)")
    assert things == {"theirs": 1, "mine": 2}
    lab.cell("a", "x = 1")
    assert things == {"theirs": 1}


def test_what_a_library_registers_of_the_users_is_the_users(lab):
    things = guarded(lab)
    text = "class Mine: pass\nseaborn.on_behalf('k', Mine)"
    lab.cell("a", text)
    assert lab.entries() == [("things", "k", "a")]
    lab.cell("a", text)
    assert things == {"k": lab.main.Mine}
    lab.cell("a", "x = 1")
    assert things == {}


def test_what_stands_already_and_is_a_librarys_is_not_adopted(lab):
    class Theirs:
        pass

    Theirs.__module__ = "json"
    lab.shelf.things.update(theirs=Theirs, text="a text")
    guarded(lab)
    assert lab.entries() == []


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [("put('k', 2)", 1, {"k": 2}), ("x = 1", 1, {}), ("put('other', 2)", 1, {"other": 2}), ("1 / 0", 1, {"k": 1})],
)
def test_what_cannot_be_put_back_goes_when_its_cell_has_succeeded(lab, text, before, after):
    things = guarded(lab, irreversible=True)
    lab.cell("a", "put('k', 1)")
    vars(lab.main).update(things=things, seen=[])
    lab.cell("a", f"seen.append(things.get('k'))\n{text}", fails=ZeroDivisionError if "/" in text else None)
    assert lab.main.seen == [before] and things == after


@pytest.mark.parametrize("words", ["'geo'", "'Frame'"])
def test_a_guard_that_asks_for_a_part_of_a_key_lets_an_edit_through(words):
    texts = [f"if {words} not in shelf:\n    put(Frame, 'geo', {version})" for version in (1, 2)]
    way = Way((Step("own", 2),), key=("Frame", "geo"))
    assert verdict(way, *map(read, texts)) == "changed"
    assert verdict(Way((Step("own", 2),), key=("Other", "other")), *map(read, texts)) == "maybe"


@pytest.fixture
def things(lab):
    """The shelf's registry, where one call registers several keys, or an object under a second name that is not told."""
    gates = [
        Gate("shelf:put_new", lambda *keys, value: [(key, value) for key in keys if not key.endswith("_too")]),
        Gate("shelf:put_twice", lambda key, value: (key, value)),
    ]
    lab.guard.add(DictRegistry("many", "shelf:things", gates), now=True)
    vars(lab.main).update(put_new=lab.shelf.put_new, put_twice=lab.shelf.put_twice)
    return lab.shelf.things


def test_one_call_may_register_several_keys(lab, things):
    for keys in ("ab", "ab", "bc", "x"):
        lab.cell("a", f"put_new(*{keys!r}, value=object())")
        assert [key for _, key, _ in lab.entries()] == sorted(things) == [*keys]
    lab.cell("a", "put_new('y', 'z', value=1)\n1 / 0", fails=ZeroDivisionError)
    assert sorted(things) == ["x", "y", "z"]
    lab.cell("a", "put_new(value=1)")
    assert things == {} and lab.entries() == []


def test_of_several_keys_the_one_that_is_taken_is_told(lab, things):
    lab.cell("a", "put_new('x', value=object())")
    told = lab.cell("b", "put_new('w', 'x', value=object())", fails=ValueError)
    assert "kreg: 'x' is registered by cell" in "".join(told.__notes__)
    assert sorted(lab.entries()) == [("many", "w", "b"), ("many", "x", "a")]


def test_an_object_under_a_second_name_has_the_owner_of_the_first(lab, things):
    lab.cell("a", "put_twice('x', object())")
    told = lab.cell("b", "put_twice('x_too', object())", fails=ValueError)
    assert "kreg: 'x' is registered by cell" in "".join(told.__notes__)
