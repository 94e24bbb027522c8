# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate behind a wave by its numbers, and what a report has of a waiver; where a host keeps what it was told."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import state
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.rollout import plan
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.rollout.journal import Entry
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.rollout.waivers import Waiver

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("size", "accepted", "share", "passed"),
    [(0, 0, 0, True), (1, 0, 100, False), (1, 99, 100, False), (1, 100, 100, True), (7, 99, 100, False)],
)
def test_a_wave_of_which_nothing_was_heard(size: int, accepted: int, share: int, passed: bool) -> None:
    wave = [f"web{number}" for number in range(size)]
    found = plan.gate(wave, {}, NOW, accepted)
    assert (found.share, found.passed) == (share, passed)
    assert found.failed == dict.fromkeys(wave, "nothing was heard of it in this run")


@pytest.mark.parametrize(
    ("store", "state"),
    [
        ({"state": "ok"}, "ok"),
        ({"state": "wrong"}, "wrong"),
        ({"state": "unknown", "missing": ["ab"]}, "unknown"),
        ({}, "ok"),
        ({"missing": [], "unwanted": []}, "ok"),
        ({"missing": ["ab"]}, "wrong"),
        ({"unwanted": ["ab"]}, "wrong"),
        ({"state": "ok", "missing": ["ab"]}, "wrong"),
    ],
)
def test_what_a_store_is(store: dict[str, Any], state: str) -> None:
    """Also by modules that do not say it."""
    line = Entry("web1", "2026-11-26T11:00:00Z", "converged", stores=[{"name": "java", **store}])
    found = plan.HostRollout(line, None, False)
    assert [one["state"] for one in found.stores()] == [state]
    assert found.outcome == {"ok": "converged"}.get(state, state)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({}, "failed"),
        ({"what": "disk full."}, "failed: disk full"),
        ({"what": "it needs X.", "why": "disk full...", "next_step": "Wait"}, "failed: it needs X: disk full"),
        ({"what": None, "why": "disk full"}, "failed: disk full"),
    ],
)
def test_why_a_host_did_not_converge(error: dict[str, Any], reason: str) -> None:
    assert plan.reason(Entry("web1", "2026-11-26T11:00:00Z", "failed", error=error)) == reason


def test_a_waiver_in_a_report() -> None:
    found = Waiver("old1", "Ada", "no Python", dt.date(2026, 12, 31)).as_dict()
    assert found == {"host": "old1", "owner": "Ada", "reason": "no Python", "expires": "2026-12-31"}


def test_where_a_host_keeps_what_it_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents of former versions look there, too."""
    assert (state.DIRECTORY, state.PATH) == ("/var/lib/trustanchor", "/var/lib/trustanchor/trust.json")
    monkeypatch.setattr(state, "PATH", str(tmp_path / "trust.json"))
    with state.locked():
        assert os.listdir(tmp_path) == [".lock"]
