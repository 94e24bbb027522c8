# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draft the plan of the next ceremony: what is declared and not in the record, or no longer right.

Numbered plans (``ceremonies/0001``) are drafted here, and drafted again while no ceremony has begun with them. A plan
with a transcript is never touched, nor is one that was written by hand under another name.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from pathlib import Path
from typing import cast

from cryptography import x509

from ...errors import TrustAnchorError
from ...host.files import read, save, sha256
from ...text import times
from ...trust.manifest.model import parse_manifest
from ...x509 import certificates as certs
from ...x509.builders import checked_key
from ...x509.crls import crl_number
from ...x509.profiles import parse_subject
from ..crl_history import newest_crl, revocations
from ..crls import require_ca
from ..linting import Lint
from ..requests import load_request
from ..transcript import EventKind, read_transcript
from .declaration import Declaration, Entry
from .document import document, dump, parse_plan
from .model import Plan, SigningAct
from .preview import Desk
from .schema import certificate_path, parse_act, parse_serial, request_path, time_text

DRAFTED, UNCHANGED, REMOVED, UNDER_WAY, NOTHING = "drafted", "unchanged", "removed", "under_way", "nothing"

_NUMBER = re.compile(r"\d{4,}", re.ASCII)
_HEADER = """\
# Plan of the ceremony {name}, drafted from the inventory. Review it: its SHA-256 is what people confirm.
# To change it, change the inventory and draft it anew; an edit here is lost.
---
"""


@dataclasses.dataclass(frozen=True)
class Planned:
    """What planning comes to.

    Args:
        state: ``drafted`` (a file is written), ``unchanged`` (the draft fits), ``removed`` (the draft is of no use any
            more), ``under_way`` (a ceremony has begun and is not closed), ``nothing`` (all is as declared).
        path: of the plan, None where there is none.
        plan: it, None where there is none.
        before: the draft that was there, as plain values.
    """

    state: str
    path: Path | None = None
    plan: Plan | None = None
    before: Entry = dataclasses.field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether applying writes or removes a file."""
        return self.state in (DRAFTED, REMOVED)

    @property
    def after(self) -> Entry:
        """The plan as plain values, empty where there is none."""
        return {} if self.plan is None or self.state == REMOVED else document(self.plan)

    def apply(self) -> None:
        """Write the plan, or remove the draft.

        Raises:
            TrustAnchorError: the record cannot be written.
        """
        if self.path is None or self.plan is None or not self.changed:
            return
        if self.state == DRAFTED:
            save(self.path, self.plan.text)
            return
        try:
            self.path.unlink()
            self.path.parent.rmdir()
        except OSError as error:
            raise TrustAnchorError(f"{self.path} cannot be removed: {error.strerror}") from error


@dataclasses.dataclass(frozen=True)
class _Present:
    """A plan in the record."""

    name: str
    path: Path
    transcript: str  # "", "open" or "closed"


def plan_next(declared: Declaration, record: Path, now: dt.datetime, lint: Lint) -> Planned:
    """What is to be planned. Writes nothing.

    Args:
        declared: what should be there.
        record: the public record.
        now: aware, UTC.
        lint: the linters that judge what the plan would sign.

    Raises:
        TrustAnchorError: the declaration is against a rule, an input is absent, or the record says otherwise.
    """
    present = _present(record)
    begun = next((one for one in present if one.transcript == "open"), None)
    if begun is not None:
        return Planned(UNDER_WAY, begun.path, _parse(begun.path))
    drafts = [one for one in present if not one.transcript and _NUMBER.fullmatch(one.name)]
    draft = drafts[-1] if drafts else None
    old = _parse(draft.path) if draft else None
    before = document(old) if old else {}
    name = draft.name if draft else _next_name(present)
    content = _Drafting(declared, Desk(record, lint), now).content(name)
    if content is None:
        return Planned(REMOVED, draft.path, old, before) if draft else Planned(NOTHING)
    plan = _reviewed(content)
    in_time = old is not None and now < old.window.end and declared.window_start in (None, old.window.start)
    if draft and old and in_time and _same(before, document(plan)):
        return Planned(UNCHANGED, draft.path, old, before)
    Desk(record, lint).rehearse(plan)
    return Planned(DRAFTED, record / "ceremonies" / name / "ceremony.yml", plan, before)


def _parse(path: Path) -> Plan:
    return parse_plan(read(path) or b"", str(path))


def _reviewed(content: Entry) -> Plan:
    """The plan with its file's bytes: header, and every default written out."""
    checked = parse_plan(dump(content), f"the plan of the ceremony {content['name']}")
    text = _HEADER.format(name=checked.name).encode() + dump(document(checked))
    return parse_plan(text, f"the plan of the ceremony {checked.name}")


def _same(one: Entry, other: Entry) -> bool:
    return {**one, "window": None} == {**other, "window": None}


def _present(record: Path) -> list[_Present]:
    found = []
    for path in sorted(record.glob("ceremonies/*/ceremony.yml")):
        data = read(path.with_name("transcript.jsonl"))
        state = ""
        if data is not None:
            records = read_transcript(data, str(path.with_name("transcript.jsonl")))
            state = "closed" if records and records[-1].kind == EventKind.CLOSED else "open"
        found.append(_Present(path.parent.name, path, state))
    return found


def _next_name(present: list[_Present]) -> str:
    numbers = [int(one.name) for one in present if _NUMBER.fullmatch(one.name)]
    return f"{max(numbers, default=0) + 1:04d}"


class _Drafting:
    """The content of a plan, from a declaration and a record."""

    def __init__(self, declared: Declaration, desk: Desk, now: dt.datetime) -> None:
        self.declared = declared
        self.desk = desk
        self.now = now
        names = [root["name"] for root in declared.roots]
        self.roots = {name: desk.known_root(name) for name in names}
        self.crls = {name: self._crl(name) for name in names}
        self.start = self._start()

    def content(self, name: str) -> Entry | None:
        """The plan as plain values, None where nothing is to be done."""
        acts = [
            *self._root_acts(),
            *(self._cross_act(entry) for entry in self.declared.crosses),
            *(self._intermediate_act(entry) for entry in self.declared.intermediates),
            *(self._signer_act(entry) for entry in self.declared.manifest_signers),
            *(self._crl_act(root) for root in self.roots),
        ]
        needed = [act for act in acts if act is not None]
        if not needed:
            return None
        end = self.start + dt.timedelta(hours=self.declared.window_hours)
        if end <= self.now:
            raise TrustAnchorError(
                f"the declared window ended at {times.render(end)}", "nobody could hold the ceremony", "Declare another"
            )
        return {
            "version": 1,
            "name": name,
            **({"title": self.declared.title} if self.declared.title else {}),
            "window": {"start": time_text(self.start), "end": time_text(end)},
            "people": list(self.declared.people),
            **({"unattended": True} if self.declared.unattended else {}),
            **({"quorum": self.declared.quorum} if self.declared.quorum else {}),
            "sealed_by": self.declared.sealed_by,
            "keys": {root: self.declared.keys[root] for root in self._used_keys(needed)},
            "roots": self._known_roots(),
            "acts": needed,
        }

    def _start(self) -> dt.datetime:
        """As declared, or the hour that has begun; later where the record has something newer to build on."""
        if self.declared.window_start is not None:
            return self.declared.window_start
        moments = [certs.not_before(root) for root in self.roots.values() if root is not None]
        moments += [crl.last_update_utc for crl in self.crls.values() if crl is not None]
        return max([self.now.replace(minute=0, second=0, microsecond=0), *moments])

    def _used_keys(self, acts: list[Entry]) -> list[str]:
        used = {self.declared.sealed_by}
        used |= {act.get("issuer") or act.get("primary") or act["name"] for act in acts}
        return [name for name in self.roots if name in used]

    def _known_roots(self) -> Entry:
        standby = {root["name"]: bool(root.get("standby")) for root in self.declared.roots}
        return {
            name: {"sha256": certs.fingerprint(root), "standby": standby[name]}
            for name, root in self.roots.items()
            if root is not None
        }

    def _root_acts(self) -> list[Entry]:
        listed = {root.name for root in parse_manifest(read(self.desk.record / "trust.yml"), "trust.yml").roots}
        needed = []
        for entry in self.declared.roots:
            name, root = entry["name"], self.roots[entry["name"]]
            if root is None and (name in listed or self.crls[name] is not None):
                raise TrustAnchorError(
                    f"the record has no roots/{name}.crt, but speaks of that root",
                    "a second root of that name would not be the one that hosts trust",
                    "Restore the certificate from the record's history, or declare a root with a new name",
                )
            if root is None or not self._is_done({"act": "root", **entry}, root):
                needed.append({"act": "root", **entry})
        return needed

    def _cross_act(self, entry: Entry) -> Entry | None:
        act = {"act": "cross", **entry, **self.declared.urls(entry["primary"])}
        return self._unless_done(act, f"cross/{entry['standby']}-by-{entry['primary']}.crt")

    def _intermediate_act(self, entry: Entry) -> Entry | None:
        act = self._with_request({"act": "intermediate", **entry, **self.declared.urls(entry["issuer"])})
        return None if act is None else self._unless_done(act, f"intermediates/{entry['name']}.crt")

    def _signer_act(self, entry: Entry) -> Entry | None:
        act = self._with_request({"act": "manifest_signer", **entry})
        return None if act is None else self._unless_done(act, f"signers/{entry['name']}.crt", renew=True)

    def _with_request(self, act: Entry) -> Entry | None:
        """The act with digest and subject of its request; None where there is a certificate and no request."""
        request = request_path(act, act["name"], act["act"])
        pem = read(self.desk.record / request)
        if pem is None:
            place = "intermediates" if act["act"] == "intermediate" else "signers"
            if read(self.desk.record / place / f"{act['name']}.crt") is not None:
                return None
            raise TrustAnchorError(
                f"the record has no {request}",
                f"the certificate of '{act['name']}' is signed from it",
                "Make the request where the key is, and put it into the record",
            )
        subject = act.get("subject") or load_request(pem, request).subject.rfc4514_string()
        parse_subject(subject)
        return {**act, "subject": subject, "request_sha256": sha256(pem)}

    def _unless_done(self, act: Entry, path: str, renew: bool = False) -> Entry | None:
        pem = read(self.desk.record / path)
        if pem is None:
            return act
        certificate = certs.load_certificate(pem, path)
        due = renew and certs.not_after(certificate) - self.now < dt.timedelta(days=self.declared.renew_before_days)
        return act if due or not self._is_done(act, certificate) else None

    def _is_done(self, act: Entry, certificate: x509.Certificate) -> bool:
        """Whether the certificate is what the act would make, had it been done when the certificate was.

        Raises:
            TrustAnchorError: it says something else, and the act may not replace it.
        """
        wanted = cast(SigningAct, parse_act(act, certs.not_before(certificate)))
        return self.desk.output(wanted).is_done()

    def _crl(self, name: str) -> x509.CertificateRevocationList | None:
        root = self.roots[name]
        key = None if root is None else checked_key(root.public_key(), f"the root '{name}'")
        return newest_crl(self.desk.record, name, key)

    def _crl_act(self, name: str) -> Entry | None:
        present, root = self.crls[name], self.roots[name]
        new = self._new_revocations(name, root, present)
        act = {"act": "crl", "issuer": name, "number": 1, "days": self.declared.crl_days}
        if present is None or root is None:
            return {**act, "revoked": new}
        end = present.next_update_utc
        due = end is None or end - self.now < dt.timedelta(days=self.declared.renew_before_days)
        if not due and not new:
            return None
        kept = [
            {"serial": f"{one.serial:x}", "reason": one.reason.name, "date": time_text(one.date)}
            for one in revocations(present).values()
        ]
        return {**act, "number": crl_number(present) + 1, "revoked": [*kept, *new]}

    def _new_revocations(
        self, name: str, root: x509.Certificate | None, present: x509.CertificateRevocationList | None
    ) -> list[Entry]:
        """What is declared and not in the present CRL, by serial: a path may hold another certificate by then."""
        old = revocations(present) if present is not None else {}
        new: dict[int, Entry] = {}
        for entry in self.declared.revoked:
            if entry["issuer"] != name:
                continue
            serial, reason = self._serial(entry, root), entry.get("reason", "unspecified")
            if serial not in old:
                new[serial] = {"serial": f"{serial:x}", "reason": reason}
            elif old[serial].reason.name != reason:
                raise TrustAnchorError(
                    f"the serial {serial:x} was revoked as {old[serial].reason.name}, but {reason} is declared",
                    "an entry of a CRL does not change",
                    f"Declare the reason {old[serial].reason.name}",
                )
        return list(new.values())

    def _serial(self, entry: Entry, root: x509.Certificate | None) -> int:
        if ("certificate" in entry) == ("serial" in entry):
            raise TrustAnchorError("revoked: an entry names both or neither of certificate and serial", "one of them")
        if "serial" in entry:
            return parse_serial(entry, "revoked")
        path = certificate_path(entry, "revoked")
        pem = read(self.desk.record / path)
        if pem is None:
            raise TrustAnchorError(f"revoked: the record has no {path}", "its serial goes into the CRL")
        certificate = certs.load_certificate(pem, path)
        require_ca(certificate, path)
        if root is None or not certs.signature_is_by(certificate, root):
            raise TrustAnchorError(
                f"revoked: {path} was not issued by '{entry['issuer']}'", "only its issuer can revoke it"
            )
        return certificate.serial_number
