# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python programs on the lab's hosts; what they are asked travels by standard input, so it may be secret."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from .estate import state

_PROGRAMS = Path(__file__).parent / "programs"
# Reads the program, then leaves the rest of standard input to it: nothing is in an argument or a file.
_BOOTSTRAP = "import sys; n = int(sys.stdin.readline()); exec(compile(sys.stdin.read(n), 'program', 'exec'))"

Program = subprocess.Popen[str]


def start(host: str, program: str, question: Any = None) -> Program:
    """Start a program of tests/lab/programs with a question (one line of JSON).

    Args:
        host: of the lab, or ``localhost`` for the controller.
        program: its name.
        question: serialisable as JSON.
    """
    source = (_PROGRAMS / f"{program}.py").read_text()
    command = ["python3", "-B", "-c", _BOOTSTRAP]
    if host != "localhost":
        command = [*_ssh(host), f'python3 -B -c "{_BOOTSTRAP}"']
    running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert running.stdin is not None
    running.stdin.write(f"{len(source)}\n{source}{json.dumps(question)}\n")
    running.stdin.flush()
    return running


def answer(running: Program) -> Any:
    """Close a program's standard input and return its answer."""
    text, _nothing = running.communicate()
    assert running.returncode == 0, text
    return json.loads(text)


def ask(host: str, program: str, question: Any = None) -> Any:
    """Run a program of tests/lab/programs and return its answer."""
    return answer(start(host, program, question))


def read_secret(host: str, command: str) -> bytes:
    """Standard output of a command; unlike with testinfra it is in no log."""
    done = subprocess.run([*_ssh(host), command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    return done.stdout


def _ssh(host: str) -> list[str]:
    return ["ssh", "-F", str(state() / "ssh_config"), "-o", "BatchMode=yes", host]
