"""Cells that build, collect, keep, merge, fail and clear the session, in any order: a machine for hypothesis.

Their names are those of a plain model of the rule, and where names meet they would have met without us.

It runs in a process of its own, for `test_names`. What the user's modules hold is looked through for models, and a test
module leads to all of pytest's objects.
"""

from __future__ import annotations

import gc
import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from hypothesis import HealthCheck, settings
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

EXAMPLES = int(os.environ.get("KREG_HISTORIES", "0")) // 10 or 8
CELLS = ["a", "b", "c"]

FUNCTIONS = """
def build(n):
    return K.Sequential([made(K.layers.Dense(2)) for _ in range(n)])

def graph(n):
    inputs = x = K.Input((2,))
    layers = []
    for _ in range(n):
        layers.append(K.layers.Dense(2))
        made(layers[-1], layers)
        x = layers[-1](x)
    return K.Model(inputs, x)

def dense(model):
    return [layer for layer in model.layers if isinstance(layer, K.layers.Dense)]

def merge(*layers):
    inputs = K.Input((2,))
    return K.Model(inputs, [layer(inputs) for layer in layers])
"""


class Machine(RuleBasedStateMachine):
    """Three cells, and a model of what they hold: variable -> the layers, by serial number."""

    framework = "keras"
    shell: Any = None

    @initialize()
    def begin(self) -> None:
        self.keras = sys.modules[self.framework]
        self.layers: list[tuple[str, tuple[int, str], frozenset[int]]] = []
        """Of each layer by its number: its name, the name that stock gives it in this session, what it is built upon."""
        self.serials: dict[int, int] = {}
        self.session = 0
        self.variables: dict[str, frozenset[int]] = {}
        self.texts: dict[str, tuple[str, int]] = {}
        self.taken: dict[str, set[tuple[int, int]]] = {}
        """The numbers that each cell took, with the layers that have them; those of "" are a cell's no more."""
        self.new: list[int] = []
        self.shell.user_ns.update(K=self.keras, made=self.made, bag=[])
        self.clear_counters()
        self.run("functions", FUNCTIONS)

    def teardown(self) -> None:
        for name in [name for name in self.shell.user_ns if name[1:2] == "_" != name[:1] or name == "bag"]:
            del self.shell.user_ns[name]
        for cell in (*CELLS, "functions"):
            self.run(cell, "")

    # -- what happens

    def run(self, cell: str, text: str, *, fails: bool = False) -> None:
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as said:
            result = self.shell.run_cell(text, cell_id=f"{id(self)}{cell}")
        assert result.success is not fails, out.getvalue()
        assert "kreg: " not in said.getvalue()

    def clear_counters(self) -> None:
        if self.framework == "keras" and hasattr(self.keras, "version") and self.keras.version()[0] == "3":
            sys.modules["keras.src.utils.naming"].reset_uids()
        else:
            self.keras.backend.reset_uids()

    def made(self, layer: Any, before: list[Any] | None = None) -> Any:
        """Take note of a new layer: cells call it."""
        upon = frozenset(self.serials[id(each)] for each in (before or [])[:-1])
        number = self.stock
        self.stock += 1
        self.serials[id(layer)] = len(self.layers)
        self.new.append(len(self.layers))
        stock = f"dense_{number}" if number else "dense"
        self.layers.append((layer.name, (self.session, stock), upon | {len(self.layers)}))
        return layer

    stock = 0

    def execute(self, cell: str, text: str, *, binds: dict[str, Any] | None = None, fails: bool = False) -> None:
        """Run a cell; ``binds`` has its variables, and what each holds afterwards."""
        binds, self.new = binds or {}, []
        former = {owner: set(mine) for owner, mine in self.taken.items() if owner in ("", cell)}
        elsewhere = self.held_by(name for name in self.variables if name not in binds)
        self.run(cell, text, fails=fails)
        names = [self.layers[serial][0] for serial in self.new]
        if self.new:
            for owner, mine in former.items():
                self.taken[owner] = {(number, serial) for number, serial in mine if serial in elsewhere}
            others = {number for mine in self.taken.values() for number, _ in mine}
            expected = [number for number in range(len(self.layers) + 1) if number not in others][: len(names)]
            assert names == [f"dense_{number}" if number else "dense" for number in expected], text
            self.taken.setdefault(cell, set()).update(zip(expected, self.new))
            if fails:
                self.taken[cell].update(*former.values())
        elif not fails:
            self.taken.setdefault("", set()).update(self.taken.pop(cell, ()))
        if not fails:
            made = frozenset(self.new)
            self.variables.update({name: made if holds is None else holds for name, holds in binds.items()})

    def held_by(self, names: Any) -> frozenset[int]:
        return frozenset().union(*(self.layers[serial][2] for name in names for serial in self.variables[name]))

    # -- cells

    @rule(cell=st.sampled_from(CELLS), kind=st.sampled_from(["build", "graph"]), n=st.integers(1, 3))
    def build(self, cell: str, kind: str, n: int) -> None:
        self.execute(cell, f"v_{cell} = {kind}({n})", binds={f"v_{cell}": None})

    @rule(cell=st.sampled_from(CELLS), n=st.integers(1, 2))
    def share_a_variable(self, cell: str, n: int) -> None:
        self.execute(cell, f"v_shared = build({n})", binds={"v_shared": None})

    @rule(cell=st.sampled_from(CELLS), n=st.integers(1, 2))
    def collect(self, cell: str, n: int) -> None:
        self.execute(cell, f"bag.append(graph({n}))")
        self.variables["bag"] = self.variables.get("bag", frozenset()) | frozenset(self.new)

    @precondition(lambda self: self.variables.get("bag"))
    @rule()
    def empty_the_bag(self) -> None:
        self.run("bag", "bag.clear()")
        self.variables["bag"] = frozenset()

    @rule(cell=st.sampled_from(CELLS), n=st.integers(1, 3))
    def fail(self, cell: str, n: int) -> None:
        self.execute(cell, f"v_{cell} = print(build({n}).nothing)", binds={f"v_{cell}": None}, fails=True)

    @rule(cell=st.sampled_from(CELLS))
    def edit_away(self, cell: str) -> None:
        self.execute(cell, "1 + 1;")

    @precondition(lambda self: self.models())
    @rule(data=st.data(), whole=st.booleans())
    def keep(self, data: Any, whole: bool) -> None:
        name = data.draw(st.sampled_from(self.models()))
        held = self.variables[name]
        self.run("keep", f"k_kept = {name}" if whole else f"k_kept = dense({name})[-1]")
        self.variables["k_kept"] = held if whole else self.layers[max(held)][2]

    @rule(cell=st.sampled_from(CELLS), n=st.integers(1, 2))
    def grow(self, cell: str, n: int) -> None:
        name = f"v_{cell}"
        if name in self.models():
            former = self.variables[name]
            text = f"{name} = K.Sequential([*dense({name}), *dense(build({n}))])"
            if {self.layers[serial][1][0] for serial in former} == {self.session}:
                self.execute(cell, text)
                self.variables[name] = former | frozenset(self.new)

    @precondition(lambda self: len(self.models()) > 1)
    @rule(data=st.data())
    def merge(self, data: Any) -> None:
        """Merge models, also with what was collected: if stock's names differ, ours do."""
        names = data.draw(st.lists(st.sampled_from(self.models()), min_size=2, max_size=3, unique=True))
        serials = frozenset().union(*(self.variables[name] for name in (*names, "bag") if name in self.variables))
        parts = " + ".join([f"dense({name})" for name in names] + ["[d for m in bag for d in dense(m)]"])
        text = f"g_merged = None\ng_merged = merge(*{{id(d): d for d in {parts}}}.values())"
        stock = [self.layers[serial][1][1] for serial in serials]
        if len(set(stock)) == len(stock):
            self.run("merge", text)
            self.variables["g_merged"] = serials

    @rule()
    def clear_the_session(self) -> None:
        self.clear_counters()
        self.session += 1
        self.stock, self.taken = 0, {}

    def models(self) -> list[str]:
        return [name for name, held in self.variables.items() if name[0] == "v" and held]

    # -- what holds

    @invariant()
    def names_meet_only_where_stocks_do(self) -> None:
        held = self.held_by(self.variables) if hasattr(self, "variables") else ()
        known: dict[str, str] = {}
        sessions: dict[str, int] = {}
        for serial in held:
            name, (session, stock), _ = self.layers[serial]
            if sessions.get(name, session) == session:
                assert known.setdefault(name, stock) == stock, "two names that stock keeps apart"
            sessions[name] = session


def main(framework: str) -> None:
    """Play histories with one framework, in a shell with the extension; raise if one ends otherwise than the rule says."""
    __import__(framework)
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    shell.run_cell("%load_ext kreg_ipython", cell_id="load")
    kind = type("Of", (Machine,), {"framework": framework, "shell": shell})
    gc.collect()
    gc.freeze()
    run_state_machine_as_test(
        kind,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=15,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
