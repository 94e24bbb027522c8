# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files in JSON that one version of the collection writes and another one reads: each has the version of its form.

A later version than is known is refused loudly, and such a file is never written over. Keys that nobody here knows, of
a sister version that added something, are passed over by who reads, and kept by who writes the file again. Standard
library only.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ..errors import TrustAnchorError
from ..schema import read_version
from .files import read


class DamagedFileError(TrustAnchorError):
    """A file that is not what any version writes."""


@dataclass(frozen=True)
class VersionedFile:
    """One kind of file.

    Args:
        what: names it in messages, such as ``what this host was told``.
        version: the one that is written here, and the newest that is understood.
        remedy: what to do with one that is damaged.
    """

    what: str
    version: int
    remedy: str

    def parse(self, content: bytes, path: str) -> dict[str, Any]:
        """What a file holds, its version among it.

        Raises:
            DamagedFileError: it is not an object in JSON.
            TrustAnchorError: it is of a later version.
        """
        try:
            found = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise self.damaged(path, f"it is not JSON ({error})") from error
        if not isinstance(found, dict):
            raise self.damaged(path, f"it holds {type(found).__name__}, an object is expected")
        read_version(found, self.version, path)
        return found

    def damaged(self, path: str, why: str) -> DamagedFileError:
        """The error for a file that holds something else."""
        return DamagedFileError(f"{path} cannot be read", f"{self.what}: {why}", self.remedy)

    def content(
        self, values: Mapping[str, Any], more: Mapping[str, Any] | None = None, indent: int | None = 1
    ) -> bytes:
        """The bytes of a file.

        Args:
            values: what it says.
            more: what else was in it, of a sister version.
            indent: spaces for each level.
        """
        whole = {**(more or {}), **values, "version": self.version}
        return (json.dumps(whole, indent=indent, sort_keys=True) + "\n").encode()

    def rewritten(self, path: str, values: Mapping[str, Any], indent: int | None = 1) -> bytes:
        """The bytes that take the place of a file; what is damaged is made again.

        Raises:
            TrustAnchorError: the file that is there is of a later version.
        """
        present = read(path)
        try:
            more = {} if present is None else self.parse(present, path)
        except DamagedFileError:
            more = {}
        return self.content(values, others(more, values), indent)

    def require_mine(self, path: str) -> None:
        """Refuse to write over a file of a later version.

        Raises:
            TrustAnchorError: it is one.
        """
        self.rewritten(path, {})


def others(found: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """The keys of a file that nobody here knows, with their values."""
    return {key: value for key, value in found.items() if key not in known and key != "version"}


def known(kind: type[Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a dataclass that were found; a key that it does not have is passed over.

    Raises:
        TypeError: it is not a mapping.
    """
    if not isinstance(found, Mapping):
        raise TypeError(f"{type(found).__name__}, an object is expected")
    names = {one.name for one in fields(kind)}
    return {key: value for key, value in found.items() if key in names}
