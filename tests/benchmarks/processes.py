"""What the extension adds to what is done once in a process: ``import tensorflow``, ``%load_ext``; and the memory that
10,000 runs of a cell with a class take. Alternating fresh processes; prints rows as JSON."""

from __future__ import annotations

import json
import subprocess
import sys

from alternation import PAIRS

START = """
import sys, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
guarded = sys.argv[1] == "guarded"
"""
IMPORT = """
import kreg_ipython.magic, kreg_ipython.session.notebook  # with what Python modules it imports, which TensorFlow would
if guarded:
    shell.run_line_magic("load_ext", "kreg_ipython")
began = time.process_time()
shell.run_cell("import tensorflow")
print("took", time.process_time() - began)
"""
LOAD = """
import tensorflow, keras, tf_keras
began = time.process_time()
shell.run_line_magic("load_ext", "kreg_ipython")
print("took", time.process_time() - began)
"""
RERUN = """
import gc, keras
cell = '''
@keras.saving.register_keras_serializable("Bench")
class Layer(keras.layers.Layer):
    def call(self, inputs):
        return inputs
'''
shell.user_ns["keras"] = keras
if guarded:
    shell.run_line_magic("load_ext", "kreg_ipython")
if sys.argv[1] == "unregistered":  # the interpreter's own history, and nothing else
    cell = cell.replace("@keras", "# @keras")

def rerun(times):
    for _ in range(times):
        shell.run_cell(cell, store_history=True, cell_id="bench")
    gc.collect()
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * 4096 / 1e6

before = rerun(1_000)
after = rerun(10_000)
classes = sum(type(each) is type and each.__name__ == "Layer" for each in keras.layers.Layer.__subclasses__())
print("took", after - before, "and", classes)
"""


def run(code: str, mode: str) -> str:
    """Return what a process of its own says that it took."""
    done = subprocess.run([sys.executable, "-c", START + code, mode], capture_output=True, text=True, check=True)
    return done.stdout.rpartition("took ")[2]


def main() -> None:
    run(IMPORT, "bare"), run(IMPORT, "guarded")  # warm up the disk's cache
    pairs = []
    for turn in range(PAIRS // 3):
        # the processor's time: on a busy machine the clock on the wall says less
        took = {mode: float(run(IMPORT, mode)) for mode in (("bare", "guarded") if turn % 2 else ("guarded", "bare"))}
        pairs.append((took["bare"], took["guarded"]))
    print(json.dumps({"kind": "import tensorflow", "pairs": pairs}), flush=True)
    print(json.dumps({"kind": "load", "seconds": [float(run(LOAD, "guarded")) for _ in range(7)]}), flush=True)
    for mode in ("unregistered", "bare", "guarded"):
        megabytes, classes = run(RERUN, mode).split(" and ")
        print(json.dumps({"kind": "memory", "mode": mode, "MB": float(megabytes), "classes": int(classes)}), flush=True)


main()
