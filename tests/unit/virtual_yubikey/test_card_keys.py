# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys, signatures, attestation and objects."""

from __future__ import annotations

import hashlib
import itertools

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from factories.virtual_card import (
    ED25519,
    P256,
    P384,
    PIN_ALWAYS,
    RSA2048,
    TOUCH_ALWAYS,
    authenticate,
    generate,
    new_card,
    refused,
    send,
    sign,
    verify_pin,
)
from virtual_yubikey import tlv
from virtual_yubikey.apdu import SW
from virtual_yubikey.attestation import Factory
from virtual_yubikey.card import Card
from virtual_yubikey.touch import Touch


def test_pin_for_each_signature(card: Card) -> None:
    authenticate(card)
    point = tlv.field(generate(card), 0x86)
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), point)
    digest = hashlib.sha384(b"x").digest()
    data = tlv.encode(0x7C, tlv.encode(0x82, b"") + tlv.encode(0x81, digest))
    assert refused(card, 0x87, P384, 0x9C, data) == SW.SECURITY_CONDITION_NOT_SATISFIED
    verify_pin(card)
    public.verify(sign(card, digest), digest, ec.ECDSA(utils.Prehashed(hashes.SHA384())))
    assert refused(card, 0x87, P384, 0x9C, data) == SW.SECURITY_CONDITION_NOT_SATISFIED
    verify_pin(card)
    send(card, 0xFD)  # any command in between
    assert refused(card, 0x87, P384, 0x9C, data) == SW.SECURITY_CONDITION_NOT_SATISFIED
    assert card.piv.signatures == 1


def test_digests_shorter_and_longer_than_the_curve(card: Card) -> None:
    authenticate(card)
    point = tlv.field(generate(card, P256, 0x9A), 0x86)
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    verify_pin(card)
    for digest in (hashlib.sha1(b"x").digest(), hashlib.sha256(b"x").digest(), hashlib.sha384(b"x").digest()):
        plain = digest[:32].rjust(32, b"\0")
        public.verify(sign(card, digest, P256, 0x9A), plain, ec.ECDSA(utils.Prehashed(hashes.SHA256())))


def test_ed25519_and_rsa(card: Card) -> None:
    authenticate(card)
    verify_pin(card)
    edwards = ed25519.Ed25519PublicKey.from_public_bytes(tlv.field(generate(card, ED25519, 0x9A), 0x86))
    edwards.verify(sign(card, b"message", ED25519, 0x9A), b"message")
    numbers = tlv.fields(generate(card, RSA2048, 0x9A))
    public = rsa.RSAPublicNumbers(
        int.from_bytes(numbers[0x82], "big"), int.from_bytes(numbers[0x81], "big")
    ).public_key()
    info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(b"message").digest()
    block = b"\x00\x01" + b"\xff" * (256 - 3 - len(info)) + b"\x00" + info
    signature = sign(card, block, RSA2048, 0x9A)
    public.verify(signature, b"message", padding.PKCS1v15(), hashes.SHA256())
    short = tlv.encode(0x7C, tlv.encode(0x81, b"short"))
    assert refused(card, 0x87, RSA2048, 0x9A, short) == SW.INCORRECT_PARAMETERS


def test_imported_keys_are_used_but_not_attested(card: Card) -> None:
    authenticate(card)
    key = ec.generate_private_key(ec.SECP384R1())
    scalar = tlv.encode(0x06, key.private_numbers().private_value.to_bytes(48, "big"))
    send(card, 0xFE, P384, 0x9C, scalar)
    assert tlv.fields(send(card, 0xF7, 0, 0x9C))[0x03] == b"\x02"
    assert refused(card, 0xF9, 0x9C) == SW.INCORRECT_PARAMETERS
    assert refused(card, 0xFE, P384, 0x9C, tlv.encode(0x06, bytes(48))) == SW.INCORRECT_PARAMETERS
    assert refused(card, 0xFE, RSA2048, 0x9C, scalar) == SW.INCORRECT_PARAMETERS
    verify_pin(card)
    digest = hashlib.sha384(b"x").digest()
    key.public_key().verify(sign(card, digest), digest, ec.ECDSA(utils.Prehashed(hashes.SHA384())))


@pytest.mark.parametrize("version", [(4, 3, 7), (5, 4, 3), (5, 7, 4)])
def test_attestation_chain(factory: Factory, touch: Touch, version: tuple[int, int, int]) -> None:
    card = new_card(factory, touch, version)
    card.piv._managed = True
    point = tlv.field(generate(card, pin=PIN_ALWAYS, touch=TOUCH_ALWAYS), 0x86)
    leaf = x509.load_der_x509_certificate(send(card, 0xF9, 0x9C))
    stored = tlv.field(tlv.field(send(card, 0xCB, 0x3F, 0xFF, bytes.fromhex("5c035fff01")), 0x53), 0x70)
    f9 = x509.load_der_x509_certificate(stored)
    new = version >= (5, 7, 4)
    issuers = [issuer.certificate for issuer in reversed(factory.intermediates)] if new else []
    chain = [leaf, f9, *issuers, (factory.new_root if new else factory.old_root).certificate]
    for lower, upper in itertools.pairwise(chain):
        lower.verify_directly_issued_by(upper)
    constrained = any(isinstance(extension.value, x509.BasicConstraints) for extension in f9.extensions)
    assert constrained == (version >= (5, 0, 0))
    told = {extension.oid.dotted_string[-1]: extension.value.value for extension in leaf.extensions}
    assert told["3"] == bytes(version)
    assert int.from_bytes(told["7"][2:], "big") == 11111111
    assert told["8"] == bytes([PIN_ALWAYS, TOUCH_ALWAYS])
    key = leaf.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key == ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), point)


def test_moved_and_deleted(card: Card) -> None:
    authenticate(card)
    generate(card)
    send(card, 0xF6, 0x82, 0x9C)
    assert 0x9C not in card.piv.keys
    send(card, 0xF6, 0xFF, 0x82)
    assert refused(card, 0xF7, 0, 0x82) == SW.REFERENCE_DATA_NOT_FOUND
    assert refused(card, 0xF6, 0x9C, 0xF9) == SW.INCORRECT_PARAMETERS


def test_objects(card: Card) -> None:
    printed, authenticated = bytes.fromhex("5c035fc109"), bytes.fromhex("5c035fc105")
    assert refused(card, 0xCB, 0x3F, 0xFF, printed) == SW.SECURITY_CONDITION_NOT_SATISFIED
    verify_pin(card)
    assert refused(card, 0xCB, 0x3F, 0xFF, printed) == SW.FILE_NOT_FOUND
    assert (
        refused(card, 0xDB, 0x3F, 0xFF, authenticated + tlv.encode(0x53, b"x")) == SW.SECURITY_CONDITION_NOT_SATISFIED
    )
    authenticate(card)
    assert refused(card, 0xDB, 0x3F, 0xFF, authenticated + tlv.encode(0x53, bytes(3053))) == SW.NO_SPACE
    send(card, 0xDB, 0x3F, 0xFF, authenticated + tlv.encode(0x53, bytes(3052)))
    send(card, 0xDB, 0x3F, 0xFF, authenticated + tlv.encode(0x53, b""))
    assert refused(card, 0xCB, 0x3F, 0xFF, authenticated) == SW.FILE_NOT_FOUND
