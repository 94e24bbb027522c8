# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a rollout, and its lock. Kills and parallel workers are in tests/unit/journal."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import times
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.rollout import (
    journal,
    lock,
    plan,
    report,
)

RELEASE = {"id": "ab" * 16, "sequence": 7}
OF = journal.Release("ab" * 16, 7, "cd" * 32, "ef" * 32, ())


def entry(host: str = "web1", **more: Any) -> journal.Entry:
    return journal.Entry(host, "2026-11-26T12:00:00Z", **{"outcome": "converged", "manifest": RELEASE, **more})


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "rollouts" / "000007.jsonl")


def test_what_is_written_is_read(path: str) -> None:
    lines = [entry("web1", stores=[{"name": "java"}]), entry("web2", outcome="failed", error={"what": "\n\u2028ü"})]
    for line in lines:
        journal.of(path).append(line)
    assert journal.of(path).read() == lines


def test_the_bytes_on_record(path: str) -> None:
    """What is on record stays readable, and is written in the same way."""
    journal.of(path).append(entry("web1", changed=True))
    assert Path(path).read_text() == (
        '{"changed": true, "check": false, "effective": {}, "error": {}, "handshakes": [], "host": "web1", '
        '"leaves": [], "manifest": {"id": "abababababababababababababababab", "sequence": 7}, "outcome": "converged", '
        '"repaired": [], "stores": [], "time": "2026-11-26T12:00:00Z", "version": 1}\n'
    )


@pytest.mark.parametrize("change", [{"outcome": "fine"}, {"time": "noon"}, {"manifest": 7}, {"version": "1"}])
def test_a_line_of_something_else_is_refused(path: str, change: dict[str, Any]) -> None:
    journal.of(path).append(entry())
    data = json.loads(Path(path).read_bytes())
    Path(path).write_text(json.dumps({**data, **change}) + "\n")
    with pytest.raises(TrustAnchorError, match="line 1( is not a line of a rollout|: 'version' is '1')"):
        journal.of(path).read()


@pytest.mark.parametrize(
    "said",
    [
        {"stores": [{}]},
        {"stores": "java"},
        {"stores": [{"name": 7}]},
        {"stores": [{"name": "java", "missing": 7}]},
        {"repaired": [{}]},
        {"effective": "stale"},
        {"effective": {"processes": {"pid": 1}}},
        {"effective": {"processes": [{"started": "noon"}]}},
        {"effective": {"processes": [{"started": 1e30}]}},
        {"leaves": ["web"]},
        {"handshakes": [{"target": "web:443", "clients": ["curl"]}]},
        {"error": "no"},
    ],
)
def test_a_bad_answer_on_record_is_a_fault_of_its_host_alone(path: str, said: dict[str, Any]) -> None:
    """Controllers before this one wrote down what hosts said as they said it."""
    for host in ("web1", "web2"):
        journal.of(path).append(entry(host, manifest={**RELEASE, "digest": OF.told}))
    first, second = Path(path).read_text().splitlines()
    Path(path).write_text(json.dumps({**json.loads(first), **said}) + f"\n{second}\n")
    states = plan.states(journal.of(path).read(), OF)
    assert {host: state.outcome for host, state in states.items()} == {"web1": "failed", "web2": "converged"}
    scope = plan.Scope(("web1", "web2"), ("web1", "web2"), (), ())
    built = report.build(OF, scope, states, times.utc_now())
    assert built["missing"] == ["web1"]
    assert "its line in the journal cannot be used" in report.markdown(built)
    assert plan.plan(scope, states, times.utc_now(), dt.timedelta(days=9999)).todo == ("web1",)


def test_what_a_sister_version_noted_is_kept(path: str) -> None:
    """Also where the journal is shortened."""
    journal.of(path).append(entry())
    data = {**json.loads(Path(path).read_bytes()), "colour": "red", "more": {"colour": "blue"}}
    Path(path).write_text(json.dumps(data) + "\n")
    journal.of(path).compact(lambda entries: entries)
    assert json.loads(Path(path).read_bytes()) == data


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
