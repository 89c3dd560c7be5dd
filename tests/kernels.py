"""Real kernels, spoken to as JupyterLab does: execute requests whose metadata names the cell."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import textwrap
import time
from ast import literal_eval
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from queue import Empty
from typing import Any

from forks import Forks
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.connect import write_connection_file
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "PYTHONWARNINGS": "ignore",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}

IMPORTS = """
import gc, os, sys, weakref
import keras
from absl import flags
from importlib.util import find_spec
if find_spec("tensorflow"):
    import tensorflow as tf
if find_spec("tf_keras"):
    import tf_keras
else:
    tf_keras = keras  # Keras 2 itself, with TensorFlow 2.12; tests that need the other one are left out with Keras 3
"""
"""What begins a process from which kernels are forked: what is there."""

LAUNCH = """
from ipykernel.kernelapp import IPKernelApp
IPKernelApp.launch_instance(argv=["-f", {file!r}, *{arguments}])
"""

IN_MEMORY = ["--HistoryManager.hist_file=:memory:"]
"""On disk, each cell would wait for the history of the cells of all kernels."""

PATIENCE = 1_200
"""Seconds of silence after which a kernel hangs, on however busy a machine: a guard, no assertion."""

CPU = """
import time
def cpu(act):
    before = time.thread_time()
    act()
    return time.thread_time() - before
calibration = min(cpu(lambda: sorted(map(repr, range(100_000)))) for _ in range(5))
"""
"""A cell that defines what some code costs in CPU time, and a calibration to divide it by: nothing else is as fast on
each machine, and on a busy one."""


def notebook(cells: Mapping[str, str]) -> dict[str, Any]:
    """Return a notebook with code cells of these ids and sources, as JSON."""
    import nbformat  # which takes a second: not whenever tests are collected

    made = [nbformat.v4.new_code_cell(source, id=cell) for cell, source in cells.items()]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return dict(nbformat.v4.new_notebook(cells=made, metadata=kernel))


class CellError(AssertionError):
    """A cell raised, and the test did not expect it."""


@dataclass
class Outcome:
    """What a cell left: its streams, its results as ``{mime type: data}``, its error."""

    stdout: str = ""
    stderr: str = ""
    results: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None
    traceback: str = ""

    @property
    def text(self) -> str:
        return "\n".join(result.get("text/plain", "") for result in self.results)


class Kernel:
    """One kernel process. `run` executes a cell, `value` evaluates an expression without being a cell."""

    def __init__(
        self, *, quiet: bool = False, argv: list[str] | None = None, cwd: str | None = None, **environment: str
    ) -> None:
        self._sockets = tempfile.TemporaryDirectory()  # no TCP: kernels that start at once may pick the same port
        self.manager = KernelManager(kernel_name="python3", transport="ipc", ip=f"{self._sockets.name}/kernel")
        if argv is not None:
            self.manager._kernel_spec = KernelSpec(argv=argv, language="python")
        own_output = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} if quiet else {}
        arguments = IN_MEMORY if argv is None else []
        environment = {**os.environ, **ENVIRONMENT, **environment}
        self.manager.start_kernel(extra_arguments=arguments, env=environment, cwd=cwd, **own_output)
        self._connect(self.manager.client())

    def _connect(self, client: BlockingKernelClient) -> None:
        self.client = client
        client.start_channels()
        client.wait_for_ready(timeout=PATIENCE)

    def close(self) -> None:
        self.client.stop_channels()
        self._end()
        self._sockets.cleanup()

    def _end(self) -> None:
        self.manager.shutdown_kernel(now=True)

    def send(self, source: str, metadata: dict[str, Any], *, subshell: str | None = None, **content: Any) -> str:
        request = {
            "code": source,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
            **content,
        }
        message = self.client.session.msg("execute_request", request)
        message["metadata"] = metadata
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def collect(self, message_id: str, timeout: float = PATIENCE) -> Outcome:
        """Wait until the kernel has answered and is idle again."""
        outcome = Outcome()
        deadline = time.monotonic() + timeout
        while True:
            message = self._next(self.client.get_iopub_msg, deadline)
            if message["parent_header"].get("msg_id") != message_id:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                name = content["name"]
                setattr(outcome, name, getattr(outcome, name) + content["text"])
            elif kind in ("execute_result", "display_data"):
                outcome.results.append(content["data"])
            elif kind == "error":
                outcome.error = f"{content['ename']}: {content['evalue']}"
                outcome.traceback = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(content["traceback"]))
            elif kind == "status" and content["execution_state"] == "idle":
                return outcome

    def _next(self, receive: Callable[..., dict[str, Any]], deadline: float) -> dict[str, Any]:
        """The next message. A kernel that stays silent is asked how it does: on a busy machine ipykernel 7 may sleep on
        with a request in its queue, with and without an extension, until another one comes."""
        while time.monotonic() < deadline:
            try:
                return receive(timeout=5)
            except Empty:
                self.client.kernel_info()
        raise TimeoutError("the kernel did not answer")

    def complete(self, code: str) -> list[tuple[int, str]]:
        """Return what the kernel offers at the end of this code: where each completion begins, and its text."""
        message_id = self.client.complete(code, len(code))
        deadline = time.monotonic() + PATIENCE
        reply = self._next(self.client.get_shell_msg, deadline)
        while reply["parent_header"].get("msg_id") != message_id:
            reply = self._next(self.client.get_shell_msg, deadline)
        return [(reply["content"]["cursor_start"], match) for match in reply["content"]["matches"]]

    def run(self, cell_id: str | None, source: str, *, fails: bool | None = False, **metadata: Any) -> Outcome:
        """Run a cell as JupyterLab would; without an id, as nbclient would. ``fails`` may be None: it may or not."""
        if cell_id is not None:
            metadata = {"cellId": cell_id, "deletedCells": [], "recordTiming": False, **metadata}
        outcome = self.collect(self.send(textwrap.dedent(source), metadata))
        if outcome.error is not None and fails is False:
            raise CellError(outcome.traceback or outcome.error)
        if fails and outcome.error is None:
            raise CellError(f"this cell should have failed:\n{source}")
        return outcome

    def value(self, expression: str) -> Any:
        """The value of an expression in the kernel, by JSON, from a silent request: no cell, no events."""
        self.send("", {}, silent=True, user_expressions={"value": f"__import__('json').dumps({expression})"})
        deadline = time.monotonic() + PATIENCE
        reply = self._next(self.client.get_shell_msg, deadline)
        while "value" not in reply["content"].get("user_expressions", {}):
            reply = self._next(self.client.get_shell_msg, deadline)
        result = reply["content"]["user_expressions"]["value"]
        if result["status"] != "ok":
            raise CellError(f"{expression}: {result['ename']}: {result['evalue']}")
        return json.loads(literal_eval(result["data"]["text/plain"]))

    def silently(self, source: str) -> None:
        """Run code that is no cell: a silent request fires no event."""
        outcome = self.collect(self.send(textwrap.dedent(source), {}, silent=True, store_history=False))
        if outcome.error is not None:
            raise CellError(outcome.traceback)


class ForkedKernel(Kernel):
    """A kernel that begins with the frameworks imported: a process that has imported them is forked."""

    def __init__(self, forks: Forks) -> None:
        self._sockets, self._forks = tempfile.TemporaryDirectory(), forks
        folder = self._sockets.name
        file, _ = write_connection_file(f"{folder}/connection.json", transport="ipc", ip=f"{folder}/kernel", key=b"key")
        client = BlockingKernelClient(connection_file=file)
        client.load_connection_file()
        parent = {"JPY_PARENT_PID": str(forks.id)}  # a kernel ends with it
        self._child = forks.start(LAUNCH.format(file=file, arguments=IN_MEMORY), environment=parent)
        self._connect(client)

    def _end(self) -> None:
        self._forks.kill(self._child)
