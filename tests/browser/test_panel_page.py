"""%kreg panel in JupyterLab in a real browser: it follows runs, its buttons act, and the keyboard reaches all of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernels import notebook
from lab import CHROMIUM, DRIVER, LISTEN, ROOT, Lab, browsing
from test_panel import row, tables

from kreg_ipython.panel.state import WORDS, State, difference

pytestmark = pytest.mark.needs("jupyterlab", "selenium", "anywidget", CHROMIUM, DRIVER)

CELLS = {
    "load": "%load_ext kreg_ipython\nMODELS = {}\n%kreg watch MODELS",
    "small": "MODELS['Small'] = Kind = type('Kind', (), {})",
    "large": "MODELS['Large'] = type('Other', (), {})",
    "model": "model = [Kind()]",
    "many": "MODELS.update({f'many {i}': i for i in range(5_000)})",
    "markup": "MODELS['<img src=x onerror=\"window.hacked = 1\">'] = abs",
    "log": "%kreg log",
    "panel": "%kreg panel",
}
"""The panel is the last cell: it grows, and would move the others away from the mouse."""
PLACE = {name: place for place, name in enumerate(CELLS)}
PANEL = "const panel = document.querySelector('.kreg-panel');"
ROWS = """
return [...panel.querySelectorAll('.kreg-entry')].map(row =>
  [row.querySelector('.kreg-key').innerText, row.querySelector('.kreg-state').innerText]);
"""
EDGES = (
    "return [...panel.querySelectorAll('.kreg-edge')].map(edge => edge.classList[1].slice('kreg-edge-'.length)).sort();"
)


class Page:
    """The panel of the notebook that is open."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def ask(self, script: str, *arguments: Any) -> Any:
        return self.lab.ask(PANEL + script, *arguments)

    def wait(self, script: str, *arguments: Any) -> Any:
        from selenium.common.exceptions import TimeoutException

        try:
            return self.lab.wait(PANEL + script, *arguments)
        except TimeoutException:
            raise AssertionError(f"{script} {arguments}\n{self.ask('return panel?.innerText')}") from None

    def run(self, *cells: str) -> None:
        self.lab.run(*(PLACE[cell] for cell in cells))

    def edit(self, cell: str, word: str, instead: str) -> None:
        self.lab.retype(PLACE[cell], word, instead)

    def has(self, **states: str) -> None:
        """Wait until the rows in sight are these: the key of each, and its state."""
        self.wait(
            f"const rows = (() => {{ {ROWS} }})();"
            "return JSON.stringify(rows.sort()) === JSON.stringify(Object.entries(arguments[0]).sort());",
            states,
        )

    def says(self, text: str) -> None:
        self.wait("return panel.innerText.includes(arguments[0])", text)

    def click(self, key: str, word: str) -> None:
        self.lab.click(f'.kreg-entry[data-id*="{key}"] [data-do={word}]')

    def focus(self) -> str:
        """Return what the keyboard is at."""
        return str(self.ask("const e = document.activeElement; return e.getAttribute('aria-label') ?? e.innerText"))

    def still(self, name: str) -> None:
        """Keep a picture of the window, if somebody wants to look at it."""
        if os.environ.get("KREG_SCREENSHOTS"):
            self.lab.ask(f"notebook.widgets[{PLACE['panel']}].node.scrollIntoView()")
            self.lab.driver.save_screenshot(str(Path(os.environ["KREG_SCREENSHOTS"]) / f"panel, {name}.png"))


@pytest.fixture
def lab(jupyterlab: Lab) -> Lab:
    return jupyterlab


@pytest.fixture
def page(lab: Lab) -> Iterator[Page]:
    """A notebook in a kernel of its own, with two entries and the panel."""
    lab.add("panel.ipynb", notebook(CELLS))
    lab.open("panel.ipynb")
    page = Page(lab)
    page.run("load", "panel", "small", "large")
    page.has(Small="current", Large="current")
    yield page
    lab.close()
    lab.stop_kernels()


def test_the_panel_follows_a_run_an_edit_and_a_re_run(page):
    page.run("large")
    page.says("Run [5]: 1 registered again")
    assert page.ask("return [...panel.querySelectorAll('.kreg-owner b')].map(e => e.innerText)") == [
        "cell [3]",
        "cell [5]",
    ]
    assert page.ask("return panel.querySelector('.kreg-source').innerText") == CELLS["small"]
    page.run("model")
    page.says("used by model")
    assert page.ask(EDGES) == ["built", "current", "current"]
    page.edit("small", "Small", "Tiny")
    page.run("small")
    page.has(Tiny="current", Small="swept", Large="current")
    page.says("Run [7]: 1 swept, 1 registered")
    assert page.ask(EDGES) == ["current", "current", "superseded", "swept"]
    assert page.ask("return panel.querySelectorAll('.kreg-changed').length") == 2


def test_buttons_act_and_what_they_did_is_in_the_log(page):
    page.click("Large", "keep")
    page.says("kreg: keeping 1 entry: 'Large'")
    page.says("you said %kreg keep")
    places = page.ask("return ['code', '.kreg-note'].map(e => panel.querySelector('.kreg-noted ' + e).offsetTop)")
    assert places[1] > places[0], "a reason has a line of its own"
    page.click("Large", "release")
    page.says("kreg: released 'Large'")
    page.click("Large", "clear")
    page.has(Small="current", Large="swept")
    page.click("Large", "undo")
    page.has(Small="current", Large="current")
    page.says("kreg: restored 1 entry: 'Large'")
    page.run("log")
    log = page.lab.text(PLACE["log"])
    assert [act for act in ("kept", "released", "cleared", "restored") if not re.search(rf"{act}\s+Large", log)] == []
    page.lab.click(".kreg-tools button", "undo")
    page.run("small")
    assert page.ask("return panel.querySelector('.kreg-tools button').disabled")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_text_is_readable_in_both_themes(page, theme):
    page.run("model")
    page.edit("small", "Small", "Tiny")
    page.run("small")
    page.has(Tiny="current", Small="swept", Large="current")
    page.lab.theme(theme)
    page.ask("panel.querySelectorAll('details').forEach(each => each.open = true)")
    contrasts = page.lab.contrasts(".kreg-panel")
    assert len(contrasts) > 40
    assert [pair for pair in contrasts if pair[0] < 4.5] == []
    page.still(theme)


def test_of_five_thousand_entries_those_in_sight_are_elements_and_the_last_one_is_reached(page):
    page.run("many")
    page.says("5,002 current")
    number = "return panel.querySelectorAll('[role=row]').length"
    assert page.ask(number) < 50
    assert page.ask("return panel.querySelector('[role=treegrid]').ariaRowCount") == "5005"
    page.ask("const list = panel.querySelector('.kreg-list'); list.scrollTop = list.scrollHeight;")
    page.wait("return panel.querySelector('[data-id*=\"many 4999\"]')")
    assert page.ask(number) < 50
    page.still("5,000 entries")
    page.ask("panel.querySelector('.kreg-row[tabindex=\"0\"]').focus()")
    page.lab.press("Home", "End")
    assert page.ask("return document.activeElement.ariaRowIndex") == "5005" and page.ask(number) < 50
    assert page.ask("return panel.querySelectorAll('.kreg-node').length") < 20
    page.lab.click(".kreg-panel input")
    page.lab.press(*"4321")
    page.has(**{"many 4321": "current"})
    assert page.ask(number) == 2
    page.lab.press("Escape")
    page.wait("return panel.querySelectorAll('[role=row]').length > 10")


def test_the_search_and_the_states_narrow_the_list_and_the_picture(page):
    page.lab.click(".kreg-panel input")
    page.lab.press(*"large", "Space", *"other")
    page.has(Large="current")
    assert page.ask("return panel.querySelectorAll('.kreg-node.kreg-key').length") == 1
    page.lab.press(*"none")
    page.says("No entry is like this.")
    page.lab.press("Escape")
    page.has(Small="current", Large="current")
    page.click("Large", "clear")
    page.has(Small="current", Large="swept")
    page.lab.click(".kreg-chip[data-state=swept]")
    page.has(Large="swept")
    page.lab.click(".kreg-chip[data-state=swept]")
    page.has(Small="current", Large="swept")


def test_the_keyboard_alone_reaches_each_row_button_and_node(page):
    page.lab.click(".kreg-panel input")
    seen = []
    while "treegrid" not in page.ask(
        "return document.activeElement.parentElement.parentElement.getAttribute('role') ?? ''"
    ):
        page.lab.press("Tab")
        seen.append(page.focus())
        assert len(seen) < 12, seen
    assert [
        each for each in seen if "Picture" in each
    ] and "cell [3]" in seen  # the summary, and one node of the picture
    page.lab.press("Down")
    assert "Small" in page.focus()
    page.lab.press("Down", "Down", "Right")
    assert page.focus() == "keep Large"
    page.lab.press("Enter")
    page.says("kreg: keeping 1 entry: 'Large'")
    assert page.focus() == "release Large"  # the focus stays where it was, whatever is drawn anew
    page.lab.press("Left", "Left")
    assert page.focus().startswith("▾cell [4]")
    page.lab.press("Left")
    page.has(Small="current")
    page.lab.press("Right")
    page.has(Small="current", Large="current")
    page.lab.press("Down", "Enter")
    page.says("scrolled to cell [4]")
    page.wait(
        "const cell = notebook.widgets[arguments[0]].node.getBoundingClientRect(); return cell.top >= 0", PLACE["large"]
    )
    cells = len(page.lab.ids())
    page.lab.press("b")  # in the notebook, a new cell
    assert (page.ask("return notebook.activeCellIndex"), len(page.lab.ids())) == (PLACE["panel"], cells)
    page.ask("panel.querySelector('.kreg-node').focus()")
    page.lab.press("Right", "Down")
    assert page.focus() == "Large in __main__:MODELS; current, of cell [4]"
    page.lab.press("Enter")
    assert page.ask("return document.activeElement.dataset.id").split("\n")[1] == "Large"


def test_a_click_on_an_entry_scrolls_to_its_cell(page):
    page.lab.click('.kreg-entry[data-id*="Small"] .kreg-key')
    page.says("scrolled to cell [3]")
    assert "Click to scroll to cell [3]" in page.ask("return panel.querySelector('.kreg-entry').title")


def test_names_are_text_and_no_script_runs(page):
    page.run("markup")
    page.says("<img src=x")
    assert page.ask("return window.hacked === undefined && !panel.querySelector('img')")


def test_a_narrow_panel_cuts_nothing_off(page):
    page.lab.driver.set_window_size(800, 1200)
    try:
        page.wait("return panel.clientWidth < 500 && panel.classList.contains('kreg-narrow')")
        assert page.ask("return panel.scrollWidth <= panel.clientWidth")
        boxes = page.ask(
            "return [...panel.querySelectorAll('button, .kreg-key')].map(e => e.getBoundingClientRect().right)"
        )
        assert max(boxes) <= page.ask("return panel.getBoundingClientRect().right")
        page.still("narrow")
        page.ask("panel.style.width = '260px'")  # in JupyterLab on a phone
        page.wait("return panel.scrollWidth <= panel.clientWidth && panel.clientWidth < 270")
        heights = page.ask("return [...panel.querySelectorAll('.kreg-list button')].map(e => e.offsetHeight)")
        assert len(set(heights)) == 1, "no button's text is in two lines"
        labels = page.ask("return [...panel.querySelectorAll('.kreg-node.kreg-owner text')].map(e => e.textContent)")
        assert labels == ["cell [3]", "cell [4]"]
        page.still("on a phone")
    finally:
        page.lab.driver.set_window_size(1200, 1600)


def test_a_view_of_its_own_stands_beside_the_notebook_and_follows_too(page):
    page.lab.select(PLACE["panel"])
    page.lab.ask("return app.commands.execute('notebook:create-output-view').then(() => 0)")
    beside = "const beside = [...document.querySelectorAll('.kreg-panel')].find(e => !e.closest('.jp-Notebook'));"
    page.lab.wait(f"{beside} return beside?.querySelectorAll('.kreg-entry').length === 2")
    page.lab.ask("app.shell.activateById([...app.shell.widgets('main')].find(e => e.title.label === 'panel.ipynb').id)")
    page.run("model")
    page.lab.wait(f"{beside} return beside.innerText.includes('used by model')")
    page.lab.ask(f"{beside} beside.querySelector('.kreg-entry').click()")
    page.lab.wait(f"{beside} return beside.innerText.includes('scrolled to cell [3]')")
    page.lab.ask(f"{beside} [...app.shell.widgets('main')].find(e => e.node.contains(beside)).close()")
    page.run("many")
    page.says("5,002 current")  # the other view has not ended it


def test_a_closed_panel_goes_and_another_one_can_be_opened(page):
    page.lab.click(".kreg-tools button", "close")
    page.wait("return panel === null")
    page.run("panel")
    page.has(Small="current", Large="current")


def test_a_page_that_is_loaded_again_shows_the_panel_again(page):
    page.lab.save()
    page.lab.driver.refresh()
    page.has(Small="current", Large="current")
    page.lab.wait("return app.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'")
    page.lab.ask(LISTEN)
    page.edit("large", "Large", "Huge")
    page.run("large")
    page.has(Small="current", Huge="current", Large="swept")


# -- a page that is no notebook's, as the frames of Colab and VS Code


HOST = """
const [code, style, message, done] = arguments;
document.body.innerHTML = '';
document.head.append(Object.assign(document.createElement('style'), {textContent: style}));
document.documentElement.style.colorScheme = 'light dark';
document.body.append(document.createElement('main'));
window.sent = [];
const model = {on: (_, receive) => (window.receive = receive), send: each => window.sent.push(each)};
import(URL.createObjectURL(new Blob([code], {type: 'text/javascript'}))).then(async ({default: made}) => {
  const widget = await made();
  await widget.initialize({model});
  window.end = await widget.render({model, el: document.querySelector('main')});
  window.receive(message);
  done();
});
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("alone")
    with browsing("about:blank", folder, tmp_path_factory.mktemp("profile")) as lab:
        yield lab


def message(version: int, before: State, after: State) -> dict[str, Any]:
    return {"version": version, "tables": difference(before, after), "last": {}} | (
        {} if before.owners else {"words": WORDS}
    )


def host(lab: Lab, now: State) -> Page:
    """Show the panel in an empty page, with what the kernel would send."""
    files = [(ROOT / "kreg_ipython" / "panel" / f"panel.{kind}").read_text() for kind in ("js", "css")]
    lab.driver.execute_async_script(HOST, *files, message(1, State(), now))
    return Page(lab)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_without_colours_of_its_own_has_the_systems(chromium, scheme):
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    chromium.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    page = host(chromium, tables(row("A"), row("B", "kept"), row("C", "shadowed"), row("D", "superseded")))
    page.has(A="current", B="kept", C="shadowed", D="superseded")
    dark = page.ask("return getComputedStyle(panel).backgroundColor") == "rgb(30, 30, 30)"
    assert dark is (scheme == "dark")
    assert [pair for pair in chromium.contrasts(".kreg-panel") if pair[0] < 4.5] == []


def test_a_page_that_has_no_cells_says_so(chromium):
    page = host(chromium, tables(row("A")))
    assert "this page does not let a panel scroll to cell [3]" in page.ask(
        "return panel.querySelector('.kreg-entry').title"
    )
    page.ask("panel.querySelector('.kreg-entry').click()")
    page.says("this page does not let a panel scroll to cell [3]")


def test_a_page_that_has_missed_a_message_asks_for_all_and_one_that_is_left_lets_the_kernel_rest(chromium):
    one, two, three = tables(row("A")), tables(row("A"), row("B")), tables(row("B"), row("C"))
    page = host(chromium, one)
    page.ask("receive(arguments[0])", message(2, one, two))
    page.has(A="current", B="current")
    page.ask("receive(arguments[0])", message(4, two, three))
    page.has(A="current", B="current")
    page.ask("receive(arguments[0])", message(5, State(), three))
    page.has(B="current", C="current")
    page.ask("receive({rests: true})")  # another page has been left
    page.ask("end()")
    assert page.ask("return [sent, panel]") == [[{"ask": "all"}] * 3 + [{"ask": "rest"}], None]
