# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second process that meets the first one at a lock: what each does when is awaited, never guessed."""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Other:
    """A process that does its work when it is told to.

    It is made before the first process takes a lock: a process inherits what the one that makes it holds.

    Args:
        work: what it does; what it returns must be JSON.
    """

    def __init__(self, work: Callable[[], Any]) -> None:
        gate, self._go = os.pipe()
        self._answer, answer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._go)
            os.read(gate, 1)
            try:
                found = json.dumps({"found": work()})
            except BaseException:  # noqa: BLE001 it is told to the first process, whatever it is
                found = json.dumps({"failed": traceback.format_exc()})
            os.write(answer, found.encode())
            os._exit(0)
        os.close(gate)
        os.close(answer)

    def start(self) -> None:
        """Let it begin."""
        os.write(self._go, b"x")

    def await_lock(self) -> None:
        """Wait until it waits for a lock that somebody else holds."""
        while not self._is_waiting():
            assert os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None, "it ended"
            time.sleep(0.01)

    def _is_waiting(self) -> bool:
        """``1: -> FLOCK  ADVISORY  WRITE 4711 fe:01:1234 0 EOF`` is a waiting process (proc_locks(5))."""
        lines = (line.split() for line in Path("/proc/locks").read_text().splitlines())
        return any(fields[1] == "->" and str(self.pid) in fields[4:6] for fields in lines)

    def result(self) -> Any:
        """What it returned, when it has ended."""
        with os.fdopen(self._answer, "rb", closefd=False) as stream:
            said = json.loads(stream.read())
        assert "failed" not in said, said["failed"]
        return said["found"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for descriptor in (self._go, self._answer):
            os.close(descriptor)
        os.waitpid(self.pid, 0)
