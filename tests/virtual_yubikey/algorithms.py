# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The asymmetric algorithms of a PIV slot: make, import, describe and use a key."""

from __future__ import annotations

from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, utils, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from . import tlv
from .apdu import SW, Status

PrivateKey: TypeAlias = (
    rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | x25519.X25519PrivateKey
)
Version: TypeAlias = tuple[int, int, int]

RSA_BITS = {0x06: 1024, 0x07: 2048, 0x05: 3072, 0x16: 4096}
CURVES: dict[int, ec.EllipticCurve] = {0x11: ec.SECP256R1(), 0x14: ec.SECP384R1()}
ED25519, X25519 = 0xE0, 0xE1
# The host gives a digest; what matters is only that the sizes of digest and curve are equal.
_DIGESTS: dict[int, hashes.HashAlgorithm] = {256: hashes.SHA256(), 384: hashes.SHA384()}
_SINCE_5_7 = (0x05, 0x16, ED25519, X25519)
_EXPONENT = 65537


def require_supported(algorithm: int, version: Version) -> None:
    """Refuse what this firmware does not have.

    Raises:
        Status: incorrect parameters (6a80).
    """
    known = algorithm in RSA_BITS or algorithm in CURVES or algorithm in _SINCE_5_7
    if not known or (algorithm in _SINCE_5_7 and version < (5, 7, 0)):
        raise Status(SW.INCORRECT_PARAMETERS)


def number(key: PrivateKey) -> int:
    """Return the algorithm of an RSA key or a key on a curve."""
    if isinstance(key, rsa.RSAPrivateKey):
        return next(number for number, bits in RSA_BITS.items() if bits == key.key_size)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return next(number for number, curve in CURVES.items() if curve.name == key.curve.name)
    return ED25519 if isinstance(key, ed25519.Ed25519PrivateKey) else X25519


def generate(algorithm: int) -> PrivateKey:
    """Make a key of a supported algorithm."""
    if algorithm in CURVES:
        return ec.generate_private_key(CURVES[algorithm])
    if algorithm in RSA_BITS:
        return rsa.generate_private_key(_EXPONENT, RSA_BITS[algorithm])
    return ed25519.Ed25519PrivateKey.generate() if algorithm == ED25519 else x25519.X25519PrivateKey.generate()


def load(algorithm: int, parts: dict[int, bytes]) -> PrivateKey:
    """Take the key of an IMPORT command: primes of RSA (01, 02), the scalar (06) or the seed (07, 08).

    Raises:
        Status: incorrect parameters (6a80).
    """
    try:
        if algorithm in CURVES:
            return ec.derive_private_key(int.from_bytes(parts[0x06], "big"), CURVES[algorithm])
        if algorithm in RSA_BITS:
            return _load_rsa(RSA_BITS[algorithm], parts)
        if algorithm == ED25519:
            return ed25519.Ed25519PrivateKey.from_private_bytes(parts[0x07])
        return x25519.X25519PrivateKey.from_private_bytes(parts[0x08])
    except (KeyError, ValueError, UnsupportedAlgorithm) as wrong:
        raise Status(SW.INCORRECT_PARAMETERS) from wrong


def _load_rsa(bits: int, parts: dict[int, bytes]) -> rsa.RSAPrivateKey:
    p, q = int.from_bytes(parts[0x01], "big"), int.from_bytes(parts[0x02], "big")
    if (p * q).bit_length() != bits:
        raise ValueError("the primes do not fit the size")
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(_EXPONENT, p * q)
    exponents = (rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q))
    return rsa.RSAPrivateNumbers(p, q, d, *exponents, public).private_key()


def public_fields(key: PrivateKey) -> bytes:
    """Return the public key as GENERATE and GET METADATA give it."""
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return tlv.encode(0x81, numbers.n.to_bytes(public.key_size // 8, "big")) + tlv.encode(0x82, b"\x01\x00\x01")
    if isinstance(public, ec.EllipticCurvePublicKey):
        return tlv.encode(0x86, public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
    return tlv.encode(0x86, public.public_bytes_raw())


def sign(key: PrivateKey, message: bytes) -> bytes:
    """Sign: the padded block for RSA, the digest for ECDSA, the message itself for Ed25519.

    Raises:
        Status: incorrect parameters (6a80).
    """
    if isinstance(key, rsa.RSAPrivateKey):
        return _raw_rsa(key, message)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        size = key.curve.key_size // 8
        digest = message[:size].rjust(size, b"\0")
        return key.sign(digest, ec.ECDSA(utils.Prehashed(_DIGESTS[key.curve.key_size])))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    raise Status(SW.INCORRECT_PARAMETERS)


def _raw_rsa(key: rsa.RSAPrivateKey, block: bytes) -> bytes:
    """Return block^d mod n by the Chinese remainder theorem (RFC 8017, 5.1.2)."""
    numbers = key.private_numbers()
    value = int.from_bytes(block, "big")
    if len(block) != key.key_size // 8 or value >= numbers.public_numbers.n:
        raise Status(SW.INCORRECT_PARAMETERS)
    m1, m2 = pow(value, numbers.dmp1, numbers.p), pow(value, numbers.dmq1, numbers.q)
    result = m2 + numbers.q * ((m1 - m2) * numbers.iqmp % numbers.p)
    return result.to_bytes(len(block), "big")


def agree(key: PrivateKey, peer: bytes) -> bytes:
    """Return the secret shared with a peer's public key.

    Raises:
        Status: incorrect parameters (6a80).
    """
    try:
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(key.curve, peer))
        if isinstance(key, x25519.X25519PrivateKey):
            return key.exchange(x25519.X25519PublicKey.from_public_bytes(peer))
    except ValueError as wrong:
        raise Status(SW.INCORRECT_PARAMETERS) from wrong
    raise Status(SW.INCORRECT_PARAMETERS)
