# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a certificate or a CRL signs, and whether a key verifies it."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from .builders import PublicKey


def tbs(signed: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    """The bytes that the signature covers."""
    if isinstance(signed, x509.Certificate):
        return signed.tbs_certificate_bytes
    return signed.tbs_certlist_bytes


def signature_holds(signed: x509.Certificate | x509.CertificateRevocationList, key: PublicKey) -> bool:
    """Whether ``key`` verifies the signature."""
    digest = signed.signature_hash_algorithm
    if digest is None:
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signed.signature, tbs(signed), padding.PKCS1v15(), digest)
        else:
            key.verify(signed.signature, tbs(signed), ec.ECDSA(digest))
    except InvalidSignature:
        return False
    return True
