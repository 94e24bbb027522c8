# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks between processes: of a file or a directory while a block runs, and of a file for as long as a process lives.

Standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import TrustAnchorError

_PAUSE_SECONDS = 0.1
_FILE = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@contextlib.contextmanager
def held(
    path: str | os.PathLike[str], patience: float | None = None, busy: TrustAnchorError | None = None, mode: int = 0o600
) -> Iterator[int]:
    """Hold a file alone; the kernel lets go of it when the process ends, however it ends.

    Args:
        path: the file, made where it is absent, together with its directory. A link is not followed. It may be replaced
            by whoever holds it: who waited for it then holds the new one.
        patience: how long to wait for another process, seconds; 0 not at all, None without end.
        busy: what is raised when the other process did not end in time.
        mode: of a file that is made. Whoever can open it can hold it, so a file that is nothing but a lock is for its
            owner alone.

    Yields:
        A descriptor of the file, open for reading and appending.

    Raises:
        TrustAnchorError: ``busy``, or the file cannot be opened.
    """
    descriptor = _locked(lambda: _open_file(path, mode), path, patience, busy)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def held_directory(
    path: str | os.PathLike[str], patience: float | None = None, busy: TrustAnchorError | None = None
) -> Iterator[None]:
    """As `held`, of a directory that exists: nothing is written for it.

    Raises:
        TrustAnchorError: ``busy``, or the directory cannot be opened.
    """
    descriptor = _locked(lambda: _open_directory(path), path, patience, busy)
    try:
        yield
    finally:
        os.close(descriptor)


def held_where_it_is(path: str | os.PathLike[str], check: bool) -> contextlib.AbstractContextManager[None]:
    """As `held_directory`; on a host that has no such directory yet a plan needs no lock, and makes nothing.

    Args:
        path: the directory.
        check: only plan.
    """
    if check and not os.path.isdir(path):
        return contextlib.nullcontext()
    return held_directory(path)


def _open_file(path: str | os.PathLike[str], mode: int) -> int:
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o755, exist_ok=True)
        return os.open(path, _FILE, mode)
    except OSError as error:
        raise TrustAnchorError(
            f"{path} cannot be written: {error.strerror}", "a file is expected there", "Correct it, or its directory"
        ) from error


def _open_directory(path: str | os.PathLike[str]) -> int:
    try:
        return os.open(path, _DIRECTORY)
    except OSError as error:
        raise TrustAnchorError(f"{path} cannot be opened: {error.strerror}", "a directory is expected there") from error


def _locked(
    opened: Callable[[], int],
    path: str | os.PathLike[str],
    patience: float | None,
    busy: TrustAnchorError | None,
) -> int:
    """A descriptor that holds what the path leads to."""
    deadline = None if patience is None else time.monotonic() + patience
    while True:
        descriptor = opened()
        try:
            _await(descriptor, path, deadline, busy)
            if _is_still(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _await(
    descriptor: int, path: str | os.PathLike[str], deadline: float | None, busy: TrustAnchorError | None
) -> None:
    """flock(2) waits without end or not at all."""
    if deadline is None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise busy or TrustAnchorError(f"another process holds {path}", "", "Let it end") from error
        time.sleep(_PAUSE_SECONDS)


def _is_still(path: str | os.PathLike[str], descriptor: int) -> bool:
    """Whether the path still leads to the open file: it may have been replaced while we waited for it."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    return False


def claim(path: str | os.PathLike[str], pid: int, busy: Callable[[int], TrustAnchorError]) -> None:
    """Note in a file that a process holds it; it counts for as long as that process lives, however it ends.

    For work that is done by several processes one after the other, such as the plays of one ansible-playbook: nobody
    has to give the file back. Claiming it once more for the same process is fine.

    Args:
        path: the file, made where it is absent, together with its directory.
        pid: the process.
        busy: the number of another living process that has claimed the file, to what is raised.

    Raises:
        TrustAnchorError: ``busy``, or the file cannot be written.
    """
    # Of a record that several people share by a group, each may be the next one: the umask decides.
    with held(path, mode=0o666) as descriptor:
        holder = _parsed(_content(descriptor))
        if holder and holder["pid"] != pid and _lives(holder):
            raise busy(holder["pid"])
        try:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps(_process(pid)).encode())
        except OSError as error:
            raise TrustAnchorError(f"{path} cannot be written: {error.strerror}") from error


def _content(descriptor: int) -> bytes:
    return os.pread(descriptor, 4096, 0)


def _parsed(content: bytes) -> dict[str, Any] | None:
    with contextlib.suppress(ValueError):
        found = json.loads(content)
        if isinstance(found, dict) and isinstance(found.get("pid"), int):
            return found
    return None  # empty, or torn by a power cut


def _lives(holder: dict[str, Any]) -> bool:
    """Whether the process of a record lives. What another version of the collection noted beside it does not matter."""
    process = _process(holder["pid"])
    return bool(process) and all(holder.get(key) == value for key, value in process.items())


def _process(pid: int) -> dict[str, Any]:
    """What tells a living process from a later one of its number (proc(5), field 22); empty where there is none."""
    try:
        started = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()[19]
        return {"pid": pid, "started": started, "boot": _text("/proc/sys/kernel/random/boot_id").strip()}
    except (FileNotFoundError, ProcessLookupError):
        return {}


def _text(path: str) -> str:
    with open(path, errors="replace") as stream:  # a program may be called anything
        return stream.read()
