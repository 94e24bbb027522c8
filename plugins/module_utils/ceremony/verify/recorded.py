# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the public record has about one ceremony, and what the plan says that it should have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography import x509

from ...errors import TrustAnchorError
from ...host.files import read, sha256
from ...journal.chain import Event
from ...x509 import certificates as certs
from ..acts.base import SigningAct
from ..plan.document import parse_plan
from ..plan.model import Plan
from ..record_paths import archived
from ..rehearsal import MARK, rehearsal_plan
from ..requests import load_request
from ..transcript import TRANSCRIPT, EventKind, read_transcript

PLAN = "ceremony.yml"

Signed = x509.Certificate | x509.CertificateRevocationList


@dataclass(frozen=True)
class RecordedCeremony:
    """One ceremony in the record.

    Args:
        name: of the ceremony.
        record: directory where its outputs are.
        inputs: directory of the record proper: the same, but for a rehearsal.
        records: the transcript.
        plan: the reviewed plan; for a rehearsal, with its marks.
    """

    name: str
    record: Path
    inputs: Path
    records: tuple[Event, ...]
    plan: Plan

    @classmethod
    def load(cls, record: Path, name: str) -> RecordedCeremony:
        """Read transcript and plan.

        Raises:
            TrustAnchorError: one of them is absent or broken.
        """
        rehearsal = record.parent.name == "rehearsals"
        inputs = record.parent.parent if rehearsal else record
        own = record / "ceremonies" / name
        plans = [own / PLAN, inputs / "ceremonies" / name / PLAN]
        path = next((one for one in plans if one.exists()), plans[0])
        records = read_transcript(_required(own / TRANSCRIPT), str(own / TRANSCRIPT))
        plan = parse_plan(_required(path), str(path))
        return cls(name, record, inputs, records, rehearsal_plan(plan, inputs) if rehearsal else plan)

    @property
    def ceremony_directory(self) -> Path:
        """Directory of the ceremony's own files."""
        return self.record / "ceremonies" / self.name

    @property
    def opened(self) -> Mapping[str, Any]:
        """Data of the first record, empty where there is none."""
        return self.find(EventKind.OPENED) or {}

    @property
    def signing_acts(self) -> list[SigningAct]:
        """The acts of the plan that make a file; of a ceremony that was abandoned those that did."""
        written = {path for path, _digest in self.outputs()}
        return [act for act in self.plan.signing_acts if not self.abandoned or act.path in written]

    @property
    def closed(self) -> Mapping[str, Any] | None:
        """Data of the closing, None while the ceremony is under way."""
        return self.find(EventKind.CLOSED)

    @property
    def abandoned(self) -> bool:
        """Whether it was closed before its end, on purpose."""
        return bool((self.closed or {}).get("abandoned"))

    @property
    def unsealed(self) -> bool:
        """Whether it was abandoned before there was a root that could seal it."""
        sealer = self.plan.sealed_by
        possible = self.plan.made_root(sealer) is not None and not self.wrote(f"roots/{sealer}.crt")
        return possible and self.abandoned and bool((self.closed or {}).get("unsealed"))

    def find(self, kind: EventKind, act: str | None = None) -> Mapping[str, Any] | None:
        """Data of the last event of a kind, of one act where ``act`` names one."""
        found = [one.data for one in self.records if one.kind == kind and act in (None, one.data.get("act"))]
        return found[-1] if found else None

    def outputs(self) -> Iterator[tuple[str, str]]:
        """Path and SHA-256 of each file that the ceremony wrote, or found as planned."""
        for record in self.records:
            if record.kind in (EventKind.WRITTEN, EventKind.FOUND):
                yield str(record.data.get("path")), str(record.data.get("sha256"))

    def written(self) -> Iterator[tuple[str, str]]:
        """Path and SHA-256 of each file that the ceremony wrote itself."""
        for record in self.records:
            if record.kind == EventKind.WRITTEN:
                yield str(record.data.get("path")), str(record.data.get("sha256"))

    def wrote(self, path: str) -> bool:
        """Whether it wrote a file, or found it as planned."""
        return any(path == written for written, _digest in self.outputs())

    def file(self, path: str, digest: str) -> bytes:
        """The file with that digest, from its place or from the archive beside it.

        Raises:
            TrustAnchorError: neither has it.
        """
        present = self.record / path
        for candidate in (present, *archived(present)):
            data = read(candidate)
            if data is not None and sha256(data) == digest:
                return data
        raise TrustAnchorError(f"neither {path} nor its archive has the SHA-256 {digest}")

    def signed(self, act: SigningAct) -> Signed:
        """What an act signed, from the record.

        Raises:
            TrustAnchorError: the transcript or the record does not have it.
        """
        written = self.find(EventKind.WRITTEN, act.id) or self.find(EventKind.FOUND, act.id)
        if written is None:
            raise TrustAnchorError(f"the transcript does not say that {act.id} was written")
        data = self.file(act.path, str(written.get("sha256")))
        signed: Signed = act.form.load(data, act.path)
        return signed

    def root(self, name: str) -> x509.Certificate:
        """A root of the plan: the one that the plan pins, or that this ceremony wrote.

        Raises:
            TrustAnchorError: the record does not have it.
        """
        path = f"roots/{name}.crt"
        certificate = certs.load_certificate(_required(self.record / path), path)
        pinned = self.plan.roots.get(name)
        if pinned is not None and certs.fingerprint(certificate) != pinned.sha256:
            raise TrustAnchorError(f"{path} has a fingerprint other than the plan's {pinned.sha256}")
        digests = [digest for written, digest in self.outputs() if written == path]
        if digests and sha256(_required(self.record / path)) != digests[-1]:
            raise TrustAnchorError(f"{path} is not the file that this ceremony wrote")
        return certificate

    @cached_property
    def mark(self) -> str:
        """What comes before the common names of a rehearsal."""
        return MARK if self.opened.get("rehearsal") else ""

    def request_key(self, act: SigningAct) -> Any:
        """Public key of the reviewed request; None where another request has taken its place since."""
        drafted = str((self.find(EventKind.DRAFT, act.id) or {}).get("request", "")).encode()
        pem = drafted if sha256(drafted) == act.request_sha256 else read(self.inputs / act.request)
        if pem is None or sha256(pem) != act.request_sha256:
            return None
        return load_request(pem, act.request).public_key()


def _required(path: Path) -> bytes:
    data = read(path)
    if data is None:
        raise TrustAnchorError(f"{path} does not exist", "the record is not complete")
    return data
