"""What an empty and a registering cell cost with kreg_ipython, against the bare shell: figures, no test.

Blocks of cells with the extension on and off alternate in one process, so that the machine's moods meet both; a ratio
is the median over pairs of neighbouring blocks. Run it with ``make bench``.
"""

from __future__ import annotations

import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import tensorflow as tf  # noqa: F401
import tf_keras  # noqa: F401
from IPython.core.interactiveshell import InteractiveShell

REGISTER = """
@keras.saving.register_keras_serializable("Bench")
class Layer(keras.layers.Layer):
    pass
"""
shell = InteractiveShell.instance()
shell.user_ns["keras"] = keras


def block(source: str, cells: int) -> float:
    """Seconds a cell, over a block of cells of one id."""
    started = time.perf_counter()
    for _ in range(cells):
        shell.run_cell(source, store_history=True, cell_id="bench")  # as front ends ask for
    return (time.perf_counter() - started) / cells


def compare(source: str, *, cells: int = 200, pairs: int = 40) -> tuple[float, float, float]:
    """Median seconds a cell without and with the extension, and the median of the ratios of neighbouring blocks."""
    bare, guarded, ratios = [], [], []
    for _ in range(pairs):
        shell.run_line_magic("kreg", "off")
        block(source, 5)
        bare.append(block(source, cells))
        shell.run_line_magic("kreg", "on")
        block(source, 5)
        guarded.append(block(source, cells))
        ratios.append(guarded[-1] / bare[-1])
    return statistics.median(bare), statistics.median(guarded), statistics.median(ratios)


def add_entries(count: int, prefix: str) -> None:
    """Half by the decorator, half by writing to the dict, as a user's cell does; all values are distinct classes."""
    cell = f"""
for number in range({count // 2}):
    keras.saving.register_keras_serializable("{prefix}", f"by_decorator{{number}}")(type("C", (keras.Layer,), {{}}))
    keras.saving.get_custom_objects()[f"{prefix}>direct{{number}}"] = type("C", (), {{}})
"""
    shell.run_cell(cell, cell_id=prefix)


def main() -> None:
    started = time.perf_counter()
    shell.run_line_magic("load_ext", "kreg_ipython")
    print(f"%load_ext, TensorFlow, Keras and tf_keras imported: {(time.perf_counter() - started) * 1e3:.1f} ms")
    total, former = 0, {}
    for count in (0, 1_000, 100_000):
        add_entries(count - total, f"E{count}")
        added, total = count - total, count
        for name, source, held in (
            ("empty (no code)", "", False),
            ("pass", "pass", False),
            ("pass, dict held", "pass", True),
            ("registering", REGISTER, False),
        ):
            shell.user_ns["held"] = keras.saving.get_custom_objects() if held else None
            small = count < 100_000
            bare, guarded, ratio = compare(source, cells=200 if small else 20, pairs=40 if small else 6)
            line = f"{count:>7,} entries  {name:<16} bare {bare * 1e6:7.1f} us  guarded {guarded * 1e6:8.1f} us  ratio {ratio:.3f}"
            if name in former and count > 1_000:
                line += f"  {(guarded - bare - former[name]) / added * 1e9:.1f} ns a further entry"
            former[name] = guarded - bare
            print(line, flush=True)


main()
