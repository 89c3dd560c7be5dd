"""Whether a run that did not register something again only guarded it. When in doubt the entry is kept."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from types import CodeType
from typing import Any

from kreg_ipython import source
from kreg_ipython.ledger import Entry, Run
from kreg_ipython.naming import definition
from kreg_ipython.registry import MISSING


def only_guarded(
    entry: Entry, run: Run, former: Sequence[Entry], registered: Sequence[Entry], namespace: Mapping[str, Any]
) -> bool:
    """Whether the run still holds the code that registered ``entry`` but did not execute it.

    Args:
        entry: what the run has withdrawn and not registered again.
        former: all that was withdrawn from the same registry, this entry among them.
        registered: what the run registered there.
        namespace: what names mean after the run; ``run.bindings`` knows what they meant before.
    """
    before, now = _source(entry), run.source
    if not before or now is None or (run.owner.id is None and run.owner.kind == "cell"):
        return True  # a cell without an id, found by equal source, may be a copy of the one that registered this
    stands = source.statement(before, entry.line)
    if stands is None:
        return before == now and all(other.line is not None for other in registered)
    if stands not in source.statements(now):
        return False
    if isinstance(stands, source.Definition) and bound(entry, namespace) is not run.bindings.get(entry):
        return False  # the statement was executed: its name means another object now
    again = {other.key for other in registered if source.statement(now, other.line) == stands}
    if again:
        ours = {other.key for other in former if source.statement(_source(other), other.line) == stands}
        if again & ours or len(again) >= len(ours):
            return False  # executed; a loop that skips what is done would register fewer, and only new names
    return entry.site is None or _stands(entry.site, namespace)


def bound(entry: Entry, namespace: Mapping[str, Any]) -> Any:
    """What the name of the entry's object means now, or `MISSING`."""
    defined = definition(entry.subject)
    if defined is None or defined[0] != "__main__" or not isinstance(defined[1], str):
        return MISSING
    return _resolve(namespace, defined[1])


def _source(entry: Entry) -> str:
    return (entry.run.source if entry.run else None) or ""


def _stands(site: CodeType, namespace: Mapping[str, Any]) -> bool:
    """Whether the helper that made the registration still is what its name means."""
    meant = getattr(_resolve(namespace, getattr(site, "co_qualname", site.co_name)), "__code__", site)
    try:
        return meant is site or inspect.getsource(meant) == inspect.getsource(site)
    except (OSError, TypeError):
        return True


def _resolve(namespace: Mapping[str, Any], qualname: str) -> Any:
    """What a qualified name means, or `MISSING`; a class's own attributes, unwrapped from their descriptors."""
    name, *rest = qualname.split(".")
    meant = namespace.get(name, MISSING)
    for name in rest:
        meant = vars(meant).get(name, MISSING) if hasattr(meant, "__dict__") else MISSING
        meant = getattr(meant, "__func__", meant)
    return meant
