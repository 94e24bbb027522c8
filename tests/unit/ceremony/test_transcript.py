# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime as dt
import errno
import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony import transcript
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.transcript import (
    GENESIS,
    Transcript,
    head,
    read_transcript,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from hypothesis import given
from hypothesis import strategies as st

NOON = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)


def written(path: Path, lines: int = 6) -> Transcript:
    log = Transcript.open(path, lambda: NOON)
    log.append("opened", ceremony="0001", plan_sha256="a" * 64)
    for number in range(lines - 2):
        log.append("draft", act=f"root:r{number}", facts={"subject": f"CN=Größe {number}"}, lint=[])
    log.append("closed", outputs=[], signatures=number + 1)
    return log


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("log") / "transcript.jsonl"
    written(path)
    return path.read_bytes()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ceremonies/0001/transcript.jsonl"
    log = written(path)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    again = Transcript.open(path)
    assert again.records == log.records == read_transcript(path.read_bytes(), "it")
    assert again.closed
    assert again.records[0].previous == GENESIS
    lines = path.read_bytes().splitlines()
    assert [one.previous for one in again.records[1:]] == [hashlib.sha256(line).hexdigest() for line in lines[:-1]]
    assert head(again.records) == hashlib.sha256(lines[-1]).hexdigest()
    assert again.records[0].time == "2026-11-24T12:00:00Z"


def test_absent_is_empty(tmp_path: Path) -> None:
    log = Transcript.open(tmp_path / "none")
    assert (log.records, log.closed, log.find("opened"), head(log.records)) == ((), False, None, GENESIS)
    assert not (tmp_path / "none").exists()


def test_find_gives_the_last(tmp_path: Path) -> None:
    log = Transcript.open(tmp_path / "log")
    log.append("opened")
    for act in ("root:r1", "root:r2", "root:r1"):
        log.append("signed", act=act)
    assert [getattr(log.find("signed", act), "seq", None) for act in ("root:r1", "root:r2", "root:r3", None)] == [
        3,
        2,
        None,
        3,
    ]


@given(st.data())
def test_a_changed_byte_is_found_or_changes_the_head(data: bytes, draw: st.DataObject) -> None:
    """The last line is bound by nothing behind it: there it is the head, and so the seal, that shows a change."""
    place = draw.draw(st.integers(0, len(data) - 1))
    value = draw.draw(st.integers(0, 255).filter(lambda value: value != data[place]))
    spoilt = data[:place] + bytes([value]) + data[place + 1 :]
    try:
        records = read_transcript(spoilt, "it")
    except TrustAnchorError as error:
        assert "it: line " in str(error)
    else:
        assert place > data.rstrip(b"\n").rfind(b"\n")
        assert head(records) != head(read_transcript(data, "it"))


def lines_of(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


@given(st.data())
def test_a_dropped_swapped_or_doubled_line_is_found(data: bytes, draw: st.DataObject) -> None:
    lines = lines_of(data)
    first = draw.draw(st.integers(0, len(lines) - 2))
    second = draw.draw(st.integers(first + 1, len(lines) - 1))
    swapped = list(lines)
    swapped[first], swapped[second] = lines[second], lines[first]
    doubled = [*lines[: second + 1], lines[first], *lines[second + 1 :]]
    dropped = lines[:first] + lines[first + 1 :]
    for spoilt in (swapped, doubled, dropped):
        with pytest.raises(TrustAnchorError, match="changed after it was written"):
            read_transcript(b"".join(spoilt), "it")


@given(st.binary(max_size=200))
def test_any_bytes_give_records_or_an_explanation(junk: bytes) -> None:
    try:
        read_transcript(junk, "it")
    except TrustAnchorError as error:
        assert error.what


def forged(**changes: Any) -> bytes:
    content = {"seq": 0, "time": "2026-11-24T12:00:00Z", "previous": GENESIS, "event": "opened", "data": {}}
    return json.dumps({**content, **changes}, sort_keys=True, separators=(",", ":")).encode() + b"\n"


@pytest.mark.parametrize(
    "line",
    [
        forged(seq=False),
        forged(seq=0.0),
        forged(seq=1),
        forged(time="2026-11-24T12:00:00+00:00"),
        forged(time="2026-02-30T12:00:00Z"),
        forged(time=5),
        forged(previous="1" * 64),
        forged(previous=None),
        forged(event="draft"),
        forged(event="OPENED"),
        forged(event=[]),
        forged(data=[]),
        forged(data={"a": float("nan")}),
        forged(extra=1),
        forged().replace(b'"seq":0', b'"seq":0,"seq":0'),
        forged().replace(b'"seq":0', b'"seq": 0'),
        forged(data={"a": "é"}),  # escaped, which is not the canonical form
        forged(data={"a": "\ud800"}),
        forged().replace(b"\n", b"\r\n"),
        b"\n",
        b"[]\n",
        b"null\n",
        b"\xff\n",
        b"[" * 100_000 + b"\n",
        forged().rstrip(b"\n"),
    ],
)
def test_not_a_transcript(line: bytes) -> None:
    with pytest.raises(TrustAnchorError, match="line 1"):
        read_transcript(line, "it")


def test_the_plain_form_is_read() -> None:
    assert len(read_transcript(forged(), "it")) == 1


@pytest.mark.parametrize("torn", [b"{", b'{"data":{"act":"root:r1"', forged().rstrip(b"\n")])
def test_a_torn_line_is_cut_off_by_the_next_append(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "log"
    Transcript.open(path).append("opened")
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    log = Transcript.open(path)
    assert len(log.records) == 1
    assert path.read_bytes() == whole + torn  # reading changes nothing
    log.append("resumed")
    log.append("draft", act="root:r1")
    assert [one.event for one in read_transcript(path.read_bytes(), "it")] == ["opened", "resumed", "draft"]


def test_torn_in_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b'{"data":')
    Transcript.open(path).append("opened")
    assert len(read_transcript(path.read_bytes(), "it")) == 1


def test_two_writers(tmp_path: Path) -> None:
    path = tmp_path / "log"
    one, other = Transcript.open(path), Transcript.open(path)
    one.append("opened")
    with pytest.raises(TrustAnchorError, match="another process"):
        other.append("opened")
    assert len(read_transcript(path.read_bytes(), "it")) == 1


def test_order(tmp_path: Path) -> None:
    log = Transcript.open(tmp_path / "log")
    with pytest.raises(TrustAnchorError, match="begins with 'opened'"):
        log.append("draft")
    log.append("opened")
    with pytest.raises(TrustAnchorError, match="has it once"):
        log.append("opened")
    log.append("closed")
    with pytest.raises(TrustAnchorError, match="closed"):
        log.append("draft")
    assert [one.event for one in log.records] == ["opened", "closed"]


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, float("inf"), "\ud800", NOON])
def test_what_json_cannot_hold(tmp_path: Path, value: object) -> None:
    log = Transcript.open(tmp_path / "log")
    with pytest.raises(TrustAnchorError):
        log.append("opened", value=value)
    assert not (tmp_path / "log").exists()


def test_what_the_caller_changes_later_changes_no_record(tmp_path: Path) -> None:
    log, people = Transcript.open(tmp_path / "log"), ["Ada"]
    log.append("opened", people=people)
    people.append("Mallory")
    assert log.records[0].data["people"] == ["Ada"]


@pytest.mark.parametrize("fault", ["write", "fsync"])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    log = Transcript.open(tmp_path / "log")
    log.append("opened")
    before = (tmp_path / "log").read_bytes()
    real, calls = os.write, []

    def short(descriptor: int, line: bytes) -> int:
        """Half the line fits, as on a disk that fills up."""
        calls.append(1)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, line[: len(line) // 2])

    def no_sync(_descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(transcript.os, fault, short if fault == "write" else no_sync)
        with pytest.raises(TrustAnchorError, match="cannot be written"):
            log.append("draft", act="root:r1")
    assert (tmp_path / "log").read_bytes() == before
    assert len(log.records) == 1
    log.append("draft", act="root:r1")
    assert len(Transcript.open(tmp_path / "log").records) == 2


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TrustAnchorError, match="cannot be written"):
        Transcript.open(tmp_path / "log").append("opened")
