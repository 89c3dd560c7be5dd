"""What was done to which entry: the newest events, in order."""

from __future__ import annotations

from kreg_ipython.guard import journal as journals
from kreg_ipython.guard.journal import Event, Journal, OwnerText
from kreg_ipython.guard.ledger import Owner

A = Owner("cell", "a", number=3)


def noted(journal, *acts, registry="r", run=1):
    """Write down acts, each as ``"swept key"``."""
    for act in acts:
        journal.note(act.split()[0], registry, act.split()[1], A, run, "why")


def keys(events):
    """The acts and keys of events."""
    return [f"{event.act} {event.key}" for event in events]


def test_an_event_is_text_only_and_says_what_its_owner_was_called_at_the_time():
    journal, owner = Journal(), Owner("cell", "a", number=3)
    journal.note("swept", "r", (int, "x"), owner, 4, "why")
    owner.number = 5
    text = OwnerText("cell", "a", 3)
    assert journal.events() == [Event("swept", "r", "builtins.int, x", text, 4, "why")]
    assert text.label == "cell [3]"


def test_an_event_may_be_nobodys():
    journal = Journal()
    journal.note("failed", "r", "", None, None, "why")
    assert journal.events() == [Event("failed", "r", "", OwnerText(), None, "why")]
    assert OwnerText().label is None


def test_events_come_in_order_and_since_a_count_the_newer_ones():
    journal = Journal()
    assert journal.count == 0 and journal.since(0) == journal.events() == []
    noted(journal, "registered a", "removed a", "swept a")
    assert journal.count == 3 and keys(journal.events()) == ["registered a", "removed a", "swept a"]
    assert keys(journal.since(1)) == ["removed a", "swept a"] and keys(journal.since(2)) == ["swept a"]
    assert journal.since(3) == journal.since(9) == []


def test_the_oldest_events_are_forgotten(monkeypatch):
    monkeypatch.setattr(journals, "_LENGTH", 2)
    journal = Journal()
    noted(journal, "registered a", "registered b", "registered c")
    assert keys(journal.events()) == keys(journal.since(0)) == ["registered b", "registered c"]
    assert journal.count == 3


def test_what_is_listed_are_our_acts_and_not_the_users():
    journal = Journal()
    noted(journal, "registered a", "kept b", "swept c", "restored d")
    assert keys(journal.acts()) == ["kept b", "swept c", "restored d"]
    assert keys(journal.acts(3)) == ["restored d"]
    journal = Journal()
    noted(journal, "swept a")
    assert keys(journal.acts()) == ["swept a"]


def test_what_was_removed_until_it_was_registered_again_in_its_run_is_no_act():
    journal = Journal()
    noted(journal, "removed a", "removed b", "removed c", "registered a")
    noted(journal, "registered b", run=2)
    noted(journal, "registered c", registry="other")
    assert keys(journal.acts()) == ["removed b", "removed c"]


def test_the_last_event_of_a_key_is_found_by_any_package():
    journal = Journal()
    noted(journal, "registered P>Foo", "swept P>Foo", "registered Bar", "swept Q>Foo")
    noted(journal, "cleared P>Foo", registry="other")
    assert journal.last("r", "P>Foo").act == "swept" and journal.last("r", "P>Foo").key == "P>Foo"
    assert journal.last("r", "Foo").key == "Q>Foo"
    assert journal.last("r", "Bar").act == "registered"
    assert journal.last("other", "Foo").act == "cleared"
    noted(journal, "swept P>Q>Baz")
    assert journal.last("r", "Baz").key == "P>Q>Baz" and journal.last("r", "Q>Baz") is None
    assert journal.last("r", "P") is journal.last("nothing", "Foo") is None


def test_the_key_of_the_last_event_is_looked_for_as_text():
    journal = Journal()
    journal.note("swept", "r", int, A, 1, "why")
    assert journal.last("r", int).key == "builtins.int"
