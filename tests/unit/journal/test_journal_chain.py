# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime as dt
import errno
import hashlib
import json
import os
import stat
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.journal.chain import (
    GENESIS,
    Chain,
    ChainForm,
    Event,
    head,
)
from hypothesis import given, settings
from hypothesis import strategies as st


class Kind(StrEnum):
    OPENED = "opened"
    RESUMED = "resumed"
    DRAFT = "draft"
    SIGNED = "signed"
    CLOSED = "closed"


FORM = ChainForm(
    "log", Kind.OPENED, Kind.CLOSED, restore="Restore it from another copy", refused="no step is taken without its line"
)
PROPERTY = settings()


def opened(path: Path) -> Chain[Kind]:
    return Chain(path, FORM, lambda: NOON)


def read(data: bytes) -> tuple[Event, ...]:
    return FORM.read(data, "it")


NOON = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)


def written(path: Path, lines: int = 6) -> Chain[Kind]:
    log = opened(path)
    log.append(Kind.OPENED, ceremony="0001", plan_sha256="a" * 64)
    for number in range(lines - 2):
        log.append(Kind.DRAFT, act=f"web{number}", facts={"subject": f"CN=Größe {number}"}, lint=[])
    log.append(Kind.CLOSED, outputs=[], signatures=number + 1)
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
    again = opened(path)
    assert again.events == log.events == read(path.read_bytes())
    assert again.closed
    assert again.events[0].previous == GENESIS
    lines = path.read_bytes().splitlines()
    assert [one.previous for one in again.events[1:]] == [hashlib.sha256(line).hexdigest() for line in lines[:-1]]
    assert head(again.events) == hashlib.sha256(lines[-1]).hexdigest()
    assert again.events[0].time == "2026-11-24T12:00:00Z"


def test_absent_is_empty(tmp_path: Path) -> None:
    log = opened(tmp_path / "none")
    assert (log.events, log.closed, log.last(Kind.OPENED), head(log.events)) == ((), False, None, GENESIS)
    assert not (tmp_path / "none").exists()


def test_the_last_of_a_kind(tmp_path: Path) -> None:
    log = opened(tmp_path / "log")
    log.append(Kind.OPENED)
    for act in ("web1", "web2", "web1"):
        log.append(Kind.SIGNED, act=act)
    found = [log.last(Kind.SIGNED, act=act) for act in ("web1", "web2", "web3")]
    assert [one and one.seq for one in found] == [3, 2, None]
    assert log.last(Kind.SIGNED) == log.events[3]


def test_the_bytes_of_a_line(tmp_path: Path) -> None:
    data = {"kind": "é", "a": {"y": [1, True, None]}}
    opened(tmp_path / "log").append(Kind.OPENED, **data)  # pylint: disable=kwarg-superseded-by-positional-arg
    expected = '{"data":{"a":{"y":[1,true,null]},"kind":"é"},"event":"opened","previous":"%s","seq":0,"time":"%s"}\n'
    assert (tmp_path / "log").read_text() == expected % (GENESIS, "2026-11-24T12:00:00Z")


def test_a_kind_of_a_later_version_is_read() -> None:
    line = Event(1, "2026-11-24T12:00:00Z", hashlib.sha256(forged()[:-1]).hexdigest(), "teleported", {}).line()
    assert [one.kind for one in read(forged() + line + b"\n")] == ["opened", "teleported"]


@PROPERTY
@given(st.data())
def test_a_changed_byte_is_found_or_changes_the_head(data: bytes, draw: st.DataObject) -> None:
    """The last line is bound by nothing behind it: there it is the head, and so the seal, that shows a change."""
    place = draw.draw(st.integers(0, len(data) - 1))
    value = draw.draw(st.integers(0, 255).filter(lambda value: value != data[place]))
    spoilt = data[:place] + bytes([value]) + data[place + 1 :]
    try:
        events = read(spoilt)
    except TrustAnchorError as error:
        assert "it: line " in str(error)
    else:
        assert place > data.rstrip(b"\n").rfind(b"\n")
        assert head(events) != head(read(data))


def lines_of(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


@PROPERTY
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
            read(b"".join(spoilt))


@PROPERTY
@given(st.binary(max_size=200))
def test_any_bytes_give_records_or_an_explanation(junk: bytes) -> None:
    try:
        read(junk)
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
        read(line)


def test_the_plain_form_is_read() -> None:
    assert len(read(forged())) == 1


@pytest.mark.parametrize("torn", [b"{", b'{"data":{"act":"web1"', forged().rstrip(b"\n")])
def test_a_torn_line_is_cut_off_by_the_next_append(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "log"
    opened(path).append(Kind.OPENED)
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    log = opened(path)
    assert len(log.events) == 1
    assert path.read_bytes() == whole + torn  # reading changes nothing
    log.append(Kind.RESUMED)
    log.append(Kind.DRAFT, act="web1")
    assert [one.kind for one in read(path.read_bytes())] == ["opened", "resumed", "draft"]


def test_torn_in_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b'{"data":')
    opened(path).append(Kind.OPENED)
    assert len(read(path.read_bytes())) == 1


def test_two_writers(tmp_path: Path) -> None:
    path = tmp_path / "log"
    one, other = opened(path), opened(path)
    one.append(Kind.OPENED)
    with pytest.raises(TrustAnchorError, match="another process"):
        other.append(Kind.OPENED)
    assert len(read(path.read_bytes())) == 1


def test_order(tmp_path: Path) -> None:
    log = opened(tmp_path / "log")
    with pytest.raises(TrustAnchorError, match="begins with 'opened'"):
        log.append(Kind.DRAFT)
    log.append(Kind.OPENED)
    with pytest.raises(TrustAnchorError, match="has it once"):
        log.append(Kind.OPENED)
    log.append(Kind.CLOSED)
    with pytest.raises(TrustAnchorError, match="closed"):
        log.append(Kind.DRAFT)
    assert [one.kind for one in log.events] == ["opened", "closed"]


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, float("inf"), "\ud800", NOON])
def test_what_json_cannot_hold(tmp_path: Path, value: object) -> None:
    log = opened(tmp_path / "log")
    with pytest.raises(TrustAnchorError):
        log.append(Kind.OPENED, value=value)
    assert not (tmp_path / "log").exists()


def test_what_the_caller_changes_later_changes_no_record(tmp_path: Path) -> None:
    log, people = opened(tmp_path / "log"), ["Ada"]
    log.append(Kind.OPENED, people=people)
    people.append("Mallory")
    assert log.events[0].data["people"] == ["Ada"]


@pytest.mark.parametrize("fault", ["write", "fsync"])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    log = opened(tmp_path / "log")
    log.append(Kind.OPENED)
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
        patch.setattr(os, fault, short if fault == "write" else no_sync)
        with pytest.raises(TrustAnchorError, match="cannot be written"):
            log.append(Kind.DRAFT, act="web1")
    assert (tmp_path / "log").read_bytes() == before
    assert len(log.events) == 1
    log.append(Kind.DRAFT, act="web1")
    assert len(opened(tmp_path / "log").events) == 2


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TrustAnchorError, match="cannot be written"):
        opened(tmp_path / "log").append(Kind.OPENED)
