"""Run quickstart.ipynb in a real kernel, edit its registering cells, run them again: with kreg_ipython and without.

``make demo`` runs this. It exits with an error if the notebook with the extension does not end as a fresh kernel would.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from kernels import Kernel  # noqa: E402

EDITS = [
    ("layer", "return self.factor * x", "return self.factor * x + 0.0"),
    ("layer", "class Scaled(", "class Rescaled("),
    ("gradient", "* grad\n", "* grad  # edited\n"),
    ("gradient", "* grad", "* grad * 1.0"),
    ("type", "mask: tf.Tensor", "mask: tf.Tensor\n    name: str = 'masked'"),
    ("model", "Scaled()", "Rescaled()"),
]
STALE = "[k for k in keras.saving.get_custom_objects() if k.startswith('Quickstart>')]"


def run_notebook(kernel: Kernel, skip: set[str]) -> list[str]:
    """Run all cells once, then each edit's cell again; returns what failed or stayed behind."""
    notebook = nbformat.read(HERE / "quickstart.ipynb", as_version=4)
    cells = {cell.id: cell.source for cell in notebook.cells if cell.cell_type == "code" and cell.id not in skip}
    trouble = []
    for cell_id, source in cells.items():
        kernel.run(cell_id, source)
    for cell_id, old, new in EDITS:
        cells[cell_id] = cells[cell_id].replace(old, new)
        outcome = kernel.collect(kernel.send(cells[cell_id], {"cellId": cell_id}))
        if outcome.error:
            trouble.append(f"cell {cell_id!r}, run again: {outcome.error.splitlines()[0][:100]}")
    names = kernel.value(STALE)
    if names != ["Quickstart>Rescaled"]:
        trouble.append(f"custom objects after Scaled was renamed to Rescaled: {', '.join(names)}")
    return trouble


def main() -> int:
    print("Running notebooks/quickstart.ipynb in a real kernel, then its registering cells again, edited.\n")
    guarded = Kernel(quiet=True)
    try:
        trouble = run_notebook(guarded, skip=set())
        print("With %load_ext kreg_ipython:\n")
        print(guarded.run("status", "%kreg status").text)
        print("\nEvery cell ran again without an error." if not trouble else "\n".join(trouble))
    finally:
        guarded.close()
    stock = Kernel(quiet=True)
    try:
        without = run_notebook(stock, skip={"load", "status"})
        print("\nWithout the extension, the same cells:\n")
        print("\n".join(f"- {line}" for line in without))
    finally:
        stock.close()
    return int(bool(trouble) or not without)


sys.exit(main())
