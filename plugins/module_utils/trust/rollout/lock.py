# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One rollout of a public record at a time: a timer and a person must not work against each other (controller).

The plays of a rollout share no process but ansible-playbook itself, so it is that process that holds the lock.
"""

from __future__ import annotations

from ...errors import TrustAnchorError
from ...host import locks


def claim(path: str, pid: int) -> None:
    """Note that a process rolls out; doing so again is fine.

    Args:
        path: file of the lock.
        pid: the process.

    Raises:
        TrustAnchorError: another process does, or the file cannot be written.
    """
    locks.claim(path, pid, _busy)


def _busy(pid: int) -> TrustAnchorError:
    return TrustAnchorError(
        f"another rollout of this record is at work: process {pid}",
        "two at a time would work against each other",
        "Let it end; when it hangs, end that process and run again",
    )
