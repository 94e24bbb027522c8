# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attestation: a manufacturer of the tests' own, and the certificates that its keys give.

The two chains of Yubico are imitated: the old one (the key's certificate f9 directly under the root) and the one since
firmware 5.7.4 (f9 under intermediates that are not on the key).
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from .algorithms import PrivateKey, Version

_BEGIN = dt.datetime(2016, 3, 14, tzinfo=dt.UTC)
_END = dt.datetime(2052, 4, 17, tzinfo=dt.UTC)
_YUBICO_PIV = "1.3.6.1.4.1.41482.3"
_FORM_FACTOR_USB_A = 1
NEW_CHAIN_SINCE: Version = (5, 7, 4)
# Certificates f9 of old keys lack basicConstraints (ykman#522).
CONSTRAINTS_SINCE: Version = (5, 0, 0)


@dataclass(frozen=True)
class Issuer:
    """A key with its CA certificate."""

    key: PrivateKey
    certificate: x509.Certificate


@dataclass(frozen=True)
class Factory:
    """What the manufacturer has in its safe; made again for each run of the tests."""

    old_root: Issuer
    new_root: Issuer
    intermediates: tuple[Issuer, ...]

    @classmethod
    def new(cls) -> Factory:
        """Make roots and intermediates."""
        old_key = rsa.generate_private_key(65537, 2048)
        old = Issuer(old_key, _certificate("Virtual PIV Root CA", old_key, None, path_length=None))
        new_key = ec.generate_private_key(ec.SECP384R1())
        new = Issuer(new_key, _certificate("Virtual Attestation Root 1", new_key, None, path_length=None))
        chain: list[Issuer] = [new]
        for name in ("Virtual Attestation Intermediate B 1", "Virtual PIV Attestation B 1"):
            key = ec.generate_private_key(ec.SECP384R1())
            chain.append(Issuer(key, _certificate(name, key, chain[-1], path_length=3 - len(chain))))
        return cls(old, new, tuple(chain[1:]))

    def files(self) -> dict[str, bytes]:
        """Return what a manufacturer publishes: file name to PEM certificates."""
        return {
            "old-root.pem": _pem(self.old_root),
            "new-root.pem": _pem(self.new_root),
            "intermediates.pem": b"".join(_pem(issuer) for issuer in self.intermediates),
        }

    def equip(self, version: Version) -> Issuer:
        """Return key and certificate of the slot f9 of a new YubiKey."""
        if version >= NEW_CHAIN_SINCE:
            ec_key = ec.generate_private_key(ec.SECP256R1())
            name = "Virtual YubiKey PIV Attestation"
            return Issuer(ec_key, _certificate(name, ec_key, self.intermediates[-1], path_length=0))
        key = rsa.generate_private_key(65537, 2048)
        constraints = version >= CONSTRAINTS_SINCE
        name = "Virtual PIV Attestation"
        return Issuer(key, _certificate(name, key, self.old_root, path_length=0, constraints=constraints))


def attest(
    signer: Issuer, slot: int, key: PrivateKey, *, version: Version, serial: int, policies: tuple[int, int]
) -> bytes:
    """Return the certificate (DER) that says: this key was made in this slot of this YubiKey with these policies."""
    number = serial.to_bytes((serial.bit_length() + 8) // 8, "big")
    statements = {
        "3": bytes(version),
        "7": b"\x02" + bytes([len(number)]) + number,  # INTEGER
        "8": bytes(policies),
        "9": bytes([_FORM_FACTOR_USB_A]),
    }
    builder = _builder(f"YubiKey PIV Attestation {slot:02x}", key, signer.certificate.subject)
    for arc, value in statements.items():
        oid = x509.ObjectIdentifier(f"{_YUBICO_PIV}.{arc}")
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)
    return _sign(builder, signer.key).public_bytes(Encoding.DER)


def _pem(issuer: Issuer) -> bytes:
    return issuer.certificate.public_bytes(Encoding.PEM)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(name: str, key: PrivateKey, issuer: x509.Name) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        subject_name=_name(name),
        issuer_name=issuer,
        public_key=key.public_key(),
        serial_number=secrets.randbits(120) | 1,
        not_valid_before=_BEGIN,
        not_valid_after=_END,
    )


def _certificate(
    name: str, key: PrivateKey, issuer: Issuer | None, *, path_length: int | None, constraints: bool = True
) -> x509.Certificate:
    builder = _builder(name, key, issuer.certificate.subject if issuer else _name(name))
    if constraints:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
    return _sign(builder, issuer.key if issuer else key)


def _sign(builder: x509.CertificateBuilder, key: PrivateKey) -> x509.Certificate:
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise TypeError("a slot f9 with this key attests nothing")
    large = isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size > 256
    return builder.sign(key, hashes.SHA384() if large else hashes.SHA256())
