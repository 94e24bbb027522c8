# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program at a terminal of its own, and the person in front of it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from .processes import kill_tree

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ROWS, _COLUMNS = 50, 160
_READY_SECONDS, _PAUSE_SECONDS = 10.0, 0.05


class Terminal:
    """Reads the screen and types.

    Args:
        command: of the program.
        directory: where it runs.
        environment: of the program.
    """

    def __init__(self, command: Sequence[str], directory: Path, environment: Mapping[str, str]) -> None:
        self.screen = ""
        self._read_to = 0
        self._near, far = pty.openpty()
        fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
        self._program = subprocess.Popen(
            ["setsid", "--ctty", *command],
            cwd=directory,
            env=dict(environment),
            stdin=far,
            stdout=far,
            stderr=far,
        )
        os.close(far)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._program.poll() is None:
            kill_tree(self._program.pid)
            self._program.wait()
        os.close(self._near)

    def read(self, pattern: str, seconds: float = 30) -> re.Match[str]:
        """Wait until a pattern stands on the screen, behind what was read before.

        Raises:
            AssertionError: it did not come; with the screen.
        """
        deadline = time.monotonic() + seconds
        while not (found := re.compile(pattern).search(self.screen, self._read_to)):
            assert self._more(deadline), f"'{pattern}' did not come:\n{self.screen}"
        self._read_to = found.end()
        return found

    def type(self, text: str) -> None:
        """Type a line, once the program reads keys as they come: it discards what is typed before.

        Raises:
            AssertionError: it does not.
        """
        deadline = time.monotonic() + _READY_SECONDS
        while termios.tcgetattr(self._near)[3] & termios.ICANON:
            assert time.monotonic() < deadline, f"the program does not read:\n{self.screen}"
            time.sleep(_PAUSE_SECONDS)
        time.sleep(_PAUSE_SECONDS)  # it changes the terminal twice
        os.write(self._near, f"{text}\r".encode())

    def end(self, seconds: float = 30) -> int:
        """Wait for the end of the program; its exit code."""
        deadline = time.monotonic() + seconds
        while self._more(deadline):
            pass
        return self._program.wait(timeout=max(1, deadline - time.monotonic()))

    def _more(self, deadline: float) -> bool:
        """Read on; False at the end of the program or of the time."""
        if not select.select([self._near], [], [], max(0, deadline - time.monotonic()))[0]:
            return False
        try:
            data = os.read(self._near, 65536)
        except OSError:  # EIO: nobody holds the other end any more
            return False
        self.screen += _ESCAPES.sub("", data.decode(errors="replace")).replace("\r", "")
        return bool(data)
