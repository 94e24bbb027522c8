# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check ceremonies again, from the public record alone: no token, no secret, no network.

Every check runs, whatever the others find, so that a person sees all that is wrong at once. What was signed is
built anew from the plan; the transcript's word is not enough.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ..errors import TrustAnchorError
from ..x509 import certificates as certs
from ..x509 import pkilint
from .act import signature_holds, tbs
from .crl_history import crl_number, load_crl
from .evidence import SEAL, TRANSCRIPT, Evidence, Signed, SigningAct, sha256
from .files import read_optional
from .key_evidence import key_problems
from .linting import Lint
from .plan import CrlAct, IntermediateAct, ManifestSignerAct, RootAct
from .sealing import verify_seal
from .stage import AttestationFiles
from .transcript import CLOSED, OPENED

_SIGNED_PLACES = ("roots", "intermediates", "intermediates/archive", "cross", "signers", "signers/archive")
_CRL_PLACES = ("crls", "crls/archive")


@dataclass(frozen=True)
class Check:
    """One result.

    Args:
        ceremony: its name; empty for a check of the whole record.
        check: what was checked.
        ok: whether it holds.
        detail: what is wrong, empty where nothing is.
    """

    ceremony: str
    check: str
    ok: bool
    detail: str

    def as_dict(self) -> dict[str, Any]:
        """For a module's result."""
        return asdict(self)


def verify(record: Path, name: str = "", attestation: AttestationFiles | None = None) -> list[Check]:
    """Check one ceremony, or all of them and the record as a whole.

    Args:
        record: the public record, or a directory below its ``rehearsals``.
        name: of the ceremony; empty for all that have begun.
        attestation: what attestations must lead to; None leaves that check out.

    Raises:
        TrustAnchorError: there is no such ceremony.
    """
    names = [name] if name else ceremonies(record)
    checks: list[Check] = []
    loaded: list[Evidence] = []
    for one in names:
        evidence, check = _load(record, one)
        checks.append(check)
        if evidence is not None:
            loaded.append(evidence)
            checks += _verify_one(evidence, attestation)
    if not name:
        checks.append(_check("", "CRL numbers rise", lambda: _numbers(record, loaded)))
        checks.append(_check("", "every signed file is known", lambda: _unknown(record, loaded)))
    return checks


def ceremonies(record: Path) -> list[str]:
    """Names of the ceremonies that have begun, sorted.

    Raises:
        TrustAnchorError: there is none.
    """
    found = sorted(path.parent.name for path in (record / "ceremonies").glob(f"*/{TRANSCRIPT}"))
    if not found:
        raise TrustAnchorError(f"{record} has no transcript of a ceremony", "there is nothing to verify")
    return found


def _load(record: Path, name: str) -> tuple[Evidence | None, Check]:
    try:
        return Evidence.load(record, name), Check(name, "transcript and plan can be read", True, "")
    except TrustAnchorError as error:
        return None, Check(name, "transcript and plan can be read", False, str(error))


def _verify_one(evidence: Evidence, attestation: AttestationFiles | None) -> Iterator[Check]:
    lint = Lint(pkilint.version())
    checks: Mapping[str, Callable[[], Iterable[str]]] = {
        "the plan is the confirmed one": lambda: _plan(evidence),
        "the ceremony is closed": lambda: _closed(evidence),
        "the seal holds": lambda: _seal(evidence),
        "time is inside the window": lambda: _window(evidence),
        "enough people confirmed": lambda: _confirmations(evidence),
        "keys are as planned": lambda: key_problems(evidence, attestation),
        "outputs are present": lambda: _outputs(evidence),
        "the report is that of the ceremony": lambda: _report(evidence),
    }
    for title, problems in checks.items():
        yield _check(evidence.name, title, problems)
    for act in evidence.signing_acts:
        yield from _verify_act(evidence, act, lint)


def _verify_act(evidence: Evidence, act: SigningAct, lint: Lint) -> Iterator[Check]:
    """Four checks that need what was signed; where it is missing, the first one tells."""
    try:
        signed = evidence.signed(act)
        draft = evidence.rebuilt(act, signed, lint)
    except TrustAnchorError as error:
        yield Check(evidence.name, f"{act.id}: signed as planned", False, str(error))
        return
    checks: Mapping[str, Callable[[], Iterable[str]]] = {
        "signature": lambda: [] if signature_holds(signed, draft.issuer_key) else ["the signature does not verify"],
        "signed as planned": lambda: _as_planned(evidence, act, draft, signed),
        "signed as confirmed": lambda: _as_confirmed(evidence, act, signed),
        "linters": lambda: draft.lint(signed),
    }
    for title, problems in checks.items():
        yield _check(evidence.name, f"{act.id}: {title}", problems)


def _check(ceremony: str, title: str, problems: Callable[[], Iterable[str]]) -> Check:
    try:
        found = list(problems())
    except TrustAnchorError as error:
        found = [str(error)]
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # a record that no program of ours wrote
        found = [f"the transcript has facts of another shape ({error})"]
    return Check(ceremony, title, not found, "; ".join(found))


def _plan(evidence: Evidence) -> Iterator[str]:
    plan = evidence.plan
    if plan.name != evidence.name or evidence.opened.get("ceremony") != evidence.name:
        yield f"the plan is of ceremony '{plan.name}', the transcript of '{evidence.opened.get('ceremony')}'"
    digests = [one.data.get("plan_sha256") for one in evidence.records if one.event in ("opened", "plan_confirmed")]
    if len(digests) < 2:
        yield "the transcript has no confirmation of the plan"
    for other in sorted({str(one) for one in digests if one != plan.sha256}):
        yield f"the transcript is of a plan with the SHA-256 {other}, the record's has {plan.sha256}"
    in_rehearsals = evidence.record != evidence.inputs
    if bool(evidence.opened.get("rehearsal")) != in_rehearsals:
        yield "a rehearsal stands where a ceremony should be, or a ceremony among the rehearsals"


def _closed(evidence: Evidence) -> Iterator[str]:
    closed = evidence.find(CLOSED)
    if closed is None:
        yield "it is not closed: run it again to finish it"
        return
    listed = {(one.get("path"), one.get("sha256")) for one in closed.get("outputs", [])}
    if listed != set(dict(evidence.outputs()).items()):
        yield "the closing does not list what was written"
    if closed.get("signatures") != sum(one.event == "signed" for one in evidence.records):
        yield "the closing does not count the signatures that were made"


def _seal(evidence: Evidence) -> Iterator[str]:
    yield from ()  # the problem comes as an error
    verify_seal(evidence.place / TRANSCRIPT, evidence.place / SEAL, evidence.root(evidence.plan.sealed_by))


def _window(evidence: Evidence) -> Iterator[str]:
    """A run begins inside the window; one that has begun may finish. The order of records is the chain's to tell."""
    window = evidence.plan.window
    start, end = (moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (window.start, window.end))
    for record in evidence.records:
        begun_late = record.event in (OPENED, "resumed", "clock") and record.time > end and not evidence.abandoned
        if record.time < start or begun_late:
            yield f"'{record.event}' is of {record.time}"


def _confirmations(evidence: Evidence) -> Iterator[str]:
    """As many people as the plan says confirmed it, each key that was made, each signature and the closing."""
    people = {(person.name, person.role) for person in evidence.plan.people}
    asked = ["plan_confirmed", *(_asked(evidence))]
    for name in asked:
        event, act = ("plan_confirmed", None) if name == "plan_confirmed" else ("confirmed", name)
        found = evidence.find(event, act) or {}
        by = {(one.get("name"), one.get("role")) for one in found.get("by", [])}
        present = people & by
        if len(present) < evidence.plan.quorum:
            missing = ", ".join(sorted(person for person, _role in people - present))
            yield f"{name} was not confirmed by {missing} ({evidence.plan.quorum} people are wanted)"
        elif {role for _person, role in people} != {role for _person, role in present}:
            yield f"{name} was not confirmed by an operator and a witness"


def _asked(evidence: Evidence) -> Iterator[str]:
    for record in evidence.records:
        if record.event == "signed" or (record.event == "key" and record.data.get("made")):
            yield str(record.data.get("act"))
    if evidence.find(CLOSED) is not None:
        yield "seal"


def _outputs(evidence: Evidence) -> Iterator[str]:
    for path, digest in evidence.outputs():
        try:
            evidence.file(path, digest)
        except TrustAnchorError as error:
            yield error.what
    paths = {path for path, _digest in evidence.outputs()}
    yield from (f"{act.path} was not written" for act in evidence.signing_acts if act.path not in paths)
    planned = {act.path for act in evidence.signing_acts}
    yield from (f"{path} was written and is not in the plan" for path in sorted(paths - planned))


def _report(evidence: Evidence) -> Iterator[str]:
    """By digest: an older version of this collection may have worded it differently."""
    reports = (evidence.find(CLOSED) or {}).get("reports", {})
    for name in ("report.md", "report.html"):
        data = read_optional(evidence.place / name)
        if data is None or sha256(data) != reports.get(name):
            yield f"{name} is absent, or not the one that the transcript was closed with"


def _as_confirmed(evidence: Evidence, act: SigningAct, signed: Signed) -> Iterator[str]:
    """Draft, confirmation and signature of the transcript are about these very bytes."""
    found = sha256(tbs(signed))
    if evidence.find("signed", act.id) is None:
        yield from [] if evidence.find("found", act.id) else ["the transcript has no signature of it"]
        return
    for event in ("draft", "confirmed", "signed"):
        said = (evidence.find(event, act.id) or {}).get("tbs_sha256")
        if said != found:
            yield f"the transcript's '{event}' is about the bytes {said}, signed are {found}"
    der = base64.b64decode(str((evidence.find("signed", act.id) or {}).get("der", "")))
    if der != signed.public_bytes(Encoding.DER):
        yield "the token signed something else"


def _as_planned(evidence: Evidence, act: SigningAct, draft: Any, signed: Signed) -> Iterator[str]:
    if tbs(draft.sign_throwaway()) != tbs(signed):
        yield "what the plan says gives other bytes"
    if isinstance(act, (IntermediateAct, ManifestSignerAct)) and isinstance(signed, x509.Certificate):
        key = evidence.request_key(act)
        if key is not None and key != signed.public_key():
            yield f"its key is not the one of {act.request}"


def _numbers(record: Path, loaded: Sequence[Evidence]) -> Iterator[str]:
    """In the order in which the ceremonies began, each CRL of a root has a higher number than the one before."""
    last: dict[str, int] = {}
    for evidence in sorted(loaded, key=lambda one: one.records[0].time if one.records else ""):
        for act in evidence.signing_acts:
            if isinstance(act, CrlAct) and evidence.find("written", act.id):
                if act.number <= last.get(act.issuer, 0):
                    yield f"the CRL of '{act.issuer}' went from {last[act.issuer]} to {act.number} in {evidence.name}"
                last[act.issuer] = act.number
    for issuer, number in last.items():
        der = read_optional(record / "crls" / f"{issuer}.crl")
        if der is None or crl_number(load_crl(der, f"crls/{issuer}.crl")) != number:
            yield f"crls/{issuer}.crl is not the last one, number {number}"


def _unknown(record: Path, loaded: Sequence[Evidence]) -> Iterator[str]:
    """What no transcript has was signed outside of every ceremony, or put there."""
    known = {digest for evidence in loaded for _path, digest in evidence.outputs()}
    first = {root.sha256 for evidence in loaded for root in evidence.plan.roots.values()}
    made = {act.name for evidence in loaded for act in evidence.signing_acts if isinstance(act, RootAct)}
    for place, suffix in [*((one, "crt") for one in _SIGNED_PLACES), *((one, "crl") for one in _CRL_PLACES)]:
        for path in sorted((record / place).glob(f"*.{suffix}")):
            data = read_optional(path) or b""
            if sha256(data) in known or (place == "roots" and path.stem not in made and _is_pinned(data, path, first)):
                continue
            yield f"no transcript has {place}/{path.name}"


def _is_pinned(pem: bytes, path: Path, pinned: set[str]) -> bool:
    certificate: x509.Certificate = certs.load_certificate(pem, str(path))
    return certs.fingerprint(certificate) in pinned
