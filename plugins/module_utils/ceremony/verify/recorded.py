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
from ...x509.builders import (
    Moment,
    Revoked,
    checked_key,
    crl_builder,
    cross_builder,
    intermediate_builder,
    manifest_signer_builder,
    root_builder,
)
from ...x509.crls import load_crl
from ...x509.lint import lint_crl, lint_cross, lint_intermediate, lint_manifest_signer, lint_root
from ...x509.profiles import CrlProfile
from ..draft import Draft
from ..issuance import marked
from ..linting import Lint
from ..plan.document import (
    CrlAct,
    CrossAct,
    InspectAct,
    IntermediateAct,
    ManifestSignerAct,
    Plan,
    RevokedEntry,
    RootAct,
    parse_plan,
)
from ..plan.model import SigningAct
from ..requests import load_request
from ..session.rehearsal import MARK, rehearsal_plan
from ..transcript import TRANSCRIPT, EventKind, read_transcript

PLAN = "ceremony.yml"

Signed = x509.Certificate | x509.CertificateRevocationList


@dataclass(frozen=True)
class Evidence:
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
    def load(cls, record: Path, name: str) -> Evidence:
        """Read transcript and plan.

        Raises:
            TrustAnchorError: one of them is absent or broken.
        """
        rehearsal = record.parent.name == "rehearsals"
        inputs = record.parent.parent if rehearsal else record
        place = record / "ceremonies" / name
        plans = [place / PLAN, inputs / "ceremonies" / name / PLAN]
        path = next((one for one in plans if one.exists()), plans[0])
        records = read_transcript(_required(place / TRANSCRIPT), str(place / TRANSCRIPT))
        plan = parse_plan(_required(path), str(path))
        return cls(name, record, inputs, records, rehearsal_plan(plan, inputs) if rehearsal else plan)

    @property
    def place(self) -> Path:
        """Directory of the ceremony's own files."""
        return self.record / "ceremonies" / self.name

    @property
    def opened(self) -> Mapping[str, Any]:
        """Data of the first record, empty where there is none."""
        return self.find(EventKind.OPENED) or {}

    @property
    def signing_acts(self) -> list[SigningAct]:
        """The acts of the plan that make a file; of a ceremony that was abandoned those that did."""
        planned = [act for act in self.plan.acts if not isinstance(act, InspectAct)]
        written = {path for path, _digest in self.outputs()}
        return [act for act in planned if not self.abandoned or act.path in written]

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
        possible = self.plan.root_act(sealer) is not None and not self.wrote(f"roots/{sealer}.crt")
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
        place = self.record / path
        for candidate in (place, *archived(place)):
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
        return load_crl(data, act.path) if isinstance(act, CrlAct) else certs.load_certificate(data, act.path)

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

    def rebuilt(self, act: SigningAct, signed: Any, lint: Lint) -> Draft[Any]:
        """What the plan says that an act signs, with the serial (and, from a request, the key) that was signed.

        Raises:
            TrustAnchorError: an input is not in the record.
        """
        if isinstance(act, CrlAct):
            return self._rebuilt_crl(act, signed, lint)
        moment = Moment(signed.serial_number, act.not_before)
        key = checked_key(signed.public_key(), act.path)
        if isinstance(act, RootAct):
            weak = act.profile.allow_weak_root
            return Draft(
                act.id,
                root_builder(act.profile, key, moment),
                key,
                lambda one: [*lint_root(one, weak), *lint.certificate(one)],
            )
        if isinstance(act, CrossAct):
            standby, issuer = self.root(act.standby), self.root(act.primary)
            builder = cross_builder(act.profile, standby, issuer, moment)
            return _below(issuer, act.id, builder, lambda one: lint_cross(one, standby, issuer), lint)
        issuer = self.root(act.issuer)
        if isinstance(act, ManifestSignerAct):
            profile = type(act.profile)(marked(act.profile.subject, self.mark), act.profile.days)
            builder = manifest_signer_builder(profile, key, issuer, moment)
            return _below(issuer, act.id, builder, lambda one: lint_manifest_signer(one, issuer), lint)
        builder = intermediate_builder(act.profile, marked(act.subject, self.mark), key, issuer, moment)
        free = act.profile.unconstrained
        return _below(issuer, act.id, builder, lambda one: lint_intermediate(one, issuer, free), lint)

    def _rebuilt_crl(self, act: CrlAct, crl: x509.CertificateRevocationList, lint: Lint) -> Draft[Any]:
        issuer = self.root(act.issuer)
        entries = [Revoked(self._serial(one, crl), one.reason, one.date) for one in act.revoked]
        builder = crl_builder(CrlProfile(act.days), issuer, act.number, entries, act.this_update)
        key = checked_key(issuer.public_key(), "the issuer")
        return Draft(act.id, builder, key, lambda one: [*lint_crl(one, issuer), *lint.crl(one)])

    def _serial(self, entry: RevokedEntry, crl: x509.CertificateRevocationList) -> int:
        """Of the certificate that the plan names; where it was replaced since, of the archived one."""
        if entry.certificate is None:
            return int(entry.serial or 0)
        path = self.inputs / entry.certificate
        serials = [certs.load_certificate(_required(one), str(one)).serial_number for one in (path, *archived(path))]
        listed = [one for one in serials if crl.get_revoked_certificate_by_serial_number(one) is not None]
        return [*listed, *serials][0]

    def request_key(self, act: IntermediateAct | ManifestSignerAct) -> Any:
        """Public key of the reviewed request; None where another request has taken its place since."""
        drafted = str((self.find(EventKind.DRAFT, act.id) or {}).get("request", "")).encode()
        pem = drafted if sha256(drafted) == act.request_sha256 else read(self.inputs / act.request)
        if pem is None or sha256(pem) != act.request_sha256:
            return None
        return load_request(pem, act.request).public_key()


def archived(path: Path) -> list[Path]:
    """What was in the place of a file before."""
    return sorted((path.parent / "archive").glob(f"{path.stem}-*{path.suffix}"))


def _below(issuer: x509.Certificate, name: str, builder: Any, own: Any, lint: Lint) -> Draft[Any]:
    key = checked_key(issuer.public_key(), "the issuer")
    return Draft(name, builder, key, lambda one: [*own(one), *lint.certificate(one, issuer)])


def _required(path: Path) -> bytes:
    data = read(path)
    if data is None:
        raise TrustAnchorError(f"{path} does not exist", "the record is not complete")
    return data
