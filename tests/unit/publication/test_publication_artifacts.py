# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each kind of artifact says of itself: facts for a diff, its version, and how it is served."""

from __future__ import annotations

import hashlib

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication.artifacts import (
    KINDS,
    Artifact,
    Version,
    check_name,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import times
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.signed import SignedManifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from factories import manifests, pki
from factories.publication_record import YEAR, crl, der

ROOT, OTHER = pki.root(), pki.root("Other")
END = pki.NOW + 30 * pki.DAY
MANIFEST = manifests.sign(
    SignedManifest("ab" * 16, 7, pki.NOW - pki.DAY, END, (Root("r1", ROOT.sha256, "trusted", ROOT.pem),)),
    manifests.signer(ROOT),
)
ARTIFACTS = {
    "root": Artifact("root-r1.crt", "root", der(ROOT.certificate)),
    "intermediate": Artifact("ca1.crt", "intermediate", der(ROOT.intermediate().certificate)),
    "root_crl": Artifact("root-r1.crl", "root_crl", crl(ROOT, number=5, end=END), ROOT.pem),
    "manifest": Artifact("trust.p7m", "manifest", MANIFEST),
    "bundle": Artifact("roots.pem", "bundle", ROOT.pem.encode()),
}
FACTS = {
    "root": {},
    "intermediate": {},
    "root_crl": {"crl_number": "5", "next_update": times.render(END)},
    "manifest": {"sequence": "7", "not_after": times.render(END)},
    "bundle": {},
}


@pytest.mark.parametrize("kind", ARTIFACTS)
def test_what_a_diff_shows(kind: str) -> None:
    one = ARTIFACTS[kind]
    same = {"kind": kind, "sha256": hashlib.sha256(one.content).hexdigest()}
    assert one.facts() == {**same, **FACTS[kind]}


@pytest.mark.parametrize("kind", ["root_crl", "manifest"])
def test_what_somebody_damaged_has_a_digest_all_the_same(kind: str) -> None:
    assert Artifact("x", kind, b"garbage").facts() == {"kind": kind, "sha256": hashlib.sha256(b"garbage").hexdigest()}


def test_versions() -> None:
    started = int((pki.NOW - pki.DAY).timestamp())
    assert ARTIFACTS["root_crl"].version() == Version(ROOT.pem, 5, int((pki.NOW - YEAR).timestamp()))
    assert ARTIFACTS["manifest"].version() == Version("ab" * 16, 7, started)
    root = ARTIFACTS["root"].version()
    assert (root.number, root.moment) == (0, int(ROOT.certificate.not_valid_before_utc.timestamp())) and root.of
    intermediate = ARTIFACTS["intermediate"].version()
    assert intermediate.number == 0 and "Test Intermediate" in intermediate.of
    assert ARTIFACTS["bundle"].version() == Version("", 0, 0)


def test_a_crl_without_a_number_is_older_than_any_with_one() -> None:
    builder = x509.CertificateRevocationListBuilder().issuer_name(ROOT.certificate.subject)
    made = builder.last_update(pki.NOW).next_update(END).sign(ROOT.key, hashes.SHA256()).public_bytes(Encoding.DER)
    found = Artifact("root-r1.crl", "root_crl", made, ROOT.pem)
    assert found.version() == Version(ROOT.pem, -1, int(pki.NOW.timestamp()))
    assert found.version().is_older_than(Version(ROOT.pem, 0, 0), now=0)
    assert found.facts()["crl_number"] == "-1"


def test_what_is_shown_of_it_in_a_fault_of_the_program() -> None:
    assert repr(ARTIFACTS["root_crl"]) == "Artifact(name='root-r1.crl', kind='root_crl')"


def test_a_crl_of_another_issuer_has_no_version() -> None:
    with pytest.raises(TrustAnchorError):
        Artifact("root-r1.crl", "root_crl", crl(OTHER), ROOT.pem).version()


@pytest.mark.parametrize(
    ("wanted", "published", "older"),
    [
        (Version("a", 5, 10), Version("a", 6, 10), True),
        (Version("a", 6, 10), Version("a", 5, 20), False),
        (Version("a", 5, 10), Version("b", 6, 20), False),
        (Version("a", 5, 10), Version("a", 5, 20), True),
        (Version("a", 5, 10), Version("a", 5, 10), False),
        (Version("a", 5, 20), Version("a", 5, 10), False),
        (Version("a", 5, 10), Version("a", 5, 100), True),
        (Version("a", 5, 10), Version("a", 5, 101), False),  # dated ahead by a wrong clock
    ],
)
def test_what_is_older(wanted: Version, published: Version, older: bool) -> None:
    assert wanted.is_older_than(published, now=100) is older


@pytest.mark.parametrize(
    ("kind", "content", "kindred"),
    [
        ("root_crl", crl(ROOT, number=1), True),
        ("root_crl", crl(OTHER), False),
        ("root_crl", b"garbage", False),
        ("manifest", MANIFEST, True),
        ("manifest", b"garbage", False),
        ("root", der(OTHER.certificate), True),
        ("root", b"garbage", False),
        ("intermediate", der(OTHER.intermediate("Another").certificate), True),
        ("intermediate", b"garbage", False),
        ("bundle", OTHER.pem.encode(), True),
        ("bundle", b"<html>", False),
    ],
)
def test_what_may_be_another_version(kind: str, content: bytes, kindred: bool) -> None:
    assert ARTIFACTS[kind].is_kindred(content) is kindred


def test_how_they_are_served() -> None:
    """RFC 2585, RFC 8551; and how long an emergency may take to be seen."""
    day = 86400
    assert {kind: (one.media_type, one.max_age) for kind, one in KINDS.items()} == {
        "root": ("application/pkix-cert", 7 * day),
        "intermediate": ("application/pkix-cert", 3600),
        "root_crl": ("application/pkix-crl", 300),
        "ca_crl": ("application/pkix-crl", 60),
        "manifest": ("application/pkcs7-mime", 60),
        "bundle": ("application/x-pem-file", 300),
    }


@pytest.mark.parametrize("name", ["", ".x", "-x", "a/b", "a b", "a\n", "x" * 101, "ü"])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(TrustAnchorError, match="cannot be published under that name"):
        check_name(name)


@pytest.mark.parametrize("name", ["a", "root-r1.crl", "A_b.9", "x" * 100])
def test_names_that_can_be(name: str) -> None:
    check_name(name)
