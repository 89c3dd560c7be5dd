"""Ctrl-C at every line of our own code: nothing is lost, and the next cell is guarded again."""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from kreg_ipython.guard.clearing import Undoable

OURS = str(Path(__file__).parent.parent / "kreg_ipython")
EVERY = int(os.environ.get("KREG_INTERRUPT_EVERY", "23"))
"""Every how many lines an interrupt is tried; `make test-long` tries each."""
CELL = """
@keras.utils.register_keras_serializable("Interrupted")
def one(): return VERSION
@tf.RegisterGradient("Interrupted")
def two(): return VERSION
keras.utils.get_custom_objects()["Interrupted>three"] = lambda: VERSION
def four(*value): return VERSION
tf.register_tensor_conversion_function(Interrupted, four)
"""


@contextmanager
def interrupt_at(line: int) -> Iterator[list[str]]:
    """Send SIGINT when the n-th line of ours is executed; yields where that was, once it has been."""
    seen, sent = 0, []

    def trace(frame: Any, event: str, argument: Any) -> Callable[..., Any] | None:
        nonlocal seen
        if not frame.f_code.co_filename.startswith(OURS):
            return trace if event == "call" else None
        if event == "line" and not sent:
            seen += 1
            if seen == line:
                stack = traceback.extract_stack(frame)
                sent.append(
                    " < ".join(f"{each.name}:{each.lineno}" for each in reversed(stack) if OURS in each.filename)
                )
                signal.raise_signal(signal.SIGINT)
        return trace

    former = sys.gettrace()
    sys.settrace(trace)
    try:
        yield sent
    finally:
        sys.settrace(former)


@pytest.fixture
def run() -> Iterator[Callable[..., bool]]:
    """Runs a cell of a shell in this process; whether it succeeds."""
    shell = InteractiveShell.instance()
    mode = shell.InteractiveTB.mode
    shell.InteractiveTB.set_mode("Minimal")  # a whole traceback takes longer than all of a cell, and nobody reads it
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)

    def run(source: str, cell: str) -> bool:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()) as shown:
            result = shell.run_cell(source, cell_id=cell)
        assert "not guarded" not in shown.getvalue(), shown.getvalue()
        return bool(result.success)

    assert run("import tensorflow as tf, keras\nclass Interrupted: pass\n%reload_ext kreg_ipython", "setup")
    yield run
    signal.signal(signal.SIGINT, handler)
    guard = shell.magics_manager.registry["KregMagics"].notebook.process.guard
    guard.clear(list(guard.ledger))
    guard._clearing.undoable = Undoable()
    shell.InteractiveTB.set_mode(mode)


def versions() -> dict[str, int]:
    """Return what stands in the registries."""
    import keras
    from tensorflow.python.framework import ops, tensor_conversion_registry

    objects = keras.utils.get_custom_objects()
    found = {key: objects[f"Interrupted>{key}"]() for key in ("one", "three") if f"Interrupted>{key}" in objects}
    if "Interrupted" in ops._gradient_registry.list():
        found["two"] = ops._gradient_registry.lookup("Interrupted")()
    side_by_side = tensor_conversion_registry._tensor_conversion_func_registry[100]
    for number, (_, function) in enumerate(pair for pair in side_by_side if "Interrupted" in str(pair[0])):
        found["four" if number == 0 else f"four, again {number}"] = function()
    return found


@pytest.mark.needs("tf_keras")
def test_ctrl_c_at_any_line_of_ours_loses_nothing(run):
    guard = InteractiveShell.instance().magics_manager.registry["KregMagics"].notebook.process.guard
    version, line, places = 0, 0, set()  # each line of ours, or one in so many
    assert run(CELL.replace("VERSION", "0"), "a")
    while True:
        line += EVERY
        before = versions()
        with interrupt_at(line) as sent, suppress(KeyboardInterrupt):  # the shell itself may be hit
            run(CELL.replace("VERSION", str(version + 1)), "a")
        if not sent:
            break
        places.update(sent)
        after = versions()
        assert after.keys() == before.keys() == {"one", "two", "three", "four"}, sent
        assert all(after[key] in (before[key], version + 1) for key in after), sent
        version += 2
        assert run(CELL.replace("VERSION", str(version)), "a"), sent
        assert versions() == dict.fromkeys(("one", "two", "three", "four"), version), sent
        assert guard.pending() == [] and guard.differences() == [] and guard.faults == {}, sent
    assert len(places) * EVERY > 200
    assert run("x = 1", "a")
    assert versions() == {}
