"""Each cell of each notebook of this repository twice, and the whole of it twice, in one kernel: `make test-long`."""

from __future__ import annotations

import pytest
from test_notebooks import NOTEBOOKS, cells

GRADIENT, NAME = "Registering two gradient", "has already been registered"
TWICE = {
    "quickstart": {GRADIENT, NAME},
    "duplicate_registration": {GRADIENT},
    "custom_training_step": {GRADIENT},
    "guided_back_propagation": {GRADIENT},
    "extension_types": {NAME},
}
"""How stock TensorFlow refuses cells the second time; the notebook of modules says itself which one."""


@pytest.mark.needs("keras>=3", "tensorflow")
@pytest.mark.parametrize("extension", ["kreg_ipython", None])
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
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
                    if "mkdtemp" in source:  # the files' folder, in which a module stays, is made once
                        made.add(cell)
                    outcome = own_kernel.run(cell, source, fails=None)
                    if outcome.error and "NBVAL_RAISES_EXCEPTION" not in source:
                        errors.append((source[:80], outcome.error[:200]))
    if extension:
        assert errors == []
    else:
        said = {text for text in (GRADIENT, NAME) if any(text in error for _, error in errors)}
        assert said == TWICE.get(path.stem, set())
