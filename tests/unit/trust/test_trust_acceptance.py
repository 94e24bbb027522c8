# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host takes up and what it refuses, with manifests that are really signed."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust import pem
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.agent import acceptance
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.agent.acceptance import Decision, Offer
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import push
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host.state import HostState
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import signed as signature
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.signed import SignedManifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from cryptography.hazmat.primitives import hashes
from factories import pki
from factories.manifests import sign, signer
from hypothesis import given, settings
from hypothesis import strategies as st

R1, R2, STRANGER = pki.root("R1"), pki.root("R2"), pki.root("Stranger")
UNDER_R1, UNDER_R2 = signer(R1), signer(R2)
URL = "http://pki.corp.example/trust.p7m"
DAYS = dt.timedelta(days=1)
WINDOW = acceptance.JUMP_WINDOW.total_seconds()


def manifest(sequence: int = 7, *roots: Root, **changes: Any) -> SignedManifest:
    listed = roots or (Root("r1", R1.sha256, "trusted", R1.pem),)
    made = SignedManifest(R1.sha256[:32], sequence, pki.NOW, pki.NOW + 30 * DAYS, tuple(listed))
    return replace(made, **changes)


LEAF = R1.leaf("a.corp.example").certificate
BOTH = (Root("r1", R1.sha256, "retiring", R1.pem), Root("r2", R2.sha256, "trusted", R2.pem))
NEW = (Root("r1", R1.sha256, "distrusted"), Root("r2", R2.sha256, "trusted", R2.pem))


def decide(host: HostState, *signed: bytes, now: dt.datetime = pki.NOW) -> Decision:
    offers = [Offer(f"{URL}?{number}", one) for number, one in enumerate(signed)]
    return acceptance.decide(offers, host, now)


def take_up(host: HostState, signed: bytes, now: dt.datetime = pki.NOW) -> None:
    decision = decide(host, signed, now=now)
    assert decision.accepted, decision.refused
    decision.accepted.note(host)


@pytest.fixture
def host() -> HostState:
    """A host that was pushed R1, and has taken up sequence 7."""
    state = HostState(roots=[Root("", R1.sha256, pem=R1.pem)])
    take_up(state, sign(manifest(7), UNDER_R1))
    return state


def refusal(host: HostState, signed: bytes, now: dt.datetime = pki.NOW) -> str:
    before = repr(host)
    decision = decide(host, signed, now=now)
    assert decision.accepted is None
    assert not decision.current
    assert repr(host) == before
    assert len(decision.refused) == 1
    return str(next(iter(decision.refused.values())))


def test_the_way_from_one_root_to_another(host: HostState) -> None:
    take_up(host, sign(manifest(8, *BOTH), UNDER_R1))
    assert [root.pem for root in host.roots] == [R1.pem, R2.pem]
    take_up(host, sign(manifest(9, *NEW), UNDER_R2))
    assert [root.pem for root in host.roots] == [R2.pem]
    assert host.distrusted == [R1.sha256]
    assert "unable to get local issuer" in refusal(host, sign(manifest(10, *BOTH), UNDER_R1))


def test_what_it_has_is_not_verified_again(host: HostState, monkeypatch: pytest.MonkeyPatch) -> None:
    signed = sign(manifest(8), UNDER_R1)
    take_up(host, signed)
    monkeypatch.setattr(signature, "verify", None)
    decision = decide(host, signed)
    assert (decision.accepted, decision.current, decision.refused) == (None, f"{URL}?0", {})


@pytest.mark.parametrize(
    ("offered", "message"),
    [
        (sign(manifest(6), UNDER_R1), "sequence 6, this host was told 7 before"),
        (sign(manifest(7, *BOTH), UNDER_R1), "two trust manifests of sequence 7 with different roots"),
        (
            sign(manifest(7, not_before=pki.NOW - DAYS), UNDER_R1),
            "signed before the one that this host has",
        ),
        (
            sign(manifest(8, not_before=pki.NOW - 9 * DAYS, not_after=pki.NOW), UNDER_R1),
            "an old manifest may be shown",
        ),
        (sign(manifest(8, not_before=pki.NOW + pki.HOUR), UNDER_R1), "is from the future"),
        (sign(manifest(8, id="0" * 32), UNDER_R1), "belongs to the estate 0000"),
        (sign(manifest(1008), UNDER_R1), "a jump of more than 1000"),
        (sign(manifest(8), signer(STRANGER)), "no valid signature"),
        (sign(manifest(8, Root("r1", R2.sha256, "trusted", R1.pem)), UNDER_R1), "has fingerprint"),
        (
            sign(manifest(8, Root("r1", R1.sha256, "trusted", R1.pem + R2.pem)), UNDER_R1),
            "exactly one certificate is expected",
        ),
        (
            sign(
                manifest(8, Root("x", LEAF.fingerprint(hashes.SHA256()).hex(), "trusted", pki.pem(LEAF))),
                UNDER_R1,
            ),
            "is not a CA certificate",
        ),
        (sign(manifest(8), UNDER_R1)[:-40], "no valid signature"),
        (b"<html>404</html>", "no valid signature"),
    ],
    ids=[
        *(
            "rollback",
            "equivocation",
            "older signature",
            "freeze",
            "future",
            "estate",
            "jump",
            "stranger",
            "fingerprint",
        ),
        *("two in one", "leaf", "truncated", "garbage"),
    ],
)
def test_what_is_refused(host: HostState, offered: bytes, message: str) -> None:
    assert message in refusal(host, offered)


def test_a_little_difference_of_clocks_is_forgiven(host: HostState) -> None:
    take_up(host, sign(manifest(8, not_before=pki.NOW + dt.timedelta(minutes=4)), UNDER_R1))


def test_what_it_has_comes_of_age(host: HostState) -> None:
    signed = sign(manifest(8), UNDER_R1)
    take_up(host, signed)
    late = pki.NOW + 31 * DAYS
    assert "expired at" in refusal(host, signed, now=late)
    take_up(host, sign(manifest(8, not_before=late, not_after=late + DAYS), UNDER_R1), now=late)


def test_the_newest_of_several_is_taken(host: HostState) -> None:
    old, good, older = (sign(manifest(number), UNDER_R1) for number in (8, 9, 6))
    decision = decide(host, old, b"garbage", good, older)
    assert decision.accepted is not None
    assert decision.accepted.manifest.sequence == 9
    assert set(decision.refused) == {f"{URL}?1", f"{URL}?3"}


@pytest.mark.parametrize(
    "jump",
    [None, 5, [], {}, {"sequence": 1}, {"since": 1.0}, {"sequence": "1", "since": 1.0}, {"sequence": 1, "since": None}],
)
def test_a_window_that_cannot_be_read_begins_again(host: HostState, jump: Any) -> None:
    """With the sequence that the host was told, so that nothing runs away by it."""
    host.manifest["jump"] = jump
    assert "a jump of more than 1000" in refusal(host, sign(manifest(1008), UNDER_R1))
    take_up(host, sign(manifest(8), UNDER_R1))
    assert host.manifest["jump"] == {"sequence": 7, "since": pki.NOW.timestamp()}


@pytest.mark.parametrize(
    ("before", "kept"),
    [(0.0, True), (1.0, True), (WINDOW - 1, True), (WINDOW, False), (WINDOW + 1, False), (-1.0, False)],
)
def test_how_long_a_window_is(host: HostState, before: float, kept: bool) -> None:
    began = {"sequence": 6, "since": pki.NOW.timestamp() - before}
    host.manifest["jump"] = began
    take_up(host, sign(manifest(8), UNDER_R1))
    assert host.manifest["jump"] == (began if kept else {"sequence": 7, "since": pki.NOW.timestamp()})


def test_a_host_that_was_told_nothing_has_nothing_to_verify_with() -> None:
    assert "trusts none of our roots yet" in refusal(HostState(), sign(manifest(), UNDER_R1))


def test_a_pushed_host_takes_up_what_is_signed_of_the_same_sequence() -> None:
    """Its state has no time of a signature."""
    assigned = push.AssignedManifest(R1.sha256[:32], 7, [pem.parse_root(R1.pem, "r1")], [])
    host = HostState()
    assigned.note(host)
    take_up(host, sign(manifest(7), UNDER_R1))
    assert host.manifest["not_after"] == (pki.NOW + 30 * DAYS).timestamp()
    assigned.note(host)  # a push of the same does not forget it
    assert "not_after" in host.manifest


@settings(max_examples=30)  # openssl runs for each offer
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 9))
def test_a_sequence_never_falls(offered: list[int], installed: int) -> None:
    host = HostState(roots=[Root("", R1.sha256, pem=R1.pem)])
    host.manifest = {"id": R1.sha256[:32], "sequence": installed, "digest": DIGEST}
    decision = decide(host, *(SIGNED[number] for number in offered))
    if decision.accepted:
        decision.accepted.note(host)
    assert host.manifest["sequence"] == max(installed, *offered)


SIGNED = {number: sign(manifest(number), UNDER_R1) for number in range(1, 10)}
DIGEST = push.digest([R1.sha256], [])
