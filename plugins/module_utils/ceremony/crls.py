# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan and sign a root's CRL: a number that only rises, entries that never leave."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ..errors import TrustAnchorError
from ..schema import check_keys
from ..x509 import certificates as certs
from ..x509.builders import BACKDATE, PrivateKey, PublicKey, Revoked, crl_builder
from ..x509.lint import lint_crl
from ..x509.profiles import CrlProfile
from .act import Draft, SigningPlan, signature_holds
from .files import read_optional, replace

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


@dataclass(frozen=True)
class CrlPlan(SigningPlan[x509.CertificateRevocationList]):
    """What to do about a CRL, and why."""

    why: str

    def apply(self, key: PrivateKey) -> x509.CertificateRevocationList:
        """Sign and write, in DER form.

        Raises:
            TrustAnchorError: no work, a rule is broken, the token refuses, the file cannot be written.
        """
        signed = self.sign(key)
        replace(self.path, signed.public_bytes(Encoding.DER))
        return signed


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


def parse_revocation(data: Any, issuer: x509.Certificate, directory: Path) -> tuple[int, x509.ReasonFlags]:
    """Serial and reason of one declared revocation.

    Args:
        data: ``certificate`` (path of a PEM file) or ``serial`` (hexadecimal), and optionally ``reason``.
        issuer: the CA whose CRL it is.
        directory: where relative paths start.

    Raises:
        TrustAnchorError: strict schema broken, unknown reason, or a certificate of another issuer.
    """
    known = {
        key: value for key, value in check_keys(data, ("certificate", "serial", "reason"), "revoked").items() if value
    }
    reason = known.get("reason", "unspecified")
    if reason not in REASONS:
        raise TrustAnchorError(f"revoked: '{reason}' is no reason", f"known: {', '.join(REASONS)}")
    if ("certificate" in known) == ("serial" in known):
        raise TrustAnchorError("revoked: an entry names both or neither of certificate and serial", "one is expected")
    return _serial(known, issuer, directory), x509.ReasonFlags[reason]


def _serial(entry: Mapping[str, Any], issuer: x509.Certificate, directory: Path) -> int:
    if "serial" in entry:
        try:
            serial = int(str(entry["serial"]).replace(":", ""), 16)
        except ValueError as error:
            raise TrustAnchorError(f"revoked: '{entry['serial']}' is no hexadecimal serial") from error
        if serial <= 0 or serial.bit_length() > 159:
            raise TrustAnchorError(f"revoked: '{entry['serial']}' is no serial (RFC 5280 section 4.1.2.2)")
        return serial
    path = directory / str(entry["certificate"])
    pem = read_optional(path)
    if pem is None:
        raise TrustAnchorError(f"revoked: {path} does not exist", "the certificate to revoke is read from it")
    certificate = certs.load_certificate(pem, str(path))
    if not certs.signature_is_by(certificate, issuer):
        raise TrustAnchorError(
            f"revoked: {path} was not issued by '{issuer.subject.rfc4514_string()}'",
            "only its issuer can revoke it",
        )
    return certificate.serial_number


def plan_crl(
    profile: CrlProfile,
    issuer: x509.Certificate,
    issuer_key: PublicKey,
    revocations: Sequence[tuple[int, x509.ReasonFlags]],
    path: Path,
    now: dt.datetime,
) -> CrlPlan:
    """Plan the CRL at ``path``, from the one that is there.

    Entries of the present CRL are kept with their dates: a revocation is final, whatever is declared.

    Raises:
        TrustAnchorError: the token's key is not the issuer's, the present CRL is not the issuer's or from
            the future.
    """
    if issuer.public_key() != issuer_key:
        raise TrustAnchorError(
            f"the token's key is not the key of '{issuer.subject.rfc4514_string()}'",
            "the CRL would not verify",
            "Check which token is inserted",
        )
    der = read_optional(path)
    existing = None if der is None else load_crl(der, str(path))
    if existing is not None:
        _require_usable(existing, issuer_key, path, now)
    this_update = now - BACKDATE
    before = _entries(existing)
    wanted = {serial: Revoked(serial, reason, _date(before, serial, this_update)) for serial, reason in revocations}
    entries = before | wanted
    why = _why(existing, before, entries, profile, now)
    if not why:
        return CrlPlan(path, existing, None, "")
    number = 1 if existing is None else crl_number(existing) + 1

    def lint(crl: x509.CertificateRevocationList) -> Iterable[str]:
        return lint_crl(crl, issuer)

    name = issuer.subject.rfc4514_string()
    what = f"CRL number {number} of '{name}', {len(entries)} revoked, {profile.days} days"
    builder = crl_builder(profile, issuer, number, list(entries.values()), this_update)
    return CrlPlan(path, existing, Draft(what, builder, issuer_key, lint), why)


def _require_usable(existing: x509.CertificateRevocationList, key: PublicKey, path: Path, now: dt.datetime) -> None:
    if not signature_holds(existing, key):
        raise TrustAnchorError(f"the CRL at {path} is not signed by the token's key", "its number cannot be trusted")
    if existing.last_update_utc > now:
        raise TrustAnchorError(
            f"the CRL at {path} was made at {existing.last_update_utc.isoformat()}",
            f"this host's clock says {now.isoformat()}",
            "Set the clock of the ceremony host",
        )


def _entries(crl: x509.CertificateRevocationList | None) -> dict[int, Revoked]:
    found = {}
    for entry in crl or ():
        try:
            reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
        except x509.ExtensionNotFound:
            reason = x509.ReasonFlags.unspecified
        found[entry.serial_number] = Revoked(entry.serial_number, reason, entry.revocation_date_utc)
    return found


def _date(before: Mapping[int, Revoked], serial: int, now: dt.datetime) -> dt.datetime:
    return before[serial].date if serial in before else now


def _why(
    existing: x509.CertificateRevocationList | None,
    before: Mapping[int, Revoked],
    entries: Mapping[int, Revoked],
    profile: CrlProfile,
    now: dt.datetime,
) -> str:
    if existing is None:
        return "there is none yet"
    if before != entries:
        return "the set of revoked certificates changes"
    end = existing.next_update_utc
    if end is None or end - now < dt.timedelta(days=profile.renew_before_days):
        return f"fewer than {profile.renew_before_days} days are left"
    return ""


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
        "revoked": [f"{one.serial:x} {one.reason.name} {one.date.isoformat()}" for one in _entries(crl).values()],
    }
