# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where files are in the public record, and what a merge writes where both ends have one of a name and they differ."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ..errors import TrustAnchorError
from ..host.files import sha256
from .outputs import Form

IN, OUT = "in", "out"  # to the ceremony host, and back into the record

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

Writes = dict[str, bytes]


@dataclass(frozen=True)
class Clash:
    """Both ends have a file of one name, and they differ."""

    directory: Path
    name: str
    here: bytes
    there: bytes
    incoming: Mapping[str, bytes]


Resolve = Callable[[Clash], Writes]


@dataclass(frozen=True)
class RecordPath:
    """Files of one kind.

    Args:
        pattern: of their paths; a star stands for one name.
        check: raises TrustAnchorError where the bytes are not what the path says.
        resolve: what to write where both ends differ.
        ways: the directions in which they are carried.
    """

    pattern: str
    check: Callable[[bytes, str], object]
    resolve: Resolve
    ways: tuple[str, ...] = (IN, OUT)

    def holds(self, name: str) -> bool:
        """Whether a path is one of these."""
        wanted, parts = self.pattern.split("/"), name.split("/")
        return len(wanted) == len(parts) and all(
            fnmatchcase(part, pattern) and _NAME.fullmatch(part) for part, pattern in zip(parts, wanted, strict=True)
        )


@dataclass(frozen=True)
class OutputFiles:
    """Where the record has what one kind of act signs.

    Args:
        directory: relative to the record.
        suffix: of the files' names.
        form: how they are kept.
        resolve: what a merge writes where both ends differ.
        resolve_archived: the same of a file in the archive; None where nothing is ever replaced.
    """

    directory: str
    suffix: str
    form: Form[Any]
    resolve: Resolve
    resolve_archived: Resolve | None = None

    def path(self, name: str) -> str:
        """Of one output, relative to the record."""
        return f"{self.directory}/{name}{self.suffix}"

    def record_paths(self) -> tuple[RecordPath, ...]:
        """The paths that a merge carries."""
        paths = (RecordPath(self.path("*"), self.form.load, self.resolve),)
        if self.resolve_archived is None:
            return paths
        return (*paths, RecordPath(self.path("archive/*"), self.form.load, self.resolve_archived))


def theirs(clash: Clash) -> Writes:
    """What comes in counts."""
    return {clash.name: clash.there}


def neither(clash: Clash) -> Writes:
    """Nobody but a person can tell.

    Raises:
        TrustAnchorError: always.
    """
    raise TrustAnchorError(
        f"{clash.name} is one thing on the ceremony host and another in the record",
        f"SHA-256 {sha256(clash.here)} and {sha256(clash.there)}",
        "Find out which is right before anything is signed",
    )


def archived(path: Path) -> list[Path]:
    """What was in the place of a file before."""
    return sorted((path.parent / "archive").glob(f"{path.stem}-*{path.suffix}"))
