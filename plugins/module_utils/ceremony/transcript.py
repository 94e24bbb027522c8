# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The transcript of a ceremony: JSON Lines, each bound to the line before it by SHA-256.

A line has one canonical form only, so the same record can never be written in two ways. The chain alone shows
an edit in the middle; the seal over the whole file shows every other.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import TrustAnchorError
from ..host.files import read, sync_directory

GENESIS = "0" * 64
OPENED, CLOSED = "opened", "closed"
TRANSCRIPT, SEAL = "transcript.jsonl", "transcript.p7s"  # files of a ceremony's directory

_KEYS = {"seq", "time", "previous", "event", "data"}
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_EVENT = re.compile(r"[a-z][a-z_]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Record:
    """One line.

    Args:
        seq: position, from 0.
        time: when it was written, UTC, whole seconds, such as ``2026-11-24T06:00:00Z``.
        previous: SHA-256 of the line before, hex, without its line end; GENESIS for the first.
        event: what happened.
        data: public facts, JSON-serialisable.
    """

    seq: int
    time: str
    previous: str
    event: str
    data: Mapping[str, Any]

    def line(self) -> bytes:
        """The canonical form, without the line end.

        Raises:
            TrustAnchorError: the data cannot be written as JSON in UTF-8.
        """
        content = {"seq": self.seq, "time": self.time, "previous": self.previous, "event": self.event}
        try:
            text = json.dumps(
                {**content, "data": self.data},
                sort_keys=True,
                separators=(",", ":"),
                ensure_ascii=False,
                allow_nan=False,
            )
            return text.encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise TrustAnchorError(f"the transcript cannot hold a '{self.event}' record", str(error)) from error

    @property
    def digest(self) -> str:
        """SHA-256 of the line, hex: what the next line calls ``previous``."""
        return hashlib.sha256(self.line()).hexdigest()


def head(records: Sequence[Record]) -> str:
    """SHA-256 of the last line, hex, GENESIS where there is none. It stands for the whole transcript."""
    return records[-1].digest if records else GENESIS


def agreement_sha256(asked: Mapping[str, Any]) -> str:
    """Digest of what people agree to, hex: they confirm it, and whoever verifies computes it from the record."""
    return hashlib.sha256(json.dumps(dict(asked), sort_keys=True).encode()).hexdigest()


def now_utc() -> dt.datetime:
    """The clock of this machine, UTC, whole seconds."""
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def read_transcript(data: bytes, source: str) -> tuple[Record, ...]:
    """The records, once each line is canonical, in its place and bound to the one before.

    Args:
        data: the whole file, ended by a line end.
        source: names the file for messages.

    Raises:
        TrustAnchorError: anything else, with the line.
    """
    if data and not data.endswith(b"\n"):
        raise _broken(source, data.count(b"\n") + 1, "it does not end with a line end")
    records: list[Record] = []
    previous = GENESIS
    for line in data.split(b"\n")[:-1]:
        try:
            record = _parse(line)
            _require_in_place(record, records, previous)
        except (ValueError, TrustAnchorError) as error:
            raise _broken(source, len(records) + 1, str(error)) from error
        records.append(record)
        previous = hashlib.sha256(line).hexdigest()
    return tuple(records)


def _broken(source: str, line: int, problem: str) -> TrustAnchorError:
    return TrustAnchorError(
        f"{source}: line {line}: {problem}",
        "the transcript was changed after it was written",
        "Restore it from the copy of a witness, or from the history of the record",
    )


def _parse(line: bytes) -> Record:
    try:
        content = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON in UTF-8 ({error})") from error
    if not isinstance(content, dict) or set(content) != _KEYS:
        raise ValueError(f"it is not an object with exactly {', '.join(sorted(_KEYS))}")
    record = Record(**content)
    problem = _malformed(record)
    if problem:
        raise ValueError(problem)
    if record.line() != line:
        raise ValueError("it is not in the canonical form")
    return record


def _malformed(record: Record) -> str:
    if isinstance(record.seq, bool) or not isinstance(record.seq, int):
        return "seq is not a whole number"
    if not (isinstance(record.event, str) and _EVENT.fullmatch(record.event)):
        return "event is not a name"
    if not (isinstance(record.previous, str) and _SHA256.fullmatch(record.previous)):
        return "previous is not a SHA-256"
    if not isinstance(record.data, dict):
        return "data is not an object"
    try:
        exact = dt.datetime.strptime(record.time, _TIME).strftime(_TIME) == record.time
    except (TypeError, ValueError):
        exact = False
    return "" if exact else "time is not a UTC time in whole seconds"


def _require_in_place(record: Record, before: Sequence[Record], previous: str) -> None:
    """A clock that goes back is no fault of the chain: it is judged by the plan's window, not here."""
    if record.seq != len(before):
        raise ValueError(f"its seq is {record.seq}, expected {len(before)}")
    if record.previous != previous:
        raise ValueError("it is not bound to the line before")
    if (record.event == OPENED) != (not before):
        raise ValueError(f"a transcript begins with '{OPENED}', and has it once")
    if before and before[-1].event == CLOSED:
        raise ValueError("the transcript is closed")


class Transcript:
    """The transcript of a ceremony under way. One process writes it at a time."""

    def __init__(self, path: Path, records: tuple[Record, ...], length: int, clock: Callable[[], dt.datetime]) -> None:
        self.path = path
        self._records = records
        self._length = length  # bytes of the whole lines; what is behind them was torn off by a crash
        self._clock = clock

    @classmethod
    def open(cls, path: Path, clock: Callable[[], dt.datetime] = now_utc) -> Transcript:
        """Read and verify what is there; an absent file is an empty transcript.

        Args:
            path: the file. A torn last line stays until the next append cuts it off.
            clock: gives the time of each record.

        Raises:
            TrustAnchorError: the file cannot be read, or its chain is broken.
        """
        data = read(path) or b""
        whole = data[: data.rfind(b"\n") + 1]
        return cls(path, read_transcript(whole, str(path)), len(whole), clock)

    @property
    def records(self) -> tuple[Record, ...]:
        """All records, in order."""
        return self._records

    @property
    def closed(self) -> bool:
        """Whether the ceremony is over."""
        return bool(self._records) and self._records[-1].event == CLOSED

    def find(self, event: str, act: str | None = None) -> Record | None:
        """The last record of an event, of one act where ``act`` names one."""
        for record in reversed(self._records):
            if record.event == event and act in (None, record.data.get("act")):
                return record
        return None

    def append(self, event: str, **data: Any) -> Record:
        """Write a record through to the disk; it is there when this returns.

        Raises:
            TrustAnchorError: the transcript is closed, the data is not JSON, another process wrote, or the
                file cannot be written: then it is as it was before.
        """
        records = self._records
        time = self._clock().astimezone(dt.UTC).strftime(_TIME)
        record = Record(len(records), time, head(records), event, data)
        line = record.line() + b"\n"
        try:
            record = _parse(line[:-1])  # as it will be read; and a copy that the caller cannot change any more
            _require_in_place(record, records, record.previous)
        except ValueError as error:
            raise TrustAnchorError(f"{self.path} cannot have the record '{event}' now", str(error)) from error
        self._write(line)
        self._records = (*records, record)
        self._length += len(line)
        return record

    def _write(self, line: bytes) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(self.path, flags, 0o644)
            try:
                self._cut_torn_line(descriptor)
                _write_whole(descriptor, line, self._length)
            finally:
                os.close(descriptor)
            if not self._length:
                sync_directory(str(self.path.parent))
        except OSError as error:
            raise TrustAnchorError(
                f"the transcript {self.path} cannot be written: {error.strerror}",
                "no step is taken that the transcript does not hold",
                "Remove the cause and run again",
            ) from error

    def _cut_torn_line(self, descriptor: int) -> None:
        size = os.fstat(descriptor).st_size
        if size == self._length:
            return
        behind = os.pread(descriptor, max(size - self._length, 0), self._length)
        if size < self._length or b"\n" in behind:
            raise TrustAnchorError(
                f"the transcript {self.path} was changed by another process",
                f"it has {size} bytes, expected {self._length}",
                "Let one ceremony run at a time, then run again",
            )
        os.ftruncate(descriptor, self._length)


def _write_whole(descriptor: int, line: bytes, length: int) -> None:
    """Write all of ``line`` behind ``length`` bytes, or leave these alone."""
    try:
        written = 0
        while written < len(line):
            written += os.write(descriptor, line[written:])
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, length)
        raise
