# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check ceremonies again, from the public record alone: no token, no secret, no network.

Every check runs, whatever the others find, so that a person sees all that is wrong at once. What was signed is
rebuilt from the plan; the transcript's word is not enough.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ...errors import TrustAnchorError
from ...host.files import read, sha256
from ...text import times
from ...x509 import pkilint
from ...x509.signatures import signature_holds, tbs
from ..acts.base import SigningAct
from ..attestation import AttestationFiles
from ..linting import Lint
from ..seal import verify_seal
from ..transcript import SEAL, TRANSCRIPT, EventKind
from .checks import Check, look, tell
from .history import Anchors, history_checks
from .key_checks import attestation_problems, key_problems
from .people_checks import agreement_problems, asking_problems, confirmation_problems
from .recorded import RecordedCeremony, Signed


def verify(
    record: Path, name: str = "", attestation: AttestationFiles | None = None, anchors: Anchors | None = None
) -> list[Check]:
    """Check one ceremony, or all of them and the record as a whole.

    Args:
        record: the public record, or a directory below its ``rehearsals``.
        name: of the ceremony; empty for all that have begun.
        attestation: what attestations must lead to; None leaves that check out.
        anchors: what is known from elsewhere than the record; of the whole record only.

    Raises:
        TrustAnchorError: there is no such ceremony, or one ceremony is to be held against anchors of all.
    """
    if name and anchors not in (None, Anchors()):
        raise TrustAnchorError(
            f"the ceremony '{name}' alone cannot be held against an expected head or expected roots",
            "they are about the whole record",
            "Leave out the name",
        )
    names = [name] if name else ceremonies(record)
    checks: list[Check] = []
    loaded: list[RecordedCeremony] = []
    for one in names:
        recorded, check = _load(record, one)
        checks.append(check)
        if recorded is not None:
            loaded.append(recorded)
            checks += _verify_one(recorded, attestation)
    if not name:
        checks += history_checks(record, loaded, anchors or Anchors())
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


def _load(record: Path, name: str) -> tuple[RecordedCeremony | None, Check]:
    try:
        return RecordedCeremony.load(record, name), Check(name, "transcript and plan can be read", True, "")
    except TrustAnchorError as error:
        return None, Check(name, "transcript and plan can be read", False, str(error))


def _verify_one(recorded: RecordedCeremony, attestation: AttestationFiles | None) -> Iterator[Check]:
    lint = Lint(pkilint.version())
    checks: Mapping[str, Callable[[], Iterable[str]]] = {
        "the plan is the confirmed one": lambda: _plan(recorded),
        "the ceremony is closed": lambda: _closed(recorded),
        "the seal holds": lambda: _seal(recorded),
        "time is inside the window": lambda: _window(recorded),
        "people were asked": lambda: asking_problems(recorded),
        "enough people confirmed": lambda: confirmation_problems(recorded),
        "people agreed to what was done": lambda: agreement_problems(recorded),
        "keys are as planned": lambda: key_problems(recorded),
        "keys are attested": lambda: attestation_problems(recorded, attestation),
        "tokens were inspected": lambda: _inspected(recorded),
        "outputs are present": lambda: _outputs(recorded),
        "the report is that of the ceremony": lambda: _report(recorded),
    }
    for title, problems in checks.items():
        yield look(recorded.name, title, problems)
    yield tell(recorded.name, "the clock went on", lambda: _clock(recorded))
    for act in recorded.signing_acts:
        yield from _verify_act(recorded, act, lint)


def _verify_act(recorded: RecordedCeremony, act: SigningAct, lint: Lint) -> Iterator[Check]:
    """The checks that need what was signed; where it is missing, the first one tells."""
    try:
        signed = recorded.signed(act)
        draft = act.rebuilt(signed, recorded, lint)
    except TrustAnchorError as error:
        yield Check(recorded.name, f"{act.id}: signed as planned", False, str(error))
        return
    checks: Mapping[str, Callable[[], Iterable[str]]] = {
        "signature": lambda: [] if signature_holds(signed, draft.issuer_key) else ["the signature does not verify"],
        "signed as planned": lambda: _as_planned(recorded, act, draft, signed),
        "signed as confirmed": lambda: _as_confirmed(recorded, act, signed),
    }
    for title, problems in checks.items():
        yield look(recorded.name, f"{act.id}: {title}", problems)
    yield _linters(recorded, act, lint, lambda: draft.lint(signed))


def _linters(recorded: RecordedCeremony, act: SigningAct, lint: Lint, findings: Callable[[], Iterable[str]]) -> Check:
    """What a linter finds fails where the same one found nothing at the ceremony; what a later one finds is shown."""
    draft, today = recorded.find(EventKind.DRAFT, act.id), lint.linters()
    then = [] if draft is None else [str(one) for one in draft.get("lint", today)]
    told = [] if draft is None or then == today else [f"today: {', '.join(today)}; at the ceremony: {', '.join(then)}"]

    def failing() -> Iterator[str]:
        for finding in findings():
            if lint.linter_of(finding) in then:
                yield finding
            else:
                told.append(finding)

    check = look(recorded.name, f"{act.id}: linters", failing)
    return replace(check, detail="; ".join(([check.detail] if check.detail else []) + told))


def _plan(recorded: RecordedCeremony) -> Iterator[str]:
    plan = recorded.plan
    if plan.name != recorded.name or recorded.opened.get("ceremony") != recorded.name:
        yield f"the plan is of ceremony '{plan.name}', the transcript of '{recorded.opened.get('ceremony')}'"
    digests = [
        one.data.get("plan_sha256")
        for one in recorded.records
        if one.kind in (EventKind.OPENED, EventKind.PLAN_CONFIRMED)
    ]
    if len(digests) < 2:
        yield "the transcript has no confirmation of the plan"
    for other in sorted({str(one) for one in digests if one != plan.sha256}):
        yield f"the transcript is of a plan with the SHA-256 {other}, the record's has {plan.sha256}"
    in_rehearsals = recorded.record != recorded.inputs
    if bool(recorded.opened.get("rehearsal")) != in_rehearsals:
        yield "a rehearsal stands where a ceremony should be, or a ceremony among the rehearsals"


def _closed(recorded: RecordedCeremony) -> Iterator[str]:
    closed = recorded.find(EventKind.CLOSED)
    if closed is None:
        yield "it is not closed: run it again to finish it"
        return
    listed = {(one.get("path"), one.get("sha256")) for one in closed.get("outputs", [])}
    if listed != set(dict(recorded.outputs()).items()):
        yield "the closing does not list what was written"
    if closed.get("signatures") != sum(one.kind == EventKind.SIGNED for one in recorded.records):
        yield "the closing does not count the signatures that were made"


def _seal(recorded: RecordedCeremony) -> Iterator[str]:
    yield from ()  # the problem comes as an error
    if recorded.unsealed:
        return  # nothing that could have sealed it
    own = recorded.ceremony_directory
    verify_seal(own / TRANSCRIPT, own / SEAL, recorded.root(recorded.plan.sealed_by))


def _window(recorded: RecordedCeremony) -> Iterator[str]:
    """A run begins inside the window; one that has begun may finish. The order of records is the chain's to tell."""
    window = recorded.plan.window
    start, end = (times.render(moment) for moment in (window.start, window.end))
    for record in recorded.records:
        begun_late = (
            record.kind in (EventKind.OPENED, EventKind.RESUMED, EventKind.CLOCK)
            and record.time > end
            and not recorded.abandoned
        )
        if record.time < start or begun_late:
            yield f"'{record.kind}' is of {record.time}"


def _clock(recorded: RecordedCeremony) -> Iterator[str]:
    """A clock that is set back is no crime, but people should know why it was."""
    for before, after in pairwise(recorded.records):
        if after.time < before.time:
            yield f"the clock went back from {before.time} to {after.time} at '{after.kind}'"


def _inspected(recorded: RecordedCeremony) -> Iterator[str]:
    for act in recorded.plan.acts:
        if act.inspects and not recorded.abandoned and recorded.find(EventKind.INSPECTED, act.id) is None:
            yield f"the token '{act.inspects}' was not inspected"


def _outputs(recorded: RecordedCeremony) -> Iterator[str]:
    for path, digest in recorded.outputs():
        try:
            recorded.file(path, digest)
        except TrustAnchorError as error:
            yield error.what
    paths = {path for path, _digest in recorded.outputs()}
    yield from (f"{act.path} was not written" for act in recorded.signing_acts if act.path not in paths)
    planned = {act.path for act in recorded.signing_acts}
    yield from (f"{path} was written and is not in the plan" for path in sorted(paths - planned))


def _report(recorded: RecordedCeremony) -> Iterator[str]:
    """By digest: an older version of this collection may have worded it differently."""
    reports = (recorded.find(EventKind.CLOSED) or {}).get("reports", {})
    for name in ("report.md", "report.html"):
        data = read(recorded.ceremony_directory / name)
        if data is None or sha256(data) != reports.get(name):
            yield f"{name} is absent, or not the one that the transcript was closed with"


def _as_confirmed(recorded: RecordedCeremony, act: SigningAct, signed: Signed) -> Iterator[str]:
    """Draft, confirmation and signature of the transcript are about these very bytes."""
    found = sha256(tbs(signed))
    if recorded.find(EventKind.SIGNED, act.id) is None:
        yield from [] if recorded.find(EventKind.FOUND, act.id) else ["the transcript has no signature of it"]
        return
    for kind in (EventKind.DRAFT, EventKind.CONFIRMED, EventKind.SIGNED):
        said = (recorded.find(kind, act.id) or {}).get("tbs_sha256")
        if said != found:
            yield f"the transcript's '{kind}' is about the bytes {said}, signed are {found}"
    der = base64.b64decode(str((recorded.find(EventKind.SIGNED, act.id) or {}).get("der", "")))
    if der != signed.public_bytes(Encoding.DER):
        yield "the token signed something else"


def _as_planned(recorded: RecordedCeremony, act: SigningAct, draft: Any, signed: Signed) -> Iterator[str]:
    if tbs(draft.sign_ephemeral()) != tbs(signed):
        yield "what the plan says gives other bytes"
    if act.request and isinstance(signed, x509.Certificate):
        key = recorded.request_key(act)
        if key is not None and key != signed.public_key():
            yield f"its key is not the one of {act.request}"
