"""Each registry shows, for each key, the top of its stack; where equal keys stand side by side it holds each entry."""

from __future__ import annotations

import pytest

from kreg_ipython.guard.ledger import Entry, Owner

A, B = Owner("cell", "a"), Owner("cell", "b")


class Thing:
    """A user's object."""


@pytest.fixture
def reconciler(lab):
    """The guard's: it alone moves entries."""
    return lab.guard._reconciler


def entry(registry, key, owner=A, value=None, **options):
    """An entry that is nowhere yet."""
    value = Thing() if value is None else value
    return Entry(registry, key, value, value, owner, **options)


def put(lab, *entries):
    """Put entries in."""
    assert lab.guard._reconciler.change(insert=entries) == []
    lab.check()
    return entries


def test_an_entry_is_put_in_and_taken_out(lab, reconciler):
    one, two = put(lab, entry("silent", "x"), entry("raising", "y"))
    assert lab.home.table == {"x": one.value} and lab.home.loud == {"y": two.value}
    assert reconciler.change(remove=[one, two]) == []
    assert (lab.home.table, lab.home.loud, lab.guard.ledger.all()) == ({}, {}, [])


def test_the_former_value_comes_back_when_the_newer_one_goes(lab, reconciler):
    [one] = put(lab, entry("silent", "x"))
    [two] = put(lab, entry("silent", "x", B))
    assert lab.home.table == {"x": two.value}
    assert reconciler.change(remove=[two]) == [one]
    assert lab.home.table == {"x": one.value}


def test_what_is_taken_out_from_under_another_entry_changes_nothing(lab, reconciler):
    one, two = put(lab, entry("silent", "x"), entry("silent", "x", B))
    assert reconciler.change(remove=[one]) == []
    assert lab.home.table == {"x": two.value} and lab.guard.ledger.stack(("silent", "x")) == [two]


def test_an_older_entry_is_put_in_under_a_newer_one(lab, reconciler):
    old = entry("silent", "x")
    [new] = put(lab, entry("silent", "x", B))
    put(lab, old)
    assert lab.home.table == {"x": new.value} and lab.guard.ledger.under(new) is old
    old2 = entry("silent", "y")
    assert reconciler.change(remove=[new], insert=[old2]) == [old]
    assert lab.home.table == {"x": old.value, "y": old2.value}


def test_what_takes_the_place_of_an_entry_at_once_has_not_come_back(lab, reconciler):
    [one] = put(lab, entry("silent", "x"))
    two = entry("silent", "x")
    assert reconciler.change(remove=[one], insert=[two]) == []
    assert lab.home.table == {"x": two.value}


def test_an_object_is_known_by_the_newest_key_that_it_was_registered_under(lab, reconciler):
    thing = Thing()
    old, new = entry("raising", "x", value=thing), entry("raising", "y", value=thing)
    lab.home.names[thing] = "?"
    put(lab, old, new)
    assert lab.home.names == {thing: "y"}
    reconciler.change(remove=[new])
    assert lab.home.names == {thing: "x"}
    reconciler.change(insert=[new])
    assert lab.home.names == {thing: "y"}


def test_an_object_with_one_key_keeps_the_name_that_the_framework_gave_it(lab, reconciler):
    made = entry("raising", "x")
    lab.home.names[made.subject] = "package>x"
    put(lab, made)
    assert lab.home.names == {made.subject: "package>x"}


def test_writing_to_a_container_names_nothing(lab, reconciler):
    thing = Thing()
    called, written = entry("raising", "x", value=thing), entry("raising", "y", value=thing, written=True)
    lab.home.names[thing] = "?"
    put(lab, called, written)
    assert lab.home.names == {thing: "x"}
    reconciler.change(remove=[called])
    also = entry("raising", "z", value=thing, written=True)
    reconciler.change(insert=[also])
    assert lab.home.names == {thing: "y"}, "if all were written, the first one stands"


def test_a_shadowed_key_is_no_name(lab, reconciler):
    thing = Thing()
    under, over = entry("raising", "x", value=thing), entry("raising", "x", B)
    other = entry("raising", "a", value=thing)
    lab.home.names[thing] = "?"
    put(lab, other, under, over)
    assert lab.home.names == {thing: "a"}


def test_what_users_wrote_over_an_entry_is_their_word(lab, reconciler):
    one, two = put(lab, entry("raising", "x"), entry("raising", "x", B))
    theirs = lab.home.loud["x"] = Thing()
    assert reconciler.change(remove=[one]) == []
    assert lab.home.loud == {"x": theirs}
    reconciler.change(remove=[two])
    assert lab.home.loud == {"x": theirs}, "it is not the entry that goes"


def test_what_stands_in_the_way_of_a_top_makes_room(lab, reconciler):
    [one] = put(lab, entry("raising", "x"))
    lab.home.loud["x"] = Thing()
    assert reconciler.show(one.spot) is True
    assert lab.home.loud == {"x": one.value}
    assert reconciler.show(one.spot) is False
    del lab.home.loud["x"]
    assert reconciler.show(one.spot) is True and lab.home.loud == {"x": one.value}


def test_showing_an_empty_stack_takes_out_nothing_but_the_former_entry(lab, reconciler):
    lab.home.loud["x"] = theirs = Thing()
    former = entry("raising", "x")
    assert reconciler.show(former.spot) is False and lab.home.loud == {"x": theirs}
    assert reconciler.show(former.spot, former) is False and lab.home.loud == {"x": theirs}
    lab.home.loud["x"] = former.value
    assert reconciler.show(former.spot, former) is False and lab.home.loud == {}


def test_a_value_that_is_stored_anew_is_the_entrys_from_then_on(lab, reconciler):
    lab.guard.registries["raising"].adapter.insert = lambda key, value: lab.home.loud.update({key: [value]})
    [one] = put(lab, entry("raising", "x"))
    assert lab.home.loud == {"x": [one.subject]} and one.value is lab.home.loud["x"]


def test_the_order_of_a_registry_is_that_of_registration(lab, reconciler):
    some = [entry("ordered", key) for key in "abc"]
    put(lab, some[2]), put(lab, some[0]), put(lab, some[1])
    assert list(lab.home.queue) == ["a", "b", "c"]
    reconciler.change(remove=[some[0]])
    reconciler.change(insert=[some[0]])
    assert list(lab.home.queue) == ["a", "b", "c"]


def test_the_order_of_any_other_registry_is_left_alone(lab, reconciler):
    some = [entry("silent", key) for key in "ab"]
    put(lab, some[1]), put(lab, some[0])
    assert list(lab.home.table) == ["b", "a"]


def test_what_comes_back_from_under_another_entry_has_its_place_in_the_order(lab, reconciler):
    x, y, over = put(lab, entry("ordered", "x"), entry("ordered", "y"), entry("ordered", "x", B))
    assert list(lab.home.queue) == ["y", "x"]
    assert reconciler.change(remove=[over]) == [x]
    assert list(lab.home.queue.items()) == [("x", x.value), ("y", y.value)]


def test_of_several_that_come_back_all_that_is_newer_than_the_first_follows(lab, reconciler):
    old, mid, new = (entry("ordered", key) for key in "abc")
    older = entry("ordered", "0", order=(0, 0))
    put(lab, older, mid)
    put(lab, new)
    put(lab, old)
    assert list(lab.home.queue) == ["0", "a", "b", "c"]
    reconciler.change(remove=[old, new])
    reconciler.change(insert=[new, old])
    assert list(lab.home.queue) == ["0", "a", "b", "c"]


def test_a_shadowed_entry_has_no_place_in_the_order(lab, reconciler):
    first = entry("ordered", "a")
    under, over, last = put(lab, entry("ordered", "x"), entry("ordered", "x", B), entry("ordered", "z"))
    put(lab, first)
    assert list(lab.home.queue.items()) == [("a", first.value), ("x", over.value), ("z", last.value)]
    assert under in lab.guard.ledger


def test_equal_keys_stand_side_by_side(lab, reconciler):
    one, two = put(lab, entry("listed", "k", value=("k", 1)), entry("listed", "k", B, value=("k", 2)))
    assert lab.home.line == [one.value, two.value]
    assert reconciler.change(remove=[one]) == [] and lab.home.line == [two.value]
    reconciler.change(insert=[one])
    assert lab.home.line == [one.value, two.value]


def test_one_value_may_stand_there_as_often_as_it_is_known(lab, reconciler):
    value = ("k", Thing())
    some = [entry("listed", "k", value=value) for _ in range(3)]
    put(lab, *some)
    assert lab.home.line == [value] * 3
    reconciler.change(remove=some[:2])
    assert lab.home.line == [value]
    lab.home.line.append(value)
    reconciler.change(insert=some[:1])
    assert lab.home.line == [value] * 2, "it stands there already"


def test_what_stands_side_by_side_is_put_back_into_its_order(lab, reconciler):
    some = [entry("listed", key, value=(key, 1)) for key in "abc"]
    put(lab, some[0], some[2])
    put(lab, some[1])
    assert [key for key, _ in lab.home.line] == ["a", "b", "c"]
    reconciler.change(remove=[some[0], some[1]])
    reconciler.change(insert=[some[1], some[0]])
    assert [key for key, _ in lab.home.line] == ["a", "b", "c"]


def test_what_is_not_in_the_ledger_is_taken_out_of_a_list_nevertheless(lab, reconciler):
    [one] = put(lab, entry("listed", "k", value=("k", 1)))
    reconciler.change(remove=[one], insert=[one])
    assert lab.home.line == [one.value] and one in lab.guard.ledger


def test_what_made_way_for_a_call_that_failed_is_put_back(lab, reconciler):
    a, b = put(lab, entry("ordered", "a"), entry("ordered", "b"))
    del lab.home.queue["a"]
    reconciler.put_in_place(a)
    assert list(lab.home.queue) == ["a", "b"]
    c, d = put(lab, entry("listed", "c", value=("c", 1)), entry("listed", "d", value=("d", 1)))
    del lab.home.line[0]
    reconciler.put_in_place(c)
    assert lab.home.line == [c.value, d.value]
    assert b in lab.guard.ledger
    lab.check()


def test_what_is_newer_than_a_replayed_entry_stands_over_it_again(lab, reconciler):
    ledger = lab.guard.ledger
    first = entry("ordered", "first")
    old = entry("ordered", "x")
    new, other = put(lab, entry("ordered", "x", B), entry("ordered", "y"))
    ledger.insert(old), ledger.insert(first)
    lab.home.queue = {"y": other.value, "x": old.value, "first": first.value}
    reconciler.put_in_place(first)
    lab.home.queue["x"] = old.value
    reconciler.put_in_place(old)
    assert list(lab.home.queue.items()) == [("first", first.value), ("x", new.value), ("y", other.value)]
    one, two = entry("listed", "a", value=("a", 1)), entry("listed", "a", value=("a", 2))
    put(lab, two)
    ledger.insert(one)
    lab.home.line.append(one.value)
    reconciler.put_in_place(one)
    assert lab.home.line == [one.value, two.value]


def define(module="__main__"):
    """A definition, made anew."""
    return type("Defined", (), {"__module__": module, "__qualname__": "Defined"})


def test_of_a_value_that_nobody_owns_another_definition_is_not_known(lab, reconciler):
    over = entry("silent", "x", value=define())
    reconciler.know_unowned("x", define(), over)
    assert lab.guard.ledger.all() == []


@pytest.mark.parametrize(
    ("value", "known"),
    [(define("lib"), True), (define("home.layers"), True), (Thing(), True), (define(), False)],
    ids=["a library's", "the framework's", "an instance", "the same definition"],
)
def test_what_is_no_former_self_and_nobody_owns_is_known_under_the_entry_over_it(lab, reconciler, value, known):
    over = entry("silent", "x", value=define())
    lab.home.table["x"] = value
    put(lab, over)
    under = lab.guard.ledger.under(over)
    assert (under is not None) is known
    if known:
        assert (under.registry, under.key, under.value, under.subject, under.owner) == (
            "silent",
            "x",
            value,
            value,
            None,
        )
        assert under.order == (over.order[0], -1) and under.run is None
    assert reconciler.change(remove=[over]) == []
    assert lab.home.table == ({"x": value} if known else {}) and lab.guard.ledger.all() == []


def test_the_frameworks_own_object_that_a_user_registers_anew_is_known(lab, reconciler):
    own = define("home.layers")
    lab.guard.registries["silent"].adapter._subject = lambda value: value[0]
    over = Entry("silent", "x", [own], own, A)
    reconciler.know_unowned("x", [own], over)
    [known] = lab.guard.ledger.all()
    assert known.subject is own and known.owner is None
    users = define()
    over = Entry("silent", "y", [users], users, A)
    reconciler.know_unowned("y", [users], over)
    assert len(lab.guard.ledger.all()) == 1


def test_a_difference_names_the_registry_the_key_and_both_values(lab, reconciler):
    put(lab, entry("silent", "x", value=1), entry("listed", "k", value=("k", 1)), entry("silent", "y", value=2))
    put(lab, entry("silent", "y", B, value=3))
    lab.home.table["x"] = 4
    lab.home.line.clear()
    texts = reconciler.differences()
    assert texts[0] == "silent: 'x' shows 4, not 1" and len(texts) == 2
    assert texts[1].startswith("listed: 'k' shows ") and texts[1].endswith(", not ('k', 1)")
    lab.home.table["x"] = 1
    lab.home.line.append(("k", 1))
    lab.guard.registries["listed"].attached = False
    assert reconciler.differences() == []
    lab.guard.registries["listed"].attached = True
    del lab.home.line
    assert reconciler.differences() == []
    lab.home.line = []


def test_a_registry_that_fails_does_not_keep_the_others_from_following(lab):
    lab.faulty = True
    reconciler = lab.guard._reconciler
    one, two = entry("silent", "x"), entry("raising", "y")
    lab.guard.registries["silent"].adapter.insert = lambda key, value: 1 / 0
    reconciler.change(insert=[one, two])
    assert lab.home.loud == {"y": two.value} and lab.guard.faults == {"silent": "ZeroDivisionError: division by zero"}
    lab.guard.registries["silent"].adapter.remove = lambda key, value: 1 / 0
    lab.home.table["x"] = one.value
    reconciler.change(remove=[one, two])
    assert lab.home.loud == {}


def test_what_is_taken_out_is_the_value_that_stands_there(lab, reconciler):
    taken = []
    remove = lab.guard.registries["raising"].adapter.remove
    lab.guard.registries["raising"].adapter.remove = lambda key, value: taken.append(value) or remove(key, value)
    one, two = put(lab, entry("raising", "x"), entry("raising", "x", B))
    reconciler.change(remove=[two])
    reconciler.change(remove=[one])
    assert taken == [two.value, one.value]
    theirs = lab.home.loud["y"] = Thing()
    lab.guard.ledger.insert(three := entry("raising", "y"))
    reconciler.show(three.spot)
    assert taken[2:] == [theirs]


def test_what_is_put_into_a_list_has_its_key(lab, reconciler):
    put_in = []
    insert = lab.guard.registries["listed"].adapter.insert
    lab.guard.registries["listed"].adapter.insert = lambda key, value: put_in.append(key) or insert(key, value)
    put(lab, entry("listed", "k", value=("k", 1)))
    assert put_in == ["k"]


def test_what_is_there_already_has_nothing_of_the_frameworks_under_it(lab, reconciler):
    own = define("home.layers")
    lab.home.table["x"] = own
    [made] = put(lab, entry("silent", "x", value=own))
    assert lab.guard.ledger.stack(made.spot) == [made]
    reconciler.change(remove=[made])
    assert lab.home.table == {}


def test_of_one_value_that_stands_there_less_often_than_it_is_known_the_rest_is_put_in(lab, reconciler):
    value = ("k", Thing())
    some = [entry("listed", "k", value=value) for _ in range(3)]
    put(lab, *some)
    reconciler.change(remove=some[:2])
    lab.home.line.append(value)  # the user's word
    reconciler.change(insert=some[:2])
    assert lab.home.line == [value] * 3


def test_what_is_older_or_nobodys_stays_where_it_is_in_the_order(lab, reconciler):
    [old] = put(lab, entry("ordered", "a"))
    lab.home.queue["theirs"] = Thing()
    mid, new = entry("ordered", "m"), entry("ordered", "z")
    put(lab, new)
    put(lab, mid)
    assert list(lab.home.queue) == ["a", "theirs", "m", "z"] and old in lab.guard.ledger


def test_what_stands_there_already_has_not_come_back(lab, reconciler):
    value = Thing()
    one, two = put(lab, entry("silent", "x", value=value), entry("silent", "x", B, value=value))
    assert reconciler.change(remove=[two]) == [] and lab.home.table == {"x": value}
    assert lab.guard.ledger.stack(one.spot) == [one]


def test_all_that_comes_back_has_its_place_in_the_order(lab, reconciler):
    x, y, z = put(lab, *(entry("ordered", key) for key in "xyz"))
    over = put(lab, entry("ordered", "x", B), entry("ordered", "y", B))
    assert list(lab.home.queue) == ["z", "x", "y"]
    assert reconciler.change(remove=over) == [x, y]
    assert list(lab.home.queue.items()) == [("x", x.value), ("y", y.value), ("z", z.value)]
