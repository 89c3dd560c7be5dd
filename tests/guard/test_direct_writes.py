"""What users write into containers themselves: comparing shows it, and the run gets it."""

from __future__ import annotations

import threading

import pytest
from guarding import Direct, DirectList

from kreg_ipython.guard import messages
from kreg_ipython.guard.ledger import Caller, Owner, Run
from kreg_ipython.registries.shapes import DictRegistry

THEIRS = {"silent": "handout()", "drawer": "drawer"}


@pytest.fixture(params=["silent", "drawer"])
def written(request, lab):
    """A lab, and the name of a registry that is written to; in texts ``D`` stands for its dict."""
    lab.name = request.param
    lab.dict = lab.home.table if request.param == "silent" else lab.home.drawer
    plain = lab.cell
    lab.cell = lambda name, text="", **options: plain(name, text.replace("D", THEIRS[request.param]), **options)
    return lab


def test_what_a_cell_writes_is_its_own_and_goes_with_it(written):
    written.cell("a", "D['x'] = abs\nD.update(y=min)")
    assert written.entries() == [(written.name, "x", "a"), (written.name, "y", "a")]
    entry = written.entry(written.name, "y")
    assert (entry.line, entry.written, entry.steps, entry.run.number) == (2, True, (), 1)
    assert written.acts() == ["registered x", "registered y"]
    written.cell("a", "D['y'] = max")
    assert written.dict == {"y": max}
    written.cell("a", "pass")
    assert written.dict == {} and written.entries() == []


def test_what_a_cell_writes_over_another_ones_shadows_it(written):
    written.cell("a", "D['x'] = abs")
    written.cell("b", "D['x'] = min")
    assert written.entries() == [(written.name, "x", "a"), (written.name, "x", "b")]
    written.cell("b", "pass")
    assert written.dict == {"x": abs}


def test_what_a_cell_writes_over_a_librarys_value_gives_it_back(written):
    written.dict["x"] = len
    written.guard.attach("home")
    written.cell("a", "D['x'] = abs")
    written.cell("a", "D['x'] = min")
    written.cell("a", "pass")
    assert written.dict == {"x": len} and written.guard.ledger.all() == []


def test_what_a_cell_takes_out_is_its_word(written):
    written.cell("a", "D['x'] = abs\nD['y'] = min")
    written.cell("b", "D.pop('x')")
    assert written.entries() == [(written.name, "y", "a")]
    assert written.acts("x")[1:] == ["forgot x"]
    assert written.reasons("x", "forgot") == ["it was taken out or overwritten by hand"]
    assert [event.run for event in written.guard.memory.journal.events()] == [1, 1, 2]
    written.main.keep = abs
    assert written.dict == {"y": min}


def test_what_was_taken_out_by_hand_is_a_former_object(lab):
    lab.cell("a", "def foo(): pass\ndrawer['x'] = foo")
    lab.cell("b", "del drawer['x']")
    assert [former.subject() for former in lab.guard.ledger.former()] == [lab.main.foo]


def test_what_is_taken_out_takes_what_it_shadows_with_it(written):
    written.cell("a", "D['x'] = abs")
    written.cell("b", "D['x'] = min")
    written.cell("c", "del D['x']")
    assert written.entries() == [] and written.dict == {}


def test_what_was_written_over_the_same_object_of_another_cell_is_the_last_writers(lab):
    for name in "ab":
        lab.cell(name, "handout()['x'] = abs")
    assert lab.entries() == [("silent", "x", "a"), ("silent", "x", "b")]
    assert lab.entry("silent", "x").line == 1 and lab.entry("silent", "x").run.number == 2
    lab.cell("b", "pass")
    assert lab.home.table == {"x": abs} and lab.entries() == [("silent", "x", "a")]


def test_an_equal_write_is_the_writers_only_if_the_cell_asked_for_the_container(lab):
    lab.cell("a", "handout()['x'] = abs")
    lab.cell("b", "d = {}\nd['x'] = abs")
    lab.cell("c", "handout()\nd = {}\nd['y'] = abs")
    assert lab.entries() == [("silent", "x", "a")]


def test_an_equal_write_of_the_cells_own_is_none(lab):
    lab.cell("a", "if 1:\n    handout()['x'] = abs")
    first = lab.entry("silent", "x")
    lab.cell("a", "if 1:\n    handout()['x'] = abs")
    assert lab.entries() == [("silent", "x", "a")] and lab.entry("silent", "x") is first


def test_an_equal_write_over_what_the_run_wrote_under_a_newer_entry_is_none(lab):
    lab.module("mod", "from home import *\nhandout()['x'] = abs")
    lab.cell("a", "handout()['x'] = min")
    lab.module("mod", "from home import *\nhandout()['x'] = max", replays=True)
    assert [entry.value for entry in lab.guard.ledger.stack(("silent", "x"))] == [max, min]


def test_an_equal_write_over_a_librarys_value_is_none(lab):
    lab.home.table["x"] = abs
    lab.guard.attach("home")
    lab.cell("a", "handout()['x'] = abs")
    assert lab.entries() == []


def test_a_run_that_fails_has_written_nothing_that_cannot_be_seen(lab):
    lab.cell("a", "handout()['x'] = abs")
    lab.cell("b", "handout()['x'] = abs\n1 / 0", fails=ZeroDivisionError)
    assert lab.entries() == [("silent", "x", "a")]


def test_what_a_failing_run_wrote_is_its_own(written):
    written.cell("a", "D['x'] = abs\n1 / 0", fails=ZeroDivisionError)
    assert written.entries() == [(written.name, "x", "a")]


def test_several_cells_write_to_a_dict_that_one_of_them_holds(lab):
    lab.cell("a", "d = handout()")
    lab.cell("b", "d['x'] = abs")
    lab.cell("c", "d['x'] = min\nd['y'] = min")
    assert lab.entries() == [("silent", "x", "b"), ("silent", "x", "c"), ("silent", "y", "c")]
    lab.cell("b", "pass")
    lab.cell("c", "d['y'] = max")
    assert lab.home.table == {"y": max}


def test_what_a_module_writes_is_its_own_and_what_the_importing_cell_wrote_before_is_the_cells(written):
    written.main.import_mod = lambda: written.module("mod", f"from home import *\n{THEIRS[written.name]}['m'] = abs")
    written.cell("a", "D['x'] = min\nimport_mod()\nD['y'] = min")
    assert written.entries() == [(written.name, "x", "a"), (written.name, "m", "mod"), (written.name, "y", "a")]


def test_between_two_cells_a_thread_may_write_what_is_found_by_its_definition(lab):
    def found():
        """What a thread registers."""

    owner = lab.owner("a")
    lab.found[id(found)] = Caller(owner, Run(owner, "", 7), 3)
    held = lab.home.handout()
    thread = threading.Thread(target=held.update, kwargs={"x": found, "y": len})
    thread.start(), thread.join()
    lab.cell("b", "pass")
    assert lab.entries() == [("silent", "x", "a")]
    assert (lab.entry("silent", "x").line, lab.entry("silent", "x").written) == (3, True)


def test_the_line_of_what_was_written_is_that_of_its_key_or_of_its_definition(lab):
    lab.cell(
        "a", "k = 'z'\n'x'\ndef foo(): pass\ndrawer['x'] = foo\ndrawer[k + 'y'] = foo\ndrawer[1] = 5\ndrawer[k * 3] = 5"
    )
    lines = {entry.key: entry.line for entry in lab.guard.ledger}
    assert lines == {"x": 4, "zy": 3, 1: 6, "zzz": None}


def test_the_line_of_what_was_written_may_be_that_of_a_definition_of_its_name(lab):
    lab.cell("a", "class Foo: pass\nexec(\"drawer.update({'F' + 'oo': 5})\")")
    assert lab.entry("drawer", "Foo").line == 1


def test_an_instance_has_no_definition_of_its_own(lab):
    lab.cell("a", "class Foo: pass\nexec('drawer[1] = Foo()')")
    assert lab.entry("drawer", 1).line is None
    lab.cell("a", "class Foo: pass\ndrawer[1] = Foo()")
    assert lab.entry("drawer", 1).line == 2


def test_what_nobody_knows_the_text_of_has_no_line(lab):
    run = Run(lab.owner("a"), None)
    with lab.running_(run):
        lab.home.drawer["x"] = abs
    lab.guard.end(run, "success")
    assert lab.entry("drawer", "x").line is None


def test_equal_keys_are_followed_in_a_list(lab):
    lab.cell("a", "pile.append(('k', 1))\nvalue = ('k', 2)\npile.append(value)\npile.append(value)")
    assert lab.entries() == [("pile", "k", "a")] * 3
    lab.cell("b", "pile.pop()")
    assert [entry.value for entry in lab.guard.ledger] == [("k", 1), ("k", 2)]
    lab.cell("c", "del pile[0]")
    assert [entry.value for entry in lab.guard.ledger] == [("k", 2)] == lab.home.pile
    lab.cell("a", "pile.append(('k', 3))")
    assert lab.home.pile == [("k", 3)]


def test_an_empty_cell_looks_at_what_users_write_to_and_at_nothing_else(lab):
    assert set(lab.guard._writes._followed) == {"silent", "drawer", "pile"}
    lab.guard.remove("drawer")
    lab.cell("a", "drawer['x'] = 1")
    assert lab.entries() == [] and lab.home.drawer == {"x": 1}


@pytest.mark.parametrize("held", ["handout()", "objects"])
@pytest.mark.parametrize("value", ["[1]", "'a' + str(1)", "Point(1)", "{}"])
def test_an_equal_object_that_is_written_anew_is_the_one_that_is_known(lab, value, held):
    lab.cell("h", "import dataclasses\nPoint = dataclasses.make_dataclass('Point', ['x'])\nobjects = handout()")
    for _ in range(2):
        lab.cell("b", f"if 1: {held}['x'] = {value}")
    assert lab.entry("silent", "x").value is lab.home.table["x"]
    lab.cell("b", "pass")
    assert lab.home.table == {} and lab.entries() == []


def test_a_registry_that_goes_in_the_run_that_wrote_to_it_is_left_alone(lab):
    lab.main.guard = lab.guard
    lab.cell("a", "drawer['x'] = 1\nregister('y', 1)\nregister('z', 1)")
    lab.main.between = lambda: lab.guard.between(lab.running())
    lab.cell("a", "drawer['x'] = 2\nbetween()\nregister('y', 2)\nguard.remove('drawer')")
    assert lab.home.drawer == {"x": 2} and lab.home.table == {"y": 2} and lab.entries() == [("silent", "y", "a")]


def test_a_registry_that_goes_in_the_run_that_unregistered_is_left_alone(lab):
    lab.main.guard, lab.main.foo = lab.guard, lambda: None
    lab.cell("a", "register_once('x', foo)")
    lab.cell("b", "register('y', 1)\nregister('z', 1)")
    lab.cell("b", "unregister('x')\nregister('y', 2)\nguard.remove('raising')")
    assert lab.home.loud == {} and lab.home.table == {"y": 2} and lab.entries() == [("silent", "y", "b")]


def test_a_container_that_becomes_one_of_another_kind_is_followed_as_that_one(lab):
    lab.cell("a", "pile.append(('k', 1))")
    lab.home.pile = lab.main.pile = {}
    lab.guard.add(Direct("pile", "home:pile"), now=True)
    lab.cell("a", "pile['k'] = 1")
    lab.cell("b", "pile['k'] = 2")
    assert lab.home.pile == {"k": 2}
    lab.cell("b", "pass")
    assert lab.home.pile == {"k": 1} and lab.entries() == [("pile", "k", "a")]


def test_a_registry_that_is_followed_no_more_is_left_alone(lab):
    lab.guard.add(DictRegistry("drawer", "home:drawer"), now=True)
    lab.cell("a", "drawer['x'] = 1")
    assert lab.entries() == [] and lab.home.drawer == {"x": 1}


def test_a_registry_that_goes_and_comes_back_in_the_run_that_wrote_to_it_has_the_last_word(lab):
    lab.cell("a", "drawer['x'] = 1")

    def again():
        lab.guard.between(lab.running())
        lab.guard.remove("drawer")
        lab.guard.add(Direct("drawer", "home:drawer"), now=True)

    lab.main.again = again
    lab.cell("a", "drawer['x'] = 2\nagain()")
    assert lab.home.drawer == {"x": 2}


def test_an_object_in_a_list_that_gets_another_name_is_still_its_cells(lab):
    lab.guard.add(DirectList("pile", "home:pile", key=lambda value: value.__qualname__), now=True)
    lab.cell("a", "def f(): pass\npile.append(f)")
    lab.cell("b", "f.__qualname__ = 'api.f'")
    lab.cell("c", "def g(): pass\npile.append(g)")
    lab.cell("c", "pass")
    assert lab.home.pile == [lab.main.f]


def test_an_object_whose_metaclass_compares_as_it_likes_is_followed(lab):
    lab.cell(
        "m", "class Meta(type):\n    def __eq__(self, other): return True\n    __hash__ = None\nobjects = handout()"
    )
    lab.cell("a", "class Foo(metaclass=Meta): pass\nobjects['x'] = Foo()")
    lab.cell("b", "pass")
    lab.cell("a", "class Foo(metaclass=Meta): pass\nobjects['y'] = Foo()")
    assert list(lab.home.table) == ["y"] and lab.said == []


def test_a_container_of_the_users_own_class_that_fails_is_one_line(lab):
    class Broken(dict):
        def __len__(self):
            raise RuntimeError("no length")

    lab.cell("a", "drawer['x'] = abs")
    lab.home.drawer = Broken()
    lab.faulty = True
    lab.cell("b", "pile.append(('k', 1))")
    lab.cell("b", "pile.append(('k', 2))")
    assert lab.said == ["the registry drawer is not guarded properly: RuntimeError: no length"]
    assert lab.home.pile == [("k", 2)]
    lab.home.drawer = {"x": abs}


def test_one_value_that_cannot_be_followed_leaves_the_others(lab):
    lab.faulty = True
    right = lab.guard._registrations.record
    lab.guard._registrations.record = lambda registration, value, **how: (
        1 / 0 if registration.key == "x" else right(registration, value, **how)
    )
    lab.cell("a", "drawer['x'] = abs\ndrawer['y'] = min")
    assert lab.entries() == [("drawer", "y", "a")]
    assert lab.said == ["the registry drawer is not guarded properly: ZeroDivisionError: division by zero"]


def test_a_module_that_makes_a_container_anew_loses_nothing_of_the_others(lab):
    maker = "table = {}\ntable['own'] = abs\n"
    lab.module("maker", maker)
    lab.guard.add(Direct("made", "maker:table"), now=True)
    lab.owner("maker")
    lab.found[id(abs)] = Caller(lab.owners["maker"], None, 2)
    lab.cell("a", "import maker\nmaker.table['mine'] = min")
    lab.module("maker", maker)
    assert lab.modules["maker"].table == {"own": abs, "mine": min}
    lab.cell("a", "pass")
    assert lab.modules["maker"].table == {"own": abs}


def test_a_cell_that_makes_a_container_anew_has_taken_out_what_was_in_it(lab):
    lab.cell("a", "drawer['x'] = abs")
    lab.cell("b", "import home\nhome.drawer = {'y': min}")
    assert lab.entries() == [("drawer", "y", "b")]


def test_a_replayed_write_stands_at_its_former_place(lab):
    lab.module("mod", "from home import *\ndrawer['x'] = abs")
    lab.cell("a", "drawer['x'] = min")
    lab.module("mod", "from home import *\ndrawer['x'] = max", replays=True)
    assert lab.home.drawer == {"x": min}
    lab.cell("a", "pass")
    assert lab.home.drawer == {"x": max}


def test_a_loop_that_writes_and_got_shorter_leaves_out_what_it_does_not_write(lab):
    lab.main.some = ["x", "y"]
    text = "for key in some:\n    drawer[key] = lambda: 1"
    lab.cell("a", text)
    lab.main.some = ["x"]
    lab.cell("a", text)
    assert lab.home.drawer.keys() == {"x"}


@pytest.mark.parametrize("value", [min, 1, lambda: 1])
def test_a_loop_may_have_written_again_what_the_run_can_get_hold_of(lab, value):
    lab.main.some = {"x": abs, "y": value}
    text = "for key, value in some.items():\n    drawer[key] = value"
    lab.cell("a", text)
    lab.main.some = {"x": max, "y": value}
    lab.cell("a", text)
    assert lab.home.drawer == {"x": max, "y": value}
    assert lab.entry("drawer", "y").kept == messages.why_kept(True, False)


def test_what_only_the_container_holds_cannot_have_been_written_again(lab):
    lab.main.some = ["x", "y"]
    text = "for key in some:\n    drawer[key] = [key]"
    lab.cell("a", text)
    lab.main.some, lab.main.held = ["x"], lab.home.drawer
    lab.cell("a", text)
    assert lab.home.drawer == {"x": ["x"]}


def test_what_the_text_does_not_say_any_more_cannot_have_been_written_again(lab):
    lab.main.f, lab.main.g = abs, max
    lab.cell("a", "for key, value in {'x': f, 'y': g}.items():\n    drawer[key] = value")
    lab.main.f = min
    lab.cell("a", "for key, value in {'x': f}.items():\n    drawer[key] = value")
    assert lab.home.drawer == {"x": min}


def test_where_it_is_not_known_what_variables_hold_all_may_have_been_written_again(lab, monkeypatch):
    lab.main.some = ["x", "y"]
    text = "for key in some:\n    drawer[key] = [key]"
    lab.cell("a", text)
    monkeypatch.setattr(type(lab), "held", lambda *args: None)
    lab.main.some = ["x"]
    lab.cell("a", text)
    assert lab.home.drawer == {"x": ["x"], "y": ["y"]}


def test_what_a_library_wrote_for_a_cell_that_nobody_saw_is_kept_with_a_reason(lab):
    lab.module("mod", "from home import *\ndef setup():\n    drawer['x'] = abs")
    lab.cell("a", "import mod\nmod.setup()")
    lab.cell("a", "import mod\nif 0: mod.setup()\nelse: mod.setup")
    assert lab.home.drawer == {"x": abs}
    assert lab.entry("drawer", "x").kept == messages.why_kept(False, False)
    lab.cell("a", "pass")
    assert lab.home.drawer == {}


def test_nothing_is_compared_outside_of_a_run_but_sizes(lab):
    held = lab.home.handout()
    lab.cell("a", "pass")
    held["x"] = abs
    assert lab.guard._writes.changed(thoroughly=False) == [lab.guard.registries["silent"]]
    lab.guard.between()
    assert lab.entries() == []
    held["x"] = min
    assert lab.guard._writes.changed(thoroughly=False) == []
    assert lab.guard._writes.changed(thoroughly=True) == [lab.guard.registries["silent"]]


def test_a_container_that_nobody_asked_for_is_not_followed_for_equal_writes(lab):
    run = Run(lab.owner("a"), "handout()['x'] = 1")
    with lab.running_(run):
        lab.home.handout()
    assert set(run.accessed) == {"silent"} and lab.guard.registries["silent"].snapshot.accessed
    lab.guard.end(run, "success")
    lab.home.handout()
    assert set(run.accessed) == {"silent"}


def test_a_registry_without_a_snapshot_is_asked_for_in_vain(lab):
    lab.guard.registries["silent"].snapshot = None
    run = Run(lab.owner("a"), "")
    with lab.running_(run):
        assert lab.home.handout() is lab.home.table
    assert not run.accessed
    lab.guard.end(run, "success")
    assert Owner("cell", "b").label


def test_a_function_that_hands_out_a_container_gets_its_own_arguments(lab):
    lab.home.table["x"] = abs
    assert lab.home.handout(True, times=2) == [{"x": abs}] * 2
    assert lab.home.handout(copied=True) == [{"x": abs}]


def test_what_a_cell_writes_leaves_the_others_where_they_are(lab):
    lab.cell("a", "drawer['x'] = abs")
    lab.cell("b", "drawer['y'] = abs")
    assert list(lab.home.drawer) == ["x", "y"]


def test_an_equal_write_over_a_newer_entry_than_its_own_is_one(lab):
    text = "if 1:\n    handout()['x'] = value"
    lab.main.value = abs
    lab.cell("a", text)
    lab.cell("b", "handout()['x'] = min")
    lab.main.value = min
    lab.cell("a", text)
    assert lab.entry("silent", "x").owner is lab.owners["a"]
    lab.cell("b", "pass")
    assert lab.home.table == {"x": min}


def test_equal_writes_stand_beside_others(lab):
    keys = [f"k{n}" for n in range(20)]
    lab.cell("a", "\n".join(f"handout()['{key}'] = abs" for key in keys))
    lab.cell("b", "\n".join(f"handout()['{key}'] = {('abs', 'min')[n % 2]}" for n, key in enumerate(keys)))
    assert [key for _, key, name in lab.entries() if name == "b"] != [] and len(lab.entries()) == 40
    assert {lab.entry("silent", key).line for key in keys} == set(range(1, 21))


def test_a_tuple_of_one_has_a_definition_without_a_name(lab):
    lab.cell("a", "exec('drawer[1] = (abs,)')")
    assert lab.entry("drawer", 1).line is None


def test_a_registry_that_is_not_looked_at_leaves_the_others(lab):
    lab.guard.registries["silent"].snapshot = None
    lab.cell("a", "drawer['x'] = abs")
    assert lab.entries() == [("drawer", "x", "a")]


def test_who_asks_for_a_container_is_read_off_the_stack_once_for_each_way(lab):
    located, asked = lab.locate_caller, []
    lab.locate_caller = lambda *args: asked.append(args) or located(*args)
    lab.cell("a", "def put(key): handout()[key] = key\nfor key in 'uvwx': put(key)\nput('y')\nhandout()['z'] = 'z'")
    assert len(asked) == 3 and len(lab.entries()) == 6


def test_a_function_that_asks_at_each_of_its_lines_is_one(lab):
    lab.cell("a", "def put(key):\n    handout().pop(key, None)\n    handout()[key] = key\nfor key in 'ab': put(key)")
    assert [step.line for step in lab.entry("silent", "b").steps] == [4, 3]
