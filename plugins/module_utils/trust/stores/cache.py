# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What slow programs said about files that have not changed since. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

Entries = dict[str, str]


class Cache:
    """Fingerprint to name of the certificates in a file, as long as inode, size and both times of it are the same.

    A file's change time is set by the kernel, so a change does not go unseen.
    """

    def __init__(self, content: Mapping[str, Any] | None = None) -> None:
        self._content: dict[str, Any] = dict(content or {})
        self._used: set[str] = set()

    def get(self, path: str) -> Entries | None:
        """What is known of a file, None where nothing is or the file has changed."""
        cached = self._content.get(path)
        if not isinstance(cached, dict) or cached.get("file") != identity(path):
            return None
        self._used.add(path)
        entries: Entries = cached["entries"]
        return entries

    def put(self, path: str, entries: Entries) -> Entries:
        """Keep what was read just now; returns it."""
        return self.keep(path, identity(path), entries)

    def keep(self, path: str, file: list[int] | None, entries: Entries) -> Entries:
        """Keep what was read elsewhere; returns it.

        Args:
            path: of the file.
            file: its `identity` before it was read.
            entries: what was read.
        """
        self._content[path] = {"file": file, "entries": entries}
        self._used.add(path)
        return entries

    def as_dict(self) -> dict[str, Any]:
        """What is worth keeping: of files that were asked for."""
        return {path: self._content[path] for path in sorted(self._used)}


def identity(path: str) -> list[int] | None:
    """What changes whenever a file does; None where it cannot be looked at."""
    try:
        state = os.stat(path)
    except OSError:
        return None
    return [state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns]
