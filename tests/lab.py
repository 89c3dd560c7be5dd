"""JupyterLab in headless Chromium, used as people use it: by its menus, the keyboard and the mouse."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from kernels import ENVIRONMENT, PATIENCE

ROOT = Path(__file__).parent.parent
CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"

LISTEN = """
const session = app.shell.currentWidget.sessionContext.session;
const seen = window.seen = {sent: [], replied: {}, idle: {}, states: []};
session.statusChanged.connect((_, state) => seen.states.push(state));
session.anyMessage.connect((_, {msg, direction}) => {
  const kind = msg.header.msg_type, parent = msg.parent_header?.msg_id;
  if (direction === 'send' && kind === 'execute_request') seen.sent.push([msg.header.msg_id, msg.metadata.cellId]);
  if (kind === 'execute_reply') seen.replied[parent] = msg.content.status;
  if (kind === 'status' && msg.content.execution_state === 'idle') seen.idle[parent] = true;
});
"""
"""What the front end and the kernel say to each other from now on."""

MIDDLE = "const box = e?.getBoundingClientRect(); return box && [box.x + box.width / 2, box.y + box.height / 2];"
"""Where ``e`` is in the window."""

WORD = """
const shown = notebook.widgets[arguments[0]].node, e = document.createRange();
shown.scrollIntoView({block: 'center'});  // only then JupyterLab draws it
const editor = shown.querySelector('.cm-content');
editor.scrollIntoView({block: 'center'});
const texts = document.createTreeWalker(editor, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const start = texts.currentNode.textContent.indexOf(arguments[1]);
  if (start < 0) continue;
  e.setStart(texts.currentNode, start);
  e.setEnd(texts.currentNode, start + arguments[1].length);
  MIDDLE
}
""".replace("MIDDLE", MIDDLE)
"""Where a word of a cell is in the window."""

TABLE = """
const shown = notebook.widgets[arguments[0]].node;
return [...shown.querySelectorAll('details')].flatMap(group => [...group.querySelectorAll('li')].map(row =>
  [group.querySelector('summary').innerText.split(':')[0], row.children[1].firstElementChild.innerText, row.children[0].innerText.slice(2)]));
"""

CONTRASTS = """
const part = x => x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4;
const luminance = ([r, g, b]) => .2126 * part(r / 255) + .7152 * part(g / 255) + .0722 * part(b / 255);
const colour = text => { const n = text.match(/[\\d.]+/g)?.map(Number); return !n || n[3] === 0 ? null : n; };
const drawn = e => e.tagName === 'text' && e.parentElement.querySelector('rect');
const behind = e => { const box = drawn(e), c = box && colour(getComputedStyle(box).fill);
                      for (; e; e = e.parentElement) { const b = c || colour(getComputedStyle(e).backgroundColor);
                                                       if (b) return b; } return [255, 255, 255]; };
const front = e => colour(e.tagName === 'text' ? getComputedStyle(e).fill : getComputedStyle(e).color);
const found = [];
for (const shown of document.querySelectorAll(arguments[0]))
  for (const e of shown.querySelectorAll('*'))
    if ([...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) {
      const [more, less] = [front(e), behind(e)].map(luminance).sort((a, b) => b - a);
      found.push([(more + .05) / (less + .05), e.textContent.trim().slice(0, 40)]);
    }
return found;
"""
"""The contrast of every text inside, as the web content accessibility guidelines measure it."""


class Row(NamedTuple):
    """A row of the table that %kreg status shows."""

    owner: str
    key: str
    state: str


class Lab:
    """JupyterLab, and the notebook that is open in it. A cell is given by its place, or by a part of its source."""

    def __init__(self, driver: Any, folder: Path) -> None:
        from selenium.webdriver.common.keys import Keys

        self.driver, self.folder, self.key = driver, folder, Keys

    # -- the page

    def ask(self, script: str, *arguments: Any) -> Any:
        """The value of some JavaScript in the page; ``notebook`` is its notebook, ``app`` JupyterLab."""
        prelude = "const app = window.jupyterapp, notebook = app?.shell.currentWidget?.content;"
        return self.driver.execute_script(prelude + script, *arguments)

    def wait(self, script: str, *arguments: Any, patience: float = PATIENCE) -> Any:
        """Wait until the JavaScript says something true, and return it."""
        from selenium.common.exceptions import JavascriptException
        from selenium.webdriver.support.ui import WebDriverWait

        patient = WebDriverWait(self.driver, patience, 0.1, [JavascriptException])
        return patient.until(lambda driver: self.ask(script, *arguments), script)

    def click(self, selector: str, text: str = "", *, times: int = 1, patience: float = PATIENCE) -> None:
        """Click what the selector finds as soon as it is there, and reads so if a text is given."""
        found = "const e = [...document.querySelectorAll(arguments[0])].find(e => e.checkVisibility() && (!arguments[1]"
        script = f"{found} || e.textContent.trim() === arguments[1])); {MIDDLE}"
        self._click_at(self.wait(script, selector, text, patience=patience), times)

    def _click_at(self, place: list[int], times: int = 1) -> None:
        from selenium.webdriver.common.actions.action_builder import ActionBuilder

        mouse = ActionBuilder(self.driver, duration=0)
        mouse.pointer_action.move_to_location(*place)
        for _ in range(times):
            mouse.pointer_action.click()
        mouse.perform()

    def press(self, *keys: str) -> None:
        """Press keys, one after another; ``Control+Shift+a`` at once."""
        from selenium.webdriver.common.action_chains import ActionChains

        for key in keys:
            *held, last = key.split("+")
            chain = ActionChains(self.driver, duration=0)
            for each in held:
                chain.key_down(getattr(self.key, each.upper()))
            chain.send_keys(getattr(self.key, last.upper(), last))
            for each in held:
                chain.key_up(getattr(self.key, each.upper()))
            chain.perform()

    def menu(self, menu: str, item: str) -> None:
        """Choose an item of a menu, which is opened again if the page has closed it, as after a change of the theme."""
        from selenium.common.exceptions import TimeoutException

        for patience in (5, 10, 20, PATIENCE):
            self.click(".lm-MenuBar-itemLabel", menu)
            with suppress(TimeoutException):
                return self.click(".lm-Menu-itemLabel", item, patience=patience)
        raise TimeoutError(f"the menu {menu} does not open")

    def theme(self, name: str) -> None:
        self.ask("app.commands.execute('apputils:change-theme', {theme: arguments[0]})", name)
        self.wait("return document.body.dataset.jpThemeLight === arguments[0]", str("Light" in name).lower())

    def contrasts(self, selector: str) -> list[tuple[float, str]]:
        """The contrast of every text that is in what the selector finds, and the text."""
        return [(contrast, text) for contrast, text in self.ask(CONTRASTS, selector)]

    # -- the notebook

    def add(self, name: str, notebook: dict[str, Any]) -> None:
        """Put a notebook into the folder, or another one in its place, and wait until it is listed."""
        (self.folder / name).write_text(json.dumps(notebook))
        self.wait("return app.commands.hasCommand('filebrowser:refresh')")
        self.ask("return app.commands.execute('filebrowser:refresh')")
        listed = "[...document.querySelectorAll('.jp-DirListing-itemText')].some(e => e.innerText === arguments[0])"
        self.wait(f"return {listed}", name)

    def stop_kernels(self) -> None:
        """Stop the kernels of all notebooks."""
        self.ask("return app.serviceManager.sessions.shutdownAll()")

    def open(self, name: str) -> None:
        """Open a notebook by a double click on its file."""
        self.click(".jp-DirListing-itemText", name, times=2)
        self.wait(
            "const panel = app.shell.currentWidget;"
            "return panel.title.label === arguments[0] && panel.context.isReady && notebook.widgets.length > 5"
            " && panel.sessionContext.isReady && panel.sessionContext.session?.kernel?.status === 'idle'",
            name,
        )
        self.ask(LISTEN)

    def save(self) -> None:
        self.press("Control+s")
        self.wait("return !app.shell.currentWidget.context.model.dirty")

    def close(self) -> None:
        """Close the notebook; its kernel goes on."""
        open_ = self.ask("return app.shell.currentWidget.id")
        self.menu("File", "Close Tab")
        closed, asks = "!document.getElementById(arguments[0])", "!!document.querySelector('.jp-Dialog')"
        self.wait(f"return {closed} || {asks}", open_)
        if self.ask(f"return {asks}"):  # it has changes
            self.click(".jp-Dialog button", "Discard")
        self.wait(f"return {closed} && !{asks}", open_)

    def restart(self, item: str) -> None:
        """Restart the kernel by an item of its menu."""
        self.menu("Kernel", item)
        self.click(".jp-Dialog button", "Restart")
        self.wait("return seen.states.includes('restarting') && seen.states.at(-1) === 'idle'")
        self.ask("seen.states.length = 0")

    def kernel(self) -> str:
        return str(self.ask("return app.shell.currentWidget.sessionContext.session.kernel.id"))

    def at(self, cell: int | str) -> int:
        """The place of a cell."""
        if isinstance(cell, int):
            return cell
        script = "return notebook.widgets.findIndex(e => e.model.type === 'code' && e.model.sharedModel.getSource()"
        place = self.ask(f"{script}.includes(arguments[0]))", cell)
        assert place >= 0, f"no cell has {cell!r} in it"
        return int(place)

    def ids(self) -> list[str]:
        return list(self.ask("return notebook.widgets.map(cell => cell.model.id)"))

    def text(self, cell: int | str) -> str:
        """Return what is to be read in a cell and its results."""
        return str(self.ask("return notebook.widgets[arguments[0]].node.innerText", self.at(cell)))

    def label(self, cell: int | str) -> str:
        """Return what %kreg calls a cell: by the number that stands before it."""
        return f"cell [{self.ask('return notebook.widgets[arguments[0]].model.executionCount', self.at(cell))}]"

    def point(self, cell: int | str, word: str, *, times: int = 1) -> None:
        """Click on a word in a cell's editor."""
        self._click_at(self.wait(WORD, self.at(cell), word), times)

    def retype(self, cell: int | str, word: str, instead: str) -> None:
        """Mark the first occurrence of a word in a cell by a double click, and type another one."""
        self.point(cell, word, times=2)
        self.press(*instead)

    def select(self, cell: int | str) -> None:
        """Select a cell by a click before it, so that single keys are commands."""
        place = self.at(cell)
        prompt = f"const e = notebook.widgets[{place}].node.querySelector('.jp-InputPrompt');"
        self._click_at(self.wait(f"{prompt} e.scrollIntoView({{block: 'center'}}); {MIDDLE}"))
        self.wait(f"return notebook.mode === 'command' && notebook.activeCellIndex === {place}")

    def run(self, *cells: int | str) -> list[str]:
        """Run these cells by Shift+Enter and wait for the answers, which are returned."""
        count = self.ask("return seen.sent.length")
        for number, cell in enumerate(cells, start=1):
            self.select(cell)
            self.press("Shift+Enter")
            answers = self.answers(count + number)
        return answers[count:]

    def answers(self, count: int) -> list[str]:
        """Wait until this number of cells has been sent and answered; ``ok`` or ``error`` for each."""
        done = "seen.sent.length >= arguments[0] && seen.sent.every(([id]) => seen.replied[id] && seen.idle[id])"
        return list(self.wait(f"return {done} && seen.sent.map(([id]) => seen.replied[id])", count))

    def sent(self) -> list[str]:
        """The ids of the cells that the front end has sent since the notebook was opened."""
        return list(self.ask("return seen.sent.map(([_, cell]) => cell)"))

    def table(self, cell: int | str) -> list[Row]:
        """The rows that a cell's table shows."""
        return [Row(*row) for row in self.ask(TABLE, self.at(cell))]


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """JupyterLab on a free port of this machine, with the notebooks of a folder; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token, own = secrets.token_hex(16), folder.parent / f"{folder.name}-own"
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
    command += [
        "--ip=127.0.0.1",
        f"--port={port}",
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folder}",
    ]
    settings = {  # it would ask for news, and cover what is to be clicked; it would save while a test closes a notebook
        "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}',
        "docmanager-extension/plugin": '{"autosave": false}',
    }
    for name, text in settings.items():
        path = own / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    homes = {f"JUPYTER_{name}_DIR": str(own / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    homes |= {"JUPYTERLAB_SETTINGS_DIR": str(own / "settings"), "JUPYTERLAB_WORKSPACES_DIR": str(own / "spaces")}
    homes["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(
        command, env={**os.environ, **ENVIRONMENT, **homes}, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stderr is not None
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if "is running at" in line:
                break
        else:
            raise RuntimeError("".join(said))
        yield f"http://127.0.0.1:{port}/lab?token={token}"
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def browsing(address: str, folder: Path, profile: Path) -> Iterator[Lab]:
    """JupyterLab at this address, which serves this folder."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "window-size=1200,1600"):
        options.add_argument(f"--{flag}")
    for flag in ("disable-background-networking", "disable-component-update", "disable-sync", "no-first-run"):
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={profile}")
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    try:
        driver.get(address)
        yield Lab(driver, folder)
    finally:
        driver.quit()
