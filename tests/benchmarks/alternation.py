"""Compares two ways to do a thing in alternating blocks, so that the machine's moods meet both."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable

PAIRS = int(os.environ.get("PAIRS", "40"))
"""How many pairs of blocks a row of the page's tables is made of, unless it says otherwise."""


def compare(bare: Callable[[], float], other: Callable[[], float], pairs: int) -> tuple[float, float, list[float]]:
    """Median seconds of both, which say what a block of theirs took, and the ratio of each pair of neighbouring blocks.

    Each goes first in every other pair.
    """
    seconds: dict[Callable[[], float], list[float]] = {bare: [], other: []}
    for pair in range(pairs):
        for block in (bare, other) if pair % 2 else (other, bare):
            seconds[block].append(block())
    ratios = [after / before for before, after in zip(seconds[bare], seconds[other], strict=True)]
    return statistics.median(seconds[bare]), statistics.median(seconds[other]), ratios
