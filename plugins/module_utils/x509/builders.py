# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a profile to a builder that lacks only the signature. Needs cryptography 42."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from ..errors import TrustAnchorError
from . import key_quality
from .certificates import extension
from .profiles import PURPOSES, CrlProfile, CrossProfile, IntermediateProfile, ManifestSignerProfile, RootProfile

if not hasattr(x509.Certificate, "not_valid_after_utc"):
    raise ImportError("cryptography 42 or newer is needed")

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

BACKDATE = dt.timedelta(minutes=5)  # for clients whose clocks are slow


@dataclass(frozen=True)
class Issuance:
    """What makes one certificate differ from the next with the same profile."""

    serial: int
    not_before: dt.datetime

    @classmethod
    def fresh(cls, now: dt.datetime) -> Issuance:
        """A random serial (159 bits, RFC 5280 section 4.1.2.2) and a start five minutes ago."""
        return cls(x509.random_serial_number(), now.replace(microsecond=0) - BACKDATE)


@dataclass(frozen=True)
class Revoked:
    """One entry of a CRL."""

    serial: int
    reason: x509.ReasonFlags
    date: dt.datetime


def digest_for(key: PublicKey) -> hashes.SHA256 | hashes.SHA384:
    """The hash that matches the strength of the key: SHA-256 for P-256, SHA-384 for P-384 and RSA."""
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return hashes.SHA256()
    return hashes.SHA384()


def checked_key(key: object, whose: str) -> PublicKey:
    """The key, once it is strong enough for a CA: P-256, P-384, or RSA of 3072 bits and more that is not known weak.

    Raises:
        TrustAnchorError: another kind or size, or a modulus that can be factored.
    """
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, (ec.SECP256R1, ec.SECP384R1)):
        return key
    if isinstance(key, rsa.RSAPublicKey) and 3072 <= key.key_size <= 8192 and key.public_numbers().e == 65537:
        _require_hard(key.public_numbers().n, whose)
        return key
    raise TrustAnchorError(
        f"the key of {whose} is {_kind(key)}",
        "a CA needs P-256, P-384, or RSA of 3072 to 8192 bits with exponent 65537",
        "Have a key of one of these kinds made, and a new request for it",
    )


def _require_hard(modulus: int, whose: str) -> None:
    weakness = key_quality.weakness(modulus)
    if weakness is not None:
        raise TrustAnchorError(
            f"the RSA modulus of {whose} {weakness}",
            "whoever has the certificate can compute its private key",
            "Have a new key made, by another program or device",
        )


def _kind(key: object) -> str:
    """What a person calls a key: its curve, or its algorithm and size in bits."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.curve.name
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA of {key.key_size} bits with exponent {key.public_numbers().e}"
    return type(key).__name__.strip("_").removesuffix("PublicKey")


def _usage(ca: bool) -> x509.KeyUsage:
    """A CA signs certificates and CRLs, a manifest signer signs documents."""
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _base(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, issuance: Issuance, days: int, path_length: int | None
) -> x509.CertificateBuilder:
    """What all certificates have. Without a path length it is not a CA."""
    ca = path_length is not None
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(issuance.serial)
        .not_valid_before(issuance.not_before)
        .not_valid_after(issuance.not_before + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
        .add_extension(_usage(ca), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def root_builder(profile: RootProfile, key: PublicKey, issuance: Issuance) -> x509.CertificateBuilder:
    """A root: issuer and subject are the same, and so are the identifiers of their keys."""
    builder = _base(profile.subject, profile.subject, key, issuance, profile.days, profile.path_length)
    own = x509.SubjectKeyIdentifier.from_public_key(key)
    own_authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
    builder = builder.add_extension(own_authority, critical=False)
    if profile.constraints is not None:
        builder = builder.add_extension(profile.constraints.extension(), critical=True)
    return builder


def intermediate_builder(
    profile: IntermediateProfile, subject: x509.Name, key: PublicKey, issuer: x509.Certificate, issuance: Issuance
) -> x509.CertificateBuilder:
    """An intermediate below ``issuer``, with where to find the issuer's CRL and certificate.

    Its extended key usage limits what is below it: verifiers take it so, though RFC 5280 leaves that open.
    """
    builder = _base(subject, issuer.subject, key, issuance, profile.days, profile.path_length)
    builder = builder.add_extension(authority_key_identifier(issuer), critical=False)
    if profile.constraints is not None:
        builder = builder.add_extension(profile.constraints.extension(), critical=True)
    if profile.purposes:
        purposes = x509.ExtendedKeyUsage([PURPOSES[name] for name in profile.purposes])
        builder = builder.add_extension(purposes, critical=False)
    return _with_urls(builder, profile)


def cross_builder(
    profile: CrossProfile, subject_root: x509.Certificate, issuer: x509.Certificate, issuance: Issuance
) -> x509.CertificateBuilder:
    """The standby root under ``issuer``: its name, key, key identifier, path length and name constraints.

    So whatever chains to the standby root also chains, through this certificate, to the primary one.

    Raises:
        TrustAnchorError: the standby root's key is too weak, or it has no path length.
    """
    name = subject_root.subject.rfc4514_string()
    basic = extension(subject_root, x509.BasicConstraints)
    if basic is None or basic.path_length is None:
        raise TrustAnchorError(f"'{name}' has no path length", "a standby root without one has no limit to copy")
    key = checked_key(subject_root.public_key(), f"'{name}'")
    builder = _base(subject_root.subject, issuer.subject, key, issuance, profile.days, basic.path_length)
    builder = builder.add_extension(authority_key_identifier(issuer), critical=False)
    constraints = extension(subject_root, x509.NameConstraints)
    if constraints is not None:
        builder = builder.add_extension(constraints, critical=True)
    return _with_urls(builder, profile)


def manifest_signer_builder(
    profile: ManifestSignerProfile, key: PublicKey, issuer: x509.Certificate, issuance: Issuance
) -> x509.CertificateBuilder:
    """A certificate that signs trust manifests.

    Its only purpose is the one that ``openssl cms -verify`` asks for by default, S/MIME (RFC 8551), so no TLS
    certificate passes as a signer. It is not a TLS certificate itself, and without an address is of no use for mail.
    """
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
    builder = _base(profile.subject, issuer.subject, key, issuance, profile.days, path_length=None)
    return builder.add_extension(authority_key_identifier(issuer), critical=False).add_extension(purpose, critical=True)


def _with_urls(
    builder: x509.CertificateBuilder, profile: IntermediateProfile | CrossProfile
) -> x509.CertificateBuilder:
    if profile.crl_urls:
        points = [
            x509.DistributionPoint([x509.UniformResourceIdentifier(u)], None, None, None) for u in profile.crl_urls
        ]
        builder = builder.add_extension(x509.CRLDistributionPoints(points), critical=False)
    if profile.issuer_urls:
        kind = AuthorityInformationAccessOID.CA_ISSUERS
        locations = [x509.AccessDescription(kind, x509.UniformResourceIdentifier(url)) for url in profile.issuer_urls]
        builder = builder.add_extension(x509.AuthorityInformationAccess(locations), critical=False)
    return builder


def crl_builder(
    profile: CrlProfile,
    issuer: x509.Certificate,
    number: int,
    revoked: Sequence[Revoked],
    this_update: dt.datetime,
) -> x509.CertificateRevocationListBuilder:
    """A CRL of CA certificates only: the issuing distribution point says so (RFC 5280 section 5.2.5)."""
    scope = x509.IssuingDistributionPoint(
        full_name=None,
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=True,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(this_update)
        .next_update(this_update + dt.timedelta(days=profile.days))
        .add_extension(authority_key_identifier(issuer), critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(scope, critical=True)
    )
    for entry in sorted(revoked, key=lambda one: one.serial):
        builder = builder.add_revoked_certificate(_entry(entry))
    return builder


def _entry(entry: Revoked) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder().serial_number(entry.serial).revocation_date(entry.date)
    if entry.reason is not x509.ReasonFlags.unspecified:  # RFC 5280 5.3.1: absent rather than unspecified
        builder = builder.add_extension(x509.CRLReason(entry.reason), critical=False)
    return builder.build()


def authority_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """The issuer's subject key identifier as authority key identifier (RFC 5280 section 4.2.1.1).

    Raises:
        TrustAnchorError: the issuer's certificate has none.
    """
    identifier = extension(issuer, x509.SubjectKeyIdentifier)
    if identifier is None:
        raise TrustAnchorError(
            f"the issuer '{issuer.subject.rfc4514_string()}' has no subject key identifier",
            "RFC 5280 section 4.2.1.2 wants one in every CA certificate",
        )
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
