# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where each span of time in the rules of the trust manifest begins and ends, to the second."""

from __future__ import annotations

import datetime as dt

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.model import Manifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.rollout_evidence import (
    Measurement,
    Rollout,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.transitions import (
    EstateEvidence,
    Exceptions,
    change,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
SECOND, HOUR, WEEK = dt.timedelta(seconds=1), dt.timedelta(hours=1), dt.timedelta(days=7)


def manifest(first: str, since: dt.datetime) -> Manifest:
    return Manifest(7, (Root("r1", "11" * 32, first, since=since), Root("r2", "22" * 32, "trusted", since=since)))


def refusal(of: Manifest, state: str, overlap: dt.timedelta, *measured: dt.datetime) -> str:
    """Why r1 cannot have a state, by hosts that were measured then; empty: it can."""
    hosts = {f"web{number}": Measurement("converged", time, ()) for number, time in enumerate(measured, 1)}
    rollout = Rollout(of.id, of.sequence, of.digest, hosts)
    evidence = EstateEvidence(NOW, rollout, {}, tuple(hosts), Exceptions(overlap))
    try:
        after = change(of, {"r1": state}, evidence)
    except TrustAnchorError as error:
        return str(error)
    assert after.named("r1").state == state
    return ""


@pytest.mark.parametrize(
    ("waited", "good"),
    [(25 * HOUR - SECOND, False), (25 * HOUR, True), (25 * HOUR + SECOND, True), (dt.timedelta(0), False)],
)
def test_a_root_retires_for_the_whole_overlap(waited: dt.timedelta, good: bool) -> None:
    """By the host that was measured first."""
    at = manifest("retiring", NOW - HOUR - waited)
    found = refusal(at, "distrusted", 25 * HOUR, NOW - HOUR, NOW)
    assert bool(found) != good
    assert good or ("had been retiring for" in found and "when 'web1' was measured last" in found)


@pytest.mark.parametrize(("age", "good"), [(WEEK - SECOND, True), (WEEK, True), (WEEK + SECOND, False)])
def test_a_measurement_counts_for_a_week(age: dt.timedelta, good: bool) -> None:
    """Of each host by itself."""
    at = manifest("trusted", NOW - 9 * WEEK)
    found = refusal(at, "retiring", HOUR, NOW, NOW - age)
    assert bool(found) != good
    assert good or "is not complete: web2 (measured " in found


def test_an_overlap_of_nothing() -> None:
    assert refusal(manifest("retiring", NOW), "distrusted", dt.timedelta(0), NOW) == ""
