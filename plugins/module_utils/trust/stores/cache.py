# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What slow programs said about files that have not changed since. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Entries = dict[str, str]
_NAMES = "names of roots"  # no path


@dataclass(frozen=True)
class Contents:
    """The certificates in a file.

    Args:
        entries: alias to fingerprint, or fingerprint to nothing.
        issuers: fingerprint to `der.foreign_issuer`, of those that have one.
    """

    entries: Entries
    issuers: Entries

    @property
    def certificates(self) -> Entries:
        """Fingerprint to issuer, of a file whose entries go by fingerprint."""
        return {sha256: self.issuers.get(sha256, "") for sha256 in self.entries}


class Cache:
    """The certificates in a file, as long as inode, size and both times of it are the same; and the names of roots.

    A file's change time is set by the kernel, so a change does not go unseen.
    """

    def __init__(self, content: Mapping[str, Any] | None = None) -> None:
        self._content: dict[str, Any] = dict(content or {})
        self._used: set[str] = set()

    def get(self, path: str) -> Contents | None:
        """What is known of a file, None where nothing is, an earlier version has read less, or the file has changed."""
        cached = self._content.get(path)
        if not isinstance(cached, dict) or cached.get("file") != identity(path) or "issuers" not in cached:
            return None
        self._used.add(path)
        return Contents(cached["entries"], cached["issuers"])

    def names(self, new: Entries) -> Entries:
        """Digests of the subjects of all roots that were ever noted, by fingerprint.

        Args:
            new: further ones. Of a distrusted root a host is told the fingerprint alone, so its name is kept.
        """
        known = self._content.get(_NAMES)
        names: Entries = {**(known if isinstance(known, dict) else {}), **new}
        if names:
            self._content[_NAMES] = names
            self._used.add(_NAMES)
        return names

    def put(self, path: str, entries: Entries, issuers: Entries) -> Contents:
        """Keep what was read just now; returns it."""
        return self.keep(path, identity(path), entries, issuers)

    def keep(self, path: str, file: list[int] | None, entries: Entries, issuers: Entries) -> Contents:
        """Keep what was read elsewhere; returns it.

        Args:
            path: of the file.
            file: its `identity` before it was read.
            entries: what was read.
            issuers: of it.
        """
        self._content[path] = {"file": file, "entries": entries, "issuers": issuers}
        self._used.add(path)
        return Contents(entries, issuers)

    def as_dict(self) -> dict[str, Any]:
        """What is worth keeping: names, and of files that were asked for."""
        return {path: self._content[path] for path in sorted(self._used)}


def identity(path: str) -> list[int] | None:
    """What changes whenever a file does; None where it cannot be looked at."""
    try:
        state = os.stat(path)
    except OSError:
        return None
    return [state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns]
