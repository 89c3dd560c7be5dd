"""Random histories of cells, modules and scripts, against a plain model of a fresh kernel: the promise itself.

The model knows no stack, no withdrawal and no ledger. It says what each owner holds after its last run, and that of two
owners with one key the one that ran last has it. Some histories are also compared with a real fresh process.
"""

from __future__ import annotations

import copy
import io
import itertools
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from IPython.core.interactiveshell import InteractiveShell

CELLS = ("c0", "c1", "c2", "c3")
MODULES = ("history_m0", "history_m1")
SCRIPT = "history_s0"
OWNERS = (*CELLS, *MODULES, SCRIPT)
HISTORIES = int(os.environ.get("KREG_HISTORIES", "50"))
"""How many histories are tried: `make test-long` tries thousands."""
IMPORTS = "import keras, tf_keras\nimport tensorflow as tf\n"


@dataclass(frozen=True)
class Item:
    """One registration of a cell. Two definitions of one key collide where registering raises."""

    kind: str
    slot: int
    definition: int = 0

    @property
    def key(self) -> tuple[str, int]:
        return ("keras", self.slot) if self.kind == "direct" else (self.kind, self.slot)

    def source(self, version: int) -> str:
        name = f"{self.kind}_{self.slot}_{self.definition}"
        function = f"def {name}(*a, **k): return {version}\n"
        return {
            "keras": f"@keras.utils.register_keras_serializable('H', 's{self.slot}')\n{function}",
            "direct": f"{function}keras.utils.get_custom_objects()['H>s{self.slot}'] = {name}\n",
            "tf_keras": f"@tf_keras.utils.register_keras_serializable('H', 's{self.slot}')\n{function}",
            "gradient": f"@tf.RegisterGradient('H{self.slot}')\n{function}",
            "spec": f"class {name}(tf.experimental.ExtensionType):\n    __name__ = 'H.s{self.slot}'\n    x: tf.Tensor\n"
            f"    def version(): return {version}\n{name}.Spec.version = {version}\n",
            "conversion": f"{function}tf.register_tensor_conversion_function(Base, {name})\n",
        }[self.kind]


RAISING = ("gradient", "spec")
SIDE_BY_SIDE = ("conversion",)


@dataclass(frozen=True)
class Held:
    """What an owner holds at a key: which version of which definition, and when it was registered."""

    version: int
    definition: tuple[str, int]
    when: tuple[int, int]
    item: Item


@dataclass
class FreshKernel:
    """What a fresh kernel would hold, had it run the last version of each owner in the order of their last runs.

    ``files`` is what the files of modules and scripts say now: what only a former text said gives way to anybody. ``pinned`` is what the user wants kept.
    """

    holdings: dict[str, dict[Any, Held]] = field(default_factory=lambda: {owner: {} for owner in OWNERS})
    files: dict[str, set[Any]] = field(default_factory=lambda: {owner: set() for owner in (*MODULES, SCRIPT)})
    pinned: set[Any] = field(default_factory=set)
    clock: int = 0

    def run(self, owner: str, items: list[tuple[Item, int]], fails_at: int | None, replays: bool = False) -> bool:
        """Run an owner; whether it succeeds. A failing run keeps what it did not come to register again. One that
        replays, as `%autoreload` does, registers at its former place in the history."""
        former, self.holdings[owner] = self.holdings[owner], {}
        latest = max((held.when for held in former.values()), default=None)
        for position, (item, version) in enumerate(items):
            definition = owner if owner in MODULES else "__main__", item.definition
            key = (*item.key, definition) if item.kind in SIDE_BY_SIDE else item.key
            if position == fails_at or self._collides(owner, item, key, definition):
                self.holdings[owner] = {**former, **self.holdings[owner]}
                return False
            self.clock += 1
            when = (self.clock, 0)
            if replays and latest is not None:
                when = (former[key].when if key in former else latest)[0], self.clock
            self.holdings[owner][key] = Held(version, definition, when, item)
        if fails_at == len(items):
            self.holdings[owner] = {**former, **self.holdings[owner]}
            return False
        kept = {key: held for key, held in former.items() if key in self.pinned and key not in self.holdings[owner]}
        self.holdings[owner].update(kept)
        return True

    def _collides(self, owner: str, item: Item, key: Any, definition: tuple[str, int]) -> bool:
        """Whether another definition stands at the key where registering raises. What a file does not say any more
        gives way."""
        holders = [other for other, holds in self.holdings.items() if other != owner and key in holds]
        if not holders:
            return False
        other = max(holders, key=lambda other: self.holdings[other][key].when)
        held = self.holdings[other][key]
        if other in self.files and held.item not in self.files[other]:
            del self.holdings[other][key]
            return False
        return item.kind in RAISING and held.definition != definition

    def versions(self) -> dict[Any, Any]:
        """The version at each key; for registries whose entries stand side by side, their versions in order."""
        found: dict[Any, Any] = {}
        held = [(one.when, key, one.version) for holds in self.holdings.values() for key, one in holds.items()]
        for _, key, version in sorted(held):
            if key[0] in SIDE_BY_SIDE:
                found.setdefault(key[0], []).append(version)
            else:
                found[key] = version
        return found


def live_versions(shell: InteractiveShell) -> dict[Any, Any]:
    """The same, from the frameworks' own state."""
    import keras
    import tf_keras
    from tensorflow.python.framework import ops, tensor_conversion_registry, type_spec_registry

    found: dict[Any, Any] = {}
    for kind, framework in (("keras", keras), ("tf_keras", tf_keras)):
        for key, value in framework.utils.get_custom_objects().items():
            if key.startswith("H>s"):
                found[kind, int(key[3:])] = value()
    for key in ops._gradient_registry.list():
        if key[:1] == "H" and key[1:].isdigit():
            found["gradient", int(key[1:])] = ops._gradient_registry.lookup(key)()
    for key, spec in type_spec_registry._NAME_TO_TYPE_SPEC.items():
        if key.startswith("H.s"):
            found["spec", int(key[3:].removesuffix(".Spec"))] = spec.version
    pairs = tensor_conversion_registry._tensor_conversion_func_registry.get(100, [])
    conversions = [function() for base, function in pairs if base is shell.user_ns["Base"]]
    return {**found, "conversion": conversions} if conversions else found


items = st.lists(
    st.builds(
        Item,
        st.sampled_from(("keras", "direct", "tf_keras", "gradient", "spec", "conversion")),
        st.integers(0, 1),
        st.integers(0, 1),
    ),
    max_size=4,
    unique_by=lambda item: item.key,
)


class Histories(RuleBasedStateMachine):
    """Run, edit, re-run, rename, drop, share a key, fail at any statement, do not compile; reload, purge and import, edit
    on disk under `%autoreload`, `%run`; off and on, keep and release."""

    shell: InteractiveShell
    folder: Path
    moments = itertools.count(1_600_000_000, 10)
    clean: list[dict[str, Any]] = []
    """Histories that are compared with a real fresh process, whose last runs all succeeded."""

    @initialize()
    def start(self) -> None:
        self.fresh = FreshKernel()
        self.sources: dict[str, list[Item]] = {owner: [] for owner in OWNERS}
        self.last: dict[str, str | None] = {}
        self.version = 0
        self.execute("%autoreload 0")
        for module in MODULES:
            sys.modules.pop(module, None)
        self.guard.pinned.clear()
        self.guard.clear(list(self.guard.ledger), for_undo=False)
        self.shell.run_line_magic("reload_ext", "kreg_ipython")
        assert live_versions(self.shell) == {}

    @property
    def guard(self) -> Any:
        return self.shell.magics_manager.registry["KregMagics"].tracker.guard

    def execute(self, source: str, cell: str = "other") -> bool:
        """Run a cell; whether it succeeds. It shows no fault of ours."""
        with redirect_stdout(io.StringIO()) as output, redirect_stderr(output):
            result = self.shell.run_cell(source, cell_id=cell)
        assert "not guarded" not in output.getvalue(), output.getvalue()
        return bool(result.success)

    def prepare(self, owner: str, fails_at: int | None, with_: str) -> tuple[list[tuple[Item, int]], str]:
        """The next versions of an owner's items, and its text."""
        versions = [(item, self.version + at) for at, item in enumerate(self.sources[owner], 1)]
        self.version += len(versions)
        statements = [item.source(version) for item, version in versions]
        if fails_at is not None:
            statements.insert(fails_at, with_ + "\n")
        return versions, IMPORTS + "".join(statements) + f"# {self.version}\n"

    def write(self, owner: str, text: str) -> None:
        """Save the owner's file, younger than before."""
        path = self.folder / f"{owner}.py"
        path.write_text(text)
        moment = next(self.moments)
        os.utime(path, (moment, moment))
        self.fresh.files[owner] = {*self.sources[owner]}

    def run(self, cell: str, *, fails_at: int | None = None, with_: str = "1/0") -> None:
        versions, text = self.prepare(cell, fails_at, with_)
        succeeded = self.execute(text, cell)
        assert succeeded == self.fresh.run(cell, versions, fails_at)
        self.remember(cell, text if succeeded else None)

    def remember(self, owner: str, text: str | None) -> None:
        self.last.pop(owner, None)
        self.last[owner] = text

    # -- cells

    @rule(cell=st.sampled_from(CELLS), new=items)
    def edit_and_run(self, cell: str, new: list[Item]) -> None:
        self.sources[cell] = new
        self.run(cell)

    @rule(cell=st.sampled_from(CELLS))
    def run_again(self, cell: str) -> None:
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

    @rule(cell=st.sampled_from(CELLS), other=st.sampled_from(CELLS))
    def move_all_to_another_cell(self, cell: str, other: str) -> None:
        if cell != other:
            self.sources[other], self.sources[cell] = self.sources[cell], []
            self.run(cell)
            self.run(other)

    @rule(
        cell=st.sampled_from(CELLS),
        at=st.integers(0, 4),
        with_=st.sampled_from(("1/0", "raise KeyboardInterrupt", "raise SystemError")),
        edit=st.booleans(),
        new=items,
    )
    def fail(self, cell: str, at: int, with_: str, edit: bool, new: list[Item]) -> None:
        former = self.sources[cell]
        self.sources[cell] = new if edit else former
        self.run(cell, fails_at=min(at, len(self.sources[cell])), with_=with_)

    @rule(cell=st.sampled_from(CELLS), broken=st.sampled_from(("x = (", "def f(:", "return 1 +", "  y = 1\n z = 2")))
    def does_not_compile(self, cell: str, broken: str) -> None:
        source = "".join(item.source(0) for item in self.sources[cell]) + broken
        assert not self.execute(source, cell)

    # -- modules and scripts

    def failing(self, owner: str, new: list[Item] | None, at: int | None) -> int | None:
        if new is not None:
            self.sources[owner] = new
        return None if at is None else min(at, len(self.sources[owner]))

    @rule(module=st.sampled_from(MODULES), new=st.none() | items, at=st.none() | st.integers(0, 4))
    def reload(self, module: str, new: list[Item] | None, at: int | None) -> None:
        """What a reload has done in the namespace when it fails is used: it is as a cell's."""
        if module in sys.modules:
            fails_at = self.failing(module, new, at)
            versions, text = self.prepare(module, fails_at, "1/0")
            self.write(module, text)
            succeeded = self.execute(f"import importlib, sys; importlib.reload(sys.modules[{module!r}])")
            assert succeeded == self.fresh.run(module, versions, fails_at)
            self.remember(module, text if succeeded else None)

    @rule(module=st.sampled_from(MODULES), new=st.none() | items, at=st.none() | st.integers(0, 4))
    def purge_and_import(self, module: str, new: list[Item] | None, at: int | None) -> None:
        """An import that fails leaves nothing behind, and the module is gone: what it registered before stays, and gives
        way to anybody."""
        fails_at = self.failing(module, new, at)
        versions, text = self.prepare(module, fails_at, "1/0")
        self.write(module, text)
        before = copy.deepcopy(self.fresh)
        succeeded = self.execute(f"import sys; sys.modules.pop({module!r}, None); import {module}")
        self.fresh.files[module] = set()
        expected = self.fresh.run(module, versions, fails_at)
        assert succeeded == expected
        if not succeeded:
            self.fresh = before
        self.fresh.files[module] = {*self.sources[module]} if succeeded else set()
        self.remember(module, text if succeeded else None)

    @rule(module=st.sampled_from(MODULES), new=items, at=st.none() | st.integers(0, 4))
    def edit_under_autoreload(self, module: str, new: list[Item], at: int | None) -> None:
        """A reload at the module's own place in the history; one that fails changes nothing."""
        if module in sys.modules:
            self.execute("%autoreload 2")
            self.execute("pass")  # it takes note of the files as they are
            fails_at = self.failing(module, new, at)
            versions, text = self.prepare(module, fails_at, "1/0")
            before = copy.deepcopy(self.fresh)
            self.write(module, text)
            self.execute("pass  # it reloads")
            if not self.fresh.run(module, versions, fails_at, replays=True):
                files, self.fresh = self.fresh.files, before
                self.fresh.files = files
                self.remember(module, None)
            elif module in self.last:
                self.last[module] = text  # in its place
            self.execute("%autoreload 0")

    @rule(new=st.none() | items, at=st.none() | st.integers(0, 4))
    def run_script(self, new: list[Item] | None, at: int | None) -> None:
        """What a script that fails leaves behind is used."""
        fails_at = self.failing(SCRIPT, new, at)
        versions, text = self.prepare(SCRIPT, fails_at, "1/0")
        self.write(SCRIPT, text)
        self.execute(f"%run {self.folder / SCRIPT}.py")
        succeeded = self.fresh.run(SCRIPT, versions, fails_at)
        self.remember(SCRIPT, text if succeeded else None)

    # -- what the user says

    @rule()
    def off_and_on(self) -> None:
        self.execute("%kreg off")
        self.execute("%kreg on")

    @rule(kind=st.sampled_from(("keras", "tf_keras", "gradient", "spec")), slot=st.integers(0, 1))
    def keep(self, kind: str, slot: int) -> None:
        name = {"gradient": f"H{slot}", "spec": f"H.s{slot}.Spec"}.get(kind, f"H>s{slot}")
        kinds = ("keras", "tf_keras") if name.startswith("H>") else (kind,)
        held = {key for holds in self.fresh.holdings.values() for key in holds}
        found = {(each, slot) for each in kinds} & held
        self.execute(f"%kreg keep {name}")
        self.fresh.pinned |= found

    @rule()
    def release(self) -> None:
        for name in sorted({name for _, name in self.guard.pinned}):
            self.execute(f"%kreg release {name}")
        self.fresh.pinned.clear()

    @invariant()
    def the_registries_are_those_of_a_fresh_kernel(self) -> None:
        if hasattr(self, "fresh"):
            assert live_versions(self.shell) == self.fresh.versions()
            assert self.guard.faults.texts == {}
            assert self.guard.withdrawn() == []

    def teardown(self) -> None:
        if hasattr(self, "fresh") and None not in self.last.values() and len(self.last) > 3 and not self.fresh.pinned:
            versions = sorted(map(repr, self.fresh.versions().items()))
            self.clean.append({"texts": [[owner, text] for owner, text in self.last.items()], "versions": versions})


FRESH = """
import json, sys
from pathlib import Path
from IPython.core.interactiveshell import InteractiveShell
from test_histories import CELLS, live_versions
shell = InteractiveShell.instance()
shell.run_cell("import tensorflow as tf, keras, tf_keras\\nclass Base: pass\\nimport builtins; builtins.Base = Base")
folder, texts = Path(sys.argv[1]), json.loads(sys.argv[2])
sys.path.insert(0, str(folder))
for owner, text in texts:
    (folder / f"{owner}.py").write_text(text)
    how = text if owner in CELLS else f"import {owner}" if "_m" in owner else f"%run {folder / owner}.py"
    assert shell.run_cell(how).success, how
print(json.dumps(sorted(map(repr, live_versions(shell).items()))))
"""
"""A process without the extension that executes the last texts in the order of their last runs."""


@pytest.fixture(scope="module")
def shell() -> InteractiveShell:
    shell = InteractiveShell.instance()
    shell.run_cell(
        "import tensorflow as tf, keras, tf_keras\nclass Base: pass\nimport builtins; builtins.Base = Base\n%load_ext kreg_ipython\n%load_ext autoreload"
    )
    return shell


@pytest.mark.needs("tf_keras")
def test_any_history_leaves_what_a_fresh_kernel_would_have(shell, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    Histories.shell, Histories.folder = shell, tmp_path
    Histories.clean.clear()
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=HISTORIES,
            stateful_step_count=25,
            deadline=None,
            derandomize=HISTORIES <= 50,  # `make test-long` tries others each time
            print_blob=True,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    clean = sorted(Histories.clean, key=lambda each: len(each["texts"]))[-2:]
    assert clean, "no history was comparable"
    for at, history in enumerate(clean):
        folder = tmp_path / str(at)
        folder.mkdir()
        paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parent.parent)])
        done = subprocess.run(
            [sys.executable, "-c", FRESH, str(folder), json.dumps(history["texts"])],
            env={**os.environ, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        assert json.loads(done.stdout.splitlines()[-1]) == history["versions"]
