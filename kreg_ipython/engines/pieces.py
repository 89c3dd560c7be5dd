"""Name the requests that a cell sends to engines: each piece of a cell is a cell of its own there. Pure data."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass
class Pieces:
    """The requests of one cell.

    An engine knows each by an id: a ``%%px`` cell has one, a cell with two lines of ``%px`` has two. When the cell runs
    again, a request of equal text is the same piece, and one of another text takes the place of a piece whose text the
    cell does not have any more.

    Attributes:
        cell: the cell's own id, which is the first piece's.
        texts: the text that each piece had last; None for calls, which have none.
        numbers: the execution count of the cell that sent it last.
    """

    cell: str
    texts: dict[str, str | None] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    _number: int | None = None
    _sent: dict[str, set[Hashable]] = field(default_factory=dict)

    def of_call(self, number: int) -> str:
        """Return the id of all calls that the cell's run of this number asks for."""
        return self._note(number, f"{self.cell}@call", None, None)

    def of_text(self, number: int, text: str, cell_text: str, engine: Hashable) -> str:
        """Return the id of a request.

        Args:
            number: the execution count of the cell.
            text: what the engine is to execute.
            cell_text: what the cell says.
            engine: where the request goes. Several engines get the same piece.
        """
        self._begin(number)
        for piece, engines in self._sent.items():
            if self.texts[piece] == text and engine not in engines:
                return self._note(number, piece, text, engine)
        free = [piece for piece, former in self.texts.items() if piece not in self._sent and former is not None]
        equal = [piece for piece in free if self.texts[piece] == text]
        edited = [piece for piece in free if (self.texts[piece] or "").strip() not in cell_text]
        names = (self.cell, *(f"{self.cell}#{count}" for count in range(2, len(self.texts) + 3)))
        new = [name for name in names if name not in self.texts]
        return self._note(number, [*equal, *edited, *new][0], text, engine)

    def end(self, number: int | None) -> list[str]:
        """End the run of this number, which succeeded; return the pieces that it did not send any more."""
        sent = self._sent if self._number == number else {}
        gone = [piece for piece in self.texts if piece not in sent]
        for piece in gone:
            del self.texts[piece]
        return gone

    def _begin(self, number: int) -> None:
        if number != self._number:
            self._number, self._sent = number, {}

    def _note(self, number: int, piece: str, text: str | None, engine: Hashable) -> str:
        self._begin(number)
        self.texts[piece], self.numbers[piece] = text, number
        self._sent.setdefault(piece, set()).add(engine)
        return piece
