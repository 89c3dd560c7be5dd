"""A registration: a former self makes way, the framework decides as in a fresh kernel, and its owner gets what is left
behind."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
from guarding import hides_our_frames

FOO = "def foo(): return {}\nregister_once('x', foo)"
GUARDED = "if ready:\n    register_once('x', foo)"


@pytest.fixture
def notebook(lab):
    """Run the notebook's first cell, which defines what the tests register."""
    lab.cell("setup", "class Foo: pass\ndef foo(): pass\nready = True")
    return lab


def test_a_cell_that_runs_again_replaces_what_it_registered(lab):
    for number in (1, 2):
        lab.cell("a", f"register('x{number}', {number})\nappend(('z', {number}))\n" + FOO.format(number))
    assert lab.home.table == {"x2": 2} and lab.home.line == [("z", 2)]
    assert lab.home.loud["x"]() == 2 and list(lab.home.names.values()) == ["x"]


def test_the_framework_meets_the_registry_as_in_a_fresh_kernel(lab):
    text = "seen = handout().get('x'), 'x' in handout()\nregister('x', 1)\nappend(('k', 1))"
    for _ in range(2):
        lab.cell("a", text)
        assert lab.main.seen == (None, False)


def test_an_entry_knows_its_owner_its_run_its_line_and_the_way_to_it(lab):
    lab.cell("a", "def make(key):\n    register(key, 1)\n\nmake('x')\n")
    entry, owner = lab.entry("silent", "x"), lab.owners["a"]
    assert (entry.owner, entry.line, entry.complete) == (owner, 2, True)
    assert (entry.run.owner, entry.run.number, entry.run.source) == (owner, 1, owner.source)
    assert [(step.function, step.line) for step in entry.steps] == [("", 4), ("make", 2)]
    assert (entry.value, entry.subject, entry.adopted, entry.written) == (1, 1, False, False)
    assert lab.acts() == ["registered x"] and lab.reasons("x", "registered") == [""]
    assert lab.guard.memory.journal.events()[0].run == 1


def test_a_decorator_registers_for_the_cell_that_uses_it(lab):
    for number in (1, 2):
        lab.cell("a", f"@registered('x')\nclass Foo:\n    number = {number}")
    assert lab.home.loud["x"].number == 2 and lab.home.loud["x"] is lab.main.Foo
    assert lab.entry("raising", "x").line in (1, 2)


def test_a_function_that_registers_by_another_gate_registers_once(lab):
    lab.cell("a", "@registered('x')\nclass Foo: pass")
    assert lab.entries() == [("raising", "x", "a")]
    assert lab.acts() == ["registered x"]


def test_a_framework_registers_for_itself(lab):
    vars(lab.tracing)["trace"] = None
    exec("def trace(key, value):\n    gradient(key, value)\n    register_once(key, value)", vars(lab.tracing))
    lab.main.trace = lab.tracing.trace
    lab.cell("a", "trace('G', len)")
    assert lab.entries() == [] and lab.home.graphs == lab.home.loud == {"G": len}
    lab.cell("a", "")
    assert lab.home.graphs == {"G": len}


def test_a_former_self_that_was_kept_makes_way_for_the_registration(notebook):
    lab = notebook
    for number in (1, 2):
        lab.cell("a", f"if ready:\n    def foo(): return {number}\n    register_once('x', foo)")
        assert lab.home.loud["x"]() == number and lab.home.names == {lab.home.loud["x"]: "x"}
    assert lab.entries() == [("raising", "x", "a")]
    assert [event.act for event in lab.guard.memory.journal.events()] == ["registered", "registered"]


def test_a_former_self_with_another_definition_makes_way_too(notebook):
    lab = notebook
    lab.cell("a", "if ready:\n    register_once('x', foo)")
    lab.cell("a", "if ready:\n    register_once('x', Foo)")
    assert lab.home.loud == {"x": lab.main.Foo} and lab.home.names[lab.main.Foo] == "x"


def test_the_same_definition_is_taken_from_another_cell(lab):
    lab.cell("a", FOO.format(1))
    lab.cell("b", FOO.format(2))
    assert lab.home.loud["x"]() == 2 and lab.entry("raising", "x").owner is lab.owners["b"]
    lab.cell("b", "pass")
    assert lab.home.loud["x"]() == 1, "it shadowed the first"
    lab.cell("a", "pass")
    assert lab.home.loud == {}


def test_a_key_that_one_run_registers_twice_is_there_once(notebook):
    lab = notebook
    lab.cell("a", "register('x', foo)\nregister('x', Foo)\nregister('y', 1)")
    assert lab.entries() == [("silent", "x", "a"), ("silent", "y", "a")]
    assert [former.subject() for former in lab.guard.ledger.former()] == [lab.main.foo]
    lab.cell("a", "")
    assert lab.home.table == {}


def test_a_raising_registry_refuses_what_one_run_registers_twice(lab):
    text = "def foo(): pass\nregister_once('x', foo)\nregister_once('x', foo)"
    for _ in range(2):
        error = lab.cell("a", text, fails=KeyError)
        assert error.args == ("x has already been registered",)
        lab.main.first = lab.home.loud["x"]
    assert lab.home.loud == {"x": lab.main.foo}
    assert lab.noted(error)[-1:] == [
        "kreg: 'x' is registered by cell [2], line 2; this is cell [2], line 3."
        " Rename one, or run this again after %kreg clear x"
    ]


def test_in_a_list_each_run_of_a_cell_replaces_one_former_entry_by_one(notebook):
    lab = notebook
    text = "if ready:\n    for n in numbers:\n        append(('k', n))"
    lab.main.numbers = [1, 2]
    lab.cell("a", text)
    lab.main.numbers = [3, 4, 5]
    lab.cell("a", text)
    assert lab.home.line == [("k", 3), ("k", 4), ("k", 5)]
    assert [entry.value for entry in lab.guard.ledger] == lab.home.line
    lab.cell("b", "append(('k', 6))")
    assert len(lab.home.line) == 4


def test_a_call_that_fails_leaves_the_former_entry(notebook):
    lab = notebook
    lab.cell("a", "if ready:\n    register_once('x', foo)")
    lab.cell("b", "register_once('y', Foo)")
    former = lab.entry("raising", "x")
    exec("def register_once(key, value): raise KeyError('no')", vars(lab.home))
    lab.guard.registries["raising"].adapter.call = lambda *args: (_ for _ in ()).throw(KeyError("no"))
    error = lab.cell("a", "if ready:\n    register_once('x', foo)", fails=KeyError)
    assert error.args == ("no",) and lab.home.loud == {"x": lab.main.foo, "y": lab.main.Foo}
    assert lab.entry("raising", "x") is former


def test_a_call_that_fails_leaves_a_value_that_nobody_owns(lab):
    lab.cell("setup", "def foo(): pass")
    lab.home.loud["x"] = lab.main.foo
    lab.guard.registries["raising"].adapter.call = lambda *args: 1 / 0
    lab.cell("a", "register_once('x', foo)", fails=ZeroDivisionError)
    assert lab.home.loud == {"x": lab.main.foo} and lab.entries() == []


def test_a_call_that_fails_leaves_a_list_as_it_was_and_in_order(notebook):
    lab = notebook
    lab.cell("a", "if ready:\n    append(('k', 1))\n    append(('l', 1))")
    former = lab.entry("listed", "k")
    lab.guard.registries["listed"].adapter.call = lambda *args: 1 / 0
    lab.cell("a", "if ready:\n    append(('k', 2))", fails=ZeroDivisionError)
    assert lab.home.line == [("k", 1), ("l", 1)] and lab.entry("listed", "k") is former


def test_a_call_that_raises_half_way_has_registered(lab):
    def call(subject, register, args, kwargs):
        register(*args)
        raise KeyError("half-way")

    for name in ("raising", "listed"):
        lab.guard.registries[name].adapter.call = call
    lab.cell("a", "def foo(): pass\nregister_once('x', foo)", fails=KeyError)
    lab.cell("b", "append(('k', 1))", fails=KeyError)
    assert lab.entries() == [("raising", "x", "a"), ("listed", "k", "b")]
    assert lab.home.line == [("k", 1)]


def test_a_list_that_takes_nothing_in_has_nothing_registered(lab):
    lab.guard.registries["listed"].adapter.call = lambda *args: None
    lab.cell("a", "append(('k', 1))")
    assert lab.entries() == []


def test_a_value_in_a_list_that_stands_there_already_is_not_registered_by_a_call_that_fails(lab):
    lab.cell("a", "value = ('k', 1)\nappend(value)")
    lab.guard.registries["listed"].adapter.call = lambda *args: 1 / 0
    lab.cell("b", "append(value)", fails=ZeroDivisionError)
    assert lab.entries() == [("listed", "k", "a")]


def test_the_same_object_may_be_registered_in_a_list_twice(lab):
    lab.cell("a", "value = ('k', 1)\nappend(value)\nappend(value)")
    assert lab.entries() == [("listed", "k", "a")] * 2 and lab.home.line == [("k", 1)] * 2
    lab.cell("a", "append(value)")
    assert lab.home.line == [("k", 1)]


def test_what_a_framework_ignores_is_not_registered_anew(lab):
    lab.cell("a", "define('x', 1)")
    lab.cell("b", "define('x', 2)")
    assert lab.home.flags == {"x": 1} and lab.entries() == [("flags", "x", "a")]


def test_the_same_definition_is_registered_anew_where_a_framework_ignores_it(notebook):
    lab = notebook
    lab.cell("a", "define('x', foo)")
    lab.cell("b", "define('x', foo)")
    assert lab.entries() == [("flags", "x", "a"), ("flags", "x", "b")]


def test_what_a_call_returns_and_raises_is_the_frameworks(lab):
    lab.cell("a", "returned = registered('x')(abs)")
    assert lab.main.returned is abs
    error = lab.cell("b", "register_once('x', len)", fails=KeyError)
    assert error.args == ("x has already been registered",) and error.__context__ is None


def test_a_library_is_called_without_the_lock_and_with_the_gates_shut(lab):
    seen = []

    def other():
        if lab.guard._lock.acquire(blocking=False):
            lab.guard._lock.release()
            seen.append("free")

    def call(subject, register, args, kwargs):
        seen.append(lab.guard._gates._inside.gates)
        run_in_thread(other)
        return register(*args)

    lab.guard.registries["things"].adapter.call = call
    lab.main.put = lab.shelf.put
    lab.cell("a", "returned = put('x', 1)")
    assert seen == [False, "free"] and lab.main.returned == "x" and lab.shelf.things == {"x": 1}
    assert lab.entries() == [("things", "x", "a")]


def run_in_thread(function):
    """Run a function in a thread and wait for it."""
    thread = threading.Thread(target=function)
    thread.start(), thread.join()


def test_a_framework_is_called_by_one_thread_at_a_time_with_the_gates_open(lab):
    seen = []

    def other():
        seen.append(lab.guard._lock.acquire(blocking=False))

    def call(subject, register, args, kwargs):
        seen.append(lab.guard._gates._inside.gates)
        run_in_thread(other)
        return register(*args)

    lab.guard.registries["silent"].adapter.call = call
    lab.cell("a", "register('x', 1)")
    assert seen == [True, False]


def test_a_library_that_fails_leaves_the_former_entry(notebook):
    lab = notebook
    lab.main.put = lab.shelf.put
    lab.cell("a", "if ready:\n    put('x', foo)")
    lab.guard.registries["things"].adapter.call = lambda *args: 1 / 0
    lab.cell("a", "if ready:\n    put('x', foo)", fails=ZeroDivisionError)
    assert lab.shelf.things == {"x": lab.main.foo}
    assert lab.entry("things", "x").owner is lab.owners["a"]


def test_a_registry_that_cannot_be_asked_lets_calls_through(lab):
    lab.faulty = True
    lab.guard.registries["raising"].adapter.current = lambda key: 1 / 0
    lab.cell("a", "register_once('x', abs)")
    assert lab.home.loud == {"x": abs} and lab.said == [
        "the registry raising is not guarded properly: ZeroDivisionError: division by zero"
    ]
    lab.cell("b", "register_once('x', abs)", fails=KeyError)


def test_a_context_that_fails_lets_calls_through(lab):
    lab.faulty = True
    lab.locate_caller = lambda frame, passthrough, subject: 1 / 0
    lab.cell("a", "register('x', 1)")
    assert lab.home.table == {"x": 1} and lab.entries() == [] and len(lab.said) == 1


def test_the_search_for_the_owner_skips_what_stands_between_a_user_and_a_gate(lab):
    exec("def setup(register):\n    register('x', 1)", vars(lab.tracing))
    lab.main.setup = lab.tracing.setup
    lab.cell("a", "setup(register)")
    assert lab.entries() == []
    lab.guard.registries["silent"].adapter.passthrough_modules |= {"home.tracing"}
    lab.cell("a", "setup(register)")
    assert lab.entries() == [("silent", "x", "a")]


def test_a_framework_that_is_executed_again_meets_what_it_registered_itself(lab):
    lab.home.loud["x"] = type("X", (), {"__module__": "home.layers", "__qualname__": "X"})
    text = "class X: pass\nX.__module__ = 'home.layers'\nregister_once('x', X)"
    body = compile(text, "<frozen home.layers>", "exec")
    layers = lab._module("home.layers", "from home import *")
    with pytest.raises(KeyError):
        exec(body, vars(layers))
    lab.again.add("home.layers")
    exec(body, vars(layers))
    assert lab.home.loud == {"x": layers.X} and lab.entries() == []


def test_what_stood_there_comes_back_if_a_framework_that_is_executed_again_fails(lab):
    lab.home.loud["x"] = abs
    lab.again.add("home.layers")
    layers = lab._module("home.layers", "from home import *")
    lab.guard.registries["raising"].adapter.call = lambda *args: 1 / 0
    with pytest.raises(ZeroDivisionError):
        exec(compile("register_once('x', abs)", "<frozen home.layers>", "exec"), vars(layers))
    assert lab.home.loud == {"x": abs}


def test_a_module_gets_what_it_registers_and_the_cell_what_it_asks_a_module_for(lab):
    lab.module("mylib", "from home import register\nregister('x', 1)\ndef setup(): register('y', 1)")
    lab.cell("a", "import mylib; mylib.setup()")
    assert lab.entries() == [("silent", "x", "mylib"), ("silent", "y", "a")]
    lab.module("mylib", "from home import register\nregister('z', 1)")
    assert lab.home.table == {"y": 1, "z": 1}


def test_in_a_thread_the_cell_that_is_running_registers(lab):
    text = "import threading\ndef work(): register('x', 1)\nt = threading.Thread(target=work)\nt.start()\nt.join()"
    lab.cell("a", text)
    entry = lab.entry("silent", "x")
    assert (entry.owner.id, entry.complete, entry.line) == ("a", False, 2)
    assert [step.function for step in entry.steps] == ["work"]


def test_what_stood_over_a_librarys_value_gives_it_back(lab):
    lab.home.table["x"] = library = type("Lib", (), {"__module__": "lib"})
    lab.cell("a", "register('x', 1)")
    lab.cell("a", "register('x', 2)\nregister('x', 3)")
    assert [entry.owner and entry.owner.id for entry in lab.guard.ledger.stack(("silent", "x"))] == [None, "a"]
    lab.cell("b", "register('x', 4)")
    lab.cell("a", "pass")
    lab.cell("b", "pass")
    assert lab.home.table == {"x": library} and lab.guard.ledger.all() == []


def test_a_library_that_has_changed_its_value_meanwhile_gives_the_new_one_back(lab):
    lab.guard.registries["silent"].snapshot = None
    lab.home.table["x"] = type("Lib", (), {"__module__": "lib"})
    lab.cell("a", "register('x', 1)")
    lab.cell("a", "pass")
    lab.home.table["x"] = new = type("Lib", (), {"__module__": "lib"})
    lab.cell("a", "register('x', 1)")
    lab.cell("a", "pass")
    assert lab.home.table == {"x": new}


def test_a_value_that_users_put_over_a_shadowed_librarys_takes_its_place(lab):
    lab.guard.registries["silent"].snapshot = None
    lab.home.table["x"] = type("Lib", (), {"__module__": "lib"})
    lab.cell("a", "if 1:\n    register('x', 1)")
    lab.guard.ledger.remove(lab.entry("silent", "x"))
    new = lab.home.table["x"] = type("Lib", (), {"__module__": "lib"})
    lab.cell("b", "register('x', 2)")
    assert [each.value for each in lab.guard.ledger.stack(("silent", "x"))] == [new, 2]


def test_what_is_replaced_is_known_as_a_former_object_while_it_lives(notebook):
    lab = notebook
    lab.cell("a", "def foo(): return 1\nregister('x', foo)\nkeep = foo")
    lab.cell("a", "def foo(): return 2\nregister('x', foo)")
    assert [former.subject() for former in lab.guard.ledger.former()] == [lab.main.keep]
    gone = weakref.ref(lab.main.keep)
    del lab.main.keep
    gc.collect()
    assert gone() is None and lab.guard.ledger.former() == []


def test_the_same_object_that_is_registered_again_is_no_former_one(notebook):
    lab = notebook
    for _ in range(2):
        lab.cell("a", "register('x', foo)\nregister('x', foo)")
    assert lab.guard.ledger.former() == []


def test_outside_of_any_run_what_is_replaced_is_retired_at_once(lab):
    lab.owner("__main__", "module")
    namespace = {**vars(lab.main), "__name__": "elsewhere"}
    text = "def foo(): pass\nregister('x', foo)"
    for _ in range(2):
        exec(compile(text, "/user/elsewhere.py", "exec"), namespace)
        lab.check()
        namespace.setdefault("first", namespace["foo"])
    assert lab.entries() == [("silent", "x", "__main__")]
    assert [former.subject() for former in lab.guard.ledger.former()] == [namespace["first"]]
    exec(compile("register('x', foo)", "/user/elsewhere.py", "exec"), namespace)
    assert [former.subject() for former in lab.guard.ledger.former()] == [namespace["first"]]


def test_an_object_is_held_weakly_by_the_reverse_map(lab):
    lab.cell("a", "def foo(): pass\nregister_once('x', foo)")
    gone = weakref.ref(lab.main.foo)
    lab.cell("a", "pass")
    assert len(lab.home.names) == 1
    lab.forget_undo()
    del lab.main.foo
    gc.collect()
    assert gone() is None and lab.home.names == {}


def test_a_swept_gradient_that_is_registered_anew_is_not_served_any_more(lab):
    lab.cell("a", "gradient('G', abs)")
    lab.cell("a", "pass")
    assert ("graphs", "G") in lab.guard.ledger.swept
    lab.cell("b", "gradient('G', min)")
    assert lab.guard.ledger.swept == {}


def test_what_users_wrote_is_no_reason_to_think_a_registration_covers_it(lab):
    library = lab.home.table["x"] = type("Lib", (), {"__module__": "lib"})
    lab.guard.registries["silent"].look()
    lab.cell("a", "handout()['x'] = 1\nregister('x', 2)")
    assert [each.value for each in lab.guard.ledger.stack(("silent", "x"))] == [library, 2]
    lab.cell("a", "pass")
    assert lab.home.table == {"x": library}


def test_outside_of_any_run_a_list_takes_one_for_one(lab):
    lab.owner("__main__", "module")
    namespace = {**vars(lab.main), "__name__": "elsewhere"}
    for number in (1, 2):
        exec(compile(f"append(('k', {number}))", "/user/elsewhere.py", "exec"), namespace)
        lab.check()
    assert lab.home.line == [("k", 2)] and not lab.guard.faults


def test_what_takes_the_place_of_a_removed_entry_leaves_one_that_is_kept(notebook):
    lab = notebook
    text = "append(('k', 1))\nif ready: append(('k', 2))"
    lab.cell("a", text)
    lab.main.ready = False
    lab.cell("a", text)
    assert sorted(lab.home.line) == [("k", 1), ("k", 2)]
    assert sorted(entry.kept != "" for entry in lab.guard.ledger) == [False, True]


def test_tracebacks_hide_the_registration(lab):
    lab.cell("a", "register_once('x', abs)")
    error = lab.cell("b", "register_once('x', min)", fails=KeyError)
    assert hides_our_frames(error)


def test_a_call_that_is_refused_gets_its_own_arguments(notebook):
    error = notebook.cell("a", "register_once('x', foo)\nregister_once(key='x', value=foo)", fails=KeyError)
    assert error.args == ("x has already been registered",)


def test_what_a_failing_call_leaves_keeps_its_place_in_the_order(lab):
    lab.guard.registries["raising"].ordered = True
    text = "def foo(): pass\nregister_once('x', foo)"
    lab.cell("a", text)
    lab.cell("b", "register_once('y', abs)")
    lab.guard.registries["raising"].adapter.call = lambda *args: 1 / 0
    lab.cell("c", text, fails=ZeroDivisionError)
    assert list(lab.home.loud) == ["x", "y"]


def test_a_failing_call_puts_back_what_stood_there_and_not_what_we_know(lab):
    text = "def foo(): return {}\nregister_once('x', foo)"
    lab.cell("a", text.format(1))
    lab.main.other = theirs = type(lab.main.foo)(lab.main.foo.__code__, {}, "foo")
    theirs.__module__, theirs.__qualname__ = "__main__", "foo"
    lab.faulty = True
    lab.home.loud["x"] = theirs
    lab.guard.registries["raising"].adapter.call = lambda *args: 1 / 0
    lab.cell("b", text.format(2), fails=ZeroDivisionError)
    assert lab.home.loud == {"x": theirs}
    del lab.home.loud["x"]


def test_a_librarys_object_that_a_cell_registers_is_held_weakly(lab):
    lab.cell("a", "foo = type('Foo', (), {'__module__': 'lib'})\nregister_once('x', foo)")
    assert [type(key) is type for key in lab.home.names] == [False]


def test_a_cell_without_an_id_is_replaced_by_the_one_that_says_the_same(lab):
    lab.owner("a", id=None)
    for number, name in ((1, "a"), (2, "b")):
        lab.cell(name, f"def foo(): return {number}\nregister('x', foo)")
    assert lab.entries() == [("silent", "x", "b")]


class TestReplay:
    """A run that is executed once more at its own place in the history."""

    def test_what_replays_stands_where_it_stood(self, lab):
        text = "from home import *\nregister('x', {0})\nappend(('z', {0}))\nenqueue('q', {0})\n"
        lab.module("mod", text.format(1))
        lab.cell("a", "register('x', 'mine')\nappend(('after', 1))\nenqueue('r', 1)")
        lab.module("mod", text.format(2) + "append(('more', 2))", replays=True)
        assert lab.home.table == {"x": "mine"} and list(lab.home.queue) == ["q", "r"]
        assert lab.home.line == [("z", 2), ("more", 2), ("after", 1)]
        lab.cell("a", "pass")
        assert lab.home.table == {"x": 2}

    def test_what_replays_twice_in_one_run_stands_where_it_stood(self, lab):
        lab.module("mod", "from home import *\nregister('x', 1)")
        lab.cell("a", "register('x', 'mine')")
        lab.module("mod", "from home import *\nregister('x', 2)\nregister('x', 3)", replays=True)
        assert lab.home.table == {"x": "mine"}
        assert [each.value for each in lab.guard.ledger.stack(("silent", "x"))] == [3, "mine"]

    def test_what_is_not_removed_for_a_replay_stands_where_it_stood(self, lab):
        text = "from home import *\nif True:\n    register('x', {0})\n    append(('k', {0}))"
        lab.module("mod", text.format(1))
        lab.cell("a", "register('x', 'mine')\nappend(('k', 'mine'))")
        lab.module("mod", text.format(2), replays=True)
        assert lab.home.table == {"x": "mine"} and lab.home.line == [("k", 2), ("k", "mine")]
        lab.cell("a", "pass")
        assert lab.home.table == {"x": 2}

    def test_what_a_cell_has_put_over_a_key_that_a_replay_registers_first_stays_over_it(self, lab):
        lab.module("mod", "from home import *\nregister('x', 1)\nappend(('z', 1))")
        lab.cell("a", "register('x', 'mine')\nappend(('after', 1))")
        lab.cell("b", "register('new', 'mine')")
        text = "from home import *\nregister('x', 2)\nappend(('z', 2))\nappend(('more', 2))\nregister('new', 2)"
        lab.module("mod", text, replays=True)
        assert lab.home.table == {"x": "mine", "new": "mine"}
        assert lab.home.line == [("z", 2), ("more", 2), ("after", 1)]
        lab.cell("a", "pass")
        lab.cell("b", "pass")
        assert lab.home.table == {"x": 2, "new": 2} and lab.home.line == [("z", 2), ("more", 2)]

    def test_what_a_replay_has_added_keeps_its_order_when_the_next_one_fails(self, lab):
        lab.module("mod", "from home import *\nappend(('z', 1))")
        more = "from home import *\nappend(('z', 2))\nappend(('one', 2))\nappend(('two', 2))"
        lab.module("mod", more, replays=True)
        lab.module("mod", "1 / 0", replays=True, fails=ZeroDivisionError)
        assert lab.home.line == [("z", 2), ("one", 2), ("two", 2)]
