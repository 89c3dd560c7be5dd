"""Carry out the words that take models out of the notebook: ``verify`` and ``export``."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from kreg_ipython import report
from kreg_ipython.checks.cells import root
from kreg_ipython.commands import find
from kreg_ipython.lib.naming import enumerated, key_text
from kreg_ipython.report.done import Refused
from kreg_ipython.session.notebook import Notebook

if TYPE_CHECKING:
    from kreg_ipython.export.facts import Table
    from kreg_ipython.export.models import Subject


def verify(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    """Carry out ``%kreg verify``."""
    from kreg_ipython.export.models import subjects
    from kreg_ipython.export.module import module_for
    from kreg_ipython.export.verify import TIMEOUT, verify_models
    from kreg_ipython.report.verified import Interrupted, Line, NotVerified, Verified

    looked_at = find.looked_at(notebook, args.name)
    models = subjects(looked_at)
    for name in args.name:
        if not any(root(each.name) == root(name) for each in models):
            raise Refused(f"{name!r} is no model.{find.choices(each.name for each in models)}")
    module = module_for(looked_at, [one for each in models for one in each.roots])

    def text_of(model: Subject) -> str:
        return module_for(looked_at, model.roots).text

    try:
        with Line() as line:
            results = verify_models(models, module.text, text_of=text_of, timeout=args.timeout or TIMEOUT, shown=line)
    except KeyboardInterrupt:
        raise Interrupted("%kreg verify was interrupted; its process is ended") from None
    left_out = [
        f"{each.name}" + (f" of cell [{each.cell}]" if each.cell else "") + f": {each.why}" for each in module.left_out
    ]
    verified = Verified(tuple(results), tuple(left_out))
    if args.strict and any(each.verdict != "loads" for each in results):
        raise NotVerified(f"{verified.summary()}. %kreg verify shows the details.")
    return verified


def export(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    """Carry out ``%kreg export``."""
    from kreg_ipython.export.file import CannotWrite, checked, names_itself, with_header, write
    from kreg_ipython.export.models import subjects
    from kreg_ipython.export.module import Module, module_for
    from kreg_ipython.export.proof import asked, proven
    from kreg_ipython.export.verify import TIMEOUT, Outcome, verified
    from kreg_ipython.report.exported import Exported
    from kreg_ipython.report.verified import Interrupted, Line

    looked_at = find.looked_at(notebook, [])
    models = subjects(looked_at)
    roots = _roots(notebook, args.name, models)

    def make(refused: Mapping[str, str]) -> Module:
        return module_for(looked_at, roots, inline=args.inline, refused=refused)

    module = make({})
    if not any(line.strip() and not line.startswith("#") for line in module.text.splitlines()):
        raise Refused(f"nothing of it can be written: {'; '.join(each.why for each in module.left_out)}.")
    given = {id(root) for root in roots}
    named_ones = [each for each in models if each.roots and all(id(one) in given for one in each.roots)]
    outcome = Outcome([], None)
    deadline = time.monotonic() + (args.timeout or TIMEOUT)
    try:
        path = checked(args.path, force=args.force)
        name = os.path.splitext(os.path.basename(path))[0]
        if names_itself(path, module.text):
            raise CannotWrite(f"{args.path} is where these definitions are; %kreg export writes those of cells")
        with Line() as line:

            def described(module: Module) -> Table | None:
                nonlocal outcome
                text = with_header(module, os.path.basename(notebook.path))
                write(path, text)
                left = max(deadline - time.monotonic(), 0.0)
                outcome = verified(named_ones, text, name, asked(module, name), left, line)
                return outcome.table

            module = proven(module, make, name, described)
    except CannotWrite as error:
        raise Refused(f"{error}.") from None
    except KeyboardInterrupt:
        raise Interrupted(f"%kreg export was interrupted; {args.path} is written, and not verified") from None
    problem = outcome.failed or (None if outcome.table is None else "")
    return Exported(
        args.path, module.objects, module.cells, module.left_out, module.differs, tuple(outcome.results), problem
    )


def _of_models(models: Iterable[Subject]) -> str:
    """Return what becomes of the models if no cell has registered anything, as the end of a sentence."""
    others = [each.name for each in models if each.roots]
    if others:
        return f"; name a class, a function, or a model that is made of yours ({enumerated(others)})"
    alone = [each.name for each in models]
    if alone:
        return f", and {enumerated(alone)} {'loads' if len(alone) == 1 else 'load'} without any definition of yours"
    return "; name a class or a function to write it"


def _roots(notebook: Notebook, names: list[str], models: Iterable[Subject]) -> list[Any]:
    """Return what some variables and keys need; without any, what all cells have registered."""
    ledger, variables = notebook.process.guard.ledger, notebook.variables()
    current = [entry for entry in ledger if not ledger.is_shadowed(entry)]
    if not names:
        found = [entry.subject for entry in current if entry.owner is not None and entry.owner.kind == "cell"]
        if not found:
            raise Refused(f"nothing to export: no cell has registered anything{_of_models(models)}.")
        return found
    found = []
    for name in names:
        of_models = [one for each in models if each.name == name for one in each.roots]
        with_key = [entry.subject for entry in current if key_text(entry.key) == name]
        value = variables.get(name)
        if of_models or with_key:
            found += of_models or with_key
        elif any(each.name == name for each in models):
            raise Refused(f"the model {name!r} needs no definition of yours.")
        elif isinstance(value, type) or callable(value):
            found.append(value if isinstance(value, type) or type(value).__module__ != "__main__" else type(value))
        elif name in variables:
            raise Refused(f"{name!r} is no model, class or function.")
        else:
            raise Refused(
                f"no variable and no key {name!r}.{find.closest(name, [*variables, *find.known_keys(notebook)])}"
            )
    return found
