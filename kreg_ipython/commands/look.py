"""Carry out the words that look and change nothing: ``status``, ``show``, ``log``, ``check``."""

from __future__ import annotations

import argparse

from kreg_ipython import report
from kreg_ipython.checks.cells import Cells
from kreg_ipython.commands import find
from kreg_ipython.registries import OPAQUE
from kreg_ipython.report.done import Refused
from kreg_ipython.report.status import in_registry
from kreg_ipython.session.notebook import Notebook


def status(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    """Carry out ``%kreg status``."""
    if args.registry is not None:
        find.must_be_registry(notebook, args.registry)
    asked = [f"--registry {args.registry}"] * bool(args.registry) + [f"--cell {args.cell}"] * (args.cell is not None)
    owners = None if args.cell is None else find.owners_of_cell(notebook, args.cell)
    options = " ".join(asked + ["--stale"] * args.stale + ["--all"] * args.all)
    selection = report.Selection(args.registry, owners, args.stale, args.all, options)
    process = notebook.process
    return report.status(process.guard, selection, on=process.on, waiting=process.waiting(), places=notebook.places())


def show(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    """Carry out ``%kreg show``."""
    if args.registry is not None:
        find.must_be_registry(notebook, args.registry)
    cells = Cells(notebook.cells())
    lives = report.lives(
        notebook.process.guard,
        args.key,
        names=notebook.variables(),
        cell_that_assigns=lambda name: cells.assigns(name).cell,
        opaque=OPAQUE,
        registry=lambda name: args.registry is None or in_registry(name, args.registry),
    )
    if not lives.lives:
        find.must_be_on(notebook)
        raise Refused(f"unknown key {args.key!r}.{find.meant(notebook, args.key)}")
    return lives


def log(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    """Carry out ``%kreg log``."""
    events = notebook.process.guard.memory.journal.acts()
    if args.number is None:
        return report.Log(tuple(events))
    earlier = max(len(events) - args.number, 0)
    return report.Log(tuple(events[earlier:]), earlier)


def check(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    """Carry out ``%kreg check``."""
    from kreg_ipython import checks
    from kreg_ipython.report.findings import Findings, MistakesFound

    looked_at = find.looked_at(notebook, args.name, convert=args.convert)
    findings, faults = checks.check(looked_at)
    found = Findings(tuple(findings), looked_at.checked, faults)
    if args.strict and found.findings:
        raise MistakesFound(f"{found.summary()}. %kreg check shows the details.")
    return found
