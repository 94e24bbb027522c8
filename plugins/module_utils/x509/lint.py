# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The project's own rules for what a ceremony signs, checked before (on a rehearsal) and after signing.

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
from cryptography.x509.oid import ExtendedKeyUsageOID

from ..errors import TrustAnchorError
from ..text import times
from . import certificates as certs
from .builders import authority_key_identifier, checked_key
from .name_constraints import permits_name
from .profiles import CRL_DAYS, INTERMEDIATE_DAYS, MANIFEST_SIGNER_DAYS_MAX, check_http_url

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
    if certs.extension(certificate, x509.ExtendedKeyUsage) is not None:
        yield "a root must have no extended key usage"
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
    yield from _lint_subordinate(certificate, issuer)
    purposes = certs.extension(certificate, x509.ExtendedKeyUsage)
    if purposes is not None and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in purposes:
        yield "its extended key usage must not be anyExtendedKeyUsage, which several verifiers refuse"
    for attribute in certificate.subject.get_attributes_for_oid(x509.NameOID.EMAIL_ADDRESS):
        mailbox = str(attribute.value)
        if not _permits_mailbox(issuer, mailbox):
            yield (
                f"its subject has the e-mail address {mailbox}, which its issuer does not permit: "
                "OpenSSL holds it to name constraints (RFC 5280 section 4.2.1.10), and would refuse all that is below"
            )
    constrained = [one for one in (certificate, issuer) if certs.extension(one, x509.NameConstraints) is not None]
    if not constrained and not unconstrained:
        yield "neither it nor its issuer has name constraints (unconstrained: true accepts that)"


def _permits_mailbox(issuer: x509.Certificate, mailbox: str) -> bool:
    try:
        return permits_name(issuer, x509.RFC822Name(mailbox))
    except ValueError:  # it is not ASCII
        return certs.extension(issuer, x509.NameConstraints) is None


def lint_cross(
    certificate: x509.Certificate, standby_root: x509.Certificate, issuer: x509.Certificate
) -> Iterator[str]:
    """Problems of a cross-certificate of ``standby_root`` below ``issuer``: it adds nothing to what the root says."""
    yield from _lint_subordinate(certificate, issuer)
    if certificate.subject != standby_root.subject:
        yield "its subject is not the standby root's"
    if certificate.public_key() != standby_root.public_key():
        yield "its key is not the standby root's"
    for kind in (x509.SubjectKeyIdentifier, x509.BasicConstraints, x509.NameConstraints, x509.ExtendedKeyUsage):
        if certs.extension(certificate, kind) != certs.extension(standby_root, kind):
            yield f"its {kind.oid._name} is not the standby root's"
    if certs.not_before(certificate) < certs.not_before(standby_root):
        yield f"it starts before the standby root ({times.render(certs.not_before(standby_root))})"
    if certs.not_after(certificate) > certs.not_after(standby_root):
        yield f"it outlives the standby root ({times.render(certs.not_after(standby_root))})"


def lint_manifest_signer(certificate: x509.Certificate, issuer: x509.Certificate) -> Iterator[str]:
    """Problems of a manifest signer, which is directly below a root."""
    yield from _lint_identity(certificate)
    yield from _lint_below(certificate, issuer, MANIFEST_SIGNER_DAYS_MAX)
    yield from _lint_signer_purpose(certificate)
    if issuer.subject != issuer.issuer:
        yield "its issuer is not a root"
    if certs.extension(certificate, x509.SubjectAlternativeName) is not None:
        yield "it must have no subject alternative name"
    if certificate.subject.get_attributes_for_oid(x509.NameOID.EMAIL_ADDRESS):
        yield "its subject must have no e-mail address"


def _lint_signer_purpose(certificate: x509.Certificate) -> Iterator[str]:
    basic = _found(certificate, x509.BasicConstraints)
    if basic is None or not basic.critical or basic.value.ca:
        yield "basic constraints must be critical and say that it is not a CA"
    usage = _found(certificate, x509.KeyUsage)
    if usage is None or not usage.critical or _uses(usage.value) != {"digital_signature"}:
        yield "key usage must be critical and exactly digitalSignature"
    purposes = _found(certificate, x509.ExtendedKeyUsage)
    wanted = [ExtendedKeyUsageOID.EMAIL_PROTECTION]
    if purposes is None or not purposes.critical or list(purposes.value) != wanted:
        yield "extended key usage must be critical and exactly emailProtection"


def _lint_subordinate(certificate: x509.Certificate, issuer: x509.Certificate) -> Iterator[str]:
    yield from _lint_ca(certificate)
    yield from _lint_below(certificate, issuer, INTERMEDIATE_DAYS)
    own, limit = (certs.extension(one, x509.BasicConstraints) for one in (certificate, issuer))
    most = None if limit is None else limit.path_length
    if most is not None and (own is None or own.path_length is None or own.path_length >= most):
        yield f"its path length must be less than its issuer's ({most})"
    yield from _lint_urls(certificate)


def _lint_below(certificate: x509.Certificate, issuer: x509.Certificate, days: int) -> Iterator[str]:
    if certificate.subject == issuer.subject:
        yield "subject and issuer are the same name"
    if certs.not_after(certificate) - certs.not_before(certificate) > dt.timedelta(days=days):
        yield f"it is valid for more than {days} days"
    if certs.extension(certificate, x509.AuthorityKeyIdentifier) != authority_key_identifier(issuer):
        yield "the authority key identifier is not the issuer's subject key identifier"
    if not certs.is_ca(issuer):
        yield "its issuer is not a CA"
    if certs.not_before(certificate) < certs.not_before(issuer):
        yield f"it starts before its issuer ({times.render(certs.not_before(issuer))}); check the clock"
    if certs.not_after(certificate) > certs.not_after(issuer):
        yield f"it outlives its issuer ({times.render(certs.not_after(issuer))})"


def _lint_ca(certificate: x509.Certificate) -> Iterator[str]:
    basic = _found(certificate, x509.BasicConstraints)
    if basic is None or not basic.critical or not basic.value.ca:
        yield "basic constraints must be critical and say CA"
    elif basic.value.path_length is None:
        yield "the path length must be given"
    yield from _lint_identity(certificate)
    usage = _found(certificate, x509.KeyUsage)
    if usage is None or not usage.critical:
        yield "key usage must be present and critical"
    elif _uses(usage.value) != {"key_cert_sign", "crl_sign"}:
        yield "key usage must be exactly keyCertSign and cRLSign"
    names = _found(certificate, x509.NameConstraints)
    if names is not None and not names.critical:
        yield "name constraints must be critical (RFC 5280 4.2.1.10)"


def _lint_identity(certificate: x509.Certificate) -> Iterator[str]:
    """Names, numbers and algorithms, which are the same for a CA and for a signer."""
    if not certificate.subject.rdns:
        yield "the subject is empty"
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


def _uses(usage: x509.KeyUsage) -> set[str]:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
    )
    return {name for name in names if getattr(usage, name)}


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
