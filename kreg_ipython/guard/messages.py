"""Write the texts of notes and notices: where a key is registered, who claims it, where it has gone. Pure functions."""

from __future__ import annotations

import shlex
from collections.abc import Hashable
from typing import Any

from kreg_ipython.guard.context import Variable
from kreg_ipython.guard.journal import Event
from kreg_ipython.guard.ledger import Caller, Entry, Owner, Run
from kreg_ipython.lib.naming import definition, error_text, key_text, module_of
from kreg_ipython.registries.registry import Absence

Placed = Entry | Caller | Variable
"""Something that an owner made."""

PINNED = "you said %kreg keep"
MAY_BE_A_COPY = "a cell without an id may be a copy of the cell that registered it"
BROUGHT_BACK = "%kreg undo restored it"
IS_BACK = "its statement is back, and may be skipped"
WHY_RESTORED = {
    "not compiled": "the new source does not compile",
    "failed": "the run failed before it registered this again",
    "undone": "the run failed and left nothing behind",
}


def left_by_an_edit(run: Run, former: Owner, left: list[Entry]) -> str:
    """Return what an input says that looks like an edit of a former one: nothing tells that it is."""
    words = " ".join(dict.fromkeys(shlex.quote(key_text(entry.key)) for entry in left))
    return f"run [{run.number}] looks like an edit of {former.label}, which registered more: %kreg clear {words}"


def why_kept(seen: bool, unreadable: bool) -> str:
    """Return why an entry is kept that a successful run did not register again.

    Args:
        seen: whether it is known what registered it.
        unreadable: whether the text of the run is not known, or cannot be read.
    """
    if unreadable:
        return "the source cannot be read, and may still register it"
    if not seen:
        return "kreg did not see what registered it, and that may still run"
    return "the code that registered it is still there, and may have been skipped"


def where(made: Placed) -> str:
    """Return where something was made as people look for it: ``cell [3], line 2``."""
    label = made.owner.label if made.owner is not None else "a framework"
    return label if made.line is None else f"{label}, line {made.line}"


def refused(key: Hashable, top: Entry | None, former: Any, caller: Placed) -> str:
    """Return the note on a registration that a framework refused: both places, and the way out.

    Args:
        key: the key that both register.
        top: the entry that stands there; None if no owner registered it.
        former: the object that stands there if no owner registered it.
        caller: whose registration was refused.
    """
    name = key_text(key)
    if top is not None and top.owner is not None:
        there, way_out = where(top), f"Rename one, or run this again after %kreg clear {shlex.quote(name)}"
    else:
        defined = definition(former)
        own = defined is not None and defined[-1] != "instance"  # of an instance only its class's module is known
        there, way_out = (module_of(former) if own else None) or "a framework", "Rename yours."
    return f"{name!r} is registered by {there}; this is {where(caller)}. {way_out}"


def overwritten(top: Entry, caller: Placed) -> str:
    """Return the notice of a registration that shadows another owner's: both places."""
    return f"{_registered_by_both(top, caller)}, which shadows the first. Rename one."


def said_twice(top: Entry, caller: Placed) -> str:
    """Return the notice of a definition that two cells say, and that its framework refuses the second time."""
    return (
        f"{_registered_by_both(top, caller)}, by the same definition. If it is a copy, remove one: "
        "after a restart the second raises."
    )


def _registered_by_both(top: Entry, caller: Placed) -> str:
    return f"{key_text(top.key)!r} is registered by {where(top)}, and now by {where(caller)}"


def swept(entry: Entry, run: Run, instead: list[Hashable]) -> str:
    """Return why a run swept an entry: ``registered by cell [3] until run [12], which registers 'P>Bar'``.

    Another owner's had stayed because the run's owner asked for it, too.
    """
    if entry.owner is not None and entry.owner is not run.owner:
        return f"registered by {entry.owner.label} until nothing said it any more"
    owner, former = run.owner, entry.run.number if entry.run else None
    if owner.kind == "cell":
        who, until = f"cell [{'?' if former is None else former}]", f"run [{run.number}]"
    else:
        who, until = owner.label, "its last run"
    names = ", ".join(repr(key_text(key)) for key in instead[:3]) + (", …" if len(instead) > 3 else "")
    return f"registered by {who} until {until}, which " + (f"registers {names}" if names else "does not register it")


def served(key: str, registry: str) -> str:
    """Return the notice that a graph names a gradient which is no longer registered."""
    return (
        f"{key!r} ({registry}) is no longer registered, but a graph still names it. kreg serves it; a fresh kernel "
        "would not have it. Run the cell that registers it, or trace the graph again."
    )


def gone(event: Event) -> str:
    """Return where a key has gone."""
    if event.act == "swept":
        return f"{event.key!r} was {event.reason}"
    there = f"{event.key!r} was registered by {event.owner.label}"
    if event.act == "removed":
        return f"{there}, which is running again and has not registered it yet"
    return f"{there} until it was {'cleared' if event.act == 'cleared' else 'removed'} ({event.reason})"


def never_registered(absence: Absence) -> str:
    """Return the note on a key that was never registered, where the adapter has no words of its own."""
    text = f"{absence.key!r} was never registered in this kernel"
    if absence.definer is not None:
        return f"{text}, but {absence.definer} defines {absence.name}"
    if absence.file is not None:
        return f"{text}. A cell of {absence.file} defines {absence.name}: run it"
    return f"{text}: run the cell or import the module that registers it"


def same_name(name: str, what: str, one: str, other: str, since: str) -> str:
    """Return the note on two objects of one name in a model.

    Args:
        name: the name.
        what: what they are: ``layers``.
        one: where the first one comes from.
        other: where the other one comes from.
        since: what let names be counted anew in between; empty if nothing did.
    """
    anew = f"; {since}, let names be counted anew in between" if since else ""
    return f"{name!r} is the name of two {what}: {one}, and {other}{anew}. Give one of them a name of its own"


def former_use(name: str, relation: str, what: str, run: int | None) -> str:
    """Return ``model is built from the former Foo of run [5]``, ``Foo still is the former Foo of run [5]``."""
    relation = f"still {relation}" if relation == "is" else relation
    return f"{name} {relation} the former {what.rpartition('.')[2]}" + (f" of run [{run}]" if run is not None else "")


def rebuild(cell: int | None, what: str, stale: str | None = None) -> str:
    """Return ``re-run cell [6], which builds model``.

    If a variable still is the former class, the text says to import it again first.
    """
    rerun = f"re-run the cell that builds {what}" if cell is None else f"re-run cell [{cell}], which builds {what}"
    return rerun if stale is None else f"import {stale} again, then {rerun}"


def undecided(error: Exception) -> str:
    """Return the notice that all entries are kept, because kreg could not tell which of them a run skipped."""
    return f"kreg could not tell which registrations this run skipped, and kept them all ({error_text(error)})"
