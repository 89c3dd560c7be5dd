"""What cells cost with kreg_ipython, against the bare shell and against ``%autoreload 2``; prints rows as JSON."""

from __future__ import annotations

import gc
import json
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import keras
import tensorflow as tf
import tf_keras  # noqa: F401
from alternation import PAIRS, compare
from IPython.core.interactiveshell import InteractiveShell
from sources import KINDS, LAYER, MANY
from tensorflow.python.framework import tensor_conversion_registry

shell = InteractiveShell.instance()
TIMES = max(PAIRS // 8, 1)
"""How often the cells are run that register much."""
shell.user_ns.update(keras=keras, sys=sys)


def enter(kreg: str, autoreload: str) -> None:
    """Switch both extensions on or off."""
    shell.run_line_magic("kreg", kreg)
    shell.run_line_magic("autoreload", autoreload)


def seconds(kreg: str, autoreload: str, source: str, cells: int) -> float:
    """Seconds of this thread a cell, over a block of cells of one id: a busy machine slows the clock on the wall."""
    enter(kreg, autoreload)
    block(source, 5)
    return block(source, cells)


def block(source: str, cells: int) -> float:
    started = time.thread_time()
    for _ in range(cells):
        shell.run_cell(source, store_history=True, cell_id="bench")  # as front ends ask for
    return (time.thread_time() - started) / cells


def add_entries(count: int, prefix: str) -> None:
    """Half by the decorator, half by writing to the dict, as a user's cell does; all values are distinct classes."""
    cell = f"""
for number in range({count // 2}):
    keras.saving.register_keras_serializable("{prefix}", f"by_decorator{{number}}")(type("C", (keras.Layer,), {{}}))
    keras.saving.get_custom_objects()[f"{prefix}>direct{{number}}"] = type("C", (), {{}})
"""
    enter("on", "0")
    shell.run_cell(cell, cell_id=prefix)


def add_cells(count: int) -> None:
    """Cells that register one function each."""
    enter("on", "0")
    for number in range(count):
        source = f"@keras.saving.register_keras_serializable('Cells', 'f{number}')\ndef f{number}(): return {number}"
        shell.run_cell(source, store_history=True, cell_id=f"cell-{number}")


def measure(entries: int, cells: int, kinds: list[str], size: int, pairs: int) -> None:
    for kind in kinds:
        shell.user_ns["held"] = keras.saving.get_custom_objects() if kind.endswith("held") else None
        off, on = (partial(seconds, mode, "0", KINDS[kind], size) for mode in ("off", "on"))
        bare, guarded, ratios = compare(off, on, pairs)
        row = {"kind": kind, "entries": entries, "cells": cells, "bare": bare, "guarded": guarded, "ratios": ratios}
        if kind == "pass" and entries <= 1_000:
            still, reload = (partial(seconds, "off", mode, KINDS[kind], 20) for mode in ("0", "2"))
            bare, reloading, _ = compare(still, reload, 4)
            row["autoreload adds"] = reloading - bare
        print(json.dumps(row), flush=True)


def measure_many(count: int) -> None:
    """Measure what each of many registrations in one cell adds: made, made again, edited and dropped."""
    for name, text in MANY.items():
        steps = {
            "registered": text(count, "a"),
            "again": text(count, "a"),
            "edited": text(count, "b"),
            "dropped": "x = 1",
        }
        seconds: dict[str, list[float]] = {step: [] for step in steps}
        for _ in range(TIMES):
            for step, source in steps.items():
                seconds[step].append(-once("off", source) / count)
            clean()
            for step, source in steps.items():
                seconds[step][-1] += once("on", source) / count
            clean()
        row = {step: statistics.median(some) for step, some in seconds.items()}
        print(json.dumps({"kind": "many", "what": name, "count": count, **row}), flush=True)


def once(kreg: str, source: str) -> float:
    """Return the seconds of this thread that a cell takes."""
    enter(kreg, "0")
    gc.collect()
    started = time.thread_time()
    shell.run_cell(source, store_history=True, cell_id="many")
    return time.thread_time() - started


def clean() -> None:
    """Take out what is left of the cells that register much."""
    enter("off", "0")
    objects = keras.saving.get_custom_objects()
    for key in [key for key in objects if key.startswith("Many>")]:
        del objects[key]
    conversions = tensor_conversion_registry._tensor_conversion_func_registry[100]
    conversions[:] = [pair for pair in conversions if pair[0] is not shell.user_ns["Many"]]


def compare_dict() -> float:
    """Seconds that comparing the custom objects with a copy of them takes an entry, at the end of a cell."""
    enter("off", "0")
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
        measure(0, 0, list(KINDS), 50, PAIRS)
        add_entries(1_000, "thousand")
        measure(1_000, 0, list(KINDS), 50, PAIRS)
        add_cells(1_000)
        measure(2_000, 1_000, ["empty", "pass", "layer"], 50, PAIRS)
        shell.user_ns.update(objects=keras.saving.get_custom_objects(), function=len, Many=type("Many", (), {}), tf=tf)
        for count in (1_000, 10_000):
            measure_many(count)
        del shell.user_ns["objects"]  # a variable that holds the custom objects is a row of its own
        add_entries(98_000, "many")
        measure(100_000, 1_000, ["empty", "pass", "pass, dict held", "layer"], 20, max(PAIRS // 6, 2))
        print(json.dumps({"kind": "comparison", "an entry": compare_dict()}))
        sys.path.remove(folder)


main()
