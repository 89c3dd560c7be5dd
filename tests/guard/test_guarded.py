"""One registry with all that is known of it: an adapter's exception ends here, and is told once."""

from __future__ import annotations

import gc
import sys
import types
import weakref
from collections import Counter

import pytest

from kreg_ipython.guard.gates import Gates
from kreg_ipython.guard.guarded import GuardedRegistry
from kreg_ipython.guard.snapshot import AccessedContents, KeyedContents, ListContents
from kreg_ipython.registries.registry import MISSING, Gate, NotThere, identity
from kreg_ipython.registries.shapes import DictRegistry, ListRegistry

GATES = [
    Gate("home:register", lambda key, value: (key, value)),
    Gate("home:find", act="look up"),
    Gate("home.utils:handout", act="access"),
]


class Desk:
    """A registry, guarded, and its framework's module."""

    def __init__(self, home, adapter):
        self.home, self.adapter, self.told = home, adapter, []
        self.gates = Gates(self.told.append)
        self.registry = GuardedRegistry(adapter, self.gates, lambda name, text: self.told.append((name, text)))


@pytest.fixture
def home(monkeypatch):
    module = types.ModuleType("home")
    module.table, module.names, module.line = {}, {}, []
    monkeypatch.setitem(sys.modules, "home", module)
    return module


@pytest.fixture
def desk(home):
    """A dict with a reverse map."""
    return Desk(home, DictRegistry("r", "home:table", GATES, reverse="home:names"))


@pytest.fixture
def listed(home):
    """A list."""
    return Desk(home, ListRegistry("l", "home:line", key=lambda value: value[0]))


def fail(*args):
    """Fail, as an adapter may."""
    raise ZeroDivisionError("division by zero\nsecond line")


def test_what_the_adapter_says_is_known(desk, listed):
    assert desk.registry.name == "r" and desk.registry.adapter is desk.adapter
    assert (desk.registry.allows_duplicates, desk.registry.ordered) == (False, False)
    assert (listed.registry.allows_duplicates, listed.registry.ordered) == (True, True)
    assert [desk.registry.gates(act) for act in ("register", "look up", "access")] == [[gate] for gate in GATES]
    assert (desk.registry.accessor, listed.registry.accessor) == ("handout", "")
    assert (desk.registry.attached, desk.registry.diverts_lookups, desk.registry.fault) == (False, False, "")
    assert desk.registry.snapshot is None


def test_a_container_that_is_gone_for_a_while_is_no_fault(desk):
    assert desk.registry.is_there()
    del desk.home.table
    assert not desk.registry.is_there() and desk.registry.current("x", "unknown") == "unknown"
    assert desk.registry.entries() == [] and not desk.registry.has({})
    assert (desk.registry.fault, desk.told) == ("", [])
    desk.home.table = {}
    assert desk.registry.is_there()


def test_a_part_that_is_not_there_is_a_fault_where_the_container_is(desk):
    def not_there(key):
        raise NotThere("home:part")

    desk.adapter.current = not_there
    assert desk.registry.current("x") is MISSING
    assert desk.told == [("r", "NotThere: home:part")]


def test_a_container_that_fails_is_not_there(desk):
    desk.registry.adapter = type("Broken", (), {"table": property(fail)})()
    assert not desk.registry.is_there() and len(desk.told) == 1


def test_an_adapters_fault_is_told_once_and_healed_by_the_same_act(desk):
    right, desk.adapter.current = desk.adapter.current, fail
    for _ in range(2):
        assert desk.registry.current("x", "unknown") == "unknown"
    assert desk.told == [("r", "ZeroDivisionError: division by zero")]
    assert desk.registry.fault == "ZeroDivisionError: division by zero"
    desk.registry.holds("x", 1), desk.registry.entries()
    assert desk.registry.fault, "another act heals nothing"
    desk.adapter.current = right
    assert desk.registry.current("x") is MISSING
    assert desk.registry.fault


def test_what_fails_and_succeeds_again_is_a_new_fault_when_it_fails_once_more(desk):
    def act(fails):
        if fails:
            fail()
        return "result"

    assert desk.registry.attempt(act, True, otherwise="otherwise") == "otherwise"
    assert desk.registry.attempt(act, False) == "result" and desk.registry.fault == ""
    assert desk.registry.attempt(act, True) is None
    assert len(desk.told) == 2
    desk.registry.attempt(fail)
    assert len(desk.told) == 2, "the same fault"
    desk.registry.attempt(act, False)
    assert desk.registry.fault, "the other act has not succeeded yet"


def test_an_error_that_is_no_exception_goes_through(desk):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.registry.attempt(interrupt)
    assert desk.told == []


@pytest.mark.parametrize(
    ("method", "ask", "otherwise"),
    [
        ("current", lambda registry: registry.current("x"), MISSING),
        ("current", lambda registry: registry.current("x", 1), 1),
        ("holds", lambda registry: registry.holds("x", 1), None),
        ("entries", lambda registry: registry.entries(), []),
        ("entries", lambda registry: registry.count(), Counter()),
        ("subject", lambda registry: registry.subject("value"), "value"),
        ("same", lambda registry: registry.same("x", 1, 1), False),
        ("remove", lambda registry: registry.remove("x", 1), None),
    ],
)
def test_what_cannot_be_asked_has_an_answer_all_the_same(desk, method, ask, otherwise):
    setattr(desk.adapter, method, fail)
    assert ask(desk.registry) == otherwise
    assert desk.told == [("r", "ZeroDivisionError: division by zero")]


def test_what_stands_in_a_registry_is_read_off_its_container(desk):
    value = object()
    desk.home.table.update(x=value, y=2)
    assert desk.registry.current("x") is value and desk.registry.current("z") is MISSING
    assert desk.registry.holds("x", value) is True and desk.registry.holds("y", value) is False
    assert desk.registry.entries() == [("x", value), ("y", 2)]
    assert desk.registry.has(desk.home.table) and not desk.registry.has({})
    assert desk.registry.count() == {identity(value): 1, identity(2): 1}


def test_equal_values_are_counted(listed):
    one, two = ("z", 1), ("z", object())
    listed.home.line += [one, two, one]
    assert listed.registry.count() == {identity(one): 2, identity(two): 1}


def test_a_missing_value_is_told_as_often_as_it_is_missing(desk, listed):
    one, two = object(), object()
    desk.home.table["x"] = one
    assert desk.registry.missing([("x", one), ("x", two), ("y", one)]) == [False, True, True]
    first, second = ("z", one), ("z", two)
    listed.home.line += [first]
    assert listed.registry.missing([("z", first), ("z", second)]) == [False, True]
    listed.home.line += [("w", object()) for _ in range(20)]
    placed = [(value[0], value) for value in listed.home.line]
    assert listed.registry.missing([*placed, ("z", second)]) == [False] * 21 + [True]


def test_the_frameworks_own_objects_are_those_of_its_package(desk):
    def thing(module):
        return type("Thing", (), {"__module__": module})

    owns = [desk.registry.is_own(thing(name)) for name in ("home", "home.layers", "homely", "__main__")]
    assert owns == [True, True, False, False] and not desk.registry.is_own(None)
    deep = GuardedRegistry(DictRegistry("d", "home.inner:table"), desk.gates, print)
    assert deep.is_own(thing("home.layers"))


def test_what_is_put_in_is_returned_as_it_is_stored(desk, listed):
    desk.adapter.insert = lambda key, value: desk.home.table.update({key: [value]})
    assert desk.registry.insert("x", 1) == [1] and desk.home.table == {"x": [1]}
    desk.adapter.insert = lambda key, value: None
    assert desk.registry.insert("y", 1) == 1
    value, other = ("z", [1]), ("z", [1])
    listed.adapter.current = lambda key: other
    assert listed.registry.insert("z", value) is value


def test_we_change_a_registry_with_the_gates_open(desk):
    opened = []
    act = lambda key, value: opened.append(desk.gates._inside.gates)
    desk.adapter.insert = desk.adapter.remove = act
    desk.registry.insert("x", 1), desk.registry.remove("x", 1)
    assert opened == [True, True] and not desk.gates._inside.gates


def test_what_we_change_is_no_change_of_the_users(desk):
    desk.home.table["x"] = 1
    desk.registry.look()
    desk.registry.insert("y", 2), desk.registry.remove("x", 1)
    assert not desk.registry.snapshot.resized() and desk.registry.snapshot.changes() == ([], [])
    desk.home.table["z"] = 3
    desk.registry.note("z", 3)
    assert desk.registry.snapshot.known("z") == 3 and desk.registry.snapshot.known("w") is MISSING


def test_a_registry_that_users_do_not_write_to_is_not_looked_at(listed):
    listed.registry.look()
    assert listed.registry.snapshot is None
    listed.registry.note("z", 1)


def test_what_users_write_to_is_looked_at_in_the_way_of_its_kind(home, desk, listed):
    desk.registry.look()
    assert type(desk.registry.snapshot) is AccessedContents
    listed.adapter.direct = True
    listed.registry.look()
    assert type(listed.registry.snapshot) is ListContents
    drawer = DictRegistry("d", "home:table")
    drawer.direct = True
    guarded = GuardedRegistry(drawer, desk.gates, print)
    guarded.look()
    assert type(guarded.snapshot) is KeyedContents


def test_a_note_that_fails_is_a_fault_and_no_error(desk):
    desk.registry.look()
    desk.registry.snapshot.note = fail
    desk.registry.insert("x", 1)
    assert desk.told == [("r", "ZeroDivisionError: division by zero")]


class Thing:
    """What a registry may hold."""


def test_the_reverse_key_of_an_object_is_hidden_from_the_framework_for_a_call(desk):
    seen = []

    def register(*args, **kwargs):
        seen.append((args, kwargs, dict(desk.home.names)))
        return "result"

    desk.home.names.update({Thing: "old", int: "int"})
    assert desk.registry.register(Thing, register, ("x", Thing), {"y": 1}) == "result"
    assert seen == [(("x", Thing), {"y": 1}, {int: "int"})]
    assert desk.home.names == {int: "int", Thing: "old"}


def test_a_reverse_key_that_the_framework_gives_anew_stays(desk):
    desk.home.names[Thing] = "old"
    desk.registry.register(Thing, lambda: desk.home.names.update({Thing: "new"}), (), {})
    assert desk.home.names == {Thing: "new"}


def test_a_reverse_key_comes_back_if_the_framework_refuses(desk):
    desk.home.names[Thing] = "old"
    with pytest.raises(ZeroDivisionError):
        desk.registry.register(Thing, fail, (), {})
    assert desk.home.names == {Thing: "old"}


@pytest.mark.parametrize("subject", [[], Thing])
def test_an_object_without_a_reverse_key_is_registered_as_it_is(desk, listed, subject):
    assert desk.registry.register(subject, lambda value: value, (subject,), {}) is subject
    assert listed.registry.register(subject, lambda value: value, (subject,), {}) is subject
    assert desk.home.names == {} and desk.told == listed.told == []


def test_a_call_may_be_the_adapters_own(desk):
    desk.adapter.call = lambda *args: args
    assert desk.registry.register(Thing, fail, (1,), {"y": 2}) == (Thing, fail, (1,), {"y": 2})


def make(module):
    """A class of a module's."""
    return type("Made", (), {"__module__": module})


def test_the_reverse_map_holds_an_object_of_the_notebooks_weakly(desk):
    mine, library = make("__main__"), make("lib")
    desk.home.names.update({mine: "mine", library: "library", 3: "three"})
    desk.registry.weaken_keys()
    gone, stays = weakref.ref(mine), weakref.ref(library)
    assert desk.home.names[mine] == "mine"
    del mine, library
    gc.collect()
    assert gone() is None and stays() is not None and sorted(desk.home.names.values()) == ["library", "three"]


def test_what_is_registered_is_held_weakly_whosever_it_is(desk):
    library, other = make("lib"), make("__main__")
    desk.home.names.update({library: "library", other: "other"})
    desk.adapter._subject = lambda value: value[0]
    desk.registry.weaken_keys([library])
    references = weakref.ref(library), weakref.ref(other)
    del library, other
    gc.collect()
    assert references[0]() is None and references[1]() is not None


def test_strong_keys_are_given_back(desk):
    mine = make("__main__")
    desk.home.names[mine] = "mine"
    desk.registry.weaken_keys(mine)
    assert list(map(type, desk.home.names)) != [type]
    desk.registry.restore_strong_keys()
    assert list(desk.home.names) == [mine] and list(map(type, desk.home.names)) == [type]


def test_a_registry_without_a_reverse_map_has_nothing_to_hold(listed):
    listed.registry.weaken_keys(), listed.registry.weaken_keys(Thing), listed.registry.restore_strong_keys()
    listed.registry.rename(Thing, "x")
    assert listed.told == []


def test_an_object_is_renamed_in_the_reverse_map_if_it_stands_there(desk):
    desk.home.names[Thing] = "old"
    desk.registry.rename(Thing, "new"), desk.registry.rename(int, "int"), desk.registry.rename([], "list")
    assert desk.home.names == {Thing: "new"} and desk.told == []


def test_a_reverse_map_that_cannot_be_had_is_no_map(desk):
    del desk.home.names
    desk.registry.weaken_keys(), desk.registry.rename(Thing, "x"), desk.registry.restore_strong_keys()
    assert desk.registry.register(Thing, lambda: 1, (), {}) == 1
    assert desk.told == [("r", "NotThere: home:names")]


def test_many_values_of_a_list_are_counted_and_not_looked_for_one_by_one(desk, listed):
    asked, listing, held = [], [], listed.registry.holds
    listed.registry.holds = lambda key, value: asked.append(key) or held(key, value)
    listed.adapter.entries = lambda: listing.append(1) or [(value[0], value) for value in listed.home.line]
    listed.home.line += [(n, object()) for n in range(9)]
    placed = [(value[0], value) for value in listed.home.line]
    assert listed.registry.missing(placed) == [False] * 9 and (asked, listing) == ([], [1])
    assert listed.registry.missing([*placed, placed[0]]) == [False] * 10 and asked == [0]
    assert listed.registry.missing(placed[:8]) == [False] * 8 and len(asked) == 9 and listing == [1, 1]
    desk.adapter.entries = fail
    assert desk.registry.missing(placed) == [True] * 9 and desk.told == []


def test_an_adapter_says_itself_what_is_the_same_definition(desk):
    desk.adapter.same = lambda *args: args == ("x", 1, 2)
    assert desk.registry.same("x", 1, 2) is True and desk.registry.same("x", 2, 1) is False


def test_what_we_put_into_a_list_that_users_write_to_is_no_change_of_theirs(listed):
    listed.adapter.direct = True
    listed.registry.look()
    value = ("z", 1)
    listed.registry.insert("z", value), listed.registry.insert("z", value)
    assert not listed.registry.snapshot.changed()
    listed.registry.remove("z", value)
    assert not listed.registry.snapshot.resized() and listed.registry.snapshot.changes() == ([], [])


def test_of_a_function_that_stands_elsewhere_in_other_versions_the_last_name_is_known(desk):
    gates = [Gate("home.old:handout_of|home:handout", act="access")]
    assert GuardedRegistry(DictRegistry("d", "home:table", gates), desk.gates, print).accessor == "handout"
