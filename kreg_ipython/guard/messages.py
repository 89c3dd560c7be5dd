"""What notes and notices say: where a key is registered, by whom it is claimed, where it has gone. Pure text."""

from __future__ import annotations

import shlex
from collections.abc import Hashable
from typing import Any

from kreg_ipython.guard.journal import Event
from kreg_ipython.guard.ledger import Entry, Owner, Run
from kreg_ipython.lib.naming import error_text, key_text, module_of

PINNED = "you said %kreg keep"
MAY_BE_A_COPY = "a cell without an id may be a copy of the one that registered it"
BROUGHT_BACK = "%kreg undo brought it back"
IS_BACK = "its statement is back, and may be skipped"
WHY_RESTORED = {
    "not compiled": "the new source does not compile",
    "failed": "the run failed before it registered it again",
    "undone": "the run failed, and left nothing behind",
}


def why_kept(seen: bool, unreadable: bool) -> str:
    """Return why an entry is kept that a successful run did not register again.

    Args:
        seen: whether it is known what registered it.
        unreadable: whether the text of the run is not known, or cannot be read.
    """
    if unreadable:
        return "the text cannot be read, and may still hold what registered it"
    if not seen:
        return "nobody saw what registered it, and it may still do so"
    return "the code that registered it stands, and may have been skipped"


def where(owner: Owner, line: int | None) -> str:
    """``cell [3], line 2``: a place as people look for it."""
    return owner.label if line is None else f"{owner.label}, line {line}"


def refused(key: Hashable, top: Entry | None, former: Any, owner: Owner, line: int | None) -> str:
    """Both places that register a key which the second one does not get, and the ways out. ``former`` is what stands
    there if no owner of ours put it there."""
    name = key_text(key)
    if top is not None and top.owner is not None:
        there, way_out = (
            where(top.owner, top.line),
            f"Rename one, or run this again after %kreg clear {shlex.quote(name)}",
        )
    else:
        there, way_out = module_of(former) or "a framework", "Rename yours."
    return f"{name!r} is registered by {there}; this is {where(owner, line)}. {way_out}"


def overwritten(top: Entry, there: Owner, owner: Owner, line: int | None) -> str:
    """Both places that register a key which the second one has taken from the first."""
    both = f"{where(there, top.line)}, and now by {where(owner, line)}"
    return f"{key_text(top.key)!r} is registered by {both}, which hides the former. Rename one."


def swept(entry: Entry, run: Run, instead: list[Hashable]) -> str:
    """Why a run swept an entry: ``registered by cell [3] until run [12], which registers 'P>Bar'``."""
    owner, former = run.owner, entry.run.number if entry.run else None
    if owner.kind == "cell":
        who, until = f"cell [{'?' if former is None else former}]", f"run [{run.number}]"
    else:
        who, until = owner.label, "its last run"
    names = ", ".join(repr(key_text(key)) for key in instead[:3]) + (", …" if len(instead) > 3 else "")
    return f"registered by {who} until {until}, which " + (f"registers {names}" if names else "does not register it")


def served(key: str, registry: str) -> str:
    """Return what is told when a graph names a gradient that is not registered any more."""
    return (
        f"{key!r} ({registry}) is no longer registered, but a graph still names it: served here, missing in a fresh"
        " kernel. Run the cell that registers it, or trace the graph again."
    )


def gone(event: Event) -> str:
    """Where a key has gone."""
    if event.act == "swept":
        return f"{event.key!r} was {event.reason}"
    there = f"{event.key!r} was registered by {event.owner.label}"
    if event.act == "removed":
        return f"{there}, which is running again and has not registered it yet"
    return f"{there} until it was {'cleared' if event.act == 'cleared' else 'taken out'} ({event.reason})"


def former_use(name: str, relation: str, what: str, run: int | None) -> str:
    """``model is built from the former Foo of run [5]``."""
    return f"{name} {relation} the former {what.rpartition('.')[2]}" + (f" of run [{run}]" if run is not None else "")


def rebuild(cell: int | None, what: str, stale: str | None = None) -> str:
    """``re-run cell [6], which builds model``; and before, if a variable still is the former class, import it again."""
    rerun = f"re-run the cell that builds {what}" if cell is None else f"re-run cell [{cell}], which builds {what}"
    return rerun if stale is None else f"import {stale} again, then {rerun}"


def undecided(error: Exception) -> str:
    """Why all is kept where nobody can tell what a run only guarded."""
    return f"what this run only guarded cannot be told ({error_text(error)}): all is kept"
