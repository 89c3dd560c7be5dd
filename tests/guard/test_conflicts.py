"""Who gives way where two owners claim one key, and what the user is told."""

from __future__ import annotations

import pytest

from kreg_ipython.guard import messages
from kreg_ipython.guard.conflicts import Conflicts
from kreg_ipython.guard.context import Registration
from kreg_ipython.guard.ledger import Caller, Entry, Owner, Run

FOO = "def foo(): return {}\n"
ONCE = "register_once('x', {})"


@pytest.fixture
def conflicts(lab):
    """The guard's."""
    return Conflicts(lab.guard.shared)


def make(owner, subject=abs, run=None):
    """An entry that is nowhere."""
    return Entry("raising", "x", subject, subject, owner, run)


def defined():
    """A function, defined anew each time."""

    def same():
        """Nothing."""

    return same


CELL = Caller(Owner("cell", "b", {"session"}))


@pytest.mark.parametrize(
    ("owner", "subject", "gives_way"),
    [
        (None, abs, False),
        (CELL.owner, defined(), False),
        (Owner("cell", "a", {"session"}), defined(), False),
        (Owner("cell", "a", {"session"}, deleted=True), abs, True),
        (Owner("cell", None, {"session"}), defined(), True),
        (Owner("cell", None, {"session"}), abs, False),
        (Owner("cell", "a", {"former session"}), defined(), True),
        (Owner("cell", "a", {"former session"}), abs, False),
        (Owner("cell", "a", {"former session", "session"}), defined(), False),
        (Owner("module", "mod"), defined(), False),
        (Owner("module", "old"), abs, True),
        (Owner("script", "old"), abs, True),
        (Owner("module", "mod", deleted=True), abs, False),
    ],
    ids=[
        "nobody", "itself", "another cell", "a deleted cell", "a cell without an id", "another definition of its",
        "a cell of a former session", "another definition of that", "a cell of both sessions", "a module",
        "an outdated module", "an outdated script", "a module is not deleted",
    ],
)  # fmt: skip
def test_an_owner_that_would_not_register_an_entry_any_more_gives_way(lab, conflicts, owner, subject, gives_way):
    lab.outdated.add("old")
    assert conflicts.gives_way(make(owner, subject), defined(), CELL) is gives_way


def test_a_cell_gives_way_to_no_module_for_its_id(conflicts):
    subject = defined()
    module = Caller(Owner("module", "mod", {"session"}))
    assert not conflicts.gives_way(make(Owner("cell", None), subject), defined(), module)
    assert not conflicts.gives_way(make(Owner("cell", "a", {"former"}), subject), defined(), module)


def test_two_definitions_for_one_key_get_the_frameworks_error_with_both_places(lab):
    lab.cell("a", ONCE.format("abs"))
    error = lab.cell("b", "pass\n" + ONCE.format("min"), fails=KeyError)
    assert error.args == ("x has already been registered",) and lab.home.loud == {"x": abs}
    assert lab.noted(error) == [
        "kreg: " + messages.refused("x", lab.entry("raising", "x"), abs, Caller(lab.owners["b"], None, 2))
    ]
    assert lab.entries() == [("raising", "x", "a")]


def test_what_a_library_registered_is_told_by_its_module(lab):
    import collections

    lab.home.loud["x"] = collections.OrderedDict
    error = lab.cell("a", ONCE.format("min"), fails=KeyError)
    assert lab.noted(error) == ["kreg: 'x' is registered by collections; this is cell [1], line 1. Rename yours."]


def test_an_object_that_is_known_under_another_key_is_told_by_that_key(lab):
    lab.cell("a", "register_once('w', max)\nregister_once('x', abs)")
    lab.guard.registries["raising"].adapter._reverse = None
    error = lab.cell("b", "register_once('y', abs)", fails=KeyError)
    assert error.args == ("abs is known as x",)
    assert lab.noted(error) == [
        "kreg: " + messages.refused("x", lab.entry("raising", "x"), None, Caller(lab.owners["b"], None, 1))
    ]


def test_an_error_that_is_not_about_an_entry_has_no_note(lab):
    lab.guard.registries["raising"].adapter.call = lambda *args: 1 / 0
    lab.guard.registries["listed"].adapter.call = lambda *args: 1 / 0
    for text in (ONCE.format("abs"), "append(('k', 1))"):
        error = lab.cell("a", text, fails=ZeroDivisionError)
        assert not hasattr(error, "__notes__") and lab.said == []


def test_a_list_that_refuses_a_key_names_who_has_it(lab):
    lab.cell("a", "append(('k', 1))")
    lab.guard.registries["listed"].adapter.call = lambda *args: 1 / 0
    error = lab.cell("b", "append(('k', 2))", fails=ZeroDivisionError)
    assert lab.noted(error) == [
        "kreg: " + messages.refused("k", lab.entry("listed", "k"), None, Caller(lab.owners["b"], None, 1))
    ]


def test_a_framework_that_fails_gets_no_note(lab):
    lab.cell("a", ONCE.format("abs"))
    with pytest.raises(KeyError) as caught:
        exec(compile(ONCE.format("min"), "<frozen layers>", "exec"), vars(lab.tracing))
    assert not hasattr(caught.value, "__notes__") and lab.said == []


def test_a_deleted_cell_gives_way_to_another_definition(lab):
    lab.cell("a", ONCE.format("abs"))
    lab.owners["a"].deleted = True
    lab.cell("b", ONCE.format("min"))
    assert lab.home.loud == {"x": min} and lab.entries() == [("raising", "x", "b")]
    assert lab.reasons("x", "replaced") == ["cell [2], line 1 registers it now"]
    lab.cell("b", "pass")
    assert lab.home.loud == {}


def test_what_gave_way_comes_back_if_the_run_is_undone(lab):
    lab.cell("a", ONCE.format("abs"))
    lab.owners["a"].deleted = True
    lab.module("mod", "from home import *\n" + ONCE.format("min") + "\n1 / 0", fails=ZeroDivisionError)
    assert lab.home.loud == {"x": abs} and lab.entries() == [("raising", "x", "a")]


def test_a_cell_under_another_id_takes_over_its_definitions_from_a_list_too(lab):
    lab.owner("a", id=None)
    lab.cell("a", FOO.format(1) + "append(('k', foo))\nappend(('k', 2))")
    lab.cell("b", FOO.format(2) + "append(('k', foo))")
    assert [entry.owner.id for entry in lab.guard.ledger] == [None, "b"]
    assert lab.home.line[0] == ("k", 2) and lab.home.line[1][1]() == 2 and len(lab.home.line) == 2


def test_of_a_run_that_registers_again_the_other_owners_keep_theirs(lab):
    lab.cell("a", "append(('k', 1))")
    lab.cell("b", "append(('k', 2))")
    lab.cell("b", "append(('k', 3))")
    assert lab.home.line == [("k", 1), ("k", 3)]


class TestReplace:
    """``on_conflict = "replace"``: the newcomer."""

    def test_another_cells_definition_makes_way_and_comes_back(self, lab):
        lab.settings.on_conflict = "replace"
        lab.cell("a", ONCE.format("abs"))
        lab.cell("b", ONCE.format("min"))
        assert lab.home.loud == {"x": min} and lab.said == []
        lab.cell("b", "pass")
        assert lab.home.loud == {"x": abs}

    def test_a_librarys_definition_stays(self, lab):
        lab.settings.on_conflict = "replace"
        lab.home.loud["x"] = abs
        lab.cell("a", ONCE.format("min"), fails=KeyError)
        assert lab.home.loud == {"x": abs}

    def test_what_this_very_run_registered_stays(self, lab):
        lab.settings.on_conflict = "replace"
        lab.cell("a", ONCE.format("abs") + "\n" + ONCE.format("min"), fails=KeyError)
        assert lab.home.loud == {"x": abs}

    def test_a_key_that_is_overwritten_is_not_told(self, lab):
        lab.settings.on_conflict = "replace"
        lab.cell("a", "register('x', abs)")
        lab.cell("b", "register('x', min)")
        assert lab.said == [] and lab.reasons("x", "shadowed") == ["cell [2], line 1 registers it, too"]


class TestError:
    """``on_conflict = "error"``: also where the framework would say nothing."""

    @pytest.fixture(autouse=True)
    def _error(self, lab):
        lab.settings.on_conflict = "error"

    @pytest.mark.parametrize("call, there", [("register('x', {})", "table"), ("append(('x', {}))", "line")])
    def test_another_definition_is_refused_before_the_framework_is_asked(self, lab, call, there):
        lab.cell("a", call.format("abs"))
        before = getattr(lab.home, there).copy()
        error = lab.cell("b", call.format("min"), fails=ValueError)
        name = {"table": "silent", "line": "listed"}[there]
        top = lab.entry(name, "x")
        text = messages.refused("x", top, abs if name == "silent" else None, Caller(lab.owners["b"], None, 1))
        assert str(error) == text + ", or: %config KregMagics.on_conflict = 'note'"
        assert getattr(lab.home, there) == before and top.owner is lab.owners["a"]

    def test_tracebacks_hide_the_refusal(self, lab):
        lab.cell("a", "register('x', abs)")
        entry, hidden = lab.cell("b", "register('x', min)", fails=ValueError).__traceback__, []
        while entry is not None:
            if entry.tb_frame.f_globals["__name__"].startswith("kreg_ipython"):
                hidden.append(entry.tb_frame.f_locals.get("__tracebackhide__"))
            entry = entry.tb_next
        assert len(hidden) > 2 and all(hidden)

    def test_the_same_definition_is_accepted(self, lab):
        lab.cell("a", FOO.format(1) + "register('x', foo)")
        lab.cell("b", FOO.format(2) + "register('x', foo)")
        assert lab.home.table["x"]() == 2

    def test_a_former_self_is_no_conflict(self, lab):
        lab.cell("a", "if 1:\n    register('x', abs)")
        lab.cell("a", "if 1:\n    register('x', min)")
        assert lab.home.table == {"x": min}

    def test_a_key_that_is_free_again_is_no_conflict(self, lab):
        lab.cell("a", "register('x', abs)")
        del lab.home.table["x"]
        lab.cell("b", "register('x', min)")
        assert lab.home.table == {"x": min}

    def test_a_framework_is_not_refused(self, lab):
        lab.cell("a", "gradient('G', abs)")
        exec(compile("gradient('G', min)", "<frozen t>", "exec"), vars(lab.tracing))
        assert lab.home.graphs == {"G": min}
        lab.home.graphs["G"] = abs

    def test_a_librarys_own_value_is_no_conflict(self, lab):
        lab.home.table["x"] = abs
        lab.cell("a", "register('x', min)")
        assert lab.home.table == {"x": min}


class TestNotice:
    """``on_conflict = "note"``: a key that is overwritten in silence is told."""

    def test_a_key_that_two_cells_claim_is_told_once(self, lab):
        lab.cell("a", "register('x', abs)")
        lab.cell("b", "register('x', min)")
        text = (
            "'x' is registered by cell [1], line 1, and now by cell [2], line 1, which shadows the first. Rename one."
        )
        assert lab.said == [text]
        lab.cell("b", "register('x', min)")
        lab.cell("b", "\nregister('x', max)")
        assert lab.said == [text]
        lab.cell("c", "register('x', len)")
        assert len(lab.said) == 2

    def test_one_definition_in_two_cells_is_no_collision(self, lab):
        lab.cell("a", FOO.format(1) + "register('x', foo)")
        lab.cell("b", FOO.format(2) + "register('x', foo)")
        assert lab.said == []
        assert lab.acts("x") == ["registered x", "shadowed x", "registered x"]

    def test_a_cell_that_overrides_a_module_means_to(self, lab):
        lab.module("mod", "from home import *\nregister('x', abs)")
        lab.cell("a", "register('x', min)")
        assert lab.said == [] and lab.home.table == {"x": min}

    def test_two_modules_collide(self, lab):
        lab.module("mod", "from home import *\nregister('x', abs)")
        lab.module("mod2", "from home import *\nregister('x', min)")
        assert lab.said == [
            "'x' is registered by module mod, line 2, and now by module mod2, line 2, which shadows the first."
            " Rename one."
        ]

    @pytest.mark.parametrize("without", ["a", "b"])
    def test_a_cell_without_an_id_may_be_the_other_one_edited(self, lab, without):
        lab.owner(without, id=None)
        lab.cell("a", "register('x', abs)")
        lab.cell("b", "register('x', min)")
        assert lab.said == []

    def test_what_gives_way_does_not_collide(self, lab):
        lab.cell("a", "register('x', abs)")
        lab.owners["a"].deleted = True
        lab.cell("b", "register('x', min)")
        assert lab.said == []

    def test_an_outdated_module_gives_way_without_a_word(self, lab):
        lab.module("mod", "from home import *\nregister('x', abs)")
        lab.outdated.add("mod")
        lab.module("mod2", "from home import *\nregister('x', min)")
        assert lab.said == [] and lab.entries() == [("silent", "x", "mod2")]
        assert lab.reasons("x", "replaced") == ["module mod2, line 2 registers it now"]


def test_whether_an_entry_is_of_this_very_run_is_told_while_the_run_is_going_on(lab, conflicts):
    ledger = lab.guard.ledger
    owner = lab.owner("a")
    run = Run(owner)
    entry = make(owner, abs, run)
    ledger.insert(entry)

    def may_make_way(name, caller, key="x"):
        registration = Registration(lab.guard.registries[name], key, min, caller)
        return conflicts.may_make_way(registration, None)

    run.active = True
    assert not may_make_way("raising", Caller(owner, run)) and may_make_way("raising", Caller(owner, Run(owner)))
    assert may_make_way("raising", Caller(owner, None)) and may_make_way("raising", Caller(owner, run), "y")
    assert may_make_way("listed", Caller(owner, run))
    run.active = False
    assert may_make_way("raising", Caller(owner, run))
    ledger.remove(entry)
    ledger.insert(make(owner, abs, None))
    assert may_make_way("raising", Caller(owner, None))


def test_what_nobody_owns_and_what_a_framework_registers_replaces_nothing(lab, conflicts):
    def may_be_replaced(top, caller):
        return conflicts.may_be_replaced(top, Registration(lab.guard.registries["raising"], "x", min, caller))

    lab.settings.on_conflict = "replace"
    assert may_be_replaced(make(Owner("cell", "a")), CELL)
    assert not may_be_replaced(make(None), CELL) and not may_be_replaced(None, CELL)
    assert not may_be_replaced(make(Owner("cell", "a")), None)


def test_a_cell_under_another_id_is_known_by_its_definition(lab, conflicts):
    def may_be_replaced(subject):
        registration = Registration(lab.guard.registries["raising"], "x", subject, CELL)
        return conflicts.may_be_replaced(make(Owner("cell", None), defined()), registration)

    assert may_be_replaced(defined()) and not may_be_replaced(min)


def test_what_its_file_would_not_register_any_more_gives_way_and_comes_back_if_that_fails(lab):
    lab.module("old", "from home import *\nregister_once('x', abs)")
    text = "from home import *\nregister_once('x', min)"
    lab.module("new", text, fails=KeyError)
    lab.outdated.add("old")
    lab.module("new", text + "\n1 / 0", fails=ZeroDivisionError)
    assert lab.home.loud == {"x": abs}
    lab.module("new", text)
    assert lab.home.loud == {"x": min}
    lab.module("new", "pass")
    assert lab.home.loud == {}
