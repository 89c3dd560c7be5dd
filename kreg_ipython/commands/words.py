"""Describe a subcommand of ``%kreg`` and its arguments, for argparse and for completion."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from kreg_ipython.report.done import Refused
from kreg_ipython.session.notebook import Notebook


@dataclass(frozen=True)
class Argument:
    """One argument: its names and options for argparse, and its completions."""

    names: tuple[str, ...]
    options: dict[str, Any]
    complete: Callable[[Notebook], Iterable[str]] = lambda notebook: ()


@dataclass(frozen=True)
class Subcommand:
    """One subcommand of ``%kreg``: its name, a summary, its function and its arguments."""

    name: str
    summary: str
    run: Callable[[Notebook, argparse.Namespace], Any]
    arguments: tuple[Argument, ...] = ()

    def parser(self) -> argparse.ArgumentParser:
        """Return the parser of the arguments. It raises `Refused` for an invalid argument."""
        parser = _Parser(prog=f"%kreg {self.name}", description=self.summary, add_help=False)
        parser.add_argument("-h", "--help", action="store_true", help="show this help")  # the magic looks for it first
        for argument in self.arguments:
            parser.add_argument(*argument.names, **argument.options)
        return parser


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.color = False  # Python 3.14 would colour what stands in a message, too

    def error(self, message: str) -> NoReturn:
        raise Refused(f"{message}. {self.format_usage().strip()}")


def cell_number(text: str) -> int:
    """Return the number of a cell, as ``[3]`` or ``3``."""
    return int(text.strip("[]"))


def seconds(text: str) -> float:
    """Return a time in seconds.

    Raises:
        argparse.ArgumentTypeError: if the text is none.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


def natural(text: str) -> int:
    """Return a number of events.

    Raises:
        argparse.ArgumentTypeError: if the text is none.
    """
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of events")
    return int(text)


cell_number.__name__ = "cell number"  # argparse names it in its message


def flag(name: str, words: str) -> Argument:
    """Return an argument that is said or not."""
    return Argument((name,), {"action": "store_true", "help": words})
