"""Define the subcommands of ``%kreg`` in one table: each with its arguments, help, completions and function."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

from kreg_ipython import report
from kreg_ipython.commands import change, find, look, take_out
from kreg_ipython.commands.words import Argument, Subcommand, cell_number, flag, natural, seconds
from kreg_ipython.report.done import Refused
from kreg_ipython.session.notebook import Notebook


def _engines(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    from kreg_ipython.engines import command

    return command.engines(
        notebook,
        variable=args.client,
        profile=args.profile,
        load=args.load,
        sync=args.sync,
        timeout=args.timeout,
    )


def _panel(notebook: Notebook, args: argparse.Namespace) -> Any:
    find.must_be_on(notebook)
    if not hasattr(notebook.shell, "kernel"):
        raise Refused("there is no page that it could be in; %kreg status shows the same as text.")
    if find_spec("anywidget") is None:
        raise Refused("anywidget is not installed: %pip install anywidget, and then reload the page.")
    from kreg_ipython.panel import live

    return live.opened(notebook, functools.partial(_carry_out, notebook))


def _carry_out(notebook: Notebook, word: str, arguments: list[str]) -> report.Shown:
    """Carry out a word after ``%kreg`` with its arguments; `Refused` if that cannot be done."""
    subcommand = SUBCOMMANDS[word]
    done: report.Shown = subcommand.run(notebook, subcommand.parser().parse_args(arguments))
    return done


_KEY = Argument(("key",), {"metavar": "KEY", "help": "a key, as %%kreg status shows it"}, find.known_keys)
_KEYS = Argument(("key",), {**_KEY.options, "nargs": "+"}, find.known_keys)
_PATHS = Argument(
    ("path",), {"metavar": "MODULE:ATTR", "nargs": "+", "help": "a dict, list or set"}, find.watched_paths
)
_CELL = Argument(
    ("--cell",), {"type": cell_number, "metavar": "N", "help": "only what cell [N] registered"}, find.cell_numbers
)
_REGISTRY = Argument(("--registry",), {"metavar": "R", "help": "only this registry or framework"}, find.registry_names)
_JSON = Argument(("--json",), {"action": "store_true", "help": "print JSON"})


_ENGINES = flag("--engines", "on all engines of the ipyparallel cluster, see %%kreg engines")


SUBCOMMANDS = {
    subcommand.name: subcommand
    for subcommand in (
        Subcommand(
            "status",
            "Show what is registered, by which cell or module, at which line, in which state.",
            look.status,
            (
                _REGISTRY,
                _CELL,
                flag("--stale", "only entries that a fresh kernel may not have"),
                flag("--all", "also list what frameworks and installed packages registered"),
                _ENGINES,
                _JSON,
            ),
        ),
        Subcommand(
            "show",
            "Show one key: its entry, what it shadows, which variables use former objects, and its history.",
            look.show,
            (_KEY, _REGISTRY, _JSON),
        ),
        Subcommand(
            "log",
            "Show what kreg did and why, the newest act last.",
            look.log,
            (
                Argument(
                    ("-n",), {"type": natural, "metavar": "N", "dest": "number", "help": "only the last N events"}
                ),
                _JSON,
            ),
        ),
        Subcommand(
            "check",
            "Look for mistakes around models, optimizers, metrics and saving. Changes nothing.",
            look.check,
            (
                Argument(
                    ("name",), {"metavar": "NAME", "nargs": "*", "help": "only these variables"}, find.variable_names
                ),
                flag("--strict", "raise an exception if anything is found"),
                flag("--convert", "also convert the models to TFLite, and compare the outputs"),
                _ENGINES,
                _JSON,
            ),
        ),
        Subcommand(
            "verify",
            "Load models in a fresh process that has only their definitions, and compare the answers.",
            take_out.verify,
            (
                Argument(
                    ("name",), {"metavar": "NAME", "nargs": "*", "help": "only these models"}, find.variable_names
                ),
                flag("--strict", "raise an exception if a model does not load and answer the same"),
                Argument(
                    ("--timeout",),
                    {"type": seconds, "metavar": "S", "help": "seconds for all models (120)"},
                ),
                _JSON,
            ),
        ),
        Subcommand(
            "export",
            "Write a module that defines and registers what models need, and verify it.",
            take_out.export,
            (
                Argument(("path",), {"metavar": "PATH", "help": "the file of the module, such as my_layers.py"}),
                Argument(
                    ("name",),
                    {
                        "metavar": "NAME",
                        "nargs": "*",
                        "default": [],
                        "help": "only what these models, classes, functions or keys need",
                    },
                    lambda notebook: [*find.variable_names(notebook), *find.known_keys(notebook)],
                ),
                flag("--force", "overwrite a file that kreg did not write, or that was edited since"),
                flag("--inline", "also copy the definitions of your own modules, instead of importing them"),
                Argument(
                    ("--timeout",),
                    {"type": seconds, "metavar": "S", "help": "seconds for the verification (120)"},
                ),
                _JSON,
            ),
        ),
        Subcommand("panel", "Show the entries in a panel beside the cells, which follows each run.", _panel),
        Subcommand("undo", "Undo the last sweep or clear.", change.undo, (_ENGINES,)),
        Subcommand(
            "clear",
            "Remove entries for good; what they shadowed is restored.",
            change.clear,
            (
                Argument(_KEY.names, {**_KEY.options, "nargs": "*"}, find.known_keys),
                Argument(
                    _CELL.names, {**_CELL.options, "help": "everything that cell [N] registered"}, find.cell_numbers
                ),
                Argument(
                    ("--module",),
                    {"metavar": "M", "help": "everything that a module or script registered"},
                    find.module_ids,
                ),
                flag("--stale", "everything that the last runs did not register again"),
                flag("--all", "all your entries"),
                _ENGINES,
            ),
        ),
        Subcommand("keep", "Never sweep these keys, whatever the next runs register.", change.keep, (_KEYS,)),
        Subcommand(
            "release",
            "End %kreg keep for these keys.",
            change.release,
            (Argument(_KEYS.names, _KEYS.options, find.pinned_keys),),
        ),
        Subcommand(
            "watch",
            "Guard a dict, list or set of your own or of another library.",
            change.watch,
            (Argument(_PATHS.names, {**_PATHS.options, "nargs": "*"}, find.containers),),
        ),
        Subcommand("unwatch", "End %kreg watch for these containers; their contents stay.", change.unwatch, (_PATHS,)),
        Subcommand(
            "engines",
            "Show the engines of an ipyparallel cluster in one table: what differs, and what is equal everywhere.",
            _engines,
            (
                Argument(
                    ("client",),
                    {"metavar": "CLIENT", "nargs": "?", "help": "a variable: a client or a view"},
                    find.variable_names,
                ),
                Argument(("--profile",), {"metavar": "P", "help": "connect to the cluster of this profile"}),
                flag("--load", "first load kreg on the engines; then what cells send says which cell it is of"),
                flag("--sync", "first run the cells that differ again on the engines that lag"),
                Argument(
                    ("--timeout",),
                    {"metavar": "S", "type": seconds, "default": 10.0, "help": "wait for S seconds (10)"},
                ),
                _JSON,
            ),
        ),
        Subcommand("on", "Guard the registries again, and adopt what is in them.", change.on),
        Subcommand("off", "Stop guarding the registries; nothing is removed.", change.off),
    )
}


def completions(notebook: Notebook, words: list[str]) -> list[str]:
    """Return the completions of the last of these words, which follow ``%kreg``."""
    *before, word = words
    if not before:
        candidates: Iterable[str] = SUBCOMMANDS
    elif before[0] not in SUBCOMMANDS:
        return []
    else:
        arguments = SUBCOMMANDS[before[0]].arguments
        taking = [each for each in arguments if before[-1] in each.names and "action" not in each.options]
        if word.startswith("-"):
            candidates = _options(arguments)
        else:
            positional = [each for each in arguments if not each.names[0].startswith("-")]
            candidates = [word for each in taking or positional for word in each.complete(notebook)]
            if not candidates and not word and not taking:
                candidates = _options(arguments)
    return [candidate for candidate in candidates if candidate.startswith(word)]


def _options(arguments: Iterable[Argument]) -> list[str]:
    return [name for each in arguments for name in each.names if name.startswith("-")] + ["--help"]
