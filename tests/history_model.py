"""A plain model of a fresh kernel: what each owner holds after its last run, and which of them stands at each key.

It knows no stack, no withdrawal and no ledger: of two owners with one key the one that ran last has it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

from history_kinds import KINDS, Item

CELLS = ("c0", "c1", "c2", "c3")
MODULES = ("history_m0", "history_m1")
SCRIPT = "history_s0"
OWNERS = (*CELLS, *MODULES, SCRIPT)


@dataclass(frozen=True)
class Held:
    """What an owner holds at a key: which version of which definition, when it was registered, and by which text."""

    item: Item
    version: int
    definition: Any
    when: tuple[int, int]
    text: str


@dataclass(frozen=True)
class Text:
    """What an owner is about to run: its items in their versions, as it says them, in a thread or not."""

    owner: str
    items: list[tuple[Item, int]]
    text: str
    in_thread: bool = False

    def definition(self, item: Item) -> Any:
        """Return what makes another item the same definition."""
        file = "__main__" if self.owner in CELLS else self.owner
        name = f"work_{self.owner}" if self.in_thread else "", item.name, item.number
        shared = {"slot": "", "name": name, "file": file, "owner": self.owner}
        return shared.get(item.kind.definition, ("__main__" if self.owner == SCRIPT else file, name))

    def may_register(self, held: Held) -> bool:
        """Return whether a thread that waits may still register this: its function has the same statement as before. A
        definition counts if the cell's body had it."""
        said = any(item == held.item for item, _ in self.items)
        was_there = "def work_" in held.text or held.item.kind.by_definition
        return said and was_there and not held.item.kind.says_version

    def key(self, item: Item, version: int) -> Any:
        """The key: where entries stand side by side with what makes them the same, in the end the very object."""
        if item.kind.shape != "beside":
            return item.key
        return *item.key, self.definition(item), version if item.kind.definition == "object" else None


@dataclass
class FreshKernel:
    """What a fresh kernel would hold, had it run the last version of each owner in the order of their last runs.

    Cells that ran before the extension was loaded are known by their text alone: it stands for the owner.
    """

    holdings: dict[str, dict[Any, Held]] = field(default_factory=lambda: defaultdict(dict))
    files: dict[str, set[Item]] = field(default_factory=lambda: {owner: set() for owner in (*MODULES, SCRIPT)})
    """What the files of modules and scripts say now: what only a former text said gives way to anybody."""
    pinned: set[Any] = field(default_factory=set)
    """What the user wants kept."""
    known: set[str] = field(default_factory=set)
    """What was executed since the extension was loaded: cells are known by their ids then."""
    clock: int = 0
    loaded: int = 0
    """When the extension was loaded, by that clock."""

    def run(self, text: Text, fails_at: int | None = None, replays: bool = False, waits: bool = False) -> bool:
        """Run an owner; whether it succeeds. A failing run keeps what it did not come to register again: a class that
        was defined and registered again has replaced its former self. One that
        replays, as `%autoreload` does, registers at its former place in the history. One whose thread waits registers
        nothing, and keeps what it may still register."""
        owner = text.owner
        self.meet(owner, text.text)
        former, self.holdings[owner] = self.holdings[owner], {}
        items = replace(text, items=[]) if waits else text
        done = self.register(items, fails_at, former if replays else {}) and fails_at is None
        gone = {key: held for key, held in former.items() if key not in self.holdings[owner]}
        still = {key for key, held in gone.items() if waits and text.may_register(held)}
        anew = {(held.item, held.definition) for held in self.holdings[owner].values()}
        left = {key for key, held in gone.items() if not done and (held.item, held.definition) not in anew}
        kept = {key: held for key, held in gone.items() if key in self.pinned | still | left}
        self.holdings[owner].update(kept)
        return done

    def register(self, text: Text, fails_at: int | None = None, former: dict[Any, Held] | None = None) -> bool:
        """Register an owner's items one by one, until one fails; whether none does."""
        latest = max((held.when for held in former.values()), default=None) if former else None
        for position, (item, version) in enumerate(text.items):
            if position == fails_at or not self._makes_way(text, item, version):
                return False
            self.clock += 1
            key, when = text.key(item, version), (self.clock, 0)
            if former and latest is not None:
                when = (former[key].when if key in former else latest)[0], self.clock
            self.holdings[text.owner][key] = Held(item, version, text.definition(item), when, text.text)
        return True

    def _makes_way(self, text: Text, item: Item, version: int) -> bool:
        """Return whether the key can be registered: where registering raises, no other definition stands there.

        A file that does not say it any more gives way, and to the same definition a cell whose id is not known.
        """
        key = text.key(item, version)
        held = self.holders(key)
        others = [owner for owner in held if owner != text.owner]
        if not others:
            return True
        for owner in others if item.kind.shape == "beside" else others[-1:]:
            outdated = owner in self.files and held[owner].item not in self.files[owner]
            same = held[owner].definition == text.definition(item)
            if outdated or (same and owner not in OWNERS and text.owner in CELLS):
                del self.holdings[owner][key]
                same = True
        return same or item.kind.shape != "raises"

    def meet(self, owner: str, text: str) -> None:
        """An owner is executed. A cell whose id is not known is the one without an id that said the same."""
        if owner not in self.known:
            self.known.add(owner)
            if text in self.holdings:
                self.holdings[owner] = self.holdings.pop(text)

    def adopt(self, again: bool = False) -> None:
        """Load the extension: what stands there is adopted, what it shadows is not known. When it is loaded again, cells
        are who they were."""
        tops = {key: [*self.holders(key)][-1] for holds in self.holdings.values() for key in holds}
        former, self.holdings = self.holdings, defaultdict(dict)
        for owner, holds in former.items():
            for key, held in holds.items():
                if owner == tops[key] or held.item.kind.shape == "beside":
                    self.holdings[owner if again or owner in MODULES else held.text][key] = held
        self.loaded = self.clock

    def has_a_place(self, owner: str) -> bool:
        """Return whether the owner's place in the history is known.

        It is not if all that it holds was adopted, since each registry tells only the order of its own entries.
        """
        holds = self.holdings[owner].values()
        return not holds or any(held.when[0] > self.loaded for held in holds)

    def holders(self, key: Any) -> dict[str, Held]:
        """Return who has the key, the one that ran last at the end."""
        found = [(holds[key].when, owner) for owner, holds in self.holdings.items() if key in holds]
        return {owner: self.holdings[owner][key] for _, owner in sorted(found)}

    def held(self) -> list[Held]:
        return sorted((held for holds in self.holdings.values() for held in holds.values()), key=lambda held: held.when)

    def versions(self) -> dict[Any, Any]:
        """The version at each key; of entries that stand side by side all, in their order if it means something. Of
        keys that have an order, that one, too."""
        found: dict[Any, Any] = {}
        for held in self.held():
            name, kind = held.item.kind.place or held.item.name, held.item.kind
            if kind.shape == "beside":
                found.setdefault((name, "all"), []).append(held.version)
                continue
            found[name, held.item.slot] = held.version
            if kind.ordered:
                order = found.setdefault((name, "order"), [])
                order[:] = [slot for slot in order if slot != held.item.slot] + [held.item.slot]
        unordered = [(name, what) for name, what in found if what == "all" and not KINDS[name].ordered]
        return {**found, **{each: sorted(found[each]) for each in unordered}}
