# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The project's own rules for CA certificates and CRLs, checked before (on a rehearsal) and after signing.

Web-PKI linters know RFC 5280; they do not know this project's policy. Each rule returns problems as
sentences, so that a person sees all of them at once. Needs cryptography 42.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from ..errors import TrustAnchorError
from . import certificates as certs
from .builders import authority_key_identifier, checked_key
from .profiles import CRL_DAYS, INTERMEDIATE_DAYS, check_http_url

MINIMUM_SERIAL_BITS = 64


def require_clean(what: str, problems: Iterator[str] | list[str]) -> None:
    """Raise when there are problems.

    Raises:
        TrustAnchorError: lists all of them.
    """
    found = list(problems)
    if found:
        raise TrustAnchorError(f"{what} breaks {len(found)} rule(s): {'; '.join(found)}", "nothing was written")


def lint_root(certificate: x509.Certificate, allow_weak_root: bool = False) -> Iterator[str]:
    """Problems of a root. Whether it may lack name constraints is the profile's to say."""
    yield from _lint_ca(certificate)
    if certificate.subject != certificate.issuer:
        yield "a root's issuer must be its subject"
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < 384 and not allow_weak_root:
        yield "a root's EC key must be P-384 (allow_weak_root: true accepts P-256)"
    for kind in (x509.CRLDistributionPoints, x509.AuthorityInformationAccess):
        if certs.extension(certificate, kind) is not None:
            yield f"a root must have no {kind.oid._name}"
    identifier = certs.extension(certificate, x509.AuthorityKeyIdentifier)
    if identifier is not None and identifier != authority_key_identifier(certificate):
        yield "a root's authority key identifier must be its own"


def lint_intermediate(
    certificate: x509.Certificate, issuer: x509.Certificate, unconstrained: bool = False
) -> Iterator[str]:
    """Problems of an intermediate below ``issuer``."""
    yield from _lint_ca(certificate)
    if certificate.subject == issuer.subject:
        yield "subject and issuer are the same name"
    if certs.not_after(certificate) - certs.not_before(certificate) > dt.timedelta(days=INTERMEDIATE_DAYS):
        yield f"it is valid for more than {INTERMEDIATE_DAYS} days"
    yield from _nested(certificate, issuer)
    if certs.extension(certificate, x509.AuthorityKeyIdentifier) != authority_key_identifier(issuer):
        yield "the authority key identifier is not the issuer's subject key identifier"
    constrained = [one for one in (certificate, issuer) if certs.extension(one, x509.NameConstraints) is not None]
    if not constrained and not unconstrained:
        yield "neither it nor its issuer has name constraints (unconstrained: true accepts that)"
    yield from _lint_urls(certificate)


def _nested(certificate: x509.Certificate, issuer: x509.Certificate) -> Iterator[str]:
    if certs.not_before(certificate) < certs.not_before(issuer):
        yield f"it starts before its issuer ({certs.not_before(issuer).isoformat()}); check the clock"
    if certs.not_after(certificate) > certs.not_after(issuer):
        yield f"it outlives its issuer ({certs.not_after(issuer).isoformat()})"
    own, limit = (certs.extension(one, x509.BasicConstraints) for one in (certificate, issuer))
    if limit is None or not limit.ca:
        yield "its issuer is not a CA"
    elif limit.path_length is not None and (
        own is None or own.path_length is None or own.path_length >= limit.path_length
    ):
        yield f"its path length must be less than its issuer's ({limit.path_length})"


def _lint_ca(certificate: x509.Certificate) -> Iterator[str]:
    yield from _lint_basics(certificate)
    yield from _lint_usage(certificate)
    names = _found(certificate, x509.NameConstraints)
    if names is not None and not names.critical:
        yield "name constraints must be critical (RFC 5280 4.2.1.10)"
    if not certificate.subject.rdns:
        yield "the subject is empty"


def _lint_basics(certificate: x509.Certificate) -> Iterator[str]:
    basic = _found(certificate, x509.BasicConstraints)
    if basic is None or not basic.critical or not basic.value.ca:
        yield "basic constraints must be critical and say CA"
    elif basic.value.path_length is None:
        yield "the path length must be given"
    identifier = certs.extension(certificate, x509.SubjectKeyIdentifier)
    if identifier is None:
        yield "the subject key identifier is missing"
    elif identifier != x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()):
        yield "the subject key identifier is not the SHA-1 of the key (RFC 5280 4.2.1.2, method 1)"
    if certificate.serial_number.bit_length() < MINIMUM_SERIAL_BITS:
        yield f"the serial has fewer than {MINIMUM_SERIAL_BITS} random bits"
    try:
        checked_key(certificate.public_key(), "the certificate")
    except TrustAnchorError as error:
        yield error.what
    if not isinstance(certificate.signature_hash_algorithm, (hashes.SHA256, hashes.SHA384, hashes.SHA512)):
        yield "the signature must use SHA-2"


def _lint_usage(certificate: x509.Certificate) -> Iterator[str]:
    usage = _found(certificate, x509.KeyUsage)
    if usage is None or not usage.critical:
        yield "key usage must be present and critical"
    else:
        value = usage.value
        others = (
            value.digital_signature,
            value.content_commitment,
            value.key_encipherment,
            value.data_encipherment,
            value.key_agreement,
        )
        if not (value.key_cert_sign and value.crl_sign) or any(others):
            yield "key usage must be exactly keyCertSign and cRLSign"
    if certs.extension(certificate, x509.ExtendedKeyUsage) is not None:
        yield "a CA certificate must have no extended key usage"


def _lint_urls(certificate: x509.Certificate) -> Iterator[str]:
    points = certs.extension(certificate, x509.CRLDistributionPoints) or []
    access = certs.extension(certificate, x509.AuthorityInformationAccess) or []
    names = [name for point in points for name in point.full_name or []] + [one.access_location for one in access]
    for name in names:
        try:
            check_http_url(str(name.value), "CRL distribution point or authority information access")
        except TrustAnchorError as error:
            yield str(error)


def lint_crl(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> Iterator[str]:
    """Problems of a root's CRL."""
    if crl.issuer != issuer.subject:
        yield "the CRL's issuer is not the CA's subject"
    if crl.next_update_utc is None or crl.next_update_utc - crl.last_update_utc > dt.timedelta(days=CRL_DAYS):
        yield f"the CRL must be valid for at most {CRL_DAYS} days"
    if _found(crl, x509.CRLNumber) is None:
        yield "the CRL number is missing"
    identifier = _found(crl, x509.AuthorityKeyIdentifier)
    if identifier is None or identifier.value != authority_key_identifier(issuer):
        yield "the authority key identifier is not the issuer's subject key identifier"
    scope = _found(crl, x509.IssuingDistributionPoint)
    if scope is None or not scope.critical or not scope.value.only_contains_ca_certs:
        yield "the issuing distribution point must be critical and say onlyContainsCACerts"


def _found(
    signed: x509.Certificate | x509.CertificateRevocationList, kind: type[x509.ExtensionType]
) -> x509.Extension[Any] | None:
    try:
        return signed.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None
