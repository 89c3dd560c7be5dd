"""What a cell wants called before it runs again."""

from __future__ import annotations

import pytest

from kreg_ipython.guard.ledger import Owner, Run
from kreg_ipython.guard.reruns import Reruns, call


@pytest.fixture
def called():
    return []


@pytest.fixture
def told():
    return []


def declared(owner, called, *names):
    reruns = Reruns(list)
    for name in names:
        reruns[owner].append(lambda name=name: called.append(name))
    return reruns


def test_the_newest_is_called_first_and_each_once(called, told):
    owner = Owner("cell", "a")
    reruns = declared(owner, called, "one", "two")
    for _ in range(2):
        call(reruns, owner, "x = 1", told.append)
    assert (called, told) == (["two", "one"], []) and owner not in reruns


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("no server\nat all"), "ValueError: no server"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (SystemExit(3), "SystemExit: 3"),
        (Mute(), "Mute"),
    ],
)
def test_whatever_one_raises_is_one_line_and_the_others_are_called(called, told, error, said):
    def stop():
        raise error

    owner = Owner("cell", "a")
    reruns = declared(owner, called, "one")
    reruns[owner].append(stop)
    call(reruns, owner, None, told.append)
    assert called == ["one"] and len(told) == 1
    assert told[0].startswith("on_rerun: ") and told[0].endswith(f"stop raised {said}")


def test_a_source_that_does_not_compile_calls_nothing(called, told):
    owner = Owner("cell", "a")
    reruns = declared(owner, called, "one")
    call(reruns, owner, "def (", told.append)
    assert called == [] and owner in reruns
    call(reruns, owner, "%time f()", told.append)
    assert called == ["one"]


def test_another_owner_calls_nothing(called, told):
    reruns = declared(Owner("cell", "a"), called, "one")
    call(reruns, Owner("cell", "b"), "", told.append)
    assert called == []


def test_a_run_calls_before_anything_is_removed(lab):
    lab.cell("a", "register('x', 1)")
    owner = lab.owner("a")
    lab.guard.memory.reruns[owner].append(lambda: seen.append(dict(lab.home.table)))
    seen = []
    lab.cell("a", "register('y', 1)")
    assert seen == [{"x": 1}] and lab.home.table == {"y": 1}
    lab.guard.begin(run := Run(owner, ""))
    lab.guard.end(run, "success")
    assert len(seen) == 1
