"""Divert the functions that number names, so that their answers are those of `Names`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import partial
from typing import Any

from kreg_ipython.guard import messages
from kreg_ipython.guard.context import Shared
from kreg_ipython.guard.ledger import Owner, label
from kreg_ipython.lib.naming import error_text
from kreg_ipython.registries.names import Counter, Joint, Reset, asker, rename
from kreg_ipython.registries.registry import NotThere, locate


class Numbering:
    """The functions that number names, diverted so that their answers are those of `Names`.

    Args:
        shared: what the parts of the guard share.
        counters: the functions; those that want names to be unique in a model; those that let the count begin anew.

    Attributes:
        faults: what went wrong, by the name of the counter, whose names are the framework's own from then on.
    """

    def __init__(self, shared: Shared, counters: Iterable[Counter | Joint | Reset]) -> None:
        self._counters, self._names, self._settings = list(counters), shared.memory.names, shared.memory.settings
        self._gates, self._context, self._notices = shared.gates, shared.context, shared.notices
        self.faults: dict[str, str] = {}

    def attach(self, module: str) -> None:
        """Divert the functions of a module that has been imported, but not those that it has from another module."""
        for counter in self._counters:
            if counter.module == module:
                try:
                    if locate(counter.gate.function).__module__ != module:
                        continue  # ``keras.backend`` of Keras 2.13 shows functions of ``keras.src.backend``
                    around = {Counter: self._asked, Joint: self._joining, Reset: self._resetting}[type(counter)]
                    fail = partial(self._fail, counter.name)
                    self._gates.add(counter.name, counter.gate, partial(around, counter), fail)
                except NotThere:
                    continue  # another version of Keras
                except Exception as error:
                    self._fail(counter.name, error)

    def _asked(self, counter: Any, announced: Any, original: Any, args: Any, kwargs: Any) -> Any:
        """Answer as the framework does, but for the number."""
        __tracebackhide__ = True
        answer = original(*args, **kwargs)
        if not self._settings.names or counter.name in self.faults:
            return answer
        try:
            prefix, text = announced
            object, by_framework = asker(sys._getframe())
            run = self._context.running() if by_framework else None  # what users number themselves is nobody's
            life, counts = counter.counts()
            name = text(self._names.take(counter.module, life, counts, prefix, run, object))
            if name != answer and isinstance(name, str):
                self._names.exchanged[name] = partial(original, *args, **kwargs)
            return name
        except Exception as error:
            self._fail(counter.name, error)
            return answer

    def _joining(self, counter: Any, announced: Any, original: Any, args: Any, kwargs: Any) -> Any:
        """Let no model meet two objects of one name that have different ones without us.

        What holds an object cannot always be seen. The later object gets a name of the framework's own then.
        """
        __tracebackhide__ = True
        if self._names.exchanged and counter.name not in self.faults:
            try:
                first: dict[str, Any] = {}
                for each in announced[0]():
                    if first.setdefault(each.name, each) is not each and each.name in self._names.exchanged:
                        rename(each, self._names.exchanged[each.name]())
            except Exception as error:
                self._fail(counter.name, error)
        try:
            return original(*args, **kwargs)
        except ValueError as error:
            name = counter.names(error)
            if name is not None and counter.name not in self.faults:
                try:
                    objects = [each for each in announced[0]() if each.name == name]
                    self._explain(name, counter.what, objects, error)
                except Exception as fault:
                    self._fail(counter.name, fault)
            raise

    def _resetting(self, counter: Any, announced: Any, original: Any, args: Any, kwargs: Any) -> Any:
        """Note who lets the framework begin to count anew; a framework that does is part of somebody else's call."""
        __tracebackhide__ = True
        try:
            caller = self._context.locate_caller(sys._getframe(1), frozenset({original.__module__}))
            if caller is not None:
                self._names.reset(f"{announced[0]} in {messages.where(caller)}")
        except Exception as error:
            self._fail(counter.name, error)
        with self._gates.open():  # one such function may call another
            return original(*args, **kwargs)

    def _explain(self, name: str, what: str, objects: list[Any], error: ValueError) -> None:
        """Tell in a note on the framework's error where the first two objects of one name come from.

        Nothing is said of names that the running owner gave itself, unless the count began anew in between.
        """
        if len(objects) < 2:
            return  # a model does not list its inputs
        one, other = objects[:2]
        (owner, text), (other_owner, other_text) = self._origin(one), self._origin(other)
        running = self._context.running()
        others = {owner, other_owner} - {None, running.owner if running is not None else None}
        since = self._names.since_between(one, other)
        if since or (others and owner is not other_owner):
            self._notices.annotate(error, messages.same_name(name, what, text, other_text, since))

    def _origin(self, object: Any) -> tuple[Owner | None, str]:
        """Return who made an object, or assigned the variable that holds it, and that in words."""
        taken = self._names.taken(object)
        if taken is not None:
            return taken.owner, f"one that {label(taken.owner.kind, taken.owner.id, taken.run, taken.owner.file)} made"
        found = self._context.find_variable(object)
        if found is None:
            return None, "one that no variable holds"
        held = found.name if found.is_it else f"one in {found.name}"
        return found.owner, f"{held} ({messages.where(found)})"

    def _fail(self, name: str, error: Exception, act: object = None) -> None:
        """Leave these names to the framework from now on, and say so."""
        self.faults[name] = error_text(error)
        self._notices.fault(name, self.faults[name])
