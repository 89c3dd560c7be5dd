"""%kreg panel: what it says of the registries as tables, what it sends to a page, and what a page may ask of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import Notebook
from kernels import PATIENCE
from test_cells import GRADIENT, LAYER

from kreg_ipython.guard.journal import Event, OwnerText
from kreg_ipython.panel.state import State, changes, difference, state
from kreg_ipython.report.status import Group, Row, Status

# -- what is shown, as tables

CELL = {"kind": "cell", "id": "a", "label": "cell [3]"}


def row(key: str, state: Any = "current", run: int = 3, line: int = 2) -> Row:
    return Row("keras.custom_objects", key, f"__main__.{key}", {**CELL, "label": f"cell [{run}]"}, line, run, state)


def tables(*rows: Row, place: float = 1, **facts: Any) -> State:
    return state(Status(True, (Group(str(rows[0].owner["label"]), rows, place),) if rows else ()), **facts)


def test_the_first_difference_is_everything_and_that_of_two_equal_states_is_nothing():
    now = tables(row("A"), row("B"))
    whole = difference(State(), now)
    assert [entry["key"] for entry in whole["entries"]["set"].values()] == ["A", "B"]
    assert whole["owners"]["set"] == {"cell a": {**CELL, "title": "cell [3]", "place": 1, "run": 3}}
    assert json.loads(json.dumps(whole)) == whole
    assert difference(now, tables(row("A"), row("B"))) == {}


def test_a_difference_has_only_what_differs():
    found = difference(tables(row("A"), row("B"), row("C")), tables(row("A"), row("B", "kept"), row("D")))
    assert [entry["key"] for entry in found["entries"]["set"].values()] == ["B", "D"]
    [gone] = found["entries"]["gone"]
    assert "C" in gone.split("\n") and set(found) == {"entries"}


def test_an_entry_is_the_same_one_after_its_cell_has_run_again():
    """The page keeps the row that the keyboard is at."""
    before, after = tables(row("A")), tables(row("A", run=7), row("A", "superseded"))
    assert before.entries.keys() < after.entries.keys() and before.owners.keys() == after.owners.keys()


def test_former_objects_of_one_key_are_rows_of_their_own():
    assert len(tables(row("A"), row("A", "superseded", 1), row("A", "superseded", 2)).entries) == 3


def test_a_place_that_nobody_knows_is_none_in_json():
    [owner] = tables(row("A"), place=float("inf")).owners.values()
    assert owner["place"] is None


def test_an_entry_says_what_can_be_done_to_it():
    name = ("keras.custom_objects", "A")
    rows = row("A"), row("A", "swept")
    said = [(line.pinned, line.undoable) for line in tables(*rows, pinned={name}, undoable=[name]).entries.values()]
    assert said == [(True, False), (False, True)]
    assert tables(*rows, undoable=[name]).facts["undo"] == ["A"]


def test_each_key_has_one_act_in_what_a_run_changed():
    cell = OwnerText("cell", "a", 3)
    acts = [("removed", "A"), ("removed", "B"), ("registered", "A"), ("registered", "C"), ("swept", "B"), ("kept", "D")]
    found = changes((Event(act, "R", key, cell, 3, "") for act, key in acts), lost=2)
    assert found["counts"] == {"registered again": 1, "swept": 1, "registered": 1, "kept": 1}
    assert (found["runs"], found["lost"]) == ([3], 2)
    assert [(act["key"], act["what"]) for act in found["acts"]][:2] == [("A", "registered again"), ("B", "swept")]


def test_many_acts_are_counted_and_the_first_are_named():
    events = [Event("registered", "R", str(number), OwnerText("cell", "a", 3), 3, "") for number in range(5_000)]
    found = changes(events)
    assert found["counts"] == {"registered": 5_000} and len(found["acts"]) < 100


# -- what is sent


class Page:
    """A front end that shows the panel of a notebook: it keeps the tables as the panel's own page does."""

    def __init__(self, nb: Notebook) -> None:
        self.nb, self.kernel = nb, nb.kernel
        self.tables = self._empty()
        self.messages: list[dict[str, Any]] = []
        self.closed = False
        self.comm = ""
        self.run("panel", "%kreg panel")
        self.whole()

    def run(self, cell: str, source: str, **metadata: Any) -> None:
        metadata = {"cellId": cell, "deletedCells": [], **metadata}
        sent = self.kernel.send(source.replace("PKG", self.nb.package), metadata)
        self.until_idle(sent)

    def ask(self, **content: Any) -> None:
        data = {"method": "custom", "content": content}
        message = self.kernel.client.session.msg("comm_msg", {"comm_id": self.comm, "data": data})
        self.kernel.client.shell_channel.send(message)
        self.until_idle(message["header"]["msg_id"])

    def whole(self) -> None:
        """Ask for all tables."""
        self.ask(ask="all")

    def until_idle(self, request: str) -> None:
        def is_last(message: dict[str, Any]) -> bool:
            idle = message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
            return bool(idle and message["parent_header"].get("msg_id") == request)

        self._read(is_last)

    def wait(self, is_so: Callable[[], bool]) -> None:
        """Read what the kernel says until the tables are so."""
        while not is_so():
            self._read(lambda message: message["msg_type"].startswith("comm"))

    def follow(self) -> None:
        """Wait until the panel has looked at what has changed."""
        self.ask(ask="nothing")
        while self.nb.value(f"{PANEL}._timer is not None"):
            self.ask(ask="nothing")

    def states(self) -> dict[str, str]:
        """The states of the test's own entries by key, the registered one's if there is one."""
        own = [row for row in self.tables["entries"].values() if self.nb.package in row["key"]]
        own.sort(key=lambda row: row["state"] not in ("superseded", "swept"))
        return {row["key"].replace(self.nb.package, "PKG"): row["state"] for row in own}

    def entry(self, key: str) -> dict[str, Any]:
        return next(row for row in self.tables["entries"].values() if row["key"] == key.replace("PKG", self.nb.package))

    @property
    def last(self) -> dict[str, Any]:
        return self.messages[-1]

    def _empty(self) -> dict[str, dict[str, Any]]:
        return {name: {} for name in State._fields}

    def _read(self, is_last: Callable[[dict[str, Any]], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            message = self.kernel._next(self.kernel.client.get_iopub_msg, deadline)
            kind, content = message["msg_type"], message["content"]
            if kind == "comm_open" and content["data"].get("state", {}).get("_anywidget_id"):
                self.comm, self.closed = content["comm_id"], False
            elif kind == "comm_close" and content["comm_id"] == self.comm:
                self.closed = True
            elif kind == "comm_msg" and content["comm_id"] == self.comm and content["data"]["method"] == "custom":
                self._receive(content["data"]["content"])
            if is_last(message):
                return

    def _receive(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        if "version" not in message:
            return  # an answer, or that the panel rests
        if "words" in message:
            self.tables, self.version = self._empty(), message["version"] - 1
        assert message["version"] == self.version + 1
        self.version = message["version"]
        for name, table in message["tables"].items():
            known = self.tables[name]
            known.update(table["set"])
            for key in table["gone"]:
                del known[key]


PANEL = "next(iter(sys.modules['kreg_ipython.panel.live']._open.values()))"
OPEN = "len(sys.modules['kreg_ipython.panel.live']._open)"
FOLLOWERS = "len(get_ipython().magics_manager.registry['KregMagics'].notebook.ended)"

live = pytest.mark.needs("anywidget", "keras>=3", "tensorflow")


@pytest.fixture
def page(nb: Notebook) -> Iterator[Page]:
    return Page(nb)


@live
def test_the_panel_follows_runs_by_differences_and_is_the_table_of_status(page, nb):
    page.run("a", LAYER.format(1) + "\n" + GRADIENT.format(1))
    page.wait(lambda: len(page.states()) == 2)
    page.run("a", LAYER.format(2))
    page.wait(lambda: page.states() == {"PKG>Foo": "current", "PKGGrad": "swept"})
    assert page.last["last"]["counts"] == {"registered again": 1, "swept": 1}
    page.run("b", LAYER.format(3))
    page.wait(lambda: "shadowed" in {row["state"] for row in page.tables["entries"].values()})
    rows = list(page.tables["entries"].values())
    listed = nb.value("get_ipython().run_line_magic('kreg', 'status').to_dict()['entries']")
    facts = [{**row, "owner": page.tables["owners"][row["owner"]]} for row in rows]
    shown = [{name: fact[name] for name in listed[0]} for fact in facts]
    for each in shown:
        each["owner"] = {name: each["owner"][name] for name in ("kind", "id", "label")}
    order = lambda row: json.dumps(row, sort_keys=True)
    assert sorted(shown, key=order) == sorted(listed, key=order)
    differences, tables = len(page.messages), page.tables
    page.whole()
    assert page.tables == tables and len(page.messages) == differences + 1


@live
def test_a_row_has_the_line_of_source_that_registered_it(page):
    page.run("a", "x = 1\n" + GRADIENT.format(1))
    page.wait(lambda: bool(page.states()))
    assert page.entry("PKGGrad")["source"] == f'@tf.RegisterGradient("{page.nb.package}Grad")'


@live
def test_an_empty_cell_sends_nothing_and_looks_at_nothing(page, nb):
    page.run("a", LAYER.format(1))
    page.wait(lambda: bool(page.states()))
    version = page.version
    for source in ("", "pass", "1 + 1", "print(1)"):
        page.run("q", source)
        assert nb.value(f"{PANEL}._timer") is None
    page.run("q", "x = 1")  # it may hold a model: it is looked at, and there is nothing to say
    page.follow()
    assert page.version == version


@live
def test_a_model_is_built_from_what_is_registered_and_from_what_was(page):
    page.run("a", LAYER.format(1))
    page.run("m", "model = [Foo()]")
    page.wait(lambda: "model" in page.tables["variables"])
    [[_, key, relation, former]] = page.tables["variables"]["model"]["of"]
    assert (key, relation, former) == (f"{page.nb.package}>Foo", "is built from", False)
    assert page.tables["variables"]["model"]["owner"] == "cell m"
    page.run("a", LAYER.format(2))
    page.wait(lambda: page.tables["variables"]["model"]["of"][0][3])
    page.run("m", "model = [Foo()]")
    page.wait(lambda: not page.tables["variables"]["model"]["of"][0][3])
    page.run("m", "del model")
    page.run("o", "model = keras.utils.get_custom_objects()")  # a registry is not built from its entries
    page.wait(lambda: not page.tables["variables"])


@live
def test_buttons_carry_out_commands_which_stand_in_the_log(page, nb):
    page.run("a", LAYER.format(1))
    page.wait(lambda: bool(page.states()))
    key = f"{nb.package}>Foo"
    answers = []
    for word in ("keep", "release", "clear", "undo"):
        page.ask(do=word, key=key)
        answers.append(page.messages[-2])
        assert (page.entry("PKG>Foo")["pinned"], page.states()) == (
            word == "keep",
            {"PKG>Foo": "swept" if word == "clear" else "current"},
        )
    assert all(answer["done"] and answer["answer"].startswith("kreg: ") for answer in answers)
    log = nb.value("get_ipython().run_line_magic('kreg', 'log').to_dict()['events']")
    acts = [(event["act"], event["reason"]) for event in log if event["key"] == key][-4:]
    assert acts == [
        ("kept", "%kreg keep"),
        ("released", "%kreg release"),
        ("cleared", "%kreg clear"),
        ("restored", "%kreg undo"),
    ]


@live
def test_what_cannot_be_done_is_one_line_and_the_panel_goes_on(page):
    page.ask(do="keep", key="--nothing")
    assert page.last == {
        "answer": "%kreg keep: none of your entries has the key '--nothing'. %kreg status lists your entries.",
        "done": False,
    }
    number = len(page.messages)
    for odd in ({"do": "off", "key": ""}, {"do": "clear"}, {"do": "clear", "key": 3}, {"ask": None}, {}):
        page.ask(**odd)
    assert len(page.messages) == number
    page.run("a", LAYER.format(1))
    page.wait(lambda: bool(page.states()))


@live
def test_a_deleted_cell_is_seen_with_the_next_run(page):
    page.run("a", LAYER.format(1))
    page.wait(lambda: bool(page.states()))
    page.run("q", "pass", deletedCells=["a"])
    page.wait(lambda: page.states() == {"PKG>Foo": "kept"})


@live
@pytest.mark.parametrize("end", ["button", "off", "unload_ext", "close"])
def test_a_closed_panel_follows_nothing_and_another_one_can_be_opened(page, nb, end):
    followers = nb.value(FOLLOWERS)
    if end == "button":
        page.ask(ask="close")
    else:
        page.run("q", {"off": "%kreg off", "unload_ext": "%unload_ext kreg_ipython", "close": f"{PANEL}.close()"}[end])
    assert page.closed and nb.value(OPEN) == 0
    page.run("q", {"off": "%kreg on", "unload_ext": "%load_ext kreg_ipython"}.get(end, ""))
    assert nb.value(FOLLOWERS) == followers - 1
    page.run("a", LAYER.format(1))
    another = Page(nb)
    assert another.states() == {"PKG>Foo": "current"} and nb.value(OPEN) == 1


@live
def test_there_is_one_panel_however_often_it_is_asked_for_and_it_rests_while_no_page_shows_it(page, nb):
    page.run("panel", "%kreg panel")
    assert nb.value(OPEN) == 1 and not page.closed
    followers, version = nb.value(FOLLOWERS), page.version
    page.ask(ask="rest")
    assert nb.value(FOLLOWERS) == followers - 1
    page.run("a", LAYER.format(1))
    assert page.version == version
    page.whole()
    assert page.states() == {"PKG>Foo": "current"} and nb.value(FOLLOWERS) == followers


@live
def test_a_fault_of_the_panel_ends_it_in_one_line_and_breaks_no_cell(page, nb):
    nb.silently(f"{PANEL}._carry_out = lambda *words: 1 / 0")
    page.run("a", LAYER.format(1))
    while not page.closed:
        page.ask(ask="nothing")
    outcome = nb.run("a", LAYER.format(2))
    assert outcome.error is None and nb.value(OPEN) == 0
    assert nb.status()["PKG>Foo"]["state"] == "current"


@live
def test_a_page_is_answered_from_another_thread_while_a_cell_runs(page, nb):
    """ipykernel 7.0 to 7.3 hands what a page says to a subshell."""
    page.run("a", LAYER.format(1))
    page.wait(lambda: bool(page.states()))
    asked = {"do": "keep", "key": f"{nb.package}>Foo"}
    page.run(
        "b",
        f"import threading\nthread = threading.Thread(target={PANEL}._asked, args=(None, {asked}, []))\n"
        f"thread.start(); thread.join()\nkept = sys.modules['kreg_ipython.commands'].find.pinned_keys({PANEL}._notebook)",
    )
    page.wait(lambda: page.entry("PKG>Foo")["pinned"])
    assert nb.value("kept") == [f"{nb.package}>Foo"]


@live
def test_five_thousand_entries_are_one_message_and_one_more_is_one_entry(page):
    many = "keras.utils.get_custom_objects().update({f'PKG {i}': abs for i in range(NUMBER)})"
    page.run("a", many.replace("NUMBER", "5_000"))
    page.wait(lambda: len(page.states()) == 5_000)
    page.run("b", "keras.utils.get_custom_objects()['PKG one'] = abs")
    page.wait(lambda: len(page.states()) == 5_001)
    assert len(page.last["tables"]["entries"]["set"]) == 1 and len(json.dumps(page.last)) < 2_000


def test_without_anywidget_one_line_says_how_to_get_it(nb):
    nb.silently("known = sys.modules.get('anywidget'); sys.modules['anywidget'] = None")
    outcome = nb.run("p", "%kreg panel")
    nb.silently("del sys.modules['anywidget']; sys.modules.update({'anywidget': known} if known else {})")
    assert outcome.stderr.splitlines() == [
        "UsageError: %kreg panel: anywidget is not installed: %pip install anywidget, and then reload the page."
    ]


def test_in_a_terminal_one_line_says_what_shows_the_same():
    lines = "get_ipython().run_line_magic('load_ext', 'kreg_ipython'); get_ipython().run_line_magic('kreg', 'panel')"
    done = subprocess.run([sys.executable, "-m", "IPython", "-c", lines], capture_output=True, text=True, check=False)
    assert (
        "UsageError: %kreg panel: there is no page that it could be in; %kreg status shows" in done.stdout + done.stderr
    )


def test_nothing_imports_anywidget_but_the_panel(nb):
    nb.run("q", "%kreg status")
    assert nb.value("'kreg_ipython.panel.live' in sys.modules") is ("anywidget" in nb.value("list(sys.modules)"))
