"""Decide what becomes of an owner's entries when the owner runs again: rule 4 of the design, as pure functions.

Before a run each entry gets a verdict from the way that led to its registration and the new source; after it, an entry
that is still there may turn out to be left out.

    gone     a statement on the way is not in the new source
    again    each of them is, and nothing on the way can keep it from registering the entry again
    changed  a statement says something else now, and its guard asks the registry: it is to let the edit through
    maybe    everything else: the run may skip it
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from kreg_ipython.lib.obstacles import Obstacle
from kreg_ipython.lib.source import Source
from kreg_ipython.lib.statements import Kin, Statement, Statements

Verdict = Literal["gone", "again", "changed", "maybe"]

Place = tuple[tuple[str | None, Hashable], ...]
"""The statements on the way to an entry, and the function that each stands in."""
_WRITTEN: Place = (("", "written"),)
"""The place of whatever is written past every gate where nobody can tell which statement did."""
_Places = tuple[tuple[str | None, Statements], ...]
"""For each step of a way the function that it stands in, and the statements that may stand for it."""

GUARDS: frozenset[Obstacle] = frozenset({"condition", "early return"})
_UNTOLD: frozenset[Obstacle] = frozenset({"library", "unknown", "cached"})
_SKIPS: frozenset[Obstacle] = frozenset({"early return", "choice", *_UNTOLD})
_HARMLESS: frozenset[Obstacle] = frozenset({"listed"})


class Step(NamedTuple):
    """One statement on the way: in the owner's own text, in a function of the user's elsewhere, or in a library.

    ``line`` is its line in ``before``, the text that was executed; ``now`` is the text that would be executed now. Both
    are None if nobody knows them; for an own step they are the owner's. ``function`` names the function that it stands
    in: nothing for a body, None if it is not known. ``wrapped`` tells that something stands in for that function: a
    cache, for one.
    """

    kind: Literal["own", "user", "library"]
    line: int | None = None
    function: str | None = ""
    before: Source | None = None
    now: Source | None = None
    wrapped: bool = False


@dataclass(frozen=True)
class Way:
    """The way from an owner's body to a registration, the body's step first.

    Attributes:
        steps: the statements; none if nobody saw them.
        complete: whether the first step is the body's. Not so in a thread or a task.
        definition: the qualified name of what was registered.
        written: whether it was written into a container, past every gate.
        key: the key that was registered.
        accessor: the name of the function that hands out the registry's container; empty if none does.
        others: the names in the guards on it that mean other containers.
    """

    steps: tuple[Step, ...] = ()
    complete: bool = True
    definition: str = ""
    written: bool = False
    key: Hashable = None
    accessor: str = ""
    others: frozenset[str] = frozenset()

    @property
    def is_edited(self) -> bool:
        """True if a file of the user's that it leads through has another text now."""
        return any(step.kind == "user" and step.now is not step.before for step in self.steps)


def verdict(way: Way, before: Source | None, now: Source | None) -> Verdict:
    """Return what becomes of an entry before its owner runs.

    Where a statement is gone it decides that the function which it called is still called, in whatever statement: the
    function may remember what it has done.

    Args:
        way: what led to the registration.
        before: the owner's source at that time; None if nobody knows it.
        now: the source that is about to run; None if nobody knows it.
    """
    if before is None or now is None or not now.parses:
        return "maybe"
    if not way.steps:
        return "gone" if _is_gone_unseen(way, before, now) else "maybe"
    look = _look(way, before, now)
    if look.gone:
        return "gone"
    if look.obstacles & GUARDS and not look.obstacles & _UNTOLD and look.asks(way) and look.is_changed():
        return "changed"
    return "maybe" if look.obstacles - _HARMLESS else "again"


def place(way: Way, source: Source | None) -> Place | None:
    """Return the place of a registration that a run of this source made; None if it cannot be told."""
    if source is None or not way.steps or not way.complete:
        return _WRITTEN if way.written else None
    found = []
    for step in way.steps:
        was = _was(step, source)
        if was is None:
            return None
        found.append((step.function, was.says))
    return tuple(found)


def is_left_out(
    way: Way, before: Source | None, now: Source | None, ran: frozenset[Place], found: Verdict = "maybe"
) -> bool:
    """Return whether a successful run executed what registered an entry, and left the entry out.

    It did if the entry's place registered something else in the run, and nothing on the way can have skipped this one.
    An entry that was certain to be registered again is left out, too, by a list or a class that was edited. If its
    place has registered nothing at all, a name on the way means something else than before.

    Args:
        way: what led to the registration of the entry, in a former run.
        before: the owner's source at that time.
        now: the source of the run.
        ran: the places that registered something in the run.
        found: the verdict on the entry before the run.
    """
    if found == "gone":
        return True
    if before is None or now is None or not now.parses:
        return False
    if not way.steps:
        writers = _writers(way, before, now) if way.written and _WRITTEN in ran else []
        return bool(writers) and not any(map(_may_skip, writers))
    look = _look(way, before, now)
    if look.gone or look.obstacles & _SKIPS:
        return False
    if found == "again":
        changed = any(all(each.header != was.header for each in stands) for was, stands in look.definitions)
        return changed or look.moved or bool(look.obstacles) or _have_run(tuple(look.places), False, ran)
    if not ran or any(stands.share_a_line for _, stands in look.places):
        return False
    return _have_run(tuple(look.places), look.rephrased, ran)


def is_outdated(way: Way, before: Source, now: Source) -> bool:
    """Return whether a file that was edited does not register an entry any more.

    A statement on the way is gone then, or a definition has other decorators.
    """
    if not now.parses:
        return False
    if not way.steps:
        return _is_gone_unseen(way, before, now)
    look = _look(way, before, now)
    return bool(look.gone) or any(
        all(each.decorators != was.decorators for each in stands) for was, stands in look.definitions
    )


@dataclass
class _Look:
    """The result of a look at a way in the new source.

    Attributes:
        obstacles: those on it.
        rewritten: whether a guarded statement on it has another text.
        definitions: the definitions on it, as they were and as they are.
        places: what may stand for each step now, and the function that it stands in; None if it may be any.
        handed_on: whether a function on it is not called any more, but mentioned.
        moved: whether a definition on it stands in another one now: in a function, for one.
        rephrased: whether other statements than before call a function on it: each of them may be the one.
        gone: the steps from the one that is gone on; none if each of them stands.
    """

    obstacles: set[Obstacle]
    rewritten: bool
    definitions: list[tuple[Statement, Statements]]
    places: list[tuple[str | None, Statements]]
    handed_on: bool = False
    moved: bool = False
    rephrased: bool = False
    gone: tuple[Step, ...] = ()

    def asks(self, way: Way) -> bool:
        """Return whether a guard on it asks the registry, and no other container.

        It does if it mentions the key or a part of it, or the accessor.
        """
        parts = way.key if isinstance(way.key, tuple) else (way.key,)
        words = {each for each in (*parts, way.accessor) if isinstance(each, str) and each}
        return any(stands.guards_mention(words, way.others) for _, stands in self.places)

    def is_changed(self) -> bool:
        """Return whether a statement on it, or the definition of what was registered, has another text."""
        texts = (all(each.body != was.body for each in now) for was, now in self.definitions)
        return self.rewritten or self.rephrased or any(texts)


def _look(way: Way, before: Source, now: Source) -> _Look:
    """Look at each step of a way in the new source, up to one that is gone."""
    look = _Look(set() if way.complete else {"unknown"}, False, _definitions(way.definition, before, now), [])
    if way.steps and _is_handed_on_no_more(way, before, now):
        look.gone = way.steps
        return look
    steps = list(enumerate(way.steps))
    while steps:
        at, step = steps.pop(0)
        was = _was(step, before)
        text, former = (now, before) if step.kind == "own" else (step.now, step.before)
        if was is None or text is None or former is None:
            look.obstacles.add("library" if step.kind == "library" else "unknown")
            continue
        stands, is_rephrased = Statements(text.standing(was)), False
        if not stands and was.is_definition:
            stands = Statements(text.defined(was.last_name))
            look.moved = look.moved or bool(stands)
        dropped = not stands and _has_dropped_it(way, before, now)
        if not stands and not dropped:
            called_in = text.for_others if step.kind == "user" else text
            stands, inlined = _still_calling(way.steps[at:], before, called_in)
            is_rephrased = bool(stands)
            del steps[:inlined]
        if not stands and "condition" in was.obstacles:
            stands = _new_at(was.place, was.kin, former, text)
            look.rewritten = bool(stands)
        look.handed_on = not stands and step.kind == "own" and text.mentions(_functions(way.steps[at + 1 :]))
        if not stands and not dropped and (look.handed_on or _is_rewrapped(way.steps[at:], before, now)):
            look.obstacles.add("unknown")  # handed on, to a thread for one
            return look
        if not stands or (was.is_definition and not any(map(was.still_leads, stands))):
            look.gone = way.steps[at:]
            return look
        if was.is_definition:
            look.definitions.append((was, stands))
        may_be_asked_again = at > 0 and not drops_key(way.key, before, now)
        look.obstacles |= _adds(look.obstacles, step, stands, may_be_asked_again)
        look.rephrased = look.rephrased or is_rephrased
        look.places.append((None if is_rephrased else step.function, stands))
    return look


def _adds(around: set[Obstacle], step: Step, stands: Statements, may_be_asked_again: bool) -> set[Obstacle]:
    """Return the obstacles that a step adds; a condition is a choice in a loop, or in a function asked again."""
    here = {*stands.obstacles, *({"cached"} if step.wrapped else ())}
    is_choice = "condition" in here and (may_be_asked_again or not around.isdisjoint({"loop", "listed"}))
    return here | {"choice"} if is_choice else here


def _is_handed_on_no_more(way: Way, before: Source, now: Source) -> bool:
    """Return whether a text has dropped the name of the function that begins a way: a thread's, for one.

    It may hand on a function that this one called.
    """
    first = way.steps[0]
    name = (first.function or "").rpartition(".")[2]
    is_dropped = name in before.named and name not in now.named
    return not way.complete and first.kind != "library" and is_dropped and not now.mentions(_functions(way.steps[1:]))


def is_named_after(way: Way, text: Source) -> bool:
    """Return whether an entry is named after its definition in a text: what the text calls names other ones, too."""
    return bool(text.defined(_name(way))) and last_word(way.key) == _name(way)


def last_word(key: Hashable) -> str:
    """Return the last word of a key, ``Foo`` of ``P>Foo``; an empty one of a key that is no string."""
    return (re.findall(r"\w+", key) or [""])[-1] if isinstance(key, str) else ""


def says(text: Source, key: Hashable) -> bool:
    """Return whether a text says a key, or the last word of it: in a string, or as a name or what it defines."""
    word = last_word(key)
    if not word or word not in text.text:  # which takes no time
        return False
    return bool(text.defined(word)) or not {word, key}.isdisjoint(text.literals) or word in text.named


def drops_key(key: Hashable, before: Source | None, now: Source | None) -> bool:
    """Return whether a text said a key, and the new one does not."""
    return before is not None and now is not None and says(before, key) and not says(now, key)


def _has_dropped_it(way: Way, before: Source, now: Source) -> bool:
    """Return whether a text has dropped the definition that an entry is named after, and does not say the name."""
    return is_named_after(way, before) and not now.defined(_name(way)) and _name(way) not in now.literals


def _name(way: Way) -> str:
    """Return the last name of the definition of what was registered."""
    return way.definition.rpartition(".")[2]


def _still_calling(steps: tuple[Step, ...], before: Source, now: Source) -> tuple[Statements, int]:
    """Return the statements that call what a missing statement called.

    Returns:
        The statements, and how many of the owner's own functions are gone with the missing one.
    """
    for inlined, (step, following) in enumerate(itertools.pairwise(steps)):
        was = _was(step, before)
        found = now.calling(_calls_of(was, following)) if was is not None else Statements()
        if found or following.kind != "own":
            return found, inlined
    return Statements(), 0


def _is_rewrapped(steps: tuple[Step, ...], before: Source, now: Source) -> bool:
    """Return whether the owner's last statement on a way might be skipped, and may be, in another function now."""
    own = [step for step in steps if step.kind == "own"]
    was = _was(own[-1], before) if own else None
    return was is not None and bool(was.obstacles | was.function) and bool(now.saying_elsewhere(was))


@functools.lru_cache(maxsize=16)  # many entries have the same places: all that one function registered
def _have_run(places: _Places, all_of_them: bool, ran: frozenset[Place]) -> bool:
    """Return whether one of the places that these statements may make, or each of them, has registered something.

    What leads to a statement whose function is not known may be anything.
    """
    known = next((at for at in reversed(range(len(places))) if places[at][0] is None), 0)
    if places[known][0] is None:
        places, left = places[known:], len(places) - known
        ends = (each[len(each) - left :] for each in ran if len(each) >= left)
        ran = frozenset(((None, first[1]), *rest) for first, *rest in ends)
    steps = ([(function, statement.says) for statement in stands] for function, stands in places)
    found = (each in ran for each in itertools.product(*steps))
    return all(found) if all_of_them else any(found)


def _was(step: Step, owners: Source) -> Statement | None:
    """Return the statement of a step in the text that was executed."""
    text = owners if step.kind == "own" else step.before
    return text.at(step.line, step.function) if text is not None else None


@functools.lru_cache(maxsize=16)  # and each of many statements under one condition may have become each new one
def _new_at(place: Hashable, kin: Kin, before: Source, now: Source) -> Statements:
    """Return the statements that are new at a place, of which one may be the new text of a statement of this kin."""
    return Statements(each for each in now.at_place(place) if each.is_kin(kin) and not before.standing(each))


def _functions(steps: tuple[Step, ...]) -> set[str]:
    """Return the functions on the rest of a way, by their last names."""
    return {name for step in steps if (name := (step.function or "").rpartition(".")[2])}


def _calls_of(was: Statement, callee: Step) -> frozenset[str]:
    """Return the names by which a statement calls a function: all that it calls, if none is the function's own."""
    name = (callee.function or "").rpartition(".")[2]
    return frozenset({name}) if name in was.calls else was.calls


def _definitions(name: str, before: Source, now: Source) -> list[tuple[Statement, Statements]]:
    """Return the definition of what was registered, as it was and as it is, if both texts have it."""
    lines = [text.line_of_definition(name) if name else None for text in (before, now)]
    former, new = before.at(lines[0]), now.at(lines[1])
    return [(former, Statements([new]))] if former is not None and new is not None else []


def _is_gone_unseen(way: Way, before: Source, now: Source) -> bool:
    """Return whether nothing in the new source can make a registration that nobody saw."""
    if now.says_all_of(before):
        return False
    if way.written and before.writers(way.key):
        return not _writers(way, before, now)
    if way.definition and way.complete:  # it was there before anybody was watching
        return not now.defined(way.definition.removesuffix(".Spec").rpartition(".")[2])  # see line_of_definition
    return bool(before.called) and not now.calling(before.called)  # nothing that may have led there is called any more


def _writers(way: Way, before: Source, now: Source) -> list[Statement]:
    """Return the statements that may have written an entry, and stand in both texts."""
    return [each for writer in before.writers(way.key) for each in now.standing(writer)]


def _may_skip(writer: Statement) -> bool:
    return bool(writer.path) or bool(writer.obstacles & {"condition", "choice"})


def comes_back(way: Way, before: Source, now: Source, *, or_hands_on: bool = False) -> bool:
    """Return whether a source says again all that led to an entry, or hands the function on, and may skip it."""
    if not way.steps or not now.parses:
        return False
    look = _look(way, before, now)
    if look.gone or look.rewritten or look.moved:
        return False
    return (or_hands_on or not look.handed_on) and bool(look.obstacles - _HARMLESS)


def lost(way: Way, before: Source, now: Source) -> tuple[Step, ...]:
    """Return the steps that nothing on a way leads to any more: those after the one that is gone."""
    return _look(way, before, now).gone[1:] if way.steps and now.parses else ()


def words(way: Way, before: Source, key: Hashable) -> frozenset[str]:
    """Return what a text must say to have the first statement of a way, or one that calls the same function.

    It must say the key, if the former text said it.
    """
    was = _was(way.steps[0], before) if way.steps else None
    if was is None:
        return frozenset()
    if was.is_definition:
        return frozenset({was.last_name})
    said = frozenset({last_word(key)} if says(before, key) else ())
    return said.union(_calls_of(was, way.steps[1]) if len(way.steps) > 1 else was.words)
