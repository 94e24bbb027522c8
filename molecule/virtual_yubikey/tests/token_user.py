# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The near end of token_program.py, which uses tokens on the host by PKCS#11."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ansible_collections.trustanchor.private_ca.tests.lab.hosts import SSH
from ansible_collections.trustanchor.private_ca.tests.lab.yubikeys import PYTHON

PIN = "123456"
MANAGEMENT_KEY = "010203040506070801020304050607080102030405060708"
_PROGRAM = Path(__file__).with_name("token_program.py")
_BOOTSTRAP = "import sys; n = int(sys.stdin.readline()); exec(compile(sys.stdin.read(n), 'program', 'exec'))"


class TokenUser:
    """A process on the host that lives from one call to the next, so that keys can be pulled in between."""

    def __init__(self, host: str) -> None:
        source = _PROGRAM.read_text()
        self._process = subprocess.Popen(
            [*SSH, host, f'{PYTHON} -B -c "{_BOOTSTRAP}"'],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(f"{len(source)}\n{source}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=20)

    def begin(self, call: str, **values: Any) -> None:
        """Start a call, whose answer `end` returns."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"call": call, **values}) + "\n")
        self._process.stdin.flush()

    def end(self) -> Any:
        """Return the answer: a result, or the name of the PKCS#11 error as text beginning with "!"."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the program has ended"
        return json.loads(line)

    def do(self, call: str, **values: Any) -> Any:
        """Call and return the answer."""
        self.begin(call, **values)
        return self.end()
