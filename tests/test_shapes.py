"""The shapes of registries alone, on plain classes and dicts: what is removed comes back as it was."""

from __future__ import annotations

import gc
import subprocess
import sys
import types
from typing import Any

import pytest

from kreg_ipython import (
    MISSING,
    AttributeRegistry,
    DictRegistry,
    Gate,
    HandlerRegistry,
    InstanceRegistry,
    ListRegistry,
    SetRegistry,
    SlotRegistry,
    register_adapter,
)
from kreg_ipython.registries import EXTRAS, LIBRARIES, is_builtin, of_library
from kreg_ipython.registries.instances import Within
from kreg_ipython.registries.registry import checked
from kreg_ipython.registries.shapes import Permanent

SHELF = """
table, beside, members, keys, cleared = {}, {}, set(), [], []
slot = None

class Book:
    def __init__(self, name=""):
        self.name, self.pages, self.readers, self.events = name, {}, [], {"open": [], "shut": []}
        self.notes, self.counted = {}, 0
    def add(self, key, page):
        self.pages[key] = page

class Accessor:
    def __init__(self, kind):
        self.kind = kind

class Frame:
    known = set()
    own = 1

def bound(): pass
class Bound:
    @classmethod
    def make(cls): pass
"""


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Any:
    module = types.ModuleType("shelf")
    exec(SHELF, vars(module))
    monkeypatch.setitem(sys.modules, "shelf", module)
    return module


def books(**options: Any) -> InstanceRegistry:
    gate = Gate("shelf:Book.add", lambda self, key, page: (self, key, page))
    return InstanceRegistry("shelf.books", "shelf:Book", "pages", [gate], **options)


def test_containers_that_belong_together_change_together(shelf):
    registry = DictRegistry(
        "r",
        "shelf:table",
        beside=["shelf:beside", "shelf:members", "shelf:not_in_this_version"],
        after=lambda: shelf.cleared.append(1),
    )
    shelf.table.update(a=1, b=2)
    shelf.beside["a"] = "beside"
    shelf.members.add("a")
    value = registry.current("a")
    assert (
        registry.subject(value) == 1
        and registry.holds("a", value)
        and list(registry.parts)
        == [
            shelf.beside,
            shelf.members,
        ]
    )
    registry.remove("a", value)
    assert (shelf.table, shelf.beside, shelf.members) == ({"b": 2}, {}, set())
    assert registry.current("a") is MISSING and not registry.holds("a", value)
    registry.insert("a", value)
    assert (shelf.table, shelf.beside, shelf.members) == ({"b": 2, "a": 1}, {"a": "beside"}, {"a"})
    assert registry.holds("a", value) and len(shelf.cleared) == 2
    assert dict(registry.entries())["b"] == (2, MISSING, MISSING)


def test_a_list_of_keys_changes_with_its_dict_and_the_newest_is_last(shelf):
    registry = DictRegistry("r", "shelf:table", beside=["shelf:keys"])
    registry.insert("".join(["a", "key"]), (1, True))
    assert registry.current("".join(["a", "key"])) == (1, True), "of an equal key that is another object, too"
    registry.remove("akey", (1, True))
    shelf.table.update(a=1, b=2)
    shelf.keys += ["a", "b"]
    value = registry.current("a")
    registry.remove("a", value)
    assert shelf.keys == ["b"] and registry.current("a") is MISSING
    registry.insert("a", value)
    registry.insert("b", registry.current("b"))
    assert (shelf.table, shelf.keys) == ({"b": 2, "a": 1}, ["a", "b"]) and registry.holds("a", value)


def test_what_is_in_a_set_is_its_own_key(shelf):
    registry = SetRegistry("r", "shelf:members")
    registry.insert("a", "a")
    assert shelf.members == {"a"} and registry.entries() == [("a", "a")] and registry.current("a") == "a"
    registry.remove("a", "a")
    assert shelf.members == set() and registry.current("a") is MISSING and not registry.holds("a", "a")


def test_dicts_of_an_instance_change_together(shelf):
    def count(book):
        book.counted += 1

    registry = books(beside=["notes"], after=count)
    book = shelf.Book()
    key = registry.within(book, "k")
    book.pages["k"], book.notes["k"] = 1, "note"
    value = registry.current(key)
    assert registry.entries() == [(key, value)] and registry.parts == [book.pages, book.notes]
    registry.remove(key, value)
    assert (book.pages, book.notes, registry.current(key)) == ({}, {}, MISSING)
    registry.insert(key, value)
    assert (book.pages, book.notes, book.counted) == ({"k": 1}, {"k": "note"}, 2)


def test_several_keys_of_an_instance_are_announced(shelf):
    gate = Gate("shelf:Book.add", lambda self, *keys: [(self, key, None) for key in keys])
    registry = InstanceRegistry("r", "shelf:Book", "pages", [gate])
    assert registry.gates[0].announce(shelf.Book(), "a", "b") == [("a", None), ("b", None)]


def test_what_stays_for_good_is_accepted_again_with_the_same_functions_only(shelf):
    made = []

    def register(kind, *functions, **options):
        if kind in made:
            raise ValueError("there already")
        made.append(kind)
        return kind if options else None

    def call(*args, **options):
        return registry.call(args[0], register, args, options)

    registry = Permanent("r", "shelf", [], "kreg: for good")
    for _ in range(2):  # a function that is defined again has the same code
        assert call(shelf.Book, lambda: 1) is None and call(shelf.Frame, x=1) is shelf.Frame
    for args, options in (((shelf.Book, lambda: 2), {}), ((shelf.Book,), {}), ((shelf.Frame,), {"y": 1})):
        with pytest.raises(ValueError, match="there already"):
            call(*args, **options)
    assert made == [shelf.Book, shelf.Frame]


def test_a_slot_is_set_or_empty(shelf):
    registry = SlotRegistry("r", "shelf:slot")
    assert list(registry.entries()) == [] and registry.current("slot") is MISSING
    registry.insert("slot", shelf.Book)
    assert shelf.slot is shelf.Book and list(registry.entries()) == [("slot", shelf.Book)]
    registry.remove("slot", shelf.Book)
    assert shelf.slot is None


def test_the_dicts_of_instances_go_by_their_labels(shelf):
    registry = books(label=lambda book: book.name)
    (announce,) = (gate.announce for gate in registry.gates)
    one, other, third = shelf.Book("one"), shelf.Book("other"), shelf.Book("one")
    keys = [announce(book, "k", 1)[0] for book in (one, other, third, one)]
    assert keys == [("one", "k"), ("other", "k"), ("one (2)", "k"), ("one", "k")]
    other.add("k", 7)
    assert registry.current(keys[1]) == 7 and registry.current(keys[0]) is MISSING
    registry.remove(keys[1], 7)
    assert other.pages == {}
    registry.insert(keys[2], 8)
    assert third.pages == {"k": 8} and list(registry.entries()) == [(keys[2], 8)]
    assert list(registry.parts) == [one.pages, other.pages, third.pages]


def test_an_instance_is_held_weakly_and_leaves_its_label(shelf):
    registry = books()
    book = shelf.Book()
    assert registry.within(book, "k") == "k" and registry.within(shelf.Book(), "k") == Within("(2)", "k")
    gc.collect()
    assert registry.current(Within("(2)", "k")) is MISSING
    registry.insert(Within("(2)", "k"), 1)  # the book is gone, and nothing happens
    registry.remove(Within("(2)", "k"), 1)
    del book
    gc.collect()
    assert registry.within(shelf.Book(), "k") == "k"


def test_very_many_instances_of_one_name_cost_no_more_each(shelf):
    registry = books(label=lambda book: "same")
    kept = [shelf.Book() for _ in range(5_000)]
    assert [registry.label(book) for book in kept][-1] == "same (5000)"


def test_an_instance_may_be_known_from_the_beginning(shelf):
    shelf.BOOK = shelf.Book()
    shelf.BOOK.add("k", 1)
    registry = books(instances=["shelf:BOOK"])
    assert registry.table is shelf.Book and list(registry.entries()) == [("k", 1)]


def test_what_an_instance_does_to_put_and_take_may_be_said(shelf):
    registry = books(
        put=lambda book, key, page: book.add(key, page), take=lambda book, key, page: book.pages.pop(key) and None
    )
    book = shelf.Book()
    key = registry.within(book, "k")
    registry.insert(key, 1)
    assert book.pages == {"k": 1}
    registry.remove(key, 1)
    assert book.pages == {}


def test_handlers_pile_up_in_lists_on_instances(shelf):
    gate = Gate("shelf:Book.add", lambda self, handler: (self, handler))
    registry = HandlerRegistry("r", "shelf:Book", "readers", [gate])
    book = shelf.Book()
    key, handler = registry.gates[0].announce(book, shelf.bound)
    assert handler is shelf.bound and key[-1].endswith("bound")
    book.readers += [shelf.bound, print, shelf.bound]
    assert registry.current(key) is shelf.bound and registry.holds(key, shelf.bound)
    registry.remove(key, shelf.bound)
    assert book.readers == [shelf.bound, print]
    registry.insert(key, shelf.bound)
    assert book.readers == [shelf.bound, print, shelf.bound] and len(list(registry.entries())) == 3


def test_handlers_may_stand_in_one_of_many_lists(shelf):
    gate = Gate("shelf:Book.add", lambda self, event, handler: (self, handler, event))
    registry = HandlerRegistry("r", "shelf:Book", "events", [gate])
    book, other = shelf.Book(), shelf.Book()
    registry.label(other)
    key, _ = registry.gates[0].announce(book, "open", print)
    registry.insert(key, print)
    assert book.events == {"open": [print], "shut": []} and [each for each, _ in registry.entries()] == [key]
    assert registry.current(key) is print and other.events["open"] == []
    registry.remove(key, print)
    assert book.events["open"] == [] and registry.current(key) is MISSING
    del book
    gc.collect()
    assert registry.current(key) is MISSING and not registry.holds(key, print)


def test_attributes_of_classes_are_those_of_one_type(shelf):
    registry = AttributeRegistry(
        "r",
        ["shelf:Frame", "shelf:NotInThisVersion"],
        kind="shelf:Accessor",
        listed="known",
        subject=lambda accessor: accessor.kind,
    )
    key, value = (shelf.Frame, "mine"), shelf.Accessor(int)
    assert registry.table == [shelf.Frame] and registry.entries() == []
    registry.insert(key, value)
    assert shelf.Frame.mine is value and shelf.Frame.known == {"mine"}
    assert registry.entries() == [(key, value)] and registry.subject(value) is int
    registry.remove(key, value)
    assert registry.current(key) is MISSING and shelf.Frame.known == set() and shelf.Frame.own == 1


@pytest.mark.parametrize(
    ("function", "instead"),
    [("shelf:table.update", "not written in Python"), ("shelf:Book", "the method"), ("shelf:Bound.make", "__func__")],
)
@pytest.mark.parametrize("shape", [DictRegistry, ListRegistry])
def test_a_gate_that_cannot_be_is_refused_at_once(shelf, function, instead, shape):
    with pytest.raises(TypeError, match=f"r: {function}: .*cannot be diverted.*{instead}"):
        register_adapter(shape("r", "shelf:table", [Gate(function)]))
    assert checked(shape("r", "shelf:table", [Gate("shelf:Bound.make.__func__"), Gate("later:len")]))


def test_the_package_imports_none_of_the_libraries_nor_their_adapters():
    text = (
        "import sys, kreg_ipython\nfrom kreg_ipython.registries import LIBRARIES, EXTRAS\n"
        "print([name for name in sys.modules if name.partition('.')[0] in LIBRARIES or '.libraries' in name])"
    )
    assert subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_each_adapter_of_a_library_can_be_made_without_the_library():
    loaded = {*sys.modules}
    for package in [*LIBRARIES, *EXTRAS]:
        made = of_library(package)
        assert made and all(each.name.startswith(f"{package}.") and each.users_only for each in made)
        assert all(is_builtin(each.name) for each in made)
    assert not LIBRARIES & ({*sys.modules} - loaded)
