"""Run quickstart.ipynb in two real kernels, edit its cells and run them again: in stock IPython, and with kreg_ipython.

``make demo`` runs this. It exits with an error if the notebook with the extension does not end as a fresh kernel would.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from kernels import Kernel  # noqa: E402

EDITS = [
    ("layer", "return self.factor * x", "return self.factor * x + 0.0", "change what call does"),
    ("layer", "class Scaled(", "class Rescaled(", "rename Scaled to Rescaled"),
    ("gradient", "* grad\n", "* grad  # edited\n", "add a comment"),
    ("gradient", "* grad", "* grad * 1.0", "change what it returns"),
    ("type", "mask: tf.Tensor", "mask: tf.Tensor\n    name: str = 'masked'", "add a field"),
    ("model", "Scaled()", "Rescaled()", "use the new name"),
]
"""The cell, the text in it, what stands there after the edit, and that in words."""
STALE = "[k for k in keras.saving.get_custom_objects() if k.startswith('Quickstart>')]"


def run_notebook(kernel: Kernel, skip: set[str], say: Callable[[str], object]) -> int:
    """Run all cells once, then each edit's cell again; returns how often something failed or stayed behind."""
    notebook = nbformat.read(HERE / "quickstart.ipynb", as_version=4)
    cells = {cell.id: cell.source for cell in notebook.cells if cell.cell_type == "code" and cell.id not in skip}
    trouble = 0
    for cell_id, source in cells.items():
        kernel.run(cell_id, source)
    say(f"  {len(cells)} cells ran")
    for cell_id, old, new, words in EDITS:
        cells[cell_id] = cells[cell_id].replace(old, new)
        error = kernel.run(cell_id, cells[cell_id], fails=None).error
        trouble += bool(error)
        say(f"  {f'{cell_id}: {words}':<34}{cut(error) if error else 'ran again'}")
    names = kernel.value(STALE)
    trouble += names != ["Quickstart>Rescaled"]
    say(f"  {'custom objects that Keras has now':<34}{', '.join(names)}")
    return trouble


def cut(text: str) -> str:
    """The first line, to a word's end."""
    line = text.splitlines()[0]
    return line if len(line) <= 84 else f"{line[:84].rpartition(' ')[0]} …"


@contextmanager
def fresh_kernel() -> Iterator[Kernel]:
    """A kernel in a folder of its own: both kernels save a model under the same name."""
    with TemporaryDirectory() as folder, closing(Kernel(quiet=True, cwd=folder)) as kernel:
        yield kernel


def guarded() -> tuple[list[str], str, int]:
    """What is to be said of the notebook with the extension, its status, and how much was wrong."""
    lines: list[str] = []
    with fresh_kernel() as kernel:
        trouble = run_notebook(kernel, set(), lines.append)
        return lines, kernel.run("status", "%kreg status").text, trouble


def main() -> int:
    began = time.monotonic()
    print("Two kernels start, and import TensorFlow and Keras: some ten seconds.\n", flush=True)
    with ThreadPoolExecutor() as pool:
        ours = pool.submit(guarded)
        print("Without the extension, notebooks/quickstart.ipynb, edited and run again:\n", flush=True)
        with fresh_kernel() as stock:
            without = run_notebook(stock, {"load", "status", "check"}, partial(print, flush=True))
        lines, status, trouble = ours.result()
    print("\nWith %load_ext kreg_ipython, the same cells and the same edits:\n", *lines, sep="\n")
    print(f"\nand what %kreg status shows then:\n\n{status}\n")
    if trouble or not without:
        print("This is not what it should be.")
        return 1
    print(f"Every edit took effect, and only what the cells say now is registered. ({time.monotonic() - began:.0f} s)")
    print("Try it yourself: %load_ext kreg_ipython in any notebook; notebooks/ has more of them.")
    return 0


sys.exit(main())
