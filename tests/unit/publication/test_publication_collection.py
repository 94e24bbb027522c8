# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is taken from a record to be published, and what is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.introduction import Introductions
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import collection
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.signed import SignedManifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID
from factories import manifests, pki
from factories.publication_record import URL, Record, crl, der


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(tmp_path)


def collected(record: Record) -> collection.Collection:
    return collection.collect(record.home, URL, pki.NOW, Introductions(record.home, record.anchors()))


def contents(record: Record) -> dict[str, bytes]:
    return {one.name: one.content for one in collected(record).artifacts}


def signed_message(record: Record, days: int = 30, root: str = "r1", sequence: int = 1) -> bytes:
    """The manifest with a signer directly below a root."""
    roots = tuple(Root(name, one.sha256, "trusted", one.pem) for name, one in record.roots.items())
    end = pki.NOW + days * pki.DAY
    content = SignedManifest("ab" * 16, sequence, pki.NOW - 10 * pki.DAY, end, roots)
    return manifests.sign(content, manifests.signer(record.roots[root]))


def test_everything_under_its_name(record: Record) -> None:
    found = contents(record)
    roots = sorted(record.roots.values(), key=lambda one: one.sha256)
    assert found == {
        "root-r1.crt": der(record.roots["r1"].certificate),
        "root-r1.crl": (record.home / "crls/r1.crl").read_bytes(),
        "root-s1.crt": der(record.roots["s1"].certificate),
        "root-s1.crl": (record.home / "crls/s1.crl").read_bytes(),
        "ca1.crt": der(record.intermediate.certificate),
        "roots.pem": b"".join(one.pem.encode() for one in roots),
    }
    assert collected(record).issuers == {"ca1": record.intermediate.pem}
    assert collected(record).warnings == ()


def test_with_the_signed_manifest(record: Record) -> None:
    message = signed_message(record)
    record.write("trust.p7m", message)
    assert contents(record)["trust.p7m"] == message


def test_without_any_manifest(record: Record) -> None:
    (record.home / "trust.yml").unlink()
    found = contents(record)
    assert "trust.p7m" not in found
    assert {"root-r1.crt", "root-s1.crt"} < found.keys()


@pytest.mark.parametrize(
    ("state", "published", "in_bundle"),
    [("staged", True, False), ("retiring", True, True), ("distrusted", False, False)],
)
def test_state_of_a_root(record: Record, state: str, published: bool, in_bundle: bool) -> None:
    record.write_manifest(s1=state)
    found = contents(record)
    assert ("root-s1.crt" in found) is published
    assert ("root-s1.crl" in found) is published
    assert (record.roots["s1"].pem.encode() in found["roots.pem"]) is in_bundle


def test_an_intermediate_below_a_distrusted_root_is_left_out(record: Record) -> None:
    record.write("intermediates/ca2.crt", record.roots["s1"].intermediate("Intermediate 2").pem.encode())
    assert "ca2.crt" in contents(record)
    record.write_manifest(s1="distrusted")
    assert "ca2.crt" not in contents(record)


def test_an_expired_intermediate_is_left_out_with_a_warning(record: Record) -> None:
    old = record.roots["r1"].intermediate("Old", end=pki.NOW - pki.HOUR)
    record.write("intermediates/old.crt", old.pem.encode())
    found = collected(record)
    assert "old.crt" not in {one.name for one in found.artifacts}
    assert found.warnings == ("intermediates/old.crt has expired and is not published; remove it from the record.",)


def test_a_missing_crl_is_a_warning(record: Record) -> None:
    (record.home / "crls/s1.crl").unlink()
    found = collected(record)
    assert "root-s1.crl" not in {one.name for one in found.artifacts}
    assert "crls/s1.crl" in found.warnings[0]


def test_urls_that_nobody_publishes_are_a_warning(record: Record) -> None:
    def access(url: str) -> x509.AuthorityInformationAccess:
        location = x509.UniformResourceIdentifier(url)
        return x509.AuthorityInformationAccess(
            [x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, location)]
        )

    def point(url: str) -> x509.CRLDistributionPoints:
        return x509.CRLDistributionPoints(
            [x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)]
        )

    root, key = record.roots["r1"], pki.new_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(pki.name("Elsewhere"))
        .issuer_name(root.certificate.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(pki.NOW - pki.DAY)
        .not_valid_after(pki.NOW + pki.DAY)
    )
    for crl_url, count in (("http://old.corp.example/root-r1.crl", 1), (f"{URL}/root-r1.crl", 0)):
        made = builder.add_extension(access(f"{URL}/root-r1.crt"), critical=False)
        certificate = made.add_extension(point(crl_url), critical=False).sign(root.key, hashes.SHA256())
        record.write("intermediates/x.crt", certificate.public_bytes(Encoding.PEM))
        found = collected(record).warnings
        assert len(found) == count
        assert all("intermediates/x.crt names http://old.corp.example/root-r1.crl" in text for text in found)


def test_a_manifest_that_is_behind_is_a_warning(record: Record) -> None:
    record.write("trust.p7m", signed_message(record))
    record.write_manifest(sequence=2)
    assert "trust.p7m has sequence 1, trust.yml has 2" in collected(record).warnings[0]


def _crl(end: dt.datetime = pki.NOW + pki.DAY, foreign: bool = False) -> Callable[[Record], None]:
    def spoil(record: Record) -> None:
        key = pki.new_key() if foreign else None
        record.write("crls/r1.crl", crl(record.roots["r1"], end=end, key=key))

    return spoil


def _swapped(record: Record) -> None:
    record.write("crls/r1.crl", (record.home / "crls/s1.crl").read_bytes())


def _pem(record: Record) -> None:
    record.write("crls/r1.crl", b"-----BEGIN X509 CRL-----\n")


def _foreign_intermediate(record: Record) -> None:
    record.write("intermediates/x.crt", pki.root("Other").intermediate().pem.encode())


def _no_root(record: Record) -> None:
    for path in (record.home / "roots").iterdir():
        path.unlink()
    (record.home / "trust.yml").unlink()


def _exchanged_root(record: Record) -> None:
    record.write("roots/r1.crt", pki.root("Other").pem.encode())


def _expired_manifest(record: Record) -> None:
    record.write("trust.p7m", signed_message(record, days=-1))


def _manifest_of_a_distrusted_root(record: Record) -> None:
    record.write("trust.p7m", signed_message(record, root="s1"))
    record.write_manifest(s1="distrusted")


def _no_manifest(record: Record) -> None:
    record.write("trust.p7m", b"garbage")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_crl(end=pki.NOW), "crls/r1.crl has expired"),
        (_crl(foreign=True), "crls/r1.crl is not signed by the root of its name"),
        (_swapped, "crls/r1.crl is not signed by the root of its name"),
        (_pem, "crls/r1.crl holds no DER-encoded CRL"),
        (_foreign_intermediate, "intermediates/x.crt was issued by no root of the record"),
        (_no_root, "has no root to publish"),
        (_exchanged_root, "the trust manifest declares"),
        (_expired_manifest, "trust.p7m has expired"),
        (_manifest_of_a_distrusted_root, "has no valid signature"),
        (_no_manifest, "has no valid signature"),
    ],
)
def test_what_clients_would_refuse_is_refused(record: Record, spoil: Callable[[Record], None], words: str) -> None:
    spoil(record)
    with pytest.raises(TrustAnchorError) as error:
        collected(record)
    assert words in str(error.value)
    assert error.value.next_step
