"""What cells cost with kreg_ipython, against the bare shell and against ``%autoreload 2``; prints rows as JSON.

Blocks of cells with the extension on and off alternate in one process, so that the machine's moods meet both; a ratio
is the median over pairs of neighbouring blocks.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf  # noqa: F401
import tf_keras  # noqa: F401
from IPython.core.interactiveshell import InteractiveShell
from sources import KINDS, LAYER

shell = InteractiveShell.instance()
shell.user_ns.update(keras=keras, sys=sys)


def block(source: str, cells: int) -> float:
    """Seconds of this thread a cell, over a block of cells of one id: a busy machine slows the clock on the wall."""
    started = time.thread_time()
    for _ in range(cells):
        shell.run_cell(source, store_history=True, cell_id="bench")  # as front ends ask for
    return (time.thread_time() - started) / cells


def on() -> None:
    shell.run_line_magic("kreg", "on")


def off() -> None:
    shell.run_line_magic("kreg", "off")


def autoreload() -> None:
    off()
    shell.run_line_magic("autoreload", "2")


def compare(source: str, other: Callable[[], None], *, cells: int, pairs: int) -> tuple[float, float, list[float]]:
    """Median seconds a cell in the bare shell and in the ``other`` one, and the ratio of each pair of blocks."""
    bare, others, ratios = [], [], []
    for pair in range(pairs):
        for enter, seconds in ((off, bare), (other, others)) if pair % 2 else ((other, others), (off, bare)):
            enter()
            block(source, 5)
            seconds.append(block(source, cells))
            if other is autoreload:
                shell.run_line_magic("autoreload", "0")
        ratios.append(others[-1] / bare[-1])
    return statistics.median(bare), statistics.median(others), ratios


def add_entries(count: int, prefix: str) -> None:
    """Half by the decorator, half by writing to the dict, as a user's cell does; all values are distinct classes."""
    cell = f"""
for number in range({count // 2}):
    keras.saving.register_keras_serializable("{prefix}", f"by_decorator{{number}}")(type("C", (keras.Layer,), {{}}))
    keras.saving.get_custom_objects()[f"{prefix}>direct{{number}}"] = type("C", (), {{}})
"""
    shell.run_cell(cell, cell_id=prefix)


def add_cells(count: int) -> None:
    """Cells that register one function each."""
    for number in range(count):
        source = f"@keras.saving.register_keras_serializable('Cells', 'f{number}')\ndef f{number}(): return {number}"
        shell.run_cell(source, store_history=True, cell_id=f"cell-{number}")


def measure(entries: int, cells: int, kinds: list[str], size: int, pairs: int) -> None:
    for kind in kinds:
        shell.user_ns["held"] = keras.saving.get_custom_objects() if kind.endswith("held") else None
        bare, guarded, ratios = compare(KINDS[kind], on, cells=size, pairs=pairs)
        row = {"kind": kind, "entries": entries, "cells": cells, "bare": bare, "guarded": guarded, "ratios": ratios}
        if kind == "pass" and entries <= 1_000:
            bare, reloading, _ = compare(KINDS[kind], autoreload, cells=20, pairs=4)
            row["autoreload adds"] = reloading - bare
        print(json.dumps(row), flush=True)


def compare_dict() -> float:
    """Seconds that comparing the custom objects with a copy of them takes an entry, at the end of a cell."""
    off()
    objects = keras.saving.get_custom_objects()
    copy, seconds = objects.copy(), []
    for _ in range(40):
        shell.run_cell("pass", store_history=True, cell_id="bench")
        started = time.thread_time()
        assert objects == copy
        seconds.append((time.thread_time() - started) / len(copy))
    return statistics.median(seconds)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        Path(folder, "bench_module.py").write_text("import keras\n" + LAYER)
        shell.run_line_magic("load_ext", "autoreload")
        shell.run_line_magic("load_ext", "kreg_ipython")
        pairs = int(os.environ.get("PAIRS", "40"))
        measure(0, 0, list(KINDS), 50, pairs)
        add_entries(1_000, "thousand")
        measure(1_000, 0, list(KINDS), 50, pairs)
        on()
        add_cells(1_000)
        measure(2_000, 1_000, ["empty", "pass", "layer"], 50, pairs)
        on()
        add_entries(98_000, "many")
        measure(100_000, 1_000, ["empty", "pass", "pass, dict held", "layer"], 20, max(pairs // 6, 2))
        print(json.dumps({"kind": "comparison", "an entry": compare_dict()}))
        sys.path.remove(folder)


main()
