# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is a transcript's own; what it has from every chained journal is in tests/unit/journal."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.transcript import (
    SEAL,
    TRANSCRIPT,
    EventKind,
    Transcript,
    agreement_sha256,
    read_transcript,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.journal.chain import head

NOON = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
# As the first version of this collection wrote it: what is on record stays readable, and is written in the same way.
RECORDED = (
    '{"data":{"ceremony":"0001","people":[{"name":"Ada Größe","role":"witness"}],"rehearsal":false},"event":"opened",'
    '"previous":"0000000000000000000000000000000000000000000000000000000000000000","seq":0,'
    '"time":"2026-11-24T12:00:00Z"}\n'
    '{"data":{"time":"2026-11-24T12:00:00+00:00"},"event":"clock",'
    '"previous":"617fd8658ad7054cec71c812772b519335ac6f0653b79ac2b0c861007c1390aa","seq":1,'
    '"time":"2026-11-24T12:00:00Z"}\n'
).encode()


# What transcripts on record call what happened, and how the files of a ceremony are called.
KINDS = [
    "opened",
    "resumed",
    "clock",
    "plan_confirmed",
    "token",
    "key",
    "draft",
    "confirmed",
    "signed",
    "written",
    "found",
    "inspected",
    "failed",
    "closed",
]


def test_the_words_on_record() -> None:
    assert [str(kind) for kind in EventKind] == KINDS
    assert (TRANSCRIPT, SEAL) == ("transcript.jsonl", "transcript.p7s")


def opened(path: Path) -> Transcript:
    return Transcript.open(path, lambda: NOON)


def test_the_bytes_on_record(tmp_path: Path) -> None:
    log = opened(tmp_path / "log")
    log.append(EventKind.OPENED, ceremony="0001", people=[{"name": "Ada Größe", "role": "witness"}], rehearsal=False)
    log.append(EventKind.CLOCK, time="2026-11-24T12:00:00+00:00")
    assert (tmp_path / "log").read_bytes() == RECORDED
    assert read_transcript(RECORDED, "it") == log.events == opened(tmp_path / "log").events


@pytest.mark.parametrize("kind", [one for one in EventKind if one not in (EventKind.OPENED, EventKind.CLOSED)])
def test_every_kind_has_its_place_between_opened_and_closed(tmp_path: Path, kind: EventKind) -> None:
    log = opened(tmp_path / "log")
    with pytest.raises(TrustAnchorError, match="a transcript begins with 'opened', and has it once"):
        log.append(kind)
    log.append(EventKind.OPENED)
    log.append(kind)
    log.append(EventKind.CLOSED)
    assert log.closed
    with pytest.raises(TrustAnchorError, match="the transcript is closed"):
        log.append(kind)
    assert [one.kind for one in opened(tmp_path / "log").events] == ["opened", str(kind), "closed"]


def test_the_last_of_an_act(tmp_path: Path) -> None:
    log = opened(tmp_path / "log")
    log.append(EventKind.OPENED)
    for act in ("root:r1", "root:r2", "root:r1"):
        log.append(EventKind.SIGNED, act=act)
    found = [log.find(EventKind.SIGNED, act) for act in ("root:r1", "root:r2", "root:r3", None)]
    assert [one and one.seq for one in found] == [3, 2, None, 3]


def test_a_transcript_that_was_changed() -> None:
    with pytest.raises(TrustAnchorError, match=r"line 2: it is not bound.*transcript was changed.*copy of a witness"):
        read_transcript(RECORDED.replace(b"0001", b"0002"), "it")


def test_no_step_without_its_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrustAnchorError, match=r"cannot be (read|written)"):
        opened(tmp_path / "file" / "log").append(EventKind.OPENED)


def test_what_people_agree_to() -> None:
    assert agreement_sha256({"b": 1, "a": "é"}) == agreement_sha256({"a": "é", "b": 1})
    # The digests on record are of the sorted JSON.
    assert agreement_sha256({"b": 1, "a": "é"}) == hashlib.sha256(b'{"a": "\\u00e9", "b": 1}').hexdigest()
    assert head(()) == "0" * 64
