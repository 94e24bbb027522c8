# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate behind a wave by its numbers, and what a report has of a waiver; where a host keeps what it was told."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import state
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.rollout import plan
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


def test_a_waiver_in_a_report() -> None:
    found = Waiver("old1", "Ada", "no Python", dt.date(2026, 12, 31)).as_dict()
    assert found == {"host": "old1", "owner": "Ada", "reason": "no Python", "expires": "2026-12-31"}


def test_where_a_host_keeps_what_it_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents of former versions look there, too."""
    assert (state.DIRECTORY, state.PATH) == ("/var/lib/trustanchor", "/var/lib/trustanchor/trust.json")
    monkeypatch.setattr(state, "PATH", str(tmp_path / "trust.json"))
    with state.locked():
        assert os.listdir(tmp_path) == [".lock"]
