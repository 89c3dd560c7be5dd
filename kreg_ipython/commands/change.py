"""Carry out the words that change what is registered, kept, watched or guarded."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import Literal

from kreg_ipython import report
from kreg_ipython.commands import find
from kreg_ipython.guard.ledger import Entry, Owner
from kreg_ipython.lib.naming import clean, enumerated, key_text, named
from kreg_ipython.registries.registry import NotThere
from kreg_ipython.report.done import Done, Refused
from kreg_ipython.report.render import count
from kreg_ipython.report.status import is_library, is_stale
from kreg_ipython.session.notebook import Notebook


def clear(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    """Carry out ``%kreg clear``."""
    find.must_be_on(notebook)
    entries = find.all_entries(notebook)
    ways = [bool(args.key), args.cell is not None, args.module is not None, args.stale, args.all]
    if sum(ways) != 1:
        raise Refused("give exactly one of: keys that %kreg status shows, --cell N, --module M, --stale, --all.")
    if args.key:
        chosen = find.entries_with_keys(notebook, args.key)
    elif args.cell is not None:
        owners = find.owners_of_cell(notebook, args.cell)
        chosen = [entry for entry in entries if entry.owner in owners]
    elif args.module is not None:
        ids = find.ids_of_module(notebook, args.module)
        chosen = [entry for entry in entries if entry.owner and entry.owner.kind != "cell" and entry.owner.id in ids]
    else:
        chosen = [
            entry
            for entry in entries
            if not is_library(entry.owner)
            and (args.all or (is_stale(entry) and entry.name not in notebook.process.guard.memory.pinned))
        ]
    return _done("clear", "cleared", notebook.process.guard.clear(chosen), "%kreg undo restores what was cleared.")


def undo(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    """Carry out ``%kreg undo``."""
    find.must_be_on(notebook)
    restored = notebook.process.guard.undo()
    if not restored:
        raise Refused(
            "nothing to undo: only the last sweep or clear can be undone, once. %kreg log shows what was swept."
        )
    under = {entry: _over(notebook, entry) for entry in restored}
    standing = [f"{clean(key_text(entry.key))} is under {over.label}'s" for entry, over in under.items() if over]
    where = f"{enumerated(standing)}. " if standing else ""
    then = "The next run of the cell sweeps what it does not register; %kreg keep prevents that."
    return _done("undo", "restored", restored, where + then)


def _over(notebook: Notebook, entry: Entry) -> Owner | None:
    """Return the owner of the entry that shadows one; None if it is the one that is found."""
    ledger = notebook.process.guard.ledger
    top = ledger.top(entry.spot) if ledger.is_shadowed(entry) else None
    return top.owner if top is not None else None


def keep(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    """Carry out ``%kreg keep``."""
    entries = find.entries_with_keys(notebook, args.key)
    notebook.process.guard.memory.pinned.update(entry.name for entry in entries)
    for entry in entries:
        _note(notebook, "kept", entry)
    return _done("keep", "keeping", entries, "%kreg release ends this.")


def release(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    """Carry out ``%kreg release``."""
    released = tuple((registry, key) for registry, key in notebook.process.guard.memory.pinned if key in args.key)
    missing = [key for key in dict.fromkeys(args.key) if key not in {key for _, key in released}]
    if missing:
        raise Refused(f"not kept: {named(missing)}. {find.pinned_text(notebook)}")
    notebook.process.guard.memory.pinned -= {*released}
    for entry in [entry for entry in notebook.process.guard.ledger if entry.name in released]:
        _note(notebook, "released", entry)
        if entry.kept:
            entry.kept = "%kreg release: the next run sweeps it"
    names = named(dict.fromkeys(key for _, key in released))
    return Done("release", f"released {names}: the next run sweeps what it does not register again", released)


def watch(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    """Carry out ``%kreg watch``."""
    paths = [find.container_path(notebook, path) for path in args.path]
    for path in paths:
        try:
            notebook.process.watch(path)
        except NotThere:
            module, _, attribute = path.partition(":")
            raise Refused(
                f"{module} has no {attribute!r}.{find.closest(attribute, vars(sys.modules[module]))}"
            ) from None
        except TypeError as error:
            raise Refused(f"{error}; name the container itself.") from None
        except ValueError as error:
            raise Refused(f"{error}.") from None
    waiting = notebook.process.waiting()
    entries = [entry for entry in notebook.process.guard.ledger if entry.registry in paths]
    watching = [path for path in notebook.process.watched if path not in waiting]
    words = [f"watching {', '.join(watching)}"] if watching else []
    words += [f"adopted {count(len(entries), 'entry', 'entries')}"] if entries else []
    words += [f"will watch {', '.join(waiting)} once it exists"] if waiting else []
    words = words or ["watching nothing; %kreg watch MODULE:ATTR adds a container"]
    words += [] if notebook.process.on else ["kreg is off; %kreg on turns it on"]
    return Done("watch", "; ".join(words), _keys(entries))


def unwatch(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    """Carry out ``%kreg unwatch``."""
    watched = notebook.process.watched
    paths = dict.fromkeys(path if path in watched else find.container_path(notebook, path) for path in args.path)
    for path in paths:
        if path not in watched:
            raise Refused(f"{path} is not watched.{find.choices(watched)}")
    for path in paths:
        notebook.process.unwatch(path)
    return Done("unwatch", f"no longer watching {', '.join(paths)}; the contents stay")


def on(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    """Carry out ``%kreg on``."""
    notebook.start()
    mine = [entry for entry in notebook.process.guard.ledger if not is_library(entry.owner)]
    entries = count(len(mine), "entry", "entries")
    return Done("on", f"on: guarding {len(notebook.process.guard.present())} registries, with {entries} of yours")


def off(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    """Carry out ``%kreg off``."""
    notebook.process.stop()
    return Done("off", "off: the registries behave as without kreg; nothing was removed. %kreg on turns it on.")


def _done(act: str, verb: str, entries: list[Entry], then: str) -> Done:
    names = named(dict.fromkeys(key_text(entry.key) for entry in entries))
    message = f"{verb} {count(len(entries), 'entry', 'entries')}" + (f": {names}. {then}" if entries else "")
    return Done(act, message, _keys(entries))


def _note(notebook: Notebook, act: Literal["kept", "released"], entry: Entry) -> None:
    """Write down what the user said of an entry."""
    reason = f"%kreg {'keep' if act == 'kept' else 'release'}"
    number = notebook.process.context.number()
    notebook.process.guard.memory.journal.note(act, entry.registry, entry.key, entry.owner, number, reason)


def _keys(entries: Iterable[Entry]) -> tuple[tuple[str, str], ...]:
    return tuple((entry.registry, key_text(entry.key)) for entry in entries)
