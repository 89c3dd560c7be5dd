"""The parts alone, on plain dicts: no IPython, no framework."""

from __future__ import annotations

import gc
import importlib
import signal
import sys
import types
import weakref

import pytest

from kreg_ipython.guard import verdicts
from kreg_ipython.guard.context import Caller
from kreg_ipython.guard.ledger import Entry, Ledger, Owner, Run
from kreg_ipython.guard.snapshot import Snapshot
from kreg_ipython.guard.transaction import Guard
from kreg_ipython.guard.verdicts import Way
from kreg_ipython.lib import patch, source, weak
from kreg_ipython.lib.naming import definition, key_text
from kreg_ipython.lib.stack import Step
from kreg_ipython.registries.registry import MISSING, Gate
from kreg_ipython.registries.shapes import DictRegistry, ListRegistry
from kreg_ipython.session import imports

BODY = compile("", "a cell", "exec")


@pytest.fixture
def home(monkeypatch):
    """A framework of one dict that raises, one that does not, and a list, without naming any real one."""
    module = types.ModuleType("home")
    exec(
        "table, loud, line = {}, {}, []\n"
        "def register(key, value): table[key] = value\n"
        "def register_once(key, value):\n"
        "    if key in loud: raise KeyError(f'{key} has already been registered')\n"
        "    loud[key] = value\n"
        "def append(value): line.append(value)\n"
        "def handout(): return table\n",
        vars(module),
    )
    monkeypatch.setitem(sys.modules, "home", module)
    return module


class Setting:
    """A guard over the home's registries, where the test says which run is executing."""

    def __init__(self, home) -> None:
        announce = lambda key, value: (key, value)
        self.home, self.said, self.run, self.line = home, [], None, 0
        self.guard = Guard(
            [
                DictRegistry(
                    "silent",
                    "home:table",
                    [Gate("home:register", announce), Gate("home:handout", act="access")],
                ),
                DictRegistry("raising", "home:loud", [Gate("home:register_once", announce)]),
                ListRegistry(
                    "listed", "home:line", [Gate("home:append", lambda value: (value[0], value))], key=lambda v: v[0]
                ),
            ],
            self,
            say=self.said.append,
        )
        self.guard.attach("home")
        self.owners = {}

    def locate_caller(self, frame, passthrough):
        return Caller(self.run.owner, self.run, self.line, (Step(BODY, self.line, "__main__"),)) if self.run else None

    def is_framework_again(self, frame):
        return False

    def find_owner(self, subject):
        return None

    def is_outdated(self, entry):
        return False

    def number(self):
        return None

    def running(self):
        return self.run

    def is_framework(self, module):
        return True

    def cell(self, name, *registrations, outcome="success", replays=False):
        """Run a cell that makes these calls."""
        owner = self.owners.setdefault(name, Owner("cell", name))
        text = "\n".join(map(str, registrations))
        owner.source = text
        self.run = Run(owner, text)
        self.run.active, self.run.replays = True, replays
        if self.guard.ledger.has_entries(owner):
            self.guard.begin(self.run)
        error = None
        try:
            for self.line, (function, *arguments) in enumerate(registrations, 1):
                getattr(self.home, function)(*arguments)
        except KeyError as raised:
            error, outcome = raised, "failed"
        self.guard.end(self.run, outcome)
        self.run = None
        if not self.said:  # no adapter failed
            assert self.guard.differences() == []
        return error


@pytest.fixture
def setting(home):
    made = Setting(home)
    yield made
    made.guard.detach()


def test_a_cell_that_runs_again_replaces_what_it_registered(setting):
    setting.cell("a", ("register", "x", 1), ("register_once", "y", 1), ("append", ("z", 1)))
    setting.cell("a", ("register", "x2", 2), ("register_once", "y", 2), ("append", ("z", 2)))
    assert (setting.home.table, setting.home.loud, setting.home.line) == ({"x2": 2}, {"y": 2}, [("z", 2)])


def test_the_former_value_comes_back_when_the_newer_one_goes(setting):
    setting.home.table["x"] = "library's"
    setting.guard.attach("home")
    for name in ("a", "b"):
        setting.cell(name, ("register", "x", name))
    setting.cell("b")
    assert setting.home.table == {"x": "a"}
    setting.cell("a")
    assert setting.home.table == {"x": "library's"}


def test_what_comes_back_from_under_another_entry_has_its_place_in_the_order(setting):
    setting.guard.registries["silent"].adapter.ordered = True
    setting.cell("a", ("register", "x", 1), ("register", "y", 1))
    setting.cell("b", ("register", "x", 2))
    setting.cell("b")
    assert list(setting.home.table.items()) == [("x", 1), ("y", 1)]


def test_what_shadowed_another_entry_keeps_its_place_when_its_cell_does_not_compile(setting):
    def definition():
        def same(): ...

        return same

    setting.guard.registries["raising"].adapter.ordered = True
    setting.owners |= {name: Owner("cell", name, {"session"}) for name in ("a", "b", "c")}
    setting.cell("a", ("register_once", "x", definition()))
    setting.cell("b", ("register_once", "y", abs))
    setting.cell("c", ("register_once", "x", definition()))
    assert list(setting.home.loud) == ["y", "x"]
    setting.cell("c", outcome="not compiled")
    assert list(setting.home.loud) == ["y", "x"]


def test_what_a_purged_framework_held_does_not_come_back_into_the_new_one(setting):
    setting.cell("a", ("register", "x", 1))
    setting.home.table = {}
    setting.guard.attach("home")
    setting.cell("b", ("register", "x", 2))
    setting.cell("b")
    assert setting.home.table == {}


def test_attaching_again_leaves_the_owners_as_they_are(setting):
    setting.cell("a", ("register", "x", 1), ("append", ("z", 1)))
    setting.find_owner = lambda subject: Caller(Owner("module", "other"))
    setting.guard.attach("home")
    assert {entry.owner.id for entry in setting.guard.ledger} == {"a"}
    setting.cell("a")
    assert (setting.home.table, setting.home.line) == ({}, [])


@pytest.mark.parametrize("outcome", ["failed", "not compiled"])
def test_what_an_unsuccessful_run_did_not_register_again_is_restored_in_order(setting, outcome):
    setting.cell("a", ("append", ("first", 1)), ("register", "x", 1), ("register_once", "y", 1))
    setting.cell("b", ("append", ("second", 2)))
    setting.cell("a", ("register", "x", 3), outcome=outcome)
    assert (setting.home.table, setting.home.loud) == ({"x": 3}, {"y": 1})
    assert setting.home.line == [("first", 1), ("second", 2)]


def test_another_definition_for_a_taken_key_stays_the_frameworks_error(setting):
    setting.cell("a", ("register_once", "y", abs))
    error = setting.cell("b", ("register_once", "y", min))
    assert error.args == ("y has already been registered",)
    assert setting.home.loud == {"y": abs}
    note = "kreg: 'y' is registered by cell [?], line 1; this is cell [?], line 1. Rename one, or run this again after %kreg clear y"
    assert getattr(error, "__notes__", [f"kreg: {line}" for line in setting.said]) == [note]


def test_an_adapter_that_fails_is_one_line_and_the_others_go_on(setting):
    setting.cell("a", ("register", "x", 1), ("register_once", "y", 1))
    setting.guard.registries["silent"].adapter.remove = lambda key, value: 1 / 0
    for _ in range(2):
        setting.cell("a", ("register", "x", 2), ("register_once", "y", 2))
    assert setting.said == ["the registry silent is not guarded properly: ZeroDivisionError: division by zero"]
    assert setting.guard.faults == {"silent": "ZeroDivisionError: division by zero"}
    assert (setting.home.table, setting.home.loud) == ({"x": 2}, {"y": 2})


def test_what_users_write_and_take_out_themselves_is_followed(setting):
    setting.cell("a", ("register", "x", 1), ("register", "y", 1))
    setting.run = Run(setting.owners.setdefault("b", Owner("cell", "b")), "table['z'] = 1")
    setting.home.handout().update(z=1)
    del setting.home.handout()["x"]
    setting.guard.end(setting.run, "success")
    setting.cell("b")
    setting.cell("a", outcome="failed")
    assert setting.home.table == {"y": 1}


def test_detaching_restores_what_is_withdrawn_and_gives_the_functions_back(home):
    code = home.register.__code__
    setting = Setting(home)
    setting.cell("a", ("register", "x", 1))
    setting.guard.begin(Run(setting.owners["a"], ""))
    assert home.table == {} and home.register.__code__ is not code
    setting.guard.detach()
    assert home.table == {"x": 1} and home.register.__code__ is code


def test_an_interrupt_takes_effect_only_when_the_registries_are_whole_again(setting, request):
    former = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, former))
    setting.cell("a", ("register", "x", 1), ("register", "y", 1))
    registry, run = setting.guard.registries["silent"].adapter, Run(setting.owners["a"], "")
    take = registry.remove
    registry.remove = lambda key, value: (signal.raise_signal(signal.SIGINT), take(key, value))
    with pytest.raises(KeyboardInterrupt):
        setting.guard.begin(run)
    assert setting.home.table == {} and len(run.removed) == 2
    setting.guard.end(run, "failed")
    assert setting.home.table == {"x": 1, "y": 1}


def test_a_stack_keeps_the_order_of_registration(home):
    ledger, a, b = Ledger(), Owner("cell", "a"), Owner("cell", "b")
    first, second = Entry("r", "k", 1, 1, a), Entry("r", "k", 2, 2, b)
    ledger.insert(first), ledger.insert(second)
    assert ledger.top(("r", "k")) is second and ledger.under(second) is first and ledger.is_shadowed(first)
    ledger.remove(first)
    ledger.insert(first)
    assert ledger.top(("r", "k")) is second and first in ledger
    ledger.remove(second)
    ledger.insert(Entry("r", "k", 3, 3, b))
    assert [entry.value for entry in ledger] == [1, 3] and second not in ledger


def test_an_entry_that_nobody_owns_is_forgotten_with_the_last_one_over_it():
    ledger = Ledger()
    library, mine = Entry("r", "k", 1, 1, None), Entry("r", "k", 2, 2, Owner("cell", "a"))
    ledger.insert(library), ledger.insert(mine)
    ledger.forget_unowned(("r", "k"))
    assert ledger.under(mine) is library
    ledger.remove(mine)
    ledger.forget_unowned(("r", "k"))
    assert ledger.top(("r", "k")) is None and list(ledger) == []


def test_a_weak_key_is_found_by_its_object_and_goes_with_it():
    class Thing:
        pass

    names, reference = {Thing: "name", int: "other"}, weakref.ref(Thing)
    weak.weaken(names, Thing)
    assert names[Thing] == "name" and Thing in names and str not in names
    names[Thing] = "renamed"
    assert len(names) == 2
    del Thing
    gc.collect()
    assert reference() is None and names == {int: "other"}


def test_tightening_gives_strong_keys_back():
    class Thing:
        pass

    names = {Thing: "name"}
    weak.weaken(names, Thing)
    weak.strengthen(names)
    assert list(names) == [Thing]


@pytest.mark.parametrize("obj", [1, "text", (), len])
def test_what_cannot_be_weakly_referenced_keeps_its_key(obj):
    names = {obj: "name"}
    weak.weaken(names, obj)
    assert names[obj] == "name"


def test_a_diverted_function_is_the_same_object_under_every_name():
    def function(x, *, y=2):
        return x + y

    early, seen = function, []
    original, undo = patch.divert(function, lambda *a, **k: seen.append((a, k)) or original(*a, **k))
    assert early(1, y=3) == 4 and seen == [((1,), {"y": 3})]
    undo(), undo()
    assert early(1) == 3 and len(seen) == 1 and vars(function) == {}


def test_a_closure_is_not_diverted():
    free = 1
    with pytest.raises(TypeError, match="cannot be diverted"):
        patch.divert(lambda: free, print)


def test_a_snapshot_sees_every_change_of_a_dict_that_is_held():
    held = {"a": 1, "b": 2, "c": 2}
    for change, written, removed in [
        (lambda: held.update(d=4), [("d", 4, MISSING)], []),
        (lambda: held.update(a=5), [("a", 5, 1)], []),
        (lambda: held.pop("b"), [], [("b", 2)]),
        (lambda: (held.pop("d"), held.update(e=4)), [("e", 4, MISSING)], [("d", 4)]),
        (held.clear, [], [("a", 5), ("c", 2), ("e", 4)]),
    ]:
        snapshot = Snapshot(held)
        assert not snapshot.changed()
        change()
        assert snapshot.changed()
        assert snapshot.changes() == (written, removed)
        assert not snapshot.changed()


def test_a_dict_that_nobody_holds_is_not_looked_at_until_it_is_handed_out(home):
    snapshot = Snapshot(home.table)
    home.table["x"] = 1
    snapshot.note("x", 1)
    home.table["x"] = 2  # by the module's private attribute: nothing tells
    assert not snapshot.changed()
    snapshot.accessed = True
    assert snapshot.changed()
    snapshot.changes()
    held = home.table
    held["x"] = 3
    assert snapshot.changed()


def test_statements_are_compared_by_what_they_say():
    before = "\n\nx = 1\n@deco\nclass Foo:\n    def f(self):\n        return 1\nif x:\n    call(2)\n"
    was = source.read(before)
    assert was.at(4) is was.at(5) and was.at(4).says == ("ClassDef", ".Foo")
    assert source.read("class Foo:\n  def f(self):\n    return 1").standing(was.at(7))
    assert source.read("if x:\n    call(2)").at(2).says == was.at(9).says
    assert was.at(99) is was.at(None) is None
    assert was.at(4).is_decorated and not source.read("class Foo: pass").at(1).is_decorated


@pytest.mark.parametrize(
    ("text", "lines"),
    [("x", 0), ("\n\nx", 2), ("%%time\nx", 1), ("\n%%capture out\n\nx", 3), ("%%time", 1)],
)
def test_the_header_of_a_cell_is_what_comes_before_its_body(text, lines):
    assert source.header(text) == lines


def test_magics_are_no_statements():
    text = "%matplotlib inline\nfiles = !ls\nst = %kreg status\nif x:\n    %time f()\ny = 1"
    y = source.read("y = 1").at(1).says
    assert source.read(text).at(6).says == source.read("z = 'a' \\\n  % 1\ny = 1").at(3).says == y
    assert [source.read(text).at(line).is_magic for line in range(1, 7)] == [True, True, True, False, True, False]


def test_an_indented_cell_is_read_like_any_other():
    assert source.read("\n    x = 1\n    class Foo: pass").line_of_definition("Foo") == 3


def test_a_definition_is_what_makes_two_objects_the_same_one_run_twice():
    import functools

    def f():
        pass

    assert definition(functools.partial(functools.partial(f, 1), 2)) == definition(f)
    assert definition(functools.wraps(f)(lambda: None)) == definition(f)
    assert definition((f, int)) == (definition(f), ("builtins", "int"))
    assert definition(3) == ("builtins", "int", "instance")
    assert definition(None) is None
    assert key_text((int, "x", 3)) == "builtins.int, x, 3"


def test_an_object_whose_attributes_raise_has_a_definition():
    class Hostile:
        def __getattribute__(self, name):
            raise RuntimeError(name)

    assert definition(Hostile())[-1] == "instance"


def test_a_run_that_is_undone_leaves_what_there_was_before_it(setting):
    setting.cell("a", ("register", "x", 1), ("register_once", "y", 1), ("append", ("z", 1)))
    setting.cell("b", ("register", "x", 2))
    setting.cell("a", ("register", "new", 3), ("append", ("z", 3)), outcome="undone")
    assert (setting.home.table, setting.home.loud, setting.home.line) == ({"x": 2}, {"y": 1}, [("z", 1)])
    setting.cell("c", ("register", "x", 4), outcome="undone")
    setting.cell("b")
    assert setting.home.table == {"x": 1}


def test_a_run_that_replays_stands_where_it_stood(setting):
    setting.cell("module", ("register", "x", 1), ("append", ("z", 1)))
    setting.cell("cell", ("register", "x", "mine"), ("append", ("after", 1)))
    setting.cell("cell 2", ("register", "new", "mine"))
    again = ("register", "x", 2), ("append", ("z", 2)), ("append", ("more", 2)), ("register", "new", 2)
    setting.cell("module", *again, replays=True)
    assert setting.home.table == {"x": "mine", "new": "mine"}
    assert setting.home.line == [("z", 2), ("more", 2), ("after", 1)]
    setting.cell("cell")
    setting.cell("cell 2")
    assert (setting.home.table, setting.home.line) == ({"x": 2, "new": 2}, [("z", 2), ("more", 2)])


def test_what_a_run_that_replays_has_added_keeps_its_order_when_the_next_one_fails(setting):
    setting.cell("module", ("append", ("z", 1)))
    setting.cell("module", ("append", ("z", 2)), ("append", ("one", 2)), ("append", ("two", 2)), replays=True)
    setting.cell("module", outcome="failed", replays=True)
    assert setting.home.line == [("z", 2), ("one", 2), ("two", 2)]


def test_what_its_owner_would_not_register_any_more_gives_way_and_comes_back_if_that_fails(setting, monkeypatch):
    setting.cell("old file", ("register_once", "y", 1))
    setting.owners["old file"].kind = "module"
    assert setting.cell("new file", ("register_once", "y", 2)).args == ("y has already been registered",)
    monkeypatch.setattr(setting, "is_outdated", lambda entry: True)
    setting.cell("new file", ("register_once", "y", 2), outcome="undone")
    assert setting.home.loud == {"y": 1}
    assert setting.cell("new file", ("register_once", "y", 2)) is None
    assert setting.home.loud == {"y": 2}
    setting.cell("new file")
    assert setting.home.loud == {}


def test_of_equal_keys_that_give_way_as_many_come_back_as_a_failing_run_did_not_register(setting):
    setting.cell("gone", ("append", ("z", 1)), ("append", ("z", 2)))
    setting.owners["gone"].deleted = True
    setting.cell("new", ("append", ("z", 3)), outcome="failed")
    assert sorted(setting.home.line) == [("z", 2), ("z", 3)]
    setting.cell("new", ("append", ("z", 4)))
    assert setting.home.line == [("z", 4)]


@pytest.mark.parametrize(
    "now, stands",
    [
        ("@register('A')\nclass Foo:\n    y = 2", True),
        ("x = 1\n\n@register('A')\nclass Foo(Base):\n    pass", True),
        ("@register('B')\nclass Foo:\n    x = 1", False),
        ("class Foo:\n    x = 1", False),
        ("", False),
        ("def (", True),
    ],
)
def test_whether_a_file_still_registers_what_a_former_text_did(now, stands):
    before = "@register('A')\nclass Foo:\n    x = 1"
    for line in (1, 2):
        way = Way((verdicts.Step("own", line),))
        assert verdicts.is_outdated(way, source.read(before), source.read(now)) is not stands


def test_the_line_of_a_definition_is_that_of_its_first_decorator():
    text = "\n@a\n@b\nclass Foo:\n    @c\n    def f(self): pass\n"
    lines = [source.read(text).line_of_definition(name) for name in ("Foo", "Foo.f", "Foo.Spec", "Bar")]
    assert lines == [2, 5, 2, None]


def test_the_text_of_a_notebook_is_that_of_its_code_cells(tmp_path):
    path = tmp_path / "n.ipynb"
    path.write_text(
        '{"cells": [{"cell_type": "markdown", "source": "#"}, {"cell_type": "code", "source": ["a\\n", "b"]}]}'
    )
    assert source.of_file(str(path)) == "a\nb"
    path.write_text("no notebook")
    assert source.of_file(str(path)) is None
    assert source.of_file(str(tmp_path / "missing.py")) is None


def test_a_diverted_exec_module_ends_what_it_began_and_leaves_the_traceback(tmp_path, monkeypatch):
    seen = []

    def begin(module):
        seen.append(module.__name__)
        return None if module.__name__ == "noticed_c" else lambda error: seen.append(type(error).__name__)

    monkeypatch.syspath_prepend(tmp_path)
    for name, text in (("noticed_a", "import noticed_c"), ("noticed_b", "1 / 0"), ("noticed_c", "")):
        (tmp_path / f"{name}.py").write_text(text)
    undo = imports.notice(begin)
    try:
        importlib.import_module("noticed_a")
        with pytest.raises(ZeroDivisionError) as caught:
            importlib.import_module("noticed_b")
    finally:
        undo()
    assert [entry.name for entry in caught.traceback][-3:] == ["exec_module", "_call_with_frames_removed", "<module>"]
    assert seen == ["noticed_a", "noticed_c", "NoneType", "noticed_b", "ZeroDivisionError"]
    importlib.import_module("noticed_a")
    importlib.reload(sys.modules["noticed_a"])
    assert len(seen) == 5
