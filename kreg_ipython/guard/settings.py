"""The users' settings: written by ``%config KregMagics``, read by whoever acts on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Verbosity = Literal["quiet", "notices", "all"]
OnConflict = Literal["note", "replace", "error"]
VERBOSITIES: tuple[Verbosity, ...] = get_args(Verbosity)
ON_CONFLICT: tuple[OnConflict, ...] = get_args(OnConflict)


@dataclass
class Settings:
    """The user's settings.

    Attributes:
        verbosity: whether to say nothing, what a user must know, or every act.
        on_conflict: what becomes of a different definition for a key that another owner has: the framework's own answer
            with a note, the new definition, or an error.
        names: whether a cell that runs again gets the automatic names of its former run.
    """

    verbosity: Verbosity = "notices"
    on_conflict: OnConflict = "note"
    names: bool = True
