"""Judge entries: find the way to each, give it a verdict before a run, and say what stays after it or may come back."""

from __future__ import annotations

import functools
import gc
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from kreg_ipython.guard import messages, ways
from kreg_ipython.guard.context import Shared
from kreg_ipython.guard.ledger import Caller, Entry, Held, Owner, Run
from kreg_ipython.guard.verdicts import (
    Place,
    Verdict,
    Way,
    comes_back,
    drops_key,
    is_left_out,
    is_named_after,
    last_word,
    lost,
    place,
    says,
    verdict,
    words,
)
from kreg_ipython.lib.naming import package_of
from kreg_ipython.lib.source import Source, names_by_itself, read

_Answer = TypeVar("_Answer")
_MOST = 100
"""The most entries that are withheld."""
_UNKNOWN = "?"
"""The text that may lead to an entry where that cannot be told: none, so that it is asked again."""


_Leads = Callable[[str, frozenset[str], str, bool], bool]
"""Tells whether a text with these names, in a module, leads to something; also by what Python calls, if asked so."""


class _Beside(NamedTuple):
    """Find what is beside a run: other owners' texts, by module, and the functions that calls in a module lead to."""

    texts: Callable[[], list[tuple[str, str]]]
    reached: Callable[[frozenset[str], str, frozenset[str], bool], set[ways.Function]]


class Judge:
    """Applies the verdicts to entries.

    Args:
        shared: what the parts of the guard share.
    """

    def __init__(self, shared: Shared) -> None:
        self._registries, self._ledger, self._pinned = shared.registries, shared.ledger, shared.memory.pinned
        self._context, self._notices = shared.context, shared.notices

    def verdicts(self, entries: Iterable[Entry], run: Run) -> dict[Entry, Verdict]:
        """Return the verdict on each of the owner's entries before a run."""
        now = _source(run)
        judged: dict[Entry, Verdict] = {}
        beside = self._beside(run)
        for way, some in self.by_way(entries, now):
            found: Verdict = self._decide(verdict, "maybe", way, ways.source_of(some[0]), now)
            if found == "gone" and (text := self._decide(self._said_elsewhere, _UNKNOWN, way, some[0], run, beside)):
                found = "maybe"
                self._ledger.said_elsewhere.update(dict.fromkeys(some, text))
            judged.update(dict.fromkeys(some, found))
        return judged

    def not_said_any_more(self, beside: Owner) -> list[Entry]:
        """Return the standing entries of other owners that were said elsewhere, and are not any more."""
        found: list[Entry] = []
        said, ledger = self._ledger.said_elsewhere, self._ledger
        if not said:
            return found
        waiting = [entry for entry in said if entry in ledger and entry.name not in self._pinned]
        kept = {entry: said[entry] for entry in waiting}
        said.clear()
        said.update(kept)
        for owner in dict.fromkeys(entry.owner for entry in waiting):
            if owner in (None, beside) or (source := self._text(owner)) is None:
                continue
            mine = [entry for entry in waiting if entry.owner is owner]
            gone = {text for text in {said[entry] for entry in mine} if not self._stands(text, owner)}
            found += self._gone_after([entry for entry in mine if said[entry] in gone], Run(owner, source))
        return found

    def _gone_after(self, entries: list[Entry], run: Run) -> Iterator[Entry]:
        """Yield those of an owner's entries that no other text says any more, and whose key is not in the owner's."""
        judged, now, beside = self.verdicts(entries, run), _source(run), self._beside(run)
        yield from (entry for entry, found in judged.items() if found == "gone")
        for way, some in self.by_way([entry for entry, found in judged.items() if found != "gone"], now):
            is_dropped = drops_key(some[0].key, ways.source_of(some[0]), now)
            if is_dropped and not self._is_said_beside(way, some, run, beside):
                yield from some

    def _stands(self, text: str, owner: Owner) -> bool:
        """Return whether a text is an owner's, another cell's or a module's."""
        return text == self._text(owner) or any(text == each for _, each in self._context.texts_beside(owner))

    def _text(self, owner: Owner) -> str | None:
        """Return what an owner says now: a cell's last text, or a file's."""
        return owner.source if owner.source is not None else self._context.text_of(owner)

    def kept(self, formers: list[Entry], mine: list[Entry], run: Run) -> dict[Entry, str]:
        """Return what stays of a successful run's owner, and why.

        Args:
            formers: what the owner registered before, and did not register again.
            mine: what the run registered.
            run: the run.
        """
        if not formers:
            return {}
        now = _source(run)
        ran = self._places(mine, now)
        names = {entry.name for entry in mine}
        pinned = self._pinned - names
        may_be_copy = run.owner.kind == "cell" and run.owner.id is None
        at_hand, beside = functools.cache(lambda: self._at_hand(formers, run)), self._beside(run)
        kept: dict[Entry, str] = {}
        for way, some in self.by_way(formers, now):
            found = self._verdict_after(way, some, run)
            left_out = self._is_left_out(way, some, run, ran.get(some[0].registry, frozenset()), found)
            if left_out and found == "maybe" and self._is_said_beside(way, some, run, beside):
                left_out = False
            may_be_there = found == "maybe" and not drops_key(some[0].key, ways.source_of(some[0]), now)
            reason = messages.why_kept(bool(way.steps), now is None or not now.parses)
            for entry in some:
                why = "" if left_out and not (may_be_there and entry in at_hand()) else reason
                again = entry.name in names and ways.is_of_a_former_self(entry)  # with the class of that name now
                if entry.name in pinned:
                    kept[entry] = messages.PINNED
                elif may_be_copy and not again:
                    kept[entry] = messages.MAY_BE_A_COPY
                elif why and not again:
                    kept[entry] = why
        return kept

    def _verdict_after(self, way: Way, some: list[Entry], run: Run) -> Verdict:
        """Return the verdict on entries at the end of a run, which may have reloaded a file that was edited since."""
        found: Verdict = run.removed.get(some[0]) or run.standing.get(some[0], "maybe")
        return "gone" if way.is_edited and self.verdicts(some, run)[some[0]] == "gone" else found

    def _is_left_out(self, way: Way, some: list[Entry], run: Run, ran: frozenset[Place], found: Verdict) -> bool:
        left_out = self._decide(is_left_out, False, way, ways.source_of(some[0]), _source(run), ran, found)
        return left_out or (found == "again" and ways.has_lost_a_function(some[0]))

    def _is_said_beside(self, way: Way, some: list[Entry], run: Run, beside: _Beside) -> bool:
        """Return whether another text says the key that the owner's said, and may have skipped it; take note of it."""
        before = ways.source_of(some[0])
        is_said = before is not None and says(before, some[0].key)
        text = self._decide(self._said_elsewhere, _UNKNOWN, way, some[0], run, beside, False) if is_said else ""
        self._ledger.said_elsewhere.update(dict.fromkeys(some, text) if text else {})
        return bool(text)

    def withhold(self, dropped: Iterable[Entry], left_out: Iterable[Entry] = ()) -> None:
        """Hold those of the swept entries that their statement may skip, until it comes back, here or in another cell.

        A guard or a memo may skip the statement then: what it registered once has to be there all the same.

        Args:
            dropped: those whose statement is gone.
            left_out: those that their statement left out: they come back with their key, if the text said it.
        """
        held = self._ledger.withheld
        for way, some in self.by_way(dropped):
            before = ways.source_of(some[0])
            is_named = before is None or is_named_after(way, before)
            below: set[str | None] = set() if is_named else {step.function for step in some[0].steps}
            self._hold(way, some, ways.functions_from(some[0], below))
        texts = ((entry, ways.source_of(entry)) for entry in left_out)
        for way, some in self.by_way(entry for entry, before in texts if before and says(before, entry.key)):
            self._hold(way, some, frozenset())
        while len(held) > _MOST:
            del held[next(iter(held))]

    def _hold(self, way: Way, entries: list[Entry], functions: frozenset[ways.Function]) -> None:
        before, held = ways.source_of(entries[0]), self._ledger.withheld
        if before is None or not comes_back(way, before, before):
            return
        for entry in entries:
            held.pop(entry.spot, None)
            held[entry.spot] = Held(entry, way, words(way, before, entry.key), functions)

    def coming_back(self, run: Run) -> list[Entry]:
        """Return the withheld entries whose statement is in the source of a run, and may be skipped there."""
        if not self._ledger.withheld or run.source is None:
            return []
        text, home = run.source, ways.module_of(run.owner)
        reached = functools.cache(lambda packages: ways.reached(read(text).names, home, packages))
        return [each.entry for each in list(self._ledger.withheld.values()) if _is_back(each, run, text, reached)]

    def is_dropped(self, script: Owner, by: Caller, run: Run) -> bool:
        """Return whether the text of a run does not say any more by what a former run executed a file.

        It may say the same statement and name another file.
        """
        before, now = ways.source_of(by), _source(run)
        way = self._decide(ways.way_of, ways.NOBODY_KNOWS, by)
        name = os.path.basename(str(script.id))
        named = [any(name in each for each in text.literals) for text in (before, now) if text and text.parses]
        return named == [True, False] or self._decide(verdict, "maybe", way, before, now) == "gone"

    def edited(self, run: Run, within: tuple[Owner, ...] = ()) -> Iterator[Entry]:
        """Yield what an edit of a file changes behind a guard, if a run may execute the file unseen.

        The files that this one executes count, too; ``within`` are those that lead to it.
        """
        for script, (by, _) in self._ledger.executed.get(run.owner, {}).items():
            text = self._context.text_of(script)
            if text is None or script in within or self.is_dropped(script, by, run):
                continue
            again, entries = Run(script, text), self._ledger.entries(script)
            judged = self.verdicts(
                [entry for entry in entries if (made := entry.run) and made.unseen and made.source != text], again
            )
            yield from (entry for entry, found in judged.items() if found == "changed")
            yield from self.edited(again, (*within, script))

    def by_way(self, entries: Iterable[Entry], now: Source | None = None) -> list[tuple[Way, list[Entry]]]:
        """Return entries by the way that led to them: what a loop registers has one in common.

        If there is a new text, those whose keys it says, or the former one said, are apart from others.
        """
        alike: dict[Any, list[Entry]] = {}
        for entry in entries:
            texts = (ways.source_of(entry), now) if now is not None else ()
            said = [text is not None and says(text, entry.key) for text in texts]
            frames = tuple((id(step.code), step.line) for step in entry.steps)
            written = entry.key if entry.written and not entry.steps else None
            which = id(entry.run), frames, entry.line, ways.definition_of(entry), entry.registry, written, *said
            alike.setdefault(which, []).append(entry)
        return [(self._way_to(some[0]), some) for some in alike.values()]

    def _beside(self, run: Run) -> _Beside:
        texts = functools.cache(lambda: list(self._context.texts_beside(run.owner)))
        return _Beside(texts, functools.cache(ways.reached))

    def _said_elsewhere(self, way: Way, entry: Entry, run: Run, beside: _Beside, or_here: bool = True) -> str:
        """Return the text that may still lead to an entry, and skip it because it is there; empty if none does.

        The owner's new text may call it by way of another function, unless not ``or_here``; another cell or module may
        say it, too.
        """
        before, now, home = ways.source_of(entry), _source(run), ways.module_of(run.owner)
        leads = self._leads(way, entry, now, beside)
        if before is None or now is None or leads is None:
            return ""
        if or_here and leads(now.text, now.names, home, True):
            return now.text
        wanted = words(way, before, entry.key)
        name = entry.steps[1].function.rpartition(".")[2] if len(entry.steps) > 1 else ""
        name = "" if name.startswith("__") else name  # Python calls it
        for module, text in beside.texts():
            if leads(text, names_by_itself(text), module, False):
                return text
            if module == home and all(word in text for word in wanted):
                other = read(text).for_others
                is_said = says(other, entry.key) or not says(before, entry.key)
                if is_said and comes_back(way, before, other, or_hands_on=name in other.named):
                    return text
        return ""

    def _leads(self, way: Way, entry: Entry, now: Source | None, beside: _Beside) -> _Leads | None:
        """Return what tells whether a text leads to the functions that register an entry; None if nothing skips it."""
        before = ways.source_of(entry)
        if before is None or now is None or not comes_back(way, before, before) or ways.is_of_a_former_self(entry):
            return None
        below = set() if is_named_after(way, before) else {step.function for step in lost(way, before, now)}
        functions = ways.functions_from(entry, below)
        called = {(step.module, step.function) for step in entry.steps[1:2]}
        packages = frozenset(package_of(module) for module, _ in functions or called)

        def leads(text: str, names: frozenset[str], module: str, with_hooks: bool) -> bool:
            is_said = not functions and last_word(entry.key) in text and says(read(text), entry.key)
            wanted = called if is_said else functions
            return bool(wanted) and not beside.reached(names, module, packages, with_hooks).isdisjoint(wanted)

        return leads

    def _at_hand(self, entries: Iterable[Entry], run: Run) -> set[Entry]:
        """Return what was written to containers, and may have been written again as it is: no comparison shows that.

        A run can do so if a name leads to the object, or a variable that the run does not bind anew.
        """
        written = [entry for entry in entries if entry.written]
        unnamed = [entry.value for entry in written if not ways.has_its_name(entry.value)]
        containers = {id(each) for entry in written for each in self._registries[entry.registry].containers}
        held = self._context.held(run, unnamed, containers) if unnamed else set()
        if held is None:
            return set(written)
        lost = {id(value) for value in unnamed if gc.is_tracked(value) and id(value) not in held}
        return {entry for entry in written if id(entry.value) not in lost}

    def _places(self, mine: list[Entry], now: Source | None) -> dict[str, frozenset[Place]]:
        """Return the places that registered something in a run, by registry."""
        ran: dict[str, set[Place]] = {}
        for way, some in self.by_way(mine):
            where = self._decide(place, None, way, now)
            if where is not None:
                ran.setdefault(some[0].registry, set()).add(where)
        return {registry: frozenset(places) for registry, places in ran.items()}

    def _way_to(self, entry: Entry) -> Way:
        return self._decide(ways.way_to, ways.NOBODY_KNOWS, entry, self._registries[entry.registry])

    def _decide(self, question: Callable[..., _Answer], otherwise: _Answer, *args: Any) -> _Answer:
        """Return the answer to a question, or what keeps an entry if the text is one that nobody can read."""
        try:
            return question(*args)
        except Exception as error:  # or a function of the user's has odd attributes
            self._notices.tell(messages.undecided(error))
            return otherwise


def _is_back(held: Held, run: Run, text: str, reached: Callable[[frozenset[str]], set[ways.Function]]) -> bool:
    """Return whether a text says again what led to an entry, or calls what registers it."""
    owner, before = held.entry.owner, ways.source_of(held.entry)
    can_be = owner is run.owner or (owner is not None and owner.kind == run.owner.kind == "cell")
    if not can_be or before is None:
        return False
    if all(word in text for word in held.words) and comes_back(held.way, before, read(text)):
        return True
    packages = frozenset(package_of(module) for module, _ in held.functions)
    return bool(held.functions) and not reached(packages).isdisjoint(held.functions)


def _source(run: Run) -> Source | None:
    return read(run.source) if run.source is not None else None
