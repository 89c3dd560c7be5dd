"""Bring ``%kreg`` to IPython: the magic, its configuration and its completion.

The subcommands are in commands, which is imported when one is used first: loading must be quick.
"""

from __future__ import annotations

import copy
import re
import shlex
import sys
from traceback import walk_stack
from typing import Any

from IPython.core import completer
from IPython.core.error import UsageError
from IPython.core.extensions import ExtensionManager
from IPython.core.magic import Magics, line_magic, magics_class
from traitlets import Bool, Enum, List, TraitError, Unicode, observe

from kreg_ipython.guard.memory import ON_CONFLICT, VERBOSITIES
from kreg_ipython.lib.naming import clean
from kreg_ipython.lib.patch import divert
from kreg_ipython.registries import EXTRAS
from kreg_ipython.session.notebook import Notebook

_EXTENSION = __name__.partition(".")[0]


def _summary() -> str:
    from kreg_ipython.commands import SUBCOMMANDS

    words = "\n".join(f"    %kreg {name:<9}{each.summary}" for name, each in SUBCOMMANDS.items())
    return (
        "Show and change how kreg_ipython guards the registries of Keras and TensorFlow.\n\n"
        f"{words}\n\n%kreg alone is %kreg status. %kreg SUBCOMMAND --help shows the options. `st = %kreg status`\n"
        "returns the result as an object, st.to_dict() as a dict. %config KregMagics shows the settings."
    )


def configured(shell: Any, notebook: Notebook) -> KregMagics:
    """Return the magics of a shell.

    If the shell's configuration is invalid, the magics have the defaults, and a notice says so.
    """
    try:
        return KregMagics(shell, notebook)
    except TraitError as error:
        shell.configurables[:] = [each for each in shell.configurables if not isinstance(each, KregMagics)]
        notebook.process.guard.tell(_one_line(f"invalid configuration, the defaults are used: {error}"))
        config = copy.deepcopy(shell.config)
        del config["KregMagics"]
        return KregMagics(shell, notebook, config=config)


@magics_class
class KregMagics(Magics):
    """The ``%kreg`` magic of one shell, and its settings for ``%config KregMagics`` and ipython_config.py."""

    enabled = Bool(True, help="Whether kreg guards the registries: %kreg on and %kreg off.").tag(config=True)
    verbosity = Enum(
        VERBOSITIES,
        "notices",
        help="Which messages go to stderr: none, those you must know (collisions, faults), or every act of kreg.",
    ).tag(config=True)
    on_conflict = Enum(
        ON_CONFLICT,
        "note",
        help="What happens when a cell registers another definition under a key of another cell: the framework answers "
        "and kreg adds a note, the new definition replaces the old one, or an error is raised. What is written into a "
        "dict directly is only noted.",
    ).tag(config=True)
    names = Bool(True, help="Whether a cell that runs again gets the names that Keras gave in its former run.").tag(
        config=True
    )
    extras = List(
        Enum(tuple(EXTRAS)),
        help="Whose lists of handlers are guarded, too, so that they do not pile up when a cell runs again.",
    ).tag(config=True)
    status = Unicode("", help="The options of %kreg and %kreg status without any, such as '--stale'.").tag(config=True)

    _ready = False

    def __init__(self, shell: Any, notebook: Notebook, **options: Any) -> None:
        self.notebook = notebook
        super().__init__(shell, **options)
        self._set()
        self._set_extras()
        self._ready = True
        matchers = _matchers(shell)
        if matchers is None:
            shell.set_hook("complete_command", self._complete, str_key="%kreg")
        else:
            matchers.append(self._match)
        load: Any = ExtensionManager.load_extension
        self._original_load, self._give_back = divert(load, self._load_extension)

    @observe("verbosity", "on_conflict", "names")
    def _set(self, change: Any = None) -> None:
        settings = self.notebook.process.guard.memory.settings
        settings.verbosity, settings.on_conflict, settings.names = self.verbosity, self.on_conflict, self.names

    @observe("extras")
    def _set_extras(self, change: Any = None) -> None:
        self.notebook.process.guard_extras(self.extras)

    @observe("enabled")
    def _switch(self, change: Any) -> None:
        if self._ready and change.new != self.notebook.process.on:
            self.notebook.start() if change.new else self.notebook.process.stop()

    @line_magic
    def kreg(self, line: str) -> Any:
        """Show and change how kreg_ipython guards the registries of Keras and TensorFlow."""
        from kreg_ipython.commands import SUBCOMMANDS
        from kreg_ipython.report.done import Refused

        try:
            word, *rest = shlex.split(line) or ["status"]
            if word == "status" and not rest:
                rest = shlex.split(self.status)
        except ValueError as error:
            raise UsageError(f"%kreg: {error}") from None
        if word in ("help", "-h", "--help"):
            print(_summary())
            return None
        if word.startswith("-"):
            word, rest = "status", [word, *rest]
        subcommand = SUBCOMMANDS.get(word)
        if subcommand is None:
            raise UsageError(_one_line(f"%kreg: unknown subcommand {word!r}; choose from {', '.join(SUBCOMMANDS)}"))
        try:
            parser = subcommand.parser()
            if {"-h", "--help"} & set(rest):
                print(parser.format_help())
                return None
            args = parser.parse_args(rest)
            if getattr(args, "engines", False):
                from kreg_ipython.engines.command import everywhere

                result: Any = everywhere(self.notebook, word, rest)
            else:
                result = subcommand.run(self.notebook, args)
        except Refused as error:
            raise UsageError(_one_line(f"%kreg {word}: {error}")) from None
        self.enabled = self.notebook.process.on
        if getattr(args, "json", False):
            print(result.to_json())
            return None
        return result

    kreg.getdoc = _summary  # type: ignore[union-attr]  # what IPython shows for %kreg?

    def _complete(self, shell: Any, event: Any) -> list[str]:
        """Return completions, as the ``complete_command`` hook of IPython before 8.6 does. Python's names join them."""
        return self._completions(event.text_until_cursor, event.symbol)

    def _match(self, context: Any) -> dict[str, Any]:
        """Return completions, as a matcher of IPython does: nothing else is offered beside them."""
        begun = context.text_until_cursor
        found = self._completions(begun, context.token) if re.match(r"\s*%?kreg\s", begun) else []
        return {"completions": [completer.SimpleCompletion(each) for each in found], "suppress": True, "ordered": True}

    _match.matcher_api_version = 2  # type: ignore[attr-defined]  # as `IPython.core.completer.context_matcher` says it

    def _completions(self, begun: str, symbol: str) -> list[str]:
        """Return what may follow ``begun``, in place of ``symbol``, the end of its last word."""
        from kreg_ipython.commands import completions

        words = begun.split()[1:]
        if not words or begun[-1].isspace():
            words.append("")
        quote = words[-1][:1] if words[-1][:1] in ("'", '"') else ""
        found = completions(self.notebook, [*words[:-1], words[-1].removeprefix(quote)])
        whole = [each if _is_one_word(each) and not quote else _quoted(each, quote) for each in found]
        return [each[max(len(words[-1]) - len(symbol), 0) :] for each in whole]

    def _load_extension(self, manager: Any, module: str) -> str | None:
        """Load an extension as IPython does, which prints that this one is loaded already: Run All loads it again."""
        told: str | None = self._original_load(manager, module)
        return None if told == "already loaded" and module == _EXTENSION else told

    @staticmethod
    def is_reloading() -> bool:
        """Return whether ``%reload_ext`` is unloading an extension, to load it again at once."""
        reload = ExtensionManager.reload_extension.__code__
        return any(each.f_code is reload for each, _ in walk_stack(sys._getframe()))

    def remove_from(self, shell: Any) -> None:
        """Remove the magic from every place in its shell: IPython has no function for that."""
        self._give_back()
        del self._give_back  # a code object that leads to us is in no garbage collection
        shell.magics_manager.magics["line"].pop("kreg", None)
        shell.magics_manager.registry.pop("KregMagics", None)
        shell.configurables[:] = [each for each in shell.configurables if each is not self]
        matchers = _matchers(shell)
        if matchers is None:
            shell.strdispatchers["complete_command"].strs.pop("%kreg", None)
        else:
            matchers[:] = [each for each in matchers if each != self._match]


def _matchers(shell: Any) -> list[Any] | None:
    """Return the list of a shell's further matchers; None in IPython before 8.6, whose matchers join others."""
    found: list[Any] | None = shell.Completer.custom_matchers if hasattr(completer, "context_matcher") else None
    return found


def _one_line(text: str) -> str:
    return clean(" ".join(text.split()), 1_000)


def _quoted(text: str, quote: str) -> str:
    return f"{quote}{text}{quote}" if quote else shlex.quote(text)


def _is_one_word(text: str) -> bool:
    try:
        return shlex.split(text) == [text]
    except ValueError:
        return False
