# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands and Python programs on the lab's hosts; secrets travel by standard input only."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .play import STATE

SSH = ["ssh", "-F", str(STATE / "ssh_config"), "-o", "BatchMode=yes"]
_PROGRAMS = Path(__file__).parent / "programs"


def run(host: str, command: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a shell command on a host (never with a secret in it).

    Raises:
        AssertionError: it failed; with its output.
    """
    done = subprocess.run([*SSH, host, command], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, f"{host}: {command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def output(host: str, command: str, stdin: str = "") -> str:
    """Standard output of a shell command on a host, without white space at its ends."""
    return run(host, command, stdin).stdout.strip()


def start(host: str, program: str, question: Any) -> subprocess.Popen[str]:
    """Start a program of tests/lab/programs with a question (JSON by standard input); ``localhost`` runs it here."""
    source = (_PROGRAMS / f"{program}.py").read_text()
    # The program reads its own source first, then the question: neither is in an argument or a file.
    bootstrap = "import sys; n = int(sys.stdin.readline()); exec(compile(sys.stdin.read(n), 'program', 'exec'))"
    command = ["python3", "-B", "-c", bootstrap]
    if host != "localhost":
        command = [*SSH, host, f'python3 -B -c "{bootstrap}"']
    running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    assert running.stdin is not None
    running.stdin.write(f"{len(source)}\n{source}{json.dumps(question)}\n")
    running.stdin.flush()
    return running


def answer(running: subprocess.Popen[str]) -> Any:
    """End a program's standard input and return its answer."""
    text, _nothing = running.communicate()
    assert running.returncode == 0, text
    return json.loads(text)


def ask(host: str, program: str, question: Any = None) -> Any:
    """Run a program of tests/lab/programs and return its answer."""
    return answer(start(host, program, question))


def await_true(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until a condition holds.

    Raises:
        AssertionError: it did not hold in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
