"""What %kreg shows in JupyterLab, in a real browser: readable in the light theme and in the dark one."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from kernels import ENVIRONMENT

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
pytestmark = pytest.mark.needs("jupyterlab", "selenium", "keras>=3", CHROMIUM, DRIVER)

LAYER = "@keras.saving.register_keras_serializable('Shown')\nclass First(keras.layers.Layer):\n    number = 1"
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

CONTRASTS = """
const part = x => x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4;
const luminance = ([r, g, b]) => .2126 * part(r / 255) + .7152 * part(g / 255) + .0722 * part(b / 255);
const colour = text => { const n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 || n[3] > 0 ? n : null; };
const behind = e => { for (; e; e = e.parentElement) { const c = colour(getComputedStyle(e).backgroundColor);
                                                       if (c) return c; } return [255, 255, 255]; };
const found = [];
for (const output of document.querySelectorAll('.jp-OutputArea-output.jp-RenderedHTMLCommon'))
  for (const e of output.querySelectorAll('*'))
    if ([...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) {
      const [more, less] = [colour(getComputedStyle(e).color), behind(e)].map(luminance).sort((a, b) => b - a);
      found.push([(more + .05) / (less + .05), e.textContent.trim().slice(0, 40)]);
    }
return found;
"""
"""The contrast of every text that a result shows, as the web content accessibility guidelines measure it."""


class Page:
    """The notebook as JupyterLab shows it."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def ask(self, script: str, *arguments: Any) -> Any:
        """The value of some JavaScript in the page; ``notebook`` is its notebook, ``app`` JupyterLab."""
        prelude = "const app = window.jupyterapp, notebook = app.shell.currentWidget.content;"
        return self.driver.execute_script(prelude + script, *arguments)

    def wait(self, script: str) -> None:
        """Wait until the JavaScript says so."""
        from selenium.common.exceptions import JavascriptException
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, 120, 0.2, [JavascriptException]).until(lambda driver: self.ask(script))

    def run(self, *cells: int) -> None:
        """Run these cells, and wait until they have run."""
        for cell in cells:
            count = self.ask(f"return notebook.widgets[{cell}].model.executionCount")
            self.ask(f"notebook.activeCellIndex = {cell}; app.commands.execute('notebook:run-cell')")
            self.wait(
                f"const model = notebook.widgets[{cell}].model;"
                f"return model.executionCount !== null && model.executionCount !== {count or 0}"
                " && app.shell.currentWidget.sessionContext.session.kernel.status === 'idle'"
            )

    def theme(self, name: str) -> None:
        self.ask("app.commands.execute('apputils:change-theme', {theme: arguments[0]})", name)
        light = str("Light" in name).lower()
        self.wait(f"return document.body.dataset.jpThemeLight === '{light}'")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """JupyterLab on a free port of this machine, with one notebook; its address."""
    folder = tmp_path_factory.mktemp("lab")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "shown.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
    command += [
        "--ip=127.0.0.1",
        f"--port={port}",
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folder}",
    ]
    own = {f"JUPYTER_{name}_DIR": str(folder / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    own |= {"JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"), "JUPYTERLAB_WORKSPACES_DIR": str(folder / "spaces")}
    process = subprocess.Popen(
        command, env={**os.environ, **ENVIRONMENT, **own}, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stderr is not None
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if "is running at" in line:
                break
        else:
            pytest.fail("".join(said))
        yield f"http://127.0.0.1:{port}/lab/tree/shown.ipynb?token={token}"
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture(scope="module")
def page(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The notebook, opened and run, one cell edited and run again."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    profile = tmp_path_factory.mktemp("profile")
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "window-size=1200,1600"):
        options.add_argument(f"--{flag}")
    for flag in ("disable-background-networking", "disable-component-update", "disable-sync", "no-first-run"):
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={profile}")
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    try:
        driver.get(server)
        shown = Page(driver)
        shown.wait("return notebook.widgets.length > 5 && app.shell.currentWidget.sessionContext.isReady")
        shown.run(*range(len(CELLS)))
        shown.ask(f"notebook.widgets[{EDITED}].model.sharedModel.setSource(arguments[0])", LAYER.replace("1", "2"))
        shown.run(EDITED, *range(EDITED + 4, len(CELLS)))
        yield shown
    finally:
        driver.quit()


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_text_is_readable_in_both_themes(page, theme, tmp_path):
    page.theme(theme)
    page.ask("document.querySelectorAll('details').forEach(each => each.open = true)")
    contrasts = page.ask(CONTRASTS)
    assert len(contrasts) > 200
    assert [pair for pair in contrasts if pair[0] < (3 if pair[1] == "●" else 4.5)] == []
    page.driver.save_screenshot(str(tmp_path / "shown.png"))
    if os.environ.get("KREG_SCREENSHOTS"):
        for end, cell in (("first", 0), ("last", len(CELLS) - 1)):
            page.ask(f"return notebook.scrollToItem({cell})")
            page.driver.save_screenshot(str(Path(os.environ["KREG_SCREENSHOTS"]) / f"{theme}, {end}.png"))


def test_an_edited_cell_that_is_run_again_changes_the_table(page):
    table = page.ask("return notebook.widgets[6].node.innerText")
    assert "Shown>First" in table and "superseded" in table and "current" in table


def test_names_are_text_and_no_script_runs(page):
    assert page.ask("return window.hacked === undefined")
    assert "<script>window.hacked = 1</script>" in page.ask("return notebook.widgets[6].node.innerText")


def test_long_lists_are_folded_and_open_by_a_click(page):
    folded = "[...notebook.widgets[6].node.querySelectorAll('details')].find(e => e.innerText.includes('40 entries'))"
    page.ask(f"{folded}.open = false")
    assert "many 39" not in page.ask("return notebook.widgets[6].node.innerText")
    page.ask(f"{folded}.querySelector('summary').click()")
    assert "many 39" in page.ask("return notebook.widgets[6].node.innerText")
