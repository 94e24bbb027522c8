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


@pytest.mark.parametrize(
    ("state", "asked", "why"),
    [
        ("trusted", "distrusted", ""),
        ("retiring", "distrusted", ""),
        ("staged", "distrusted", ""),
        ("trusted", "retiring", "there is no report of a rollout of sequence 7"),
        ("retiring", "trusted", ""),
        ("distrusted", "trusted", "is distrusted and cannot become trusted"),
    ],
)
def test_a_root_that_has_expired_may_only_be_distrusted_without_proofs(state: str, asked: str, why: str) -> None:
    at = manifest(state, NOW - HOUR)
    evidence = EstateEvidence(NOW, None, {"r1": ("ca1",)}, (), Exceptions(HOUR), frozenset({"r1"}))
    if why:
        with pytest.raises(TrustAnchorError, match=why):
            change(at, {"r1": asked}, evidence)
    else:
        assert change(at, {"r1": asked}, evidence).named("r1").state == asked


@pytest.mark.parametrize(
    ("hosts", "end"), [(10, "web10 (not in the report)"), (11, "web10 (not in the report) and 1 more")]
)
def test_so_many_hosts_are_told(hosts: int, end: str) -> None:
    at = manifest("trusted", NOW)
    declared = tuple(f"web{number:02}" for number in range(1, hosts + 1))
    evidence = EstateEvidence(NOW, Rollout(at.id, 7, at.digest, {}), {}, declared, Exceptions(HOUR))
    with pytest.raises(TrustAnchorError) as caught:
        change(at, {"r1": "retiring"}, evidence)
    assert caught.value.what.endswith(f", {end}")
