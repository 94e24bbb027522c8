# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a program that works on what a hostile user has made: in a limited time, and with a limited output.

Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import time
from collections.abc import Mapping, Sequence

from ..errors import TrustAnchorError
from ..text.document import visible
from .commands import LANGUAGE


def run(arguments: Sequence[str], environment: Mapping[str, str], stdin: bytes, timeout: float, most: int) -> bytes:
    """What a program prints that works on files of a hostile user, who is who runs this; arguments as `outcome`.

    Raises:
        TrustAnchorError: as `outcome`, or it fails.
    """
    code, said = outcome(arguments, environment, stdin, timeout, most)
    if code != 0:
        why = visible(said.decode(errors="replace").strip()[-300:])
        raise TrustAnchorError(f"'{_name(arguments)}' failed with exit code {code}", why)
    return said


def outcome(
    arguments: Sequence[str], environment: Mapping[str, str], stdin: bytes, timeout: float, most: int
) -> tuple[int, bytes]:
    """The exit code of a program, and what it printed to both of its outputs.

    Args:
        arguments: program and its arguments.
        environment: all of it; nothing of ours, but the language.
        stdin: what it reads; it is short, so it fits into a pipe that nobody reads.
        timeout: seconds.
        most: bytes that it may print.

    Raises:
        TrustAnchorError: it is missing, cannot be run, does not end in time, or prints more.
    """
    name = _name(arguments)
    try:
        with subprocess.Popen(
            list(arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**environment, **LANGUAGE},
        ) as process:
            try:
                said = _said(process, stdin, time.monotonic() + timeout, most)
            finally:
                process.kill()  # it may be stopped; one that has ended does not mind
    except FileNotFoundError as error:
        raise TrustAnchorError(f"program {arguments[0]} is missing", str(error), "Install it") from error
    except (PermissionError, ValueError) as error:  # ValueError: a NUL in an argument
        raise TrustAnchorError(f"'{name}' cannot be run", str(error)) from error
    if said is None:
        raise TrustAnchorError(f"'{name}' did not end within {timeout:.0f} seconds")
    if len(said) > most:
        raise TrustAnchorError(f"'{name}' prints more than {most} bytes")
    return process.returncode, said


def _name(arguments: Sequence[str]) -> str:
    return visible(" ".join(arguments[:2]))


def _said(process: subprocess.Popen[bytes], stdin: bytes, deadline: float, most: int) -> bytes | None:
    """What a program prints until it has ended, or has printed too much; None when time is up."""
    if process.stdin is None or process.stdout is None:
        raise ValueError("the program has no pipes")
    with contextlib.suppress(BrokenPipeError):
        os.set_blocking(process.stdin.fileno(), False)
        os.write(process.stdin.fileno(), stdin)
    process.stdin.close()
    said, poll = b"", select.poll()
    poll.register(process.stdout, select.POLLIN)
    while len(said) <= most:
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            return None
        part = os.read(process.stdout.fileno(), 1 << 16)
        if not part:
            break
        said += part
    if len(said) <= most:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return None
    return said
