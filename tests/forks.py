"""A process that executes once what takes seconds, and is forked for each program or kernel that begins so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

SERVE = """
import gc, os, json, linecache, signal, sys
linecache.cache.clear()  # from Python 3.13 on it has the text of this code, as that of any "<string>"
getattr(linecache, "_interactive_cache", {}).clear()
gc.collect()
gc.freeze()  # a collection need not look through the frameworks in each child
children = set()
for asked in sys.stdin:
    asked = json.loads(asked)
    if "code" in asked:
        child = os.fork()
        if not child:
            break
        children.add(child)
        print(child, flush=True)
        continue
    if asked["kill"]:
        os.kill(asked["child"], signal.SIGKILL)
    children.discard(asked["child"])
    print(os.waitstatus_to_exitcode(os.waitpid(asked["child"], 0)[1]), flush=True)
else:
    for child in children:
        os.kill(child, signal.SIGKILL)
    sys.exit()
for stream, path in enumerate(asked["streams"]):
    if path is not None:
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC), stream)
os.environ |= asked["environment"]
sys.path[:0] = asked["paths"]
exec(compile(asked["code"], "<string>", "exec"))
"""


class Forks:
    """The process that is forked, and what asks it to.

    Args:
        prelude: the code that it executes first: no thread may be running after it.
        environment: its environment variables.
    """

    def __init__(self, prelude: str, environment: Mapping[str, str] | None = None) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-c", prelude + SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    @property
    def id(self) -> int:
        """The parent's process id."""
        return self._server.pid

    def close(self) -> None:
        """End it, and all that it has started."""
        self._server.communicate()

    def start(
        self,
        code: str,
        *,
        stdout: Path | str = os.devnull,
        stderr: Path | None = None,
        paths: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
    ) -> int:
        """Execute code in a child; return its process id.

        Args:
            code: the code; it goes on with the variables of the prelude.
            stdout: the file that its output goes to.
            stderr: the file that its errors go to; None for the parent's own.
            paths: the folders in which it finds modules.
            environment: further environment variables.
        """
        streams = [os.devnull, str(stdout), stderr and str(stderr)]
        return self._ask(code=code, streams=streams, paths=paths, environment=dict(environment or {}))

    def wait(self, child: int) -> int:
        """Wait until a child has ended; return its status."""
        return self._ask(child=child, kill=False)

    def kill(self, child: int) -> None:
        """End a child."""
        self._ask(child=child, kill=True)

    def _ask(self, **asked: object) -> int:
        assert self._server.stdin and self._server.stdout
        print(json.dumps(asked), file=self._server.stdin, flush=True)
        return int(self._server.stdout.readline())
