# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is taken from a record to be published, and what is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.introduction import Introductions
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError, joined
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import collection
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import times
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.signed import SignedManifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID
from factories import manifests, pki
from factories.publication_record import URL, YEAR, Record, crl, der


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(tmp_path)


def collected(record: Record) -> collection.Collection:
    return collection.collect(record.home, URL, pki.NOW, Introductions(record.home, record.anchors()))


def contents(record: Record) -> dict[str, bytes]:
    return {one.name: one.content for one in collected(record).artifacts}


def signed_message(record: Record, days: int = 30, root: str = "r1", sequence: int = 1, begins: int = -10) -> bytes:
    """The manifest with a signer directly below a root."""
    roots = tuple(Root(name, one.sha256, "trusted", one.pem) for name, one in record.roots.items())
    end = pki.NOW + days * pki.DAY
    content = SignedManifest("ab" * 16, sequence, pki.NOW + begins * pki.DAY, end, roots)
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
    assert collected(record).warnings == ()  # it has the same sequence as the other


def test_of_what_kind_each_is(record: Record) -> None:
    """By its kind it is served, watched and compared."""
    record.write("trust.p7m", signed_message(record))
    assert {one.name: one.kind for one in collected(record).artifacts} == {
        "root-r1.crt": "root",
        "root-r1.crl": "root_crl",
        "root-s1.crt": "root",
        "root-s1.crl": "root_crl",
        "ca1.crt": "intermediate",
        "roots.pem": "bundle",
        "trust.p7m": "manifest",
    }
    issuers = {one.name: one.issuer for one in collected(record).artifacts if one.issuer}
    assert issuers == {f"root-{name}.crl": root.pem for name, root in record.roots.items()}


def test_a_collection_without_more() -> None:
    assert collection.Collection(()) == collection.Collection((), (), {}, "", 0, (), ())


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
    assert collected(record).faults == ()  # its issuer is not unknown


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


def test_where_a_responder_is_asked_is_no_matter_of_what_is_published(record: Record) -> None:
    """Of what a certificate says about its issuer, its certificate alone is fetched from here."""
    access = AuthorityInformationAccessOID
    ways = ((access.OCSP, 0), (access.CA_ISSUERS, 1))
    for way, count in ways:
        location = x509.UniformResourceIdentifier("http://ocsp.corp.example")
        root, key = record.roots["r1"], pki.new_key()
        builder = pki.bare(pki.name("X"), root.certificate.subject, key.public_key(), pki.NOW, pki.NOW + pki.DAY)
        extension = x509.AuthorityInformationAccess([x509.AccessDescription(way, location)])
        signed = builder.add_extension(extension, critical=False).sign(root.key, hashes.SHA256())
        record.write("intermediates/x.crt", pki.pem(signed).encode())
        assert len(collected(record).warnings) == count


def test_a_manifest_that_is_behind_is_a_warning(record: Record) -> None:
    record.write("trust.p7m", signed_message(record))
    record.write_manifest(sequence=2)
    assert "trust.p7m has sequence 1, trust.yml has 2" in collected(record).warnings[0]


def _crl(
    end: dt.datetime = pki.NOW + pki.DAY, foreign: bool = False, begin: dt.datetime = pki.NOW - YEAR
) -> Callable[[Record], None]:
    def spoil(record: Record) -> None:
        key = pki.new_key() if foreign else None
        record.write("crls/r1.crl", crl(record.roots["r1"], end=end, key=key, begin=begin))

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


def _future_manifest(record: Record) -> None:
    record.write("trust.p7m", signed_message(record, begins=1))


def _unreadable_intermediate(record: Record) -> None:
    record.write("intermediates/ca1.crt", b"garbage")


def _manifest_of_a_staged_root(record: Record) -> None:
    record.write("trust.p7m", signed_message(record, root="s1"))
    record.write_manifest(s1="staged")


KEPT = {"root-r1.crl": "root_crl", "trust.p7m": "manifest"}
EVERYTHING = {"root-r1.crt", "root-r1.crl", "root-s1.crt", "root-s1.crl", "ca1.crt", "roots.pem"}


@pytest.mark.parametrize(
    ("spoil", "words", "left_out", "kept"),
    [
        (_crl(end=pki.NOW), "crls/r1.crl has expired (NOW)", {"root-r1.crl"}, {"root-r1.crl"}),
        (_crl(foreign=True), "crls/r1.crl is not signed by the root of its name", {"root-r1.crl"}, {"root-r1.crl"}),
        (_crl(begin=pki.NOW + pki.HOUR), "crls/r1.crl is from the future", {"root-r1.crl"}, {"root-r1.crl"}),
        (_swapped, "crls/r1.crl is not signed by the root of its name", {"root-r1.crl"}, {"root-r1.crl"}),
        (_pem, "crls/r1.crl holds no DER-encoded CRL", {"root-r1.crl"}, {"root-r1.crl"}),
        (_foreign_intermediate, "intermediates/x.crt was issued by no root of the record", set(), set()),
        (_unreadable_intermediate, "holds no PEM certificate", {"ca1.crt"}, set()),
        (_exchanged_root, "the trust manifest declares", {"root-r1.crt", "root-r1.crl", "ca1.crt"}, set()),
        (_expired_manifest, "trust.p7m has expired", set(), {"trust.p7m"}),
        (_future_manifest, "trust.p7m is from the future", set(), {"trust.p7m"}),
        (
            _manifest_of_a_distrusted_root,
            "has no valid signature",
            {"root-s1.crt", "root-s1.crl"},
            {"trust.p7m"},
        ),
        (_manifest_of_a_staged_root, "has no valid signature", set(), {"trust.p7m"}),
        (_no_manifest, "has no valid signature", set(), {"trust.p7m"}),
    ],
)
def test_what_clients_would_refuse_is_left_out_and_told_and_nothing_else_is(
    record: Record, spoil: Callable[[Record], None], words: str, left_out: set[str], kept: set[str]
) -> None:
    spoil(record)
    found = collected(record)
    assert words.replace("NOW", times.render(pki.NOW)) in str(joined(found.faults))
    assert all(fault.next_step for fault in found.faults)
    assert all((one.kind, one.content) == (KEPT[one.name], b"") for one in found.kept)
    assert {one.name for one in found.artifacts} == EVERYTHING - left_out
    assert {one.name for one in found.kept} == kept


def test_without_any_root_nothing_is_published(record: Record) -> None:
    _no_root(record)
    with pytest.raises(TrustAnchorError, match="has no root to publish.*a ceremony puts them there"):
        collected(record)
    for name in record.roots:
        record.write(f"roots/{name}.crt", b"garbage")
    with pytest.raises(TrustAnchorError, match="(?s)has no root to publish.*holds no PEM certificate"):
        collected(record)


def test_an_expired_crl_keeps_no_distrust_back(record: Record) -> None:
    """The worst day: a root is stolen, and another one's CRL has just expired."""
    record.write_manifest(s1="distrusted")
    record.write("trust.p7m", signed_message(record))
    record.write("crls/r1.crl", crl(record.roots["r1"], end=pki.NOW))
    found = contents(record)
    assert "trust.p7m" in found
    assert "root-s1.crt" not in found
    assert record.roots["s1"].pem.encode() not in found["roots.pem"]


def test_a_root_that_was_removed_after_its_distrust_stays_away(record: Record) -> None:
    record.write("intermediates/ca2.crt", record.roots["s1"].intermediate("Intermediate 2").pem.encode())
    record.write_manifest(s1=None)
    found = collected(record)
    assert {one.name for one in found.artifacts} == EVERYTHING - {"root-s1.crt", "root-s1.crl"}
    assert record.roots["s1"].pem.encode() not in contents(record)["roots.pem"]
    assert (found.kept, found.faults) == ((), ())
    assert "roots/s1.crt is not in trust.yml" in found.warnings[0]


def test_of_which_manifest_the_record_is(record: Record) -> None:
    assert (collected(record).id, collected(record).sequence) == ("ab" * 16, 1)
    (record.home / "trust.yml").unlink()
    assert (collected(record).id, collected(record).sequence) == ("", 0)
