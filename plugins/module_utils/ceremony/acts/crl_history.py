# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All CRLs that a record knows of a root: in its place, in the archive, and in the transcripts that signed them.

A CRL that was taken away from its place is still known here, so no revocation is lost with a file.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from ...errors import TrustAnchorError
from ...host.files import read
from ...journal.chain import Event
from ...x509.builders import PublicKey, Revoked
from ...x509.crls import crl_number, load_crl
from ...x509.signatures import signature_holds
from ..transcript import EventKind, read_transcript


@dataclass(frozen=True)
class KnownCrl:
    """One CRL.

    Args:
        crl: it.
        number: its CRL number.
        source: where it is, relative to the record.
        published: whether it was written; otherwise a transcript has its signature alone.
    """

    crl: x509.CertificateRevocationList
    number: int
    source: str
    published: bool


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


def dropped(before: x509.CertificateRevocationList, after: dict[int, Revoked]) -> list[Revoked]:
    """Entries of a CRL that its successor does not have as they are: a revocation is final."""
    return [revoked for serial, revoked in revocations(before).items() if after.get(serial) != revoked]


def known_crls(directory: Path, root: str, key: PublicKey | None) -> list[KnownCrl]:
    """Every CRL of a root, by number.

    Args:
        directory: the record, or a working directory.
        root: name of the root.
        key: its public key; None where its certificate is lost, then no signature is looked at.

    Raises:
        TrustAnchorError: a file is not a CRL of that root, or a transcript is broken.
    """
    found = [*_in_files(directory, root, key), *_in_transcripts(directory, root, key)]
    return sorted(found, key=lambda one: one.number)


def newest_crl(directory: Path, root: str, key: PublicKey | None) -> x509.CertificateRevocationList | None:
    """The CRL with the highest number, None where there never was one. Arguments as `known_crls`.

    Raises:
        TrustAnchorError: the last one that was published is not in its place; and as `known_crls`.
    """
    known = known_crls(directory, root, key)
    require_in_place(directory, root, known)
    return known[-1].crl if known else None


def require_in_place(directory: Path, root: str, known: list[KnownCrl]) -> None:
    """Refuse to go on from an older CRL than the last, or from none.

    Args:
        directory: the record, or a working directory.
        root: name of the root.
        known: CRLs that were published before the next one.

    Raises:
        TrustAnchorError: ``crls/<root>.crl`` is absent, or has a lower number.
    """
    last = next((one for one in reversed(known) if one.published), None)
    if last is None:
        return
    der = read(directory / f"crls/{root}.crl")
    there = None if der is None else crl_number(load_crl(der, f"crls/{root}.crl"))
    if there is None or there < last.number:
        raise TrustAnchorError(
            f"crls/{root}.crl is {'absent' if there is None else f'number {there}'}, but {last.source} has"
            f" number {last.number}",
            "what is revoked stays revoked, so the next CRL is made from the last one",
            f"Restore crls/{root}.crl from the record's history",
        )


def _in_files(directory: Path, root: str, key: PublicKey | None) -> Iterator[KnownCrl]:
    name = re.compile(rf"{re.escape(root)}-\d+\.crl", re.ASCII)
    archive = sorted(path for path in (directory / "crls/archive").glob("*.crl") if name.fullmatch(path.name))
    for path in (directory / f"crls/{root}.crl", *archive):
        der = read(path)
        if der is None:
            continue
        source = str(path.relative_to(directory))
        crl = load_crl(der, source)
        if key is not None and not signature_holds(crl, key):
            raise TrustAnchorError(f"{source} is not signed by '{root}'", "its number cannot be trusted")
        yield KnownCrl(crl, crl_number(crl), source, True)


def _in_transcripts(directory: Path, root: str, key: PublicKey | None) -> Iterator[KnownCrl]:
    act = f"crl:{root}"
    for path in sorted(directory.glob("ceremonies/*/transcript.jsonl")):
        data = read(path) or b""
        source = str(path.relative_to(directory))
        records = read_transcript(data[: data.rfind(b"\n") + 1], source)  # a torn last line is not a record
        mine = [record for record in records if record.data.get("act") == act]
        published = any(record.kind == EventKind.WRITTEN for record in mine)
        for record in mine:
            if record.kind == EventKind.SIGNED:
                crl = load_crl(_der(record, source), source)
                if key is None or signature_holds(crl, key):  # one by a wrong token's key is worth nothing
                    yield KnownCrl(crl, crl_number(crl), source, published)


def _der(record: Event, source: str) -> bytes:
    try:
        return base64.b64decode(str(record.data.get("der", "")), validate=True)
    except binascii.Error as error:
        raise TrustAnchorError(f"{source}: what was signed is not Base64", str(error), "Restore it") from error
