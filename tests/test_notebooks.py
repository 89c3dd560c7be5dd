"""The notebooks of this repository, as a user runs them: what they say goes wrong does, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernels import Kernel

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def cells(path: Path) -> Iterator[tuple[str, str]]:
    for at, cell in enumerate(json.loads(path.read_text())["cells"]):
        if cell["cell_type"] == "code":
            yield cell.get("id", str(at)), "".join(cell["source"])


@pytest.mark.needs("keras>=3")
@pytest.mark.needs("tensorflow")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_fails_where_it_says_so_and_ends_without_a_finding(own_kernel: Kernel, path: Path, tmp_path: Path):
    own_kernel.silently(f"import os; os.chdir({str(tmp_path)!r})")
    for cell, source in cells(path):
        own_kernel.run(cell, source, fails="NBVAL_RAISES_EXCEPTION" in source)
    found = own_kernel.value("get_ipython().run_line_magic('kreg', 'check').to_dict()")
    assert found["findings"] == [] and found["checked"] > 0
