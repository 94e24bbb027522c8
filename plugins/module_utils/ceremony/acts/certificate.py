# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kinds of act that sign a certificate have in common."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ...errors import TrustAnchorError
from ...host.files import read
from ...text import times
from ...x509 import certificates as certs
from ...x509.constraint_set import ConstraintSet
from ..outputs import Form
from ..record_paths import Clash, Writes
from .base import Drafting, Entry, MadeRoot, PlanSoFar

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
    purposes = certs.extension(certificate, x509.ExtendedKeyUsage)
    return {
        **certs.describe(certificate),
        "public_key_sha256": certs.spki_sha256(certificate.public_key()),
        "ca": bool(basic and basic.ca),
        "path_length": basic.path_length if basic is not None else None,
        "permitted": _subtrees(names.permitted_subtrees) if names is not None else [],
        "excluded": _subtrees(names.excluded_subtrees) if names is not None else [],
        **({} if purposes is None else {"extended_key_usage": [one._name for one in purposes]}),
        "crl_urls": [str(name.value) for point in points for name in point.full_name or []],
        "issuer_urls": [str(one.access_location.value) for one in access],
    }


def _subtrees(names: Iterable[x509.GeneralName] | None) -> list[str]:
    """For people: domains and ranges as they are, others with their type before them."""
    types = {x509.RFC822Name: "e-mail ", x509.UniformResourceIdentifier: "URI "}
    return [f"{types.get(type(one), '')}{one.value}" for one in names or []]


CERTIFICATE: Form[x509.Certificate] = Form(
    load=certs.load_certificate,
    load_der=x509.load_der_x509_certificate,
    dump=certs.to_pem,
    der=lambda certificate: certificate.public_bytes(Encoding.DER),
    facts=certificate_facts,
    serial=lambda certificate: certificate.serial_number,
    archive=lambda path, certificate: str(archive_path(Path(path), certificate)),
)


def marked_name(name: x509.Name, mark: str) -> x509.Name:
    """The name with ``mark`` before its common names, cut to their 64 characters (X.520, ub-common-name)."""

    def one(attribute: x509.NameAttribute[Any]) -> x509.NameAttribute[Any]:
        if attribute.oid != x509.NameOID.COMMON_NAME:
            return attribute
        return x509.NameAttribute(attribute.oid, f"{mark}{attribute.value}"[:64])

    parts = [x509.RelativeDistinguishedName([one(attribute) for attribute in part]) for part in name.rdns]
    return x509.Name(parts) if mark else name


def unless_done(
    drafting: Drafting, act: Entry, path: str, renew: bool = False, former: Entry | None = None
) -> list[Entry]:
    """The act where the record does not have its certificate, has another one, or (with ``renew``) one that ends soon.

    Args:
        drafting: what acts are drafted from.
        act: as a plan has it.
        path: of the certificate.
        renew: whether it is renewed before it ends.
        former: the act as it was before plans closed what is not declared (see `is_closed`); None where it is the same.

    Raises:
        TrustAnchorError: the certificate says something else, and the act may not replace it.
    """
    pem = read(drafting.record / path)
    if pem is None:
        return [act]
    certificate = certs.load_certificate(pem, path)
    due = renew and drafting.is_due(certs.not_after(certificate))
    signed_as = former if former is not None and not is_closed(certificate) else act
    return [act] if due or not drafting.is_done(signed_as, certificate) else []


def is_closed(certificate: x509.Certificate) -> bool:
    """Whether a CA's certificate is of a plan that closes what is not declared.

    Earlier plans limited no purposes, mailboxes or URIs. What they signed stays as it is, and as declared.
    """
    names = certs.extension(certificate, x509.NameConstraints)
    said = ConstraintSet() if names is None else ConstraintSet.of(names)
    limited = said.permitted_email or said.permitted_uri or said.excluded_email or said.excluded_uri
    return bool(limited) or certs.extension(certificate, x509.ExtendedKeyUsage) is not None


def constraints_entry(constraints: ConstraintSet | None, unconstrained: bool) -> Entry:
    """Name constraints as a plan has them."""
    said: Entry = {"unconstrained": True} if unconstrained else {}
    if constraints is not None:
        said = {"name_constraints": constraints.dump()} | said
    return said


class Nested(Protocol):
    """An act that signs a certificate below a root."""

    @property
    def id(self) -> str:
        """Names the act."""

    @property
    def not_before(self) -> dt.datetime:
        """Start of validity."""

    @property
    def not_after(self) -> dt.datetime:
        """End of validity."""


def require_nested(act: Nested, issuer: str, plan: PlanSoFar) -> MadeRoot | None:
    """The certificate's validity is within its issuer's. The issuer if the plan makes it, None for one that exists.

    Raises:
        TrustAnchorError: it is not, or the issuer is made later.
    """
    above = plan.require_root(issuer, act.id)
    if above is not None and act.not_before < above.not_before:
        raise TrustAnchorError(f"{act.id} starts before its issuer ({times.render(above.not_before)})", "it cannot")
    if above is not None and act.not_after > above.not_after:
        raise TrustAnchorError(f"{act.id} outlives its issuer ({times.render(above.not_after)})", "it cannot")
    return above


def require_shorter(act: Nested, path_length: int, above: MadeRoot) -> None:
    """The path length is below the issuer's.

    Raises:
        TrustAnchorError: it is not.
    """
    if path_length >= above.profile.path_length:
        raise TrustAnchorError(
            f"{act.id} has path length {path_length} and its issuer '{above.name}' has {above.profile.path_length}",
            "a chain through both would be refused",
            "Make the issuer's path length greater: 2 for a primary root that cross-certifies a standby of 1",
        )


def one_certificate(clash: Clash) -> Writes:
    """Of a merge: the same certificate, in another wrapping.

    Raises:
        TrustAnchorError: it is another one.
    """
    ours, theirs = (certs.load_certificate(pem, clash.name) for pem in (clash.here, clash.there))
    if ours == theirs:
        return {}
    raise TrustAnchorError(
        f"{clash.name} is one certificate on the ceremony host and another in the record",
        f"{certs.fingerprint(ours)} and {certs.fingerprint(theirs)}",
        "Find out which is right before anything is signed",
    )


def newer_certificate(clash: Clash) -> Writes:
    """Of a merge: the certificate that replaced the other; the other goes to the archive."""
    ours, theirs = (certs.load_certificate(pem, clash.name) for pem in (clash.here, clash.there))
    if ours == theirs:
        return {}
    our_path, their_path = (str(archive_path(Path(clash.name), one)) for one in (ours, theirs))
    if our_path in clash.incoming:  # the sender has replaced ours already
        newer = True
    elif (clash.directory / their_path).exists():  # we have replaced theirs
        newer = False
    else:
        newer = certs.not_before(theirs) > certs.not_before(ours)
    if newer:
        return {our_path: certs.to_pem(ours), clash.name: clash.there}
    return {their_path: certs.to_pem(theirs)}
