"""The verdicts on what nobody saw being registered, or was written; the names by which a statement calls a function."""

from __future__ import annotations

import pytest

from kreg_ipython.guard.verdicts import Step, Way, is_left_out, is_outdated, place, verdict, words
from kreg_ipython.lib.source import read

TWO = "for n in names:\n    d[n] = f\nfor n in more:\n    d[n] = f\n"
WRITTEN = Way((), False, "", True, "K", "")
ANYWHERE = (("", "written"),)


def test_the_place_of_what_was_written_is_known_as_such():
    text = read("setup()")
    assert place(WRITTEN, text) == ANYWHERE and place(Way(), text) is None
    assert place(Way((Step("own", 1),), complete=False), text) is None
    assert place(Way((Step("own", 1),), complete=False, written=True), text) == ANYWHERE
    assert place(Way((Step("own", 1),), written=True), text) == (("", text.at(1).says),)
    assert place(WRITTEN, None) == ANYWHERE, "whatever the text"


LEFT_OUT = {
    "two loops that write": (WRITTEN, TWO, TWO, {ANYWHERE}, True),
    "two loops of which one stands": (WRITTEN, TWO, TWO.partition("for n in more")[0], {ANYWHERE}, True),
    "nothing was written": (WRITTEN, TWO, TWO, {(("", "other"),)}, False),
    "no loop that writes stands": (WRITTEN, TWO, "for n in few:\n    e[n] = f\n", {ANYWHERE}, False),
    "it was not written": (Way((), False, "", False, "K", ""), TWO, TWO, {ANYWHERE}, False),
    "a loop that may skip it": (
        WRITTEN,
        TWO,
        TWO.replace("    d[n] = f\nfor", "    if n: d[n] = f\nfor"),
        {ANYWHERE},
        False,
    ),
    "a condition": (WRITTEN, "if x:\n    d[k] = f\n", "if x:\n    d[k] = f\n", {ANYWHERE}, False),
    "a loop that chooses": (
        WRITTEN,
        "while x:\n    d[k] = f\n",
        "while x:\n    d[k] = f\n",
        {ANYWHERE},
        False,
    ),
    "a function": (WRITTEN, "def go():\n    d[k] = f\n", "def go():\n    d[k] = f\n", {ANYWHERE}, False),
    "two statements that say its key": (
        WRITTEN,
        "d['K'] = f\nd['K'] = g\n",
        "d['K'] = f\nd['K'] = g\n",
        {ANYWHERE},
        True,
    ),
    "another key": (WRITTEN, "d['L'] = f\n", "d['L'] = f\n", {ANYWHERE}, False),
    "a function that skips, called in a listed loop": (
        Way((Step("own", 4, ""), Step("own", 2, "make"))),
        "def make(n):\n  if n not in done: reg(n)\nfor n in 'AB':\n  make(n)\n",
        "def make(n):\n  if n not in done: reg(n)\nfor n in 'AB':\n  make(n)\n",
        None,
        False,
    ),
    "a text that cannot be read": (WRITTEN, TWO, "for (", {ANYWHERE}, False),
}


@pytest.mark.parametrize(("way", "before", "now", "ran", "left_out"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_was_written_by_one_of_several_statements_is_left_out_if_none_may_skip_it(way, before, now, ran, left_out):
    ran = frozenset({place(way, read(now))} if ran is None else ran)
    assert is_left_out(way, read(before), read(now), ran) is left_out


def adopted(definition):
    """The way to what was there before anybody was watching."""
    return Way((), True, definition)


UNSEEN = {
    "a definition that stands": (adopted("Foo"), "class Foo: x = 1", "class Foo: x = 2", "maybe"),
    "a definition that is gone": (adopted("Foo"), "class Foo: x = 1", "class Bar: x = 1", "gone"),
    "an inner definition that stands": (
        adopted("A.Foo"),
        "class A:\n  class Foo: x = 1",
        "class A:\n  class Foo: x = 2",
        "maybe",
    ),
    "a definition in a thread": (Way((), False, "Foo"), "class Foo: x = 1\ngo()", "go(1)", "maybe"),
    "no definition, and a call that stands": (Way((), False), "go()", "go(1)", "maybe"),
    "no definition, and no call that stands": (Way((), False), "go()", "other()", "gone"),
    "no definition, and no call ever": (Way((), False), "x = 1", "x = 2", "maybe"),
    "all of the text stands": (adopted("Bar"), "x = 1", "x = 1\ny = 2", "maybe"),
    "a writer that stands": (WRITTEN, TWO, TWO + "x = 1\ny()", "maybe"),
    "one writer that stands": (WRITTEN, TWO, TWO.partition("for n in more")[0], "maybe"),
    "a writer that is gone": (WRITTEN, TWO, "x = 1", "gone"),
    "a writer of another key": (WRITTEN, "d['L'] = f\nd['K'] = f\n", "d['L'] = f\n", "gone"),
    "what was not written does not go with a writer": (
        Way((), False, "", False, "K", ""),
        "for n in names:\n    d[n] = f\ngo()",
        "go()",
        "maybe",
    ),
    "what a library wrote stands while its call does": (WRITTEN, "go()", "go(1)", "maybe"),
    "what a library wrote goes with its call": (WRITTEN, "go()", "other()", "gone"),
}


@pytest.mark.parametrize(("way", "before", "now", "found"), UNSEEN.values(), ids=UNSEEN)
def test_the_verdict_on_what_nobody_saw(way, before, now, found):
    assert verdict(way, read(before), read(now)) == found
    if read(now).parses:
        assert is_outdated(way, read(before), read(now)) is (found == "gone")


def test_a_statement_that_is_gone_is_outdated_whatever_else_stands():
    before = "class Foo: x = 1\nreg(Foo)"
    way = Way((Step("own", 2),), True, "Foo")
    assert is_outdated(way, read(before), read("class Foo: x = 1\nreg(Foo, 1)"))
    assert not is_outdated(way, read(before), read(before + "\ny = 1"))


def library(function, *lines):
    """The way by these lines, of which the last calls a library's function."""
    own = [Step("own", line, name) for line, name in zip(lines, ("", "b", "a"))]
    return Way((*own, Step("library", function=function)))


NESTED = "def a(): lib.setup()\ndef b(): a()\nb()\n"
CALLS = {
    "the function, by its own name": (library("setup", 1), "lib.setup(other())", "x = lib.setup()", "maybe"),
    "an argument's function alone": (library("setup", 1), "lib.setup(other())", "x = other()", "gone"),
    "a method, by its last name": (library("Model.setup", 1), "m.setup(other())", "x = other()", "gone"),
    "a method that is called otherwise": (library("Model.setup", 1), "m.setup(other())", "x = m.setup()", "maybe"),
    "a function of another name": (library("__call__", 1), "m(other())", "x = other()", "maybe"),
    "a function that nobody knows": (library(None, 1), "m(other())", "x = m()", "maybe"),
    "two functions that were inlined": (library("setup", 3, 2, 1), NESTED, "lib.setup()\n", "maybe"),
    "two functions, and the call is gone": (library("setup", 3, 2, 1), NESTED, "lib.other()\n", "gone"),
    "one function that was inlined": (library("setup", 3, 2, 1), NESTED, "def a(): lib.setup()\na()\n", "maybe"),
    "a function that was inlined, and is handed on": (
        Way((Step("own", 3, ""), Step("own", 2, "A.make"))),
        "class A:\n  def make(): reg(1)\nA.make()\n",
        "class A:\n  def make(): reg(1)\nThread(target=A.make).start()\n",
        "maybe",
    ),
    "a function of the cell's own that is called in another statement": (
        Way((Step("own", 2, ""), Step("own", 1, "make"))),
        "def make(): reg(1)\nmake()\n",
        "def make(): reg(1)\nx = make()\n",
        "again",
    ),
    "a function of the cell's own that a library calls and that lost its statement": (
        Way((Step("own", 3, ""), Step("library", function="call"), Step("own", 2, "make"))),
        "def make():\n  reg(1)\nlib.call(make)\n",
        "def make():\n  reg(2)\nlib.call(make)\n",
        "gone",
    ),
    "a class of a function's, edited, whose call is guarded by the key": (
        Way((Step("own", 6, ""), Step("own", 2, "make")), True, "make.<locals>.Foo", False, "K"),
        "def make():\n  @reg\n  class Foo:\n    x = 1\nif 'K' not in objects:\n  make()\n",
        "def make():\n  @reg\n  class Foo:\n    x = 2\nif 'K' not in objects:\n  make()\n",
        "changed",
    ),
    "a function of the cell's own that lost its statement": (
        Way((Step("own", 3, ""), Step("own", 2, "make"))),
        "def make():\n  reg(1)\nmake()\n",
        "def make():\n  reg(2)\nx = make()\n",
        "gone",
    ),
}


@pytest.mark.parametrize(("way", "before", "now", "found"), CALLS.values(), ids=CALLS)
def test_a_function_that_is_still_called_may_have_registered_it(way, before, now, found):
    assert verdict(way, read(before), read(now)) == found


def test_the_words_of_a_way_are_those_that_its_first_statement_needs():
    assert words(Way((Step("own", 1),)), read("@reg('P')\nclass Foo:\n    pass"), "P>Foo") == {"Foo"}
    assert words(library("setup", 1), read("lib.setup(other())"), "P>a") == {"setup"}
    assert words(library("setup", 1), read("lib.setup(other('a'))"), "P>a") == {"setup", "a"}
    assert words(Way((Step("own", 1),)), read("reg('K', f)"), "K") >= {"reg", "K", "f"}
    assert words(Way(), read("reg('K', f)"), "K") == words(Way((Step("own", 9),)), read("x"), "K") == frozenset()
