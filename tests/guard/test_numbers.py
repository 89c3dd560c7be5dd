"""Which numbers of automatic names are taken, and which are free again. No framework."""

from __future__ import annotations

import gc
from collections import Counter
from typing import Any

import pytest

from kreg_ipython.guard.ledger import Owner, Run
from kreg_ipython.guard.names import Names


class Thing:
    """An object that has a name."""


class Bench:
    """A counter of a framework's, its names, and cells by letter."""

    def __init__(self) -> None:
        self.counts: Any = Counter()
        self.life: Any = Thing()
        self.holds: list[Thing] | None = []
        """The objects that something else holds; None: nobody can tell."""
        self.names = Names()
        self.names.held = lambda run, objects: None if self.holds is None else {id(one) for one in self.holds}
        self.owners: dict[str, Owner] = {}
        self.made: dict[str, list[Thing | None]] = {}

    def ask(self, run: Run | None, thing: Thing | None, prefix: str = "dense") -> int:
        self.counts[prefix] += 1
        return self.names.take("keras", self.life, self.counts, prefix, run, thing)

    def begin(self, cell: str) -> Run:
        run = Run(self.owners.setdefault(cell, Owner("cell", cell)))
        run.active = True
        return run

    def run(self, cell: str, number: int = 1, *, fails: bool = False) -> list[int]:
        """Run a cell that makes so many things, and return their numbers."""
        run, things = self.begin(cell), [Thing() for _ in range(number)]
        numbers = [self.ask(run, thing) for thing in things]
        self.names.end(run, not fails)
        run.active = False
        self.made[cell] = things
        return numbers


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(
    ("runs", "numbers"),
    [
        ("a2 a2 a2", [[0, 1]] * 3),
        ("a2 b1 a2 b1", [[0, 1], [2]] * 2),
        ("a2 b1 a3 b1 a3", [[0, 1], [2], [0, 1, 3], [2], [0, 1, 3]]),
        ("a2 b1 a1 c2 a2", [[0, 1], [2], [0], [1, 3], [0, 4]]),
        ("a2 a1! a2", [[0, 1], [0], [0, 1]]),
        ("a2 a1! b1 a2", [[0, 1], [0], [2], [0, 1]]),
        ("a1! a1! a1", [[0]] * 3),
        ("a2 b1 a0 c3 b1", [[0, 1], [2], [], [0, 1, 3], [2]]),
        ("a2 a0! b1", [[0, 1], [], [2]]),
    ],
)
def test_a_cell_takes_the_numbers_of_its_former_run_again(bench, runs, numbers):
    assert [bench.run(each[0], int(each[1]), fails=each[-1] == "!") for each in runs.split()] == numbers
    assert bench.counts["dense"] == sum(map(len, numbers))


def test_what_let_the_count_begin_anew_between_two_objects_is_known(bench):
    bench.run("a")
    bench.names.reset("first")
    bench.names.reset("clear_session() in cell [2]")
    bench.counts = Counter()
    bench.run("b")
    bench.counts = Counter()  # and nobody saw why
    bench.run("c")
    [[a], [b], [c]] = (bench.made[cell] for cell in "abc")
    assert bench.names.since_between(a, b) == bench.names.since_between(c, a) == "clear_session() in cell [2]"
    assert bench.names.since_between(b, c) == bench.names.since_between(a, Thing()) == ""
    assert bench.names.taken(a).owner is bench.owners["a"] and bench.names.taken(Thing()) is None
    bench.run("a", fails=True)
    assert bench.names.since_between(a, b) == "clear_session() in cell [2]", "what a failed run let go is taken again"


def test_what_something_else_holds_keeps_its_number_until_it_is_let_go(bench):
    assert bench.run("a", 3) == [0, 1, 2]
    bench.holds = bench.made["a"][1:2]
    assert bench.run("a", 3) == [0, 2, 3]
    bench.holds = []
    assert bench.run("a", 3) == [0, 1, 2]


def test_if_nobody_can_tell_what_is_held_only_the_numbers_of_dead_objects_are_free(bench):
    bench.run("a", 2)
    bench.holds = None
    assert bench.run("a", 2) == [2, 3]
    bench.made.clear()
    gc.collect()
    assert bench.run("a", 2) == [0, 1]


@pytest.mark.parametrize("held", [False, True])
def test_a_number_without_an_object_is_free_only_if_nothing_of_its_run_is_held(bench, held):
    things = [Thing(), None]
    run = bench.begin("a")
    assert [bench.ask(run, thing) for thing in things] == [0, 1]
    bench.names.end(run, True)
    bench.holds = things[:1] if held else []
    assert bench.run("a", 2) == ([2, 3] if held else [0, 1])


def test_what_nobody_saw_or_asks_for_is_taken_for_good(bench):
    bench.counts["dense"] = 5  # before anybody watched
    assert bench.run("a") == [5]
    bench.counts["dense"] += 2  # while it was off
    assert bench.ask(None, Thing()) == 8
    assert bench.run("a", 2) == [5, 9]
    assert bench.run("b") == [10]


def test_a_task_that_outlives_its_cell_counts_on_and_its_number_is_the_cells(bench):
    run = bench.begin("a")
    bench.ask(run, Thing())
    bench.names.end(run, True)
    run.active = False
    assert bench.ask(run, Thing()) == 1
    assert bench.run("a", 2) == [0, 1]


@pytest.mark.parametrize("reset", ["counts", "life", "cleared"])
def test_after_a_reset_numbers_begin_anew(bench, reset):
    bench.run("a", 3)
    if reset == "counts":
        bench.counts = Counter()
    elif reset == "life":
        bench.life, bench.counts = Thing(), Counter()
    else:
        bench.counts.clear()
    assert bench.run("b") == [0]
    assert bench.run("a") == [1]
    assert bench.run("b") == [0]


def test_prefixes_are_numbered_apart(bench):
    run = bench.begin("a")
    assert [bench.ask(run, None, prefix) for prefix in ("dense", "adam", "dense")] == [0, 0, 1]


@pytest.mark.parametrize("act", ["edited", "deleted"])
def test_what_a_cell_took_that_takes_no_name_any_more_is_free_unless_it_is_held(bench, act):
    bench.run("a", 3)
    if act == "edited":
        bench.run("a", 0)
    else:
        bench.owners["a"].deleted = True
    bench.holds = bench.made["a"][:1] if act == "deleted" else []
    assert bench.run("b", 3) == ([1, 2, 3] if act == "deleted" else [0, 1, 2])
    bench.holds = []
    assert bench.run("c") == ([0] if act == "deleted" else [3])


def test_what_is_in_use_is_what_is_alive(bench):
    bench.run("b", 3), bench.run("a", 2)
    assert {owner.id: number for owner, number in bench.names.in_use().items()} == {"b": 3, "a": 2}
    bench.made.pop("a").clear()
    gc.collect()
    assert [owner.id for owner in bench.names.in_use()] == ["b"]
