# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime as dt
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import builders, constraint_set, profiles
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.lint import (
    lint_crl,
    lint_intermediate,
    lint_root,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from factories import pki
from factories.pki import profiled as make

ROOT = make.root()


def built(**replaced: Any) -> x509.Certificate:
    """A root-like certificate of which single parts are replaced; None leaves an extension out."""
    key = replaced.get("key") or make.ROOT_KEY
    usage = dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
        False,
    ) | {"key_cert_sign": True, "crl_sign": True, "encipher_only": False, "decipher_only": False}
    parts: dict[str, Any] = {
        "basic": (x509.BasicConstraints(ca=True, path_length=1), True),
        "usage": (x509.KeyUsage(**usage), True),
        "identifier": (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        "names": (constraint_set.ConstraintSet(("corp.example",)).extension(), True),
    } | {name: value for name, value in replaced.items() if name not in ("key", "serial", "usage_also", "issuer")}
    if "usage_also" in replaced:
        parts["usage"] = (x509.KeyUsage(**{**usage, replaced["usage_also"]: True}), True)
    subject = x509.Name.from_rfc4514_string("CN=Test Root R1,O=Test")
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(replaced.get("issuer", subject))
        .public_key(key.public_key())
        .serial_number(replaced.get("serial", 2**150))
        .not_valid_before(pki.FIXED_NOW)
        .not_valid_after(pki.FIXED_NOW + dt.timedelta(days=7000))
    )
    for value in parts.values():
        if value is not None:
            builder = builder.add_extension(value[0], critical=value[1])
    return builder.sign(key, hashes.SHA384())


def test_what_the_profiles_build_is_clean() -> None:
    assert list(lint_root(ROOT)) == []
    assert list(lint_root(built())) == []
    assert list(lint_intermediate(make.intermediate(ROOT, make.new_key()), ROOT)) == []


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"basic": None}, "basic constraints"),
        (
            {"basic": (x509.BasicConstraints(ca=True, path_length=1), False)},
            "basic constraints must be critical",
        ),
        ({"basic": (x509.BasicConstraints(ca=True, path_length=None), True)}, "path length"),
        ({"basic": (x509.BasicConstraints(ca=False, path_length=None), True)}, "say CA"),
        ({"usage": None}, "key usage"),
        ({"usage_also": "digital_signature"}, "exactly keyCertSign and cRLSign"),
        ({"identifier": None}, "subject key identifier is missing"),
        ({"identifier": (x509.SubjectKeyIdentifier(b"12345678901234567890"), False)}, "SHA-1 of the key"),
        ({"names": (constraint_set.ConstraintSet(("corp.example",)).extension(), False)}, "must be critical"),
        ({"serial": 1}, "64 random bits"),
        (
            {"eku": (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)},
            "no extended key usage",
        ),
        ({"key": ec.generate_private_key(ec.SECP256R1())}, "must be P-384"),
        ({"key": ec.generate_private_key(ec.SECP521R1())}, "a key|the key of"),
        ({"issuer": x509.Name.from_rfc4514_string("CN=Other")}, "issuer must be its subject"),
    ],
)
def test_each_rule_of_a_root(parts: dict[str, Any], problem: str) -> None:
    found = list(lint_root(built(**parts)))
    assert any(re.search(problem, one) for one in found), found


def test_a_weak_root_is_accepted_when_allowed() -> None:
    assert list(lint_root(built(key=ec.generate_private_key(ec.SECP256R1())), allow_weak_root=True)) == []


def test_an_intermediate_is_nested_in_its_issuer() -> None:
    early = make.intermediate(ROOT, make.new_key(), pki.FIXED_NOW - dt.timedelta(days=1))
    assert "starts before its issuer" in " ".join(lint_intermediate(early, ROOT))
    short = make.root(days=100)
    late = make.intermediate(short, make.new_key())
    assert "outlives its issuer" in " ".join(lint_intermediate(late, short))


def test_an_intermediate_has_a_shorter_path() -> None:
    long = make.intermediate(ROOT, make.new_key(), path_length=1)
    assert "path length must be less" in " ".join(lint_intermediate(long, ROOT))


def test_somebody_on_the_path_is_constrained() -> None:
    free = make.root(name_constraints=None, unconstrained=True)
    bare = make.intermediate(free, make.new_key())
    assert "name constraints" in " ".join(lint_intermediate(bare, free))
    assert list(lint_intermediate(bare, free, unconstrained=True)) == []
    own = make.intermediate(free, make.new_key(), name_constraints={"permitted_dns": ["corp.example"]})
    assert list(lint_intermediate(own, free)) == []


def test_a_foreign_authority_key_identifier() -> None:
    other = make.root(subject="CN=Test Root R1,O=Test")
    assert list(lint_intermediate(make.intermediate(other, make.new_key()), ROOT)) == []
    stranger = built(key=make.new_key())
    assert "authority key identifier" in " ".join(lint_intermediate(make.intermediate(ROOT, make.new_key()), stranger))


def test_a_crl_of_the_builder_is_clean_and_a_bare_one_is_not() -> None:
    good = builders.crl_builder(profiles.CrlProfile(), ROOT, 1, [], pki.FIXED_NOW).sign(make.ROOT_KEY, hashes.SHA384())
    assert list(lint_crl(good, ROOT)) == []
    bare = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(x509.Name.from_rfc4514_string("CN=Other"))
        .last_update(pki.FIXED_NOW)
        .next_update(pki.FIXED_NOW + dt.timedelta(days=400))
        .sign(make.ROOT_KEY, hashes.SHA384())
    )
    assert len(list(lint_crl(bare, ROOT))) == 5


@pytest.mark.parametrize(
    ("permitted", "clean"),
    [([], True), (["invalid"], False), (["test.example"], False), (["corp.example"], True)],
)
def test_an_e_mail_address_in_a_subject_is_held_to_the_constraints_of_mailboxes(
    permitted: list[str], clean: bool, tmp_path: Path
) -> None:
    """By OpenSSL, which would refuse all that is below it; Go, Java and pyca do not look there."""
    root = make.root(pki.NOW, name_constraints={"permitted_dns": ["corp.example"], "permitted_email": permitted})
    key = pki.new_key()
    signed = make.intermediate(root, key, pki.NOW, subject="CN=Mail,1.2.840.113549.1.9.1=pki@corp.example")
    assert ("e-mail address pki@corp.example" not in " ".join(lint_intermediate(signed, root))) is clean
    leaf = pki.Authority(signed, key).leaf("web.corp.example")
    paths = [tmp_path / name for name in ("root.pem", "intermediate.pem", "leaf.pem")]
    for path, certificate in zip(paths, (root, signed, leaf.certificate), strict=True):
        path.write_text(pki.pem(certificate))
    arguments = ["-no-CApath", "-no-CAstore", "-CAfile", str(paths[0]), "-untrusted", str(paths[1]), str(paths[2])]
    done = subprocess.run(["openssl", "verify", *arguments], capture_output=True, check=False)
    assert (done.returncode == 0) is clean


def test_an_e_mail_address_that_is_not_ascii() -> None:
    root = make.root(name_constraints={"permitted_dns": ["corp.example"], "permitted_email": ["corp.example"]})
    signed = make.intermediate(root, make.new_key(), subject="CN=Mail,1.2.840.113549.1.9.1=pkï@corp.example")
    assert "e-mail address" in " ".join(lint_intermediate(signed, root))
