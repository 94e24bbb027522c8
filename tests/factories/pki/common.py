# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all certificates of tests are made of: times, keys, names, PEM. No key is ever kept."""

from __future__ import annotations

import datetime as dt
import ipaddress
from typing import TypeAlias

from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import times
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes, CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

# The clock's time: for clients and openssl, which read the clock themselves.
NOW = times.utc_now()
# A day that never changes: for code that is told the time.
FIXED_NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)

PrivateKey: TypeAlias = CertificateIssuerPrivateKeyTypes


def new_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    """A key, of P-256 unless told otherwise."""
    return ec.generate_private_key(curve or ec.SECP256R1())


def key_pem(key: PrivateKey) -> str:
    """PKCS#8, not encrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def load_key(pem_text: bytes) -> ec.EllipticCurvePrivateKey:
    """An EC key that was not encrypted."""
    key = load_pem_private_key(pem_text, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def pem(*certificates: x509.Certificate) -> str:
    """A bundle in this order."""
    return "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in certificates)


def name(common_name: str) -> x509.Name:
    """A name with nothing but a common name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def general_name(text: str) -> x509.GeneralName:
    """A DNS name or an IP address."""
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def bare(
    subject: x509.Name, issuer: x509.Name, key: CertificatePublicKeyTypes, start: dt.datetime, end: dt.datetime
) -> x509.CertificateBuilder:
    """A certificate without any extension, to be completed and signed."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )
