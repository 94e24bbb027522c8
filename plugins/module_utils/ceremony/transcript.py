# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The transcript of a ceremony: a chained journal, sealed by the root when the ceremony is over."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

from ..journal.chain import Chain, ChainForm, Event
from ..text import times

VERSION = 1  # of the lines; the first one says it
TRANSCRIPT, SEAL = "transcript.jsonl", "transcript.p7s"  # files of a ceremony's directory


class EventKind(StrEnum):
    """What happens in a ceremony. An act's own events say in their data, as ``act``, which one it is."""

    OPENED = "opened"  # with the first run
    RESUMED = "resumed"  # by each later run
    CLOCK = "clock"  # compared with the plan's window
    PLAN_CONFIRMED = "plan_confirmed"
    TOKEN = "token"  # noqa: S105  a token was seen for the first time, or in another state
    KEY = "key"  # was made, imported or found
    DRAFT = "draft"  # what is to be signed
    CONFIRMED = "confirmed"  # by people: a signature, the making of a key, the transcript
    SIGNED = "signed"  # before the signature is checked
    WRITTEN = "written"  # to the record
    FOUND = "found"  # in the record, as planned
    INSPECTED = "inspected"  # a token, as an act of its own
    FAILED = "failed"
    CLOSED = "closed"  # finished or abandoned


_FORM = ChainForm(
    "transcript",
    EventKind.OPENED,
    EventKind.CLOSED,
    restore="Restore it from the copy of a witness, or from the history of the record",
    refused="no step is taken that the transcript does not hold",
    version=VERSION,
)


def agreement_sha256(asked: Mapping[str, object]) -> str:
    """Digest of what people agree to, hex: they confirm it, and whoever verifies computes it from the record."""
    return hashlib.sha256(json.dumps(dict(asked), sort_keys=True).encode()).hexdigest()


def read_transcript(data: bytes, source: str) -> tuple[Event, ...]:
    """The events, once each line is canonical, in its place and bound to the one before.

    Args:
        data: the whole file, ended by a line end.
        source: names the file for messages.

    Raises:
        TrustAnchorError: anything else, with the line.
    """
    return _FORM.read(data, source)


class Transcript(Chain[EventKind]):
    """The transcript of a ceremony under way. One process writes it at a time."""

    @classmethod
    def open(cls, path: Path, clock: Callable[[], dt.datetime] = times.utc_now) -> Transcript:
        """Read and verify what is there; an absent file is an empty transcript.

        Args:
            path: the file.
            clock: gives the time of each event.

        Raises:
            TrustAnchorError: the file cannot be read, or its chain is broken.
        """
        return cls(path, _FORM, clock)

    def find(self, kind: EventKind, act: str | None = None) -> Event | None:
        """The last event of a kind, of one act where ``act`` names one."""
        return self.last(kind) if act is None else self.last(kind, act=act)
