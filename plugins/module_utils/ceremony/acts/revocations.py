# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The entries of a CRL: from the plan, to the plan, from a declaration, and which certificate each is about."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509

from ...errors import TrustAnchorError
from ...host.files import read
from ...schema import check_keys, read_text
from ...x509 import certificates as certs
from ...x509.builders import Revoked
from ..plan.schema import MAX_SERIAL_BITS, dump_time, matching, read_choice, take_time
from ..record_paths import archived
from .base import Drafting, Entry
from .crl_history import revocations

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
_SERIAL = re.compile(r"[0-9a-fA-F]+(:[0-9a-fA-F]+)*")
_PATH = re.compile(r"(intermediates|intermediates/archive|cross|signers)/[A-Za-z0-9][A-Za-z0-9._-]*\.crt")


@dataclass(frozen=True)
class RevokedEntry:
    """One entry of a CRL, by the certificate's path in the record or by its serial; the other one is None."""

    certificate: str | None
    serial: int | None
    reason: x509.ReasonFlags
    date: dt.datetime

    def dump(self, start: dt.datetime) -> Entry:
        """As a plan has it."""
        which = {"certificate": self.certificate} if self.serial is None else {"serial": f"{self.serial:x}"}
        return {**which, "reason": self.reason.name, **dump_time("date", self.date, start)}


def parse_revoked(data: Any, start: dt.datetime) -> RevokedEntry:
    """An entry of a plan's act; ``start`` holds where it gives no date.

    Raises:
        TrustAnchorError: an unknown key, or a value that it cannot have.
    """
    where = "revoked"
    data = dict(check_keys(data, ("certificate", "serial", "reason", "date"), where))
    certificate, serial = data.get("certificate"), data.get("serial")
    if (certificate is None) == (serial is None):
        raise TrustAnchorError("revoked: an entry names both or neither of certificate and serial", "one is expected")
    if certificate is not None:
        certificate = certificate_path(data, where)
    reason = x509.ReasonFlags[read_choice(data, "reason", where, REASONS, "unspecified")]
    number = None if serial is None else parse_serial(data, where)
    return RevokedEntry(certificate, number, reason, take_time(data, "date", where, start))


def certificate_path(mapping: Mapping[str, Any], where: str) -> str:
    """A certificate's path in the record, below the key ``certificate``.

    Raises:
        TrustAnchorError: missing, or a place other than those of certificates that a root signs.
    """
    expected = "a certificate of the record is expected, such as intermediates/ca1.crt"
    return matching(read_text(mapping, "certificate", where), _PATH, f"{where}: 'certificate'", expected)


def parse_serial(data: Mapping[str, Any], where: str) -> int:
    """The serial number, in hexadecimal, below the key ``serial``.

    Raises:
        TrustAnchorError: no serial (RFC 5280 section 4.1.2.2).
    """
    text = read_text(data, "serial", where)
    expected = "a serial in hexadecimal, in quotes, is expected"
    serial = int(matching(text, _SERIAL, f"{where}: 'serial'", expected).replace(":", ""), 16)
    if serial == 0 or serial.bit_length() > MAX_SERIAL_BITS:
        raise TrustAnchorError(f"{where}: '{text}' is not a serial (RFC 5280 section 4.1.2.2)", expected)
    return serial


def revoked_now(entries: Sequence[RevokedEntry], issuer: x509.Certificate, inputs: Path) -> list[Revoked]:
    """The entries as a CRL has them, with the serials of the certificates that they name.

    Args:
        entries: of the plan.
        issuer: the root that issued what is revoked.
        inputs: where the certificates are.

    Raises:
        TrustAnchorError: one is absent, another issuer's, not a CA, or listed twice.
    """
    found = [_revoked(entry, issuer, inputs) for entry in entries]
    _require_distinct(found)
    _require_no_signers(found, inputs)
    return found


def _require_ca(certificate: x509.Certificate, path: str) -> None:
    """Refuse to revoke what the roots' CRLs, which are about CAs alone (RFC 5280 section 5.2.5), cannot revoke."""
    basic = certs.extension(certificate, x509.BasicConstraints)
    if path.startswith("signers/") or basic is None or not basic.ca:
        raise _no_ca(path)


def _no_ca(what: str) -> TrustAnchorError:
    return TrustAnchorError(
        f"revoked: {what} is not a CA",
        "a root's CRL lists CAs alone; nobody would look there for a signer of trust manifests",
        "Make another signer, and let hosts accept the trust manifest from that one alone",
    )


def _revoked(entry: RevokedEntry, issuer: x509.Certificate, inputs: Path) -> Revoked:
    if entry.serial is not None:
        return Revoked(entry.serial, entry.reason, entry.date)
    path = inputs / str(entry.certificate)
    pem = read(path)
    if pem is None:
        raise TrustAnchorError(f"revoked: {path} does not exist", "the certificate to revoke is read from it")
    certificate = certs.load_certificate(pem, str(path))
    _require_ca(certificate, str(entry.certificate))
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


def _require_no_signers(entries: list[Revoked], inputs: Path) -> None:
    serials = {entry.serial for entry in entries}
    signers = [*(inputs / "signers").glob("*.crt"), *(inputs / "signers/archive").glob("*.crt")] if serials else []
    for path in sorted(signers):
        serial = certs.load_certificate(read(path) or b"", str(path)).serial_number
        if serial in serials:
            raise _no_ca(f"the serial {serial:x} is of {path.relative_to(inputs)}, which")


def recorded_serial(entry: RevokedEntry, inputs: Path, crl: x509.CertificateRevocationList) -> int:
    """Serial of the certificate that an entry of a signed CRL names; where it was replaced since, of the archived one.

    Raises:
        TrustAnchorError: it is not in the record.
    """
    if entry.certificate is None:
        return int(entry.serial or 0)
    path = inputs / entry.certificate
    serials = [_recorded(one).serial_number for one in (path, *archived(path))]
    listed = [one for one in serials if crl.get_revoked_certificate_by_serial_number(one) is not None]
    return [*listed, *serials][0]


def _recorded(path: Path) -> x509.Certificate:
    data = read(path)
    if data is None:
        raise TrustAnchorError(f"{path} does not exist", "the record is not complete")
    return certs.load_certificate(data, str(path))


def new_revocations(
    drafting: Drafting, name: str, declared: Sequence[Entry], present: x509.CertificateRevocationList | None
) -> list[Entry]:
    """What is declared and not in the present CRL, by serial: a path may hold another certificate by then.

    Args:
        drafting: what acts are drafted from.
        name: of the root.
        declared: entries of the declaration.
        present: its newest CRL.

    Raises:
        TrustAnchorError: a certificate is absent, another issuer's, or was revoked for another reason.
    """
    old = revocations(present) if present is not None else {}
    new: dict[int, Entry] = {}
    for entry in declared:
        if entry["issuer"] != name:
            continue
        serial, reason = _declared_serial(drafting, entry), entry.get("reason", "unspecified")
        if serial not in old:
            new[serial] = {"serial": f"{serial:x}", "reason": reason}
        elif old[serial].reason.name != reason:
            raise TrustAnchorError(
                f"the serial {serial:x} was revoked as {old[serial].reason.name}, but {reason} is declared",
                "an entry of a CRL does not change",
                f"Declare the reason {old[serial].reason.name}",
            )
    return list(new.values())


def _declared_serial(drafting: Drafting, entry: Entry) -> int:
    if ("certificate" in entry) == ("serial" in entry):
        raise TrustAnchorError("revoked: an entry names both or neither of certificate and serial", "one of them")
    if "serial" in entry:
        return parse_serial(entry, "revoked")
    path, root = certificate_path(entry, "revoked"), drafting.roots[entry["issuer"]]
    pem = read(drafting.record / path)
    if pem is None:
        raise TrustAnchorError(f"revoked: the record has no {path}", "its serial goes into the CRL")
    certificate = certs.load_certificate(pem, path)
    _require_ca(certificate, path)
    if root is None or not certs.signature_is_by(certificate, root):
        raise TrustAnchorError(
            f"revoked: {path} was not issued by '{entry['issuer']}'", "only its issuer can revoke it"
        )
    return certificate.serial_number
