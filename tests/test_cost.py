"""What a run costs is linear in what it registers: counted in calls and lines of ours, not in seconds."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from types import FrameType
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from kreg_ipython.guard.clearing import Undoable
from kreg_ipython.lib.holders import reached
from kreg_ipython.registries import OPAQUE

pytestmark = pytest.mark.needs("tensorflow", "keras>=3")

PROLOGUE = (
    "import keras, tensorflow as tf\nclass Costly: pass\ndef f(x): return x\nobjects = keras.utils.get_custom_objects()\n"
    "done = set()\ndef once(name):\n    if name not in done:\n        done.add(name)\n"
    "        keras.utils.register_keras_serializable('Cost', name)(f)"
)


def loop(n: int, edit: str) -> str:
    return f"for i in range({n}): keras.utils.register_keras_serializable('Cost', f'{edit}{{i}}')(f)"


def statements(n: int, edit: str) -> str:
    return "\n".join(f"keras.utils.register_keras_serializable('Cost', '{edit}{i}')(f);" for i in range(n))


def classes(n: int, edit: str) -> str:
    """One of many classes is renamed."""
    names = [f"C{i}{edit if i == 7 else ''}" for i in range(n)]
    return "\n".join(
        f"@keras.utils.register_keras_serializable('Cost')\nclass {name}:\n    def get_config(self): return {{}}"
        for name in names
    )


def guarded(n: int, edit: str) -> str:
    """Each call is made only once."""
    call = "keras.utils.register_keras_serializable('Cost', '{0}')(f)"
    return "\n".join(
        f"if 'once_{edit}{i}' not in globals(): once_{edit}{i} = {call.format(f'{edit}{i}')}" for i in range(n)
    )


def conditioned(n: int, edit: str) -> str:
    """Each statement may be skipped, and stands at the same place as all others."""
    return "\n".join(f"if 1: keras.utils.register_keras_serializable('Cost', '{edit}{i}')(f)" for i in range(n))


def early(n: int, edit: str) -> str:
    """Each function may return before it registers, and is called."""
    register = "keras.utils.register_keras_serializable('Cost', '{0}')(f)"
    text = "def early{0}(on=True):\n    if not on: return\n    {1}\nearly{0}();"
    return "\n".join(text.format(i, register.format(f"{edit}{i}")) for i in range(n))


def chained(n: int, edit: str) -> str:
    """Each function calls the one before it, and nothing calls the last one."""
    functions = [f"def chained{i}(): chained{i - 1}()" for i in range(1, n)]
    register = f"keras.utils.register_keras_serializable('Cost', '{edit}')(f)"
    return "\n".join(["def chained0(): pass", *functions, register])


def calls(n: int, edit: str) -> str:
    """Each line calls a function of another cell that remembers."""
    return "\n".join(f"once('{edit}{i}');" for i in range(n))


def conversions(n: int, edit: str) -> str:
    return (
        f"for i in range({n}):\n"
        f"    tf.register_tensor_conversion_function(Costly, lambda v, dtype=None, name=None, as_ref=False: '{edit}')"
    )


def writes(n: int, edit: str) -> str:
    return "\n".join(f"objects['Cost>{edit}{i}'] = f" for i in range(n))


class Cells:
    """The cells of a shell in this process, with the extension."""

    def __init__(self) -> None:
        self.shell = InteractiveShell.instance()
        self.shell.history_manager.enabled = False
        self.run(f"{PROLOGUE}\n%reload_ext kreg_ipython", "prologue")

    def run(self, source: str, cell: str) -> str:
        """Run a cell; return what it shows on stderr."""
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()) as shown:
            result = self.shell.run_cell(source, cell_id=cell)
        assert result.success, source
        return shown.getvalue()

    def clear(self) -> None:
        """Take out all that was registered, and what the cells remember of it, and what may come back."""
        guard = self.shell.magics_manager.registry["KregMagics"].notebook.process.guard
        guard.clear(list(guard.ledger))
        guard._clearing.undoable = Undoable()
        guard.ledger.withheld.clear()
        self.run("done.clear()\nfor name in [*globals()]: name[:5] == 'once_' and globals().pop(name)", "clear")


@pytest.fixture(scope="module")
def cells() -> Iterator[Cells]:
    made = Cells()
    yield made
    made.clear()


def steps_of_ours(act: Callable[[], Any]) -> int:
    """Count the lines of ours that are executed: a scan of all that is registered would show."""
    count = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        if "kreg_ipython" not in frame.f_code.co_filename:
            return None
        count += event == "line"
        return trace

    former = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(former)
    return count


@pytest.mark.parametrize(
    "make", [loop, statements, classes, guarded, conditioned, early, chained, calls, conversions, writes]
)
@pytest.mark.parametrize("step", ["registered", "again", "edited", "dropped"])
def test_a_run_costs_twice_as_much_that_registers_twice_as_much(cells, make, step):
    counts = []
    for n in (60, 120):
        cells.clear()
        one, other = make(n, f"a{n}_"), make(n, f"b{n}_")
        if step != "registered":
            cells.run(one, "cost")
        last = {"edited": other, "dropped": "x = 1"}.get(step, one)
        counts.append(steps_of_ours(lambda last=last: cells.run(last, "cost")))
    assert counts[0] > 100
    assert counts[1] < 2.3 * counts[0], counts


def test_a_search_for_holders_takes_a_few_lines_an_object():
    values = [[{"x": []} for _ in range(5_000)] for _ in range(4)]
    assert steps_of_ours(lambda: reached(values, set(), OPAQUE)) < 10 * 40_000


def test_many_collisions_in_one_run_are_three_lines_and_a_number(cells):
    text = "for i in range(50): keras.utils.register_keras_serializable('Cost', f'taken{i}')(lambda x: x)"
    cells.run(text.replace("lambda x: x", "f"), "one")
    shown = cells.run(text, "two") + cells.run("x = 1", "three")
    lines = [line for line in shown.splitlines() if line.startswith("kreg: ")]
    assert len(lines) == 4 and "47 more notices" in lines[-1]


LOAD = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("x = 1")
before = {*sys.modules}
shell.run_line_magic("load_ext", "kreg_ipython")
print(json.dumps(sorted({*sys.modules} - before)))
"""
"""Loads the extension in a shell; says which modules that imports."""

LATER = ("checks", "commands", "engines", "export", "report", "registries.libraries")
"""The packages of ours that loading does not import: what only commands and libraries need."""


def test_loading_imports_what_guards_and_nothing_else():
    """The rest of what loading costs is these modules: importing the standard library's took longer than all of ours."""
    told = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=True)
    names = json.loads(told.stdout.splitlines()[-1])
    assert [name for name in names if name.removeprefix("kreg_ipython.").startswith(LATER)] == []
    assert not {"asyncio", "difflib", "email", "importlib.metadata", "subprocess"}.intersection(names)
    assert len([name for name in names if name.startswith("kreg_ipython")]) <= 73
