# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check a request before a root signs it: an intermediate's, or that of a signer of trust manifests."""

from __future__ import annotations

import re
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import AttributeOID

from ..errors import TrustAnchorError
from ..host.files import read, sha256
from ..x509.builders import PublicKey, checked_key
from ..x509.profiles import IntermediateProfile, ManifestSignerProfile

# What the certificate will say anyway; the profile decides the values.
_HARMLESS = (x509.BasicConstraints, x509.KeyUsage, x509.SubjectKeyIdentifier)
# The file goes into the record and into the transcript: no key may ride along.
_ONE_REQUEST = re.compile(
    rb"-----BEGIN CERTIFICATE REQUEST-----\r?\n(?:[A-Za-z0-9+/=]+\r?\n)+-----END CERTIFICATE REQUEST-----\s*"
)
_UNREADABLE = (
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
    except _UNREADABLE as error:
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


def check_request(
    request: x509.CertificateSigningRequest, profile: IntermediateProfile, source: str
) -> tuple[x509.Name, PublicKey]:
    """Subject and key for the certificate.

    Raises:
        TrustAnchorError: signature invalid, key too weak, subject not as declared or without a name, or
            something asked for that the profile does not give.
    """
    try:
        _check_signature(request, source)
        key = checked_key(request.public_key(), source)
        _check_wishes(request, profile, source)
        subject = request.subject
    except _UNREADABLE as error:
        raise TrustAnchorError(f"{source} holds a request that cannot be read", str(error)) from error
    if profile.subject is not None:
        _check_subject(subject, profile.subject, source)
    if not subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME):
        raise TrustAnchorError(f"{source} asks for a subject without CN", "tools show CAs by their common name")
    return subject, key


def check_signer_request(
    request: x509.CertificateSigningRequest, profile: ManifestSignerProfile, source: str
) -> PublicKey:
    """Key for the certificate of a manifest signer.

    Raises:
        TrustAnchorError: signature invalid, key too weak, subject not as planned, or anything asked for beyond
            digital signatures.
    """
    try:
        _check_signature(request, source)
        key = checked_key(request.public_key(), source)
        _check_attributes(request, source)
        for extension in request.extensions:
            usage = extension.value
            if isinstance(usage, x509.KeyUsage) and not usage.key_cert_sign and not usage.crl_sign:
                _check_usage(usage, source, allowed="digital_signature")
            elif not isinstance(usage, x509.SubjectKeyIdentifier):
                raise _beyond(source, f"the extension {extension.oid._name} ({extension.oid.dotted_string})")
        _check_subject(request.subject, profile.subject, source)
    except _UNREADABLE as error:
        raise TrustAnchorError(f"{source} holds a request that cannot be read", str(error)) from error
    return key


def _check_subject(asked: x509.Name, wanted: x509.Name, source: str) -> None:
    if asked != wanted:
        raise TrustAnchorError(
            f"{source} asks for the subject '{asked.rfc4514_string()}'",
            f"'{wanted.rfc4514_string()}' is declared",
            "Check whose request this is; correct the declaration or make the request again",
        )


def _check_signature(request: x509.CertificateSigningRequest, source: str) -> None:
    if not request.is_signature_valid:
        raise TrustAnchorError(
            f"the request in {source} is not signed by its own key",
            "so nobody has shown that they hold that key (RFC 2986 section 4.2)",
            "Make the request again on the CA host",
        )


def _check_wishes(request: x509.CertificateSigningRequest, profile: IntermediateProfile, source: str) -> None:
    _check_attributes(request, source)
    for extension in request.extensions:
        if not isinstance(extension.value, _HARMLESS):
            raise _beyond(source, f"the extension {extension.oid._name} ({extension.oid.dotted_string})")
        if isinstance(extension.value, x509.BasicConstraints):
            _check_length(extension.value, profile, source)
        if isinstance(extension.value, x509.KeyUsage):
            _check_usage(extension.value, source)


def _check_attributes(request: x509.CertificateSigningRequest, source: str) -> None:
    for attribute in request.attributes:
        if attribute.oid not in (AttributeOID.UNSTRUCTURED_NAME, _EXTENSION_REQUEST):
            raise _beyond(source, f"the attribute {attribute.oid.dotted_string}")


_EXTENSION_REQUEST = x509.ObjectIdentifier("1.2.840.113549.1.9.14")


def _check_length(wish: x509.BasicConstraints, profile: IntermediateProfile, source: str) -> None:
    if not wish.ca:
        raise TrustAnchorError(f"{source} asks for a certificate that is not a CA", "an intermediate is one")
    if wish.path_length is not None and wish.path_length > profile.path_length:
        raise _beyond(source, f"the path length {wish.path_length}")


def _check_usage(wish: x509.KeyUsage, source: str, allowed: str = "") -> None:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
    )
    asked = [name for name in names if getattr(wish, name) and name != allowed]
    if asked:
        raise _beyond(source, f"the key usage {', '.join(asked)}")


def _beyond(source: str, what: str) -> TrustAnchorError:
    return TrustAnchorError(f"{source} asks for {what}", "the profile does not give it", "Make a request without it")
