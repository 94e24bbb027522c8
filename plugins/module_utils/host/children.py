# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Call a function in a child process that has a wall clock, and whose answer has a limit. Standard library only.

Whatever the child waits for (a name server, a file system, a program that its user has stopped) it is ended when its
time is up, with all that it has started in its process group.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from ..errors import TrustAnchorError

MOST_BYTES = 4 << 20  # of an answer
_FILE_BYTES = 64 << 20  # of any file that a user's child writes
_MEMORY_BYTES = 2 << 30  # of a user's child, and of each program that it starts
_GRACE_SECONDS = 1.0  # for a child to end that has said all
_LAST_SECONDS = 5.0  # for the kernel to take away what was killed; it may hang in a file system that does not answer
_TEXT = 2000  # characters of one part of a fault


class NotInTimeError(TrustAnchorError):
    """A child did not end in time."""


def call(
    function: Callable[[], Any], seconds: float, account: tuple[int, int] | None = None, most: int = MOST_BYTES
) -> Any:
    """What a function answers in a child process.

    Args:
        function: its answer must have a form in JSON.
        seconds: wall clock for all of it.
        account: user and group id that the child belongs to, without further groups; None: who runs this.
        most: bytes of the answer.

    Returns:
        The answer, as JSON reads it. Where the child belongs to a user, what it says is the user's word.

    Raises:
        NotInTimeError: it did not end in time.
        TrustAnchorError: what ``function`` raised; the child ended without an answer, or said too much.
    """
    who = f"a process of user {account[0]}" if account else "a child process"
    deadline = time.monotonic() + seconds
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        _in_child(function, account, writer)
    os.close(writer)
    try:
        said = _read(reader, deadline, most)
    finally:
        os.close(reader)
        status = _end(child, deadline)
    if said is None:
        raise NotInTimeError(f"{who} did not end within {seconds:.0f} seconds")
    if len(said) > most:
        raise TrustAnchorError(f"{who} said more than {most} bytes")
    if not said:
        raise TrustAnchorError(f"{who} ended with status {status} and said nothing")
    return _answer(said, who)


def _read(reader: int, deadline: float, most: int) -> bytes | None:
    """What the child says until it closes its end, or has said too much; None when time is up."""
    said = b""
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    while len(said) <= most:
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            return None
        part = os.read(reader, 1 << 16)
        if not part:
            break
        said += part
    return said


def _end(child: int, deadline: float) -> int:
    """End a child and its process group; its status, -1 of one that the kernel cannot take away yet.

    It is not waited for without an end: a process that hangs in a file system dies when that answers.
    """
    ended = os.pidfd_open(child)
    try:
        if not _is_ready(ended, min(_GRACE_SECONDS, max(0.0, deadline - time.monotonic()))):
            os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)  # what it has started; no group when it died before it made one
        if not _is_ready(ended, _LAST_SECONDS):
            return -1
    finally:
        os.close(ended)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _is_ready(descriptor: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _answer(said: bytes, who: str) -> Any:
    """Raises: TrustAnchorError: the fault that the child told, or it is not an answer."""
    try:
        found = json.loads(said)
    except (ValueError, RecursionError) as error:
        raise TrustAnchorError(f"{who} said what is not an answer") from error
    if not isinstance(found, dict) or len(found) != 1 or not found.keys() <= {"value", "fault"}:
        raise TrustAnchorError(f"{who} said what is not an answer")
    if "value" in found:
        return found["value"]
    parts = found["fault"]
    if not isinstance(parts, list) or len(parts) != 3 or not all(isinstance(part, str) for part in parts):
        raise TrustAnchorError(f"{who} said what is not an answer")
    raise TrustAnchorError(*(part[:_TEXT] for part in parts))


def _in_child(function: Callable[[], Any], account: tuple[int, int] | None, writer: int) -> None:
    """Never returns: what stands behind it in the program is the parent's."""
    try:
        _detach(writer)
        if account:
            _become(*account)
        os.chdir("/")
        _say(writer, {"value": function()})
    except TrustAnchorError as error:
        _say(writer, {"fault": [error.what, error.why, error.next_step]})
    except OSError as error:
        _say(writer, {"fault": [str(error.filename or "a system call failed"), error.strerror or str(error), ""]})
    finally:
        kind = sys.exc_info()[0]
        try:
            if kind is not None:  # a fault of the function that nobody foresaw is this child's alone
                _say(writer, {"fault": ["a child process failed", kind.__name__, ""]})
        finally:
            os._exit(0)


def _say(writer: int, answer: dict[str, Any]) -> None:
    rest = memoryview(json.dumps(answer).encode())
    while rest:
        rest = rest[os.write(writer, rest) :]


def _detach(writer: int) -> None:
    """A session of its own, without a terminal and without the files of the parent: its locks, pipes and output."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    os.closerange(3, writer)
    os.closerange(writer + 1, os.sysconf("SC_OPEN_MAX"))


def _become(uid: int, gid: int) -> None:
    """The kernel lets nobody but root look into, or trace, a process that gave up root (ptrace(2), dumpable)."""
    if uid != os.geteuid():
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    for limit, most in ((resource.RLIMIT_FSIZE, _FILE_BYTES), (resource.RLIMIT_AS, _MEMORY_BYTES)):
        _soft, hard = resource.getrlimit(limit)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (allowed, allowed))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
