# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host's disk looks like, to prove that nothing was written."""

from __future__ import annotations

from typing import Any

from . import hosts

Snapshot = dict[str, list[Any]]


def take(host: str) -> Snapshot:
    """Every file of a host with mode, owner, size and time of change, but for volatile paths."""
    found: Snapshot = hosts.ask(host, "snapshot")
    return found


def differences(before: Snapshot, after: Snapshot) -> list[str]:
    """Paths that appeared, vanished or changed, each with how."""
    return [
        f"{path}: {before.get(path, 'absent')} -> {after.get(path, 'absent')}"
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path)
    ]
