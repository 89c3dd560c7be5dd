"""Whether a run that did not register something again only guarded it. When in doubt the entry is kept, and why."""

from __future__ import annotations

import functools
from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Any

from kreg_ipython.guard import helpers
from kreg_ipython.guard.ledger import Entry, Name, Run
from kreg_ipython.lib import source
from kreg_ipython.lib.naming import definition
from kreg_ipython.lib.stack import is_body

Statements = Mapping[Hashable, Collection[Name]]
"""The keys, in words, that each statement of a source registered, by each helper that it calls; those of statements
that nobody saw under None."""


def by_statement(entries: Iterable[Entry]) -> Statements:
    """The keys of these entries by the statements, and the helpers, that registered them."""
    found: dict[Hashable, set[Name]] = {}
    for entry in entries:  # the key itself may be the very object, another one at each run
        found.setdefault(_by_what(entry), set()).add(entry.name)
    return found


_COPY = "a cell without an id may be a copy of the one that registered it"
_UNSEEN = "nobody saw what registered it, and it may still do so"
_SKIPPED = "the code that registered it stands, and may have been skipped"
_UNREAD = "the text cannot be read, and may still hold what registered it"
_DOUBTS = {"condition", "function", "loop"}


def why_kept(
    entry: Entry,
    run: Run,
    former: Statements,
    registered: Statements,
    namespace: Mapping[str, Any],
    writer: str | None = None,
) -> str:
    """Why a successful run may still hold the code that registered ``entry`` without having executed it; empty if not.

    It does not if the statement is gone, or if it certainly was executed and registered other things.

    Args:
        entry: what the run has withdrawn and not registered again.
        former: all that was withdrawn from the same registry, this entry among them.
        registered: what the run registered there.
        namespace: what names mean after the run.
        writer: the name of the function that hands the registry's dict out, by which a cell may have written to it.
    """
    before, now = _source(entry), run.source
    if not before or now is None:
        return _UNSEEN
    if run.owner.id is None and run.owner.kind == "cell":
        return _COPY
    if not source.parses(now):
        return _UNREAD
    what = _by_what(entry)
    again, ours = set(registered.get(what, ())), set(former.get(what, ()))
    if what is None:
        if entry.adopted:
            doubtful = _may_be_registered(entry, before, now)
        else:
            by_library = entry.site is None and writer is not None and writer not in before
            doubtful = by_library or _may_be_written(before, now, writer, bool(again & ours))
        return _UNSEEN if doubtful else ""
    stands = {_statement(entry), source.statement(before, entry.own_line)} - {None}
    if not stands <= source.statements(now):
        return ""
    around = set().union(*(source.around(now, each) for each in stands))
    own = _is_the_cells_own(entry)
    if not around & _DOUBTS and (own or not source.still_registers(before, entry.line, now)):
        return ""  # it was executed
    if not own and entry.site is not None:
        around = around | (helpers.around(entry.site) - {"function"})
    skips = "choice" in around or (not own and "condition" in around)
    if again and not skips and (again & ours or (own and "loop" not in around)):
        return ""  # it was executed, and by nothing that skips what is done
    skipped = entry.site is None or not entry.site.own or helpers.stands(entry.site, namespace)
    return _SKIPPED if skipped else ""


def _may_be_registered(entry: Entry, before: str, now: str) -> bool:
    """Whether a source may still register what was adopted: another cell than that of its definition may have done."""
    defined = definition(entry.subject)
    stands = defined and len(defined) > 1 and source.line_of_definition(now, str(defined[1])) is not None
    return bool(stands) or source.statements(before) <= source.statements(now)


def _may_be_written(before: str, now: str, writer: str | None, others: bool) -> bool:
    """Whether a source may still hold what wrote to a registry's dict; ``others`` tells that the run wrote again what
    was written beside it."""
    around = _around_writing(before, now)
    if others and (around or not writer) and not any(each & {"condition", "function", "choice"} for each in around):
        return False
    return source.statements(before) <= source.statements(now) or any(each & _DOUBTS for each in around)


@functools.lru_cache(maxsize=4)
def _around_writing(before: str, now: str) -> list[set[str]]:
    """What the statements stand in that may write to a container, and stand in both texts; methods are not asked."""
    found = [source.around(now, each) for each in source.writing(before) & source.statements(now)]
    return [each for each in found if not each >= {"class", "function"}]


def _source(entry: Entry) -> str:
    return (entry.run.source if entry.run else None) or ""


def _statement(entry: Entry) -> Hashable:
    """The statement that registered an entry. The line of what nobody saw must be one that may do so: a decorator's, or
    one that writes to a dict."""
    text = _source(entry)
    stands = source.statement(text, entry.line)
    decorated = isinstance(stands, source.Definition) and stands.decorated
    return stands if entry.site is not None or decorated or source.writes(text, entry.line) else None


def _by_what(entry: Entry) -> Hashable:
    """The statement; and the place in a helper, which may make one registration at each call and another one once."""
    stands = _statement(entry)
    if stands is None or entry.site is None or _is_the_cells_own(entry):
        return stands
    call = source.statement(_source(entry), entry.own_line)
    return stands, call, helpers.name(entry.site), helpers.place(entry.site)


def _is_the_cells_own(entry: Entry) -> bool:
    """Whether the registering call stands in the cell's own body, not in a function that may do it only once."""
    return entry.site is None or (entry.site.own and is_body(entry.site.code))
