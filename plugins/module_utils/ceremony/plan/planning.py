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
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from ...errors import TrustAnchorError
from ...host.files import read, save
from ...text import times
from ...x509 import certificates as certs
from ...x509.builders import checked_key
from ..acts.base import Entry
from ..acts.crl_history import newest_crl
from ..acts.registry import KINDS, parse_act
from ..linting import Lint
from ..transcript import EventKind, read_transcript
from .declaration import CeremonyDeclaration
from .document import VERSION, document, dump, parse_plan, plan_of
from .model import Plan
from .preview import Preview
from .schema import time_text

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


def plan_next(declared: CeremonyDeclaration, record: Path, now: dt.datetime, lint: Lint) -> Planned:
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
    content = _Drafting(declared, Preview(record, lint), now).content(name)
    if content is None:
        return Planned(REMOVED, draft.path, old, before) if draft else Planned(NOTHING)
    plan = _reviewed(content)
    in_time = old is not None and now < old.window.end and declared.window_start in (None, old.window.start)
    if draft and old and in_time and _same(before, document(plan)):
        return Planned(UNCHANGED, draft.path, old, before)
    Preview(record, lint).rehearse(plan)
    return Planned(DRAFTED, record / "ceremonies" / name / "ceremony.yml", plan, before)


def _parse(path: Path) -> Plan:
    return parse_plan(read(path) or b"", str(path))


def _reviewed(content: Entry) -> Plan:
    """The plan with its file's bytes: header, and every default written out."""
    plan = plan_of(content, b"", f"the plan of the ceremony {content['name']}")
    return dataclasses.replace(plan, text=_HEADER.format(name=plan.name).encode() + dump(document(plan)))


def _same(one: Entry, other: Entry) -> bool:
    return {**one, "window": None} == {**other, "window": None}


def _present(record: Path) -> list[_Present]:
    found = []
    for path in sorted(record.glob("ceremonies/*/ceremony.yml")):
        data = read(path.with_name("transcript.jsonl"))
        state = ""
        if data is not None:
            events = read_transcript(data, str(path.with_name("transcript.jsonl")))
            state = "closed" if events and events[-1].kind == EventKind.CLOSED else "open"
        found.append(_Present(path.parent.name, path, state))
    return found


def _next_name(present: list[_Present]) -> str:
    numbers = [int(one.name) for one in present if _NUMBER.fullmatch(one.name)]
    return f"{max(numbers, default=0) + 1:04d}"


class _Drafting:
    """The content of a plan, from a declaration and a record."""

    def __init__(self, declaration: CeremonyDeclaration, preview: Preview, now: dt.datetime) -> None:
        self.declaration = declaration
        self.preview = preview
        self.record = preview.inputs
        self.now = now
        self.crl_days = declaration.crl_days
        names = [root["name"] for root in declaration.roots]
        self.roots = {name: preview.known_root(name) for name in names}
        self.crls = {name: self._crl(name) for name in names}
        self.start = self._start()

    def content(self, name: str) -> Entry | None:
        """The plan as plain values, None where nothing is to be done."""
        needed = [act for kind in KINDS for act in kind.drafts(self)]
        if not needed:
            return None
        end = self.start + dt.timedelta(hours=self.declaration.window_hours)
        if end <= self.now:
            raise TrustAnchorError(
                f"the declared window ended at {times.render(end)}", "nobody could hold the ceremony", "Declare another"
            )
        return {
            "version": VERSION,
            "name": name,
            **({"title": self.declaration.title} if self.declaration.title else {}),
            "window": {"start": time_text(self.start), "end": time_text(end)},
            "people": list(self.declaration.people),
            **({"unattended": True} if self.declaration.unattended else {}),
            **({"quorum": self.declaration.quorum} if self.declaration.quorum else {}),
            "sealed_by": self.declaration.sealed_by,
            "keys": {root: self.declaration.keys[root] for root in self._used_keys(needed)},
            "roots": self._known_roots(),
            "acts": needed,
        }

    def _start(self) -> dt.datetime:
        """As declared, or the hour that has begun; later where the record has something newer to build on."""
        if self.declaration.window_start is not None:
            return self.declaration.window_start
        moments = [certs.not_before(root) for root in self.roots.values() if root is not None]
        moments += [crl.last_update_utc for crl in self.crls.values() if crl is not None]
        return max([self.now.replace(minute=0, second=0, microsecond=0), *moments])

    def _used_keys(self, acts: list[Entry]) -> list[str]:
        signing = [parse_act(act, self.start).signing for act in acts]
        used = {self.declaration.sealed_by, *(act.signer for act in signing if act is not None)}
        return [name for name in self.roots if name in used]

    def _known_roots(self) -> Entry:
        standby = {root["name"]: bool(root.get("standby")) for root in self.declaration.roots}
        return {
            name: {"sha256": certs.fingerprint(root), "standby": standby[name]}
            for name, root in self.roots.items()
            if root is not None
        }

    def declared(self, option: str) -> Sequence[Entry]:
        """The entries below an option of the declaration."""
        return self.declaration.entries[option]

    def urls(self, issuer: str) -> Entry:
        """Where the CRL and the certificate of a root are published."""
        return self.declaration.urls(issuer)

    def is_due(self, end: dt.datetime | None) -> bool:
        """Whether what ends then is renewed."""
        return end is None or end - self.now < dt.timedelta(days=self.declaration.renew_before_days)

    def is_done(self, act: Entry, certificate: x509.Certificate) -> bool:
        """Whether the certificate is what the act would make, had it been done when the certificate was.

        Raises:
            TrustAnchorError: it says something else, and the act may not replace it.
        """
        wanted = parse_act(act, certs.not_before(certificate)).signing
        return wanted is not None and wanted.output(self.preview).is_done()

    def _crl(self, name: str) -> x509.CertificateRevocationList | None:
        root = self.roots[name]
        key = None if root is None else checked_key(root.public_key(), f"the root '{name}'")
        return newest_crl(self.record, name, key)
