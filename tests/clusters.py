"""A real ipyparallel cluster on loopback, with a kernel as its client."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from kernels import ENVIRONMENT, PATIENCE, Kernel, Outcome

WAIT = f"--IPEngine.wait_for_url_file={PATIENCE}"
CLIENT = f"""
import threading
import ipyparallel as ipp
rc = ipp.Client(timeout={PATIENCE})
view = rc.direct_view()

def wait_for(number):
    changed = threading.Event()
    notify = lambda event: changed.set()
    rc._registration_callbacks.append(notify)
    while len(rc.ids) != number:
        changed.wait()
        changed.clear()
    rc._registration_callbacks.remove(notify)
"""


class Cluster:
    """A controller, engines, and a kernel whose ``rc`` is the client and whose ``view`` are all engines."""

    def __init__(self, engines: int) -> None:
        self.kernel: Any = None
        self._folder = tempfile.TemporaryDirectory()
        self.profile = Path(self._folder.name, "profile_default")
        self._environment = {**os.environ, **ENVIRONMENT, "IPYTHONDIR": self._folder.name, "PYTHONPATH": os.getcwd()}
        self._controller = self._start("ipyparallel.controller", "--ip=127.0.0.1", "--ping=500")
        self._processes = [self._controller]
        try:
            self._connect(engines)
        except BaseException:
            self.close()
            raise

    def _connect(self, engines: int) -> None:
        self._add(engines)
        self.kernel = Kernel(IPYTHONDIR=self._folder.name, PYTHONPATH=f"{os.getcwd()}:{Path(__file__).parent}")
        self.kernel.run(None, CLIENT)
        self.wait_for(engines)
        self.kernel.run(None, "%load_ext kreg_ipython")

    def _start(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", module, "--log-level=ERROR", *arguments]
        return subprocess.Popen(command, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _add(self, number: int) -> None:
        self._processes += [self._start("ipyparallel.engine", WAIT) for _ in range(number)]

    def add(self) -> None:
        """Start one more engine, and wait until it has joined."""
        before = len(self.kernel.value("rc.ids"))
        self._add(1)
        self.wait_for(before + 1)

    def wait_for(self, number: int) -> None:
        """Wait until the client knows so many engines."""
        self.kernel.value(f"wait_for({number})")

    def run(self, cell_id: str | None, source: str, **options: Any) -> Outcome:
        return self.kernel.run(cell_id, source, **options)

    def engines(self, expression: str) -> list[Any]:
        """The value of an expression on each engine, asked for without kreg's knowledge."""
        return self.kernel.value(f"rc[:].apply_sync(eval, {expression!r})")

    def close(self) -> None:
        if self.kernel is not None:
            self.kernel.close()
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            process.wait()
        self._folder.cleanup()
