# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry public artefacts between the record and the ceremony host: the stick.

Both ends have the same layout and use the same merge, so an interrupted ceremony finishes on its rerun
whichever end is ahead: the certificate that replaced the other, the higher CRL number and the longer
transcript win, and what loses goes to the archive. Only files that parse as what their place says are carried;
a secret cannot get into the record this way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7

from ..errors import TrustAnchorError
from ..host import files
from ..x509 import certificates as certs
from ..x509.crls import crl_number, load_crl
from .crls import crl_archive_path
from .issuance import archive_path
from .plan.document import parse_plan
from .requests import load_request
from .transcript import read_transcript

IN, OUT = "in", "out"  # to the ceremony host, and back into the record

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TRANSCRIPT = "transcript.jsonl"


@dataclass(frozen=True)
class _Clash:
    """Both ends have a file of one name, and they differ."""

    directory: Path
    name: str
    here: bytes
    there: bytes
    incoming: Mapping[str, bytes]


Writes = dict[str, bytes]


@dataclass(frozen=True)
class _Place:
    """Files of one kind.

    Args:
        pattern: of their paths; a star stands for one name.
        check: raises TrustAnchorError where the bytes are not what the place says.
        resolve: what to write where both ends differ.
        ways: the directions in which they are carried.
    """

    pattern: str
    check: Callable[[bytes, str], object]
    resolve: Callable[[_Clash], Writes]
    ways: tuple[str, ...] = (IN, OUT)

    def holds(self, name: str) -> bool:
        """Whether a path belongs here."""
        wanted, parts = self.pattern.split("/"), name.split("/")
        return len(wanted) == len(parts) and all(
            fnmatchcase(part, pattern) and _NAME.fullmatch(part) for part, pattern in zip(parts, wanted, strict=True)
        )


@dataclass(frozen=True)
class Merge:
    """What a merge changes: path relative to the directory, and the bytes that go there."""

    directory: Path
    writes: Mapping[str, bytes]

    @property
    def changed(self) -> bool:
        """Whether anything is written."""
        return bool(self.writes)

    def apply(self) -> None:
        """Write.

        Raises:
            TrustAnchorError: a file cannot be written.
        """
        for name, data in self.writes.items():
            files.save(self.directory / name, data)

    def paths(self) -> list[str]:
        """The files written, sorted."""
        return sorted(self.writes)


def read(directory: Path, way: str) -> dict[str, bytes]:
    """The public artefacts below a directory.

    Args:
        directory: the record, or the ceremony host's copy.
        way: IN or OUT; plans and requests only go in, reports and rehearsals only come out.

    Raises:
        TrustAnchorError: a file cannot be read or is not what its place says.
    """
    found = {}
    for place in _PLACES:
        if way not in place.ways:
            continue
        for path in sorted(directory.glob(place.pattern)):
            data = _read(path)
            if data is not None:
                name = str(path.relative_to(directory))
                _check(name, data)
                found[name] = data
    return found


def _read(path: Path) -> bytes | None:
    """What a crash tore off the end of a transcript is not carried."""
    data = files.read(path)
    return _whole_lines(data) or None if data is not None and path.name == _TRANSCRIPT else data


def _whole_lines(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]


def _check(name: str, data: bytes) -> _Place:
    for place in _PLACES:
        if place.holds(name):
            place.check(data, name)
            return place
    raise TrustAnchorError(f"'{name}' has no place in the record", f"places: {', '.join(p.pattern for p in _PLACES)}")


def plan_merge(directory: Path, incoming: Mapping[str, bytes]) -> Merge:
    """What to write below ``directory`` so that it has the incoming artefacts.

    Raises:
        TrustAnchorError: an artefact is not what its place says, or both ends have what can be there once only.
    """
    writes: Writes = {}
    for name, data in incoming.items():
        place = _check(name, data)
        here = files.read(directory / name)
        if here is None:
            writes[name] = data
        elif here != data:
            writes.update(place.resolve(_Clash(directory, name, here, data, incoming)))
    return Merge(directory, {n: d for n, d in writes.items() if files.read(directory / n) != d})


def _theirs(clash: _Clash) -> Writes:
    return {clash.name: clash.there}


def _neither(clash: _Clash) -> Writes:
    raise TrustAnchorError(
        f"{clash.name} is one thing on the ceremony host and another in the record",
        f"SHA-256 {files.sha256(clash.here)} and {files.sha256(clash.there)}",
        "Find out which is right before anything is signed",
    )


def _one_certificate(clash: _Clash) -> Writes:
    ours, theirs = (certs.load_certificate(pem, clash.name) for pem in (clash.here, clash.there))
    if ours == theirs:
        return {}
    raise TrustAnchorError(
        f"{clash.name} is one certificate on the ceremony host and another in the record",
        f"{certs.fingerprint(ours)} and {certs.fingerprint(theirs)}",
        "Find out which is right before anything is signed",
    )


def _newer_certificate(clash: _Clash) -> Writes:
    ours, theirs = (certs.load_certificate(pem, clash.name) for pem in (clash.here, clash.there))
    if ours == theirs:
        return {}
    our_place, their_place = (_archived(clash, one) for one in (ours, theirs))
    if our_place in clash.incoming:  # the sender has replaced ours already
        newer = True
    elif (clash.directory / their_place).exists():  # we have replaced theirs
        newer = False
    else:
        newer = certs.not_before(theirs) > certs.not_before(ours)
    if newer:
        return {our_place: certs.to_pem(ours), clash.name: clash.there}
    return {their_place: certs.to_pem(theirs)}


def _archived(clash: _Clash, certificate: x509.Certificate) -> str:
    return str(archive_path(Path(clash.name), certificate))


def _higher_number(clash: _Clash) -> Writes:
    ours, theirs = (load_crl(der, clash.name) for der in (clash.here, clash.there))
    our_number, their_number = crl_number(ours), crl_number(theirs)
    if our_number == their_number:
        raise TrustAnchorError(
            f"{clash.name} has number {our_number} on the ceremony host and in the record, and differs",
            "two CRLs of one number: one of them may lack a revocation",
            "Find out which is right and remove the other before anything is signed",
        )
    if their_number > our_number:
        return {crl_archive_path(clash.name, ours): clash.here, clash.name: clash.there}
    return {crl_archive_path(clash.name, theirs): clash.there}


def _longer_transcript(clash: _Clash) -> Writes:
    ours = _whole_lines(clash.here)
    if clash.there.startswith(ours):
        return _theirs(clash)
    if ours.startswith(clash.there):
        return {}
    raise TrustAnchorError(
        f"{clash.name} was tampered with, on the ceremony host or in the record",
        "one of them must be the beginning of the other",
        "Compare both with the copy of a witness before anything is signed",
    )


def _with_its_transcript(clash: _Clash) -> Writes:
    """A report is made from a transcript, and goes with it."""
    place = str(Path(clash.name).with_name(_TRANSCRIPT))
    ours = files.read(clash.directory / place) or b""
    return _theirs(clash) if clash.incoming.get(place, b"").startswith(_whole_lines(ours)) else {}


def _plan_of_the_transcript(clash: _Clash) -> Writes:
    """A plan may change until its ceremony begins."""
    place = str(Path(clash.name).with_name(_TRANSCRIPT))
    transcript = _read(clash.directory / place) or clash.incoming.get(place)
    if not transcript or _confirmed_plan(transcript, place) == files.sha256(clash.there):
        return _theirs(clash)
    raise TrustAnchorError(
        f"{clash.name} changed after its ceremony had begun",
        f"SHA-256 of the plan in the transcript: {_confirmed_plan(transcript, place)}",
        "Restore the plan that was confirmed, and make another ceremony for the rest",
    )


def _confirmed_plan(transcript: bytes, source: str) -> object:
    records = read_transcript(transcript, source)
    return records[0].data.get("plan_sha256") if records else None


def _load_seal(data: bytes, source: str) -> None:
    try:
        pkcs7.load_pem_pkcs7_certificates(data)
    except ValueError as error:
        raise TrustAnchorError(f"{source} holds no CMS signature in PEM form", str(error)) from error


def _load_report(data: bytes, source: str) -> None:
    try:
        secret = "PRIVATE KEY" in data.decode()
    except UnicodeDecodeError as error:
        raise TrustAnchorError(f"{source} is not text in UTF-8", str(error)) from error
    if secret:
        raise TrustAnchorError(f"{source} speaks of a PRIVATE KEY block", "a report has public facts only")


_OUTPUTS = (
    _Place("roots/*.crt", certs.load_certificate, _one_certificate),
    _Place("intermediates/*.crt", certs.load_certificate, _newer_certificate),
    _Place("intermediates/archive/*.crt", certs.load_certificate, _one_certificate),
    _Place("cross/*.crt", certs.load_certificate, _one_certificate),
    _Place("signers/*.crt", certs.load_certificate, _newer_certificate),
    _Place("signers/archive/*.crt", certs.load_certificate, _one_certificate),
    _Place("crls/*.crl", load_crl, _higher_number),
    _Place("crls/archive/*.crl", load_crl, _neither),
    _Place("attestations/*.pem", certs.load_bundle, _neither),
    _Place(f"ceremonies/*/{_TRANSCRIPT}", read_transcript, _longer_transcript),
    _Place("ceremonies/*/transcript.p7s", _load_seal, _neither),
    _Place("ceremonies/*/report.md", _load_report, _with_its_transcript, (OUT,)),
    _Place("ceremonies/*/report.html", _load_report, _with_its_transcript, (OUT,)),
)
# A rehearsal can be repeated at will, so the last one counts.
_REHEARSALS = tuple(_Place(f"rehearsals/*/{one.pattern}", one.check, _theirs, (OUT,)) for one in _OUTPUTS)
_PLACES = (
    _Place("requests/*.csr", load_request, _theirs, (IN,)),
    _Place("ceremonies/*/ceremony.yml", parse_plan, _plan_of_the_transcript, (IN,)),
    *_OUTPUTS,
    *_REHEARSALS,
)
