"""Programs without a notebook, each in a process that is forked from one that has imported Keras and kreg_ipython."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

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

SERVE = """
import os
for asked in sys.stdin:
    program = json.loads(asked)
    child = os.fork()
    if not child:
        for stream, path in enumerate(program["streams"], 1):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    sys.exit()
sys.path[:0] = program["paths"]
exec(compile(program["code"], "<string>", "exec"))
"""


class Programs:
    """The process that is forked."""

    def __init__(self, folder: Path) -> None:
        self._streams = [str(folder / "stdout"), str(folder / "stderr")]
        self._server = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def close(self) -> None:
        self._server.communicate()

    def run(self, code: str, *paths: Path) -> Any:
        """Return what a program prints last, as JSON; of a dict also what it writes to stderr.

        Args:
            code: the program, after the prelude.
            paths: the folders in which it finds modules.
        """
        assert self._server.stdin and self._server.stdout
        asked = {"code": textwrap.dedent(code), "paths": list(map(str, paths)), "streams": self._streams}
        print(json.dumps(asked), file=self._server.stdin, flush=True)
        status = self._server.stdout.readline()
        stdout, stderr = (Path(each).read_text() for each in self._streams)
        assert status == "0\n", stderr
        printed = json.loads(stdout.splitlines()[-1])
        return printed | {"stderr": stderr} if isinstance(printed, dict) else printed
