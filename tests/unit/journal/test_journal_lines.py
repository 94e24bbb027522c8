# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import files
from ansible_collections.trustanchor.private_ca.plugins.module_utils.journal import lines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PROPERTY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Visit:
    host: str
    note: str = ""


def load(data: Mapping[str, Any]) -> Visit:
    visit = Visit(**data)
    if not isinstance(visit.host, str):
        raise ValueError("host is not a text")
    return visit


FORM = lines.EventForm("a tour", asdict, load)


@pytest.fixture
def journal(tmp_path: Path) -> lines.Journal[Visit]:
    return lines.Journal(tmp_path / "tours" / "1.jsonl", FORM)


def content(journal: lines.Journal[Visit]) -> bytes:
    return Path(journal.path).read_bytes()


def test_there_may_be_none(journal: lines.Journal[Visit]) -> None:
    assert journal.read() == []
    assert not Path(journal.path).parent.exists()


def test_what_is_appended_is_read(journal: lines.Journal[Visit]) -> None:
    visits = [Visit("web1"), Visit("web2", "\n\u2028ü")]
    for visit in visits:
        journal.append(visit)
    assert journal.read() == visits
    assert content(journal).splitlines()[0] == b'{"host": "web1", "note": ""}'
    assert Path(journal.path).stat().st_mode & 0o777 == 0o644


@PROPERTY
@given(cut=st.data())
def test_a_kill_costs_one_line_and_no_other(tmp_path: Path, cut: st.DataObject) -> None:
    path = tmp_path / "journal.jsonl"
    path.unlink(missing_ok=True)
    journal = lines.Journal(path, FORM)
    for host in ("web1", "web2"):
        journal.append(Visit(host))
    whole = path.read_bytes()
    path.write_bytes(whole[: cut.draw(st.integers(whole.index(b"\n") + 1, len(whole) - 2))])
    assert journal.read() == [Visit("web1")]
    journal.append(Visit("web3"))
    assert journal.read() == [Visit("web1"), Visit("web3")]


@PROPERTY
@given(junk=st.binary(max_size=300))
def test_any_bytes_give_events_or_an_error_of_ours(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(junk)
    try:
        assert lines.Journal(path, FORM).read() == []
    except TrustAnchorError as error:
        assert "is not a line of a tour" in error.what


@pytest.mark.parametrize("line", ['{"host": 7}', '{"colour": "red"}', "[]", "null", "7", '"x"'])
def test_a_line_of_something_else_is_refused(journal: lines.Journal[Visit], line: str) -> None:
    journal.append(Visit("web1"))
    with open(journal.path, "a") as stream:
        stream.write(f"{line}\n")
    with pytest.raises(TrustAnchorError, match="line 2 is not a line of a tour"):
        journal.read()


def test_a_journal_larger_than_other_files_is_read(journal: lines.Journal[Visit]) -> None:
    """Thousands of hosts with long lists of processes; what cannot be read could not be compacted either."""
    large = Visit("web1", "x" * (23 << 20))
    for _run in range(3):
        journal.append(large)
    assert Path(journal.path).stat().st_size > files.MAX_BYTES
    journal.compact(lambda found: found[-1:])
    assert journal.read() == [large]


def test_a_line_that_is_nested_too_deep_is_torn(journal: lines.Journal[Visit]) -> None:
    journal.append(Visit("web1"))
    with open(journal.path, "ab") as stream:
        stream.write(b"[" * 100_000 + b"\n")
    assert journal.read() == [Visit("web1")]


def _append_many(argument: tuple[str, str]) -> None:
    path, host = argument
    for number in range(25):
        lines.Journal(path, FORM).append(Visit(host, str(number) * 5000))


def test_workers_do_not_disturb_each_other(journal: lines.Journal[Visit]) -> None:
    hosts = [f"web{number}" for number in range(4)]
    with ProcessPoolExecutor(4) as pool:
        list(pool.map(_append_many, [(str(journal.path), host) for host in hosts]))
    assert sorted(visit.host for visit in journal.read()) == sorted(hosts * 25)


def test_no_event_is_lost_while_the_journal_is_compacted(journal: lines.Journal[Visit]) -> None:
    with ProcessPoolExecutor(2) as pool:
        running = [pool.submit(_append_many, (str(journal.path), host)) for host in ("web1", "web2")]
        while not all(one.done() for one in running):
            journal.compact(list)
    assert len(journal.read()) == 50


def test_what_does_not_stay_is_gone(journal: lines.Journal[Visit]) -> None:
    for host in ("web1", "web2", "web1"):
        journal.append(Visit(host))
    journal.compact(lambda visits: [visit for visit in visits if visit.host == "web1"])
    assert journal.read() == [Visit("web1"), Visit("web1")]
    assert os.listdir(Path(journal.path).parent) == ["1.jsonl"]


def test_nothing_to_take_out_leaves_the_file(journal: lines.Journal[Visit]) -> None:
    journal.append(Visit("web1"))
    before = os.stat(journal.path).st_ino
    journal.compact(lambda _visits: None)
    assert os.stat(journal.path).st_ino == before


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "tours").touch()
    with pytest.raises(TrustAnchorError, match="cannot be written"):
        lines.Journal(tmp_path / "tours" / "1.jsonl", FORM).append(Visit("web1"))


def test_a_full_disk_leaves_what_was_there(journal: lines.Journal[Visit], monkeypatch: pytest.MonkeyPatch) -> None:
    journal.append(Visit("web1"))
    before, real, calls = content(journal), os.write, []

    def short(descriptor: int, line: bytes) -> int:
        """Half the line fits, as on a disk that fills up."""
        calls.append(1)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, line[: len(line) // 2])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", short)
        with pytest.raises(TrustAnchorError, match="No space left on device"):
            journal.append(Visit("web2"))
    assert content(journal) == before
    journal.append(Visit("web3"))
    assert [json.loads(line)["host"] for line in content(journal).splitlines()] == ["web1", "web3"]
