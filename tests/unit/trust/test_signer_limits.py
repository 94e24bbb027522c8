# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody who has stolen a manifest signer's key cannot do: outlive it, run away with the numbers, come back."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.introduction import Introductions
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import notice
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.agent import acceptance
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.agent.acceptance import Offer
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import push, state
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host.state import HostState
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import signed, signing
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.anchors import Anchor
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.convergence import (
    ManifestChange,
    ManifestPlan,
    plan,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.model import (
    Manifest,
    parse_manifest,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.signed import SignedManifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.transitions import Exceptions
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.certificates import spki_sha256
from factories import accounts, pki
from factories.manifests import sign, signer

R1 = pki.root("R1", end=pki.NOW + 4000 * pki.DAY)
STOLEN, GOOD = signer(R1), signer(R1)
STOLEN_KEY, GOOD_KEY = (spki_sha256(one.key.public_key()) for one in (STOLEN, GOOD))
SPAN = signing.Span(30 * pki.DAY, 15 * pki.DAY)


def manifest(sequence: int = 7, **changes: Any) -> SignedManifest:
    roots = (Root("r1", R1.sha256, "trusted", R1.pem),)
    return replace(SignedManifest(R1.sha256[:32], sequence, pki.NOW, pki.NOW + 30 * pki.DAY, roots), **changes)


@pytest.fixture
def host() -> HostState:
    """A host that was pushed sequence 7."""
    found = HostState()
    push.parse(Manifest(7, manifest().roots).for_hosts()).note(found)
    return found


def offered(host: HostState, content: bytes, now: dt.datetime = pki.NOW) -> str:
    """Why a manifest is refused; empty where it is taken up."""
    decision = acceptance.decide([Offer("http://pki/trust.p7m", content)], host, now)
    if decision.accepted:
        decision.accepted.note(host)
        return ""
    return str(next(iter(decision.refused.values())))


def test_a_host_is_not_made_to_remember_more_than_it_can_read(host: HostState) -> None:
    """Its state would grow with each manifest, until neither the agent nor a push could read it."""
    many = [f"{number:064x}" for number in range(acceptance.MOST_REMEMBERED)]
    gone = tuple(Root(f"r{one}", one, "distrusted") for one in many)
    roots = manifest().roots
    assert offered(host, sign(manifest(8, refused_signers=(*many, "f" * 64)), STOLEN)).startswith("with the trust")
    assert offered(host, sign(manifest(8, roots=(*roots, *gone, Root("x", "f" * 64, "distrusted"))), STOLEN))
    assert not offered(host, sign(manifest(8, roots=(*roots, *gone), refused_signers=tuple(many)), STOLEN))
    assert "1001 refused signers" in offered(host, sign(manifest(9, refused_signers=("f" * 64,)), STOLEN))
    more = (*roots, Root("x", "f" * 64, "distrusted"))
    assert "1001 distrusted roots" in offered(host, sign(manifest(9, roots=more), STOLEN))
    push.parse(Manifest(9, manifest().roots).for_hosts()).note(host, override=True)
    assert not offered(host, sign(manifest(10, roots=more, refused_signers=("f" * 64,)), STOLEN))


def test_a_manifest_does_not_bring_any_number_of_roots(host: HostState) -> None:
    made = [pki.root(f"N{number}") for number in range(acceptance.MOST_ROOTS)]
    roots = (*manifest().roots, *(Root(f"n{one.sha256}", one.sha256, "trusted", one.pem) for one in made))
    assert "101 trusted roots" in offered(host, sign(manifest(8, roots=roots), STOLEN))


@pytest.mark.parametrize(
    "end",
    [dt.datetime(9999, 12, 31, tzinfo=dt.UTC), pki.NOW + signed.MAX_VALID + dt.timedelta(seconds=1)],
    ids=["year 9999", "a second too long"],
)
def test_a_manifest_is_good_for_a_fixed_span(host: HostState, end: dt.datetime) -> None:
    assert "says that it is valid until" in offered(host, sign(manifest(8, not_after=end), GOOD))
    assert offered(host, sign(manifest(8, not_after=pki.NOW + signed.MAX_VALID), GOOD)) == ""


def test_a_manifest_ends_with_its_signer(host: HostState) -> None:
    short = signer(R1, end=pki.NOW + 3 * pki.DAY)
    late = manifest(8, not_after=pki.NOW + 3 * pki.DAY + dt.timedelta(seconds=1))
    assert "its signer ends at" in offered(host, sign(late, short))
    assert offered(host, sign(manifest(8, not_after=pki.NOW + 3 * pki.DAY), short)) == ""


def test_what_a_former_version_took_up_for_ever_is_verified_again(host: HostState) -> None:
    for_ever = sign(manifest(7, not_after=pki.NOW + 3000 * pki.DAY), STOLEN)
    offer = Offer("http://pki/trust.p7m", for_ever)
    end = (pki.NOW + 3000 * pki.DAY).timestamp()
    host.manifest |= {"signed": offer.sha256, "not_before": pki.NOW.timestamp(), "not_after": end}
    assert acceptance.decide([offer], host, pki.NOW).current == ""


def test_the_numbers_cannot_run_away_in_many_steps(host: HostState) -> None:
    for step in (500, 500):
        sequence = host.manifest["sequence"] + step
        assert offered(host, sign(manifest(sequence), GOOD)) == ""
    assert "a jump of more than 1000 in 30 days" in offered(host, sign(manifest(1008), GOOD))
    later = pki.NOW + acceptance.JUMP_WINDOW
    end = later + pki.DAY
    assert offered(host, sign(manifest(2007, not_before=later, not_after=end), GOOD), later) == ""
    assert "a jump" in offered(host, sign(manifest(2008, not_before=later, not_after=end), GOOD), later)


def test_a_clock_that_was_ahead_does_not_stop_the_window(host: HostState) -> None:
    host.manifest["jump"] = {"sequence": 1, "since": (pki.NOW + 900 * pki.DAY).timestamp()}
    assert offered(host, sign(manifest(8), GOOD)) == ""
    assert host.manifest["jump"] == {"sequence": 7, "since": pki.NOW.timestamp()}


def test_a_refused_signer_is_remembered_for_ever(
    host: HostState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.as_current_user(monkeypatch)
    monkeypatch.setattr(state, "PATH", str(tmp_path / "trust.json"))
    assert offered(host, sign(manifest(8), STOLEN)) == ""
    assert offered(host, sign(manifest(9, refused_signers=(STOLEN_KEY,)), GOOD)) == ""
    assert offered(host, sign(manifest(10), GOOD)) == ""  # says nothing of it
    host.save()
    again = signer(R1, key=STOLEN.key)  # another certificate of the same key
    for thief in (STOLEN, again):
        assert "which is refused" in offered(state.load(), sign(manifest(11), thief))


def test_a_manifest_cannot_refuse_its_own_signer(host: HostState) -> None:
    assert "which is refused" in offered(host, sign(manifest(8, refused_signers=(GOOD_KEY,)), GOOD))
    assert host.refused_signers == []


def test_a_push_tells_it_too_and_only_an_override_takes_it_back(host: HostState) -> None:
    told = push.parse(
        {"id": R1.sha256[:32], "sequence": 8, "trusted": [{"pem": R1.pem}], "refused_signers": [GOOD_KEY]}
    )
    told.note(host)
    assert "which is refused" in offered(host, sign(manifest(9), GOOD))
    silent = push.parse({"id": R1.sha256[:32], "sequence": 9, "trusted": [{"pem": R1.pem}]})
    silent.note(host)
    assert host.refused_signers == [GOOD_KEY]
    silent.note(host, override=True)
    assert host.refused_signers == []


def test_two_manifests_of_one_sequence_differ_in_what_they_refuse(host: HostState) -> None:
    said = sign(manifest(7, refused_signers=(STOLEN_KEY,)), GOOD)
    assert "two trust manifests of sequence 7" in offered(host, said)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    (tmp_path / "roots").mkdir()
    (tmp_path / "roots/r1.crt").write_text(R1.pem)
    (tmp_path / "signers").mkdir()
    (tmp_path / "signers/stolen.crt").write_text(pki.pem(STOLEN.certificate))
    (tmp_path / "trust.yml").write_bytes(Manifest(7, (Root("r1", R1.sha256),)).to_yaml())
    return tmp_path


def refuse(record: Path, *names: str, incident: str = "", now: dt.datetime = pki.NOW) -> ManifestPlan:
    change = ManifestChange({}, (), incident, (), Exceptions(dt.timedelta(hours=25)), names)
    return plan(record / "trust.yml", (), change, now)


def signing_of(record: Path, key: Any, now: dt.datetime = pki.NOW) -> signing.Signing:
    check = Introductions(record, (Anchor("r1", R1.sha256, "a test"),))
    return signing.plan(str(record), key, now, SPAN, check)


def test_the_owner_says_which_signers_are_refused(record: Path) -> None:
    with pytest.raises(TrustAnchorError, match="no manifest signer would remain that hosts believe"):
        refuse(record, "stolen")
    (record / "signers/good.crt").write_text(pki.pem(GOOD.certificate))
    said = refuse(record, "stolen")
    assert (said.changed, said.after.sequence) == (True, 8)
    said.apply()
    found = parse_manifest((record / "trust.yml").read_bytes(), "trust.yml")
    assert [(one.name, one.key_sha256) for one in found.refused_signers] == [("stolen", STOLEN_KEY)]
    assert found.for_hosts()["refused_signers"] == [STOLEN_KEY]
    assert not refuse(record, "stolen").changed
    with pytest.raises(TrustAnchorError, match="no manifest signer would remain"):
        refuse(record, "good")


def test_an_incident_refuses_the_last_one(record: Path) -> None:
    (entry,) = refuse(record, "stolen", incident="INC-1").after.refused_signers
    assert entry.incident == "INC-1"


@pytest.mark.parametrize("other", [signer(R1, key=STOLEN.key), signer(pki.root("X")), signer(R1, end=pki.NOW)])
def test_one_that_hosts_do_not_believe_is_no_other(record: Path, other: pki.Leaf) -> None:
    (record / "signers/other.crt").write_text(pki.pem(other.certificate))
    with pytest.raises(TrustAnchorError, match="no manifest signer would remain"):
        refuse(record, "stolen")


def test_an_unknown_signer(record: Path) -> None:
    with pytest.raises(TrustAnchorError, match="the record has no manifest signer 'x'"):
        refuse(record, "x", incident="INC-1")


def test_a_refused_signer_signs_nothing_and_the_other_one_says_so(record: Path) -> None:
    (record / "trust.p7m").write_bytes(signing_of(record, STOLEN.key).sign(STOLEN.key))
    (record / "signers/good.crt").write_text(pki.pem(GOOD.certificate))
    refuse(record, "stolen").apply()
    with pytest.raises(TrustAnchorError, match="the manifest signer is refused"):
        signing_of(record, STOLEN.key)
    planned = signing_of(record, GOOD.key)
    assert "is signed by" in planned.reason
    assert planned.manifest.refused_signers == (STOLEN_KEY,)
    (record / "trust.p7m").write_bytes(planned.sign(GOOD.key))
    assert signing_of(record, GOOD.key).reason == ""


def test_what_was_signed_with_a_clock_ahead_is_signed_again(record: Path) -> None:
    ahead = signing_of(record, STOLEN.key, pki.NOW + 2 * pki.HOUR)
    (record / "trust.p7m").write_bytes(ahead.sign(STOLEN.key))
    assert "is dated into the future" in signing_of(record, STOLEN.key).reason
    a_little = signing_of(record, STOLEN.key, pki.NOW + dt.timedelta(minutes=4))
    (record / "trust.p7m").write_bytes(a_little.sign(STOLEN.key))
    assert signing_of(record, STOLEN.key).reason == ""


def test_the_end_of_the_signer_is_told_when_there_is_time_for_a_ceremony(record: Path) -> None:
    end = pki.NOW + 365 * pki.DAY
    soon = end - dt.timedelta(seconds=notice.seconds("manifest_signer"))
    assert signing_of(record, STOLEN.key, soon - pki.HOUR).problems == ()
    (problem,) = signing_of(record, STOLEN.key, soon + pki.HOUR).problems
    assert "plan a ceremony that renews it" in problem


def test_a_longer_validity_than_hosts_accept_is_not_signed() -> None:
    with pytest.raises(TrustAnchorError, match="hosts accept 45 days at most"):
        signing.Span(46 * pki.DAY, pki.DAY)


def test_what_a_sister_version_adds_passes(host: HostState) -> None:
    class More(SignedManifest):
        def to_json(self) -> bytes:
            return (
                super()
                .to_json()
                .replace(b'"roots":', b'"more": 1,\n "roots":')
                .replace(b'"state"', b'"new": 1, "state"')
            )

    assert offered(host, sign(More(**vars(manifest(8))), GOOD)) == ""


@pytest.mark.parametrize(
    "jump",
    [{"sequence": 1}, {"since": 1.0}, {"sequence": "1", "since": 1.0}, {"sequence": 1, "since": "x"}, {}, [1], None],
)
def test_what_is_not_a_window_begins_a_new_one(host: HostState, jump: object) -> None:
    host.manifest["jump"] = jump
    assert offered(host, sign(manifest(8), GOOD)) == ""
    assert host.manifest["jump"] == {"sequence": 7, "since": pki.NOW.timestamp()}
