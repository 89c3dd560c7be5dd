"""Random histories of cells, modules and scripts, against a plain model of a fresh kernel: the promise itself.

After each step the frameworks' registries are compared with the model; what the histories have led to at their ends is
compared with real fresh processes, which run the last versions in the order of their last runs.
"""

from __future__ import annotations

import copy
import gc
import io
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from history_kinds import CORE, IMPORTS, KINDS, Item, live
from history_model import CELLS, MODULES, OWNERS, SCRIPT, FreshKernel, Text
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from IPython.core.interactiveshell import InteractiveShell

HISTORIES = int(os.environ.get("KREG_HISTORIES", "40"))
"""How many histories are tried: `make test-long` tries thousands."""
SEED = int(os.environ.get("KREG_SEED", random.randrange(10**9) if "KREG_HISTORIES" in os.environ else 0))
"""What the histories are drawn with: `make test` tries the same ones each time, `make test-long` others."""
COMPARED = 20 + HISTORIES // 20
"""How many histories are compared with fresh processes, at most."""

INTERRUPT = "import signal; signal.raise_signal(signal.SIGINT)"
failures = st.sampled_from(("1/0", INTERRUPT, "raise SystemError"))
positions = st.none() | st.integers(0, 4)


def lists_of_items(names: list[str]) -> st.SearchStrategy[list[Item]]:
    core = [name for name in names if name in CORE]
    names_ = st.sampled_from(core) | st.sampled_from(names)
    return st.lists(
        st.builds(Item, names_, st.integers(0, 1), st.integers(0, 1)),
        min_size=1,
        max_size=5,
        unique_by=lambda item: item.key,
    )


items = lists_of_items(list(KINDS))
adopted_items = lists_of_items([name for name, kind in KINDS.items() if kind.adopted])


class Histories(RuleBasedStateMachine):
    """Run, edit, re-run, rename, drop, move, share a key; fail or be interrupted at any statement, do not compile;
    register in a thread, or in one that outlives the cell; reload, purge and import, edit on disk under `%autoreload`,
    `%run`; load late, unload and load again; off and on, keep and release."""

    shell: InteractiveShell
    folder: Path
    frameworks: set[tuple[str, Any]]
    """What stands in the registries before all histories."""
    moments = itertools.count(1_600_000_000, 10)
    comparable: list[dict[str, Any]] = []

    @initialize(
        early=st.dictionaries(st.sampled_from((*CELLS, *MODULES)), adopted_items, max_size=3),
        first=st.dictionaries(st.sampled_from((*CELLS, *MODULES)), items, min_size=1, max_size=4),
    )
    def start(self, early: dict[str, list[Item]], first: dict[str, list[Item]]) -> None:
        """Some cells and modules are executed before the extension is loaded, which adopts what they registered, and
        some after that."""
        self.fresh = FreshKernel()
        self.sources: dict[str, list[Item]] = {owner: [] for owner in OWNERS}
        self.how = dict.fromkeys(CELLS, "plain")
        self.last: dict[str, str | None] = {}
        self.said: dict[str, Text] = {}
        self.waiting: dict[str, Text] = {}
        self.version = 0
        self.clear()
        for owner, new in early.items():
            taken = {item.key for items in self.sources.values() for item in items}
            self.sources[owner] = [item for item in new if item.key not in taken]
            self.execute_again(owner)
        self.execute("%load_ext kreg_ipython")
        self.fresh.adopt()
        for owner, new in first.items():
            self.sources[owner] = new
            self.execute_again(owner)

    def clear(self) -> None:
        """Nothing is registered, no module imported, the extension not loaded, and the notebook empty."""
        for module in MODULES:
            sys.modules.pop(module, None)
        for registry in self.guard.present():
            for key, value in registry.entries():
                if (registry.name, key) not in self.frameworks:
                    registry.remove(key, value)
        self.execute("%unload_ext kreg_ipython")
        vars(self.shell).pop("_kreg_ipython", None)
        self.shell.history_manager.input_hist_raw[:] = self.shell.history_manager.input_hist_parsed[:] = [""]
        self.shell.execution_count = 1
        assert live() == {}

    @property
    def guard(self) -> Any:
        return self.shell.magics_manager.registry["KregMagics"].notebook.process.guard

    def execute(self, source: str, cell: str = "other") -> bool:
        """Run a cell; whether it succeeds. It shows no fault of ours."""
        with redirect_stdout(io.StringIO()) as output, redirect_stderr(output):
            result = self.shell.run_cell(source, store_history=True, cell_id=cell)
        assert "not guarded" not in output.getvalue(), output.getvalue()
        return bool(result.success)

    def prepare(self, owner: str, fails_at: int | None = None, with_: str = "") -> Text:
        """The next version of an owner's text. The file of a module or script is saved, younger than before."""
        how = self.how.get(owner, "plain")
        if how != "plain":
            self.sources[owner] = [item for item in self.sources[owner] if not item.kind.of_thread]
        if how == "late":
            self.sources[owner] = [item for item in self.sources[owner] if item.kind.seen]
        versions = [(item, self.version + at) for at, item in enumerate(self.sources[owner], 1)]
        self.version += len(versions)
        statements = [item.source(version) for item, version in versions]
        if fails_at is not None and how != "late":
            statements.insert(fails_at, with_ + "\n")
        body = IN[how].format(
            cell=owner, body="".join(statements), indented=textwrap.indent("".join(statements), "    ")
        )
        if fails_at is not None and how == "late":
            body = f"{with_}\n{body}"  # before it starts the thread
        text = Text(owner, versions, f"{IMPORTS}{body}# {self.version}", how != "plain")
        if owner not in CELLS:
            path = self.folder / f"{owner}.py"
            path.write_text(text.text)
            moment = next(self.moments)
            os.utime(path, (moment, moment))
            self.fresh.files[owner] = {*self.sources[owner]}
        return text

    def run(self, cell: str, *, fails_at: int | None = None, with_: str = "1/0") -> None:
        self.execute_cell(self.prepare(cell, fails_at, with_), fails_at)

    def execute_cell(self, text: Text, fails_at: int | None = None) -> None:
        cell = text.owner
        self.cancel(cell)
        self.last.pop(f"late_{cell}", None)
        succeeded = self.execute(text.text, cell)
        waits = self.how[cell] == "late"
        assert succeeded == self.fresh.run(text, fails_at, waits=waits)
        self.remember(cell, text.text if succeeded else None)
        self.said[cell] = text
        if succeeded and waits:
            self.waiting[cell] = text

    def remember(self, owner: str, text: str | None) -> None:
        self.last.pop(owner, None)
        self.last[owner] = text

    def cancel(self, cell: str) -> None:
        """A thread that waits will register nothing."""
        if self.waiting.pop(cell, None):
            self.shell.user_ns[f"ready_{cell}"].set()
            self.shell.user_ns[f"late_{cell}"].result()

    def failing(self, owner: str, new: list[Item] | None, at: int | None) -> int | None:
        if new is not None:
            self.sources[owner] = new
        return None if at is None else min(at, len(self.sources[owner]))

    # -- cells

    @rule(cell=st.sampled_from(CELLS), new=st.none() | items)
    def run_or_edit(self, cell: str, new: list[Item] | None) -> None:
        if new is not None:
            self.sources[cell], self.how[cell] = new, "plain"
        self.run(cell)

    @rule(cell=st.sampled_from(CELLS), new=st.none() | items, how=st.sampled_from(("joined", "late")))
    def put_into_a_thread(self, cell: str, new: list[Item] | None, how: str) -> None:
        self.sources[cell], self.how[cell] = self.sources[cell] if new is None else new, how
        self.run(cell)

    @rule(cell=st.sampled_from(CELLS), at=st.integers(0, 3))
    def drop_an_item(self, cell: str, at: int) -> None:
        self.sources[cell] = [item for n, item in enumerate(self.sources[cell]) if n != at]
        self.run(cell)

    @rule(cell=st.sampled_from(CELLS), at=st.integers(0, 3), slot=st.integers(0, 1))
    def rename_an_item(self, cell: str, at: int, slot: int) -> None:
        renamed = [replace(item, slot=slot) if n == at else item for n, item in enumerate(self.sources[cell])]
        self.sources[cell] = list({item.key: item for item in renamed}.values())
        self.run(cell)

    @rule(data=st.data(), to=st.sampled_from(OWNERS), first=st.booleans())
    def move_an_item(self, data: st.DataObject, to: str, first: bool) -> None:
        """From one cell, module or script to another, which is executed ``first`` or second."""
        full = [owner for owner in OWNERS if self.sources[owner] and owner != to]
        if full:
            source = data.draw(st.sampled_from(full))
            moved = data.draw(st.sampled_from(self.sources[source]))
            self.sources[source] = [item for item in self.sources[source] if item is not moved]
            self.sources[to] = [item for item in self.sources[to] if item.key != moved.key] + [moved]
            self.execute_again(*((to, source) if first else (source, to)))

    @rule(cell=st.sampled_from(CELLS), at=st.integers(0, 4), with_=failures, new=st.none() | items)
    def fail(self, cell: str, at: int, with_: str, new: list[Item] | None) -> None:
        if with_ == INTERRUPT and self.how[cell] == "joined":
            with_ = "raise KeyboardInterrupt"  # Ctrl-C would interrupt the cell, and not its thread
        fails_at = self.failing(cell, new, at)
        self.run(cell, fails_at=fails_at, with_=with_)

    @rule(cell=st.sampled_from(CELLS), broken=st.sampled_from(("x = (", "def f(:", "return 1 +", "  y = 1\n z = 2")))
    def does_not_compile(self, cell: str, broken: str) -> None:
        source = "".join(item.source(0) for item in self.sources[cell]) + broken
        assert not self.execute(source, cell)
        self.fresh.meet(cell, source)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def a_thread_registers_that_has_outlived_its_cell(self, data: st.DataObject) -> None:
        cell = data.draw(st.sampled_from([*self.waiting]))
        finish = f"wanted_{cell}.append(1); ready_{cell}.set(); late_{cell}.exception()"
        assert self.execute(finish)
        registered = self.fresh.register(self.waiting.pop(cell))
        self.remember(f"late_{cell}", finish if registered else None)

    # -- modules and scripts

    def execute_again(self, *owners: str) -> None:
        """Save the owners' files, then execute the owners, one by one: modules that are imported are reloaded."""
        for text in [self.prepare(owner) for owner in owners]:
            if text.owner in CELLS:
                self.execute_cell(text)
            elif text.owner == SCRIPT:
                self.run_file(text)
            elif text.owner in sys.modules:
                self.reload_module(text)
            else:
                self.import_module(text)

    def reload_module(self, text: Text, fails_at: int | None = None) -> None:
        succeeded = self.execute(f"import importlib, sys; importlib.reload(sys.modules[{text.owner!r}])")
        assert succeeded == self.fresh.run(text, fails_at)
        self.remember(text.owner, text.text if succeeded else None)

    def import_module(self, text: Text, fails_at: int | None = None) -> None:
        module = text.owner
        before, says = copy.deepcopy(self.fresh), self.fresh.files[module]
        succeeded = self.execute(f"import sys; sys.modules.pop({module!r}, None); import {module}")
        self.fresh.files[module] = set()
        assert succeeded == self.fresh.run(text, fails_at)
        if not succeeded:
            self.fresh = before
        self.fresh.files[module] = says if succeeded else set()
        self.remember(module, text.text if succeeded else None)

    def run_file(self, text: Text, fails_at: int | None = None) -> None:
        self.execute(f"%run {self.folder / SCRIPT}.py", "script")
        succeeded = self.fresh.run(text, fails_at)
        self.remember(SCRIPT, text.text if succeeded else None)

    @rule(module=st.sampled_from(MODULES), new=st.none() | items, at=positions, with_=failures)
    def reload(self, module: str, new: list[Item] | None, at: int | None, with_: str) -> None:
        """What a reload has done in the namespace when it fails is used: it is as a cell's."""
        if module in sys.modules:
            fails_at = self.failing(module, new, at)
            self.reload_module(self.prepare(module, fails_at, with_), fails_at)

    @rule(module=st.sampled_from(MODULES), new=st.none() | items, at=positions, with_=failures)
    def purge_and_import(self, module: str, new: list[Item] | None, at: int | None, with_: str) -> None:
        """An import that fails leaves nothing behind, and the module is gone: what it registered before stays, and gives
        way to anybody."""
        fails_at = self.failing(module, new, at)
        self.import_module(self.prepare(module, fails_at, with_), fails_at)

    @rule(module=st.sampled_from(MODULES), new=items, at=positions)
    def edit_under_autoreload(self, module: str, new: list[Item], at: int | None) -> None:
        """A reload at the module's own place in the history; one that fails changes nothing."""
        if module in sys.modules and self.fresh.has_a_place(module):
            fails_at = self.failing(module, new, at)
            autoreload = self.shell.magics_manager.registry["AutoreloadMagics"]
            autoreload.autoreload("2")
            known = autoreload._reloader.modules_mtimes
            known.clear()
            known[module] = 0  # it knows the file as it was, and takes note of all others
            text = self.prepare(module, fails_at, "1/0")
            before = copy.deepcopy(self.fresh)
            self.execute("pass  # it reloads")
            autoreload.autoreload("0")
            if not self.fresh.run(text, fails_at, replays=True):
                files, self.fresh = self.fresh.files, before
                self.fresh.files = files
                self.remember(module, None)
            elif module in self.last:
                self.last[module] = text.text  # in its place

    @rule(new=st.none() | items, at=positions, with_=failures)
    def run_script(self, new: list[Item] | None, at: int | None, with_: str) -> None:
        """What a script that fails leaves behind is used."""
        fails_at = self.failing(SCRIPT, new, at)
        self.run_file(self.prepare(SCRIPT, fails_at, with_), fails_at)

    # -- what the user says

    def can_be_adopted(self) -> bool:
        """Return whether an extension that is loaded now can tell from each object who registered it.

        It does so from the object's code, or from the file of its module.
        """
        held = [(owner, held.item) for owner, holds in self.fresh.holdings.items() for held in holds.values()]
        return all(
            item.kind.adopted and owner != SCRIPT and (owner not in MODULES or item in self.fresh.files[owner])
            for owner, item in held
        )

    @precondition(lambda self: self.can_be_adopted())
    @rule(as_it_is=st.sets(st.sampled_from(CELLS)))
    def unload_and_load(self, as_it_is: set[str]) -> None:
        """Then some cells are run again as they are. One whose function waits in a thread would only seem to guard what it
        registered."""
        for cell in CELLS:
            self.cancel(cell)
        self.execute("%unload_ext kreg_ipython")
        self.execute("%load_ext kreg_ipython")
        self.fresh.adopt(again=True)
        for cell in sorted(as_it_is):
            if self.last.get(cell) is not None and self.how[cell] != "late":
                self.execute_cell(self.said[cell])

    @rule(word=st.sampled_from(("off", "release", "reload")))
    def say(self, word: str) -> None:
        if word == "reload":
            self.execute("%reload_ext kreg_ipython")
        elif word == "off":
            self.execute("%kreg off")
            self.execute("%kreg on")
        else:
            for name in sorted({name for _, name in self.guard.memory.pinned}):
                self.execute(f"%kreg release {name}")
            self.fresh.pinned.clear()

    @rule(kind=st.sampled_from(("keras", "tf_keras", "gradient", "spec")), slot=st.integers(0, 1))
    def keep(self, kind: str, slot: int) -> None:
        name = {"gradient": f"H{slot}", "spec": f"H.s{slot}.Spec"}.get(kind, f"H>s{slot}")
        held = [each for each in self.fresh.held() if each.item.kind.shape != "beside"]
        found = {each.item.key for each in held if NAMED.get(each.item.key[0], "").format(each.item.slot) == name}
        self.execute(f"%kreg keep {name}")
        self.fresh.pinned |= found

    @invariant()
    def the_registries_are_those_of_a_fresh_kernel(self) -> None:
        if hasattr(self, "fresh"):
            assert live() == self.fresh.versions()
            assert self.guard.faults == {}
            assert self.guard.pending() == [] and self.guard.differences() == []

    def teardown(self) -> None:
        if hasattr(self, "fresh"):
            for cell in CELLS:
                self.cancel(cell)
            held, last = self.fresh.held(), self.last.values()
            raising = [{item.key for item in items if item.kind.shape == "raises"} for items in self.sources.values()]
            once = sum(map(len, raising)) == len(set().union(*raising))  # stock refuses what may give way to itself
            said = {(self.last.get(owner), item.key) for owner, items in self.sources.items() for item in items}
            known = {(each.text, each.item.key) for each in held}  # what was shadowed when kreg was loaded is not known
            if None not in last and known == said and once:
                versions = sorted(map(repr, self.fresh.versions().items()))
                self.comparable.append({"texts": [*self.last.items()], "versions": versions})


IN = {
    "plain": "{body}",
    "joined": "from concurrent.futures import ThreadPoolExecutor\ndef work_{cell}():\n{indented}    pass\n"
    "ThreadPoolExecutor(1).submit(work_{cell}).result()\n",
    "late": "from concurrent.futures import ThreadPoolExecutor\nfrom threading import Event\n"
    "def work_{cell}(ready, wanted):\n    ready.wait()\n    if not wanted: return\n{indented}    pass\n"
    "ready_{cell}, wanted_{cell} = Event(), []\n"
    "late_{cell} = ThreadPoolExecutor(1).submit(work_{cell}, ready_{cell}, wanted_{cell})\n",
}
"""Where a cell registers its items: in itself, in a thread that it joins, or in one that outlives it."""
NAMED = {"keras": "H>s{}", "tf_keras": "H>s{}", "keras_copy": "H>s{}", "spec": "H.s{}.Spec"} | dict.fromkeys(
    ("gradient", "proto", "resolver", "data_v2", "revived", "pfor"), "H{}"
)
"""The names by which the user keeps what these kinds register."""

FRESH = """
import json, os, sys
from pathlib import Path
from IPython.core.interactiveshell import InteractiveShell
import history_frameworks
from history_kinds import live
from history_model import CELLS, SCRIPT
shell = InteractiveShell.instance()
for number, line in enumerate(sys.stdin):
    if os.fork():
        assert os.wait()[1] == 0, line
        continue
    folder = Path(sys.argv[1]) / str(number)
    folder.mkdir()
    sys.path.insert(0, str(folder))
    for owner, text in json.loads(line):
        (folder / f"{owner}.py").write_text(text)
        how = {"h": f"import {owner}"}.get(owner[0], text) if owner != SCRIPT else f"%run {folder / owner}.py"
        assert shell.run_cell(how).success, (owner, text)
    print("kreg", json.dumps(sorted(map(repr, live().items()))), flush=True)
    os._exit(0)
"""
"""A process without the extension that imports the frameworks, and is forked for each history, of which it executes the
last texts in the order of their last runs."""


@pytest.fixture(scope="module")
def shell() -> Iterator[InteractiveShell]:
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    shell.run_cell("import history_frameworks\n%load_ext autoreload\n%load_ext kreg_ipython\n%xmode Minimal")
    gc.freeze()  # a collection need not look through the frameworks each time
    guard = shell.magics_manager.registry["KregMagics"].notebook.process.guard
    Histories.frameworks = {(registry.name, key) for registry in guard.present() for key, _ in registry.entries()}
    yield shell
    signal.signal(signal.SIGINT, handler)


@pytest.mark.needs("tf_keras", "optree")
def test_any_history_leaves_what_a_fresh_kernel_would_have(shell, tmp_path, monkeypatch):
    print(f"KREG_SEED={SEED} KREG_HISTORIES={HISTORIES} plays the same histories again")  # shown if it fails
    monkeypatch.syspath_prepend(tmp_path)
    Histories.shell, Histories.folder = shell, tmp_path
    Histories.comparable.clear()
    run_state_machine_as_test(
        seed(SEED)(Histories),
        settings=settings(
            max_examples=HISTORIES,
            stateful_step_count=20,
            deadline=None,
            database=None,  # the seed says all
            print_blob=True,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    compared = sorted(Histories.comparable, key=lambda each: -len(each["texts"]))[:COMPARED]
    assert len(compared) > 3, "too few histories were comparable"
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parent.parent)])
    done = subprocess.run(
        [sys.executable, "-c", FRESH, str(tmp_path)],
        input="".join(json.dumps(history["texts"]) + "\n" for history in compared),
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    answers = [json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("kreg ")]
    for history, answer in zip(compared, answers, strict=True):
        assert answer == history["versions"], "\n".join(f"-- {owner}\n{text}" for owner, text in history["texts"])
