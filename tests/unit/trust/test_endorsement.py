# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which roots a signed manifest may bring to a host: the signer's key is in software, the roots' keys are not."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.introduction import Introductions
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.agent import acceptance
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.agent.acceptance import Decision, Offer
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import push
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host.state import HostState
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import signing
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.anchors import Anchor
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.endorsement import Endorsement
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.model import Manifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.signed import SignedManifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID
from factories import pki
from factories.manifests import sign, signer

CORP = ["corp.example"]
R1, OTHER = pki.root("R1", permitted_dns=CORP), pki.root("Other", permitted_dns=CORP)
WIDER = pki.root("Wider", permitted_dns=[*CORP, "corp.test"])
UNDER_R1 = signer(R1)


def entry(root: pki.Authority) -> Root:
    return Root(root.certificate.subject.rfc4514_string(), root.sha256, "trusted", root.pem)


def decide(*roots: pki.Authority, endorsements: tuple[Endorsement, ...] = ()) -> Decision:
    """What a host that has R1 makes of a manifest with these roots, too."""
    end = pki.NOW + dt.timedelta(days=30)
    listed = tuple(entry(one) for one in (R1, *roots))
    manifest = SignedManifest(R1.sha256[:32], 2, pki.NOW, end, listed, endorsements)
    host = HostState(roots=[Root("", R1.sha256, pem=R1.pem)])
    return acceptance.decide([Offer("http://pki/trust.p7m", sign(manifest, UNDER_R1))], host, pki.NOW)


def cross(
    root: pki.Authority,
    by: pki.Authority = R1,
    *,
    path_length: int | None = None,
    ca: bool = True,
    purpose: x509.ObjectIdentifier | None = None,
    constraints: x509.NameConstraints | None = None,
    days: int = 30,
) -> str:
    """A root's name and key, certified by another root."""
    builder = (
        pki.bare(
            root.certificate.subject,
            by.certificate.subject,
            root.key.public_key(),
            pki.NOW - pki.DAY,
            pki.NOW + days * pki.DAY,
        )
        .add_extension(x509.BasicConstraints(ca, path_length), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key()), critical=False)
    )
    if purpose:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    if constraints:
        builder = builder.add_extension(constraints, critical=True)
    return pki.pem(builder.sign(by.key, hashes.SHA256()))


def accepted(root: pki.Authority, *certificates: str) -> bool:
    found = decide(root, endorsements=tuple(Endorsement(root.sha256, one) for one in certificates))
    if found.accepted is None:
        assert [
            "may certify more names than the roots that this host has" in error.what for error in found.refused.values()
        ] == [True]
    return found.accepted is not None


def test_a_root_within_the_constraints_of_one_that_the_host_has() -> None:
    assert accepted(OTHER)
    assert accepted(pki.root("Narrower", permitted_dns=["dev.corp.example"]))


@pytest.mark.parametrize("root", [WIDER, pki.root("Unconstrained")], ids=["wider", "unconstrained"])
def test_a_wider_root_is_refused_whoever_signed(root: pki.Authority) -> None:
    assert not accepted(root)


def test_a_wider_root_that_a_root_of_the_host_has_endorsed() -> None:
    assert accepted(WIDER, cross(WIDER))
    assert accepted(WIDER, cross(WIDER, OTHER), cross(WIDER, path_length=1))


def test_an_endorsement_is_for_the_root_that_it_names() -> None:
    found = decide(WIDER, OTHER, endorsements=(Endorsement(OTHER.sha256, cross(WIDER)),))
    assert found.accepted is None


def test_what_endorses_nothing() -> None:
    named = x509.NameConstraints([x509.DNSName("corp.example")], None)
    for certificate in (
        cross(WIDER, OTHER),  # the host does not have that root
        cross(WIDER, WIDER),
        WIDER.pem,
        cross(WIDER, path_length=0),  # no root, but an intermediate
        cross(WIDER, ca=False),
        cross(WIDER, purpose=ExtendedKeyUsageOID.SERVER_AUTH),
        cross(WIDER, constraints=named),  # not for so many names
        cross(WIDER, days=0),
        cross(OTHER),  # for another root
        pki.pem(R1.intermediate("Wider").certificate),  # of the same name, with another key
    ):
        assert not accepted(WIDER, certificate)


def test_a_root_that_was_distrusted_does_not_come_back_by_a_signer() -> None:
    """Its cross-certificate, which the root above it has signed for ever, would endorse it."""
    gone, end = Root("wider", WIDER.sha256, "distrusted"), pki.NOW + pki.DAY
    host = HostState(roots=[Root("", R1.sha256, pem=R1.pem)])
    steps = [(entry(R1), gone), (entry(R1),), (entry(R1), entry(WIDER))]
    for number, roots in enumerate(steps, 2):
        endorsements = (Endorsement(WIDER.sha256, cross(WIDER)),) if entry(WIDER) in roots else ()
        content = SignedManifest(R1.sha256[:32], number, pki.NOW, end, roots, endorsements)
        found = acceptance.decide([Offer("http://pki/trust.p7m", sign(content, UNDER_R1))], host, pki.NOW)
        if found.accepted:
            found.accepted.note(host)
    assert [error.what for error in found.refused.values()] == [
        f"the trust manifest brings back '{entry(WIDER).name}', which this host was told to distrust"
    ]
    push.AssignedManifest(R1.sha256[:32], 4, (entry(R1), entry(WIDER)), ()).note(host)
    assert host.ever_distrusted == []


def test_an_endorsement_is_one_certificate() -> None:
    """What openssl verifies, and what its constraints are read from, would be two."""
    named = x509.NameConstraints([x509.DNSName("corp.example")], None)
    limited, free = cross(WIDER, constraints=named), cross(WIDER, WIDER)
    for text in (limited + free, free + limited, free.replace("CERTIFICATE", "ANYTHING") + limited):
        found = decide(WIDER, endorsements=(Endorsement(WIDER.sha256, text),))
        assert found.accepted is None
        assert found.refused


def test_a_root_that_seems_to_be_within() -> None:
    """A thief of the signer's key makes roots with names that look like others where they are printed."""
    old = pki.root("Old", permitted_dns=CORP, excluded_email=[""])
    host = HostState(roots=[Root("", old.sha256, pem=old.pem)])
    for value, expected in (("", True), (" ", False)):
        new = pki.root("New", permitted_dns=CORP, excluded_email=[value])
        content = SignedManifest(old.sha256[:32], 2, pki.NOW, pki.NOW + pki.DAY, (entry(old), entry(new)))
        found = acceptance.decide([Offer("http://pki/trust.p7m", sign(content, signer(old)))], host, pki.NOW)
        assert bool(found.accepted) is expected, found.refused


def test_damaged_constraints_or_endorsements_refuse_the_manifest() -> None:
    found = decide(WIDER, endorsements=(Endorsement(WIDER.sha256, "garbage"),))
    assert found.accepted is None
    assert found.refused


def test_the_signed_manifest_carries_the_cross_certificates_that_hosts_need(tmp_path: Path) -> None:
    for name, root in (("r1", R1), ("other", OTHER), ("wider", WIDER)):
        (tmp_path / "roots").mkdir(exist_ok=True)
        (tmp_path / f"roots/{name}.crt").write_text(root.pem)
    listed = [Root(name, one.sha256) for name, one in (("r1", R1), ("other", OTHER), ("wider", WIDER))]
    (tmp_path / "trust.yml").write_bytes(Manifest(2, tuple(listed)).to_yaml())
    for folder, name, text in (
        ("signers", "m1", pki.pem(UNDER_R1.certificate)),
        ("cross", "other-by-r1", cross(OTHER)),
        ("cross", "wider-by-r1", cross(WIDER)),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / f"{folder}/{name}.crt").write_text(text)
    check = Introductions(tmp_path, tuple(Anchor(one.name, one.sha256, "a test") for one in listed))
    span = signing.Span(dt.timedelta(days=30), dt.timedelta(days=15))
    planned = signing.plan(str(tmp_path), UNDER_R1.key, pki.NOW, span, check)
    assert [one.sha256 for one in planned.manifest.endorsements] == [WIDER.sha256]
    offer = Offer("http://pki/trust.p7m", planned.sign(UNDER_R1.key))
    host = HostState(roots=[Root("", R1.sha256, pem=R1.pem)])
    assert acceptance.decide([offer], host, pki.NOW).accepted
