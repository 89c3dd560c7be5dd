"""JupyterLab in a real browser: what %kreg shows is readable, and true of the cells that people edit, move and reopen."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernels import notebook
from lab import CHROMIUM, DRIVER, Lab, Row

pytestmark = pytest.mark.needs("jupyterlab", "selenium", "keras>=3", CHROMIUM, DRIVER)

LAYER = (
    "@keras.saving.register_keras_serializable('Shown')  # a comment\nclass First(keras.layers.Layer):\n    number = 1"
)
CELLS = [
    "%load_ext kreg_ipython",
    "import keras\nobjects = keras.saving.get_custom_objects()",
    LAYER,
    "objects['<script>window.hacked = 1</script>'] = objects['a line\\nand another'] = abs",
    "objects.update({f'many {i}': abs for i in range(40)})",
    "layer = First()",
    "%kreg",
    "%kreg show Shown>First",
    "%kreg log",
    "%kreg keep Shown>First",
    "model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\nmodel.compile('sgd', metrics=['mae', 'mae'])",
    "%kreg check model",
]
EDITED = 2
"""The cell that is edited and run again, after which the results are asked for again."""

QUICKSTART = json.loads((Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb").read_text())
IDS = [cell["id"] for cell in QUICKSTART["cells"]]


def without_ids(notebook: dict[str, Any]) -> dict[str, Any]:
    """The notebook as a file of an older format, without its model and its ids: the front end makes new ones."""
    cells = [{name: value for name, value in cell.items() if name != "id"} for cell in notebook["cells"]]
    cells = [cell for cell in cells if "model.save" not in "".join(cell["source"])]
    return {**notebook, "nbformat_minor": 4, "cells": cells}


def registered(lab: Lab) -> dict[str, str]:
    """Each key in the table with its owner, without former objects; a key may have one entry."""
    rows = [row for row in lab.table("%kreg status") if row.state not in ("superseded", "swept")]
    assert {row.state for row in rows} <= {"current"} and len(rows) == len({row.key for row in rows}), rows
    return {row.key: row.owner for row in rows}


def owners(lab: Lab, layer: str) -> dict[str, str]:
    """Return what `registered` should be: the key of the layer and the other two, with the cells that are there now."""
    cells = {layer: layer.replace("Quickstart>", "class "), "GuidedRelu": "GuidedRelu"}
    cells["quickstart.Masked.Spec"] = "class Masked"
    return {key: lab.label(cell) for key, cell in cells.items()}


@pytest.fixture(scope="module")
def lab(jupyterlab: Lab) -> Iterator[Lab]:
    """JupyterLab with three notebooks: what %kreg can show, the quickstart, and the quickstart without ids."""
    shown = notebook({f"cell-{place}": source for place, source in enumerate(CELLS)})
    for name, each in (("shown", shown), ("quickstart", QUICKSTART), ("without ids", without_ids(QUICKSTART))):
        jupyterlab.add(f"{name}.ipynb", each)
    yield jupyterlab
    jupyterlab.stop_kernels()


@pytest.fixture(scope="module")
def page(lab: Lab) -> Iterator[Lab]:
    """Open the notebook with all that %kreg can show, one cell edited and run again."""
    lab.open("shown.ipynb")
    lab.run(*range(len(CELLS)))
    lab.retype(EDITED, "1", "2")
    lab.run(EDITED, *range(EDITED + 4, len(CELLS)))
    yield lab
    lab.close()


@pytest.fixture
def quickstart(lab: Lab) -> Iterator[Lab]:
    """The quickstart as it is delivered, all its cells run, in the kernel that it had before."""
    lab.add("quickstart.ipynb", QUICKSTART)
    lab.open("quickstart.ipynb")
    lab.menu("Run", "Run All Cells")
    lab.answers(8)
    yield lab
    lab.close()


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_text_is_readable_in_both_themes(page, theme, tmp_path):
    page.theme(theme)
    page.ask("document.querySelectorAll('details').forEach(each => each.open = true)")
    contrasts = page.contrasts(".jp-OutputArea-output.jp-RenderedHTMLCommon")
    assert len(contrasts) > 200
    assert [pair for pair in contrasts if pair[0] < (3 if pair[1] == "●" else 4.5)] == []
    page.driver.save_screenshot(str(tmp_path / "shown.png"))
    if os.environ.get("KREG_SCREENSHOTS"):
        for end, cell in (("first", 0), ("last", len(CELLS) - 1)):
            page.ask(f"return notebook.scrollToItem({cell})")
            page.driver.save_screenshot(str(Path(os.environ["KREG_SCREENSHOTS"]) / f"{theme}, {end}.png"))


def test_a_former_class_that_a_variable_uses_stands_beside_the_newer_one(page):
    table = page.ask("return notebook.widgets[6].node.innerText")
    assert "Shown>First" in table and "superseded" in table and "current" in table


LEFT = "[...notebook.widgets[6].node.querySelectorAll('li')].map(row => row.children[1].children[arguments[0]]"
LEFT = f"return [...new Set({LEFT}.getBoundingClientRect().left))].length"
"""How many edges a column of the table has: one, if it is straight."""


def test_columns_are_straight_and_a_narrow_page_cuts_nothing_off(page):
    page.ask("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert [page.ask(LEFT, column) for column in range(3)] == [1, 1, 1]
    page.driver.set_window_size(800, 1200)
    try:
        page.wait("return notebook.widgets[6].node.clientWidth < 600")
        outputs = "[...notebook.node.querySelectorAll('.jp-OutputArea-output')]"
        assert page.ask(f"return {outputs}.filter(e => e.scrollWidth > e.clientWidth).length") == 0
        assert page.ask(LEFT, 1) > 1, "what has room stands beside the key"
    finally:
        page.driver.set_window_size(1200, 1600)


def test_names_are_text_and_no_script_runs(page):
    assert page.ask("return window.hacked === undefined")
    assert "<script>window.hacked = 1</script>" in page.ask("return notebook.widgets[6].node.innerText")


def test_long_lists_are_folded_and_open_by_a_click(page):
    folded = "[...notebook.widgets[6].node.querySelectorAll('details')].find(e => e.innerText.includes('40 entries'))"
    page.ask(f"{folded}.open = false")
    assert "many 39" not in page.ask("return notebook.widgets[6].node.innerText")
    page.ask(f"{folded}.querySelector('summary').click()")
    assert "many 39" in page.ask("return notebook.widgets[6].node.innerText")


def test_run_all_shows_what_each_cell_registered(quickstart):
    assert quickstart.answers(8) == ["ok"] * 8
    assert quickstart.sent() == ["load", "imports", "layer", "gradient", "type", "model", "status", "check"]
    assert registered(quickstart) == owners(quickstart, "Quickstart>Scaled")


def test_an_edited_cell_that_is_run_again_changes_the_table(quickstart):
    quickstart.retype("class Scaled", "Scaled", "Tripled")
    quickstart.run("class Tripled", "%kreg status")
    assert registered(quickstart) == owners(quickstart, "Quickstart>Tripled")
    label = quickstart.label("class Tripled")
    former = Row(f"gone from {label}", "Quickstart>Scaled", "swept")  # a model still uses it
    table = quickstart.table("%kreg status")
    assert former in table
    assert [row.owner for row in table[:3]] == [
        quickstart.label(cell) for cell in ("class Tripled", "GuidedRelu", "Masked")
    ]


@pytest.mark.parametrize(("away", "back"), [("dd", "z"), ("x", "v")], ids=["deleted and undone", "cut and pasted"])
def test_a_cell_that_comes_back_is_the_same_cell(quickstart, away, back):
    quickstart.select("class Scaled")
    label = quickstart.label("class Scaled")
    quickstart.press(*away)
    quickstart.run("%kreg status")
    table = quickstart.table("%kreg status")
    assert Row(f"{label}, which was deleted", "Quickstart>Scaled", "kept") in table
    quickstart.select("class Masked")
    quickstart.press(*back)
    quickstart.run("class Scaled", "%kreg status")
    assert quickstart.sent()[-2] == "layer"
    assert registered(quickstart) == owners(quickstart, "Quickstart>Scaled")


def test_a_copy_of_a_cell_is_another_cell_and_gives_the_key_back(quickstart):
    quickstart.select("class Scaled")
    quickstart.press("c", "v")
    label, copy = quickstart.label("class Scaled"), quickstart.at("class Scaled") + 1
    quickstart.run(copy, "%kreg status")
    table = quickstart.table("%kreg status")
    assert Row(label, "Quickstart>Scaled", "shadowed") in table
    assert Row(quickstart.label(copy), "Quickstart>Scaled", "current") in table
    quickstart.point(copy, "register")
    quickstart.press("Control+/")
    quickstart.run(copy, "%kreg status")
    assert registered(quickstart) == owners(quickstart, "Quickstart>Scaled")
    assert quickstart.label("class Scaled") == label


def test_a_restarted_kernel_claims_nothing_of_the_former_one(quickstart):
    quickstart.retype("class Scaled", "Scaled", "Tripled")
    quickstart.retype("model.save", "Scaled", "Tripled")
    quickstart.restart("Restart Kernel…")
    assert quickstart.run("%kreg status", "%load_ext", "%kreg status") == ["error", "ok", "ok"]
    assert "kreg: 0 entries of yours" in quickstart.text("%kreg status")
    count = len(quickstart.sent())
    quickstart.restart("Restart Kernel and Run All Cells…")
    assert quickstart.answers(count + 8)[count:] == ["ok"] * 8
    assert {row.state for row in quickstart.table("%kreg status")} == {"current"}
    assert registered(quickstart) == owners(quickstart, "Quickstart>Tripled")


def test_a_saved_and_reopened_notebook_has_the_same_cells_in_the_same_kernel(quickstart):
    kernel = quickstart.kernel()
    quickstart.retype("class Scaled", "Scaled", "Tripled")
    quickstart.run("class Tripled")
    quickstart.save()
    saved = json.loads((quickstart.folder / "quickstart.ipynb").read_text())
    assert [cell["id"] for cell in saved["cells"]] == IDS
    quickstart.close()
    quickstart.open("quickstart.ipynb")
    assert (quickstart.kernel(), quickstart.ids()) == (kernel, IDS)
    quickstart.retype("class Tripled", "Tripled", "Halved")
    quickstart.run("class Halved", "%kreg status")
    assert quickstart.sent() == ["layer", "status"]
    assert registered(quickstart) == owners(quickstart, "Quickstart>Halved")


def test_a_reopened_notebook_that_stores_no_ids_is_known_by_its_sources_and_definitions(lab):
    lab.open("without ids.ipynb")
    lab.menu("Run", "Run All Cells")
    lab.answers(7)
    before = lab.ids(), lab.kernel()
    lab.close()
    lab.open("without ids.ipynb")
    assert lab.kernel() == before[1] and not set(lab.ids()) & set(before[0])
    lab.retype("GuidedRelu", "0", "1")
    lab.run("class Scaled", "GuidedRelu", "class Masked", "%kreg status")
    assert registered(lab) == owners(lab, "Quickstart>Scaled")
    lab.retype("class Scaled", "Scaled", "Tripled")
    lab.run("class Tripled", "%kreg status")
    assert registered(lab) == owners(lab, "Quickstart>Tripled")
    lab.close()
