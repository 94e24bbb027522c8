# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One rollout of a public record at a time: a timer and a person must not work against each other (controller).

The plays of a rollout share no process but ansible-playbook itself, so the lock is a file that names it. Nobody has
to take it away: it counts for as long as that process lives, however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import Any

from ...errors import TrustAnchorError


def claim(path: str, pid: int) -> None:
    """Note that a process rolls out; doing so again is fine.

    Args:
        path: file of the lock.
        pid: the process.

    Raises:
        TrustAnchorError: another process does, or the file cannot be written.
    """
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        with open(path, "a+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            stream.seek(0)
            holder = _parsed(stream.read())
            if holder.get("pid") != pid and holder and holder == _process(holder["pid"]):
                raise TrustAnchorError(
                    f"another rollout of this record is at work: process {holder['pid']}",
                    "two at a time would work against each other",
                    "Let it end; when it hangs, end that process and run again",
                )
            stream.truncate(0)
            stream.write(json.dumps(_process(pid)).encode())
    except OSError as error:
        raise TrustAnchorError(f"{path} cannot be written: {error.strerror}") from error


def _parsed(content: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        found = json.loads(content)
        if isinstance(found, dict) and isinstance(found.get("pid"), int):
            return found
    return {}  # empty, or torn by a power cut


def _process(pid: int) -> dict[str, Any]:
    """What tells a living process from a later one of its number (proc(5), field 22); empty where there is none."""
    try:
        started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
        return {"pid": pid, "started": started, "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip()}
    except (FileNotFoundError, ProcessLookupError):
        return {}
