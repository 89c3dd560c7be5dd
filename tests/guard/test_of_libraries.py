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
