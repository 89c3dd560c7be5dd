"""Who stands where: owners, entries, and the stack of each key."""

from __future__ import annotations

import gc
import weakref

import pytest

from kreg_ipython.guard.ledger import Entry, Ledger, Owner, Run, label, replayed_order

SPOT = "r", "k"


class Thing:
    """Something that can be referenced weakly."""


@pytest.fixture
def ledger():
    return Ledger()


@pytest.fixture
def owners():
    return Owner("cell", "a"), Owner("cell", "b")


def entry(ledger, owner, key="k", subject=None, registry="r", **options):
    """An entry that is in the ledger."""
    subject = Thing() if subject is None else subject
    made = Entry(registry, key, subject, subject, owner, **options)
    ledger.insert(made)
    return made


@pytest.mark.parametrize(
    ("kind", "id", "number", "text"),
    [
        ("cell", "id", 7, "cell [7]"),
        ("cell", None, None, "cell [?]"),
        ("cell", "id", 0, "cell [0]"),
        ("script", "train.py", 7, "script train.py"),
        ("module", "mylib", None, "module mylib"),
    ],
)
def test_an_owner_is_called_what_a_reader_of_the_notebook_knows_it_by(kind, id, number, text):
    assert label(kind, id, number) == Owner(kind, id, number=number).label == text


@pytest.mark.parametrize(
    ("id", "file", "text"),
    [
        ("mylib", "/a/mylib.py", "module mylib"),
        ("pkg.mylib", "/a/pkg/mylib.cpython-313.pyc", "module pkg.mylib"),
        ("pkg.sub", "/a/pkg/sub/__init__.py", "module pkg.sub"),
        ("plugin", "/a/one.py", "module plugin (one.py)"),
        ("pkg.plugin", "/a/plugin/one.py", "module pkg.plugin (one.py)"),
    ],
)
def test_a_module_is_called_by_its_file_too_if_that_has_another_name(id, file, text):
    assert label("module", id, None, file) == Owner("module", id, file=file).label == text


def test_the_text_of_a_module_is_read_once_and_only_if_it_is_asked_for():
    read = []
    run = Run(Owner("module", "mylib"), lambda: read.append(1) or "text")
    assert read == []
    assert (run.source, run.source, read) == ("text", "text", [1])


def test_a_new_run_has_done_nothing():
    owner = Owner("cell", "a")
    run = Run(owner, "text", 3)
    assert (run.owner, run.source, run.number) == (owner, "text", 3)
    assert not (run.active or run.broken or run.replays or run.unseen)
    assert (run.removed, run.replaced, run.unregistered, run.accessed) == ({}, {}, [], {})
    assert Run(owner).source is None and Run(owner).number is None


def test_what_a_run_removed_from_a_spot_is_found_the_oldest_first_until_it_is_registered_again(ledger, owners):
    run = Run(owners[0])
    old, new = entry(ledger, owners[0]), entry(ledger, owners[0])
    other = entry(ledger, owners[0], "other")
    run.remove({new: "again", other: "gone", old: "changed"})
    assert run.removed_at(SPOT) is old
    del run.removed[old]
    assert run.removed_at(SPOT) is new and run.removed_at(("r", "other")) is other
    del run.removed[new]
    assert run.removed_at(SPOT) is None and run.removed_at(("r", "nothing")) is None


def test_a_settled_run_holds_nothing_of_what_it_removed(ledger, owners):
    run = Run(owners[0])
    run.remove({entry(ledger, owners[0]): "gone"})
    run.settle()
    assert run.removed == {} and run.removed_at(SPOT) is None


def test_what_a_run_removed_is_its_own_copy(ledger, owners):
    run, verdicts = Run(owners[0]), {entry(ledger, owners[0]): "gone"}
    run.remove(verdicts)
    run.removed.clear()
    assert verdicts


def test_an_entry_is_known_by_its_registry_and_the_text_of_its_key(owners):
    made = Entry("r", (int, "x"), 1, 1, owners[0])
    assert made.spot == ("r", (int, "x")) and made.name == ("r", "builtins.int, x")


def test_entries_are_ordered_as_they_were_made(owners):
    orders = [Entry("r", "k", 1, 1, owners[0]).order for _ in range(3)]
    assert orders == sorted(orders) and len(set(orders)) == 3 and {second for _, second in orders} == {0}


def test_a_replay_registers_where_it_registered_the_former_entry(ledger, owners):
    former = entry(ledger, owners[0])
    assert replayed_order(former, Run(owners[0])) == former.order


def test_what_a_replay_registers_first_stands_after_the_last_of_its_former_entries(ledger, owners):
    one, two, replaced = (entry(ledger, owners[0], key) for key in "123")
    others, later = entry(ledger, owners[1], "o"), entry(ledger, owners[0], "l")
    run = Run(owners[0])
    run.remove({two: "again", one: "again"})
    run.replaced = {replaced: later, others: later}
    first, second = replayed_order(None, run), replayed_order(None, run)
    assert replaced.order < first < second < others.order
    run.replaced = {}
    assert two.order < replayed_order(None, run) < replaced.order


def test_a_replay_without_former_entries_has_no_place_of_its_own(ledger, owners):
    run = Run(owners[0])
    run.replaced = {entry(ledger, owners[1]): entry(ledger, owners[0])}
    assert replayed_order(None, run) is None


def test_a_stack_keeps_the_order_of_registration(ledger, owners):
    first, second = entry(ledger, owners[0]), entry(ledger, owners[1])
    assert ledger.stack(SPOT) == [first, second]
    assert ledger.top(SPOT) is second and ledger.under(second) is first and ledger.under(first) is None
    assert ledger.is_shadowed(first) and not ledger.is_shadowed(second)
    ledger.remove(first)
    ledger.insert(first)
    assert ledger.top(SPOT) is second and first in ledger
    ledger.remove(second)
    third = entry(ledger, owners[1])
    assert list(ledger) == [first, third] and second not in ledger


def test_an_entry_is_taken_out_from_the_midst_of_its_stack(ledger, owners):
    some = [entry(ledger, owners[at % 2]) for at in range(5)]
    for each in (some[2], some[0], some[4]):
        ledger.remove(each)
    assert ledger.stack(SPOT) == [some[1], some[3]]


def test_a_stack_that_is_returned_is_a_copy(ledger, owners):
    made = entry(ledger, owners[0])
    ledger.stack(SPOT).clear()
    assert ledger.stack(SPOT) == [made] and ledger.stack(("r", "nothing")) == []


def test_what_does_not_stand_in_a_ledger_is_removed_without_effect(ledger, owners):
    stranger = Entry("r", "k", 1, 1, owners[0])
    ledger.remove(stranger)
    made = entry(ledger, owners[0])
    ledger.remove(stranger)
    assert ledger.stack(SPOT) == [made] and stranger not in ledger and made in ledger


def test_the_last_entry_of_a_key_leaves_nothing_behind(ledger, owners):
    made = entry(ledger, owners[0])
    ledger.remove(made)
    assert ledger.top(SPOT) is None and list(ledger) == [] and ledger.all() == []
    assert not ledger.has_entries(owners[0]) and ledger.entries(owners[0]) == []
    assert not ledger.has_subject(made.subject) and ledger.same_subject(made) == []
    assert not ledger.has_other_owners(SPOT, owners[1])
    assert (ledger._stacks, ledger._owned, ledger._by_subject, ledger._owners_at) == ({}, {}, {}, {})


def test_side_by_side_nothing_shadows_anything(ledger, owners):
    ledger.side_by_side.add("r")
    first, second = entry(ledger, owners[0]), entry(ledger, owners[1])
    assert not ledger.is_shadowed(first) and ledger.under(second) is None


def test_owners_have_their_own_entries_in_the_order_of_registration(ledger, owners):
    late = entry(ledger, owners[0], "z", order=(10**9, 0))
    early, other = entry(ledger, owners[0], "a"), entry(ledger, owners[1], "b")
    assert ledger.entries(owners[0]) == [early, late] and ledger.entries(owners[1]) == [other]
    assert list(ledger) == [early, other, late]
    assert ledger.has_entries(owners[0]) and not ledger.has_entries(Owner("cell", "c"))


def test_what_nobody_owns_stands_in_a_stack_and_in_no_owners_list(ledger, owners):
    nobodys, mine = entry(ledger, None), entry(ledger, owners[0])
    assert ledger.stack(SPOT) == [nobodys, mine] and list(ledger) == [mine] and nobodys in ledger
    assert set(ledger.all()) == {nobodys, mine}
    ledger.remove(nobodys)
    assert ledger.stack(SPOT) == [mine] and nobodys not in ledger


def test_what_a_run_registered_is_told_from_what_its_owner_registered_before(ledger, owners):
    before, now = Run(owners[0]), Run(owners[0])
    entry(ledger, owners[0], "a", run=before)
    mine = entry(ledger, owners[0], "b", run=now)
    assert ledger.registered_in(now) == [mine]


def test_the_former_entry_of_an_owner_is_the_oldest_of_another_run(ledger, owners):
    before, now = Run(owners[0]), Run(owners[0])
    first = entry(ledger, owners[0], run=before)
    entry(ledger, owners[1])
    entry(ledger, owners[0], run=before)
    assert ledger.former_of(owners[0], SPOT, now) is first
    assert ledger.former_of(owners[0], SPOT, None) is first
    assert ledger.former_of(owners[0], ("r", "nothing"), now) is None
    assert ledger.former_of(Owner("cell", "c"), SPOT, now) is None


def test_what_follows_an_entry_of_this_run_is_newer_unless_the_run_replays(ledger, owners):
    before, now = Run(owners[0]), Run(owners[0])
    entry(ledger, owners[0], run=now)
    later = entry(ledger, owners[0], run=before)
    assert ledger.former_of(owners[0], SPOT, now) is None
    now.replays = True
    assert ledger.former_of(owners[0], SPOT, now) is later


def test_other_owners_at_a_spot_are_counted_as_often_as_they_stand_there(ledger, owners):
    mine = entry(ledger, owners[0])
    assert not ledger.has_other_owners(SPOT, owners[0]) and ledger.has_other_owners(SPOT, owners[1])
    theirs = [entry(ledger, owners[1]) for _ in range(2)]
    assert ledger.has_other_owners(SPOT, owners[0])
    ledger.remove(theirs[0])
    assert ledger.has_other_owners(SPOT, owners[0])
    ledger.remove(theirs[1])
    assert not ledger.has_other_owners(SPOT, owners[0]) and ledger.has_other_owners(SPOT, owners[1])
    ledger.remove(mine)
    assert not ledger.has_other_owners(SPOT, owners[1])


def test_an_entry_that_nobody_owns_is_forgotten_with_the_last_one_over_it(ledger, owners):
    library, mine = entry(ledger, None), entry(ledger, owners[0])
    ledger.forget_unowned(SPOT)
    assert ledger.under(mine) is library
    ledger.remove(mine)
    entry(ledger, None)
    ledger.forget_unowned(SPOT)
    assert ledger.top(SPOT) is None and ledger.all() == []
    ledger.forget_unowned(SPOT)


def test_the_same_object_is_found_under_its_other_keys_of_the_registry(ledger, owners):
    thing = Thing()
    late = entry(ledger, owners[0], "z", thing, order=(10**9, 0))
    early = entry(ledger, owners[1], "a", thing)
    entry(ledger, owners[1], "a", thing, "other")
    entry(ledger, owners[1], "b")
    assert ledger.same_subject(late) == [early, late]
    ledger.remove(late)
    assert ledger.same_subject(late) == [early]
    assert ledger.has_subject(thing) and not ledger.has_subject(Thing())


def test_the_entries_of_a_registry_are_its_own_in_order(ledger, owners):
    late = entry(ledger, owners[0], "z", order=(10**9, 0))
    early = entry(ledger, owners[1], "a")
    entry(ledger, owners[0], registry="other")
    assert ledger.of_registry("r") == [early, late]


def test_a_former_object_is_known_for_as_long_as_something_else_holds_it(ledger, owners):
    run = Run(owners[0])
    gone = Entry("r", (int,), Thing(), Thing(), owners[0], run, 3)
    held, thing = gone.subject, gone.subject
    ledger.retire([gone])
    [former] = ledger.former()
    assert (former.registry, former.key, former.subject()) == ("r", "builtins.int", thing)
    assert (former.owner, former.run, former.line, former.order) == (owners[0], run, 3, gone.order)
    del held, thing, gone
    gc.collect()
    assert ledger.former() == [] and ledger._former == {}


def test_an_owner_whose_last_entry_has_gone_is_not_held_where_another_one_has_an_entry(ledger, owners):
    entry(ledger, owners[0])
    gone = Owner("cell", "gone")
    held = weakref.ref(gone)
    ledger.remove(entry(ledger, gone))
    del gone
    gc.collect()
    assert held() is None


def test_what_was_retired_first_stays_what_is_known_of_an_object(ledger, owners):
    first, again = (Entry("r", "k", 1, thing, owner) for thing in [Thing()] for owner in owners)
    ledger.retire([first])
    ledger.retire([again])
    assert [former.owner for former in ledger.former()] == [owners[0]]


def test_what_cannot_be_referenced_weakly_is_not_known_and_the_others_are(ledger, owners):
    number, thing = Entry("r", "k", 1, 1, owners[0]), Entry("r", "l", 1, Thing(), owners[0])
    ledger.retire([number, thing])
    assert [former.key for former in ledger.former()] == ["l"]


def test_an_object_that_is_registered_is_no_former_one(ledger, owners):
    made = entry(ledger, owners[0])
    ledger.retire([made])
    assert ledger.former() == []
    ledger.remove(made)
    assert len(ledger.former()) == 1


def test_a_new_ledger_goes_on_with_what_became_of_former_objects(ledger, owners):
    gone = Entry("r", "k", 1, Thing(), owners[0])
    ledger.retire([gone])
    ledger.swept[SPOT] = gone
    after = Ledger(ledger)
    assert [former.key for former in after.former()] == ["k"] and after.swept == {SPOT: gone}
    assert after.all() == [] and Ledger().swept == {}


def test_former_objects_of_one_key_are_told_apart(ledger, owners):
    first, second, third = (Entry("r", "k", 1, Thing(), owners[0]) for _ in range(3))
    ledger.retire([first])
    ledger.retire([first, second, third])
    assert [former.subject() for former in ledger.former()] == [first.subject, second.subject, third.subject]
