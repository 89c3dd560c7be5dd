"""Who wrote what nobody saw being written: the owner's own statement, or a function of its or another file's."""

from __future__ import annotations

import pytest

from kreg_ipython.guard import ways
from kreg_ipython.guard.ledger import Caller, Run
from kreg_ipython.lib.source import read

PUT = "def put(key, value=1):\n    handout()[key] = value\n"

WROTE = {
    "a statement of the cell's": ("handout()['x'] = 1", "x", None),
    "a function": (PUT + "put('x')", "x", [3, 2]),
    "a function, by a keyword": (PUT + "put(key='x')", "x", [3, 2]),
    "a function in a loop": (PUT + "for key in 'wx':\n    put(key)", "x", [4, 2]),
    "a function that another one calls": (PUT + "def go(): put('x')\ngo()", "x", [4, 3, 2]),
    "one of two functions, by the key that it says": (
        "def one(): handout()['x'] = 1\ndef two(): handout()['y'] = 1\none()\ntwo()",
        "x",
        [3, 1],
    ),
    "one of two functions, by the key that it is called with": (
        PUT + PUT.replace("put", "set") + "put('x')\nset('y')",
        "x",
        [5, 2],
    ),
    "one of two functions, and nothing tells which": (
        PUT + PUT.replace("put", "set") + "first, other = 'xy'\nput(first)\nset(other)",
        "x",
        None,
    ),
    "a function, or a statement of the cell's": (PUT + "put(str('y'))\nkey = 'x'\nhandout()[key] = 1", "x", None),
    "a function that writes by one of two statements": (
        "def put(key):\n    if key: handout()[key] = 1\n    else: handout()[key] = 1\nput('x')",
        "x",
        None,
    ),
    "a function that says the key in one of two statements": (
        "def put():\n    handout()['x'] = 1\n    handout()['y'] = 1\nput()",
        "x",
        [4, 2],
    ),
    "a function, beside a write into a dict of the cell's": (
        PUT + "scores = {}\nscores['x'] = 1\nput('x')",
        "x",
        [5, 2],
    ),
    "a function, beside a list of the cell's": (PUT + "losses = []\nlosses.append(1)\nput('x')", "x", [5, 2]),
    "a function, beside a list of a class's": (PUT + "class Log: all = []\nLog.all.append(1)\nput('x')", "x", [5, 2]),
    "a function, beside one that writes to something": (
        PUT + "def log():\n    scores = {}\n    scores['x'] = 1\nlog()\nput('x')",
        "x",
        None,
    ),
    "a function that hands the container on": ("def get(): return handout()\nget()['x'] = 1", "x", None),
}


@pytest.mark.parametrize(("text", "key", "lines"), WROTE.values(), ids=WROTE)
def test_what_wrote_an_entry_is_a_function_only_if_no_other_can_have(lab, text, key, lines):
    lab.cell("a", text)
    entry = lab.entry("silent", key)
    assert [step.line for step in entry.steps] == (lines or [])


def test_a_function_of_another_file_wrote_what_it_is_called_with(lab):
    lab.module("helper", "from home import *\n" + PUT)
    lab.cell("a", "import helper\nhelper.put('x')\nhelper.put('y')")
    assert [[step.line for step in lab.entry("silent", key).steps] for key in "xy"] == [[2, 3], [3, 3]]


WRITERS = {
    "a function that writes": (PUT, "put", [2]),
    "its inner function's are not its own": ("def put():\n    def inner(): d['k'] = 1\n    d['l'] = 1", "put", [3]),
    "an inner function": ("def put():\n    def inner(): d['k'] = 1\n    d['l'] = 1", "put.<locals>.inner", [2]),
    "a method": ("class A:\n    def put(self): self.d['k'] = 1", "A.put", [2]),
    "a function that only reads": ("def put(): return d['k']", "put", []),
    "another function": (PUT, "other", []),
}


@pytest.mark.parametrize(("text", "function", "lines"), WRITERS.values(), ids=WRITERS)
def test_the_statements_of_a_function_that_may_write_are_its_own(text, function, lines):
    class Asking:
        code = compile(text, "a file that is not there", "exec")

    Asking.function = function
    assert [each.first for each in ways.writers(Asking, read(text))] == lines
    assert ways.writers(Asking) == [], "the text of its file is not known"


class TestEdited:
    """A file that is executed unseen: what an edit changes behind a guard is removed before the executor runs."""

    GUARDED = "if 'x' not in table:\n    register('x', {})\n"

    @pytest.fixture
    def executed(self, lab):
        """A cell that executes a file by its name, which is edited then."""
        script = lab.owner("file", "script", "/user/file.py")
        text = self.GUARDED.format(1)
        lab.main.execute = lambda path: None
        lab.cell("a", "execute('/user/file.py')")
        run = Run(script, text)
        run.unseen = True
        lab.execute(run, text, vars(lab.main), "/user/file.py")
        cell = lab.owners["a"]
        lab.guard.executes(Caller(cell, Run(cell, cell.source), 1), script, unseen=True)
        lab.texts[script.id] = self.GUARDED.format(2)
        return lab

    def edited(self, lab, text="execute('/user/file.py')"):
        """The keys that an edit changes, if the cell runs with this text."""
        return [entry.key for entry in lab.guard._judge.edited(Run(lab.owners["a"], text))]

    def test_what_an_edit_changes_behind_a_guard(self, executed):
        assert self.edited(executed) == ["x"]
        executed.cell("a", "execute('/user/file.py')")
        assert executed.acts("x") == ["registered x", "removed x", "restored x"]

    def test_nothing_if_the_text_is_the_same(self, executed):
        executed.texts["/user/file.py"] = self.GUARDED.format(1)
        assert self.edited(executed) == []

    def test_nothing_if_no_guard_asks_for_it(self, executed):
        executed.texts["/user/file.py"] = self.GUARDED.format(2).replace("'x' not in table", "ready")
        assert self.edited(executed) == []

    def test_nothing_if_nobody_can_read_the_file(self, executed):
        del executed.texts["/user/file.py"]
        assert self.edited(executed) == []

    def test_nothing_if_the_cell_names_another_file(self, executed):
        assert self.edited(executed, "execute('/user/other.py')") == []

    def test_nothing_if_its_execution_was_seen(self, executed):
        executed.entry("silent", "x").run.unseen = False
        assert self.edited(executed) == []

    def test_nothing_twice_if_two_files_execute_each_other(self, executed):
        script = executed.owners["file"]
        executed.guard.executes(Caller(script, Run(script, self.GUARDED.format(1)), 1), script, unseen=True)
        assert self.edited(executed) == ["x"]
