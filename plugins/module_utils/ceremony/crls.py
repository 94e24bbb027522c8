# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root's CRL: a number that only rises, entries that never leave."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from ..errors import TrustAnchorError
from ..host.files import read
from ..text import times
from ..x509 import certificates as certs
from ..x509.builders import Revoked, checked_key, crl_builder
from ..x509.crls import crl_number, load_crl
from ..x509.lint import lint_crl
from ..x509.profiles import CrlProfile
from ..x509.signatures import tbs
from .crl_history import KnownCrl, dropped, known_crls, require_in_place, revocations
from .linting import Lint
from .outputs import Form, Output
from .plan.model import CrlAct, RevokedEntry

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


def crl_facts(crl: x509.CertificateRevocationList) -> dict[str, Any]:
    """What a reviewer wants to know of a CRL, JSON-serialisable."""
    return {
        "sha256": crl.fingerprint(hashes.SHA256()).hex(),
        "issuer": crl.issuer.rfc4514_string(),
        "number": crl_number(crl),
        "this_update": times.render(crl.last_update_utc),
        "next_update": times.render(crl.next_update_utc) if crl.next_update_utc else None,
        "revoked": [f"{one.serial:x} {one.reason.name} {times.render(one.date)}" for one in revocations(crl).values()],
    }


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
        act: of the plan; it lists every entry, also those of the CRL before.
        issuer: the root in whose name it is.
        signer: the root that issued what is revoked; other than ``issuer`` only in a rehearsal.
        directory: where it goes.
        inputs: where the revoked certificates are.
        lint: the linters.

    Raises:
        TrustAnchorError: the number does not rise, an entry of a CRL before is left out or changed, that CRL is from
            the future or not in its place, or what is to be revoked is another issuer's or no CA.
    """
    entries = [_revoked(entry, signer, inputs) for entry in act.revoked]
    _require_distinct(entries)
    _require_no_signers(entries, inputs)

    def problems(crl: x509.CertificateRevocationList) -> Iterable[str]:
        yield from lint_crl(crl, issuer)
        yield from lint.crl(crl)

    name = issuer.subject.rfc4514_string()
    key = checked_key(issuer.public_key(), "the issuer")
    output = Output(
        directory,
        act.path,
        f"CRL number {act.number} of '{name}', {len(entries)} revoked, {act.days} days",
        CRL,
        lambda _serial: crl_builder(CrlProfile(act.days), issuer, act.number, entries, act.this_update),
        key,
        problems,
        lambda existing: crl_number(existing) < act.number,
    )
    known = known_crls(directory, act.issuer, key)
    _require_next(output, act, known)
    before = [one for one in known if one.number < act.number][-1:]
    if inputs != directory:  # a rehearsal keeps what was revoked in earnest
        real = known_crls(inputs, act.issuer, checked_key(signer.public_key(), "the issuer"))
        before += [one for one in real if one.number < act.number][-1:]
    for one in before:
        _require_successor(one, act, {entry.serial: entry for entry in entries})
    return output


def require_ca(certificate: x509.Certificate, path: str) -> None:
    """Refuse to revoke what the roots' CRLs, which are about CAs alone (RFC 5280 section 5.2.5), cannot revoke.

    Raises:
        TrustAnchorError: it is not a CA, such as a signer of trust manifests.
    """
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
    require_ca(certificate, str(entry.certificate))
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


def _require_next(output: Output[x509.CertificateRevocationList], act: CrlAct, known: list[KnownCrl]) -> None:
    """The number is above all that are known, or the CRL is there already: whether as planned, the output tells."""
    there = any((one.source, one.number) == (act.path, act.number) for one in known)
    for one in known:
        if one.number > act.number:
            raise TrustAnchorError(
                f"{one.source} has number {one.number}, the plan's is {act.number}",
                "clients keep the CRL with the higher number (RFC 5280 section 5.2.3)",
                "Plan again: the next number is taken from the record",
            )
        same = one.number == act.number and not there
        if same and tbs(one.crl) != tbs(output.draft(0).sign_throwaway()):
            raise TrustAnchorError(
                f"{one.source} has another CRL with the number {act.number}",
                "two CRLs of one number: one of them may lack a revocation",
                "Find out which one clients have, and plan again",
            )
    require_in_place(output.directory, act.issuer, [one for one in known if one.number < act.number])


def _require_successor(existing: KnownCrl, act: CrlAct, entries: dict[int, Revoked]) -> None:
    if existing.crl.last_update_utc > act.this_update:
        raise TrustAnchorError(
            f"{existing.source} was made at {times.render(existing.crl.last_update_utc)}",
            f"the plan's is of {times.render(act.this_update)}",
            "Check the clocks; plan again",
        )
    for revoked in dropped(existing.crl, entries):
        entry = f"{revoked.serial:x} {revoked.reason.name} {times.render(revoked.date)}"
        raise TrustAnchorError(
            f"the plan's CRL does not have the entry {entry}",
            f"{existing.source} has it, and a revocation is final",
            "Plan again: entries of the present CRL are taken over",
        )
