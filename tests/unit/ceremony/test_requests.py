# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.acts.intermediate import check_request
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.requests import load_request
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.profiles import parse_intermediate
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from factories.pki import profiled as make
from hypothesis import given, settings
from hypothesis import strategies as st

PROFILE = parse_intermediate({})
KEY = make.new_key()
GOOD = make.request(KEY, "CN=Test Intermediate", x509.BasicConstraints(ca=True, path_length=0))
GOOD_DER = GOOD.public_bytes(Encoding.DER)


def usage(*wished: str) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: name in wished for name in names})


def test_a_good_request() -> None:
    subject, key = check_request(GOOD, PROFILE, "ca1.csr")
    assert subject.rfc4514_string() == "CN=Test Intermediate"
    assert key == KEY.public_key()


@pytest.mark.parametrize(
    ("extension", "message"),
    [
        (
            x509.SubjectAlternativeName([x509.DNSName("ca.corp.example")]),
            "asks for the extension subjectAltName",
        ),
        (x509.BasicConstraints(ca=False, path_length=None), "that is not a CA"),
        (x509.BasicConstraints(ca=True, path_length=1), "path length 1"),
        (usage("key_cert_sign", "digital_signature"), "key usage digital_signature"),
        (x509.NameConstraints([x509.DNSName("example.org")], None), "asks for the extension nameConstraints"),
        (
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
            "asks for the extension extendedKeyUsage",
        ),
    ],
)
def test_wishes_beyond_the_profile(extension: x509.ExtensionType, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        check_request(make.request(KEY, "CN=Test", extension), PROFILE, "ca1.csr")


@pytest.mark.parametrize("key", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP521R1())])
def test_weak_and_strange_keys(key: Any) -> None:
    with pytest.raises(TrustAnchorError, match="the key of ca1.csr is"):
        check_request(make.request(key), PROFILE, "ca1.csr")


def test_a_key_that_cannot_be_used_here() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    request = x509.CertificateSigningRequestBuilder().subject_name(GOOD.subject).sign(key, None)
    with pytest.raises(TrustAnchorError, match="Ed25519"):
        check_request(request, PROFILE, "ca1.csr")


def test_another_subject_than_declared() -> None:
    with pytest.raises(TrustAnchorError, match="'CN=Other' is declared"):
        check_request(GOOD, parse_intermediate({"subject": "CN=Other"}), "ca1.csr")


def test_a_request_that_nobody_signed() -> None:
    spoilt = x509.load_der_x509_csr(GOOD_DER.replace(b"Test Intermediate", b"Best Intermediate"))
    with pytest.raises(TrustAnchorError, match="not signed by its own key"):
        check_request(spoilt, PROFILE, "ca1.csr")


@given(st.integers(0, len(GOOD_DER) - 1), st.integers(1, 255))
@settings(max_examples=1000)
def test_no_flipped_byte_gets_through(position: int, flip: int) -> None:
    spoilt = bytearray(GOOD_DER)
    spoilt[position] ^= flip
    pem = b"-----BEGIN CERTIFICATE REQUEST-----\n" + base64.encodebytes(spoilt) + b"-----END CERTIFICATE REQUEST-----\n"
    try:
        request = load_request(pem, "ca1.csr")
        check_request(request, PROFILE, "ca1.csr")
    except TrustAnchorError:
        return
    # The signature's own encoding is not signed: one bit of its BIT STRING can be called unused. What is asked for is.
    assert request.tbs_certrequest_bytes == GOOD.tbs_certrequest_bytes


@given(st.binary(max_size=200))
def test_garbage_is_explained(data: bytes) -> None:
    with pytest.raises(TrustAnchorError, match="no request that can be parsed"):
        load_request(b"-----BEGIN CERTIFICATE REQUEST-----\n" + data, "ca1.csr")
