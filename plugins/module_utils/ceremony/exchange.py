# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry public artefacts between the record and the ceremony host: the stick.

Both ends have the same layout and use the same merge, so an interrupted ceremony finishes on its rerun
whichever end is ahead: the certificate that replaced the other, the higher CRL number and the longer
transcript win, and what loses goes to the archive. Only files that parse as what their path says are carried;
a secret cannot get into the record this way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import pkcs7

from ..errors import TrustAnchorError
from ..host import files
from ..x509 import certificates as certs
from .acts.registry import record_paths
from .plan.document import parse_plan
from .record_paths import IN, OUT, Clash, RecordPath, Writes, neither, theirs
from .requests import load_request
from .transcript import read_transcript

__all__ = ["IN", "OUT", "Merge", "plan_merge", "read"]

_TRANSCRIPT = "transcript.jsonl"


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
        TrustAnchorError: a file cannot be read or is not what its path says.
    """
    found = {}
    for kept in PATHS:
        if way not in kept.ways:
            continue
        for path in sorted(directory.glob(kept.pattern)):
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


def _check(name: str, data: bytes) -> RecordPath:
    for kept in PATHS:
        if kept.holds(name):
            kept.check(data, name)
            return kept
    raise TrustAnchorError(f"'{name}' has no place in the record", f"places: {', '.join(p.pattern for p in PATHS)}")


def plan_merge(directory: Path, incoming: Mapping[str, bytes]) -> Merge:
    """What to write below ``directory`` so that it has the incoming artefacts.

    Raises:
        TrustAnchorError: an artefact is not what its path says, or both ends have what can be there once only.
    """
    writes: Writes = {}
    for name, data in incoming.items():
        kept = _check(name, data)
        here = files.read(directory / name)
        if here is None:
            writes[name] = data
        elif here != data:
            writes.update(kept.resolve(Clash(directory, name, here, data, incoming)))
    return Merge(directory, {n: d for n, d in writes.items() if files.read(directory / n) != d})


def _longer_transcript(clash: Clash) -> Writes:
    ours = _whole_lines(clash.here)
    if clash.there.startswith(ours):
        return theirs(clash)
    if ours.startswith(clash.there):
        return {}
    raise TrustAnchorError(
        f"{clash.name} was tampered with, on the ceremony host or in the record",
        "one of them must be the beginning of the other",
        "Compare both with the copy of a witness before anything is signed",
    )


def _with_its_transcript(clash: Clash) -> Writes:
    """A report is made from a transcript, and goes with it."""
    path = str(Path(clash.name).with_name(_TRANSCRIPT))
    ours = files.read(clash.directory / path) or b""
    return theirs(clash) if clash.incoming.get(path, b"").startswith(_whole_lines(ours)) else {}


def _plan_of_the_transcript(clash: Clash) -> Writes:
    """A plan may change until its ceremony begins."""
    path = str(Path(clash.name).with_name(_TRANSCRIPT))
    transcript = _read(clash.directory / path) or clash.incoming.get(path)
    if not transcript or _confirmed_plan(transcript, path) == files.sha256(clash.there):
        return theirs(clash)
    raise TrustAnchorError(
        f"{clash.name} changed after its ceremony had begun",
        f"SHA-256 of the plan in the transcript: {_confirmed_plan(transcript, path)}",
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
    *record_paths(),
    RecordPath("attestations/*.pem", certs.load_bundle, neither),
    RecordPath(f"ceremonies/*/{_TRANSCRIPT}", read_transcript, _longer_transcript),
    RecordPath("ceremonies/*/transcript.p7s", _load_seal, neither),
    RecordPath("ceremonies/*/report.md", _load_report, _with_its_transcript, (OUT,)),
    RecordPath("ceremonies/*/report.html", _load_report, _with_its_transcript, (OUT,)),
)
# A rehearsal can be repeated at will, so the last one counts.
_REHEARSALS = tuple(RecordPath(f"rehearsals/*/{one.pattern}", one.check, theirs, (OUT,)) for one in _OUTPUTS)
PATHS = (
    RecordPath("requests/*.csr", load_request, theirs, (IN,)),
    RecordPath("ceremonies/*/ceremony.yml", parse_plan, _plan_of_the_transcript, (IN,)),
    *_OUTPUTS,
    *_REHEARSALS,
)
