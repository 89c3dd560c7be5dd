"""Start a fresh Python process that loads models, talk to it by pipes, and end it with all that it started."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from kreg_ipython.checks.keras import families
from kreg_ipython.export import facts, worker

_BEGIN = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("kreg_worker", sys.argv.pop())
sys.modules["kreg_worker"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["kreg_worker"])
del importlib, sys, spec
__import__("kreg_worker").main()
"""
"""The text that the process executes as ``__main__``, which is the notebook's then."""

_TICK = 0.25
"""The seconds after which the time that has passed is shown anew."""


class Died(Exception):
    """The process could not be started, or has ended by itself. The text says how."""


class OutOfTime(Exception):
    """The process has not answered in time. The text is what it was doing."""


class Fresh:
    """A fresh Python process that has executed a module's text.

    It has this process's environment, interpreter, ``sys.path`` and Keras backend, and none of its state. It computes
    on the CPU: a graphics card's memory is taken. Leaving the ``with`` statement ends it, and what it started.

    Args:
        shown: is called with what the process does, several times a second.
        deadline: the time of `time.monotonic` at which it is out of time.
    """

    def __init__(self, shown: Callable[[str], None], deadline: float) -> None:
        self._shown, self._deadline, self._doing = shown, deadline, "starts"
        if not sys.executable:
            raise Died("this Python does not know its own program, sys.executable")
        options: dict[str, Any] = {"start_new_session": True}  # a Ctrl-C of the terminal's is ours alone
        if os.name == "nt":
            options = {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BEGIN, worker.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **_otherwise()},
                text=True,
                encoding="utf-8",
                **options,
            )
        except OSError as error:
            raise Died(f"{sys.executable} cannot be started: {error.strerror}") from None
        self._said: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True, name="kreg verify").start()

    def __enter__(self) -> Fresh:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._said.put(json.loads(line))
        self._said.put(None)

    def begin(self, module: str, name: str, imports: Sequence[str] = ()) -> None:
        """Let it import modules and execute a file.

        Args:
            module: the path of the file.
            name: the name that it is imported by; ``__main__`` if it is executed as a notebook's cells are.
            imports: the names of the modules that are imported before.
        """
        path = [each for each in sys.path if isinstance(each, str)]
        self.send({"path": path, "imports": list(imports), "module": module, "name": name})

    def begun(self, doing: str) -> str:
        """Wait until it has done what `begin` says, and return why it could not; empty if it could.

        Raises:
            Died: if the process has ended.
            OutOfTime: if the deadline has passed.
        """
        return str(self.answer(doing).get("failed", ""))

    def described(self, asks: Mapping[str, Any], doing: str) -> facts.Table | None:
        """Return the facts of the module's definitions; None if it cannot tell.

        Args:
            asks: the ``names`` that are looked at, the ``homes`` and what is ``unseen``, see `facts.table`.
            doing: what is shown.

        Raises:
            Died: if the process has ended.
            OutOfTime: if the deadline has passed.
        """
        self.send({**asks, "facts": facts.__file__})
        return self.answer(doing).get("table")

    def send(self, request: Mapping[str, Any]) -> None:
        """Send a request."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has died: `answer` says so
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()

    def answer(self, doing: str) -> dict[str, Any]:
        """Wait for an answer to a request, and return it.

        Args:
            doing: what is shown until the process says what it does, and after ``:`` then.

        Raises:
            Died: if the process has ended.
            OutOfTime: if the deadline has passed.
        """
        while True:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise OutOfTime(f"{doing}, {self._doing}")
            self._shown(f"{doing}: {self._doing}")
            try:
                said = self._said.get(timeout=min(left, _TICK))
            except queue.Empty:
                continue
            if said is None:
                raise Died(f"the fresh process {_ended(self._process.wait())} while it {self._doing}")
            if "doing" not in said:
                return said
            self._doing = said["doing"]

    def close(self) -> None:
        """End the process, and those that it started. Nothing of the user's is asked: it may hang."""
        if os.name == "nt":
            self._process.kill()
        else:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()


def _otherwise() -> dict[str, str]:
    """Return what the environment of a fresh process has otherwise than this one's."""
    changed = {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
    for each in families():
        if each.is_3:
            changed["KERAS_BACKEND"] = each.module.config.backend()
    return changed


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    with contextlib.suppress(ValueError):
        name = signal.Signals(-code).name
        return f"was killed by {name}" + (", as when memory runs out," if name == "SIGKILL" else "")
    return f"was killed by signal {-code}"
