"""Entries follow a class that is defined again: their keys, what the library made of them, what users see."""

from __future__ import annotations

import dataclasses

import pytest

from kreg_ipython.guard.renewal import _renewed
from kreg_ipython.lib.naming import Parameter


class Former:
    """What a cell has registered."""


class New:
    """The same class, defined again."""


@dataclasses.dataclass
class Made:
    """What a library, or the user, makes of a class."""

    type: type
    name: str = "n"


CYCLE: dict[str, object] = {"in": 0}
CYCLE["it"] = CYCLE


@pytest.mark.parametrize(
    ("part", "renewed"),
    {
        "itself": (Former, New),
        "in a tuple": ((1, Former), (1, New)),
        "in a tuple of tuples": ((1, (2, Former)), (1, (2, New))),
        "a parameter": (Parameter("x", Former), Parameter("x", New)),
        "signatures": (("api", ({"x": Former, "y": int},)), ("api", ({"x": New, "y": int},))),
        "what the library made": (Made(Former, "m"), Made(New, "m")),
    }.values(),
)
def test_parts_with_a_former_class_are_made_anew(part, renewed):
    made = _renewed(part, {id(Former): New}, __name__.partition(".")[0])
    assert made == renewed and type(made) is type(renewed)


@pytest.mark.parametrize(
    "part",
    [
        New,
        (1, New),
        {"a dict of the user's": Former},
        [Former],
        Made(New),
        (Made, "a class"),
        ((((Former,),),),),
        (CYCLE, 1),
        "a text",
    ],
    ids=str,
)
def test_other_parts_are_the_same_objects(part):
    assert _renewed(part, {id(Former): New}, __name__.partition(".")[0]) is part


def test_what_the_user_made_of_a_class_is_left_alone():
    made = Made(Former)
    assert _renewed(made, {id(Former): New}, "library") is made


def test_an_entry_follows_and_stays_its_owners(lab):
    lab.main.Former, lab.main.New = Former, New
    lab.cell("a", "register('x', Former)\nregister('y', 1)")
    entry = lab.entry("silent", "x")
    lab.guard.renew({id(Former): New})
    renewed = lab.entry("silent", "x")
    assert lab.home.table == {"x": New, "y": 1}
    assert renewed.subject is New and (renewed.owner, renewed.order) == (entry.owner, entry.order)
    assert entry not in lab.guard.ledger
    lab.cell("a", "pass")
    assert lab.home.table == {}


def test_entries_keep_their_order_and_what_they_shadow(lab):
    lab.main.Former = Former
    lab.cell("a", "enqueue('x', Former)\nregister('k', 1)")
    lab.cell("b", "enqueue('y', 2)\nregister('k', Former)")
    lab.guard.renew({id(Former): New})
    assert list(lab.home.queue.items()) == [("x", New), ("y", 2)] and lab.home.table == {"k": New}
    lab.cell("b", "enqueue('y', 2)")
    assert lab.home.table == {"k": 1}


def test_what_was_not_defined_again_is_not_moved(lab):
    lab.cell("a", "register('x', 1)")
    entry = lab.entry("silent", "x")
    lab.guard.renew({id(Former): New})
    assert lab.entry("silent", "x") is entry
