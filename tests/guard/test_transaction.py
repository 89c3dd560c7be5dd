"""The run, end to end on plain dicts: removed before it, registered in it, swept, kept or restored after it."""

from __future__ import annotations

import gc
import signal
import weakref

import pytest
from guarding import Direct, DirectList, Lab, announce, hides_our_frames

from kreg_ipython.guard import judge, messages, ways
from kreg_ipython.guard.journal import Journal
from kreg_ipython.guard.ledger import Caller, Owner, Run
from kreg_ipython.guard.transaction import Guard
from kreg_ipython.registries.registry import CannotUndo, Gate
from kreg_ipython.registries.shapes import DictRegistry

GUARDED = "if ready:\n    register('x', {0})\n    register_once('y', foo)\n    append(('k', {0}))"
KEPT = messages.why_kept(True, False)


@pytest.fixture
def notebook(lab):
    """Run the notebook's first cell, which defines what the tests register."""
    lab.cell("setup", "class Foo: pass\ndef foo(): pass\nready = True")
    return lab


class TestSuccess:
    """A run that succeeds sweeps what it left out and keeps what it may have skipped."""

    def test_what_its_source_does_not_say_any_more_is_removed_before_and_swept_after_the_run(self, lab):
        lab.cell("a", "register('x', 1)\nregister('y', 2)")
        lab.cell("a", "seen = dict(handout())\nregister('z', 3)")
        assert lab.main.seen == {} and lab.home.table == {"z": 3}
        assert lab.acts("x") == ["registered x", "removed x", "swept x"]
        assert lab.reasons("x", "removed") == ["cell runs again"]
        assert lab.reasons("x", "swept") == ["registered by cell [1] until run [2], which registers 'z'"]
        assert [event.run for event in lab.guard.memory.journal.events() if event.act == "swept"] == [2, 2]

    def test_a_former_object_is_known_while_it_lives(self, lab):
        lab.cell("a", "def foo(): pass\nregister('x', foo)")
        lab.cell("a", "pass")
        [former] = lab.guard.ledger.former()
        assert former.subject() is lab.main.foo and former.run.number == 1

    def test_what_it_may_have_skipped_stays_all_the_time(self, notebook):
        lab = notebook
        lab.cell("a", GUARDED.format(1))
        lab.main.ready = False
        lab.cell("a", "seen = dict(handout())\n" + GUARDED.format(1))
        assert lab.main.seen == {"x": 1} and lab.home.line == [("k", 1)] and lab.home.loud == {"y": lab.main.foo}
        assert {entry.kept for entry in lab.guard.ledger} == {KEPT}
        assert lab.acts("x") == ["registered x", "kept x"] and lab.reasons("x", "kept") == [KEPT]
        lab.cell("a", GUARDED.format(1))
        assert lab.acts("x") == ["registered x", "kept x"], "it is said once"

    def test_what_is_registered_again_is_not_kept(self, notebook):
        lab = notebook
        lab.cell("a", GUARDED.format(1))
        lab.main.ready = False
        lab.cell("a", GUARDED.format(1))
        lab.main.ready = True
        lab.cell("a", GUARDED.format(1))
        assert {entry.kept for entry in lab.guard.ledger} == {""}

    def test_an_edit_under_a_guard_that_asks_the_registry_gets_through(self, lab):
        text = "if 'x' not in handout():\n    def foo(): return {}\n    register('x', foo)"
        for number in (1, 2, 2):
            lab.cell("a", text.format(number))
            assert lab.home.table["x"]() == number
        assert lab.acts("x") == ["registered x", "removed x", "registered x", "kept x"]

    def test_what_was_removed_for_an_edit_that_the_run_skipped_is_put_back(self, lab):
        text = "if ready and 'x' not in known:\n    def foo(): return {}\n    register('x', foo)\nregister('y', 1)"
        lab.main.ready, lab.main.known = True, lab.home.table
        lab.cell("a", text.format(1))
        lab.main.ready = False
        lab.cell("a", text.format(2))
        assert lab.home.table["x"]() == 1 and lab.entry("silent", "x").kept == KEPT
        assert lab.acts("x") == ["registered x", "removed x", "kept x"] and lab.reasons("x", "kept") == [KEPT]
        assert next(iter(lab.guard.ledger)).key == "x", "at its place in the order"

    def test_a_loop_that_got_shorter_leaves_out_what_it_does_not_register(self, lab):
        text = "for name in names:\n    register(name, 1)\n    enqueue(name, 1)"
        lab.main.names = ["x", "y"]
        lab.cell("a", text)
        lab.main.names = ["y"]
        lab.cell("a", text)
        assert lab.home.table == {"y": 1} and list(lab.home.queue) == ["y"]
        assert lab.reasons("x", "removed") == ["cell leaves it out"] * 2
        assert len(lab.reasons("x", "swept")) == 2

    def test_a_place_that_registered_in_another_registry_left_nothing_out(self, lab):
        text = "for name in names:\n    (register if name == 'x' else enqueue)(name, 1)"
        lab.main.names = ["x"]
        lab.cell("a", text)
        lab.main.names = ["z"]
        lab.cell("a", text)
        assert lab.home.table == {"x": 1} and lab.entry("silent", "x").kept == KEPT

    def test_a_loop_that_did_nothing_keeps_all(self, lab):
        lab.main.names = ["x", "y"]
        lab.cell("a", "for name in names: register(name, 1)")
        lab.main.names = []
        lab.cell("a", "for name in names: register(name, 1)")
        assert lab.home.table == {"x": 1, "y": 1}

    def test_a_cached_function_that_does_not_register_again_keeps_its_entry(self, lab):
        text = "import functools\nif 'make' not in globals():\n    @functools.cache\n    def make(): register('x', 1)\nmake()"
        for _ in range(3):
            lab.cell("a", text)
            assert lab.home.table == {"x": 1}
        lab.cell("a", "pass")
        assert lab.home.table == {}

    def test_what_a_cell_without_an_id_does_not_register_may_be_a_copys(self, lab):
        lab.owner("a", id=None)
        lab.cell("a", "register('x', 1)")
        lab.cell("a", "pass")
        assert lab.home.table == {"x": 1} and lab.entry("silent", "x").kept == messages.MAY_BE_A_COPY

    def test_a_script_without_a_copy_is_swept(self, lab):
        owner = lab.owner("train", "script", id=None)
        for text in ("register('x', 1)", "pass"):
            lab.execute(Run(owner, text), text, vars(lab.main), "/user/train.py")
        assert lab.home.table == {}

    def test_a_pinned_entry_is_never_swept(self, lab):
        lab.cell("a", "register('x', 1)\nregister('y', 1)")
        lab.guard.memory.pinned.add(("silent", "x"))
        lab.cell("a", "pass")
        assert lab.home.table == {"x": 1} and lab.entry("silent", "x").kept == messages.PINNED
        assert lab.reasons("x", "kept") == [messages.PINNED]

    def test_a_pin_does_not_keep_what_is_registered_under_its_name_again(self, notebook):
        lab = notebook
        lab.cell("a", "class Key: pass\nregister(Key, 1)")
        lab.guard.memory.pinned.add(("silent", "__main__.Key"))
        lab.cell("a", "class Key: pass\nregister(Key, 2)")
        assert lab.home.table == {lab.main.Key: 2}

    def test_a_key_that_is_a_class_follows_its_new_definition(self, lab):
        text = "class Key: pass\nif ready:\n    register(Key, {})"
        lab.main.ready = True
        for number in (1, 2):
            lab.cell("a", text.format(number))
            assert lab.home.table == {lab.main.Key: number}
        lab.guard.undo()
        assert lab.home.table == {lab.main.Key: 2}, "a former class is nothing to bring back"

    def test_a_source_that_nobody_knows_keeps_all(self, lab):
        lab.cell("a", "register('x', 1)\nif 1: register('y', 1)")
        run = Run(lab.owners["a"], None, 2)
        with lab.running_(run):
            pass
        lab.guard.end(run, "success")
        assert lab.home.table == {"x": 1, "y": 1}
        assert {entry.kept for entry in lab.guard.ledger} == {messages.why_kept(True, True)}

    def test_a_source_that_only_ipython_can_read_keeps_all(self, lab):
        lab.cell("a", "register('x', 1)")
        lab.cell("a", "register('x', 1", code="pass")
        assert lab.entry("silent", "x").kept == messages.why_kept(True, True)

    def test_an_owner_is_whole_after_a_success_and_partial_after_a_failure(self, lab):
        lab.cell("a", "register('x', 1)")
        assert not lab.owners["a"].partial
        lab.cell("a", "1 / 0", fails=ZeroDivisionError)
        assert lab.owners["a"].partial
        lab.cell("a", "1 +", fails=SyntaxError)
        assert lab.owners["a"].partial, "nothing was run"
        lab.cell("a", "pass")
        assert not lab.owners["a"].partial

    def test_a_run_that_has_ended_is_not_going_on(self, lab):
        lab.cell("a", "register('x', 1)")
        run = lab.entry("silent", "x").run
        assert not run.active and lab.guard.pending() == [] and run.removed == run.replaced == {}
        lab.guard.end(run, "failed")
        assert not lab.owners["a"].partial, "it has ended before"

    def test_an_empty_cell_ends_without_a_look_at_the_ledger(self, lab):
        run = Run(lab.owner("a"), "pass")
        run.active = True
        writes, lab.guard._writes = lab.guard._writes, _Nothing()
        lab.guard.end(run, "success")
        lab.guard._writes = writes
        assert not run.active and not run.owner.partial


class _Nothing:
    """Direct writes, of which there are none; whoever asks for more fails."""

    def changed(self, thoroughly):
        assert thoroughly is True
        return []


class TestFailure:
    """A run that does not succeed gives back what was removed for it."""

    @pytest.mark.parametrize(
        ("text", "fails", "why"),
        [
            ("register('x', 3)\n1 / 0", ZeroDivisionError, "failed"),
            ("1 +", SyntaxError, "not compiled"),
        ],
    )
    def test_what_it_did_not_register_again_is_restored_in_order(self, lab, text, fails, why):
        lab.cell("a", "append(('first', 1))\nregister('x', 1)\ndef f(): pass\nregister_once('y', f)\nenqueue('q', 1)")
        lab.cell("b", "append(('second', 2))\nenqueue('r', 1)")
        lab.cell("a", text, fails=fails)
        assert lab.home.loud == {"y": lab.main.f} and lab.home.line == [("first", 1), ("second", 2)]
        assert list(lab.home.queue) == ["q", "r"]
        assert lab.home.table == {"x": 3 if why == "failed" else 1}
        if why == "failed":
            assert lab.reasons("q", "restored") == [messages.WHY_RESTORED[why]]

    def test_what_does_not_compile_touches_nothing(self, notebook):
        lab = notebook
        lab.cell("a", "register('x', 1)")
        entry = lab.entry("silent", "x")
        lab.cell("a", "register('x'", fails=SyntaxError)
        assert lab.entry("silent", "x") is entry and lab.acts() == ["registered x"] and not entry.restored

    def test_what_a_text_that_ipython_cannot_compile_removed_is_restored(self, lab):
        lab.cell("a", "register('x', 1)")
        lab.cell("a", "pass", code="1 +", fails=SyntaxError)
        assert lab.home.table == {"x": 1} and not lab.entry("silent", "x").restored
        assert lab.reasons("x", "restored") == [messages.WHY_RESTORED["not compiled"]]

    def test_the_entries_of_a_former_run_are_marked_as_restored(self, notebook):
        lab = notebook
        lab.cell("a", GUARDED.format(1) + "\nregister('z', 1)")
        lab.cell("a", "register('w', 1)\n1 / 0", fails=ZeroDivisionError)
        marks = {entry.key: entry.restored for entry in lab.guard.ledger}
        assert marks == {"x": True, "y": True, "k": True, "z": True, "w": False}
        lab.cell("a", "register('w', 1)\n1 / 0", fails=ZeroDivisionError)
        assert lab.entry("silent", "x").restored, "still"

    def test_what_shadowed_another_entry_keeps_its_place_when_its_cell_does_not_compile(self, lab):
        text = "def same(): pass\ndefine('x', same)"
        lab.guard.registries["flags"].ordered = True
        lab.cell("a", text)
        lab.cell("b", "define('y', abs)")
        lab.cell("c", text)
        assert list(lab.home.flags) == ["y", "x"]
        lab.cell("c", text, code="1 +", fails=SyntaxError)
        assert list(lab.home.flags) == ["y", "x"]

    def test_what_took_the_place_of_a_former_entry_stays(self, notebook):
        lab = notebook
        lab.cell("a", "append(('k', 1))\nappend(('k', 2))")
        lab.cell("a", "append(('k', 3))\n1 / 0", fails=ZeroDivisionError)
        assert lab.home.line == [("k", 2), ("k", 3)]

    def test_of_equal_keys_that_give_way_as_many_come_back_as_a_failing_run_did_not_register(self, lab):
        lab.cell("gone", "append(('k', 1))\nappend(('k', 2))")
        lab.owners["gone"].deleted = True
        lab.cell("new", "append(('k', 3))\n1 / 0", fails=ZeroDivisionError)
        assert sorted(lab.home.line) == [("k", 2), ("k", 3)]
        lab.cell("new", "append(('k', 4))")
        assert lab.home.line == [("k", 4)]

    def test_a_module_that_fails_in_its_first_import_leaves_nothing_behind(self, lab):
        lab.module("other", "from home import *\ndef setup(): register('theirs', 1)\nregister('other', 1)")
        text = "from home import *\nregister('x', 1)\nappend(('k', 1))\nimport other\n1 / 0"
        lab.module("mod", text, fails=ZeroDivisionError)
        assert lab.home.table == {"other": 1} and lab.home.line == []
        why = "registered by module mod, which failed and left nothing behind"
        assert lab.reasons("x", "swept") == [why] and not lab.owners["mod"].partial

    def test_what_an_undone_run_covered_comes_back(self, lab):
        lab.cell("a", "register('x', 1)")
        lab.module("mod", "from home import *\nregister('x', 2)\n1 / 0", fails=ZeroDivisionError)
        assert lab.home.table == {"x": 1} and lab.entries() == [("silent", "x", "a")]
        assert lab.reasons("x", "restored") == ["what shadowed it went"]

    def test_what_gave_way_to_an_undone_run_comes_back(self, notebook):
        lab = notebook
        lab.cell("a", "register('x', 1)\nappend(('k', 1))")
        run = Run(lab.owners["a"], "pass\nregister('x', 2)\nappend(('k', 2))", 9)
        lab.execute(run, "register('x', 2)\nappend(('k', 2))\n1 / 0", vars(lab.main), "cell x", failed="undone")
        assert lab.home.table == {"x": 1} and lab.home.line == [("k", 1)]
        assert lab.reasons("x", "restored") == ["what took its place is gone"]
        assert not lab.entry("silent", "x").restored

    def test_a_reload_that_fails_leaves_what_it_registered(self, lab):
        lab.module("mod", "from home import *\nregister('x', 1)\nregister('y', 1)")
        lab.module("mod", "from home import *\nregister('x', 2)\n1 / 0", fails=ZeroDivisionError)
        assert lab.home.table == {"x": 2, "y": 1} and lab.owners["mod"].partial

    def test_what_an_undone_object_was_is_known(self, lab):
        lab.main.keep = []
        lab.module(
            "mod",
            "from home import *\nimport __main__\ndef foo(): pass\n__main__.keep.append(foo)\nregister('x', foo)\n1/0",
            fails=ZeroDivisionError,
        )
        assert [former.subject() for former in lab.guard.ledger.former()] == lab.main.keep

    def test_an_interrupt_takes_effect_only_when_the_registries_are_whole_again(self, lab, request):
        former = signal.signal(signal.SIGINT, signal.default_int_handler)
        request.addfinalizer(lambda: signal.signal(signal.SIGINT, former))
        lab.cell("a", "register('x', 1)\nregister('y', 1)")
        registry, run = lab.guard.registries["silent"].adapter, Run(lab.owners["a"], "")
        take = registry.remove
        registry.remove = lambda key, value: (signal.raise_signal(signal.SIGINT), take(key, value))
        with pytest.raises(KeyboardInterrupt):
            lab.guard.begin(run)
        assert lab.home.table == {} and len(run.removed) == 2 == len(lab.guard.pending())
        lab.guard.end(run, "failed")
        assert lab.home.table == {"x": 1, "y": 1}

    @pytest.mark.parametrize(
        "act",
        [
            lambda lab, run: lab.guard.end(run, "success"),
            lambda lab, run: lab.guard.clear(list(lab.guard.ledger)),
            lambda lab, run: lab.guard.empty([run.owner]),
            lambda lab, run: lab.guard.between(run),
        ],
        ids=["end", "clear", "empty", "between"],
    )
    def test_an_interrupt_in_any_act_comes_after_it(self, lab, request, act):
        former = signal.signal(signal.SIGINT, signal.default_int_handler)
        request.addfinalizer(lambda: signal.signal(signal.SIGINT, former))
        lab.cell("a", "for n in 'x': drawer[n] = 1")
        run = Run(lab.owners["a"], "pass")
        run.active = True
        del lab.home.drawer["x"]
        lab.home.drawer["y"] = 1
        log, seen = lab.guard._notices.log, []

        def interrupted(*args):
            if not seen:
                seen.append(1)
                signal.raise_signal(signal.SIGINT)
            log(*args)

        lab.guard._notices.log = interrupted
        with pytest.raises(KeyboardInterrupt):
            act(lab, run)
            lab.guard.between(run)
        assert not lab.guard.ledger.top(("drawer", "x"))


class TestComingBack:
    """What was swept with its statement comes back with it, if the statement may be skipped."""

    MEMO = "if ready:\n    register('x', 1)"

    @pytest.fixture
    def swept(self, lab):
        lab.main.ready = True
        lab.cell("a", self.MEMO)
        lab.cell("a", "pass")
        assert lab.home.table == {}
        lab.main.ready = False
        return lab

    @pytest.mark.parametrize("name", ["a", "b"])
    def test_a_statement_that_is_back_may_be_skipped(self, swept, name):
        swept.cell(name, self.MEMO)
        assert swept.home.table == {"x": 1} and swept.entry("silent", "x").owner is swept.owners[name]
        assert swept.entry("silent", "x").kept in (messages.IS_BACK, KEPT)
        assert swept.reasons("x", "restored") == [messages.IS_BACK]
        swept.cell(name, "pass")
        assert swept.home.table == {}

    def test_it_comes_back_once(self, swept):
        swept.cell("b", self.MEMO)
        swept.cell("b", "pass")
        swept.cell("c", self.MEMO)
        assert swept.home.table == {"x": 1} and swept.entry("silent", "x").owner is swept.owners["c"]
        swept.guard.clear(list(swept.guard.ledger))
        swept.cell("d", self.MEMO)
        assert swept.home.table == {}

    def test_another_statement_brings_nothing_back(self, swept):
        swept.cell("b", "if ready:\n    handout()")
        swept.cell("c", "if ready:\n    enqueue('x', 1)")
        swept.cell("d", "register('x', 1) if ready else 0")
        assert swept.home.table == {}

    def test_a_module_does_not_get_what_a_cell_had(self, swept):
        swept.module("mod", "from home import *\nready = False\n" + self.MEMO)
        assert swept.home.table == {}

    def test_a_module_gets_what_it_had_itself(self, lab):
        text = "from home import *\nif ready:\n    register('x', 1)"
        for ready, body in ((True, text), (False, "pass"), (False, text)):
            if "mod" in lab.modules:
                lab.modules["mod"].ready = ready
            lab.home.ready = ready
            lab.module("mod", body)
        assert lab.home.table == {"x": 1}
        del lab.home.ready

    def test_a_key_that_has_another_entry_now_is_left_alone(self, swept):
        swept.cell("b", "register('x', 2)")
        swept.cell("c", self.MEMO)
        assert swept.entries() == [("silent", "x", "b")]
        swept.cell("b", "pass")
        assert swept.home.table == {}

    def test_what_is_made_of_a_former_class_is_left_alone(self, lab):
        text = "if ready:\n    register('x', Foo)"
        lab.main.ready = True
        lab.cell("f", "class Foo: pass")
        lab.cell("a", text)
        lab.cell("a", "pass")
        lab.cell("f", "class Foo: pass")
        lab.main.ready = False
        lab.cell("a", text)
        assert lab.home.table == {}

    def test_what_is_certainly_registered_again_is_not_held(self, lab):
        lab.cell("a", "def foo(): pass\nregister('x', foo)")
        gone = weakref.ref(lab.main.foo)
        lab.cell("a", "pass")
        lab.forget_undo()
        del lab.main.foo
        gc.collect()
        assert gone() is None

    def test_the_oldest_are_forgotten(self, lab, monkeypatch):
        monkeypatch.setattr(judge, "_MOST", 2)
        lab.main.ready = True
        text = "if ready:\n    register('{0}', 1)\n"
        for key in "xyz":
            lab.cell(key, text.format(key))
        for key in "xyz":
            lab.cell(key, "pass")
        lab.main.ready = False
        for key in "xyz":
            lab.cell(key, text.format(key))
        assert set(lab.home.table) == {"y", "z"}

    def test_an_emptied_cells_statement_may_come_back(self, lab):
        lab.main.ready = True
        lab.cell("a", self.MEMO)
        lab.guard.empty([lab.owners["a"]])
        assert lab.home.table == {}
        lab.main.ready = False
        lab.cell("a", self.MEMO)
        assert lab.home.table == {"x": 1}

    def test_a_run_whose_text_nobody_knows_brings_nothing_back(self, swept):
        run = Run(swept.owners["a"], None)
        with swept.running_(run):
            pass
        swept.guard.end(run, "success")
        assert swept.home.table == {}

    def test_a_registry_that_is_left_alone_gives_nothing_back(self, swept):
        swept.guard.remove("silent")
        swept.cell("a", self.MEMO)
        assert swept.home.table == {}


class TestUsers:
    """What users want: clear, empty, undo, keep, take out, unregister."""

    def test_what_is_cleared_is_gone_for_good_and_undo_brings_it_back(self, notebook):
        lab = notebook
        lab.cell("a", "register('x', 1)\nenqueue('p', 1)")
        lab.cell("b", "register('x', 2)\nenqueue('q', 1)")
        chosen = [entry for entry in lab.guard.ledger if entry.owner is lab.owners["a"] or entry.key == "x"]
        assert lab.guard.clear(chosen) == chosen
        lab.check()
        assert (
            lab.home.table == {}
            and list(lab.home.queue) == ["q"]
            and lab.reasons("x", "cleared") == ["%kreg clear"] * 2
        )
        assert lab.guard.undo() == chosen
        lab.check()
        assert lab.home.table == {"x": 2} and list(lab.home.queue) == ["p", "q"]
        assert lab.reasons("p", "restored") == ["%kreg undo"] and chosen[0].kept == ""
        assert lab.guard.undo() == []

    def test_what_was_shadowed_comes_back_when_the_top_is_cleared(self, lab):
        lab.cell("a", "register('x', 1)")
        lab.cell("b", "register('x', 2)")
        lab.guard.clear([lab.entry("silent", "x")])
        assert lab.home.table == {"x": 1} and lab.reasons("x", "restored") == ["what shadowed it went"]

    def test_clearing_takes_a_pin_away(self, lab):
        lab.cell("a", "register('x', 1)\nregister('y', 1)")
        lab.guard.memory.pinned |= {("silent", "x"), ("silent", "y")}
        lab.guard.clear([lab.entry("silent", "x")])
        assert lab.guard.memory.pinned == {("silent", "y")}

    def test_clearing_nothing_leaves_what_undo_takes_back(self, lab):
        lab.cell("a", "register('x', 1)")
        lab.cell("a", "pass")
        assert lab.guard.clear([]) == []
        assert [entry.key for entry in lab.guard.undo()] == ["x"]

    def test_what_is_removed_at_the_moment_is_cleared_too(self, lab):
        lab.cell("a", "register('x', 1)\nregister('y', 1)")
        entries = list(lab.guard.ledger)
        lab.main.act = lambda: lab.main.cleared.extend(lab.guard.clear(entries[:1]))
        lab.main.cleared = []
        lab.cell("a", "act()\n1 / 0", fails=ZeroDivisionError)
        assert lab.main.cleared == entries[:1] and lab.home.table == {"y": 1}
        assert lab.acts("x")[-1] == "cleared x" and lab.reasons("x", "cleared") == ["%kreg clear"]

    def test_what_the_user_took_out_is_not_cleared(self, lab):
        lab.cell("a", "enqueue('x', 1)\nenqueue('y', 1)")
        entries = list(lab.guard.ledger)
        lab.main.act = lambda: lab.main.cleared.extend(lab.guard.clear(entries))
        lab.main.cleared = []
        lab.cell("b", "del queue['x']\nact()")
        assert lab.main.cleared == entries[1:] and lab.home.queue == {}
        assert lab.acts("x") == ["registered x", "forgot x"]

    def test_outside_of_a_run_nothing_tells_what_the_user_took_out(self, lab):
        lab.cell("a", "enqueue('x', 1)")
        entries = list(lab.guard.ledger)
        del lab.home.queue["x"]
        assert lab.guard.clear(entries) == entries

    def test_what_is_cleared_is_a_former_object(self, lab):
        lab.cell("a", "def foo(): pass\nregister('x', foo)")
        lab.guard.clear(list(lab.guard.ledger))
        assert [former.subject() for former in lab.guard.ledger.former()] == [lab.main.foo]

    def test_what_other_modules_registered_for_an_undone_run_stays(self, lab):
        lab.main.help = eval(compile("lambda: register('theirs', 1)", "/user/help.py", "eval"), vars(lab.main))
        lab.module("m", "home.register('mine', 1)\n__import__('__main__').help()\n1 / 0", fails=ZeroDivisionError)
        assert lab.home.table == {"theirs": 1}
        assert lab.acts("mine") == ["registered mine", "swept mine"]

    @pytest.mark.parametrize("unseen", [True, False])
    @pytest.mark.parametrize(
        ("text", "outdated", "left"),
        [
            ("execute()", False, ["at", "x"]),
            ("execute()", True, ["at"]),
            ("if True:\n    execute()", False, ["at", "x"]),
            ("y = 1", False, []),
        ],
    )
    def test_a_script_is_swept_when_its_cell_does_not_execute_it_any_more(self, lab, text, outdated, left, unseen):
        once = compile("lambda: 'at' in table or register('at', 1)", "/user/help.py", "eval")
        lab.main.execute = eval(once, vars(lab.main))
        lab.cell("a", "execute()")
        at, script = lab.entry("silent", "at"), lab.owner("s", "script", "/user/s.py")
        lab.guard.executes(Caller(at.owner, at.run, 1, at.steps), script, unseen=unseen)
        run = Run(script, "register('x', 1)")
        run.unseen = unseen
        lab.execute(run, "register('x', 1)", vars(lab.main), "/user/s.py", in_cell=False)
        lab.outdated = {"/user/s.py"} if outdated else set()
        lab.cell("a", text)
        left = left if unseen or left == [] else ["at", "x"]  # what is seen would be a run, which sees to it
        assert sorted(lab.home.table) == left

    def test_undo_takes_back_what_the_scripts_of_a_run_lost_with_it(self, lab):
        at = self._with_scripts(lab, "s", "t")
        lab.cell("a", "pass")
        assert lab.home.table == {}
        assert [entry.key for entry in lab.guard.undo()] == [*at, "s", "t"] and sorted(lab.home.table) == [
            "at",
            "s",
            "t",
        ]

    def test_undo_takes_back_no_older_sweep_than_the_last_one(self, lab):
        lab.cell("a", "register('x', 1)")
        lab.cell("a", "pass")
        for _ in range(2):
            lab.cell("k", "class K: pass\nregister((K,), 1)")
        assert lab.guard.undoable() == () and lab.guard.undo() == []

    def test_undo_takes_back_all_that_was_emptied_at_once(self, lab):
        at = self._with_scripts(lab, "s")
        lab.cell("b", "register('y', 1)")
        lab.guard.empty([lab.owners["a"], lab.owners["b"]])
        assert lab.home.table == {}
        assert [entry.key for entry in lab.guard.undo()] == [*at, "s", "y"]

    def _with_scripts(self, lab, *names):
        """Let cell a register a key, and execute scripts which register one each; return its key."""
        lab.cell("a", "register('at', 1)")
        at = lab.entry("silent", "at")
        for name in names:
            script = lab.owner(name, "script", f"/user/{name}.py")
            lab.guard.executes(Caller(at.owner, at.run, 1, at.steps), script)
            text = f"register('{name}', 1)"
            lab.execute(Run(script, text), text, vars(lab.main), f"/user/{name}.py", in_cell=False)
        return ["at"]

    def test_an_emptied_cell_is_swept_as_by_a_run(self, lab):
        lab.cell("a", "register('x', 1)\nregister('y', 1)\nregister('z', 1)")
        lab.cell("b", "register('x', 2)")
        lab.guard.memory.pinned.add(("silent", "y"))
        lab.guard.empty([lab.owners["a"]])
        lab.check()
        assert lab.home.table == {"x": 2, "y": 1}
        assert lab.reasons("z", "swept") == ["registered by cell [1] until it was emptied"]
        undone = lab.guard.undo()
        assert [entry.key for entry in undone] == ["x", "z"] and {entry.kept for entry in undone} == {
            messages.BROUGHT_BACK
        }

    def test_emptying_a_cell_without_entries_leaves_what_undo_takes_back(self, lab):
        lab.cell("a", "register('x', 1)")
        lab.cell("a", "pass")
        lab.guard.empty([lab.owner("b")])
        assert len(lab.guard.undo()) == 1

    def test_undo_takes_back_the_last_sweep(self, lab):
        lab.cell("a", "register('x', 1)\nregister('y', 1)")
        lab.cell("a", "register('x', 1)")
        lab.cell("b", "pass")
        [entry] = lab.guard.undo()
        lab.check()
        assert lab.home.table == {"x": 1, "y": 1} and entry.kept == messages.BROUGHT_BACK
        lab.cell("a", "register('x', 1)")
        assert lab.home.table == {"x": 1}, "until its cell runs again"

    def test_undo_leaves_what_its_owner_has_registered_anew(self, lab):
        lab.cell("a", "register('x', 1)\nregister('y', 1)\nappend(('k', 1))")
        lab.cell("a", "pass")
        lab.cell("setup", "pass")
        undoable = lab.guard._clearing.undoable
        lab.cell("a", "register('x', 2)\nappend(('k', 2))")
        lab.guard._clearing.undoable = undoable
        assert [entry.key for entry in lab.guard.undo()] == ["y", "k"]
        assert lab.home.table == {"x": 2, "y": 1} and lab.home.line == [("k", 1), ("k", 2)]

    def test_undo_puts_an_entry_under_what_another_owner_has_registered_since(self, lab):
        lab.cell("a", "register('x', 1)")
        lab.cell("a", "pass")
        lab.cell("b", "register('x', 2)")
        assert len(lab.guard.undo()) == 1
        lab.check()
        assert lab.home.table == {"x": 2}
        lab.cell("b", "pass")
        assert lab.home.table == {"x": 1}

    def test_what_users_wrote_before_they_clear_is_followed(self, lab):
        lab.cell("a", "drawer['x'] = 1")
        first = lab.entry("drawer", "x")
        lab.main.act = lambda: lab.guard.clear([first])
        lab.cell("b", "drawer['x'] = 2\nact()\ndrawer['y'] = 1")
        assert lab.home.drawer == {"x": 2, "y": 1} and first not in lab.guard.ledger
        assert lab.acts("x") == ["registered x", "shadowed x", "registered x", "cleared x"]
        lab.main.act = lambda: lab.guard.undo()
        lab.cell("c", "drawer['x'] = 3\nact()")
        assert [entry.value for entry in lab.guard.ledger.stack(first.spot)] == [1, 2, 3] and lab.home.drawer["x"] == 3
        assert lab.acts("x")[-3:] == ["shadowed x", "registered x", "restored x"], "the write came first"

    def test_what_users_took_out_before_their_cell_runs_again_is_their_word(self, lab):
        lab.cell("a", "enqueue('x', 1)\nenqueue('y', 1)\nappend(('k', 1))\nappend(('l', 1))")
        del lab.home.queue["x"]
        lab.home.queue["y"] = 5
        del lab.home.line[0]
        run = Run(lab.owners["a"], "1 +", 2)
        lab.guard.begin(run)
        lab.guard.end(run, "not compiled")
        lab.check()
        assert lab.home.queue == {"y": 5} and lab.home.line == [("l", 1)]
        assert lab.reasons("x", "forgot") == ["it was taken out or overwritten by hand"]
        assert lab.entries() == [("listed", "l", "a")]

    def test_what_users_wrote_over_an_entry_that_is_shadowed_is_not_asked_for(self, lab):
        lab.cell("a", "enqueue('x', 1)")
        lab.cell("b", "enqueue('x', 2)")
        lab.cell("a", "enqueue('x', 3)\n1 / 0", fails=ZeroDivisionError)
        assert [entry.value for entry in lab.guard.ledger.stack(("ordered", "x"))] == [2, 3]


class TestUnregistering:
    """Users may unregister by the framework's own functions."""

    def test_what_is_unregistered_is_forgotten(self, notebook):
        lab = notebook
        lab.cell("a", "register_once('x', foo)\nregister_once('y', Foo)")
        lab.cell("b", "unregister(key='x')")
        assert lab.home.loud == {"y": lab.main.Foo} and lab.entries() == [("raising", "y", "a")]
        assert lab.acts("x") == ["registered x", "forgot x"]
        lab.cell("b", "unregister_object(Foo)")
        assert lab.entries() == [] and lab.home.loud == {}

    def test_all_that_one_run_unregisters_is_forgotten(self, notebook):
        lab = notebook
        lab.cell("a", "register_once('x', foo)\nregister_once('y', Foo)\nregister_once('z', len)")
        lab.cell("b", "unregister('x')\nunregister('y')")
        assert lab.entries() == [("raising", "z", "a")]

    def test_tracebacks_hide_the_gate(self, lab):
        error = lab.cell("b", "unregister('z')", fails=KeyError)
        assert hides_our_frames(error)

    def test_what_it_shadows_goes_with_it(self, lab):
        text = "def foo(): return {}\nregister_once('x', foo)"
        lab.cell("a", text.format(1))
        lab.cell("b", text.format(2))
        lab.cell("c", "unregister('x')")
        assert lab.home.loud == {} and lab.entries() == []

    def test_a_framework_that_refuses_leaves_it(self, notebook):
        lab = notebook
        lab.cell("a", "register_once('x', foo)")
        lab.cell("b", "unregister('z')", fails=KeyError)
        assert lab.entries() == [("raising", "x", "a")]

    def test_what_is_unregistered_and_registered_anew_in_one_run_hides_the_former(self, notebook):
        lab = notebook
        lab.cell("a", "register_once('x', foo)")
        lab.cell("b", "unregister('x')\nregister_once('x', Foo)")
        assert lab.home.loud == {"x": lab.main.Foo}
        lab.cell("b", "pass")
        assert lab.home.loud == {"x": lab.main.foo}

    def test_a_former_self_that_is_removed_for_the_run_stays_gone(self, notebook):
        lab = notebook
        lab.cell("a", "register_once('x', foo)")
        lab.cell("a", "unregister('x')\n1 / 0", fails=ZeroDivisionError)
        assert lab.home.loud == {} and lab.entries() == []

    def test_a_former_object_that_is_removed_for_the_run_stays_gone(self, notebook):
        lab = notebook
        lab.cell("a", "def foo(): return 1\nregister_once('x', foo)")
        lab.cell("a", "unregister_object(foo)\n1 / 0", fails=ZeroDivisionError)
        assert lab.home.loud == {} and lab.entries() == []
        assert [former.subject() for former in lab.guard.ledger.former()] == [lab.main.foo]

    def test_another_key_is_not_meant(self, notebook):
        lab = notebook
        lab.cell("a", "register_once('x', foo)\nregister('z', foo)")
        lab.cell("a", "unregister('z')\n1 / 0", fails=KeyError)
        assert lab.home.loud == {"x": lab.main.foo}

    def test_a_librarys_value_is_taken_out_by_the_framework(self, notebook):
        lab = notebook
        lab.cell("a", "register_once('x', foo)")
        run = Run(lab.owners["a"], "pass", 9)
        lab.guard.begin(run)
        lab.home.loud["x"] = abs
        lab.home.names[abs] = "x"
        lab.home.unregister("x")
        assert lab.home.loud == {} and run.removed == {}
        lab.guard.end(run, "failed")

    def test_outside_of_a_run_it_is_the_frameworks_alone(self, notebook):
        lab = notebook
        lab.cell("a", "register_once('x', foo)")
        lab.home.unregister("x")
        assert lab.home.loud == {} and len(lab.entries()) == 1
        lab.cell("a", "register_once('x', foo)")
        assert lab.entries() == [("raising", "x", "a")]

    def test_a_list_forgets_the_one_that_is_taken_out(self, lab):
        lab.guard.remove("listed")
        exec("def drop(value):\n    line.remove(value)", vars(lab.home))
        gates = [
            Gate("home:append", lambda value: (value[0], value)),
            Gate("home:drop", lambda value: (None, value), act="unregister"),
        ]
        from kreg_ipython.registries.shapes import ListRegistry

        lab.guard.add(ListRegistry("listed", "home:line", gates, key=lambda value: value[0]), now=True)
        lab.main.drop = lab.home.drop
        lab.cell("a", "one = ('k', 1)\nappend(one)\nappend(('k', 2))")
        lab.cell("b", "drop(one)")
        assert [entry.value for entry in lab.guard.ledger] == [("k", 2)]


class TestRegistries:
    """Registries that come and go."""

    def test_what_was_registered_before_is_adopted(self, lab):
        def foo():
            """A user's."""

        owner = lab.owner("a")
        lab.guard.detach()
        lab.home.loud.update(x=foo, y=len)
        lab.found[id(foo)] = Caller(owner, Run(owner, "", 5), 3)
        lab.guard = lab.new_guard(journal=Journal())
        lab.guard.attach("home")
        assert lab.entries() == [("raising", "x", "a")]
        entry = lab.entry("raising", "x")
        assert (entry.adopted, entry.line, entry.value) == (True, 3, foo)
        assert lab.acts() == ["adopted x"] and lab.reasons("x", "adopted") == ["registered before kreg was watching"]

    def test_attaching_again_leaves_the_owners_as_they_are(self, lab):
        lab.cell("a", "register('x', abs)\nvalue = ('k', len)\nappend(value)")
        lab.found[id(abs)] = lab.found[id(len)] = Caller(lab.owner("other"))
        lab.guard.attach("home")
        assert lab.entries() == [("silent", "x", "a"), ("listed", "k", "a")]

    def test_a_new_guard_goes_on_where_the_former_one_was(self, lab):
        lab.cell("a", "register('x', abs)\nappend(('k', 1))\nappend(('k', 2))\nenqueue('q', 1)")
        lab.cell("b", "register('x', min)\nregister('gone', 1)")
        lab.guard.detach()
        del lab.home.table["gone"]
        lab.guard = lab.new_guard(lab.guard.ledger)
        assert lab.entries() == []
        lab.guard.attach("home")
        assert lab.entries() == [
            ("silent", "x", "a"),
            *[("listed", "k", "a")] * 2,
            ("ordered", "q", "a"),
            ("silent", "x", "b"),
        ]
        lab.cell("b", "pass")
        assert lab.home.table == {"x": abs}
        lab.cell("a", "pass")
        assert lab.home.table == {} and lab.home.line == []

    def test_what_has_changed_since_is_not_what_the_former_guard_knew(self, lab):
        lab.cell("a", "register('x', abs)")
        lab.cell("b", "register('x', min)")
        lab.guard.detach()
        lab.home.table["x"] = abs
        lab.guard = lab.new_guard(lab.guard.ledger)
        lab.guard.attach("home")
        assert lab.entries() == [], "the top of the stack is gone, and what is under it is not known to stand"

    def test_what_a_purged_framework_held_does_not_come_back_into_the_new_one(self, lab):
        lab.cell("a", "enqueue('x', 1)\nenqueue('z', 1)\nappend(('k', 1))\nappend(('l', 1))")
        lab.cell("b", "enqueue('x', 2)")
        lab.home.queue = {"z": 1}
        del lab.home.line[0]
        lab.guard.attach("home")
        lab.check()
        assert lab.entries() == [("ordered", "z", "a"), ("listed", "l", "a")]
        lab.cell("b", "enqueue('x', 3)")
        lab.cell("b", "pass")
        assert lab.home.queue == {"z": 1}

    def test_an_attached_registry_holds_the_notebooks_objects_weakly(self, lab):
        lab.guard.detach()
        exec("class Foo: pass", vars(lab.main))
        lab.home.names[lab.main.Foo] = "x"
        lab.guard = lab.new_guard()
        lab.guard.attach("home")
        gone = weakref.ref(lab.main.Foo)
        del lab.main.Foo
        gc.collect()
        assert gone() is None and lab.home.names == {}

    def test_a_registry_that_this_version_does_not_have_is_absent(self, lab):
        lab.guard.add(DictRegistry("missing", "home:nothing"), now=True)
        lab.guard.add(DictRegistry("later", "home:nothing"), now=False)
        assert lab.guard.absent == ["missing"] and lab.guard.faults == {}
        assert "missing" not in [registry.name for registry in lab.guard.present()]

    def test_a_registry_that_appears_later_is_guarded_from_the_next_cell_on(self, lab):
        exec("def add(key, value): late[key] = value", vars(lab.home))
        lab.main.add = lab.home.add
        lab.guard.add(DictRegistry("late", "home:late", [Gate("home:add", announce)]), now=True)
        lab.guard.attach("home")
        assert lab.guard.absent == ["late"]
        lab.home.late = {}
        for keys in ("xy", "x"):
            lab.cell("a", "".join(f"add('{key}', 1)\n" for key in keys))
            assert (list(lab.home.late), lab.guard.absent) == (list(keys), [])
        del lab.home.late
        lab.guard.add(DictRegistry("late", "home:late", [Gate("home:add", announce)]), now=True)
        lab.guard.remove("late")
        lab.cell("a", "x = 1")
        assert lab.guard.absent == []

    def test_only_the_registries_of_the_module_are_attached(self, lab):
        lab.guard.detach()
        lab.guard = lab.new_guard()
        assert lab.guard.present() == []
        lab.guard.attach("shelf")
        assert [registry.name for registry in lab.guard.present()] == ["things"]

    def test_a_registry_that_is_added_is_guarded_now_or_with_its_module(self, lab):
        lab.home.extra = {}
        exec("def add(key, value): extra[key] = value", vars(lab.home))
        lab.main.add = lab.home.add
        lab.guard.add(DictRegistry("extra", "home:extra", [Gate("home:add", announce)]), now=False)
        lab.cell("a", "add('x', 1)")
        assert lab.entries() == []
        lab.guard.attach("home")
        lab.cell("a", "add('y', 1)")
        assert lab.entries() == [("extra", "y", "a")]

    def test_a_registry_in_the_place_of_another_one_goes_on_with_its_entries(self, lab):
        lab.home.extra = {}
        exec("def add(key, value): extra[key] = value", vars(lab.home))
        lab.main.add = lab.home.add
        for _ in range(2):
            lab.guard.add(DictRegistry("extra", "home:extra", [Gate("home:add", announce)]), now=True)
            lab.cell("a", "add('x', 1)")
        assert lab.entries() == [("extra", "x", "a")]
        lab.cell("a", "pass")
        assert lab.home.extra == {}

    def test_a_registry_that_is_left_alone_keeps_what_is_in_it(self, lab):
        code = lab.home.enqueue.__code__
        lab.cell("a", "enqueue('x', 1)\nregister('y', 1)")
        lab.guard.remove("ordered")
        assert lab.home.queue == {"x": 1} and lab.entries() == [("silent", "y", "a")]
        assert lab.home.enqueue.__code__ is not code
        lab.cell("a", "enqueue('z', 1)")
        assert lab.home.queue == {"x": 1, "z": 1} and lab.entries() == []

    def test_what_was_removed_from_it_for_a_run_comes_back(self, lab):
        lab.cell("a", "enqueue('x', 1)\nregister('y', 1)")
        lab.main.act = lambda: lab.guard.remove("ordered")
        lab.cell("a", "act()\nseen = dict(handout())")
        assert lab.home.queue == {"x": 1} and lab.home.table == {} and lab.main.seen == {}
        assert lab.reasons("x", "restored") == ["ordered is not guarded any more"]
        assert lab.said == [] and lab.acts("x") == ["registered x", "removed x", "restored x"]

    def test_what_undo_would_take_back_stays_without_its_registry(self, lab):
        lab.cell("a", "enqueue('x', 1)\nregister('y', 1)")
        lab.cell("a", "pass")
        lab.guard.remove("ordered")
        [entry] = lab.guard.undo()
        lab.check()
        assert entry.key == "y" and entry.kept == messages.BROUGHT_BACK
        assert lab.home.queue == {} and lab.home.table == {"y": 1}

    def test_detaching_gives_everything_back(self, lab):
        lab.cell("a", "def foo(): pass\nregister_once('x', foo)\nregister('y', 1)")
        lab.cell("b", "register('z', 1)")
        diverted = lab.home.register.__code__
        lab.guard.begin(Run(lab.owners["a"], ""))
        lab.guard.begin(Run(lab.owners["b"], ""))
        assert lab.home.table == {}
        lab.guard.detach()
        assert lab.home.table == {"y": 1, "z": 1} and lab.home.register.__code__ is not diverted
        assert lab.home.loud == {"x": lab.main.foo} and list(map(type, lab.home.names)) == [type(lab.main.foo)]
        assert lab.guard.present() == [] and lab.guard.registries["silent"].snapshot is None
        assert lab.guard.pending() == []

    def test_detaching_follows_what_was_written_last(self, lab):
        lab.main.act = lambda: lab.guard.detach()
        lab.cell("a", "drawer['x'] = 1\nact()")
        assert lab.entries() == [("drawer", "x", "a")]

    def test_what_only_undo_held_is_gone_after_detaching(self, lab):
        lab.cell("a", "def foo(): pass\nfoo.itself = foo\nregister_once('x', foo)")
        gone = weakref.ref(lab.main.foo)
        lab.cell("a", "pass")
        del lab.main.foo
        lab.guard.detach()
        assert gone() is None and lab.home.names == {}

    def test_what_only_a_statement_that_may_come_back_held_is_gone_after_detaching(self, lab):
        lab.main.ready = True
        lab.cell("a", "def foo(): pass\nfoo.itself = foo\nif ready: register_once('x', foo)")
        gone = weakref.ref(lab.main.foo)
        lab.cell("a", "pass")
        lab.forget_undo()
        del lab.main.foo
        gc.collect()
        assert gone() is not None
        lab.guard.detach()
        assert gone() is None and lab.home.names == {}

    def test_a_container_is_known_by_its_registry(self, lab):
        assert lab.guard.name_of(lab.home.table) == "silent" and lab.guard.name_of(lab.home.line) == "listed"
        assert lab.guard.name_of({}) is None
        lab.guard.registries["silent"].attached = False
        assert lab.guard.name_of(lab.home.table) is None

    def test_the_faults_are_those_of_the_registries_and_of_whole_packages(self, lab):
        lab.faulty = True
        lab.guard.foreign_faults["package"] = "cannot be had"
        lab.guard.registries["silent"].adapter.entries = lambda: 1 / 0
        lab.guard.attach("home")
        assert lab.guard.faults == {"package": "cannot be had", "silent": "ZeroDivisionError: division by zero"}

    def test_a_value_that_cannot_be_adopted_leaves_the_others(self, lab):
        lab.faulty = True
        lab.home.drawer.update(x=abs, y=min)
        right = lab.find_owner
        lab.owner("a")
        lab.find_owner = lambda subject, *spot: 1 / 0 if subject is abs else Caller(lab.owners["a"])
        lab.guard.attach("home")
        lab.find_owner = right
        assert lab.entries() == [("drawer", "y", "a")]

    def test_lists_and_dicts_that_users_write_to_are_adopted(self, lab):
        lab.owner("a")
        lab.home.drawer["x"] = abs
        lab.home.pile += [("k", 1), ("l", 2)]
        lab.find_owner = lambda subject, *spot: Caller(lab.owners["a"])
        lab.guard.attach("home")
        assert lab.entries() == [("drawer", "x", "a"), ("pile", "k", "a"), ("pile", "l", "a")]


class TestFaults:
    """Whatever fails, the cell runs, and the others are guarded."""

    def test_an_adapter_that_fails_is_one_line_and_the_others_go_on(self, lab):
        lab.faulty = True
        lab.cell("a", "register('x', 1)\nenqueue('y', 1)")
        lab.guard.registries["silent"].adapter.remove = lambda key, value: 1 / 0
        for _ in range(2):
            lab.cell("a", "register('x', 2)\nenqueue('y', 2)")
        assert lab.said == ["the registry silent is not guarded properly: ZeroDivisionError: division by zero"]
        assert lab.home.table == {"x": 2} and lab.home.queue == {"y": 2}

    def test_a_way_that_cannot_be_told_keeps_all_and_says_so(self, lab, monkeypatch):
        lab.cell("a", "register('x', 1)")
        monkeypatch.setattr(ways, "way_to", lambda entry, accessor: 1 / 0)
        lab.cell("a", "register('y', 1)")
        assert lab.home.table == {"x": 1, "y": 1}
        assert lab.said == [messages.undecided(ZeroDivisionError("division by zero"))]

    def test_a_cell_begins_with_the_gates_shut_and_three_lines_to_say(self, lab):
        lab.guard._gates.open().__enter__()
        for text in "abcde":
            lab.guard.tell(text)
        lab.cell("a", "register('x', 1)")
        assert lab.entries() == [("silent", "x", "a")]
        assert lab.said == ["a", "b", "c", "2 more notices of this run: %kreg log"]

    def test_a_guard_without_settings_has_the_defaults(self, lab):
        guard = Guard([], lab, say=print)
        memory = guard.memory
        assert (memory.settings.verbosity, memory.settings.on_conflict) == ("notices", "note")
        assert memory.pinned == set() and memory.journal.count == 0
        assert guard.registries == {}
        assert Guard([], lab, say=print, memory=memory).memory is memory

    def test_notes_are_shown_or_said(self, monkeypatch):
        lab = Lab(monkeypatch, notes=False)
        lab.cell("a", "register_once('x', abs)")
        lab.cell("b", "register_once('x', min)", fails=KeyError)
        assert lab.said == [messages.refused("x", lab.entry("raising", "x"), abs, Caller(lab.owners["b"], None, 1))]
        lab.guard.detach()


def test_what_a_loop_registers_has_one_way(lab, monkeypatch):
    asked = []
    way_to = ways.way_to
    monkeypatch.setattr(ways, "way_to", lambda entry, registry: asked.append(entry) or way_to(entry, registry))
    lab.cell("a", "for n in range(9): register(n, 1)\nfor n in range(9): enqueue(n, 1)")
    lab.cell("a", "pass")
    assert len(asked) < 9


def test_entries_that_were_written_have_ways_of_their_own(lab):
    text = "drawer['x'] = 1\nif 1: drawer['y'] = 1"
    lab.cell("a", text)
    lab.cell("a", "if 1: drawer['y'] = 1")
    assert lab.home.drawer == {"y": 1}


def test_a_direct_registry_of_each_kind_is_followed_through_a_history(lab):
    assert isinstance(lab.guard.registries["drawer"].adapter, Direct)
    assert isinstance(lab.guard.registries["pile"].adapter, DirectList)
    lab.cell("a", "drawer['x'] = 1\npile.append(('k', 1))")
    lab.cell("b", "drawer['x'] = 2\npile.append(('k', 2))")
    lab.cell("a", "pile.append(('k', 3))")
    assert lab.home.drawer == {"x": 2} and lab.home.pile == [("k", 2), ("k", 3)]
    lab.cell("b", "1 / 0", fails=ZeroDivisionError)
    assert lab.home.drawer == {"x": 2} and lab.home.pile == [("k", 2), ("k", 3)]
    lab.cell("b", "pass")
    assert lab.home.drawer == {} and lab.home.pile == [("k", 3)]
    assert Owner("cell", "c").label


def test_each_act_is_written_down_with_the_number_of_its_run_also_outside_of_the_cells_context(lab):
    lab.number = lambda: None
    lab.guard._notices._number = lab.number
    lab.main.ready, lab.main.names = True, ["l", "m"]
    text = "register('x', 1)\nif ready: register('y', 1)\nfor n in names: register(n, 1)\nenqueue('f', 1)"
    lab.cell("a", text)
    lab.main.ready, lab.main.names = False, ["l"]
    lab.cell("a", text)
    lab.cell("a", "register('z', 1)\n1 / 0", fails=ZeroDivisionError)
    lab.cell("b", "register('z', 2)")
    lab.cell("b", "pass")
    lab.owners["b"].deleted = True
    lab.cell("c", "enqueue('f', 2)\ndel handout()['z']")
    lab.cell("d", "if ready: register('w', 1)")
    lab.cell("e", "if 'v' not in handout(): register('v', 1)")
    lab.cell("e", "if 'v' not in handout(): register('v', 2)\n1 / 0", fails=ZeroDivisionError)
    lab.cell("a", "pass")
    lab.cell("a", text)
    lab.cell("i", "enqueue('i', 1)")
    del lab.home.queue["i"]
    lab.cell("i", "enqueue('j', 1)")
    lab.cell("i", "def foo(): pass\nregister_once('u', foo)")
    lab.cell("j", "unregister('u')")
    lab.cell("g", "append(('k', 1))")
    lab.owners["g"].deleted = True
    lab.cell("h", "append(('k', 2))")
    acts = {event.act for event in lab.guard.memory.journal.events()}
    assert acts >= {"registered", "removed", "restored", "swept", "kept", "shadowed", "forgot", "replaced"}
    assert [event for event in lab.guard.memory.journal.events() if event.run is None] == []


def test_what_an_undone_run_and_a_look_up_did_is_written_down_with_their_numbers(lab):
    lab.guard._notices._number = lambda: None
    run = Run(lab.owner("a"), "register('x', 1)", 7)
    lab.execute(run, "register('x', 1)\n1 / 0", vars(lab.main), "cell x", failed="undone")
    text = "if 'G' not in known: gradient('G', {})"
    lab.main.known = lab.home.graphs
    lab.cell("b", text.format(1))
    lab.cell("b", "find('G')\n" + text.format(2) + "\n1 / 0", fails=ZeroDivisionError)
    assert lab.reasons("G", "restored") == ["it was looked up"]
    lab.guard.remove("graphs")
    assert {event.run for event in lab.guard.memory.journal.events()} == {7, 1, 2}


def test_what_is_removed_from_a_registry_that_is_left_alone_is_written_down_with_its_run(lab):
    lab.guard._notices._number = lambda: None
    lab.cell("a", "enqueue('x', 1)")
    lab.main.act = lambda: lab.guard.remove("ordered")
    lab.cell("a", "act()")
    assert [event.run for event in lab.guard.memory.journal.events()] == [1, 2, 2]


def test_a_loop_that_got_shorter_keeps_nothing_of_what_it_left_out(lab):
    lab.main.names = ["x", "y"]
    lab.cell("a", "for name in names: register(name, 1)")
    lab.main.names = ["y"]
    lab.cell("a", "for name in names: register(name, 1)")
    assert lab.acts("x") == ["registered x", "removed x", "swept x"]


def test_what_was_removed_for_an_edit_and_left_out_does_not_come_back(lab):
    text = "if ready and '{0}' not in handout():\n    register('{0}', 1)"
    lab.main.ready = True
    lab.cell("a", text.format("x"))
    lab.cell("a", "if ready and 'x' not in handout():\n    register('y', 1)")
    assert lab.home.table == {"y": 1}
    lab.main.ready = False
    lab.cell("b", text.format("x"))
    assert lab.home.table == {"y": 1}


def test_what_a_failing_run_skipped_is_marked_too(notebook):
    lab = notebook
    lab.cell("a", GUARDED.format(1))
    lab.main.ready = False
    lab.cell("a", GUARDED.format(1) + "\n1 / 0", fails=ZeroDivisionError)
    assert {entry.restored for entry in lab.guard.ledger} == {True}


def test_what_comes_back_needs_its_statement_and_not_its_words_alone(lab):
    lab.main.ready = True
    lab.cell("a", "if ready:\n    register('x', 1)")
    lab.cell("a", "pass")
    lab.main.ready = False
    lab.cell("b", "pass  # if ready: register('x', 1)")
    assert lab.home.table == {} and "restored x" not in lab.acts()


def test_what_comes_back_under_a_guard_that_asks_the_registry_lets_an_edit_through(lab):
    text = "if 'x' not in handout():\n    def foo(): return {}\n    register('x', foo)"
    lab.cell("a", text.format(1))
    lab.cell("a", "pass")
    lab.cell("a", text.format(2))
    assert lab.home.table["x"]() == 2
    assert lab.acts("x")[3:] == ["restored x", "removed x", "registered x"]


def test_a_registry_that_is_left_alone_leaves_what_waits_for_another_one(lab):
    lab.main.ready = True
    lab.cell("a", "if ready: register('x', 1)\nif ready: enqueue('y', 1)")
    lab.cell("a", "pass")
    lab.guard.remove("ordered")
    lab.main.ready = False
    lab.cell("a", "if ready: register('x', 1)\nif ready: enqueue('y', 1)")
    assert lab.home.table == {"x": 1} and lab.home.queue == {}


def test_a_registry_in_the_place_of_another_one_gives_back_the_functions_of_the_former(lab):
    lab.home.extra = {}
    exec("def add(key, value): extra[key] = value\ndef add2(key, value): extra[key] = value", vars(lab.home))
    code = lab.home.add.__code__
    for function in ("add", "add2"):
        lab.guard.add(DictRegistry("extra", "home:extra", [Gate(f"home:{function}", announce)]), now=True)
    assert lab.home.add.__code__ is code


def test_attaching_again_leaves_all_that_stands_side_by_side(lab):
    lab.cell("a", "append(('k', 1))\nappend(('k', 2))\nappend(('k', 3))")
    lab.find_owner = lambda subject, *spot: Caller(lab.owner("other"))
    lab.guard.attach("home")
    assert lab.entries() == [("listed", "k", "a")] * 3


def test_an_object_that_stands_there_once_is_adopted_once(lab):
    lab.cell("a", "value = ('k', 1)\nappend(value)\nappend(value)\nappend(('k', 2))")
    lab.guard.detach()
    lab.home.line.remove(lab.main.value)
    lab.guard = lab.new_guard(lab.guard.ledger)
    lab.guard.attach("home")
    assert [entry.value for entry in lab.guard.ledger] == [("k", 1), ("k", 2)]


def test_what_a_new_guard_goes_on_with_is_held_weakly(lab):
    lab.cell(
        "a", "from types import FunctionType\nfoo = type('Foo', (), {'__module__': 'lib'})\nregister_once('x', foo)"
    )
    lab.guard.detach()
    lab.guard = lab.new_guard(lab.guard.ledger)
    lab.guard.attach("home")
    assert [type(key) is type for key in lab.home.names] == [False]


def test_a_failing_run_leaves_no_former_class_beside_the_new_one(lab):
    text = "class Key: pass\nregister(Key, {})\n"
    lab.cell("a", text.format(1))
    lab.cell("a", text.format(2) + "1 / 0", fails=ZeroDivisionError)
    assert lab.home.table == {lab.main.Key: 2}
    lab.cell("a", "class Key: pass\n1 / 0\n" + text.format(3), fails=ZeroDivisionError)
    assert list(lab.home.table.values()) == [2], "nothing has taken its place"


def test_what_the_user_took_out_is_written_down_with_the_run_that_finds_it(lab):
    lab.guard._notices._number = lambda: None
    lab.cell("a", "enqueue('x', 1)")
    entries = list(lab.guard.ledger)
    lab.main.act = lambda: lab.guard.clear(entries)
    lab.cell("b", "del queue['x']\nact()")
    assert [(event.act, event.run) for event in lab.guard.memory.journal.events()] == [("registered", 1), ("forgot", 2)]


def test_what_two_statements_register_by_one_function_is_judged_by_statement(lab):
    text = "def make(n): register(n, 1)\nmake('x')\nif ready: make('y')"
    lab.main.ready = True
    lab.cell("a", text)
    lab.main.ready = False
    lab.cell("a", "seen = dict(handout())\n" + text)
    assert lab.main.seen == {"y": 1} and lab.home.table == {"x": 1, "y": 1}


def test_an_edit_under_a_guard_that_asks_for_the_container_gets_through(lab):
    text = "name = 'X'.lower()\nif name not in handout():\n    def foo(): return {}\n    register(name, foo)"
    for number in (1, 2):
        lab.cell("a", text.format(number))
        assert lab.home.table["x"]() == number


NAMES_AT_FIRST = [
    "reg = register if first else (lambda *a: None)\nfirst = False\nreg('x', 1)",
    "import functools\nreg = functools.partial(register, 'x') if first else (lambda *a: None)\nfirst = False\nreg(1)",
    "def real(): register('x', 1)\nmake = real if first else (lambda: None)\nfirst = False\nmake()",
    "def real(n): register(n, 1)\nmake = real if first else (lambda n: None)\nfirst = False\nfor n in ['x']: make(n)",
]


@pytest.mark.parametrize("text", NAMES_AT_FIRST)
def test_a_name_that_means_the_registering_function_only_at_first_loses_nothing(lab, text):
    lab.main.first = True
    for edit in ("", "", "\nepochs = 3"):
        lab.cell("a", text + edit)
        assert lab.home.table == {"x": 1}
    assert [entry.kept for entry in lab.guard.ledger] != [""]
    lab.cell("a", "epochs = 3")
    assert lab.home.table == {}


def test_what_moves_into_a_function_is_no_name_that_changed_its_meaning(lab):
    define = "@named\ndef foo(): return {}\n"
    lab.shelf.named = lambda function: lab.shelf.put(function.__qualname__, function)
    lab.main.named = lab.shelf.named
    lab.cell("a", define.format(1))
    lab.cell("a", "def work():\n" + "".join(f"    {line}\n" for line in define.format(2).splitlines()) + "work()")
    assert [value() for value in lab.shelf.things.values()] == [2]


def test_a_list_that_is_empty_now_is_no_name_that_changed_its_meaning(lab):
    lab.cell("a", "for name in ['x', 'y']: register(name, 1)")
    lab.cell("a", "for name in []: register(name, 1)")
    assert lab.home.table == {}


def test_keys_that_are_classes_follow_their_new_definitions(lab):
    text = "class A: pass\nclass B: pass\nclass C: pass\nfor key in (A, B)[:n]:\n    if key not in handout(): register(key, {})"
    lab.main.n = 2
    for number in (1, 2):
        lab.cell("a", text.format(number))
        assert lab.home.table == {lab.main.A: number, lab.main.B: number}


def test_a_cell_without_entries_is_partial_after_a_failure(lab):
    lab.cell("a", "1 / 0", fails=ZeroDivisionError)
    assert lab.owners["a"].partial
    lab.cell("a", "pass")
    assert not lab.owners["a"].partial and lab.guard._active == {}


def test_what_nobody_can_undo_is_told(lab):
    def announce_nothing(key, value):
        raise CannotUndo(f"{key} cannot be undone")

    exec("def forever(key, value): table[key] = value", vars(lab.home))
    lab.main.forever = lab.home.forever
    lab.guard.add(DictRegistry("forever", "home:flags", [Gate("home:forever", announce_nothing)]), now=True)
    lab.cell("a", "forever('x', 1)")
    assert lab.said == ["x cannot be undone"] and lab.home.table == {"x": 1}


def test_of_equal_keys_that_were_purged_the_others_stay(lab):
    lab.cell("a", "append(('k', 1))\nappend(('k', 2))")
    del lab.home.line[0]
    lab.guard.attach("home")
    assert [entry.value for entry in lab.guard.ledger] == [("k", 2)]


def test_a_swept_gradient_that_undo_brings_back_is_not_served_any_more(lab):
    lab.cell("a", "gradient('G', abs)")
    lab.cell("a", "pass")
    lab.guard.undo()
    assert lab.guard.ledger.swept == {} and lab.home.graphs == {"G": abs}


def test_what_a_framework_does_not_unregister_stays(notebook):
    lab = notebook
    exec("def unregister(key): pass", vars(lab.home))
    lab.guard.add(
        DictRegistry(
            "raising",
            "home:loud",
            [
                Gate("home:register_once", announce),
                Gate("home:unregister", lambda key: (key, None), act="unregister"),
            ],
        ),
        now=True,
    )
    lab.main.unregister = lab.home.unregister
    lab.cell("a", "register_once('x', foo)")
    lab.cell("b", "unregister('x')")
    assert lab.entries() == [("raising", "x", "a")] and lab.home.loud == {"x": lab.main.foo}
