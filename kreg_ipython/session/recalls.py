"""Find out whether an input without an id is a former one, recalled and edited. It is offered, and never guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kreg_ipython.guard.ledger import Entry, Ledger, Owner, Run
from kreg_ipython.lib import source
from kreg_ipython.lib.naming import definition

_ALIKE = 0.8
"""The least likeness of two texts that define one thing under two names, as `difflib` counts it."""
_LONGEST = 20_000
"""The longest text that is compared, in characters: comparing takes long."""


def left_behind(run: Run, owners: Iterable[Owner], ledger: Ledger) -> tuple[Owner, list[Entry]] | None:
    """Return the former input that a run's text is an edit of, and what that one registered and this one does not.

    Args:
        run: a run of a cell without an id, which succeeded.
        owners: the other cells, the newest last.
        ledger: has their entries.
    """
    mine = [entry for entry in ledger.entries(run.owner) if entry.run is run]
    text, registries = run.source or "", {entry.registry for entry in mine}
    names = source.definitions(text) if mine else set()
    for owner in reversed([*owners]) if names else ():
        if owner.id is not None or owner is run.owner or owner.source is None:
            continue
        left = [each for each in ledger.entries(owner) if each.registry in registries and not _defines(names, each)]
        if left and is_edit(owner.source, text):
            return owner, left
    return None


def is_edit(former: str, text: str) -> bool:
    """Return whether a text may be an edit of a former one: it defines the same, or the same under another name."""
    before, now = source.definitions(former), source.definitions(text)
    if before & now:
        return True
    if len(before) != 1 or len(now) != 1 or max(len(former), len(text)) > _LONGEST:
        return False
    import difflib

    (was,), (name,) = before, now
    renamed = re.sub(rf"\b{was}\b", name, former)
    return difflib.SequenceMatcher(None, renamed.strip(), text.strip()).ratio() >= _ALIKE


def _defines(names: set[str], entry: Entry) -> bool:
    """Return whether a text that defines these names may define what an entry is."""
    defined = definition(entry.subject)
    return defined is not None and str(defined[1]).partition(".")[0] in names
