"""The functions that registering passes by, diverted: each call once, through the registry that it is for."""

from __future__ import annotations

import gc
import sys
import threading
import types
import weakref
from functools import partial

import pytest

from kreg_ipython.guard.gates import Gates, undiverted
from kreg_ipython.registries.registry import CannotUndo, Gate, NotThere

HOME = """
table = {}

def register(key, value, *, again=False):
    table[key] = value
    return "registered"

def twice(key, value):
    return register(key, value), register(key + "2", value)

def registered(key="default", *, option=None):
    def decorate(value):
        table[key] = value
        return [value, option]
    return decorate
"""


class Named:
    """A registry, of which gates know the name."""

    def __init__(self, name):
        self.name, self.failed = name, []

    def fail(self, error, act):
        """Note what the adapter raised."""
        self.failed.append(type(error))


class Desk:
    """Gates, and what passes them."""

    def __init__(self):
        self.told, self.passed = [], []
        self.gates = Gates(self.told.append)

    def add(self, name, function, announce=lambda key, value, **options: (key, value), decorator=False):
        """Divert a function of the home's for a registry of this name."""
        registry = Named(name)
        self.gates.add(
            name, Gate(f"home:{function}", announce, decorator), partial(self.around, registry), registry.fail
        )
        return registry

    def around(self, registry, announced, original, args, kwargs):
        """Note what passes, and let it."""
        self.passed.append((registry.name, announced))
        return original(*args, **kwargs)


@pytest.fixture
def home(monkeypatch):
    module = types.ModuleType("home")
    exec(HOME, vars(module))
    monkeypatch.setitem(sys.modules, "home", module)
    return module


@pytest.fixture
def desk(home):
    made = Desk()
    yield made
    made.gates.close()


def test_a_call_passes_its_gate_with_what_it_is_about_to_do(home, desk):
    early = home.register
    desk.add("r", "register")
    assert early("x", value=1, again=True) == "registered"
    assert desk.passed == [("r", ("x", 1))] and home.table == {"x": 1}


def test_the_around_gets_the_original_and_the_calls_own_arguments(home):
    seen = []
    gates, registry = Gates(seen.append), Named("r")
    gate = Gate("home:register", lambda *args, **kwargs: ("x", 1))
    gates.add("r", gate, lambda *args: seen.append(args), registry.fail)
    assert home.register("x", 1, again=True) is None and home.table == {}
    [(announced, original, args, kwargs)] = seen
    assert (announced, args, kwargs) == (("x", 1), ("x", 1), {"again": True})
    assert original("y", 2) == "registered" and home.table == {"y": 2}
    gates.close()


def test_a_decorator_factory_registers_when_its_decorator_is_called(home, desk):
    desk.add("r", "registered", lambda value, key="default", **options: (key, value), decorator=True)
    decorate = home.registered("x", option=3)
    assert desk.passed == [] and home.table == {}
    assert decorate(abs) == [abs, 3] and decorate(min) == [min, 3]
    assert desk.passed == [("r", ("x", abs)), ("r", ("x", min))]
    assert home.registered()(max) == [max, None]
    assert desk.passed[2:] == [("r", ("default", max))]


def test_the_frameworks_own_decorator_is_found_in_one_that_passes_a_gate(home, desk):
    own = home.registered("x")
    desk.add("r", "registered", lambda value, key="default", **options: (key, value), decorator=True)
    found = undiverted(home.registered("y"))
    assert found.__code__ is own.__code__ and found(abs) == [abs, None] and home.table == {"y": abs}
    assert desk.passed == [], "what it registers passes no gate"

    def alike(decorate=1):
        return lambda: decorate

    for other in (own, alike(), abs, None, Gates.add):
        assert undiverted(other) is other


def test_a_call_inside_another_one_is_part_of_it(home, desk):
    desk.add("r", "register")
    desk.add("r", "twice")
    assert home.twice("x", 1) == ("registered", "registered")
    assert desk.passed == [("r", ("x", 1)), ("r", ("x", 1)), ("r", ("x2", 1))], "the around has not opened the gates"
    desk.passed.clear()
    with desk.gates.open():
        home.twice("y", 1)
        with desk.gates.open():
            home.register("z", 1)
        home.register("z", 1)
    assert desk.passed == []
    home.register("z", 1)
    assert desk.passed == [("r", ("z", 1))]


def test_gates_that_an_interrupt_left_open_are_shut(home, desk):
    desk.add("r", "register")
    desk.gates.open().__enter__()
    home.register("x", 1)
    assert desk.passed == []
    desk.gates.shut()
    home.register("x", 1)
    assert len(desk.passed) == 1


def test_gates_that_an_exception_leaves_are_shut(home, desk):
    desk.add("r", "register")
    with pytest.raises(ZeroDivisionError), desk.gates.open():
        1 / 0
    home.register("x", 1)
    assert len(desk.passed) == 1


def test_gates_are_open_for_one_thread_alone(home, desk):
    desk.add("r", "register")
    with desk.gates.open():
        thread = threading.Thread(target=home.register, args=("x", 1))
        thread.start(), thread.join()
    assert desk.passed == [("r", ("x", 1))]


def test_a_function_may_be_for_several_registries_and_a_call_is_for_the_first_that_it_announces(home, desk):
    desk.add("ints", "register", lambda key, value, **options: (key, value) if type(value) is int else None)
    desk.add("all", "register")
    home.register("x", 1), home.register("y", "text")
    assert desk.passed == [("ints", ("x", 1)), ("all", ("y", "text"))]


def test_a_registry_that_is_removed_leaves_a_function_to_the_others(home, desk):
    code = home.register.__code__
    desk.add("one", "register", lambda *args: None), desk.add("other", "register")
    desk.add("third", "registered", decorator=True)
    desk.gates.remove("other")
    home.register("x", 1)
    assert desk.passed == [] and home.register.__code__ is not code
    desk.gates.remove("one")
    assert home.register.__code__ is code
    desk.gates.remove("one")
    desk.gates.remove("third")
    assert desk.gates._diverted == []


def test_a_registry_is_removed_from_all_its_functions(home, desk):
    codes = home.register.__code__, home.twice.__code__
    registry = desk.add("r", "register")
    gate = Gate("home:twice", lambda key, value: (key, value))
    desk.gates.add("r", gate, partial(desk.around, registry), registry.fail)
    desk.gates.remove("r")
    assert (home.register.__code__, home.twice.__code__) == codes


def test_a_registry_that_is_added_again_takes_the_place_of_its_former_self(home, desk):
    desk.add("r", "register", lambda key, value: ("former", value))
    desk.add("r", "register")
    home.register("x", 1)
    assert desk.passed == [("r", ("x", 1))]


def test_closing_gives_every_function_back_and_lets_what_was_decorated_before_pass(home, desk):
    codes = home.register.__code__, home.registered.__code__
    desk.add("r", "register", lambda key, value: raise_(CannotUndo("no")))
    desk.add("s", "registered", lambda value, key: (key, value), decorator=True)
    decorate, diverted = home.registered("x"), home.register.__code__
    desk.gates.close()
    assert (home.register.__code__, home.registered.__code__) == codes
    assert decorate(abs) == [abs, None] and desk.passed == []
    home.register.__code__ = diverted
    home.register("x", 1)
    assert desk.told == [] and home.table == {"x": 1}
    home.register.__code__ = codes[0]


def test_what_somebody_else_has_changed_since_is_not_given_back(home, desk):
    desk.add("r", "register")
    home.register.__code__ = theirs = (lambda key, value: "theirs").__code__
    desk.gates.close()
    assert home.register.__code__ is theirs


def test_whoever_holds_the_code_of_a_function_that_was_diverted_does_not_hold_us(home):
    desk = Desk()
    desk.add("r", "register")
    code, gone = home.register.__code__, weakref.ref(desk)
    desk.gates.close()
    del desk
    gc.collect()
    assert code is not home.register.__code__ and gone() is None


def raise_(error):
    """Raise an error, in an expression."""
    raise error


@pytest.mark.parametrize(
    "announce, failed",
    [
        (lambda key: (key, None), [TypeError]),
        (lambda key, value: None, []),
        (lambda key, value: ([], value), [TypeError]),
        (lambda *args: raise_(KeyError()), [KeyError]),
    ],
    ids=["other arguments", "for no registry", "an unhashable key", "an error"],
)
def test_a_call_of_which_an_adapter_can_say_nothing_goes_on_and_is_the_adapters_fault_unless_it_is_refused(
    home, desk, announce, failed
):
    registry = desk.add("r", "register", announce)
    with pytest.raises(TypeError):
        home.register()
    assert registry.failed == []
    assert home.register("x", 1) == "registered"
    assert (desk.passed, desk.told, home.table, registry.failed) == ([], [], {"x": 1}, failed)


def test_where_one_adapter_fails_another_one_is_told(home, desk):
    broken = desk.add("broken", "register", lambda *args: raise_(KeyError()))
    desk.add("r", "register")
    home.register("x", 1)
    assert (desk.passed, broken.failed) == ([("r", ("x", 1))], [KeyError])


def test_what_nobody_can_undo_is_told_and_goes_on(home, desk):
    desk.add("r", "register", lambda key, value: raise_(CannotUndo(f"{key} cannot be undone")))
    assert home.register("x", 1) == "registered" and home.table == {"x": 1}
    assert (desk.passed, desk.told) == ([], ["x cannot be undone"])


def test_a_function_that_is_not_there_or_cannot_be_diverted_says_so(home, desk):
    with pytest.raises(NotThere):
        desk.add("r", "nothing")
    home.builtin = len
    with pytest.raises(TypeError):
        desk.add("r", "builtin")
    assert desk.gates._diverted == []


def test_tracebacks_hide_the_gates(home, desk):
    desk.around = lambda *args: 1 / 0
    desk.add("r", "register")
    with pytest.raises(ZeroDivisionError) as caught:
        home.register("x", 1)
    ours = [entry for entry in caught.traceback if "kreg_ipython" in str(entry.path)]
    hidden = [entry.frame.f_locals.get("__tracebackhide__") for entry in ours]
    assert ours and all(hidden)


def test_open_gates_let_every_argument_pass(home, desk):
    desk.add("r", "register")
    with desk.gates.open():
        assert home.register("x", value=1, again=True) == "registered"
    assert home.table == {"x": 1} and desk.passed == []


def test_tracebacks_hide_the_decorator(home, desk):
    desk.around = lambda *args: 1 / 0
    desk.add("s", "registered", lambda value, key: (key, value), decorator=True)
    with pytest.raises(ZeroDivisionError) as caught:
        home.registered("x")(abs)
    ours = [entry for entry in caught.traceback if "kreg_ipython" in str(entry.path)]
    assert ours and all(entry.frame.f_locals.get("__tracebackhide__") for entry in ours)


def test_a_decorator_that_was_made_before_passes_the_gate_of_its_maker(home, desk):
    made = home.registered("early", option=3)
    code = made.__code__

    def mine(value, by=made):
        return made(value)

    desk.add("one", "registered", lambda value, key="default", *, option=None: ((key, option), value), True)
    desk.gates.add_made([made, mine, len, home.register, Named])
    assert made(1) == [1, 3] and mine(2) == [2, 3]
    assert desk.passed == [("one", (("early", 3), 1)), ("one", (("early", 3), 2))]
    with desk.gates.open():
        assert made(4) == [4, 3]
    assert len(desk.passed) == 2
    desk.gates.close()
    assert made.__code__ is code and made(5) == [5, 3] and len(desk.passed) == 2


def test_a_decorator_that_gates_returned_passes_the_next_ones(home, desk):
    announce = lambda value, key="default", *, option=None: (key, value)
    desk.add("one", "registered", announce, True)
    made = home.registered("early")
    desk.gates.close()
    later = Desk()
    registry = later.add("two", "registered", announce, True)
    later.gates.add_made([made])
    assert made(1) == [1, None]
    assert (desk.passed, later.passed) == ([], [("two", ("early", 1))])
    later.gates.remove(registry.name)
    assert made(2) == [2, None] and len(later.passed) == 1


def test_a_decorator_that_does_not_know_what_its_maker_was_called_with_is_left_alone(home, desk):
    exec("def forgetful(key):\n    def decorate(value): return value\n    return decorate", vars(home))
    made = home.forgetful("k")
    desk.add("one", "forgetful", lambda value, key: (key, value), True)
    desk.gates.add_made([made])
    assert made(1) == 1 and desk.passed == []
    assert home.forgetful("k")(1) == 1 and desk.passed == [("one", ("k", 1))]
