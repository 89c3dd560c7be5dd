"""What cannot be decided stays. What was swept with its statement comes back with it, and with nothing else."""

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


MEMO = "done = []\ndef setup():\n    if done: return\n    done.append(1)\n    register('x', 1)"
USE = "\nassert table == {'x': 1}"


@pytest.mark.parametrize(
    ("helper", "call"),
    [
        ("def start(): setup()", "start()"),
        ("def start(): setup()", "exec('start()')"),
        ("def start():\n    def inner(): setup()\n    inner()", "start()"),
        ("def deep(): return setup()\ndef start(): deep()", "start()"),
        ("class Start:\n    def __init__(self): setup()", "s = Start()"),
        ("import functools\nstart = functools.partial(lambda: setup())", "start()"),
        ("import functools\n@functools.cache\ndef start(): setup()", "start()"),
        ("", "exec('setup()')"),
        ("", "eval('setup()')"),
        ("", "def start(): setup()\nstart()"),
    ],
)
def test_a_call_that_moves_finds_what_its_function_remembers(lab, helper, call):
    lab.cell("h", MEMO)
    lab.cell("b", helper)
    lab.cell("a", "setup()" + USE)
    for edit in ("", "", "epochs = 3\n"):
        lab.cell("a", edit + call + USE)


def test_a_call_that_moves_into_a_module_finds_what_its_function_remembers(lab):
    lab.module("lib", "from home import *\n" + MEMO)
    lab.module("other", "import lib\ndef start(): lib.setup()")
    lab.main.lib, lab.main.other = lab.modules["lib"], lab.modules["other"]
    lab.cell("a", "lib.setup()" + USE)
    for _ in range(2):
        lab.cell("a", "other.start()" + USE)


@pytest.mark.parametrize(
    "elsewhere", ["done.append(2)", "other()", "print('setup is done')", "# setup()", "len('start()')"]
)
def test_a_call_that_is_dropped_loses_its_entry_whatever_else_is_called(lab, elsewhere):
    lab.cell("h", MEMO + "\ndef other(): done.append(3)")
    lab.cell("a", "setup()" + USE)
    lab.cell("a", elsewhere)
    assert lab.home.table == {}


def test_what_a_module_says_too_is_there_while_its_former_owner_runs_without_it(lab):
    lab.module("lib", "from home import *\n" + MEMO)
    lab.main.lib = lab.modules["lib"]
    lab.cell("a", "lib.setup()" + USE)
    lab.module("other", "import lib\nlib.setup()")
    for _ in range(2):
        lab.cell("a", USE)


@pytest.mark.parametrize("order", ["ab", "ba", "abc", "bca", "cab"])
def test_what_several_cells_say_goes_with_the_last_of_them(lab, order):
    lab.cell("h", MEMO)
    for name in sorted(order):
        lab.cell(name, "setup()")
    for name in order:
        assert lab.home.table == {"x": 1}
        lab.cell(name, "y = 1")
    assert lab.home.table == {}
    assert [entry.spot for entry in lab.guard.undo()] == [("silent", "x")]


def test_what_several_cells_said_and_the_user_keeps_stays(lab):
    lab.cell("h", MEMO)
    for name in "ab":
        lab.cell(name, "setup()")
    lab.guard.memory.pinned.add(("silent", "x"))
    for name in "ab":
        lab.cell(name, "y = 1")
    assert lab.home.table == {"x": 1}


def test_what_several_cells_said_comes_back_with_any_of_them(lab):
    lab.cell("h", MEMO)
    for name in "ab":
        lab.cell(name, "setup()")
    for name in "ab":
        lab.cell(name, "y = 1")
    lab.cell("c", "setup()" + USE)


@pytest.mark.parametrize(
    "also",
    [
        "setup()",
        "list(map(setup, []))",
        "import functools\nf = functools.partial(setup)",
        "go = {'go': setup}['go']\ngo()",
    ],
)
def test_what_another_cell_hands_on_stays_when_its_own_cell_drops_it(lab, also):
    lab.cell("h", MEMO)
    lab.cell("a", "setup()")
    lab.cell("b", also)
    lab.cell("a", "y = 1" + USE)
    lab.cell("b", "y = 1")
    assert lab.home.table == {}


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


KEYED = "K = {}\ndef get(n):\n    if n not in K:\n        K[n] = 1\n        register(n, 1)\n    return 1"


def test_a_factory_that_is_called_for_another_key_too_keeps_the_first(lab):
    lab.cell("d", KEYED)
    lab.cell("a", "get('x')")
    lab.cell("a", "get('x'), get('y')")
    assert lab.home.table == {"x": 1, "y": 1}


def test_what_a_factory_made_under_another_key_goes_and_comes_back_with_the_key(lab):
    lab.cell("d", KEYED)
    lab.cell("a", "get('x')")
    lab.cell("a", "get('y')")
    assert lab.home.table == {"y": 1}
    lab.cell("a", "get('y') ")
    assert lab.home.table == {"y": 1}
    lab.cell("a", "get('x')")
    assert "x" in lab.home.table


def test_what_another_cell_asks_a_factory_for_goes_with_the_last_one(lab):
    lab.cell("d", KEYED)
    lab.cell("a", "get('x')")
    lab.cell("b", "get('x')")
    lab.cell("a", "get('y')")
    assert lab.home.table == {"x": 1, "y": 1}
    lab.cell("b", "1")
    assert lab.home.table == {"y": 1}


def test_what_a_module_asks_a_factory_for_stays(lab):
    lab.module("mod", f"from home import *\n{KEYED}")
    lab.cell("a", "from mod import get\nget('x')")
    lab.module("other", "from mod import get\nget('x')")
    lab.cell("a", "pass")
    assert lab.home.table == {"x": 1}


def test_a_key_that_is_computed_is_said_by_nobody(lab):
    lab.main.names = ["x", "y"]
    text = "for n in names:\n    register(n, 1)"
    lab.cell("a", text)
    lab.cell("b", text.replace("n in", "each in").replace("register(n", "register(each"))
    lab.main.names = ["x"]
    lab.cell("b", text.replace("n in", "each in").replace("register(n", "register(each"))
    lab.cell("a", text)
    assert lab.home.table == {"x": 1}


def test_a_caller_elsewhere_that_is_edited_still_calls_it(lab):
    lab.cell("d", KEYED)
    lab.cell("h", "def build():\n    return [get('x'), 1]")
    lab.cell("a", "build()")
    lab.cell("h", "def build():\n    return [get('x'), 2]")
    lab.cell("a", "build()")
    assert lab.home.table == {"x": 1}


STATE = "if done: return\n    done.append(1)\n    register('x', 1)\n"


@pytest.mark.parametrize(
    "again",
    [
        f"def setup():\n    {STATE}setup()",
        "if not done:\n    done.append(1)\n    register('x', 1)",
        f"class A:\n  def f(self):\n    {STATE}A().f()",
    ],
)
def test_a_guard_that_is_written_in_another_way_stays(lab, again):
    lab.cell("d", "done = []")
    lab.cell("a", f"def f():\n    {STATE}f()")
    lab.cell("a", again)
    assert lab.home.table == {"x": 1}


@pytest.mark.parametrize("again", [f"def setup():\n    {STATE}", "register('x', 2)", "done.append(2)"])
def test_a_guard_that_is_not_executed_any_more_goes(lab, again):
    lab.cell("d", "done = []")
    lab.cell("a", f"def f():\n    {STATE}f()")
    lab.cell("a", again)
    assert lab.home.table == ({"x": 2} if "2)" in again and "x" in again else {})


@pytest.mark.parametrize("cell", ["a", "b"])
def test_a_memo_comes_back_by_way_of_another_function(lab, cell):
    lab.cell("d", MEMO + "\ndef load(): setup()\ndef save(): setup()")
    lab.cell("a", "load()")
    lab.cell("a", "pass")
    assert lab.home.table == {}
    lab.cell(cell, "other = 1")
    assert lab.home.table == {}
    lab.cell(cell, "save()")
    assert lab.home.table == {"x": 1}
