# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A journal that many processes append to: JSON Lines, one event each, so that a kill loses nothing that was noted.

A line is on the disk when `Journal.append` returns. A line whose writer was killed is torn: it costs no other line.
Nothing binds the lines to each other; where a later change must show, take `chain`. Standard library only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ..errors import TrustAnchorError
from ..host.files import read, save
from ..host.locks import held
from ..schema import read_version

E = TypeVar("E")
MOST = 4 << 30  # bytes of a journal; thousands of hosts leave megabytes in each run until it is compacted
_MODE = 0o644


@dataclass(frozen=True)
class EventForm(Generic[E]):
    """How one kind of journal writes its events.

    Args:
        what: names the journal in messages, such as ``a rollout``.
        dump: an event to a mapping that JSON can hold.
        load: such a mapping to the event; raises TypeError or ValueError for anything else.
        version: of a line, the newest that is understood. Each line has its own, as ``version``: versions of the
            collection may take turns.
    """

    what: str
    dump: Callable[[E], Mapping[str, Any]]
    load: Callable[[Mapping[str, Any]], E]
    version: int = 1

    def line(self, event: E) -> bytes:
        """An event as one line, with its end."""
        return json.dumps(self.dump(event), sort_keys=True).encode() + b"\n"

    def event(self, data: Any, where: str) -> E:
        """What a line holds.

        Raises:
            TrustAnchorError: it is not a line of such a journal, or one of a later version.
        """
        try:
            if not isinstance(data, dict):
                raise TypeError("it is not an object")
            read_version(data, self.version, where)
            return self.load({key: value for key, value in data.items() if key != "version"})
        except (TypeError, ValueError) as error:
            raise TrustAnchorError(
                f"{where} is not a line of {self.what}", str(error), "Move the journal away"
            ) from error


@dataclass(frozen=True)
class Journal(Generic[E]):
    """A journal in a file; it is made, with its directory, when the first event is appended."""

    path: str | os.PathLike[str]
    form: EventForm[E]

    def append(self, event: E) -> None:
        """Add an event; it is on the disk when this returns.

        Raises:
            TrustAnchorError: the file cannot be written; then it is as it was.
        """
        line = self.form.line(event)
        with held(self.path, mode=_MODE) as descriptor:
            end = os.lseek(descriptor, 0, os.SEEK_END)
            # What is left of a line whose writer was killed must not take this one with it.
            torn = end > 0 and os.pread(descriptor, 1, end - 1) != b"\n"
            try:
                write_whole(descriptor, b"\n" + line if torn else line, end)
            except OSError as error:
                raise TrustAnchorError(
                    f"{self.path} cannot be written: {error.strerror}", "", "Free the cause and run again"
                ) from error

    def read(self) -> list[E]:
        """All events, in their order; none where there is no journal. Torn lines are left out.

        Raises:
            TrustAnchorError: a line is JSON, and not a line of such a journal; or the file cannot be read.
        """
        found = []
        for number, line in enumerate((read(self.path, MOST) or b"").split(b"\n"), 1):
            try:
                data = json.loads(line)
            except (ValueError, RecursionError):  # also bytes that are not UTF-8
                continue
            found.append(self.form.event(data, f"{self.path}, line {number}"))
        return found

    def compact(self, choose: Callable[[list[E]], list[E] | None]) -> None:
        """Take events out of the journal, in one step; nobody appends in between.

        Args:
            choose: all events to those that stay, None for all.

        Raises:
            TrustAnchorError: the file cannot be read or written; then it is as it was.
        """
        with held(self.path, mode=_MODE):
            keep = choose(self.read())
            if keep is not None:
                save(self.path, b"".join(self.form.line(event) for event in keep))


def write_whole(descriptor: int, data: bytes, end: int) -> None:
    """Write ``data`` behind the ``end`` bytes of a file that is open for appending, and flush it; all of it or nothing.

    Raises:
        OSError: it cannot be written.
    """
    try:
        written = 0
        while written < len(data):
            written += os.write(descriptor, data[written:])
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, end)
        raise
