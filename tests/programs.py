"""Programs without a notebook, each in a process that is forked from one that has imported Keras and kreg_ipython."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from forks import Forks

PRELUDE = """
import json, sys, threading, types
sys.modules["IPython"] = None  # whoever imports it fails
import keras, kreg_ipython
objects = keras.utils.get_custom_objects()
BODY = '''
import keras
@keras.utils.register_keras_serializable("P")
class NAME(keras.layers.Layer):
    pass
'''
def keys(): return sorted(key for key in objects if key.startswith("P>"))
def run(text, name="app.py", owner=kreg_ipython.owner):
    module = types.ModuleType("__main__")  # as Streamlit does
    former, sys.modules["__main__"] = sys.modules["__main__"], module
    try:
        with owner(name, text):
            exec(compile(text, "app.py", "exec"), module.__dict__)
    finally:
        sys.modules["__main__"] = former
"""
"""What each program begins with."""


class Programs:
    """The process that is forked."""

    def __init__(self, folder: Path) -> None:
        self._stdout, self._stderr = folder / "stdout", folder / "stderr"
        self._forks = Forks(PRELUDE)

    def close(self) -> None:
        self._forks.close()

    def run(self, code: str, *paths: Path) -> Any:
        """Return what a program prints last, as JSON; of a dict also what it writes to stderr.

        Args:
            code: the program, after the prelude.
            paths: the folders in which it finds modules.
        """
        folders = tuple(map(str, paths))
        child = self._forks.start(textwrap.dedent(code), stdout=self._stdout, stderr=self._stderr, paths=folders)
        status = self._forks.wait(child)
        stdout, stderr = self._stdout.read_text(), self._stderr.read_text()
        assert status == 0, stderr
        printed = json.loads(stdout.splitlines()[-1])
        return printed | {"stderr": stderr} if isinstance(printed, dict) else printed
