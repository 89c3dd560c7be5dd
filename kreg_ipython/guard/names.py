"""Number automatic names as in a fresh kernel: ``dense`` is ``dense`` again when a cell runs again.

The framework goes on counting, and its counters are never touched. Its answer is exchanged for a number that is free::

    Numbers  the numbers of one prefix: how far the framework has counted, which are taken, the lowest that may be free
    Taken    one number that an owner's run took, and a weak reference to the object that has the name

A number is taken until its owner runs again. When that run first asks for a name, the numbers become free whose objects
nothing holds but the variables that the run itself binds anew. If the run fails, they are taken again. What nobody saw
being taken, or was asked for outside of runs, is taken for good: when in doubt, the framework's own number stands.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from kreg_ipython.guard import messages
from kreg_ipython.guard.context import ExecutionContext
from kreg_ipython.guard.gates import Gates
from kreg_ipython.guard.ledger import Owner, Run, label
from kreg_ipython.guard.notices import Notices
from kreg_ipython.guard.settings import Settings
from kreg_ipython.lib.naming import error_text
from kreg_ipython.registries.names import Counter, Joint, Reset, rename
from kreg_ipython.registries.registry import NotThere, locate

Held = Callable[[Run, list[Any]], set[int] | None]
"""Returns which objects are held, by their ``id``, by something other than what the run binds anew; None if unknown."""


Since = tuple[int, str]
"""How many resets there have been, and what the last one was: ``clear_session() in cell [2], line 1``."""


def held_by_all(run: Run, objects: list[Any]) -> set[int] | None:
    """Return None: it is not known what holds the objects."""
    return None


class Numbers:
    """The numbers of one prefix. All below ``lowest`` are taken, and those in ``taken``, each so many times.

    ``since`` is the last reset before they began.
    """

    __slots__ = ("counted", "lowest", "since", "taken")

    def __init__(self, counted: int, since: Since) -> None:
        self.counted = self.lowest = counted
        self.since = since
        self.taken: dict[int, int] = {}

    def count(self, counted: int) -> int:
        """Note that the framework has counted so far, and return the number it gave. What it gave unseen is taken."""
        for number in range(self.counted, counted - 1):
            self.take(number)
        self.counted = counted
        return counted - 1

    def take(self, number: int) -> None:
        """Note that a number is taken, once more."""
        self.taken[number] = self.taken.get(number, 0) + 1

    def free(self) -> int:
        """Return the lowest number that is not taken."""
        while self.lowest in self.taken:
            self.lowest += 1
        return self.lowest

    def release(self, number: int) -> None:
        """Let a number be free, unless it is taken another time."""
        self.taken[number] -= 1
        if not self.taken[number]:
            del self.taken[number]
            self.lowest = min(self.lowest, number)


class Taken:
    """One number that an owner took. ``object`` is None if a function of the framework's asked, and no object did."""

    __slots__ = ("number", "numbers", "object", "owner", "run")

    def __init__(self, numbers: Numbers, number: int, object: weakref.ref[Any] | None, run: Run) -> None:
        self.numbers, self.number, self.object = numbers, number, object
        self.owner, self.run = run.owner, run.number  # the run itself would keep alive what it has replaced
        numbers.take(number)

    def alive(self) -> Any:
        """Return the object that has the name; None if it is gone, or none is known."""
        return self.object() if self.object is not None else None


class Names:
    """All names that runs took, by owner. It outlives a guard that is switched off.

    Args:
        held: says what still holds an object.
    """

    def __init__(self, held: Held = held_by_all) -> None:
        self.held = held
        self._lock = threading.RLock()
        self._counters: dict[str, weakref.WeakKeyDictionary[Any, tuple[Any, dict[Hashable, Numbers]]]] = {}
        self._owned: dict[Owner | None, list[Taken]] = {}
        """The numbers of each owner's last run. None has those of owners that ran again and asked for no name."""
        self._released: dict[Run, list[Taken]] = {}
        """The numbers that became free for each run that is going on."""
        self._since: Since = 0, ""
        self.exchanged: dict[str, Callable[[], str]] = {}
        """The names that were given in place of the framework's own, and what gives another one of its own."""

    def take(
        self,
        counter: str,
        life: Any,
        counts: Mapping[Hashable, int],
        prefix: Hashable,
        run: Run | None,
        object: Any = None,
    ) -> int:
        """Return the number that an asker gets.

        Args:
            counter: the module that counts.
            life: lives as long as the counting.
            counts: how many names the framework has given for each prefix, this one included.
            prefix: what is numbered.
            run: the run that asks; None if nobody knows whose the name is.
            object: gets the name; None if the framework asks for itself.
        """
        with self._lock:
            numbers, number = self._counted(counter, life, counts, prefix)
            if run is None:
                numbers.take(number)
                return number
            if run.active:
                self._release(run)
                number = numbers.free()
            self._owned.setdefault(run.owner, []).append(Taken(numbers, number, _weak(object), run))
            return number

    def end(self, run: Run, success: bool) -> None:
        """End a run: what it did not take again stays free if it succeeded, and is taken as before if not."""
        if success and run not in self._released and run.owner in self._owned:
            with self._lock:
                self._owned.setdefault(None, []).extend(self._owned.pop(run.owner))
        if run in self._released:
            with self._lock:
                released = self._released.pop(run, [])
                if not success and released:
                    for each in released:
                        each.numbers.take(each.number)
                    self._owned.setdefault(run.owner, []).extend(released)

    def end_all(self) -> None:
        """End all runs, none of which has succeeded: nobody watches any more."""
        for run in list(self._released):
            self.end(run, success=False)

    def in_use(self) -> dict[Owner, int]:
        """Return how many objects of each owner have a name that was numbered; the owner that ran last comes last."""
        with self._lock:
            alive = {owner: sum(each.alive() is not None for each in taken) for owner, taken in self._owned.items()}
        return {owner: number for owner, number in alive.items() if owner is not None and number}

    def reset(self, what: str) -> None:
        """Note that the framework begins to count anew, and what let it."""
        self._since = self._since[0] + 1, what

    def since_between(self, one: Any, other: Any) -> str:
        """Return what let the framework count anew after one of two objects got its name; nothing if nothing did."""
        taken = self.taken(one), self.taken(other)
        counts = sorted({each.numbers.since for each in taken if each is not None})
        return counts[-1][1] if len(counts) > 1 else ""

    def taken(self, object: Any) -> Taken | None:
        """Return the number that an object took; None if none is known."""
        with self._lock:
            lists = [*self._owned.values(), *self._released.values()]
            return next((each for taken in lists for each in taken if each.alive() is object), None)

    def _counted(
        self, counter: str, life: Any, counts: Mapping[Hashable, int], prefix: Hashable
    ) -> tuple[Numbers, int]:
        """Return the numbers of a prefix, and the framework's own number. After a reset they begin anew."""
        lives = self._counters.setdefault(counter, weakref.WeakKeyDictionary())
        known, prefixes = lives.get(life, (None, {}))
        if known is not counts:
            prefixes = {}
            lives[life] = counts, prefixes
        numbers = prefixes.get(prefix)
        if numbers is None or counts[prefix] <= numbers.counted:
            numbers = prefixes[prefix] = Numbers(counts[prefix] - 1, self._since)
        return numbers, numbers.count(counts[prefix])

    def _release(self, run: Run) -> None:
        """Let the owner's numbers be free that may be, once in a run."""
        if run in self._released:
            return
        former = [owner for owner in self._owned if owner in (None, run.owner) or owner.deleted]
        objects = [one for owner in former for each in self._owned[owner] if (one := each.alive()) is not None]
        held = self.held(run, objects) if objects else set()
        released = self._released[run] = []
        for owner in former:
            mine = self._owned.pop(owner)
            kept = [each for each in mine if _is_held(each, held)]
            released += [each for each in mine if not _is_held(each, held)]
            if kept:
                self._owned[owner] = kept
        for each in released:
            each.numbers.release(each.number)


def _is_held(each: Taken, held: set[int] | None) -> bool:
    """Return whether an object is held that has a name; for a name without an object, whether any is."""
    if each.object is None:
        return held is None or bool(held)
    one = each.alive()
    return one is not None and (held is None or id(one) in held)


def _weak(object: Any) -> weakref.ref[Any] | None:
    try:
        return None if object is None else weakref.ref(object)
    except TypeError:  # it is then as one that is not known
        return None


@dataclass(eq=False)
class _Guarded:
    """A function of the framework's, as `Gates` knows a registry."""

    name: str
    counter: Any
    fail: Callable[[Exception, Callable[..., Any]], None]


class Naming:
    """The functions that number names, diverted so that their answers are those of `Names`.

    Args:
        names: has the numbers.
        counters: the functions; those that want names to be unique in a model; those that let the count begin anew.
        gates: divert them.
        context: says who asks.
        settings: say whether names are to be as in a fresh kernel.
        notices: tell what went wrong, and explain the framework's errors.

    Attributes:
        faults: what went wrong, by the name of the counter, whose names are the framework's own from then on.
    """

    def __init__(
        self,
        names: Names,
        counters: Iterable[Counter | Joint | Reset],
        gates: Gates,
        context: ExecutionContext,
        settings: Settings,
        notices: Notices,
    ) -> None:
        self.names, self._counters, self._gates = names, list(counters), gates
        self._context, self._settings, self._notices = context, settings, notices
        self.faults: dict[str, str] = {}

    def attach(self, module: str) -> None:
        """Divert the functions of a module that has been imported, but not those that it has from another module."""
        for counter in self._counters:
            if counter.module == module:
                try:
                    if locate(counter.gate.function).__module__ != module:
                        continue  # ``keras.backend`` of Keras 2.13 shows functions of ``keras.src.backend``
                    guarded = _Guarded(counter.name, counter, partial(self._fail, counter.name))
                    around = {Counter: self._asked, Joint: self._joining, Reset: self._resetting}[type(counter)]
                    self._gates.add(guarded, counter.gate, around)
                except NotThere:
                    continue  # another version of Keras
                except Exception as error:
                    self._fail(counter.name, error)

    def _asked(self, guarded: _Guarded, announced: Any, original: Any, args: Any, kwargs: Any) -> Any:
        """Answer as the framework does, but for the number."""
        __tracebackhide__ = True
        answer = original(*args, **kwargs)
        if not self._settings.names or guarded.name in self.faults:
            return answer
        try:
            prefix, text = announced
            run, object = self._context.find_asker(sys._getframe())
            life, counts = guarded.counter.counts()
            name = text(self.names.take(guarded.counter.module, life, counts, prefix, run, object))
            if name != answer and isinstance(name, str):
                self.names.exchanged[name] = partial(original, *args, **kwargs)
            return name
        except Exception as error:
            guarded.fail(error, self._asked)
            return answer

    def _joining(self, guarded: _Guarded, announced: Any, original: Any, args: Any, kwargs: Any) -> Any:
        """Let no model meet two objects of one name that have different ones without us.

        What holds an object cannot always be seen. The later object gets a name of the framework's own then.
        """
        __tracebackhide__ = True
        if self.names.exchanged and guarded.name not in self.faults:
            try:
                first: dict[str, Any] = {}
                for each in announced[0]():
                    if first.setdefault(each.name, each) is not each and each.name in self.names.exchanged:
                        rename(each, self.names.exchanged[each.name]())
            except Exception as error:
                guarded.fail(error, self._joining)
        try:
            return original(*args, **kwargs)
        except ValueError as error:
            name = guarded.counter.names(error)
            if name is not None and guarded.name not in self.faults:
                try:
                    objects = [each for each in announced[0]() if each.name == name]
                    self._explain(name, guarded.counter.what, objects, error)
                except Exception as fault:
                    guarded.fail(fault, self._joining)
            raise

    def _resetting(self, guarded: _Guarded, announced: Any, original: Any, args: Any, kwargs: Any) -> Any:
        """Note who lets the framework begin to count anew; a framework that does is part of somebody else's call."""
        __tracebackhide__ = True
        try:
            caller = self._context.locate_caller(sys._getframe(1), frozenset({original.__module__}))
            if caller is not None:
                self.names.reset(f"{announced[0]} in {messages.where(caller.owner, caller.line)}")
        except Exception as error:
            guarded.fail(error, self._resetting)
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
        since = self.names.since_between(one, other)
        if since or (others and owner is not other_owner):
            self._notices.annotate(error, messages.same_name(name, what, text, other_text, since))

    def _origin(self, object: Any) -> tuple[Owner | None, str]:
        """Return who made an object, or assigned the variable that holds it, and that in words."""
        taken = self.names.taken(object)
        if taken is not None:
            return taken.owner, f"one that {label(taken.owner.kind, taken.owner.id, taken.run, taken.owner.file)} made"
        found = self._context.find_variable(object)
        if found is None:
            return None, "one that no variable holds"
        held = found.name if found.is_it else f"one in {found.name}"
        return found.owner, f"{held} ({messages.where(found.owner, found.line)})"

    def _fail(self, name: str, error: Exception, act: object = None) -> None:
        """Leave these names to the framework from now on, and say so."""
        self.faults[name] = error_text(error)
        self._notices.fault(name, self.faults[name])
