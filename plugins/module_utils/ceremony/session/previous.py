# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other ceremonies of a working directory: each stands on the one before, and one is under way at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...errors import TrustAnchorError
from ...host.files import read, sha256
from ...journal.chain import Event, head
from ..transcript import SEAL, TRANSCRIPT, EventKind, read_transcript


def _others(directory: Path) -> Iterator[tuple[Path, tuple[Event, ...]]]:
    for path in sorted(directory.parent.glob(f"*/{TRANSCRIPT}")):
        if path.parent != directory:
            records = read_transcript(read(path) or b"", str(path))
            if records:
                yield path.parent, records


def require_alone(directory: Path) -> None:
    """Refuse to open a ceremony while another one is under way.

    Args:
        directory: directory of the ceremony that is to be opened.

    Raises:
        TrustAnchorError: another one is not closed.
    """
    for other, records in _others(directory):
        if records[-1].kind != EventKind.CLOSED:
            raise TrustAnchorError(
                f"the ceremony '{other.name}' is under way",
                "two at once could sign two things for one act",
                "Finish it, or seal it as it is with abandon",
            )


def previous(directory: Path) -> dict[str, str] | None:
    """The ceremony that was closed last: its name, the SHA-256 of its last line, and of its seal (empty: unsealed)."""
    closed = [(records[-1].time, records[0].time, other.name, other, records) for other, records in _others(directory)]
    if not closed:
        return None
    *_times, name, other, records = max(closed, key=lambda one: one[:3])
    seal = read(other / SEAL)
    return {
        "ceremony": name,
        "head": head(records),
        "seal": sha256(seal) if seal is not None else "",
    }


def wrote(directory: Path, path: str, sha256: str) -> bool:
    """Whether another ceremony, which is over, wrote a file.

    Args:
        directory: directory of the ceremony that asks.
        path: of the file, relative to the record.
        sha256: of its bytes, hexadecimal.
    """
    return any(
        record.kind == EventKind.WRITTEN and (record.data.get("path"), record.data.get("sha256")) == (path, sha256)
        for _other, records in _others(directory)
        if records[-1].kind == EventKind.CLOSED
        for record in records
    )
