"""The functions that number names, of a framework in which nothing else is: their answers, errors and resets."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from types import FrameType, SimpleNamespace
from typing import Any

import pytest

from kreg_ipython.guard import numbering
from kreg_ipython.guard.context import Variable
from kreg_ipython.guard.gates import Gates
from kreg_ipython.guard.ledger import Caller, Owner, Run
from kreg_ipython.guard.memory import Memory
from kreg_ipython.guard.numbering import Numbering
from kreg_ipython.registries.names import Counter, Joint, Reset
from kreg_ipython.registries.registry import Gate

FRAMEWORK = """
counts = {}

class Layer:
    def __init__(self, name=None):
        self.name = name or unique("layer")

def unique(prefix):
    counts[prefix] = counts.get(prefix, 0) + 1
    return prefix if counts[prefix] == 1 else f"{prefix}_{counts[prefix] - 1}"

def join(layers, strict=True):
    names = [layer.name for layer in layers]
    for name in names:
        if strict and names.count(name) > 1:
            raise ValueError(f"All layers should have unique names. Name '{name}' is used for two.")
    if not layers:
        raise ValueError("no layers")
    return names

def clear_session():
    reset_uids()

def reset_uids():
    counts.clear()
"""


class Bench:
    """A framework that numbers names, guarded, and two cells."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = types.ModuleType("kerasish.src")
        self.shows = types.ModuleType("kerasish.api")
        for module in (self.home, self.shows):
            monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(FRAMEWORK, vars(self.home))
        self.shows.unique = self.home.unique
        self.said: list[Any] = []
        self.variables: dict[int, Variable] = {}
        self.asked: list[FrameType] = []
        self.run: Run | None = None
        self.caller: Caller | None = None
        self.memory = Memory()
        self.memory.names.held = lambda run, objects: set()
        context = SimpleNamespace(
            locate_caller=self.locate,
            running=lambda: self.run,
            find_variable=lambda one: self.variables.get(id(one)),
        )
        notices = SimpleNamespace(
            fault=lambda *fault: self.said.append(fault), annotate=lambda error, text: error.add_note(text)
        )
        self.by_framework = True
        """Whether a framework asks for names, or the user."""
        monkeypatch.setattr(numbering, "asker", lambda frame: (self.asking(frame), self.by_framework))
        self.gates = Gates(self.said.append)
        self.shared: Any = SimpleNamespace(memory=self.memory, gates=self.gates, context=context, notices=notices)
        self.numbering = Numbering(self.shared, list(self.functions()))
        self.numbering.attach("kerasish.src")

    def functions(self) -> Iterator[Counter | Joint | Reset]:
        name, home = "kerasish.names", self.home.__name__
        yield Counter(name, home, Gate(f"{home}:unique", text), lambda: (self.home, self.home.counts))
        yield Joint(name, home, Gate(f"{home}:join", lambda layers, **options: (lambda: layers, None)))
        yield Reset(name, home, Gate(f"{home}:clear_session", lambda: ("clear_session()", None)))
        yield Reset(name, home, Gate(f"{home}:reset_uids", lambda: ("reset_uids()", None)))

    def locate(self, frame: FrameType, passthrough: frozenset[str]) -> Caller | None:
        assert passthrough == {"kerasish.src"}
        self.asked.append(frame)
        return self.caller

    def asking(self, frame: FrameType | None) -> Any:
        """Return the object that asks for a name under this frame."""
        while frame is not None and not isinstance(frame.f_locals.get("self"), self.home.Layer):
            frame = frame.f_back
        return frame and frame.f_locals["self"]

    def cell(self, owner: Owner, act: Callable[[], Any], number: int = 1) -> Any:
        """Return what an act returns that is executed as a cell."""
        self.run = Run(owner, "", number)
        self.run.active = True
        owner.number = number
        try:
            return act()
        finally:
            self.memory.names.end(self.run, True)
            self.run.active, self.run = False, None

    def layers(self, owner: Owner, count: int = 1, number: int = 1) -> list[Any]:
        return self.cell(owner, lambda: [self.home.Layer() for _ in range(count)], number)


def text(prefix: str) -> Any:
    return prefix, lambda number: f"{prefix}_{number}" if number else prefix


def names(layers: list[Any]) -> list[str]:
    return [layer.name for layer in layers]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench(monkeypatch)
    yield made
    made.gates.close()


@pytest.fixture
def a() -> Owner:
    return Owner("cell", "a")


@pytest.fixture
def b() -> Owner:
    return Owner("cell", "b")


# -- counting


@pytest.mark.parametrize("order", [["kerasish.src", "kerasish.api"], ["kerasish.api", "kerasish.src"]])
def test_a_function_is_diverted_for_the_module_that_defines_it_and_not_for_one_that_shows_it(bench, a, order):
    bench.gates.close()

    def counter(module: types.ModuleType) -> Counter:
        name = module.__name__
        return Counter(name, name, Gate(f"{name}:unique", text), lambda: (module, module.counts))

    numbering = Numbering(bench.shared, map(counter, (bench.shows, bench.home)))
    for name in order:
        numbering.attach(name)
    for _ in range(2):
        assert names(bench.layers(a, 2)) == ["layer", "layer_1"]
    bench.gates.close()
    assert not bench.said and not numbering.faults
    assert bench.home.Layer().name == "layer_4"


def test_a_cell_that_runs_again_gets_the_names_of_its_former_run_for_its_objects(bench, a, b):
    bench.layers(a, 2)
    bench.layers(b)
    again = bench.layers(a, 2)
    assert names(again) == ["layer", "layer_1"] and bench.home.counts == {"layer": 5}
    assert bench.memory.names.taken(again[1]).owner is a
    assert {*bench.memory.names.exchanged} == {"layer", "layer_1"}
    assert bench.memory.names.exchanged["layer"]() == "layer_5", "one of the framework's own"


def test_switched_off_the_framework_answers(bench, a):
    bench.layers(a)
    bench.memory.settings.names = False
    assert names(bench.layers(a)) == ["layer_1"] and not bench.memory.names.exchanged
    bench.memory.settings.names = True
    assert names(bench.layers(a)) == ["layer"]


def test_an_answer_that_is_no_text_is_not_exchanged_for_another_one(bench, a, monkeypatch):
    gate = Gate("kerasish.src:number", lambda prefix: (prefix, lambda number: number + 1))
    exec("def number(prefix):\n    unique(prefix)\n    return counts[prefix]", vars(bench.home))
    counter = Counter("kerasish.names", "kerasish.src", gate, lambda: (bench.home, bench.home.counts))
    bench.gates.close()
    Numbering(bench.shared, [counter]).attach("kerasish.src")
    for _ in range(2):
        assert bench.cell(a, lambda: bench.home.number("x")) == 1
    assert bench.home.counts == {"x": 2} and not bench.memory.names.exchanged


def test_a_number_that_the_user_asks_for_is_nobodys_and_taken_for_good(bench, a):
    bench.by_framework = False
    assert [names(bench.layers(a)) for _ in range(2)] == [["layer"], ["layer_1"]]


@pytest.mark.parametrize("failing", ["running", "counts"])
def test_a_fault_leaves_the_names_to_the_framework_and_is_told_once(bench, a, failing):
    bench.layers(a)
    if failing == "counts":
        bench.numbering._counters[0].counts = lambda: 1 / 0
    else:
        bench.shared.context.running = lambda: 1 / 0
    assert names(bench.layers(a, 2)) == ["layer_1", "layer_2"]
    fault = "kerasish.names", "ZeroDivisionError: division by zero"
    assert bench.said == [fault] and bench.numbering.faults == dict([fault])


def test_what_this_version_does_not_have_is_no_fault_and_what_cannot_be_diverted_is_one(bench):
    here = "kerasish.src"
    missing = Reset("missing", here, Gate(f"{here}:nothing", lambda: None))
    elsewhere = Reset("elsewhere", "kerasish.other", Gate(f"{here}:reset_uids", lambda: None))
    bench.home.odd = SimpleNamespace(__module__=here)
    odd = Reset("odd", here, Gate(f"{here}:odd", lambda: None))
    after = Reset("after", here, Gate(f"{here}:reset_uids", lambda: ("after", None)))
    bench.gates.close()
    numbering = Numbering(bench.shared, [missing, elsewhere, odd, after])
    numbering.attach(here)
    assert [name for name, _ in bench.said] == ["odd"] and {*numbering.faults} == {"odd"}
    bench.caller = Caller(Owner("cell", "a", number=3))
    bench.home.reset_uids()
    assert bench.memory.names._since == (1, "after in cell [3]"), "the others are diverted all the same"


# -- joining


def join(bench: Bench, layers: list[Any], **options: Any) -> list[str]:
    return bench.home.join(layers, **options)


def refused(bench: Bench, layers: list[Any]) -> list[str]:
    """Return the notes on the error of a model that is made of these layers."""
    with pytest.raises(ValueError) as caught:
        join(bench, layers)
    return getattr(caught.value, "__notes__", [])


def test_of_two_objects_whose_names_were_given_by_us_the_later_one_gets_one_of_the_frameworks(bench, a):
    [former, _], [new, _] = bench.layers(a, 2), bench.layers(a, 2)
    assert former.name == new.name == "layer"
    assert join(bench, [former, new]) == ["layer", "layer_4"]
    assert join(bench, [former, new]) == ["layer", "layer_4"], "once"


def test_one_object_twice_and_names_that_the_framework_gave_keep_theirs(bench, a):
    [layer] = bench.layers(a)
    [again] = bench.layers(a)
    assert join(bench, [again, again], strict=False) == ["layer", "layer"]
    one, other = bench.home.Layer("mine"), bench.home.Layer("mine")
    assert join(bench, [one, other, layer], strict=False) == ["mine", "mine", "layer"]


def test_what_was_exchanged_in_vain_is_not_looked_at_after_a_fault(bench, a):
    [former], [new] = bench.layers(a), bench.layers(a)
    bench.memory.names.exchanged["layer"] = lambda: 1 / 0
    refused(bench, [former, new])
    assert bench.said == [("kerasish.names", "ZeroDivisionError: division by zero")]
    bench.memory.names.exchanged["layer"] = lambda: "other"
    assert refused(bench, [former, new]) == [] and names([former, new]) == ["layer", "layer"]
    assert len(bench.said) == 1


def test_an_error_about_a_name_says_who_gave_it_twice(bench, a, b):
    [one], [other] = bench.layers(a, number=2), bench.layers(b, number=5)
    other.name = "layer"
    assert refused(bench, [bench.home.Layer("x"), one, other]) == [
        "'layer' is the name of two layers: one that cell [2] made, and one that cell [5] made. "
        "Give one of them a name of its own"
    ]
    assert bench.cell(b, lambda: refused(bench, [one, other])), "of two cells, one of which is running"


def test_an_error_about_a_name_says_which_variables_hold_the_two(bench, a, b):
    one, other, third = (bench.home.Layer("same") for _ in range(3))
    bench.variables = {
        id(one): Variable("base", True, a, 2),
        id(other): Variable("model", False, b, 1),
    }
    a.number, b.number = 1, 4
    assert refused(bench, [one, other, third]) == [
        "'same' is the name of two layers: base (cell [1], line 2), and one in model (cell [4], line 1). "
        "Give one of them a name of its own"
    ]
    assert refused(bench, [one, third]) == [
        "'same' is the name of two layers: base (cell [1], line 2), and one that no variable holds. "
        "Give one of them a name of its own"
    ]


def test_of_names_that_the_running_cell_gave_itself_nothing_is_said_unless_the_count_began_anew(bench, a):
    def twice() -> list[str]:
        first = bench.home.Layer()
        assert refused(bench, [first, bench.home.Layer("layer")]) == []
        bench.caller = Caller(a, line=3)
        bench.home.clear_session()
        return refused(bench, [first, bench.home.Layer()])

    a.number = 7
    assert bench.cell(a, twice, 7) == [
        "'layer' is the name of two layers: one that cell [7] made, and one that cell [7] made; clear_session() in "
        "cell [7], line 3, let names be counted anew in between. Give one of them a name of its own"
    ]


def test_of_one_owners_names_nothing_is_said_and_of_nobodys_neither(bench, a, b):
    one, other = bench.layers(a, 2)
    other.name = one.name
    assert refused(bench, [one, other]) == []
    assert bench.cell(b, lambda: refused(bench, [one, other])) == []
    assert refused(bench, [bench.home.Layer("x"), bench.home.Layer("x")]) == []


def test_an_error_that_is_about_no_name_or_about_one_that_is_not_listed_gets_no_note(bench, a, b):
    assert refused(bench, []) == []
    gate = next(each.gate for each in bench.numbering._counters if isinstance(each, Joint))
    one, other = bench.layers(a)[0], bench.layers(b)[0]
    other.name = one.name
    object.__setattr__(gate, "announce", lambda layers: (lambda: layers[:1], None))
    assert refused(bench, [one, other]) == [] and bench.said == []


def test_a_fault_while_explaining_leaves_the_frameworks_error(bench, a, b):
    one, other = bench.layers(a)[0], bench.layers(b)[0]
    other.name = one.name
    bench.shared.context.running = lambda: 1 / 0
    assert refused(bench, [one, other]) == []
    assert bench.said == [("kerasish.names", "ZeroDivisionError: division by zero")]
    bench.shared.context.running = lambda: None
    assert refused(bench, [one, other]) == [] and len(bench.said) == 1


# -- beginning anew


def test_what_lets_names_be_counted_anew_is_noted_once_with_its_place(bench, a):
    bench.layers(a, 2, number=2)
    bench.caller = Caller(a, line=1)
    bench.home.clear_session()
    assert bench.memory.names._since == (1, "clear_session() in cell [2], line 1")
    assert len(bench.asked) == 1 and bench.home.counts == {}, "what it calls inside is part of it"
    bench.home.reset_uids()
    assert bench.memory.names._since == (2, "reset_uids() in cell [2], line 1")


def test_a_framework_that_begins_anew_for_itself_is_not_named(bench):
    bench.home.clear_session()
    assert bench.memory.names._since == (0, "") and len(bench.asked) == 1


def test_a_fault_while_noting_lets_the_framework_begin_anew(bench, a):
    bench.layers(a)
    bench.shared.context.locate_caller = lambda *args: 1 / 0
    bench.home.clear_session()
    assert bench.home.counts == {} and bench.said == [("kerasish.names", "ZeroDivisionError: division by zero")]
