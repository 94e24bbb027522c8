# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a rollout: one line of JSON for each host at once, so that a killed controller loses nothing."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ...errors import TrustAnchorError

OUTCOMES = ("converged", "failed", "unreachable")
TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Release:
    """Which version of which trust manifest.

    Args:
        id: of the manifest; names the estate.
        sequence: of the manifest.
    """

    id: str
    sequence: int


@dataclass(frozen=True)
class Entry:
    """What one run of trust_bundle found on one host.

    Args:
        host: name in the inventory.
        time: when it ended, UTC, as `TIME`.
        outcome: one of `OUTCOMES`.
        check: it was check mode: nothing was changed.
        changed: something was, or would be, changed.
        manifest: id and sequence of what was rolled out.
        stores: each store as it was found.
        repaired: stores that were wrong and are right.
        effective: whether all processes have the new roots, and which have not.
        leaves: service certificates on the host.
        handshakes: what the host's clients said about the probed services.
        error: why it failed: what, why, next_step.
    """

    host: str
    time: str
    outcome: str
    check: bool = False
    changed: bool = False
    manifest: Mapping[str, Any] = field(default_factory=dict)
    stores: list[dict[str, Any]] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    effective: Mapping[str, Any] = field(default_factory=dict)
    leaves: list[dict[str, Any]] = field(default_factory=list)
    handshakes: list[dict[str, Any]] = field(default_factory=list)
    error: Mapping[str, Any] = field(default_factory=dict)

    @property
    def moment(self) -> dt.datetime:
        """Its time."""
        return dt.datetime.strptime(self.time, TIME).replace(tzinfo=dt.UTC)

    def is_of(self, release: Release) -> bool:
        """Whether it is of this version of the manifest."""
        return (self.manifest.get("id"), self.manifest.get("sequence")) == (release.id, release.sequence)


def append(path: str, entry: Entry) -> None:
    """Add a line. The workers of a run are processes of their own, so each takes the file for a moment.

    Raises:
        TrustAnchorError: the file cannot be written.
    """
    line = json.dumps(asdict(entry), sort_keys=True).encode() + b"\n"
    with _locked(path) as descriptor:
        # What is left of a line whose writer was killed must not take this one with it.
        end = os.lseek(descriptor, 0, os.SEEK_END)
        torn = end > 0 and os.pread(descriptor, 1, end - 1) != b"\n"
        os.write(descriptor, b"\n" + line if torn else line)
        os.fsync(descriptor)


def read(path: str) -> list[Entry]:
    """All whole lines, in their order; none where there is no journal.

    A line that is not JSON was torn by a kill: its host counts as it did before.

    Raises:
        TrustAnchorError: a line is JSON, but not a line of a journal.
    """
    try:
        with open(path, "rb") as stream:
            lines = stream.read().split(b"\n")
    except FileNotFoundError:
        return []
    found = []
    for number, line in enumerate(lines, 1):
        try:
            data = json.loads(line)
        except ValueError:  # also bytes that are not UTF-8
            continue
        found.append(_entry(data, f"{path}, line {number}"))
    return found


def compact(path: str, choose: Callable[[list[Entry]], list[Entry] | None]) -> None:
    """Take lines out of the journal, in one step.

    Args:
        path: the journal.
        choose: all lines to those that stay, None for all.
    """
    with _locked(path):
        keep = choose(read(path))
        if keep is not None:
            write(path, b"".join(json.dumps(asdict(one), sort_keys=True).encode() + b"\n" for one in keep))


def write(path: str, content: bytes) -> None:
    """Replace a public file in one step; its directory exists.

    Raises:
        TrustAnchorError: it cannot be written.
    """
    temporary = f"{path}.{os.getpid()}.new"
    try:
        with open(temporary, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise TrustAnchorError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _entry(data: Any, where: str) -> Entry:
    try:
        entry = Entry(**data)
        shaped = entry.outcome in OUTCOMES and isinstance(entry.manifest, Mapping) and bool(entry.moment)
    except (TypeError, ValueError) as error:
        raise TrustAnchorError(f"{where} is not a line of a rollout", str(error), "Move the journal away") from error
    if not shaped:
        raise TrustAnchorError(
            f"{where} is not a line of a rollout", "its values are not known", "Move the journal away"
        )
    return entry


@contextlib.contextmanager
def _locked(path: str) -> Iterator[int]:
    """The journal, open and ours alone; made where it is absent."""
    while True:
        try:
            os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise TrustAnchorError(
                f"{path} cannot be written: {error.strerror}", "what hosts say is kept there", "Correct its directory"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_still(path, descriptor):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _is_still(path: str, descriptor: int) -> bool:
    """Whether the path still leads to the open file: it may have been replaced while we waited for it."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    return False
