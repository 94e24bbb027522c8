# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A journal whose lines are bound to each other: JSON Lines, each with the SHA-256 of the line before it.

A line has one canonical form only, so the same event can never be written in two ways. The chain alone shows an edit in
the middle; a seal over the whole file, or its `head` in another place, shows every other. One process writes at a time;
a line is on the disk when `Chain.append` returns. Standard library only.

The kinds of a journal's events are an enumeration of texts, one for each journal. Kinds that are not in it are read, so
that a journal of a later version can be verified; they cannot be appended.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, TypeVar

from ..errors import TrustAnchorError
from ..host.files import read, sync_directory
from ..schema import read_version
from ..text import times
from .lines import write_whole

GENESIS = "0" * 64

_KEYS = {"seq", "time", "previous", "event", "data"}
_KIND = re.compile(r"[a-z][a-z_]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")

K = TypeVar("K", bound=StrEnum)


@dataclass(frozen=True)
class Event:
    """One line.

    Args:
        seq: position, from 0.
        time: when it was written, such as ``2026-11-24T06:00:00Z``.
        previous: SHA-256 of the line before, hex, without its line end; GENESIS for the first.
        kind: what happened; called ``event`` in the file.
        data: public facts, JSON-serialisable.
    """

    seq: int
    time: str
    previous: str
    kind: str
    data: Mapping[str, Any]

    def line(self) -> bytes:
        """The canonical form, without the line end.

        Raises:
            ValueError: the data cannot be written as JSON in UTF-8.
        """
        content = {"seq": self.seq, "time": self.time, "previous": self.previous, "event": self.kind}
        return canonical({**content, "data": self.data})

    @property
    def digest(self) -> str:
        """SHA-256 of the line, hex: what the next line calls ``previous``."""
        return hashlib.sha256(self.line()).hexdigest()


def canonical(content: Mapping[str, Any]) -> bytes:
    """The one form of a line: sorted keys, no spaces, UTF-8 that is not escaped.

    Raises:
        ValueError: it cannot be written as JSON in UTF-8.
    """
    try:
        return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def head(events: Sequence[Event]) -> str:
    """SHA-256 of the last line, hex, GENESIS where there is none. It stands for the whole journal."""
    return events[-1].digest if events else GENESIS


@dataclass(frozen=True)
class ChainForm(Generic[K]):
    """What one kind of chained journal is.

    Args:
        what: names it in messages, such as ``transcript``.
        opened: kind of its first event; there is no other of that kind.
        closed: kind of its last event; nothing comes behind it.
        restore: what to do with a journal that was changed.
        refused: why nothing is done while a line cannot be written.
        version: of the lines, the newest that is understood. The first event says it in its data, as ``version``.
    """

    what: str
    opened: K
    closed: K
    restore: str
    refused: str
    version: int = 1

    def is_closed(self, events: Sequence[Event]) -> bool:
        """Whether the last event is there."""
        return bool(events) and events[-1].kind == self.closed

    def read(self, data: bytes, source: str) -> tuple[Event, ...]:
        """The events, once each line is canonical, in its place and bound to the one before.

        Args:
            data: the whole file, ended by a line end.
            source: names the file for messages.

        Raises:
            TrustAnchorError: anything else, with the line.
        """
        self._require_version(data, source)
        if data and not data.endswith(b"\n"):
            raise self._broken(source, data.count(b"\n") + 1, "it does not end with a line end")
        events: list[Event] = []
        previous = GENESIS
        for line in data.split(b"\n")[:-1]:
            try:
                event = _parse(line)
                self.require_in_place(event, events, previous)
            except ValueError as error:
                raise self._broken(source, len(events) + 1, str(error)) from error
            events.append(event)
            previous = hashlib.sha256(line).hexdigest()
        return tuple(events)

    def _require_version(self, data: bytes, source: str) -> None:
        """Before anything else: lines of a later version may look otherwise, and nobody has tampered with them."""
        with contextlib.suppress(ValueError, RecursionError):
            opened = json.loads(data.partition(b"\n")[0])
            if isinstance(opened, dict) and isinstance(opened.get("data"), dict):
                read_version(opened["data"], self.version, source)

    def require_in_place(self, event: Event, before: Sequence[Event], previous: str) -> None:
        """Refuse an event that cannot follow. A clock that goes back is not a fault of the chain.

        Raises:
            ValueError: says why.
        """
        if event.seq != len(before):
            raise ValueError(f"its seq is {event.seq}, expected is {len(before)}")
        if event.previous != previous:
            raise ValueError("it is not bound to the line before")
        if (event.kind == self.opened) != (not before):
            raise ValueError(f"a {self.what} begins with '{self.opened}', and has it once")
        if self.is_closed(before):
            raise ValueError(f"the {self.what} is closed")

    def _broken(self, source: str, line: int, problem: str) -> TrustAnchorError:
        return TrustAnchorError(
            f"{source}: line {line}: {problem}", f"the {self.what} was changed after it was written", self.restore
        )


def _parse(line: bytes) -> Event:
    try:
        content = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON in UTF-8 ({error})") from error
    if not isinstance(content, dict) or set(content) != _KEYS:
        raise ValueError(f"it is not an object with exactly {', '.join(sorted(_KEYS))}")
    event = Event(content["seq"], content["time"], content["previous"], content["event"], content["data"])
    problem = _malformed(event)
    if problem:
        raise ValueError(problem)
    if event.line() != line:
        raise ValueError("it is not in the canonical form")
    return event


def _malformed(event: Event) -> str:
    if isinstance(event.seq, bool) or not isinstance(event.seq, int):
        return "seq is not a whole number"
    if not (isinstance(event.kind, str) and _KIND.fullmatch(event.kind)):
        return "event is not a name"
    if not (isinstance(event.previous, str) and _SHA256.fullmatch(event.previous)):
        return "previous is not a SHA-256"
    if not isinstance(event.data, dict):
        return "data is not an object"
    return "" if times.parsed(event.time) else "time is not a UTC time in whole seconds"


class Chain(Generic[K]):
    """A chained journal in a file. One process writes it at a time."""

    def __init__(self, path: Path, form: ChainForm[K], clock: Callable[[], dt.datetime] = times.utc_now) -> None:
        """Read and verify what is there; an absent file is an empty journal.

        Args:
            path: the file. A torn last line stays until the next append cuts it off.
            form: what kind of journal it is.
            clock: gives the time of each event.

        Raises:
            TrustAnchorError: the file cannot be read, or its chain is broken.
        """
        data = read(path) or b""
        whole = data[: data.rfind(b"\n") + 1]
        self.path = path
        self.form = form
        self._events = form.read(whole, str(path))
        self._length = len(whole)  # bytes of the whole lines; what is behind them was torn off by a crash
        self._clock = clock

    @property
    def events(self) -> tuple[Event, ...]:
        """All events, in order."""
        return self._events

    @property
    def closed(self) -> bool:
        """Whether nothing more can come."""
        return self.form.is_closed(self._events)

    def last(self, kind: K, /, **said: Any) -> Event | None:
        """The last event of a kind whose data says this, None where there is none."""
        for event in reversed(self._events):
            if event.kind == kind and all(event.data.get(name) == value for name, value in said.items()):
                return event
        return None

    def append(self, kind: K, /, **data: Any) -> Event:
        """Write an event through to the disk; it is there when this returns.

        Raises:
            TrustAnchorError: the journal is closed, the data is not JSON, another process wrote, or the file cannot be
                written: then it is as it was before.
        """
        events = self._events
        event = Event(len(events), times.render(self._clock()), head(events), str(kind), data)
        try:
            line = event.line() + b"\n"
            event = _parse(line[:-1])  # as it will be read; and a copy that the caller cannot change any more
            self.form.require_in_place(event, events, event.previous)
        except ValueError as error:
            raise TrustAnchorError(f"{self.path} cannot have the event '{kind}' now", str(error)) from error
        self._write(line)
        self._events = (*events, event)
        self._length += len(line)
        return event

    def _write(self, line: bytes) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(self.path, flags, 0o644)
            try:
                self._cut_torn_line(descriptor)
                write_whole(descriptor, line, self._length)
            finally:
                os.close(descriptor)
            if not self._length:
                sync_directory(str(self.path.parent))
        except OSError as error:
            raise TrustAnchorError(
                f"the {self.form.what} {self.path} cannot be written: {error.strerror}",
                self.form.refused,
                "Free the cause and run again",
            ) from error

    def _cut_torn_line(self, descriptor: int) -> None:
        size = os.fstat(descriptor).st_size
        if size == self._length:
            return
        behind = os.pread(descriptor, max(size - self._length, 0), self._length)
        if size < self._length or b"\n" in behind:
            raise TrustAnchorError(
                f"the {self.form.what} {self.path} was changed by another process",
                f"it has {size} bytes, expected are {self._length}",
                "Let one at a time write it, then run again",
            )
        os.ftruncate(descriptor, self._length)
