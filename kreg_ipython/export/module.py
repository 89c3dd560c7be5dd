"""Make a module of the definitions in a notebook that some of its objects need."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from kreg_ipython.checks.notebook import Notebook
from kreg_ipython.export import facts
from kreg_ipython.export.copied import Copied, claimed_twice
from kreg_ipython.export.pieces import LeftOut, Piece, Registration, leave_out_what_cannot_be_executed, ordered
from kreg_ipython.export.slice import Slice
from kreg_ipython.guard.ledger import Entry
from kreg_ipython.lib import source
from kreg_ipython.lib.naming import key_text

__all__ = ["LeftOut", "Module", "module_for"]


@dataclass(frozen=True)
class Module:
    """The text of a module, made of a notebook's definitions.

    Attributes:
        text: the text of the module.
        objects: the keys that it registers.
        cells: the execution counts of the cells whose text is in it.
        left_out: what the objects need and the module does not define.
        differs: what is another one in a fresh process than in the notebook.
        live: the notebook's objects that its names and keys stand for, see `facts.found`.
        cell_of: the execution counts of the cells of these names.
        homes: the modules that its definitions come from.
    """

    text: str
    objects: tuple[str, ...]
    cells: tuple[int, ...]
    left_out: tuple[LeftOut, ...]
    differs: tuple[LeftOut, ...] = ()
    live: Mapping[str, Any] = field(default_factory=dict)
    cell_of: Mapping[str, int | None] = field(default_factory=dict)
    homes: tuple[str, ...] = ("__main__",)

    @property
    def unseen(self) -> list[str]:
        """The names of what it lacks."""
        return [each.name for each in self.left_out]


def module_for(
    notebook: Notebook, roots: Iterable[Any], *, inline: bool = False, refused: Mapping[str, str] | None = None
) -> Module:
    """Return a module that defines and registers what these objects need.

    Args:
        notebook: the notebook.
        roots: classes, functions or other registered objects, or keys of entries as text.
        inline: whether to copy what the user's own modules define, instead of importing it.
        refused: the names that would be something else elsewhere if their statements were typed as they are, and why.
    """
    entries = [entry for entry in notebook.guard.ledger if not notebook.guard.ledger.is_shadowed(entry)]
    registrations = [_registration(entry) for entry in entries]
    subjects: list[Any] = []
    for root in roots:
        subjects += [each.subject for each in registrations if each.key == root] if isinstance(root, str) else [root]
    texts, text_of = notebook.cells.texts, notebook.cells.text_of
    return module_of(texts, notebook.variables, text_of, registrations, subjects, inline=inline, refused=refused)


def module_of(
    texts: Mapping[int, str],
    namespace: Mapping[str, Any],
    text_of: Callable[[CodeType], str | None],
    registrations: Sequence[Registration],
    subjects: Sequence[Any],
    *,
    inline: bool = False,
    refused: Mapping[str, str] | None = None,
) -> Module:
    """Return the module that some objects need: see `Slice`.

    A module of the user's is imported all the same if a name in it means something else in the notebook.
    """
    imported: set[str] = set()
    while True:
        copied = Copied(registrations, imported if inline else None, refused)
        made = Slice(texts, namespace, text_of, registrations, copied=copied, refused=refused)
        for subject in subjects:
            made.add(subject)
        slices = [made, *filter(None, copied.slices.values())]
        pieces = [piece for each in slices for piece in each.pieces()]
        twice = claimed_twice(pieces)
        if not twice:
            return _module(slices, pieces, registrations, subjects)
        imported |= twice


def _module(
    slices: Sequence[Slice],
    found: Sequence[Piece],
    registrations: Iterable[Registration],
    subjects: Iterable[Any],
) -> Module:
    missing = [one for each in slices for one in each.missing]
    leave_out_what_cannot_be_executed(found)
    pieces = ordered(found)
    kept = [piece for piece in pieces if piece.left_out is None]
    said = [piece.item for piece in kept if piece.item is not None and piece.alias is None]
    registrations = list(registrations)
    by_calls = {id(each.calls[item]) for each in slices for item in said if item in each.calls}
    registered = [
        each
        for each in registrations
        if id(each) in by_calls
        or any((item.home, item.cell) == (each.home, each.cell) and item.executes(each.line) for item in said)
    ]
    left_out = tuple(dict.fromkeys([*missing, *(piece.left_out for piece in pieces if piece.left_out is not None)]))
    cell_of = {name: piece.cell for piece in kept for name in piece.binds}
    live = {name: value for each in slices for name, value in each.live().items()}
    homes = tuple(each.home for each in slices)
    lacking = {each.name for each in left_out}
    told = {id(each.subject) for each in registrations if each.key in lacking}
    mine = [each for each in (*subjects, *(one.subject for one in registered)) if _home_of(each) in homes]
    mine = [each for each in mine if id(each) not in told]
    live |= _by_another_name(mine, live, cell_of.keys() - live.keys(), registered)
    return Module(
        text_of(pieces),
        tuple(dict.fromkeys(each.key for each in registered)),
        tuple(sorted({piece.cell for piece in kept if piece.cell})),
        left_out,
        live={name: value for name, value in live.items() if name not in lacking},
        cell_of=cell_of,
        homes=homes,
    )


def _by_another_name(
    subjects: Iterable[Any],
    live: Mapping[str, Any],
    names: Collection[str],
    registrations: Sequence[Registration],
) -> dict[str, Any]:
    """Return the objects that no variable has any more, by the names that the module gives them, or by their keys.

    One that has neither has a name that no module has.
    """
    known = {id(value) for value in live.values()}
    found = {}
    for subject in subjects:
        called = str(getattr(subject, "__qualname__", f"a {type(subject).__name__}"))
        outer, _, inner = called.partition(".")
        if id(subject) in known or (inner and "<locals>" not in inner and outer in live):  # in a class
            continue
        known.add(id(subject))
        keys = (facts.named(each.registry, each.key) for each in registrations if each.subject is subject)
        is_named = outer in names and outer not in found
        found[outer if is_named else next(filter(None, keys), called)] = subject
    return found


def _home_of(subject: Any) -> str | None:
    home = getattr(subject, "__module__", None)
    return home if isinstance(home, str) else None


def text_of(pieces: Iterable[Piece]) -> str:
    """Return the pieces as the text of a module."""
    pieces = list(pieces)
    annotations = any(piece.item is not None and piece.item.annotations_are_text for piece in pieces)
    blocks = ["from __future__ import annotations"] if annotations else []
    return "".join(_spaced([*blocks, *(piece.text for piece in pieces)]))


def _spaced(blocks: list[str]) -> Iterator[str]:
    """Yield the blocks with as many blank lines between them as people write."""
    before = ""
    for block in blocks:
        if before:
            kinds = {_kind(before), _kind(block)}
            apart = len(kinds) > 1 or (block.startswith("#") and not before.startswith("#"))
            yield "\n\n" if "definition" in kinds else "\n" if apart else ""
        yield f"{block}\n"
        before = block


def _kind(block: str) -> str:
    lines = [line for line in block.split("\n") if line and not line.startswith("#")]
    if not lines:
        return "value"
    if lines[0].startswith(("import ", "from ")):
        return "import"
    return "definition" if lines[0].startswith(("class ", "def ", "async ", "@")) else "value"


def _registration(entry: Entry) -> Registration:
    """Return a registration with the line in the last text of its cell that says it."""
    owner, line = entry.owner, entry.steps[0].line if entry.steps and entry.complete else entry.line
    if owner is not None and owner.kind == "module":
        return Registration(key_text(entry.key), entry.subject, 0, line, len(entry.steps) <= 1, owner.id or "")
    if owner is None or owner.kind != "cell":
        return Registration(key_text(entry.key), entry.subject, None, None, False)
    said = entry.run.source if entry.run is not None else owner.source
    if said is not None and owner.source is not None and said != owner.source:
        statement = source.read(said).at(line)
        standing = source.read(owner.source).standing(statement) if statement is not None else []
        line = standing[0].first if standing else None
    direct = len(entry.steps) <= 1
    return Registration(key_text(entry.key), entry.subject, owner.number, line, direct, registry=entry.registry)
