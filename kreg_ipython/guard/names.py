"""Number automatic names as in a fresh kernel: ``dense`` is ``dense`` again when a cell runs again.

The framework goes on counting, and its counters are never touched. Its answer is exchanged for a number that is free::

    Numbers  the numbers of one prefix: how far the framework has counted, which are taken, the lowest that may be free
    Taken    one number that an owner's run took, and a weak reference to the object that has the name

A number is taken until its owner runs again. When that run first asks for a name, the numbers become free whose objects
nothing holds but the variables that the run itself binds anew. If the run fails, they are taken again. What nobody saw
being taken, or was asked for outside of runs, is taken for good: when in doubt, the framework's own number stands.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from kreg_ipython.guard.ledger import Owner, Run

Held = Callable[[Run, list[Any]], set[int] | None]
"""Returns which objects are held, by their ``id``, by something other than what the run binds anew; None if unknown."""
Since = tuple[int, str]
"""The number of resets, and the last one: ``clear_session() in cell [2], line 1``."""


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

    Attributes:
        held: says what still holds an object. Who guards a process sets it.
        exchanged: the names that were given in place of the framework's own, and what gives another one of its own.
    """

    def __init__(self) -> None:
        self.held: Held = held_by_all
        self.exchanged: dict[str, Callable[[], str]] = {}
        self._lock = threading.RLock()
        self._counters: dict[str, weakref.WeakKeyDictionary[Any, tuple[Any, dict[Hashable, Numbers]]]] = {}
        self._owned: dict[Owner | None, list[Taken]] = {}
        """The numbers of each owner's last run. None has those of owners that ran again and asked for no name."""
        self._released: dict[Run, list[Taken]] = {}
        """The numbers that became free for each run that is going on."""
        self._since: Since = 0, ""

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
