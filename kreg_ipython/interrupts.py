"""Hold back Ctrl-C while a registry is half-way between two states."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held_back() -> Iterator[None]:
    """Let a SIGINT that arrives inside take effect on leaving. In other threads nothing happens: none arrives there."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[tuple[int, FrameType | None]] = []
    former = signal.getsignal(signal.SIGINT)
    if not callable(former):
        yield
        return
    signal.signal(signal.SIGINT, lambda number, frame: arrived.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
        if arrived:
            former(*arrived[-1])
