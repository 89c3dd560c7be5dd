"""What the user is told: each thing once, three lines a run, and nothing that can raise."""

from __future__ import annotations

import pytest

from kreg_ipython.guard.ledger import Entry, Owner, Run
from kreg_ipython.guard.memory import Memory
from kreg_ipython.guard.notices import Notices


class Desk:
    """Notices, and what they show."""

    def __init__(self, notes=True, say=None):
        self.said, memory, self.number = [], Memory(), 7
        self.journal, self.settings = memory.journal, memory.settings
        self.notices = Notices(say or self.said.append, notes, memory, lambda: self.number)


@pytest.fixture
def desk():
    return Desk()


def test_each_thing_is_told_once(desk):
    for text in ("one", "one", "two", "one"):
        desk.notices.tell(text)
    assert desk.said == ["one", "two"]
    desk.notices.end_run()
    desk.notices.tell("one")
    assert desk.said == ["one", "two"]


def test_the_same_thing_may_be_told_in_other_words(desk):
    desk.notices.tell("line 1", about="it")
    desk.notices.tell("line 2", about="it")
    desk.notices.tell("line 1", about="something else")
    assert desk.said == ["line 1", "line 1"]


def test_a_run_shows_three_lines_and_counts_the_rest(desk):
    for text in "abcd":
        desk.notices.tell(text)
    assert desk.said == ["a", "b", "c"]
    desk.notices.end_run()
    assert desk.said[3:] == ["1 more notice of this run: %kreg log"]
    for text in "efgh" + "".join(map(chr, range(1000, 2300))):
        desk.notices.tell(text)
    desk.notices.end_run()
    assert desk.said[4:] == ["e", "f", "g", "1,301 more notices of this run: %kreg log"]


def test_a_run_that_shows_all_its_lines_ends_without_a_word(desk):
    for text in "abc":
        desk.notices.tell(text)
    desk.notices.end_run(), desk.notices.end_run()
    desk.notices.tell("d")
    desk.notices.end_run()
    assert desk.said == ["a", "b", "c", "d"]


def test_quiet_says_nothing_and_counts_nothing(desk):
    desk.settings.verbosity = "quiet"
    for text in "abcdef":
        desk.notices.tell(text)
    desk.notices.end_run()
    assert desk.said == []
    desk.settings.verbosity = "notices"
    desk.notices.tell("g")
    assert desk.said == ["g"]


def test_a_closed_stderr_breaks_nothing():
    def say(text):
        raise ValueError("I/O operation on closed file")

    desk, error = Desk(notes=False, say=say), KeyError("x")
    for text in "abcde":
        desk.notices.tell(text)
    desk.notices.end_run()
    desk.notices.annotate(error, "text")
    desk.notices.fault("r", "text")
    assert desk.said == []


def test_a_note_is_put_on_an_exception_once(desk):
    error = KeyError("x")
    for text in ("one", "one", "two"):
        desk.notices.annotate(error, text)
    assert error.__notes__ == ["kreg: one", "kreg: two"] and desk.said == []


def test_where_notes_are_not_shown_a_line_is():
    desk, error = Desk(notes=False), KeyError("x")
    for _ in range(2):
        desk.notices.annotate(error, "text")
    assert desk.said == ["text"]


def test_an_exception_that_takes_no_notes_gets_a_line(desk):
    class Bare:
        __notes__ = ["the text that was said"]

    desk.notices.annotate(Bare(), "text")
    assert desk.said == []
    desk.notices.annotate(Bare(), "another one")
    assert desk.said == ["another one"]


def test_our_notes_are_repeated_on_the_exception_that_hides_theirs(desk):
    try:
        try:
            error = KeyError("x")
            error.add_note("the user's")
            desk.notices.annotate(error, "one")
            desk.notices.annotate(error, "two")
            raise error
        except KeyError:
            raise TypeError("y")  # noqa: B904
    except TypeError as outer:
        desk.notices.repeat(outer)
        assert outer.__notes__ == ["kreg: one", "kreg: two"]
    desk.notices.repeat(KeyError("alone"))


@pytest.mark.parametrize(
    ("run", "number"),
    [(None, 7), (Run(Owner("module", "m")), 7), (Run(Owner("cell", "b"), "", 9), 9)],
)
def test_an_act_is_written_down_with_its_run_or_the_one_that_is_executed(desk, run, number):
    owner = Owner("cell", "a", number=3)
    desk.notices.log("kept", Entry("r", (int,), 1, 1, owner), "why", run)
    [event] = desk.journal.events()
    assert event[:3] == ("kept", "r", "builtins.int") and event.owner.label == "cell [3]"
    assert (event.run, event.reason) == (number, "why")


def test_a_fault_is_written_down_and_told_once(desk):
    for _ in range(2):
        desk.notices.fault("r", "KeyError: 'x'")
    assert desk.said == ["the registry r is not guarded properly: KeyError: 'x'"]
    event = desk.journal.events()[0]
    assert event[:3] == ("failed", "r", "") and event[4:] == (7, "KeyError: 'x'") and event.owner.label is None
