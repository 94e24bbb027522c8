# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import time
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.trustanchor.private_ca.plugins.filter import public_jwk as jwk_filter
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import tokens
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from factories import pki

AUDIENCE = "https://ca.corp.example/1.0/sign"
CURVES: list[tuple[ec.EllipticCurve, str, hashes.HashAlgorithm]] = [
    (ec.SECP256R1(), "ES256", hashes.SHA256()),
    (ec.SECP384R1(), "ES384", hashes.SHA384()),
]
KEY = pki.new_key()


def decode(text: str) -> bytes:
    assert "=" not in text
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Header, claims, signature."""
    header, claims, signature = token.split(".")
    return json.loads(decode(header)), json.loads(decode(claims)), decode(signature)


@pytest.mark.parametrize(("curve", "algorithm", "digest"), CURVES)
def test_the_signature_is_that_of_the_key(
    curve: ec.EllipticCurve, algorithm: str, digest: hashes.HashAlgorithm
) -> None:
    key = ec.generate_private_key(curve)
    for _attempt in range(8):  # r or s is short now and then
        token = tokens.mint(key, "enrolment", AUDIENCE, ["a.corp.example"], "ab" * 32)
        header, _claims, signature = parts(token)
        assert header == {"alg": algorithm, "kid": tokens.public_jwk(key)["kid"], "typ": "JWT"}
        half = len(signature) // 2
        assert half == curve.key_size // 8
        der = encode_dss_signature(*(int.from_bytes(piece, "big") for piece in (signature[:half], signature[half:])))
        key.public_key().verify(der, token.rpartition(".")[0].encode(), ec.ECDSA(digest))
        with pytest.raises(InvalidSignature):
            key.public_key().verify(der, b"another text", ec.ECDSA(digest))


def test_claims() -> None:
    before = int(time.time())
    _header, claims, _signature = parts(tokens.mint(KEY, "enrolment", AUDIENCE, ["a", "10.0.0.1"], "ab" * 32))
    assert before <= claims["iat"] == claims["nbf"] <= time.time()
    assert claims["exp"] - claims["nbf"] == 300
    assert len(claims["jti"]) == 64
    fixed = {key: claims[key] for key in ("iss", "aud", "sub", "sans", "sha")}
    assert fixed == {
        "iss": "enrolment",
        "aud": AUDIENCE,
        "sub": "a",
        "sans": ["a", "10.0.0.1"],
        "sha": "ab" * 32,
    }
    assert "cnf" not in claims


def test_a_token_is_bound_to_one_request() -> None:
    digest = hashlib.sha256(b"request").digest()
    _header, claims, _signature = parts(tokens.mint(KEY, "enrolment", AUDIENCE, ["a"], "ab" * 32, digest))
    assert decode(claims["cnf"]["x5rt#S256"]) == digest


def test_each_token_is_another() -> None:
    minted = [parts(tokens.mint(KEY, "enrolment", AUDIENCE, ["a"], "ab" * 32))[1]["jti"] for _token in range(3)]
    assert len(set(minted)) == 3


@pytest.mark.parametrize(("curve", "algorithm", "_digest"), CURVES)
def test_public_jwk(curve: ec.EllipticCurve, algorithm: str, _digest: hashes.HashAlgorithm) -> None:
    key = ec.generate_private_key(curve)
    jwk = tokens.public_jwk(key)
    numbers = key.public_key().public_numbers()
    assert [int.from_bytes(decode(jwk[axis]), "big") for axis in "xy"] == [numbers.x, numbers.y]
    assert (jwk["kty"], jwk["use"], jwk["alg"], "d" in jwk) == ("EC", "sig", algorithm, False)
    # RFC 7638 section 3.2: the required members of an EC key, in lexicographic order, without white space.
    members = f'{{"crv":"{jwk["crv"]}","kty":"EC","x":"{jwk["x"]}","y":"{jwk["y"]}"}}'
    assert decode(jwk["kid"]) == hashlib.sha256(members.encode()).digest()


def test_short_coordinates_keep_their_length() -> None:
    """RFC 7518 section 6.2.1.2: leading zeros belong to a coordinate."""
    found = next(
        key
        for scalar in range(1, 2000)
        if (key := ec.derive_private_key(scalar, ec.SECP256R1())).public_key().public_numbers().x < 1 << 248
    )
    assert len(decode(tokens.public_jwk(found)["x"])) == 32


def test_no_digit_is_lost_at_an_end() -> None:
    """Padding is left out, and nothing else: coordinates of P-384 have none."""
    keys = (ec.derive_private_key(scalar, ec.SECP384R1()) for scalar in range(1, 5000))
    found = {
        tokens.public_jwk(key)["x"][-1]: tokens.public_jwk(key)["x"]
        for key, _count in zip(keys, range(600), strict=False)
    }
    assert len(found) > 60
    assert {len(text) for text in found.values()} == {64}


def sm2_key() -> str:
    """A key of a curve that the library does not know."""
    arguments = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2"]
    return subprocess.run(arguments, capture_output=True, check=True).stdout.decode()


def encrypted_key() -> str:
    encryption = BestAvailableEncryption(b"password")
    return KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "SECRET",
        "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----",
        "SECRET\ud800",
        pki.key_pem(rsa.generate_private_key(65537, 2048)),
        pki.key_pem(ed25519.Ed25519PrivateKey.generate()),
        pki.key_pem(ec.generate_private_key(ec.SECP521R1())),
        encrypted_key(),
        sm2_key(),
        pki.root().pem,
    ],
    ids=[
        "empty",
        "garbage",
        "broken",
        "not-encodable",
        "rsa",
        "ed25519",
        "p-521",
        "encrypted",
        "unknown-curve",
        "certificate",
    ],
)
def test_keys_that_are_refused_and_not_repeated(pem: str) -> None:
    with pytest.raises(TrustAnchorError, match="the provisioner's private key") as caught:
        tokens.load_key(pem)
    text = str(caught.value)
    assert "SECRET" not in text
    assert not any(line in text for line in pem.splitlines() if len(line) > 20 and "PRIVATE KEY" not in line)


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_keys_that_are_read(form: PrivateFormat) -> None:
    pem = KEY.private_bytes(Encoding.PEM, form, NoEncryption()).decode()
    assert tokens.load_key(pem).private_numbers() == KEY.private_numbers()


def test_the_filter() -> None:
    make = jwk_filter.FilterModule().filters()["public_jwk"]
    assert make(pki.key_pem(KEY)) == tokens.public_jwk(KEY)
    with pytest.raises(AnsibleFilterError, match="the provisioner's private key cannot be read"):
        make("SECRET")
