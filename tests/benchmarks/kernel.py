"""What cells cost a real kernel, with the messages that a front end exchanges for each; prints rows as JSON."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from alternation import PAIRS, compare
from kernels import Kernel
from sources import IN_A_KERNEL


def seconds(kernel: Kernel, mode: str, source: str) -> float:
    """Seconds of the kernel's process a cell, all its threads taken together, over a block of cells of one id."""
    kernel.silently(f"%kreg {mode}")
    block(kernel, source, 5)
    return block(kernel, source, 25)


def block(kernel: Kernel, source: str, cells: int) -> float:
    began = kernel.value("time.process_time()")
    for _ in range(cells):
        kernel.run("bench", source)
    return (kernel.value("time.process_time()") - began) / cells


def main() -> None:
    kernel = Kernel()
    kernel.silently("import time, keras, tensorflow, tf_keras\n%load_ext kreg_ipython")
    for kind, source in IN_A_KERNEL.items():
        off, on = (partial(seconds, kernel, mode, source) for mode in ("off", "on"))
        bare, guarded, ratios = compare(off, on, 2 * PAIRS)
        print(json.dumps({"kind": kind, "bare": bare, "guarded": guarded, "ratios": ratios}), flush=True)
    kernel.close()


main()
