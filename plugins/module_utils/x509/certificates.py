# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read X.509 certificates and tell what they say.

Runs on the controller (cryptography 42 and newer) and on the CA host (the distribution's python3-cryptography,
38 and newer), so it keeps to the API that both have.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

from ..errors import TrustAnchorError
from ..text import times

if TYPE_CHECKING:  # cryptography 40 and newer
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

# As in host/pem.py: no five dashes inside.
_PEM_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----[^-]*(?:-(?!----)[^-]*)*-----END \1-----")


def load_bundle(pem: bytes, source: str) -> list[x509.Certificate]:
    """Certificates of a PEM bundle, in its order.

    Args:
        pem: PEM text; text outside of the blocks is allowed, blocks other than certificates are not.
        source: where the bytes come from, for messages.

    Raises:
        TrustAnchorError: no certificate, a block of another kind (a private key!), or a block that cannot be parsed.
    """
    certificates = []
    for match in _PEM_BLOCK.finditer(pem):
        label = match.group(1).decode()
        if label != "CERTIFICATE":
            raise TrustAnchorError(
                f"{source} holds a PEM block of type {label}",
                "only certificates are expected there",
                "Remove the block; a private key must never be in this file",
            )
        certificates.append(_parse(match.group(0), source))
    if not certificates:
        raise TrustAnchorError(
            f"{source} holds no PEM certificate",
            f"{len(pem)} bytes were read and no BEGIN CERTIFICATE block was found",
            "Put a certificate in PEM form there",
        )
    return certificates


def load_certificate(pem: bytes, source: str) -> x509.Certificate:
    """The one certificate of a PEM text.

    Raises:
        TrustAnchorError: as `load_bundle`, and when there is more than one certificate.
    """
    certificates = load_bundle(pem, source)
    if len(certificates) != 1:
        raise TrustAnchorError(
            f"{source} holds {len(certificates)} certificates",
            "exactly one is expected",
            "Keep one certificate per file",
        )
    return certificates[0]


def _parse(block: bytes, source: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(block)
    except (ValueError, x509.InvalidVersion) as error:
        raise TrustAnchorError(
            f"{source} holds a certificate that cannot be parsed",
            str(error),
            "Copy the file again from its origin",
        ) from error


def to_pem(certificate: x509.Certificate) -> bytes:
    """The certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER form, 64 lower-case hex digits without separators."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def spki_sha256(key: PublicKeyTypes) -> str:
    """SHA-256 of the DER SubjectPublicKeyInfo (RFC 5280 section 4.1), lower-case hex: names a key for good."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def not_before(certificate: x509.Certificate) -> dt.datetime:
    """Start of validity, aware, UTC. (``not_valid_before_utc`` came with cryptography 42.)"""
    if hasattr(certificate, "not_valid_before_utc"):
        return certificate.not_valid_before_utc
    return certificate.not_valid_before.replace(tzinfo=dt.UTC)


def not_after(certificate: x509.Certificate) -> dt.datetime:
    """End of validity, aware, UTC."""
    if hasattr(certificate, "not_valid_after_utc"):
        return certificate.not_valid_after_utc
    return certificate.not_valid_after.replace(tzinfo=dt.UTC)


def extension(certificate: x509.Certificate, kind: type[x509.ExtensionType]) -> Any:
    """The value of an extension, or None where the certificate has none of that kind."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether basic constraints say CA (RFC 5280 section 4.2.1.9)."""
    constraints = extension(certificate, x509.BasicConstraints)
    return bool(constraints is not None and constraints.ca)


def signature_is_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether ``issuer``'s key made the signature and the names match; no key and no hash that is unknown here did.

    ``verify_directly_issued_by`` came with cryptography 40; Debian 12 has 38.
    """
    if certificate.issuer != issuer.subject:
        return False
    signature, signed = certificate.signature, certificate.tbs_certificate_bytes
    try:
        key, algorithm = issuer.public_key(), certificate.signature_hash_algorithm
        if isinstance(key, ec.EllipticCurvePublicKey) and algorithm is not None:
            key.verify(signature, signed, ec.ECDSA(algorithm))
        elif isinstance(key, rsa.RSAPublicKey) and algorithm is not None:
            key.verify(signature, signed, padding.PKCS1v15(), algorithm)
        elif isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
            key.verify(signature, signed)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):  # ValueError: of a point that is not on its curve
        return False
    return True


def describe(certificate: x509.Certificate) -> dict[str, str]:
    """What a person compares: subject, issuer, serial (hex), fingerprint, dates (ISO 8601, UTC)."""
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "serial": f"{certificate.serial_number:x}",
        "sha256": fingerprint(certificate),
        "not_before": times.render(not_before(certificate)),
        "not_after": times.render(not_after(certificate)),
    }
