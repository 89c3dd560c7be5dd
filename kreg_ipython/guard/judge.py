"""Judge entries: find the way to each, give it a verdict before a run, and say what stays after it or may come back."""

from __future__ import annotations

import functools
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
    is_left_out,
    is_named_after,
    lost,
    place,
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


class _Beside(NamedTuple):
    """Find what is beside a run: other owners' texts, by module, and the functions that calls in a module lead to."""

    texts: Callable[[], list[tuple[str, str]]]
    reached: Callable[[frozenset[str], str, frozenset[str]], set[ways.Function]]


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
        beside = _Beside(
            functools.cache(lambda: list(self._context.texts_beside(run.owner))), functools.cache(ways.reached)
        )
        for way, some in self.by_way(entries):
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
            if owner not in (None, beside) and owner.source is not None:
                mine = [entry for entry in waiting if entry.owner is owner]
                gone = {text for text in {said[entry] for entry in mine} if not self._stands(text, owner)}
                judged = self.verdicts([entry for entry in mine if said[entry] in gone], Run(owner, owner.source))
                found += [entry for entry, each in judged.items() if each == "gone"]
        return found

    def _stands(self, text: str, owner: Owner) -> bool:
        """Return whether a text is an owner's, another cell's or a module's."""
        return text == owner.source or any(text == each for _, each in self._context.texts_beside(owner))

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
        kept: dict[Entry, str] = {}
        for way, some in self.by_way(formers):
            before = ways.source_of(some[0])
            found: Verdict = run.removed.get(some[0]) or run.standing.get(some[0], "maybe")
            if way.is_edited and self.verdicts(some, run)[some[0]] == "gone":
                found = "gone"  # a file has been edited since the verdict, which the run may have reloaded
            where = ran.get(some[0].registry, frozenset())
            left_out = self._decide(is_left_out, False, way, before, now, where, found)
            left_out = left_out or (found == "again" and ways.has_lost_a_function(some[0]))
            why = "" if left_out else messages.why_kept(bool(way.steps), now is None or not now.parses)
            for entry in some:
                again = entry.name in names and ways.is_of_a_former_self(entry)  # with the class of that name now
                if entry.name in pinned:
                    kept[entry] = messages.PINNED
                elif may_be_copy and not again:
                    kept[entry] = messages.MAY_BE_A_COPY
                elif why and not again:
                    kept[entry] = why
        return kept

    def withhold(self, swept: list[Entry]) -> None:
        """Hold those of the swept entries that their statement may skip, until it comes back, here or in another cell.

        A guard or a memo may skip the statement then: what it registered once has to be there all the same.
        """
        held = self._ledger.withheld
        for way, some in self.by_way(swept):
            before = ways.source_of(some[0])
            if before is not None and comes_back(way, before, before):
                for entry in some:
                    held.pop(entry.spot, None)
                    held[entry.spot] = Held(entry, way, words(way, before))
        while len(held) > _MOST:
            del held[next(iter(held))]

    def coming_back(self, run: Run) -> list[Entry]:
        """Return the withheld entries whose statement is in the source of a run, and may be skipped there."""
        if not self._ledger.withheld or run.source is None:
            return []
        return [each.entry for each in list(self._ledger.withheld.values()) if _is_back(each, run, run.source)]

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

    def by_way(self, entries: Iterable[Entry]) -> list[tuple[Way, list[Entry]]]:
        """Return entries by the way that led to them: what a loop registers has one in common."""
        alike: dict[Any, list[Entry]] = {}
        for entry in entries:
            frames = tuple((id(step.code), step.line) for step in entry.steps)
            written = entry.key if entry.written and not entry.steps else None
            which = id(entry.run), frames, entry.line, ways.definition_of(entry), entry.registry, written
            alike.setdefault(which, []).append(entry)
        return [(self._way_to(some[0]), some) for some in alike.values()]

    def _said_elsewhere(self, way: Way, entry: Entry, run: Run, beside: _Beside) -> str:
        """Return the text that may still lead to an entry, and skip it because it is there; empty if none does.

        The owner's new text may call it by way of another function; another cell or module may say it, too.
        """
        before, now = ways.source_of(entry), _source(run)
        if before is None or now is None or not comes_back(way, before, before) or ways.is_of_a_former_self(entry):
            return ""
        home = ways.module_of(run.owner)
        below = set() if is_named_after(way, before) else {step.function for step in lost(way, before, now)}
        functions = ways.functions_from(entry, below)
        packages = frozenset(package_of(module) for module, _ in functions)
        if functions and beside.reached(now.names, home, packages) & functions:
            return now.text
        wanted = words(way, before)
        called = entry.steps[1].function.rpartition(".")[2] if len(entry.steps) > 1 else ""
        called = "" if called.startswith("__") else called  # Python calls it
        for module, text in beside.texts():
            if functions and beside.reached(names_by_itself(text), module, packages) & functions:
                return text
            if module == home and all(word in text for word in wanted):
                other = read(text).for_others
                if comes_back(way, before, other, or_hands_on=called in other.named):
                    return text
        return ""

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


def _is_back(held: Held, run: Run, text: str) -> bool:
    owner = held.entry.owner
    can_be = owner is run.owner or (owner is not None and owner.kind == run.owner.kind == "cell")
    if not can_be or not all(word in text for word in held.words):
        return False
    before = ways.source_of(held.entry)
    return before is not None and comes_back(held.way, before, read(text))


def _source(run: Run) -> Source | None:
    return read(run.source) if run.source is not None else None
