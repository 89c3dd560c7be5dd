"""What the extension adds to ``import tensorflow``: alternating fresh processes, medians. Run by ``make bench``."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

PAIRS = int(os.environ.get("PAIRS", "12"))
CODE = """
import sys, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
import kreg_ipython.magic, kreg_ipython.tracker  # with what Python modules it imports, which TensorFlow would
if sys.argv[1] == "guarded":
    shell.run_line_magic("load_ext", "kreg_ipython")
began = time.process_time()
shell.run_cell("import tensorflow")
print("took", time.process_time() - began)
"""


def seconds(mode: str) -> float:
    """The processor time of one import in a process of its own; on a busy machine the clock on the wall says less."""
    done = subprocess.run([sys.executable, "-c", CODE, mode], capture_output=True, text=True, check=True)
    return float(done.stdout.rpartition("took ")[2])


def main() -> None:
    seconds("bare"), seconds("guarded")  # warm up the disk's cache
    pairs = []
    for turn in range(PAIRS):
        took = {mode: seconds(mode) for mode in (("bare", "guarded") if turn % 2 else ("guarded", "bare"))}
        pairs.append((took["bare"], took["guarded"]))
    bare, guarded = (statistics.median(column) for column in zip(*pairs))
    ratios = [second / first for first, second in pairs]
    print(f"import tensorflow: bare {bare:.2f} s, guarded {guarded:.2f} s, {statistics.median(ratios):.3f}x")
    print(f"ratios of the pairs: {min(ratios):.3f} to {max(ratios):.3f}")


if __name__ == "__main__":
    main()
