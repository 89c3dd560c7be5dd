"""What a container that users write to themselves held, and what has changed since."""

from __future__ import annotations

import sys
import types

import pytest

from kreg_ipython.guard import snapshot as snapshots
from kreg_ipython.guard.snapshot import AccessedContents, KeyedContents, ListContents, contents
from kreg_ipython.registries.registry import MISSING
from kreg_ipython.registries.shapes import DictRegistry, ListRegistry


@pytest.fixture
def home(monkeypatch):
    module = types.ModuleType("home")
    module.table, module.line = {}, []
    monkeypatch.setitem(sys.modules, "home", module)
    return module


def accessed(home, table=None):
    """What is known of a dict that is handed out."""
    home.table = home.table if table is None else table
    return AccessedContents(DictRegistry("r", "home:table"))


def test_a_snapshot_sees_every_change_of_a_dict_that_is_held(home):
    held = {"a": 1, "b": 2, "c": 2}
    snapshot = accessed(home, held)
    for change, written, removed, resized in [
        (lambda: held.update(d=4), [("d", 4, MISSING)], [], True),
        (lambda: held.update(a=5), [("a", 5, 1)], [], False),
        (lambda: held.pop("b"), [], [("b", 2)], True),
        (lambda: (held.pop("d"), held.update(e=4)), [("e", 4, MISSING)], [("d", 4)], False),
        (held.clear, [], [("a", 5), ("c", 2), ("e", 4)], True),
    ]:
        assert not snapshot.changed() and not snapshot.resized()
        change()
        assert snapshot.changed() and snapshot.resized() is resized
        assert snapshot.changes() == (written, removed)
        assert not snapshot.changed() and not snapshot.resized()


def test_a_dict_that_nobody_holds_is_not_looked_at_until_it_is_handed_out(home):
    snapshot = accessed(home)
    home.table["x"] = 1
    snapshot.note("x", 1)
    home.table["x"] = 2  # by the module's private attribute: nothing tells
    assert not snapshot.changed()
    snapshot.accessed = True
    assert snapshot.changed() and not snapshot.accessed
    snapshot.changes()
    assert not snapshot.changed()
    held = home.table
    assert not snapshot.changed()
    held["x"] = 3
    assert snapshot.changed()


def test_an_equal_object_is_another_one_in_a_dict_that_is_held(home):
    held = also = {"a": [1]}
    snapshot = accessed(home, held)
    assert not snapshot.changed()
    new = also["a"] = [1]
    assert snapshot.changed()
    assert snapshot.changes().written[0][1] is new


def test_an_eq_that_raises_counts_as_a_change(home):
    class Hostile:
        def __eq__(self, other):
            raise RuntimeError

        __hash__ = None

    held = also = {"a": Hostile()}
    snapshot = accessed(home, held)
    assert not snapshot.changed()
    also["a"] = Hostile()
    assert snapshot.changed()


def test_a_key_that_was_replaced_by_another_one_is_seen(home):
    held = also = {"a": 1, "b": 1}
    snapshot = accessed(home, held)
    del also["b"]
    also["c"] = 1
    assert snapshot.changed()


def test_what_was_noted_is_no_change(home):
    held = also = {"a": 1, "b": 2}
    snapshot = accessed(home, also)
    assert not snapshot.changed()
    held["c"] = 3
    snapshot.note("c", 3)
    assert snapshot.known("c") == 3 and not snapshot.resized() and not snapshot.changed()
    held["a"] = 4
    snapshot.note("a", 4)
    assert not snapshot.changed()
    del held["b"]
    snapshot.note("b", 2), snapshot.note("never there", 2)
    assert not snapshot.changed() and snapshot.known("b") is snapshot.known("never there") is MISSING
    assert snapshot.changes() == ([], [])


def test_an_empty_dict_has_no_last_key(home):
    held = also = {}
    snapshot = accessed(home, held)
    assert not snapshot.changed() and snapshot.changes() == ([], [])
    also["a"] = 1
    assert snapshot.changed()


def keyed(home):
    return contents(DictRegistry("r", "home:table"))


def listed(home):
    return contents(ListRegistry("r", "home:line", key=lambda value: value[0]))


def test_each_container_is_compared_in_its_own_way(home):
    assert type(keyed(home)) is KeyedContents and type(listed(home)) is ListContents


def test_the_contents_of_a_dict_are_compared_by_key(home):
    home.table.update(a=1, b=2)
    known = keyed(home)
    assert not known.changed() and not known.resized() and known.known("a") == 1 and known.known("z") is MISSING
    home.table["a"] = 3
    assert known.changed() and not known.resized()
    assert known.changes() == ([("a", 3, 1)], [])
    del home.table["b"]
    home.table["c"] = 2
    assert known.changed() and not known.resized()
    assert known.changes() == ([("c", 2, MISSING)], [("b", 2)])
    home.table["d"] = 4
    assert known.changed() and known.resized()
    known.changes()
    assert not known.changed() and not known.resized() and known.changes() == ([], [])


def test_what_was_noted_is_no_change_of_a_dicts_contents(home):
    home.table.update(a=1, b=2)
    known = keyed(home)
    assert not known.changed()
    home.table["a"] = 3
    known.note("a", 3)
    assert not known.changed() and known.known("a") == 3
    del home.table["a"]
    known.note("a", 3), known.note("never there", 3)
    assert not known.changed() and known.changes() == ([], [])


def test_the_contents_of_a_list_are_compared_by_object(home):
    one, two = ["a", 1], ["b", 2]
    home.line += [one, one]
    known = listed(home)
    assert not known.changed() and not known.resized() and known.known("a") is MISSING
    home.line.append(two)
    assert known.changed() and known.resized() and known.changes() == ([("b", two, MISSING)], [])
    home.line.remove(one)
    assert known.changes() == ([], [("a", one)])
    home.line[:] = [two, one]
    assert known.changed() and not known.resized() and known.changes() == ([], [])
    home.line[0] = ["b", 2]
    assert known.changed()
    assert known.changes() == ([("b", ["b", 2], MISSING)], [("b", two)])


def test_what_was_noted_is_no_change_of_a_lists_contents(home):
    one, two = ["a", 1], ["b", 2]
    home.line += [one, two, one]
    known = listed(home)
    home.line.append(one)
    known.note("a", one)
    assert not known.resized() and known.changes() == ([], [])
    home.line.append(two), home.line.append(two)
    known.note("b", two)
    assert not known.changed() and known.changes() == ([], [])
    del home.line[2:]
    known.note("a", one), known.note("b", two)
    assert not known.changed() and known.changes() == ([], [])
    home.line.clear()
    known.note("a", one), known.note("a", one), known.note("b", two)
    assert not known.changed() and known.changes() == ([], [])


def test_of_equal_objects_in_a_list_one_is_noted_as_gone(home):
    one, two = ["a", 1], ["b", 2]
    home.line += [one, two, one]
    known = listed(home)
    del home.line[2]
    known.note("a", one)
    assert not known.resized() and known.changes() == ([], [])


def test_a_set_has_one_value_a_key(home):
    class Members(DictRegistry):
        def entries(self):
            return [(value, value) for value in self.table]

        def current(self, key):
            return key if key in self.table else MISSING

    home.table = {"a"}
    known = KeyedContents(Members("r", "home:table"))
    assert not known.changed()
    home.table.add("b")
    known.note("b", "b")
    home.table.remove("a")
    known.note("a", "a")
    assert not known.changed() and known.changes() == ([], [])
    home.table.add("c")
    assert known.changed() and known.changes() == ([("c", "c", MISSING)], [])


@pytest.mark.parametrize("make, name, new", [(keyed, "table", {"a": 1}), (listed, "line", [["a", 1]])])
def test_a_container_that_is_made_anew_has_changed_and_one_that_is_not_there_has_not(home, make, name, new):
    known = make(home)
    assert not known.is_replaced()
    setattr(home, name, type(new)())
    assert known.is_replaced() and known.changed() and known.resized()
    known.note("a", 1)
    assert known.changed()
    assert known.changes() == ([], []) and not known.is_replaced() and not known.changed()
    setattr(home, name, new)
    assert known.changed() and len(known.changes().written) == 1
    delattr(home, name)
    assert not known.changed() and not known.resized() and known.is_replaced()
    known.note("a", 1)


def test_what_an_unshared_dict_is_referenced_by_is_asked_of_the_interpreter():
    assert snapshots._references_to_an_unshared_dict() == snapshots._UNSHARED > 0


def test_none_is_a_value(home):
    held = also = {}
    snapshot, known = accessed(home, held), keyed(home)
    also["a"] = home.table["a"] = None
    assert snapshot.changes() == known.changes() == ([("a", None, MISSING)], [])


def test_of_equal_objects_in_a_list_the_last_is_noted_as_gone(home):
    one, two = ["a", 1], ["b", 2]
    home.line += [one, two, one]
    known = listed(home)
    del home.line[2]
    known.note("a", one)
    assert not known.changed()
