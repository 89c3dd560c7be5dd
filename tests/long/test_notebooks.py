"""The notebooks of this repository with the ids of their cells: each as a user runs it, and each twice. `make test-long`.

`make test` runs them once, as nbval does, without ids.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernels import Kernel

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
GRADIENT, NAME = "Registering two gradient", "has already been registered"
TWICE = {
    "quickstart": {GRADIENT, NAME},
    "duplicate_registration": {GRADIENT},
    "custom_training_step": {GRADIENT},
    "guided_back_propagation": {GRADIENT},
    "extension_types": {NAME},
}
"""How stock TensorFlow refuses cells the second time; the notebook of modules says itself which one."""

pytestmark = [
    pytest.mark.needs("keras>=3", "tensorflow"),
    pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem),
]


def cells(path: Path) -> Iterator[tuple[str, str]]:
    for at, cell in enumerate(json.loads(path.read_text())["cells"]):
        if cell["cell_type"] == "code":
            yield cell.get("id", str(at)), "".join(cell["source"])


def test_a_notebook_fails_where_it_says_so_and_ends_without_a_finding(own_kernel: Kernel, path: Path, tmp_path: Path):
    own_kernel.silently(f"import os; os.chdir({str(tmp_path)!r})")
    for cell, source in cells(path):
        own_kernel.run(cell, source, fails="NBVAL_RAISES_EXCEPTION" in source)
    found = own_kernel.value("get_ipython().run_line_magic('kreg', 'check').to_dict()")
    assert found["findings"] == [] and found["checked"] > 0


@pytest.mark.parametrize("extension", ["kreg_ipython", None])
def test_a_notebook_runs_twice_with_the_extension_and_fails_without_it_if_it_registers(
    own_kernel, path, tmp_path, extension
):
    own_kernel.silently(f"import os; os.chdir({str(tmp_path)!r})")
    if extension:
        own_kernel.run("load", f"%load_ext {extension}")
    errors, made = [], set()
    for _ in range(2):
        for cell, source in cells(path):
            if "kreg" not in source or extension:
                for _ in range(2):
                    if cell in made:
                        continue
                    if "sys.path.insert" in source:  # the files' folder, in which a module stays, is made once
                        made.add(cell)
                    outcome = own_kernel.run(cell, source, fails=None)
                    if outcome.error and "NBVAL_RAISES_EXCEPTION" not in source:
                        errors.append((source[:80], outcome.error[:200]))
    if extension:
        assert errors == []
    else:
        said = {text for text in (GRADIENT, NAME) if any(text in error for _, error in errors)}
        assert said == TWICE.get(path.stem, set())
