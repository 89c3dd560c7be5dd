"""Outside of Jupyter: marimo, Streamlit, and scripts that name their owners."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from kernels import PATIENCE

LAYER = """
@keras.saving.register_keras_serializable("P")
class NAME(keras.layers.Layer):
    pass
"""
COMMON = (
    f"LAYER = {LAYER!r}"
    + '''
import gc, json, os, weakref
import keras, kreg_ipython

def keys():
    return sorted(key for key in keras.saving.get_custom_objects() if key.startswith("P>"))

def alive():
    """How many classes of the user's there are."""
    gc.collect()
    return sum(issubclass(each, keras.layers.Layer) and each.__name__ in ("One", "Two") for each in keras.layers.Layer.__subclasses__())
'''
)
"""What each program begins with."""


def program(code: str, folder: Path, *, guarded: bool = True) -> Any:
    """Return what a program of its own prints last, as JSON."""
    file = folder / "program.py"
    file.write_text(COMMON + f"GUARDED = {guarded}\n" + textwrap.dedent(code))
    paths = os.pathsep.join([os.getcwd(), str(folder), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, file], env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


MARIMO = """
    import asyncio, queue, sys
    from marimo._ast.app_config import _AppConfig
    from marimo._config.config import DEFAULT_CONFIG
    from marimo._messaging.types import KernelStreams, NoopStream
    from marimo._runtime.commands import AppMetadata, ExecuteCellCommand
    from marimo._runtime.kernel_lifecycle import KernelArgs, create_kernel
    from marimo._session.model import SessionMode

    kernel, context = create_kernel(KernelArgs(
        streams=KernelStreams(stream=NoopStream(), stdout=None, stderr=None, stdin=None), debugger=None, configs={}, user_config=DEFAULT_CONFIG,
        app_metadata=AppMetadata({}, {}, _AppConfig(), filename="notebook.py"), mode=SessionMode.EDIT,
        control_queue=queue.Queue(), set_ui_element_queue=queue.Queue(), virtual_file_storage="in_memory"))

    def run(cell, text):
        asyncio.run(kernel.run([ExecuteCellCommand(cell_id=cell, code=text)]))
        assert not kernel.errors and kernel.graph.cells[cell].run_result_status == "success", (kernel.errors, text)

    def layer(name):
        text = LAYER.replace("NAME", name)
        return 'with kreg_ipython.owner("layers"):' + text.replace("\\n", "\\n    ") if GUARDED else text
    run("first", "import keras, kreg_ipython")
"""


@pytest.mark.needs("marimo", "keras>=3")
def test_a_marimo_cell_is_an_owner_with_text(tmp_path):
    found = program(
        MARIMO
        + """
    seen = []
    for name in ("One", "Two"):
        run("layers", layer(name))
        seen.append(keys())
    for _ in range(50):
        run("layers", layer("Two"))
    run("use", "loaded = keras.saving.get_registered_object('P>Two') is Two")
    rows = [[row.key, row.line, row.state] for row in kreg_ipython.status().rows]
    print(json.dumps({"seen": seen, "alive": alive(), "loaded": kernel.globals["loaded"], "rows": rows}))
    """,
        tmp_path,
    )
    assert found["seen"] == [["P>One"], ["P>Two"]] and found["loaded"]
    assert found["rows"] == [["P>One", 2, "swept"], ["P>Two", 2, "current"]] and found["alive"] == 2


@pytest.mark.needs("marimo", "keras>=3")
def test_without_kreg_a_marimo_notebook_leaks(tmp_path):
    stock = program(
        MARIMO + '    [run("layers", layer(name)) for name in ("One", "Two")]\n    print(json.dumps(keys()))',
        tmp_path,
        guarded=False,
    )
    assert stock == ["P>One", "P>Two"]


STREAMLIT = """
    from streamlit.testing.v1 import AppTest

    def write(name, moment=[1_000_000_000]):
        text = 'import keras, kreg_ipython\\nimport streamlit as st\\n'
        layer = LAYER.replace("NAME", name)
        text += "with kreg_ipython.owner(__file__):" + layer.replace("\\n", "\\n    ") if GUARDED else layer
        with open("app.py", "w") as file:
            file.write(text + '\\n"what magic shows"\\nst.write(sorted(keras.saving.get_custom_objects()))\\nst.button("again")\\n')
        moment[0] += 10
        os.utime("app.py", (moment[0], moment[0]))

    os.chdir(os.path.dirname(__file__))
    def run():
        app = AppTest.from_file(os.path.abspath("app.py"), default_timeout=600).run()
        assert not app.exception, app.exception
        return app
"""


@pytest.mark.needs("streamlit", "keras>=3")
def test_a_streamlit_app_is_an_owner_with_text(tmp_path):
    found = program(
        STREAMLIT
        + """
    seen = []
    for name in ("One", "Two"):
        write(name)
        app = run()
        seen.append(keys())
    classes = set()
    for _ in range(50):
        app = app.button[0].click().run()
        classes.add(alive())
    rows = [[row.key, row.line, row.state, row.owner["label"] == f"script {os.path.abspath('app.py')}"]
            for row in kreg_ipython.status().rows]
    print(json.dumps({"seen": seen, "alive": max(classes), "rows": rows, "app": len(app.button)}))
    """,
        tmp_path,
    )
    assert found["seen"] == [["P>One"], ["P>Two"]] and found["app"] == 1
    assert found["rows"] == [["P>One", 4, "swept", True], ["P>Two", 4, "current", True]]
    assert found["alive"] == 2  # the last sweep can be undone


@pytest.mark.needs("streamlit", "keras>=3")
def test_without_kreg_a_streamlit_app_leaks(tmp_path):
    stock = program(
        STREAMLIT + '    [(write(name), run()) for name in ("One", "Two")]\n    print(json.dumps(keys()))',
        tmp_path,
        guarded=False,
    )
    assert stock == ["P>One", "P>Two"]
