"""What cells cost a real kernel, with the messages that a front end exchanges for each; prints rows as JSON."""

from __future__ import annotations

import json
import os
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from kernels import Kernel
from sources import KINDS


def block(kernel: Kernel, source: str, cells: int) -> float:
    """Seconds of the kernel's process a cell, all its threads taken together, over a block of cells of one id."""
    began = kernel.value("time.process_time()")
    for _ in range(cells):
        kernel.run("bench", source)
    return (kernel.value("time.process_time()") - began) / cells


def main() -> None:
    kernel = Kernel()
    kernel.silently("import time, keras, tensorflow, tf_keras\n%load_ext kreg_ipython")
    for kind in ("pass", "layer", "class"):
        seconds: dict[str, list[float]] = {"off": [], "on": []}
        for pair in range(2 * int(os.environ.get("PAIRS", "40"))):
            for mode in ("off", "on") if pair % 2 else ("on", "off"):
                kernel.silently(f"%kreg {mode}")
                block(kernel, KINDS[kind], 5)
                seconds[mode].append(block(kernel, KINDS[kind], 25))
        ratios = [on / off for off, on in zip(seconds["off"], seconds["on"], strict=True)]
        bare, guarded = (statistics.median(seconds[mode]) for mode in ("off", "on"))
        print(json.dumps({"kind": kind, "bare": bare, "guarded": guarded, "ratios": ratios}), flush=True)
    kernel.close()


main()
