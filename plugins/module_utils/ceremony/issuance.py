# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan and sign CA certificates: a root, or an intermediate from its request.

A plan tells what is there, what is wanted and what would be done; applying it is one signature and one file.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509

from ..errors import TrustAnchorError
from ..x509 import certificates as certs
from ..x509.builders import Moment, PrivateKey, PublicKey, digest_for, intermediate_builder, root_builder
from ..x509.lint import lint_intermediate, lint_root
from ..x509.profiles import IntermediateProfile, RootProfile
from .act import Draft, SigningPlan, signature_holds, tbs, throwaway_like
from .files import read_optional, replace, write_once
from .requests import check_request

Build = Callable[[Moment], x509.CertificateBuilder]


@dataclass(frozen=True)
class CertificatePlan(SigningPlan[x509.Certificate]):
    """What to do about one certificate."""

    def apply(self, key: PrivateKey) -> x509.Certificate:
        """Sign and write; a certificate that is replaced goes to the archive first.

        Raises:
            TrustAnchorError: no work, a rule is broken, the token refuses, the file cannot be written.
        """
        signed = self.sign(key)
        if self.existing is None:
            write_once(self.path, certs.to_pem(signed))
        else:
            archive(self.path, self.existing)
            replace(self.path, certs.to_pem(signed))
        return signed


def archive_path(path: Path, certificate: x509.Certificate) -> Path:
    """Where a replaced certificate is kept: ``archive/<name>-<16 digits of its fingerprint>.crt``."""
    return path.parent / "archive" / f"{path.stem}-{certs.fingerprint(certificate)[:16]}{path.suffix}"


def archive(path: Path, certificate: x509.Certificate) -> None:
    """Keep a certificate that is about to be replaced. Doing it twice is harmless."""
    target = archive_path(path, certificate)
    if read_optional(target) is None:
        write_once(target, certs.to_pem(certificate))


def plan_root(profile: RootProfile, key: PublicKey, path: Path, now: dt.datetime) -> CertificatePlan:
    """Plan a self-signed root for the token's key.

    Raises:
        TrustAnchorError: another root is at ``path``.
    """

    def build(moment: Moment) -> x509.CertificateBuilder:
        return root_builder(profile, key, moment)

    def lint(certificate: x509.Certificate) -> Iterable[str]:
        return lint_root(certificate, profile.allow_weak_root)

    existing = _load(path)
    if existing is not None:
        _require_same(existing, build, key, path)
        return CertificatePlan(path, existing, None)
    _require_unused(key, path)
    what = f"root certificate '{profile.subject.rfc4514_string()}', {profile.days} days"
    return CertificatePlan(path, None, Draft(what, build(Moment.fresh(now)), key, lint))


def plan_intermediate(
    profile: IntermediateProfile,
    request: x509.CertificateSigningRequest,
    issuer: x509.Certificate,
    issuer_key: PublicKey,
    path: Path,
    now: dt.datetime,
) -> CertificatePlan:
    """Plan an intermediate. A request with another key than the certificate at ``path`` renews it.

    Raises:
        TrustAnchorError: the request is refused, the token's key is not the issuer's, or the certificate at
            ``path`` has the request's key and says something else.
    """
    subject, key = check_request(request, profile, f"the request for {path.stem}")
    _require_issuer(issuer, issuer_key)

    def build(moment: Moment) -> x509.CertificateBuilder:
        return intermediate_builder(profile, subject, key, issuer, moment)

    def lint(certificate: x509.Certificate) -> Iterable[str]:
        return lint_intermediate(certificate, issuer, profile.unconstrained)

    existing = _load(path)
    if existing is not None and existing.public_key() == key:
        _require_same(existing, build, issuer_key, path)
        return CertificatePlan(path, existing, None)
    what = f"intermediate certificate '{subject.rfc4514_string()}', {profile.days} days"
    return CertificatePlan(path, existing, Draft(what, build(Moment.fresh(now)), issuer_key, lint))


def _require_unused(key: PublicKey, path: Path) -> None:
    for other in sorted(path.parent.glob(f"*{path.suffix}")):
        if other != path and certs.load_certificate(other.read_bytes(), str(other)).public_key() == key:
            raise TrustAnchorError(
                f"the token's key is the key of {other.name} already",
                "two roots with one key cannot be told apart by their signatures, nor distrusted one by one",
                "Make a key with another id for the new root",
            )


def _load(path: Path) -> x509.Certificate | None:
    pem = read_optional(path)
    return None if pem is None else certs.load_certificate(pem, str(path))


def _require_issuer(issuer: x509.Certificate, key: PublicKey) -> None:
    if issuer.public_key() != key:
        raise TrustAnchorError(
            f"the token's key is not the key of '{issuer.subject.rfc4514_string()}'",
            f"certificate: {certs.spki_sha256(issuer.public_key())}, token: {certs.spki_sha256(key)}",
            "Check which token is inserted and which root is in the record",
        )


def _require_same(existing: x509.Certificate, build: Build, issuer_key: PublicKey, path: Path) -> None:
    """With serial and start of the existing certificate, the builder must give the very same bytes."""
    builder = build(Moment(existing.serial_number, certs.not_before(existing)))
    wanted = builder.sign(throwaway_like(issuer_key), digest_for(issuer_key))
    if tbs(wanted) != tbs(existing):
        found, asked = certificate_facts(existing), certificate_facts(wanted)
        differing = [key for key in found if found[key] != asked[key] and key != "sha256"]
        details = "; ".join(f"{key} is {found[key]!r}, asked is {asked[key]!r}" for key in differing)
        raise TrustAnchorError(
            f"{path} exists and differs from what is asked: {details or 'encoding'}",
            "signed artefacts are never overwritten",
            "Restore the declaration it was signed from, or use a new name (root) or new key (intermediate)",
        )
    if not signature_holds(existing, issuer_key):
        raise TrustAnchorError(f"the signature of {path} does not verify", "the file may have been tampered with")


def certificate_facts(certificate: x509.Certificate) -> dict[str, Any]:
    """What a reviewer wants to know of a CA certificate, JSON-serialisable."""
    basic = certs.extension(certificate, x509.BasicConstraints)
    names = certs.extension(certificate, x509.NameConstraints)
    points = certs.extension(certificate, x509.CRLDistributionPoints) or []
    access = certs.extension(certificate, x509.AuthorityInformationAccess) or []
    return {
        **certs.describe(certificate),
        "public_key_sha256": certs.spki_sha256(certificate.public_key()),
        "path_length": basic.path_length if basic is not None else None,
        "permitted": [str(one.value) for one in (names.permitted_subtrees or [])] if names is not None else [],
        "excluded": [str(one.value) for one in (names.excluded_subtrees or [])] if names is not None else [],
        "crl_urls": [str(name.value) for point in points for name in point.full_name or []],
        "issuer_urls": [str(one.access_location.value) for one in access],
    }
