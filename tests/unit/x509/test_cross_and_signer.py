# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cross-certificates and manifest signers: the rules of this project, and openssl as the judge."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import builders, profiles
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.lint import lint_cross, lint_manifest_signer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from factories.pki import DAY, NOW
from factories.pki import profiled as make

ROOT = make.root(NOW, path_length=2)
STANDBY_KEY = make.new_key()
STANDBY = make.standby(STANDBY_KEY, NOW)
SIGNER_KEY = make.new_key()


def openssl(*arguments: str | Path) -> str:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    return f"{done.returncode} {done.stdout}{done.stderr}"


def save(path: Path, *certificates: x509.Certificate) -> Path:
    path.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in certificates))
    return path


def signed_below_standby(key: object) -> x509.Certificate:
    profile = profiles.parse_intermediate(make.INTERMEDIATE | {"days": 100})
    subject = x509.Name.from_rfc4514_string("CN=Test Intermediate CA2")
    moment = builders.Issuance.fresh(NOW)
    builder = builders.intermediate_builder(profile, subject, key.public_key(), STANDBY, moment)  # type: ignore[attr-defined]
    return builder.sign(STANDBY_KEY, hashes.SHA384())


def test_a_host_that_knows_only_the_primary_accepts_what_the_standby_signs(tmp_path: Path) -> None:
    cross = make.cross(STANDBY, ROOT, NOW)
    assert list(lint_cross(cross, STANDBY, ROOT)) == []
    leaf_key = make.new_key()
    intermediate = signed_below_standby(leaf_key)
    leaf = make.leaf(intermediate, leaf_key, [x509.DNSName("web.corp.example")], NOW)
    chain = save(tmp_path / "chain.pem", intermediate, cross)
    target = save(tmp_path / "leaf.pem", leaf)
    root = save(tmp_path / "root.pem", ROOT)
    assert openssl("verify", "-CAfile", root, "-untrusted", chain, target).startswith("0 ")
    # The name constraints of the standby root bind here too.
    other = save(tmp_path / "other.pem", make.leaf(intermediate, leaf_key, [x509.DNSName("bank.example")], NOW))
    assert "permitted subtree violation" in openssl("verify", "-CAfile", root, "-untrusted", chain, other)


@pytest.mark.parametrize(
    ("standby", "issuer", "problem"),
    [
        (STANDBY, make.root(NOW), "path length must be less than its issuer's \\(1\\)"),
        (make.standby(make.new_key(), NOW), ROOT, "its key is not the standby root's"),
        (make.standby(STANDBY_KEY, NOW, subject="CN=Other"), ROOT, "its subject is not the standby root's"),
        (make.standby(STANDBY_KEY, NOW, path_length=2), ROOT, "its basicConstraints is not"),
        (
            make.standby(STANDBY_KEY, NOW, name_constraints={"permitted_dns": ["b.example"]}),
            ROOT,
            "its nameConstraints is not",
        ),
        (make.standby(STANDBY_KEY, NOW, days=100), ROOT, "outlives the standby root"),
        (make.standby(STANDBY_KEY, NOW + DAY), ROOT, "starts before the standby root"),
        (STANDBY, make.root(NOW, path_length=2, days=100), "outlives its issuer"),
        (STANDBY, make.root(NOW, path_length=2, subject="CN=Test Standby Root S1,O=Test"), "are the same name"),
    ],
)
def test_each_rule_of_a_cross_certificate(standby: x509.Certificate, issuer: x509.Certificate, problem: str) -> None:
    of_another = issuer == ROOT
    cross = make.cross(STANDBY if of_another else standby, issuer, NOW)
    with pytest.raises(AssertionError, match=problem):
        assert list(lint_cross(cross, standby, issuer)) == []


def test_a_standby_root_without_a_path_length_cannot_be_cross_certified() -> None:
    leaf = make.leaf(ROOT, make.ROOT_KEY, [x509.DNSName("a.corp.example")], NOW)
    with pytest.raises(TrustAnchorError, match="has no path length"):
        make.cross(leaf, ROOT, NOW)


def cms(directory: Path, certificate: x509.Certificate, key: object = SIGNER_KEY) -> str:
    """Sign a text with the certificate's key, and verify it as a host with openssl alone does."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined]
    (directory / "key.pem").write_bytes(pem)
    signer, root = save(directory / "signer.pem", certificate), save(directory / "root.pem", ROOT)
    text, signature = directory / "trust.yml", directory / "trust.yml.p7s"
    text.write_text("version: 1\n")
    made = openssl(
        "cms", "-sign", "-binary", "-md", "sha384", "-in", text, "-signer", signer, "-inkey", directory / "key.pem",
        "-outform", "PEM", "-out", signature,
    )  # fmt: skip
    assert made.startswith("0 "), made
    return openssl(
        "cms", "-verify", "-binary", "-inform", "PEM", "-in", signature, "-content", text, "-CAfile", root,
        "-out", directory / "out",
    )  # fmt: skip


def test_openssl_accepts_the_signer_by_default_and_for_nothing_else(tmp_path: Path) -> None:
    signer = make.manifest_signer(ROOT, SIGNER_KEY, NOW)
    assert list(lint_manifest_signer(signer, ROOT)) == []
    assert cms(tmp_path, signer).startswith("0 ")
    root, path = tmp_path / "root.pem", tmp_path / "signer.pem"
    for purpose in ("sslserver", "sslclient", "timestampsign"):
        assert not openssl("verify", "-purpose", purpose, "-CAfile", root, path).startswith("0 ")


def test_openssl_refuses_a_tls_certificate_as_signer(tmp_path: Path) -> None:
    key = make.new_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string("CN=web"))
        .issuer_name(ROOT.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    assert "4 " in cms(tmp_path, builder.sign(make.ROOT_KEY, hashes.SHA384()), key)[:2]


def spoilt(**changes: object) -> x509.Certificate:
    """A manifest signer of which one extension is replaced."""
    good = make.manifest_signer(ROOT, SIGNER_KEY, NOW, str(changes.pop("subject", "CN=M")))
    builder = (
        x509.CertificateBuilder()
        .subject_name(good.subject)
        .issuer_name(good.issuer)
        .public_key(good.public_key())
        .serial_number(good.serial_number)
        .not_valid_before(good.not_valid_before_utc)
        .not_valid_after(changes.pop("not_after", good.not_valid_after_utc))  # type: ignore[arg-type]
    )
    replaced = {type(value): value for value in changes.values()}
    for one in good.extensions:
        value = replaced.pop(type(one.value), one.value)
        builder = builder.add_extension(value, critical=one.critical and not changes.get("lax"))  # type: ignore[arg-type]
    for value in replaced.values():
        if isinstance(value, x509.ExtensionType):
            builder = builder.add_extension(value, critical=False)
    return builder.sign(make.ROOT_KEY, hashes.SHA384())


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"one": x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])}, "exactly emailProtection"),
        ({"lax": True}, "extended key usage must be critical"),
        ({"lax": True}, "key usage must be critical"),
        ({"lax": True}, "basic constraints must be critical"),
        ({"one": x509.BasicConstraints(ca=True, path_length=0)}, "that it is not a CA"),
        ({"one": x509.SubjectAlternativeName([x509.DNSName("a")])}, "no subject alternative name"),
        ({"subject": "1.2.840.113549.1.9.1=ca@corp.example,CN=M"}, "no e-mail address"),
        ({"not_after": NOW + 826 * DAY}, "more than 825 days"),
        ({"subject": "CN=Test Root R1,O=Test"}, "the same name"),
    ],
)
def test_each_rule_of_a_manifest_signer(changes: dict[str, object], problem: str) -> None:
    assert problem in " | ".join(lint_manifest_signer(spoilt(**changes), ROOT))


def test_a_signer_is_directly_below_a_root_with_a_good_key() -> None:
    intermediate = make.intermediate(ROOT, make.new_key(), NOW)
    found = " ".join(lint_manifest_signer(make.manifest_signer(intermediate, SIGNER_KEY, NOW), intermediate))
    assert "its issuer is not a root" in found
    weak = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    found = " ".join(lint_manifest_signer(make.manifest_signer(ROOT, weak, NOW), ROOT))
    assert "RSA of 2048 bits" in found
