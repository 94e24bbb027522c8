# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the trust manifest, and what any history of accepted changes keeps."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.model import Manifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.transitions import (
    EstateEvidence,
    Rollout,
    change,
    remove,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from hypothesis import given
from hypothesis import strategies as st

NOW = dt.datetime(2026, 11, 26, 12, 0, 0, tzinfo=dt.UTC)
LONG_AGO = NOW - dt.timedelta(days=40)
OVERLAP = dt.timedelta(hours=25)


def manifest(*states: str, since: dt.datetime = LONG_AGO) -> Manifest:
    """Roots r1, r2… in these states."""
    roots = (Root(f"r{n}", f"{n}{n}" * 32, state, since=since) for n, state in enumerate(states, 1))
    return Manifest(7, tuple(roots))


def evidence(of: Manifest, **different: object) -> EstateEvidence:
    """An estate in which everything is as it should be."""
    rollout = Rollout(of.id, of.sequence, complete=True, leaves={}, written=NOW)
    return replace(EstateEvidence(NOW, rollout, {}, OVERLAP), **different)  # type: ignore[arg-type]


def states(of: Manifest) -> dict[str, str]:
    return {root.name: root.state for root in of.roots}


def test_the_whole_way_of_a_replacement() -> None:
    at = manifest("trusted", "staged")
    for step in ({"r2": "trusted"}, {"r1": "retiring"}):
        at = change(at, step, evidence(at))
    day_after = NOW + dt.timedelta(hours=26)
    later = replace(evidence(at), now=day_after, rollout=Rollout(at.id, at.sequence, True, {}, day_after))
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
    nothing = EstateEvidence(NOW, None, {"r1": ("ca1",)}, OVERLAP)
    after = change(at, {"r1": "distrusted", "r2": "trusted"}, nothing, incident="INC-7")
    assert states(after) == {"r1": "distrusted", "r2": "trusted"}


MANIFEST = manifest("retiring", "trusted")
GOOD = evidence(MANIFEST)
SHA256 = MANIFEST.roots[0].sha256


@pytest.mark.parametrize(
    ("proof", "message"),
    [
        (replace(GOOD, rollout=None), "no report of a rollout of sequence 7"),
        (replace(GOOD, rollout=Rollout(MANIFEST.id, 6, True, {}, NOW)), "no report of a rollout of sequence 7"),
        (replace(GOOD, rollout=Rollout("other", 7, True, {}, NOW)), "no report of a rollout of sequence 7"),
        (replace(GOOD, rollout=Rollout(MANIFEST.id, 7, False, {}, NOW)), "rollout of sequence 7 is not complete"),
        (
            replace(GOOD, rollout=Rollout(MANIFEST.id, 7, True, {SHA256: ("web1: web",)}, NOW)),
            "still has live certificates below it, or nobody knows: web1: web",
        ),
        (replace(GOOD, intermediates={"r1": ("ca1",)}), "'r1' still has 'ca1' below it"),
        (replace(GOOD, overlap=dt.timedelta(days=41)), "retiring for 960.0 hours"),
        (
            replace(GOOD, rollout=Rollout(MANIFEST.id, 7, True, {"": ("web9: broken",)}, NOW)),
            "or nobody knows: web9: broken",
        ),
        (
            replace(GOOD, rollout=Rollout(MANIFEST.id, 7, True, {}, NOW - dt.timedelta(days=8))),
            "report of the rollout of sequence 7 is of",
        ),
        (
            replace(GOOD, rollout=Rollout(MANIFEST.id, 7, True, {}, LONG_AGO), now=LONG_AGO + dt.timedelta(days=1)),
            "retiring for 0.0 hours",  # when it was measured
        ),
    ],
)
def test_a_root_that_is_in_use_is_not_distrusted(proof: EstateEvidence, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        change(MANIFEST, {"r1": "distrusted"}, proof)
    assert states(change(MANIFEST, {"r1": "distrusted"}, GOOD))["r1"] == "distrusted"


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
