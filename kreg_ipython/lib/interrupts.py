"""Defer Ctrl-C while a registry is half-way between two states."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import signal
from types import FrameType
from typing import Any

# The functions of `signal` make enums of all that passes by: that would cost more than everything else at a cell's end.
_SIGINT = int(signal.SIGINT)


class defer_interrupts:
    """Let a SIGINT that arrives inside take effect on leaving.

    In other threads nothing happens, because no SIGINT arrives there.
    """

    __slots__ = ("_arrived", "_former")

    def __enter__(self) -> None:
        self._arrived: list[tuple[int, FrameType | None]] = []
        self._former: Any = _signal.getsignal(_SIGINT)
        if callable(self._former):
            try:
                _signal.signal(_SIGINT, self._hold)
            except ValueError:  # not the main thread
                self._former = None

    def _hold(self, number: int, frame: FrameType | None) -> None:
        self._arrived.append((number, frame))

    def __exit__(self, *error: object) -> None:
        if callable(self._former):
            _signal.signal(_SIGINT, self._former)
            if self._arrived:
                self._former(*self._arrived[-1])
