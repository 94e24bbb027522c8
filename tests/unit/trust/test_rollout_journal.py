# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a rollout under kills and parallel workers, and the lock of a rollout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.rollout import journal, lock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

RELEASE = {"id": "ab" * 16, "sequence": 7}


def entry(host: str = "web1", **more: Any) -> journal.Entry:
    return journal.Entry(host, "2026-11-26T12:00:00Z", **{"outcome": "converged", "manifest": RELEASE, **more})


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "rollouts" / "000007.jsonl")


def test_there_may_be_none(path: str) -> None:
    assert journal.read(path) == []


def test_what_is_written_is_read(path: str) -> None:
    lines = [entry("web1", stores=[{"name": "java"}]), entry("web2", outcome="failed", error={"what": "\n\u2028ü"})]
    for line in lines:
        journal.append(path, line)
    assert journal.read(path) == lines


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.data())
def test_a_kill_costs_one_line_and_no_other(tmp_path: Path, cut: st.DataObject) -> None:
    path = tmp_path / "journal.jsonl"
    path.unlink(missing_ok=True)
    for host in ("web1", "web2"):
        journal.append(str(path), entry(host))
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    at = cut.draw(st.integers(first, len(whole) - 2))
    path.write_bytes(whole[:at])
    assert journal.read(str(path)) == [entry("web1")]
    journal.append(str(path), entry("web3"))
    assert journal.read(str(path)) == [entry("web1"), entry("web3")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
def test_any_bytes_give_lines_or_an_error_of_ours(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(content)
    try:
        assert journal.read(str(path)) == []
    except TrustAnchorError as error:
        assert "is not a line of a rollout" in error.what


@pytest.mark.parametrize("change", [{"outcome": "fine"}, {"time": "noon"}, {"colour": "red"}, {"manifest": 7}])
def test_a_line_of_something_else_is_refused(path: str, change: dict[str, Any]) -> None:
    journal.append(path, entry())
    data = json.loads(Path(path).read_bytes())
    Path(path).write_text(json.dumps({**data, **change}) + "\n")
    with pytest.raises(TrustAnchorError, match="line 1 is not a line of a rollout"):
        journal.read(path)


def _append_many(argument: tuple[str, str]) -> None:
    path, host = argument
    for number in range(25):
        journal.append(path, entry(host, changed=bool(number % 2), error={"what": "x" * 5000}))


def test_workers_do_not_disturb_each_other(path: str) -> None:
    hosts = [f"web{number}" for number in range(4)]
    with ProcessPoolExecutor(4) as pool:
        list(pool.map(_append_many, [(path, host) for host in hosts]))
    found = [line.host for line in journal.read(path)]
    assert sorted(found) == sorted(hosts * 25)


def test_no_line_is_lost_while_the_journal_is_replaced(path: str) -> None:
    with ProcessPoolExecutor(2) as pool:
        running = [pool.submit(_append_many, (path, host)) for host in ("web1", "web2")]
        while not all(one.done() for one in running):
            journal.compact(path, list)
    assert len(journal.read(path)) == 50


def test_nothing_to_take_out_leaves_the_file(path: str) -> None:
    journal.append(path, entry())
    before = os.stat(path).st_ino
    journal.compact(path, lambda _entries: None)
    assert os.stat(path).st_ino == before


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "rollouts").write_text("")
    with pytest.raises(TrustAnchorError, match="cannot be written"):
        journal.append(str(tmp_path / "rollouts" / "000007.jsonl"), entry())


def test_one_rollout_at_a_time(path: str) -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        lock.claim(path, other.pid)
        with pytest.raises(TrustAnchorError, match=f"process {other.pid}"):
            lock.claim(path, os.getpid())
        lock.claim(path, other.pid)
    finally:
        other.kill()
        other.wait()
    lock.claim(path, os.getpid())
    assert json.loads(Path(path).read_bytes())["pid"] == os.getpid()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}', b'{"pid": 1, "started": "0", "boot": "x"}'])
def test_a_lock_of_nobody_is_none(path: str, content: bytes) -> None:
    Path(path).parent.mkdir()
    Path(path).write_bytes(content)
    lock.claim(path, os.getpid())
