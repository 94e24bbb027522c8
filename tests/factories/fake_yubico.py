# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A maker of YubiKeys: its authorities in both styles, and attestations as a token makes them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.certificates import to_pem
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

FROM, UNTIL = dt.datetime(2016, 3, 14, tzinfo=dt.UTC), dt.datetime(2052, 4, 17, tzinfo=dt.UTC)
CA = x509.BasicConstraints(True, None)


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class Authority:
    """A key with its certificate; a root without an issuer."""

    title: str
    issuer: Authority | None = None
    constraints: x509.BasicConstraints | None = CA
    until: dt.datetime = UNTIL
    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)

    def __post_init__(self) -> None:
        extensions = [(self.constraints, True)] if self.constraints else []
        signer = self.issuer or self
        self.certificate = signer.sign(self.title, self.key.public_key(), extensions, self.until, name(signer.title))

    @property
    def pem(self) -> bytes:
        return to_pem(self.certificate)

    def sign(self, title: str, public: Any, extensions: Any, until: dt.datetime, issuer: x509.Name) -> x509.Certificate:
        builder = x509.CertificateBuilder().subject_name(name(title)).issuer_name(issuer).public_key(public)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(FROM).not_valid_after(until)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())


def extension(number: str, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(f"1.3.6.1.4.1.41482.3.{number}"), value)


def told(serial: int = 11111111, firmware: bytes = b"\5\7\1", policies: bytes = b"\3\2") -> dict[str, bytes]:
    """What an attestation tells, by the number of the extension."""
    number = serial.to_bytes((serial.bit_length() + 8) // 8, "big")
    return {"3": firmware, "7": bytes([2, len(number)]) + number, "8": policies, "9": b"\1"}


def attest(own: Authority, public: Any, values: dict[str, bytes] | None = None) -> bytes:
    """The attestation (PEM) by the token whose f9 is ``own``."""
    extensions = [(extension(number, value), False) for number, value in (values or told()).items()]
    title = "YubiKey PIV Attestation 9c"
    return to_pem(own.sign(title, public, extensions, UNTIL, own.certificate.subject))
