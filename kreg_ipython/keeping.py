"""Whether a run that did not register something again only guarded it. When in doubt the entry is kept, and why."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Hashable, Iterable, Mapping
from types import CodeType
from typing import Any

from kreg_ipython import source
from kreg_ipython.ledger import Entry, Run
from kreg_ipython.origin import is_body
from kreg_ipython.registry import MISSING

Statements = Mapping[Hashable, Collection[Hashable]]
"""The keys that each statement of a source registered, by each helper that it calls; those of statements that nobody
saw under None."""


def by_statement(entries: Iterable[Entry]) -> Statements:
    """The keys of these entries by the statements, and the helpers, that registered them."""
    found: dict[Hashable, set[Hashable]] = {}
    for entry in entries:
        found.setdefault(_by_what(entry), set()).add(entry.key)
    return found


_COPY = "a cell without an id may be a copy of the one that registered it"
_UNSEEN = "nobody saw what registered it, and it may still do so"
_SKIPPED = "the code that registered it stands, and may have been skipped"


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
    stands = _statement(entry)
    if stands is None:  # written by a statement that nobody saw
        if None in registered:
            return ""
        elsewhere = entry.site is None and writer is not None and writer not in before
        return _UNSEEN if elsewhere or source.statements(before) <= source.statements(now) else ""
    if stands not in source.statements(now):
        return ""
    around = source.around(now, stands)
    if not around & {"condition", "function"} and _is_the_cells_own(entry):
        return ""  # it was executed
    again, ours = set(registered.get(_by_what(entry), ())), set(former.get(_by_what(entry), ()))
    if again and "choice" not in around and ("loop" not in around or again & ours):
        return ""  # it was executed, and by no loop that skips what is done
    skipped = entry.site is None or not entry.site.own or _stands(entry.site.code, namespace)
    return _SKIPPED if skipped else ""


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
    code = entry.site.code
    return stands, getattr(code, "co_qualname", code.co_name), entry.site.line - code.co_firstlineno


def _is_the_cells_own(entry: Entry) -> bool:
    """Whether the registering call stands in the cell's own body, not in a function that may do it only once."""
    return entry.site is None or (entry.site.own and is_body(entry.site.code))


def _stands(site: CodeType, namespace: Mapping[str, Any]) -> bool:
    """Whether the helper that made the registration still is what its name means."""
    name, *rest = getattr(site, "co_qualname", site.co_name).split(".")
    meant = namespace.get(name, MISSING)
    known = meant is not MISSING and "<locals>" not in rest
    for name in rest:
        meant = vars(meant).get(name, MISSING) if hasattr(meant, "__dict__") else MISSING
        meant = getattr(meant, "__func__", meant)
    if known and meant is MISSING:
        return False
    code = getattr(meant, "__code__", site)
    try:
        return code is site or inspect.getsource(code) == inspect.getsource(site)
    except (OSError, TypeError):
        return True
