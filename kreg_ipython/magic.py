"""``%kreg``: one table of subcommands, each with its own arguments, help and function."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class

from kreg_ipython import report
from kreg_ipython.tracker import Tracker


@dataclass(frozen=True)
class Subcommand:
    """One word after ``%kreg``: what it does, in a line; its arguments; the function that does it."""

    name: str
    summary: str
    run: Callable[[Tracker, argparse.Namespace], Any]
    arguments: tuple[tuple[str, dict[str, Any]], ...] = ()

    def parser(self) -> _Parser:
        parser = _Parser(prog=f"%kreg {self.name}", description=self.summary, add_help=False)
        parser.add_argument("-h", "--help", action="store_true", help="show this")
        for name, options in self.arguments:
            parser.add_argument(name, **options)
        return parser


class _Parser(argparse.ArgumentParser):
    """Reports bad arguments as IPython's one-line UsageError."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}. {self.format_usage().strip()}")


def _status(tracker: Tracker, args: argparse.Namespace) -> report.Status | None:
    status = report.status(tracker.guard, on=tracker.on, everything=args.all)
    if not args.json:
        return status
    print(status.to_json())
    return None


def _clear(tracker: Tracker, args: argparse.Namespace) -> None:
    entries = list(tracker.guard.ledger)
    if args.key is None and args.cell is None:
        raise UsageError("%kreg clear: say what: a key that %kreg status shows, or --cell N.")
    if args.key is not None:
        entries = report.matching(entries, args.key)
        if not entries and not report.matching(tracker.guard.withdrawn(), args.key):
            raise UsageError(f"%kreg clear: no entry of yours has the key {args.key!r}. %kreg status lists them.")
    if args.cell is not None:
        entries = [e for e in entries if e.owner and e.owner.kind == "cell" and e.owner.number == args.cell]
        if not entries:
            raise UsageError(f"%kreg clear: cell [{args.cell}] holds no entries. %kreg status lists those that do.")
    cleared = len(tracker.guard.clear(entries))
    print(f"kreg: cleared {cleared} {'entry' if cleared == 1 else 'entries'}")


def _on(tracker: Tracker, args: argparse.Namespace) -> None:
    tracker.start()


def _off(tracker: Tracker, args: argparse.Namespace) -> None:
    tracker.stop()


SUBCOMMANDS = {
    subcommand.name: subcommand
    for subcommand in (
        Subcommand(
            "status",
            "Show what is registered, by which cell or module, at which line, in which state.",
            _status,
            (
                ("--all", {"action": "store_true", "help": "list what the frameworks registered, too"}),
                ("--json", {"action": "store_true", "help": "print JSON"}),
            ),
        ),
        Subcommand(
            "clear",
            "Take entries out for good; what they shadowed comes back.",
            _clear,
            (
                ("key", {"nargs": "?", "metavar": "KEY", "help": "a key, as %%kreg status shows it"}),
                ("--cell", {"type": int, "metavar": "N", "help": "all that cell [N] registered"}),
            ),
        ),
        Subcommand("on", "Guard the registries again, and adopt what is in them.", _on),
        Subcommand("off", "Leave everything as TensorFlow and Keras would; nothing is taken out.", _off),
    )
}


def _summary() -> str:
    words = "\n".join(f"    %kreg {name:<8}{each.summary}" for name, each in SUBCOMMANDS.items())
    return (
        "Show and change how kreg_ipython guards the registries of Keras and TensorFlow.\n\n"
        f"{words}\n\nBare %kreg is %kreg status. %kreg WORD --help says more. `st = %kreg status` gives the result\n"
        "as an object; st.to_dict() as a dict."
    )


@magics_class
class KregMagics(Magics):
    """The ``%kreg`` magic of one shell."""

    def __init__(self, shell: Any, tracker: Tracker) -> None:
        super().__init__(shell)
        self.tracker = tracker

    @line_magic
    def kreg(self, line: str) -> Any:
        try:
            word, *rest = shlex.split(line) or ["status"]
        except ValueError as error:
            raise UsageError(f"%kreg: {error}") from None
        if word.startswith("-"):
            word, rest = "status", [word, *rest]
        subcommand = SUBCOMMANDS.get(word)
        if subcommand is None:
            raise UsageError(f"%kreg: there is no {word!r}; there is {', '.join(SUBCOMMANDS)}.")
        parser = subcommand.parser()
        args = parser.parse_args(rest)
        if args.help:
            print(parser.format_help())
            return None
        return subcommand.run(self.tracker, args)

    kreg.__doc__ = _summary()
