# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root's CRL: a number that only rises, entries that never leave."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ..errors import TrustAnchorError
from ..x509 import certificates as certs
from ..x509.builders import Revoked, checked_key, crl_builder
from ..x509.lint import lint_crl
from ..x509.profiles import CrlProfile
from .files import read_optional
from .linting import Lint
from .outputs import Form, Output
from .plan_model import CrlAct, RevokedEntry

# certificateHold and removeFromCRL are left out: a CA that was suspended is a CA that nobody understands.
REASONS = (
    "unspecified",
    "key_compromise",
    "ca_compromise",
    "affiliation_changed",
    "superseded",
    "cessation_of_operation",
    "privilege_withdrawn",
)


def load_crl(der: bytes, source: str) -> x509.CertificateRevocationList:
    """A CRL in DER form, as it is published (RFC 5280 section 4.2.1.13).

    Raises:
        TrustAnchorError: it cannot be parsed.
    """
    try:
        return x509.load_der_x509_crl(der)
    except (ValueError, x509.InvalidVersion) as error:
        raise TrustAnchorError(
            f"{source} holds no DER-encoded CRL", str(error), "Restore it from the record"
        ) from error


def crl_number(crl: x509.CertificateRevocationList) -> int:
    """The CRL number (RFC 5280 section 5.2.3).

    Raises:
        TrustAnchorError: it has none.
    """
    try:
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound as error:
        raise TrustAnchorError("the CRL has no number", "RFC 5280 section 5.2.3 wants one") from error


def crl_facts(crl: x509.CertificateRevocationList) -> dict[str, Any]:
    """What a reviewer wants to know of a CRL, JSON-serialisable."""
    return {
        "issuer": crl.issuer.rfc4514_string(),
        "number": crl_number(crl),
        "this_update": crl.last_update_utc.isoformat(),
        "next_update": crl.next_update_utc.isoformat() if crl.next_update_utc else None,
        "revoked": [f"{one.serial:x} {one.reason.name} {one.date.isoformat()}" for one in revocations(crl).values()],
    }


def revocations(crl: x509.CertificateRevocationList) -> dict[int, Revoked]:
    """The entries by serial number."""
    found = {}
    for entry in crl:
        try:
            reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
        except x509.ExtensionNotFound:
            reason = x509.ReasonFlags.unspecified
        found[entry.serial_number] = Revoked(entry.serial_number, reason, entry.revocation_date_utc)
    return found


def crl_archive_path(path: str, crl: x509.CertificateRevocationList) -> str:
    """Where a replaced CRL is kept: ``archive/<root>-<number>.crl``."""
    place = Path(path)
    return str(place.parent / "archive" / f"{place.stem}-{crl_number(crl)}{place.suffix}")


CRL: Form[x509.CertificateRevocationList] = Form(
    load=load_crl,
    dump=lambda crl: crl.public_bytes(Encoding.DER),
    der=lambda crl: crl.public_bytes(Encoding.DER),
    facts=crl_facts,
    serial=lambda _crl: 0,
    archive=crl_archive_path,
)


def crl_output(
    act: CrlAct, issuer: x509.Certificate, signer: x509.Certificate, directory: Path, inputs: Path, lint: Lint
) -> Output[x509.CertificateRevocationList]:
    """A root's CRL.

    Args:
        act: of the plan; it lists every entry, also those of the present CRL.
        issuer: the root in whose name it is.
        signer: the root that issued what is revoked; another one than ``issuer`` in a rehearsal only.
        directory: where it goes.
        inputs: where the revoked certificates are.
        lint: the linters.

    Raises:
        TrustAnchorError: the number does not rise, an entry of the present CRL is left out or changed, the
            present CRL is from the future, or a certificate to revoke is another issuer's.
    """
    entries = [_revoked(entry, signer, inputs) for entry in act.revoked]
    _require_distinct(entries)

    def problems(crl: x509.CertificateRevocationList) -> Iterable[str]:
        yield from lint_crl(crl, issuer)
        yield from lint.crl(crl)

    name = issuer.subject.rfc4514_string()
    output = Output(
        directory,
        act.path,
        f"CRL number {act.number} of '{name}', {len(entries)} revoked, {act.days} days",
        CRL,
        lambda _serial: crl_builder(CrlProfile(act.days), issuer, act.number, entries, act.this_update),
        checked_key(issuer.public_key(), "the issuer"),
        problems,
        lambda existing: crl_number(existing) < act.number,
    )
    existing = output.existing()
    if existing is not None:
        _require_successor(existing, act, {one.serial: one for one in entries})
    return output


def _revoked(entry: RevokedEntry, issuer: x509.Certificate, inputs: Path) -> Revoked:
    if entry.serial is not None:
        return Revoked(entry.serial, entry.reason, entry.date)
    path = inputs / str(entry.certificate)
    pem = read_optional(path)
    if pem is None:
        raise TrustAnchorError(f"revoked: {path} does not exist", "the certificate to revoke is read from it")
    certificate = certs.load_certificate(pem, str(path))
    if not certs.signature_is_by(certificate, issuer):
        raise TrustAnchorError(
            f"revoked: {path} was not issued by '{issuer.subject.rfc4514_string()}'",
            "only its issuer can revoke it",
        )
    return Revoked(certificate.serial_number, entry.reason, entry.date)


def _require_distinct(entries: list[Revoked]) -> None:
    serials = [entry.serial for entry in entries]
    twice = sorted({serial for serial in serials if serials.count(serial) > 1})
    if twice:
        raise TrustAnchorError(f"revoked: the serial {twice[0]:x} is listed twice", "each certificate is listed once")


def _require_successor(existing: x509.CertificateRevocationList, act: CrlAct, entries: dict[int, Revoked]) -> None:
    number = crl_number(existing)
    if number > act.number:
        raise TrustAnchorError(
            f"{act.path} has number {number}, the plan's is {act.number}",
            "clients keep the CRL with the higher number (RFC 5280 section 5.2.3)",
            "Plan anew: the next number is taken from the record",
        )
    if number == act.number:
        return
    if existing.last_update_utc > act.this_update:
        raise TrustAnchorError(
            f"{act.path} was made at {existing.last_update_utc.isoformat()}",
            f"the plan's is of {_text(act.this_update)}",
            "Check the clocks; plan anew",
        )
    for serial, revoked in revocations(existing).items():
        if entries.get(serial) != revoked:
            raise TrustAnchorError(
                f"the plan's CRL does not have the entry {serial:x} {revoked.reason.name} {_text(revoked.date)}",
                f"{act.path} has it, and a revocation is final",
                "Plan anew: entries of the present CRL are taken over",
            )


def _text(moment: dt.datetime) -> str:
    return moment.isoformat()
