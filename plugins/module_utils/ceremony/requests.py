# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests: read them, and check what holds for each before a root signs it. What a kind allows, its act knows."""

from __future__ import annotations

import re
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import AttributeOID

from ..errors import TrustAnchorError
from ..host.files import read, sha256

# The file goes into the record and into the transcript: no key may ride along.
_ONE_REQUEST = re.compile(
    rb"-----BEGIN CERTIFICATE REQUEST-----\r?\n(?:[A-Za-z0-9+/=]+\r?\n)+-----END CERTIFICATE REQUEST-----\s*"
)
UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


def load_request(pem: bytes, source: str) -> x509.CertificateSigningRequest:
    """A request in PEM form.

    Raises:
        TrustAnchorError: it cannot be parsed.
    """
    if not _ONE_REQUEST.fullmatch(pem):
        raise TrustAnchorError(
            f"{source} holds no request that can be parsed",
            "expected: one PEM block of a certificate request, and nothing before or after it",
            "Make the request again on the CA host. If there is a private key in the file, it must not leave that host",
        )
    try:
        return x509.load_pem_x509_csr(pem)
    except UNREADABLE as error:
        raise TrustAnchorError(
            f"{source} holds no request that can be parsed",
            str(error),
            "Make the request again on the CA host",
        ) from error


def read_request(inputs: Path, request: str, expected: str) -> x509.CertificateSigningRequest:
    """The request that the plan names, by digest.

    Raises:
        TrustAnchorError: absent, not the plan's, or it cannot be parsed.
    """
    pem = read(inputs / request)
    if pem is None:
        raise TrustAnchorError(
            f"there is no {request}",
            "the certificate is signed from it",
            "Make it where the key is, and put it into the record",
        )
    digest = sha256(pem)
    if digest != expected:
        raise TrustAnchorError(
            f"{request} has the SHA-256 {digest}",
            f"the plan was reviewed for {expected}",
            "Find out who changed the request; plan again if the new one is right",
        )
    return load_request(pem, request)


def require_subject(asked: x509.Name, wanted: x509.Name, source: str) -> None:
    """It asks for the subject that is declared.

    Raises:
        TrustAnchorError: it asks for another one.
    """
    if asked != wanted:
        raise TrustAnchorError(
            f"{source} asks for the subject '{asked.rfc4514_string()}'",
            f"'{wanted.rfc4514_string()}' is declared",
            "Check whose request this is; correct the declaration or make the request again",
        )


def require_own_signature(request: x509.CertificateSigningRequest, source: str) -> None:
    """It is signed by the key that it is for.

    Raises:
        TrustAnchorError: it is not.
    """
    if not request.is_signature_valid:
        raise TrustAnchorError(
            f"the request in {source} is not signed by its own key",
            "so nobody has shown that they hold that key (RFC 2986 section 4.2)",
            "Make the request again on the CA host",
        )


def require_no_attributes(request: x509.CertificateSigningRequest, source: str) -> None:
    """It has no attribute but a name, which nobody uses, and extensions.

    Raises:
        TrustAnchorError: it has another one.
    """
    for attribute in request.attributes:
        if attribute.oid not in (AttributeOID.UNSTRUCTURED_NAME, _EXTENSION_REQUEST):
            raise beyond(source, f"the attribute {attribute.oid.dotted_string}")


_EXTENSION_REQUEST = x509.ObjectIdentifier("1.2.840.113549.1.9.14")


def require_no_usage(wish: x509.KeyUsage, source: str, allowed: str = "") -> None:
    """It asks for no use of the key beyond signing certificates and CRLs, and ``allowed``.

    Raises:
        TrustAnchorError: it does.
    """
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
    )
    asked = [name for name in names if getattr(wish, name) and name != allowed]
    if asked:
        raise beyond(source, f"the key usage {', '.join(asked)}")


def beyond(source: str, what: str) -> TrustAnchorError:
    """The refusal of what a profile does not give."""
    return TrustAnchorError(f"{source} asks for {what}", "the profile does not give it", "Make a request without it")
