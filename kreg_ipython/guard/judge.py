"""Judge entries: find the way to each, and give it a verdict before a run and a reason to stay after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kreg_ipython.guard import messages, ways
from kreg_ipython.guard.context import ExecutionContext
from kreg_ipython.guard.guarded import GuardedRegistry
from kreg_ipython.guard.ledger import Entry, Name, Run
from kreg_ipython.guard.notices import Notices
from kreg_ipython.guard.verdicts import Place, Verdict, Way, comes_back, is_left_out, place, verdict, words
from kreg_ipython.lib.source import Source, read


class Judge:
    """Applies the verdicts to entries.

    Args:
        registries: the guarded registries, by name.
        pinned: what the user wants kept.
        context: knows the texts of other cells.
        notices: tell the user what cannot be decided.
    """

    def __init__(
        self,
        registries: Mapping[str, GuardedRegistry],
        pinned: set[Name],
        context: ExecutionContext,
        notices: Notices,
    ) -> None:
        self._registries, self._pinned, self._context, self._notices = registries, pinned, context, notices

    def verdicts(self, entries: Iterable[Entry], run: Run) -> dict[Entry, Verdict]:
        """Return the verdict on each of the owner's entries before a run."""
        now = _source(run)
        judged: dict[Entry, Verdict] = {}
        for way, some in self.by_way(entries):
            found: Verdict = self._decide(verdict, "maybe", way, ways.source_of(some[0]), now)
            judged.update(dict.fromkeys(some, found))
        return judged

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
            left_out = self._decide(is_left_out, False, way, before, now, ran.get(some[0].registry, frozenset()))
            why = "" if left_out else messages.why_kept(bool(way.steps), now is None or not now.parses)
            is_asked_for = run.removed.get(some[0]) == "gone" and self._is_asked_for(way, some[0], run)
            for entry in some:
                again = entry.name in names and ways.is_of_a_former_self(entry)  # with the class of that name now
                if entry.name in pinned:
                    kept[entry] = messages.PINNED
                elif may_be_copy and not again:
                    kept[entry] = messages.MAY_BE_A_COPY
                elif is_asked_for:
                    kept[entry] = messages.IS_ASKED_FOR
                elif why and run.removed.get(entry) not in ("gone", "again") and not again:
                    kept[entry] = why
        return kept

    def by_way(self, entries: Iterable[Entry]) -> list[tuple[Way, list[Entry]]]:
        """Return entries by the way that led to them: what a loop registers has one in common."""
        alike: dict[Any, list[Entry]] = {}
        for entry in entries:
            frames = tuple((id(step.code), step.line) for step in entry.steps)
            written = entry.key if entry.written else None
            which = id(entry.run), frames, entry.line, ways.definition_of(entry), entry.registry, written
            alike.setdefault(which, []).append(entry)
        return [(self._way_to(some[0]), some) for some in alike.values()]

    def _is_asked_for(self, way: Way, entry: Entry, run: Run) -> bool:
        """Return whether another cell says what led to an entry, too, and may have skipped it for this one."""
        before = ways.source_of(entry)
        if before is None or not comes_back(way, before, before):
            return False
        wanted = words(way, before)
        texts = (text for text in self._context.texts_beside(run.owner) if all(word in text for word in wanted))
        return any(comes_back(way, before, read(text)) for text in texts)

    def _places(self, mine: list[Entry], now: Source | None) -> dict[str, frozenset[Place]]:
        """Return the places that registered something in a run, by registry."""
        ran: dict[str, set[Place]] = {}
        for way, some in self.by_way(mine):
            where = self._decide(place, None, way, now)
            if where is not None:
                ran.setdefault(some[0].registry, set()).add(where)
        return {registry: frozenset(places) for registry, places in ran.items()}

    def _way_to(self, entry: Entry) -> Way:
        way: Way = self._decide(ways.way_to, ways.NOBODY_KNOWS, entry, self._registries[entry.registry].accessor)
        return way

    def _decide(self, question: Callable[..., Any], otherwise: Any, *args: Any) -> Any:
        """Return the answer to a question, or what keeps an entry if the text is one that nobody can read."""
        try:
            return question(*args)
        except Exception as error:  # or a function of the user's has odd attributes
            self._notices.tell(messages.undecided(error))
            return otherwise


def _source(run: Run) -> Source | None:
    return read(run.source) if run.source is not None else None
