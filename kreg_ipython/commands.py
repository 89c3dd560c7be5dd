"""Define the subcommands of ``%kreg`` in one table: each with its arguments, help, completions and function."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from kreg_ipython import report
from kreg_ipython.checks.cells import Cells, root
from kreg_ipython.guard.ledger import Entry, Owner
from kreg_ipython.lib.holders import Opaque
from kreg_ipython.lib.naming import clean, enumerated, key_text, named
from kreg_ipython.registries import BUILT_UPON, is_opaque
from kreg_ipython.registries.registry import NotThere
from kreg_ipython.report.done import Done, Refused
from kreg_ipython.report.render import count
from kreg_ipython.report.status import in_registry, is_library, is_stale
from kreg_ipython.session.notebook import Notebook

if TYPE_CHECKING:
    from kreg_ipython import checks
    from kreg_ipython.export.models import Subject


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
    run: Callable[[Notebook, argparse.Namespace], report.Shown]
    arguments: tuple[Argument, ...] = ()

    def parser(self) -> argparse.ArgumentParser:
        """Return the parser of the arguments. It raises `Refused` for an invalid argument."""
        parser = _Parser(prog=f"%kreg {self.name}", description=self.summary, add_help=False)
        parser.add_argument("-h", "--help", action="store_true", help="show this help")  # the magic looks for it first
        for argument in self.arguments:
            parser.add_argument(*argument.names, **argument.options)
        return parser


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Refused(f"{message}. {self.format_usage().strip()}")


# -- looking


def _status(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    if args.registry is not None:
        _named_registry(notebook, args.registry)
    asked = [f"--registry {args.registry}"] * bool(args.registry) + [f"--cell {args.cell}"] * (args.cell is not None)
    return report.status(
        notebook.process.guard,
        on=notebook.process.on,
        registry=args.registry,
        owners=None if args.cell is None else _cell(notebook, args.cell),
        stale=args.stale,
        everything=args.all,
        waiting=notebook.process.waiting(),
        asked=" ".join(asked + ["--stale"] * args.stale + ["--all"] * args.all),
        places=notebook.places(),
    )


def _show(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    if args.registry is not None:
        _named_registry(notebook, args.registry)
    cells = Cells(notebook.cells())
    lives = report.lives(
        notebook.process.guard,
        args.key,
        names=notebook.variables(),
        cell_that_assigns=lambda name: cells.assigns(name).cell,
        opaque=Opaque(is_opaque, BUILT_UPON),
        registry=lambda name: args.registry is None or in_registry(name, args.registry),
    )
    if not lives.lives:
        _must_be_on(notebook)
        raise Refused(f"unknown key {args.key!r}.{_meant(notebook, args.key)}")
    return lives


def _log(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    events = notebook.process.journal.acts()
    if args.number is None:
        return report.Log(tuple(events))
    earlier = max(len(events) - args.number, 0)
    return report.Log(tuple(events[earlier:]), earlier)


def _check(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    from kreg_ipython import checks
    from kreg_ipython.report.findings import Findings, MistakesFound

    looked_at = _looked_at(notebook, args.name, convert=args.convert)
    findings, faults = checks.check(looked_at)
    found = Findings(tuple(findings), looked_at.checked, faults)
    if args.strict and found.findings:
        raise MistakesFound(f"{found.summary()}. %kreg check shows the details.")
    return found


# -- taking out of the notebook


def _verify(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    from kreg_ipython.export.models import subjects
    from kreg_ipython.export.module import module_for
    from kreg_ipython.export.verify import TIMEOUT, verify_models
    from kreg_ipython.report.verified import Interrupted, Line, NotVerified, Verified

    looked_at = _looked_at(notebook, args.name)
    models = subjects(looked_at)
    for name in args.name:
        if not any(root(each.name) == root(name) for each in models):
            raise Refused(f"{name!r} is no model.{_choices(each.name for each in models)}")
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


def _export(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    from kreg_ipython.export.file import CannotWrite, checked, names_itself, with_header, write
    from kreg_ipython.export.imported import verify_module
    from kreg_ipython.export.models import subjects
    from kreg_ipython.export.module import module_for
    from kreg_ipython.export.verify import TIMEOUT
    from kreg_ipython.report.exported import Exported
    from kreg_ipython.report.verified import Interrupted, Line

    models = subjects(_looked_at(notebook, []))
    roots = _roots(notebook, args.name, models)
    module = module_for(_looked_at(notebook, []), roots, inline=args.inline)
    if not module.text.strip():
        raise Refused(f"nothing of it can be written: {'; '.join(each.why for each in module.left_out)}.")
    text = with_header(module, notebook.text_of_file()[0])
    try:
        path = checked(args.path, force=args.force)
        if names_itself(path, text):
            raise CannotWrite(f"{args.path} is where these definitions are; %kreg export writes those of cells")
        write(path, text)
    except CannotWrite as error:
        raise Refused(f"{error}.") from None
    named_ones = [each for each in models if all(any(one is root for root in roots) for one in each.roots)]
    name = os.path.splitext(os.path.basename(path))[0]
    try:
        with Line() as line:
            results, problem = verify_module(named_ones, text, name, timeout=args.timeout or TIMEOUT, shown=line)
    except KeyboardInterrupt:
        raise Interrupted(f"%kreg export was interrupted; {args.path} is written, and not verified") from None
    return Exported(args.path, module.objects, module.cells, module.left_out, tuple(results), problem)


def _roots(notebook: Notebook, names: list[str], models: Iterable[Subject]) -> list[Any]:
    """Return what some variables and keys need; without any, what all cells have registered."""
    ledger, variables = notebook.process.guard.ledger, notebook.variables()
    current = [entry for entry in ledger if not ledger.is_shadowed(entry)]
    if not names:
        found = [entry.subject for entry in current if entry.owner is not None and entry.owner.kind == "cell"]
        if not found:
            raise Refused("nothing to export: no cell has registered anything; name a model, a class or a function.")
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
            raise Refused(f"no variable and no key {name!r}.{_closest(name, [*variables, *_known(notebook)])}")
    return found


# -- many engines


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


# -- changing


def _clear(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    _must_be_on(notebook)
    entries = _entries(notebook)
    ways = [bool(args.key), args.cell is not None, args.module is not None, args.stale, args.all]
    if sum(ways) != 1:
        raise Refused("give exactly one of: keys that %kreg status shows, --cell N, --module M, --stale, --all.")
    if args.key:
        chosen = _with_keys(notebook, args.key)
    elif args.cell is not None:
        owners = _cell(notebook, args.cell)
        chosen = [entry for entry in entries if entry.owner in owners]
    elif args.module is not None:
        ids = _ids(notebook, args.module)
        chosen = [entry for entry in entries if entry.owner and entry.owner.kind != "cell" and entry.owner.id in ids]
    else:
        chosen = [
            entry
            for entry in entries
            if not is_library(entry.owner)
            and (args.all or (is_stale(entry) and entry.name not in notebook.process.guard.pinned))
        ]
    return _done("clear", "cleared", notebook.process.guard.clear(chosen), "%kreg undo restores what was cleared.")


def _undo(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    _must_be_on(notebook)
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


def _keep(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    entries = _with_keys(notebook, args.key)
    notebook.process.guard.pinned.update(entry.name for entry in entries)
    return _done("keep", "keeping", entries, "%kreg release ends this.")


def _release(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    released = tuple((registry, key) for registry, key in notebook.process.guard.pinned if key in args.key)
    missing = [key for key in dict.fromkeys(args.key) if key not in {key for _, key in released}]
    if missing:
        raise Refused(f"not kept: {named(missing)}. {_pinned_text(notebook)}")
    notebook.process.guard.pinned -= {*released}
    for entry in notebook.process.guard.ledger:
        if entry.kept and entry.name in released:
            entry.kept = "%kreg release: the next run sweeps it"
    names = named(dict.fromkeys(key for _, key in released))
    return Done("release", f"released {names}: the next run sweeps what it does not register again", released)


def _watch(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    paths = [_path(notebook, path) for path in args.path]
    for path in paths:
        try:
            notebook.process.watch(path)
        except NotThere:
            module, _, attribute = path.partition(":")
            raise Refused(f"{module} has no {attribute!r}.{_closest(attribute, vars(sys.modules[module]))}") from None
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


def _unwatch(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    watched = notebook.process.watched
    paths = dict.fromkeys(path if path in watched else _path(notebook, path) for path in args.path)
    for path in paths:
        if path not in watched:
            raise Refused(f"{path} is not watched.{_choices(watched)}")
    for path in paths:
        notebook.process.unwatch(path)
    return Done("unwatch", f"no longer watching {', '.join(paths)}; the contents stay")


def _on(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    notebook.start()
    mine = [entry for entry in notebook.process.guard.ledger if not is_library(entry.owner)]
    entries = count(len(mine), "entry", "entries")
    return Done("on", f"on: guarding {len(notebook.process.guard.present())} registries, with {entries} of yours")


def _off(notebook: Notebook, args: argparse.Namespace) -> report.Shown:
    notebook.process.stop()
    return Done("off", "off: the registries behave as without kreg; nothing was removed. %kreg on turns it on.")


# -- finding what is meant


def _looked_at(notebook: Notebook, asked: list[str], *, convert: bool = False) -> checks.Notebook:
    """Return the objects and cells that the checks look at, with the variables that the user names."""
    from kreg_ipython import checks

    names = notebook.variables()
    for name in asked:
        if name not in names:
            raise Refused(f"no variable {name!r}.{_closest(name, names)}")
    cells = Cells(notebook.cells(), notebook.cell_of, notebook.typed())
    return checks.Notebook(names, notebook.process.guard, cells, asked, convert=convert)


def _entries(notebook: Notebook) -> list[Entry]:
    """Return all entries, including those that are removed for a run that has not ended."""
    return [*notebook.process.guard.ledger, *notebook.process.guard.pending()]


def _with_keys(notebook: Notebook, keys: Iterable[str]) -> list[Entry]:
    """Return the entries that have these keys."""
    _must_be_on(notebook)
    entries = _entries(notebook)
    chosen: list[Entry] = []
    for key in dict.fromkeys(keys):
        found = [entry for entry in entries if key_text(entry.key) == key]
        if not found and any(former.key == key for former in notebook.process.guard.ledger.former()):
            raise Refused(f"{key!r} is no longer registered; see %kreg show {shlex.quote(key)}")
        if not found:
            raise Refused(f"none of your entries has the key {key!r}.{_meant(notebook, key)}")
        chosen += found
    return chosen


def _cell(notebook: Notebook, number: int) -> set[Owner]:
    """Return the cells with this execution count, now or in the run that an entry is from."""
    runs = [(entry.owner, entry.run) for entry in _entries(notebook) if entry.owner and entry.owner.kind == "cell"]
    found = {owner for owner, run in runs if number in (owner.number, run.number if run else None)}
    if not found:
        cells = sorted({owner.label for owner, _ in runs}, key=_number_in)
        raise Refused(f"cell [{number}] has no entries.{_choices(cells)}")
    return found


def _ids(notebook: Notebook, name: str) -> set[str]:
    """Return the ids of the modules and scripts with this name, including the modules of a package."""
    ids = set(_modules(notebook))
    found = {each for each in ids if each == name or each.startswith(f"{name}.") or each.endswith(f"/{name}")}
    if not found:
        raise Refused(f"no module or script {name!r} has entries.{_choices(sorted(ids))}")
    return found


def _named_registry(notebook: Notebook, name: str) -> None:
    names = list(notebook.process.guard.registries)
    if not any(in_registry(each, name) for each in names):
        frameworks = sorted({each.partition(".")[0].partition(":")[0] for each in names})
        meant = _closest(name, [*frameworks, *names]) or _choices(frameworks)
        raise Refused(f"unknown registry {name!r}.{meant}")


def _path(notebook: Notebook, text: str) -> str:
    variable = notebook.variables().get(text.partition(".")[0])
    if ":" not in text and variable is not None and not isinstance(variable, ModuleType):
        text = f"__main__:{text}"
    if not re.fullmatch(r"[\w.]+:[\w.]+", text):
        raise Refused(f"{text!r} is not the path of a container; write MODULE:ATTR, such as mymodels.registry:MODELS.")
    return text


def _meant(notebook: Notebook, key: str) -> str:
    known = _known(notebook)
    in_packages = [each for each in known if each.rpartition(">")[2] == key]
    return (
        _closest(key, in_packages or known, cutoff=0.0 if in_packages else 0.6) or " %kreg status lists your entries."
    )


def _must_be_on(notebook: Notebook) -> None:
    if not notebook.process.on:
        raise Refused("kreg is off and knows no entries; %kreg on turns it on.")


def _closest(word: str, words: Iterable[str], cutoff: float = 0.6) -> str:
    import difflib  # seldom needed

    found = difflib.get_close_matches(word, list(words), n=3, cutoff=cutoff)
    return f" Did you mean {named(found)}?" if found else ""


def _choices(words: Iterable[str]) -> str:
    found = ", ".join(words)
    return f" Choose from {found}." if found else ""


def _pinned_text(notebook: Notebook) -> str:
    pinned = named(_pinned(notebook))
    return f"Kept keys: {pinned}." if pinned else "No keys are kept."


def _number_in(label: str) -> int:
    return int(re.sub(r"\D", "", label) or 0)


def _done(act: str, verb: str, entries: list[Entry], then: str) -> Done:
    names = named(dict.fromkeys(key_text(entry.key) for entry in entries))
    message = f"{verb} {count(len(entries), 'entry', 'entries')}" + (f": {names}. {then}" if entries else "")
    return Done(act, message, _keys(entries))


def _keys(entries: Iterable[Entry]) -> tuple[tuple[str, str], ...]:
    return tuple((entry.registry, key_text(entry.key)) for entry in entries)


# -- what may stand for an argument


def _known(notebook: Notebook) -> list[str]:
    """Return every key of the user's, including former ones."""
    ledger = notebook.process.guard.ledger
    return list(dict.fromkeys([key_text(entry.key) for entry in ledger] + [former.key for former in ledger.former()]))


def _variables(notebook: Notebook) -> list[str]:
    return [name for name in notebook.variables() if not name.startswith("_")]


def _pinned(notebook: Notebook) -> list[str]:
    return sorted({key for _, key in notebook.process.guard.pinned})


def _registries(notebook: Notebook) -> list[str]:
    return [registry.name for registry in notebook.process.guard.present()]


def _cells(notebook: Notebook) -> list[str]:
    owners = {
        entry.owner for entry in notebook.process.guard.ledger if entry.owner is not None and entry.owner.kind == "cell"
    }
    return [str(owner.number) for owner in owners]


def _modules(notebook: Notebook) -> list[str]:
    owners = {
        entry.owner for entry in notebook.process.guard.ledger if entry.owner is not None and entry.owner.kind != "cell"
    }
    return [owner.id for owner in owners if owner.id is not None]


def _watched(notebook: Notebook) -> list[str]:
    return list(notebook.process.watched)


def _containers(notebook: Notebook) -> list[str]:
    """Return the paths of the containers in all imported modules but the standard library's."""
    modules = [name for name in sys.modules if name.partition(".")[0] not in sys.stdlib_module_names]
    return [
        f"{module}:{name}"
        for module in modules
        for name, value in list(getattr(sys.modules[module], "__dict__", {}).items())
        if any(type(value) is kind for kind in (dict, list, set)) and not name.startswith("__")
    ]


def _cell_number(text: str) -> int:
    return int(text.strip("[]"))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of events")
    return int(text)


_cell_number.__name__ = "cell number"  # argparse names it in its message


_KEY = Argument(("key",), {"metavar": "KEY", "help": "a key, as %%kreg status shows it"}, _known)
_KEYS = Argument(("key",), {**_KEY.options, "nargs": "+"}, _known)
_PATHS = Argument(("path",), {"metavar": "MODULE:ATTR", "nargs": "+", "help": "a dict, list or set"}, _watched)
_CELL = Argument(("--cell",), {"type": _cell_number, "metavar": "N", "help": "only what cell [N] registered"}, _cells)
_REGISTRY = Argument(("--registry",), {"metavar": "R", "help": "only this registry or framework"}, _registries)
_JSON = Argument(("--json",), {"action": "store_true", "help": "print JSON"})


def _flag(name: str, words: str) -> Argument:
    return Argument((name,), {"action": "store_true", "help": words})


_ENGINES = _flag("--engines", "on all engines of the ipyparallel cluster, see %%kreg engines")


SUBCOMMANDS = {
    subcommand.name: subcommand
    for subcommand in (
        Subcommand(
            "status",
            "Show what is registered, by which cell or module, at which line, in which state.",
            _status,
            (
                _REGISTRY,
                _CELL,
                _flag("--stale", "only entries that a fresh kernel may not have"),
                _flag("--all", "also list what frameworks and installed packages registered"),
                _ENGINES,
                _JSON,
            ),
        ),
        Subcommand(
            "show",
            "Show one key: its entry, what it shadows, which variables use former objects, and its history.",
            _show,
            (_KEY, _REGISTRY, _JSON),
        ),
        Subcommand(
            "log",
            "Show what kreg did and why, the newest act last.",
            _log,
            (
                Argument(
                    ("-n",), {"type": _natural, "metavar": "N", "dest": "number", "help": "only the last N events"}
                ),
                _JSON,
            ),
        ),
        Subcommand(
            "check",
            "Look for mistakes around models, optimizers, metrics and saving. Changes nothing.",
            _check,
            (
                Argument(("name",), {"metavar": "NAME", "nargs": "*", "help": "only these variables"}, _variables),
                _flag("--strict", "raise an exception if anything is found"),
                _flag("--convert", "also convert the models to TFLite, and compare the outputs"),
                _ENGINES,
                _JSON,
            ),
        ),
        Subcommand(
            "verify",
            "Load models in a fresh process that has only their definitions, and compare the answers.",
            _verify,
            (
                Argument(("name",), {"metavar": "NAME", "nargs": "*", "help": "only these models"}, _variables),
                _flag("--strict", "raise an exception if a model does not load and answer the same"),
                Argument(
                    ("--timeout",),
                    {"type": _seconds, "metavar": "S", "help": "seconds for all models (120)"},
                ),
                _JSON,
            ),
        ),
        Subcommand(
            "export",
            "Write a module that defines and registers what models need, and verify it.",
            _export,
            (
                Argument(("path",), {"metavar": "PATH", "help": "the file of the module, such as my_layers.py"}),
                Argument(
                    ("name",),
                    {
                        "metavar": "NAME",
                        "nargs": "*",
                        "help": "only what these models, classes, functions or keys need",
                    },
                    lambda notebook: [*_variables(notebook), *_known(notebook)],
                ),
                _flag("--force", "overwrite a file that kreg did not write, or that was edited since"),
                _flag("--inline", "also copy the definitions of your own modules, instead of importing them"),
                Argument(
                    ("--timeout",),
                    {"type": _seconds, "metavar": "S", "help": "seconds for the verification (120)"},
                ),
                _JSON,
            ),
        ),
        Subcommand("undo", "Undo the last sweep or clear.", _undo, (_ENGINES,)),
        Subcommand(
            "clear",
            "Remove entries for good; what they shadowed is restored.",
            _clear,
            (
                Argument(_KEY.names, {**_KEY.options, "nargs": "*"}, _known),
                Argument(_CELL.names, {**_CELL.options, "help": "everything that cell [N] registered"}, _cells),
                Argument(
                    ("--module",), {"metavar": "M", "help": "everything that a module or script registered"}, _modules
                ),
                _flag("--stale", "everything that the last runs did not register again"),
                _flag("--all", "all your entries"),
                _ENGINES,
            ),
        ),
        Subcommand("keep", "Never sweep these keys, whatever the next runs register.", _keep, (_KEYS,)),
        Subcommand(
            "release", "End %kreg keep for these keys.", _release, (Argument(_KEYS.names, _KEYS.options, _pinned),)
        ),
        Subcommand(
            "watch",
            "Guard a dict, list or set of your own or of another library.",
            _watch,
            (Argument(_PATHS.names, {**_PATHS.options, "nargs": "*"}, _containers),),
        ),
        Subcommand("unwatch", "End %kreg watch for these containers; their contents stay.", _unwatch, (_PATHS,)),
        Subcommand(
            "engines",
            "Show the engines of an ipyparallel cluster in one table: what differs, and what is equal everywhere.",
            _engines,
            (
                Argument(
                    ("client",),
                    {"metavar": "CLIENT", "nargs": "?", "help": "a variable: a client or a view"},
                    _variables,
                ),
                Argument(("--profile",), {"metavar": "P", "help": "connect to the cluster of this profile"}),
                _flag("--load", "first load kreg on the engines; then what cells send says which cell it is of"),
                _flag("--sync", "first run the cells that differ again on the engines that lag"),
                Argument(
                    ("--timeout",),
                    {"metavar": "S", "type": _seconds, "default": 10.0, "help": "wait for S seconds (10)"},
                ),
                _JSON,
            ),
        ),
        Subcommand("on", "Guard the registries again, and adopt what is in them.", _on),
        Subcommand("off", "Stop guarding the registries; nothing is removed.", _off),
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
            candidates = [name for each in arguments for name in each.names if name.startswith("-")] + ["--help"]
        else:
            positional = [each for each in arguments if not each.names[0].startswith("-")]
            candidates = [word for each in taking or positional for word in each.complete(notebook)]
    return [candidate for candidate in candidates if candidate.startswith(word)]
