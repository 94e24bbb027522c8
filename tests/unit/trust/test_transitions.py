# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the trust manifest, and what any history of accepted changes keeps."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import rollout_evidence
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.model import Manifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.rollout_evidence import (
    Measurement,
    Rollout,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.transitions import (
    EstateEvidence,
    Exceptions,
    change,
    remove,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from hypothesis import given
from hypothesis import strategies as st

NOW = dt.datetime(2026, 11, 26, 12, 0, 0, tzinfo=dt.UTC)
LONG_AGO = NOW - dt.timedelta(days=40)
OVERLAP = dt.timedelta(hours=25)
HOSTS = ("web1", "web2")


def manifest(*states: str, since: dt.datetime = LONG_AGO) -> Manifest:
    """Roots r1, r2… in these states."""
    roots = (Root(f"r{n}", f"{n}{n}" * 32, state, since=since) for n, state in enumerate(states, 1))
    return Manifest(7, tuple(roots))


def measured(time: dt.datetime | None = NOW, outcome: str = "converged", **leaves: str) -> Measurement:
    """A host; leaves are name=fingerprint."""
    return Measurement(outcome, time, tuple((root, name) for name, root in leaves.items()))


def rolled(of: Manifest, **hosts: Measurement) -> Rollout:
    """A rollout in which every host was measured, but for those that are given otherwise."""
    return Rollout(of.id, of.sequence, of.digest, {**dict.fromkeys(HOSTS, measured()), **hosts})


def evidence(of: Manifest, **different: object) -> EstateEvidence:
    """An estate in which everything is as it should be."""
    return replace(EstateEvidence(NOW, rolled(of), {}, HOSTS, Exceptions(OVERLAP)), **different)  # type: ignore[arg-type]


def states(of: Manifest) -> dict[str, str]:
    return {root.name: root.state for root in of.roots}


def test_the_whole_way_of_a_replacement() -> None:
    at = manifest("trusted", "staged")
    for step in ({"r2": "trusted"}, {"r1": "retiring"}):
        at = change(at, step, evidence(at))
    day_after = NOW + dt.timedelta(hours=26)
    later = replace(evidence(at), now=day_after, rollout=rolled(at, **dict.fromkeys(HOSTS, measured(day_after))))
    at = change(at, {"r1": "distrusted"}, later)
    assert states(at) == {"r1": "distrusted", "r2": "trusted"}
    assert at.sequence == 10
    assert [root.name for root in remove(at, ["r1"], evidence(at)).roots] == ["r2"]


def test_nothing_to_do_is_the_same_manifest() -> None:
    at = manifest("trusted", "staged")
    nothing = replace(evidence(at), rollout=None)
    assert change(at, {"r1": "trusted"}, nothing) is at
    assert remove(at, [], nothing) is at


def test_when_and_why_are_noted() -> None:
    at = manifest("trusted", "trusted")
    after = change(at, {"r1": "distrusted"}, replace(evidence(at), rollout=None), incident="INC-7")
    assert (after.roots[0].since, after.roots[0].incident) == (NOW, "INC-7")
    assert after.roots[1] == at.roots[1]


@pytest.mark.parametrize(
    ("before", "asked", "message"),
    [
        (("trusted", "staged"), {"r2": "retiring"}, "'r2' is staged and cannot become retiring"),
        (("trusted", "staged"), {"r2": "distrusted"}, "'r2' is staged and cannot become distrusted"),
        (("trusted", "trusted"), {"r1": "distrusted"}, "'r1' is trusted and cannot become distrusted"),
        (("trusted", "distrusted"), {"r2": "trusted"}, "from distrusted it can become nothing"),
        (("trusted", "trusted"), {"r1": "staged"}, "cannot become 'staged'"),
        (("trusted", "trusted"), {"r1": "nonsense"}, "cannot become 'nonsense'"),
        (("trusted",), {"r9": "retiring"}, "has no root 'r9'.*it has: r1"),
        (("trusted",), {"r1": "retiring"}, "no trusted root would remain"),
        (("trusted", "trusted"), {"r1": "retiring", "r2": "retiring"}, "no trusted root would remain"),
        (("trusted", "staged"), {"r1": "retiring", "r2": "trusted"}, "'r2' would take the place of 'r1' without an"),
    ],
)
def test_a_step_that_is_refused(before: tuple[str, ...], asked: dict[str, str], message: str) -> None:
    at = manifest(*before)
    with pytest.raises(TrustAnchorError, match=message):
        change(at, asked, evidence(at))


@pytest.mark.parametrize("asked", [{"r1": "distrusted"}, {"r1": "retiring"}])
def test_an_incident_leaves_one_trusted_root_too(asked: dict[str, str]) -> None:
    at = manifest("trusted", "staged")
    with pytest.raises(TrustAnchorError, match="no trusted root would remain"):
        change(at, asked, evidence(at), incident="INC-7")


def test_an_incident_skips_steps_and_proofs() -> None:
    at = manifest("trusted", "staged")
    nothing = EstateEvidence(NOW, None, {"r1": ("ca1",)}, (), Exceptions(OVERLAP))
    after = change(at, {"r1": "distrusted", "r2": "trusted"}, nothing, incident="INC-7")
    assert states(after) == {"r1": "distrusted", "r2": "trusted"}


MANIFEST = manifest("retiring", "trusted")
GOOD, ROLLED = evidence(MANIFEST), rolled(MANIFEST)
SHA256 = MANIFEST.roots[0].sha256


def with_host(web1: Measurement) -> EstateEvidence:
    return replace(GOOD, rollout=rolled(MANIFEST, web1=web1))


@pytest.mark.parametrize(
    ("proof", "message"),
    [
        (replace(GOOD, rollout=None), "no report of a rollout of sequence 7"),
        (replace(GOOD, rollout=replace(ROLLED, sequence=6)), "no report of a rollout of sequence 7"),
        (replace(GOOD, rollout=replace(ROLLED, id="other")), "no report of a rollout of sequence 7"),
        (replace(GOOD, rollout=replace(ROLLED, digest="ab" * 32)), "sequence 7 is of another content"),
        (replace(GOOD, rollout=replace(ROLLED, digest="")), "sequence 7 is of another content"),
        (replace(GOOD, declared=()), "nobody said which hosts are declared"),
        (replace(GOOD, declared=(*HOSTS, "new1")), r"sequence 7 is not complete: new1 \(not in the report\)"),
        (with_host(measured(outcome="failed")), r"sequence 7 is not complete: web1 \(failed\)"),
        (with_host(measured(NOW - dt.timedelta(days=8))), r"is not complete: web1 \(measured 2026-11-18T12:00:00Z\)"),
        (with_host(measured(NOW + dt.timedelta(hours=1))), r"is not complete: web1 \(measured 2026-11-26T13:00:00Z\)"),
        (with_host(measured(None)), r"is not complete: web1 \(not measured\)"),
        (with_host(Measurement("converged", NOW, None)), r"is not complete: web1 \(not measured\)"),
        (with_host(measured(web=SHA256)), "still has live certificates below it, or nobody knows: web1: web"),
        (with_host(measured(broken="")), "or nobody knows: web1: broken"),
        (replace(GOOD, intermediates={"r1": ("ca1",)}), "'r1' still has 'ca1' below it"),
        (replace(GOOD, exceptions=Exceptions(dt.timedelta(days=41))), "retiring for 960.0 hours"),
        (
            replace(with_host(measured(LONG_AGO)), now=LONG_AGO + dt.timedelta(days=1), declared=("web1",)),
            "retiring for 0.0 hours when 'web1' was measured last",
        ),
    ],
)
def test_a_root_that_is_in_use_is_not_distrusted(proof: EstateEvidence, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        change(MANIFEST, {"r1": "distrusted"}, proof)
    assert states(change(MANIFEST, {"r1": "distrusted"}, GOOD))["r1"] == "distrusted"


@pytest.mark.parametrize(
    "state", [measured(outcome="unreachable"), measured(NOW - dt.timedelta(days=60)), measured(None)]
)
def test_a_waiver_is_no_measurement(state: Measurement) -> None:
    """What a waived host has is unknown: it needs a reason of its own before the root that it may need is gone."""
    waived = replace(rolled(MANIFEST, web1=state), waived={"web1": NOW.date()})
    proof = replace(GOOD, rollout=waived)
    before = manifest("trusted", "trusted")
    rollout = replace(rolled(before, web1=state), waived={"web1": NOW.date()})
    assert states(change(before, {"r1": "retiring"}, replace(GOOD, rollout=rollout)))["r1"] == "retiring"
    with pytest.raises(TrustAnchorError, match=r"nothing is known of web1 \(.*a waiver does not change that"):
        change(MANIFEST, {"r1": "distrusted"}, proof)
    gone = manifest("distrusted", "trusted")
    forgotten = replace(proof, rollout=replace(waived, digest=gone.digest))
    with pytest.raises(TrustAnchorError, match="nothing is known of web1"):
        remove(gone, ["r1"], forgotten)
    exceptions = Exceptions(OVERLAP, unmeasured={"web1": "scrapped, INV-77"})
    after = change(MANIFEST, {"r1": "distrusted"}, replace(proof, exceptions=exceptions))
    assert states(after)["r1"] == "distrusted"
    assert len(remove(gone, ["r1"], replace(forgotten, exceptions=exceptions)).roots) == 1


@pytest.mark.parametrize("named", [{"web9": "scrapped"}, {"web1": " "}])
def test_an_exception_is_a_declared_host_and_a_reason(named: dict[str, str]) -> None:
    proof = replace(GOOD, exceptions=Exceptions(OVERLAP, unmeasured=named))
    with pytest.raises(TrustAnchorError, match="is not a declared host with a reason"):
        change(MANIFEST, {"r1": "distrusted"}, proof)


def test_a_waiver_that_has_run_out_since_the_report_counts_no_more() -> None:
    at = manifest("trusted", "trusted")
    rollout = replace(rolled(at, web1=measured(outcome="failed")), waived={"web1": NOW.date() - dt.timedelta(days=1)})
    with pytest.raises(TrustAnchorError, match="not complete: web1"):
        change(at, {"r1": "retiring"}, replace(GOOD, rollout=rollout))


def test_what_is_declared_today_was_not_outside_the_estate_in_a_rollout() -> None:
    """Who is outside the inventory says, now; the report is a file of the record."""
    report = {
        "version": 1,
        "manifest": {"id": MANIFEST.id, "sequence": MANIFEST.sequence, "digest": MANIFEST.digest},
        "complete": True,
        "hosts": {},
        "outside": {"web3": "to be scrapped"},
    }
    found = rollout_evidence.parse(json.dumps(report).encode(), "a report")
    proof = replace(GOOD, declared=(*HOSTS, "web3"), rollout=replace(found, hosts=ROLLED.hosts))
    with pytest.raises(TrustAnchorError, match=r"not complete: web3 \(not in the report\)"):
        change(MANIFEST, {"r1": "distrusted"}, proof)


def test_nothing_measured_is_no_waiting() -> None:
    proof = replace(
        with_host(measured(None)),
        declared=("web1",),
        exceptions=Exceptions(OVERLAP, unmeasured={"web1": "scrapped"}),
    )
    waived = replace(rolled(MANIFEST, web1=measured(None)), waived={"web1": NOW.date()})
    with pytest.raises(TrustAnchorError, match="retiring for an unknown number of hours when the hosts were measured"):
        change(MANIFEST, {"r1": "distrusted"}, replace(proof, rollout=waived))


def test_an_incident_is_noted_with_a_root_that_is_trusted_already() -> None:
    at = manifest("trusted", "trusted")
    nothing = replace(evidence(at), rollout=None)
    after = change(at, {"r2": "trusted"}, nothing, incident="INC-8")
    assert (after.roots[1].incident, after.roots[1].since, after.sequence) == ("INC-8", LONG_AGO, 8)
    assert change(after, {"r2": "trusted"}, nothing, incident="INC-9") is after


def test_since_when_a_root_retires_must_be_known() -> None:
    at = Manifest(7, (Root("r1", "11" * 32, "retiring"), Root("r2", "22" * 32, "trusted")))
    with pytest.raises(TrustAnchorError, match="retiring for an unknown number of hours"):
        change(at, {"r1": "distrusted"}, evidence(at))


def test_a_root_does_not_retire_before_every_host_has_another() -> None:
    at = manifest("trusted", "trusted")
    with pytest.raises(TrustAnchorError, match="'r1' cannot retire: hosts may lack the other roots"):
        change(at, {"r1": "retiring"}, replace(evidence(at), rollout=None))
    assert states(change(at, {"r1": "retiring"}, evidence(at)))["r1"] == "retiring"


def test_a_change_of_mind_needs_no_proof() -> None:
    assert states(change(MANIFEST, {"r1": "trusted"}, replace(GOOD, rollout=None)))["r1"] == "trusted"


@pytest.mark.parametrize(
    ("before", "proven", "message"),
    [
        ("trusted", True, "root 'r1' is trusted.*only a root that no host trusts"),
        ("retiring", True, "root 'r1' is retiring"),
        ("distrusted", False, "root 'r1' may still be in a trust store"),
        ("distrusted", True, ""),
        ("staged", False, ""),
    ],
)
def test_what_may_leave_the_manifest(before: str, proven: bool, message: str) -> None:
    at = manifest(before, "trusted")
    proof = evidence(at) if proven else replace(evidence(at), rollout=None)
    if message:
        with pytest.raises(TrustAnchorError, match=message):
            remove(at, ["r1"], proof)
    else:
        assert [root.name for root in remove(at, ["r1"], proof).roots] == ["r2"]


steps = st.lists(
    st.tuples(
        st.dictionaries(
            st.sampled_from(["r1", "r2", "r3"]), st.sampled_from(["trusted", "retiring", "distrusted"]), max_size=3
        ),
        st.booleans(),
    ),
    max_size=12,
)


@given(steps)
def test_no_history_leaves_a_host_without_a_root_that_it_knows(history: list[tuple[dict[str, str], bool]]) -> None:
    """A host that skipped nothing always shares a trusted root with the next manifest; the sequence never falls."""
    at = manifest("trusted", "staged", "staged")
    for asked, proven in history:
        proof = evidence(at) if proven else replace(evidence(at), rollout=None)
        try:
            after = change(at, asked, proof)
        except TrustAnchorError:
            continue
        trusted = [{root.name for root in one.roots if root.state == "trusted"} for one in (at, after)]
        assert trusted[0] & trusted[1]
        assert after.sequence == at.sequence + (after is not at)
        if not proven:
            assert all(root.state != "retiring" or root in at.roots for root in after.roots)
        at = after
