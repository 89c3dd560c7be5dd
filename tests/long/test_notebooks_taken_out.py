"""Each notebook of this repository is verified and exported, at its end: `make test-long`."""

from __future__ import annotations

import pytest
from test_notebooks import NOTEBOOKS, cells


@pytest.mark.needs("keras>=3", "tensorflow")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_ends_with_loads_elsewhere(own_kernel, path, tmp_path):
    own_kernel.silently(f"import kreg_ipython, os; os.chdir({str(tmp_path)!r})")
    for cell, source in cells(path):
        own_kernel.run(cell, source, fails="NBVAL_RAISES_EXCEPTION" in source)
    models = own_kernel.value("get_ipython().run_line_magic('kreg', 'verify').to_dict()['models']")
    assert [model for model in models if model["verdict"] != "loads"] == []
    outcome = own_kernel.run("e", "exported = %kreg export exported.py")
    if "nothing to export" not in outcome.stderr:
        exported = own_kernel.value("exported.to_dict()")
        assert exported["verified"] is True, exported
        loaded = own_kernel.value("[each.name for each in exported.results]")
        assert loaded == [model["name"] for model in models]
