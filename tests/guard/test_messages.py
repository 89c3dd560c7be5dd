"""What notes and notices say, word by word."""

from __future__ import annotations

import pytest

from kreg_ipython.guard import messages
from kreg_ipython.guard.journal import Event, OwnerText
from kreg_ipython.guard.ledger import Caller, Entry, Owner, Run
from kreg_ipython.registries.registry import Absence

CELL, OTHER, MODULE = Owner("cell", "a", number=3), Owner("cell", "b", number=5), Owner("module", "mylib")


@pytest.mark.parametrize(
    ("seen", "unreadable", "text"),
    [
        (True, False, "the code that registered it is still there, and may have been skipped"),
        (False, False, "kreg did not see what registered it, and that may still run"),
        (True, True, "the source cannot be read, and may still register it"),
        (False, True, "the source cannot be read, and may still register it"),
    ],
)
def test_why_an_entry_is_kept(seen, unreadable, text):
    assert messages.why_kept(seen, unreadable) == text


def test_an_input_that_looks_like_an_edit_names_what_the_former_one_has_left():
    left = [Entry(registry, key, 1, 1, CELL) for registry, key in (("r", "P>Foo"), ("s", "P>Foo"), ("r", ("a", 1)))]
    assert messages.left_by_an_edit(Run(OTHER, "", 5), CELL, left) == (
        "run [5] looks like an edit of cell [3], which registered more: %kreg clear 'P>Foo' 'a, 1'"
    )


def test_a_place_is_said_as_people_look_for_it():
    assert messages.where(Caller(CELL, None, 2)) == "cell [3], line 2"
    assert messages.where(Caller(MODULE)) == "module mylib"


def test_a_refused_registration_names_both_places_and_the_way_out():
    top = Entry("r", "P>Foo", 1, 1, CELL, line=2)
    assert messages.refused("P>Foo", top, 1, Caller(OTHER, None, 4)) == (
        "'P>Foo' is registered by cell [3], line 2; this is cell [5], line 4."
        " Rename one, or run this again after %kreg clear 'P>Foo'"
    )


def test_what_no_owner_put_there_is_registered_by_the_module_that_defines_it():
    text = "'Foo' is registered by collections; this is cell [5]. Rename yours."
    import collections

    assert messages.refused("Foo", None, collections.OrderedDict, Caller(OTHER)) == text
    assert messages.refused("Foo", Entry("r", "Foo", 1, 1, None), collections.OrderedDict, Caller(OTHER)) == text
    assert messages.refused("Foo", None, None, Caller(OTHER)) == text.replace("collections", "a framework")


def test_an_overwritten_key_names_both_places():
    top = Entry("r", int, 1, 1, CELL, line=2)
    assert messages.overwritten(top, Caller(OTHER, None, 4)) == (
        "'builtins.int' is registered by cell [3], line 2, and now by cell [5], line 4, which shadows the first."
        " Rename one."
    )


@pytest.mark.parametrize(
    ("owner", "run", "former", "instead", "text"),
    [
        (CELL, 12, 3, [], "registered by cell [3] until run [12], which does not register it"),
        (CELL, 12, None, ["P>Bar"], "registered by cell [?] until run [12], which registers 'P>Bar'"),
        (
            CELL,
            12,
            3,
            ["a", int, "c"],
            "registered by cell [3] until run [12], which registers 'a', 'builtins.int', 'c'",
        ),
        (CELL, 12, 3, list("abcd"), "registered by cell [3] until run [12], which registers 'a', 'b', 'c', …"),
        (MODULE, None, None, [], "registered by module mylib until its last run, which does not register it"),
    ],
)
def test_why_a_run_swept_an_entry(owner, run, former, instead, text):
    entry = Entry("r", "k", 1, 1, owner, Run(owner, "", former))
    assert messages.swept(entry, Run(owner, "", run), instead) == text


def test_what_nobody_saw_being_run_is_swept_from_an_unknown_cell():
    assert messages.swept(Entry("r", "k", 1, 1, CELL), Run(CELL, "", 12), []).startswith("registered by cell [?] until")


def test_what_another_owner_asked_for_is_swept_when_nothing_says_it():
    entry = Entry("r", "k", 1, 1, CELL, Run(CELL, "", 3))
    why = messages.swept(entry, Run(Owner("module", "other"), ""), [])
    assert why == f"registered by {CELL.label} until nothing said it any more"


def test_a_gradient_that_is_served_says_what_to_do():
    assert messages.served("G", "gradients") == (
        "'G' (gradients) is no longer registered, but a graph still names it. kreg serves it; a fresh kernel would not have it."
        " Run the cell that registers it, or trace the graph again."
    )


@pytest.mark.parametrize(
    ("act", "text"),
    [
        ("swept", "'k' was why"),
        ("removed", "'k' was registered by cell [3], which is running again and has not registered it yet"),
        ("cleared", "'k' was registered by cell [3] until it was cleared (why)"),
        ("forgot", "'k' was registered by cell [3] until it was removed (why)"),
    ],
)
def test_where_a_key_has_gone(act, text):
    assert messages.gone(Event(act, "r", "k", OwnerText("cell", "a", 3), 4, "why")) == text


def test_the_use_of_a_former_object_names_its_run():
    assert (
        messages.former_use("model", "is built from", "mod.Foo", 5) == "model is built from the former Foo of run [5]"
    )
    assert messages.former_use("model", "is", "Foo", None) == "model still is the former Foo"


def test_what_to_run_again():
    assert messages.rebuild(6, "model") == "re-run cell [6], which builds model"
    assert messages.rebuild(None, "model") == "re-run the cell that builds model"
    assert messages.rebuild(6, "model", "Foo") == "import Foo again, then re-run cell [6], which builds model"


def test_what_cannot_be_decided_is_kept():
    text = "kreg could not tell which registrations this run skipped, and kept them all (ValueError: x)"
    assert messages.undecided(ValueError("x")) == text


def test_why_a_run_put_back_what_was_removed_for_it():
    assert messages.WHY_RESTORED == {
        "not compiled": "the new source does not compile",
        "failed": "the run failed before it registered this again",
        "undone": "the run failed and left nothing behind",
    }


@pytest.mark.parametrize(
    ("definer", "file", "text"),
    [
        ("cell [3]", None, "'P>k' was never registered in this kernel, but cell [3] defines k"),
        (None, "book.ipynb", "'P>k' was never registered in this kernel. A cell of book.ipynb defines k: run it"),
        (
            None,
            None,
            "'P>k' was never registered in this kernel: run the cell or import the module that registers it",
        ),
    ],
)
def test_what_was_never_registered_is_said_without_a_word_of_any_framework(definer, file, text):
    assert messages.never_registered(Absence("P>k", "mylib.models", [], None, definer, file)) == text
