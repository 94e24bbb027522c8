# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that a ceremony signs: roots, intermediates, cross-certificates, signers of trust manifests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ..errors import TrustAnchorError
from ..host.files import read, sha256
from ..x509 import certificates as certs
from ..x509.builders import (
    Moment,
    PublicKey,
    checked_key,
    cross_builder,
    intermediate_builder,
    manifest_signer_builder,
    root_builder,
)
from ..x509.lint import lint_cross, lint_intermediate, lint_manifest_signer, lint_root
from .linting import Lint
from .outputs import Form, Output
from .plan.model import CrossAct, IntermediateAct, ManifestSignerAct, RootAct
from .requests import check_request, check_signer_request, load_request

ARCHIVE_DIGITS = 16  # of the fingerprint, in the name of an archived certificate


def archive_path(path: Path, certificate: x509.Certificate) -> Path:
    """Where a replaced certificate is kept: ``archive/<name>-<16 digits of its fingerprint>.crt``."""
    return path.parent / "archive" / f"{path.stem}-{certs.fingerprint(certificate)[:ARCHIVE_DIGITS]}{path.suffix}"


def certificate_facts(certificate: x509.Certificate) -> dict[str, Any]:
    """What a reviewer wants to know of a certificate, JSON-serialisable."""
    basic = certs.extension(certificate, x509.BasicConstraints)
    names = certs.extension(certificate, x509.NameConstraints)
    points = certs.extension(certificate, x509.CRLDistributionPoints) or []
    access = certs.extension(certificate, x509.AuthorityInformationAccess) or []
    return {
        **certs.describe(certificate),
        "public_key_sha256": certs.spki_sha256(certificate.public_key()),
        "ca": bool(basic and basic.ca),
        "path_length": basic.path_length if basic is not None else None,
        "permitted": [str(one.value) for one in (names.permitted_subtrees or [])] if names is not None else [],
        "excluded": [str(one.value) for one in (names.excluded_subtrees or [])] if names is not None else [],
        "crl_urls": [str(name.value) for point in points for name in point.full_name or []],
        "issuer_urls": [str(one.access_location.value) for one in access],
    }


CERTIFICATE: Form[x509.Certificate] = Form(
    load=certs.load_certificate,
    dump=certs.to_pem,
    der=lambda certificate: certificate.public_bytes(Encoding.DER),
    facts=certificate_facts,
    serial=lambda certificate: certificate.serial_number,
    archive=lambda path, certificate: str(archive_path(Path(path), certificate)),
)


def root_output(act: RootAct, key: PublicKey, directory: Path, lint: Lint) -> Output[x509.Certificate]:
    """A self-signed root.

    Raises:
        TrustAnchorError: the key is another root's already.
    """

    def problems(certificate: x509.Certificate) -> Iterable[str]:
        yield from lint_root(certificate, act.profile.allow_weak_root)
        yield from lint.certificate(certificate)

    _require_unused(key, directory / act.path)
    return Output(
        directory,
        act.path,
        f"root certificate '{act.profile.subject.rfc4514_string()}', {act.profile.days} days",
        CERTIFICATE,
        lambda serial: root_builder(act.profile, key, Moment(serial, act.not_before)),
        key,
        problems,
    )


def _require_unused(key: PublicKey, path: Path) -> None:
    for other in sorted(path.parent.glob(f"*{path.suffix}")):
        if other != path and certs.load_certificate(other.read_bytes(), str(other)).public_key() == key:
            raise TrustAnchorError(
                f"the token's key is the key of {other.name} already",
                "two roots with one key cannot be told apart by their signatures, nor distrusted one by one",
                "Make another key for the new root",
            )


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


def intermediate_output(
    act: IntermediateAct, issuer: x509.Certificate, directory: Path, inputs: Path, lint: Lint, mark: str = ""
) -> Output[x509.Certificate]:
    """An intermediate, from its request. Another key than the present certificate's renews it.

    Args:
        act: of the plan.
        issuer: the root; in a rehearsal perhaps one that was signed with a throw-away key.
        directory: where it goes.
        inputs: where the request is.
        lint: the linters.
        mark: put before the common name in a rehearsal.

    Raises:
        TrustAnchorError: the request is refused.
    """
    request = read_request(inputs, act.request, act.request_sha256)
    asked, key = check_request(request, act.profile, act.request)
    subject = marked(asked, mark)

    def problems(certificate: x509.Certificate) -> Iterable[str]:
        yield from lint_intermediate(certificate, issuer, act.profile.unconstrained)
        yield from lint.certificate(certificate, issuer)

    return Output(
        directory,
        act.path,
        f"intermediate certificate '{subject.rfc4514_string()}', {act.profile.days} days",
        CERTIFICATE,
        lambda serial: intermediate_builder(act.profile, subject, key, issuer, Moment(serial, act.not_before)),
        checked_key(issuer.public_key(), "the issuer"),
        problems,
        lambda existing: existing.public_key() != key,
    )


def cross_output(
    act: CrossAct, standby: x509.Certificate, issuer: x509.Certificate, directory: Path, lint: Lint
) -> Output[x509.Certificate]:
    """The standby root, certified by the primary for hosts that know only the primary."""

    def problems(certificate: x509.Certificate) -> Iterable[str]:
        yield from lint_cross(certificate, standby, issuer)
        yield from lint.certificate(certificate, issuer)

    name = standby.subject.rfc4514_string()
    return Output(
        directory,
        act.path,
        f"cross-certificate of '{name}' by '{issuer.subject.rfc4514_string()}', {act.profile.days} days",
        CERTIFICATE,
        lambda serial: cross_builder(act.profile, standby, issuer, Moment(serial, act.not_before)),
        checked_key(issuer.public_key(), "the issuer"),
        problems,
    )


def manifest_signer_output(
    act: ManifestSignerAct, issuer: x509.Certificate, directory: Path, inputs: Path, lint: Lint, mark: str = ""
) -> Output[x509.Certificate]:
    """The certificate of a key that signs trust manifests. Another key than the present one's renews it.

    Raises:
        TrustAnchorError: the request is refused.
    """
    request = read_request(inputs, act.request, act.request_sha256)
    key = check_signer_request(request, act.profile, act.request)
    profile = type(act.profile)(marked(act.profile.subject, mark), act.profile.days)

    def problems(certificate: x509.Certificate) -> Iterable[str]:
        yield from lint_manifest_signer(certificate, issuer)
        yield from lint.certificate(certificate, issuer)

    start = act.not_before
    return Output(
        directory,
        act.path,
        f"manifest signer '{profile.subject.rfc4514_string()}', {profile.days} days",
        CERTIFICATE,
        lambda serial: manifest_signer_builder(profile, key, issuer, Moment(serial, start)),
        checked_key(issuer.public_key(), "the issuer"),
        problems,
        lambda existing: existing.public_key() != key or _is_over(existing, start),
    )


def _is_over(certificate: x509.Certificate, moment: dt.datetime) -> bool:
    """Whether a later one, under the same key, takes over from it."""
    return certs.not_before(certificate) < moment


def marked(name: x509.Name, mark: str) -> x509.Name:
    """The name with ``mark`` before its common names, cut to their 64 characters (X.520, ub-common-name)."""

    def one(attribute: x509.NameAttribute[Any]) -> x509.NameAttribute[Any]:
        if attribute.oid != x509.NameOID.COMMON_NAME:
            return attribute
        return x509.NameAttribute(attribute.oid, f"{mark}{attribute.value}"[:64])

    parts = [x509.RelativeDistinguishedName([one(attribute) for attribute in part]) for part in name.rdns]
    return x509.Name(parts) if mark else name
