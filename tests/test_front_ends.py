"""Front ends, one by one: what each says of its cells, by the real product or the request that it sends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from kernels import PATIENCE, Kernel, notebook
from test_prompts import LIBRARY, THING

ONE, TWO = (THING.replace("NAME", name).strip() for name in ("One", "Two"))
LOAD = "import kreg_ipython; kreg_ipython.load()\nimport things"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "things.py").write_text(LIBRARY)
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{folder}:{os.getcwd()}", "IPYTHONDIR": str(folder / "ipython")}


def run(folder: Path, *command: str | Path, typed: str = "") -> str:
    """Return what a program says that ends well."""
    command = (sys.executable, "-m", *command)
    options = {"env": environment(folder), "cwd": folder, "capture_output": True, "text": True, "timeout": PATIENCE}
    done = subprocess.run([*map(str, command)], input=typed, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


TOOLS = {
    "nbclient": ["nbclient.cli", "notebook.ipynb"],
    "nbconvert": ["nbconvert", "--to", "notebook", "--execute", "notebook.ipynb"],
    "nbval": ["pytest", "--nbval-lax", "-p", "no:cacheprovider", "notebook.ipynb"],
    "papermill": ["papermill", "notebook.ipynb", "executed.ipynb"],
    "jupytext": ["jupytext", "--execute", "--set-kernel", "python3", "--to", "ipynb", "book.py"],
}


NEEDS = {each: [each] for each in TOOLS} | {"nbval": ["nbval", "papermill"]}  # `make test` itself runs nbval
PARAMETERS = [pytest.param(each, marks=pytest.mark.needs(*NEEDS[each])) for each in TOOLS]


@pytest.mark.parametrize("tool", PARAMETERS)
def test_a_tool_that_runs_a_notebook_from_top_to_bottom_loses_nothing(folder, tool):
    check = "assert list(things.TABLE) == ['Two', 'One'], list(things.TABLE)"  # in the order of their last runs
    cells = [LOAD, ONE, TWO, ONE, check]
    (folder / "notebook.ipynb").write_text(json.dumps(notebook(dict(zip("abcde", cells)))))
    (folder / "book.py").write_text("\n\n".join(f"# %%\n{each}" for each in cells))
    (folder / "pytest.ini").write_text("[pytest]\n")
    run(folder, *TOOLS[tool])


@pytest.mark.needs("jupyter-console")
def test_a_console_is_offered_to_clear_what_an_edited_recall_left(folder):
    one, two = (f"class {name}(things.Base): size = 2" for name in ("One", "Two"))
    typed = "\n".join([*LOAD.splitlines(), one, two, "print(list(things.TABLE))", "exit", ""])
    said = run(folder, "jupyter_console", "--simple-prompt", "--no-confirm-exit", typed=typed)
    assert "looks like an edit of cell [3], which registered more: %kreg clear One" in said
    assert "['One', 'Two']" in said


# -- xeus-python


def xpython(folder: Path, *options: str) -> Kernel:
    argv = [sys.executable, "-m", "xpython_launcher", "-f", "{connection_file}", *options]
    return Kernel(argv=argv, quiet=True, **environment(folder))


@pytest.mark.needs("xeus-python")
def test_xeus_python_keeps_the_ids_to_itself_and_equal_text_is_the_same_cell(folder):
    kernel = xpython(folder)
    try:
        kernel.run("load", LOAD)
        for _ in range(2):
            kernel.run("a", ONE)
        assert "looks like an edit of cell [3], which registered more: %kreg clear One" in kernel.run("a", TWO).stderr
        handed = (
            "kernel = get_ipython().kernel\nprint(list(things.TABLE), [*kernel.get_parent()], [*kernel._parent_header])"
        )
        said = kernel.run("q", handed).stdout
        assert said == "['One', 'Two'] ['header'] ['header']\n"  # "metadata", once it hands them on: then One goes
        assert "2 entries of yours (2 current)" in kernel.run("q", "%kreg status").text
    finally:
        kernel.close()


@pytest.mark.needs("xeus-python")
def test_the_raw_kernel_without_magics_has_owners(folder):
    kernel = xpython(folder, "--raw")
    try:
        kernel.run("load", LOAD)
        for name in ("One", "Two"):
            text = THING.replace("NAME", name)
            kernel.run("a", f"TEXT = {text!r}\nwith kreg_ipython.owner('things', TEXT): exec(TEXT)")
        kernel.run("b", THING.replace("NAME", "Plain"))
        said = kernel.run("q", "print(list(things.TABLE), kreg_ipython.status())\n0").stdout
        assert "['Two', 'Plain']" in said and "gone from script things: 1 entry (1 swept)\n  swept    One " in said
    finally:
        kernel.close()


def test_each_row_of_the_table_names_the_file_that_shows_it():
    page = (Path(__file__).parent.parent / "docs" / "front-ends.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 15
    for row in rows:
        file = row.rpartition("`tests/")[2].partition("`")[0]
        assert (Path(__file__).parent / file).exists(), row
