"""Random histories of cells, against a plain model of a fresh kernel: the promise itself, in one process.

The model knows no stack, no withdrawal and no ledger. It says what each cell holds after its last run, and that of two
cells with one key the one that ran last has it.
"""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from IPython.core.interactiveshell import InteractiveShell

CELLS = ("c0", "c1", "c2", "c3")


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
    """What a cell holds at a key: which version of which definition, and when it was registered."""

    version: int
    definition: int
    when: int


@dataclass
class FreshKernel:
    """What a fresh kernel would hold, had it run the last version of each cell in the order of their last runs."""

    cells: dict[str, dict[Any, Held]] = field(default_factory=lambda: {cell: {} for cell in CELLS})
    clock: int = 0

    def run(self, cell: str, items: list[tuple[Item, int]], fails_at: int | None) -> bool:
        """Run a cell; whether it succeeds. A failing run keeps what it did not come to register again."""
        former, self.cells[cell] = self.cells[cell], {}
        for position, (item, version) in enumerate(items):
            if position == fails_at or self._collides(item):
                self.cells[cell] = {**former, **self.cells[cell]}
                return False
            self.clock += 1
            key = (*item.key, item.definition) if item.kind in SIDE_BY_SIDE else item.key
            self.cells[cell][key] = Held(version, item.definition, self.clock)
        if fails_at == len(items):
            self.cells[cell] = {**former, **self.cells[cell]}
            return False
        return True

    def _collides(self, item: Item) -> bool:
        if item.kind not in RAISING:
            return False
        held = [holds[item.key] for holds in self.cells.values() if item.key in holds]
        return bool(held) and max(held, key=lambda h: h.when).definition != item.definition

    def versions(self) -> dict[Any, Any]:
        """The version at each key; for registries whose entries stand side by side, their versions in order."""
        found: dict[Any, Any] = {}
        for _, key, version in sorted((h.when, k, h.version) for c in self.cells.values() for k, h in c.items()):
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
    """Run, edit, re-run, rename, drop, share a key, fail at any statement, do not compile."""

    shell: InteractiveShell

    @initialize()
    def start(self) -> None:
        self.fresh = FreshKernel()
        self.sources: dict[str, list[Item]] = {cell: [] for cell in CELLS}
        self.version = 0
        self.guard.clear(list(self.guard.ledger))
        self.shell.run_line_magic("reload_ext", "kreg_ipython")
        assert live_versions(self.shell) == {}

    @property
    def guard(self) -> Any:
        return self.shell.magics_manager.registry["KregMagics"].tracker.guard

    def run(self, cell: str, *, fails_at: int | None = None, with_: str = "1/0") -> None:
        versions = [(item, self.version + at) for at, item in enumerate(self.sources[cell], 1)]
        self.version += len(versions)
        statements = [item.source(version) for item, version in versions]
        if fails_at is not None:
            statements.insert(fails_at, with_ + "\n")
        with redirect_stdout(io.StringIO()) as output, redirect_stderr(output):
            result = self.shell.run_cell("".join(statements) + f"# {self.version}", cell_id=cell)
        expected = self.fresh.run(cell, versions, fails_at)
        assert result.success == expected, output.getvalue()
        assert "kreg_ipython" not in output.getvalue(), output.getvalue()

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
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            assert not self.shell.run_cell(source, cell_id=cell).success

    @invariant()
    def the_registries_are_those_of_a_fresh_kernel(self) -> None:
        if hasattr(self, "fresh"):
            assert live_versions(self.shell) == self.fresh.versions()
            assert self.guard.faults.texts == {}


@pytest.fixture(scope="module")
def shell() -> InteractiveShell:
    shell = InteractiveShell.instance()
    shell.run_cell("import tensorflow as tf, keras, tf_keras\nclass Base: pass\n%load_ext kreg_ipython")
    return shell


@pytest.mark.needs("tf_keras")
def test_any_history_leaves_what_a_fresh_kernel_would_have(shell):
    Histories.shell = shell
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=80,
            stateful_step_count=25,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
