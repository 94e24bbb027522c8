# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root's CRL: a number that only rises, entries that never leave."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from ...errors import TrustAnchorError
from ...schema import check_keys
from ...text import times
from ...x509.builders import Revoked, checked_key, crl_builder
from ...x509.crls import crl_number, load_crl
from ...x509.lint import lint_crl
from ...x509.profiles import CRL_DAYS, CrlProfile
from ...x509.signatures import tbs
from ..draft import Draft
from ..linting import Lint
from ..outputs import Form, Output
from ..plan.model import MAX_WINDOW
from ..plan.schema import (
    MAX_SERIAL_BITS,
    dump_time,
    read_entries,
    read_name,
    required_int,
    take_time,
    time_text,
)
from ..record_paths import Clash, OutputFiles, Writes, neither
from .base import ActContext, ActKind, DeclaredEntries, Drafting, Entry, PlanSoFar, RecordedContext, SigningAct
from .crl_history import KnownCrl, dropped, known_crls, require_in_place, revocations
from .revocations import RevokedEntry, new_revocations, parse_revoked, recorded_serial, revoked_now


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
    name = Path(path)
    return str(name.parent / "archive" / f"{name.stem}-{crl_number(crl)}{name.suffix}")


CRL: Form[x509.CertificateRevocationList] = Form(
    load=load_crl,
    load_der=x509.load_der_x509_crl,
    dump=lambda crl: crl.public_bytes(Encoding.DER),
    der=lambda crl: crl.public_bytes(Encoding.DER),
    facts=crl_facts,
    serial=lambda _crl: 0,
    archive=crl_archive_path,
)


def _higher_number(clash: Clash) -> Writes:
    """Of a merge: the CRL with the higher number; the other goes to the archive."""
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


FILES = OutputFiles("crls", ".crl", CRL, _higher_number, neither)


@dataclass(frozen=True)
class CrlAct:
    """Sign a root's CRL. ``revoked`` is all of it: the entries of the CRL before are among them."""

    issuer: str
    number: int
    days: int
    this_update: dt.datetime
    revoked: tuple[RevokedEntry, ...]

    form = CRL
    inspects = request = request_sha256 = ""
    made_root = None

    @property
    def id(self) -> str:
        """Names the act in the transcript."""
        return f"crl:{self.issuer}"

    @property
    def path(self) -> str:
        """Where the CRL goes, relative to the record."""
        return FILES.path(self.issuer)

    @property
    def signer(self) -> str:
        """The root."""
        return self.issuer

    @property
    def needs(self) -> tuple[str, ...]:
        """The root's key."""
        return (self.issuer,)

    @property
    def signing(self) -> SigningAct:
        """Itself."""
        return self

    @property
    def what(self) -> str:
        """The act in words."""
        return f"sign the CRL number {self.number} of '{self.issuer}': {len(self.revoked)} revoked, {self.days} days"

    def dump(self, start: dt.datetime) -> Entry:
        """As a plan has it."""
        return {
            "act": KIND.name,
            "issuer": self.issuer,
            "number": self.number,
            "days": self.days,
            **dump_time("this_update", self.this_update, start),
            "revoked": [entry.dump(start) for entry in self.revoked],
        }

    def check(self, plan: PlanSoFar) -> None:
        """Its date is near the window's start, and it is clear what it revokes.

        Raises:
            TrustAnchorError: it is not.
        """
        plan.require_root(self.issuer, self.id)
        if not plan.start - MAX_WINDOW <= self.this_update <= plan.start:
            raise TrustAnchorError(
                f"{self.id} is of {times.render(self.this_update)}",
                f"this_update is at the window's start or up to {MAX_WINDOW.days} days before it",
            )
        _require_once("serial", (f"{entry.serial:x}" for entry in self.revoked if entry.serial is not None))
        _require_once("revoked certificate", (e.certificate for e in self.revoked if e.certificate is not None))
        for entry in self.revoked:
            if entry.date > self.this_update:
                raise TrustAnchorError(
                    f"{self.id} revokes at {times.render(entry.date)}", "that is after the CRL's date"
                )
            if entry.certificate in plan.paths:
                raise TrustAnchorError(
                    f"{self.id} revokes {entry.certificate}, which this plan makes again",
                    "it is not clear which of the two is meant",
                    "Give the serial",
                )

    def marked(self, mark: str) -> CrlAct:
        """Itself: its name is the root's."""
        return self

    def output(self, context: ActContext) -> Output[x509.CertificateRevocationList]:
        """The CRL.

        Raises:
            TrustAnchorError: the number does not rise, an entry of a CRL before is left out or changed, that CRL is
                from the future or not in its place, or what is to be revoked is another issuer's or no CA.
        """
        issuer, revoker, lint = context.root(self.issuer), context.revoker(self.issuer), context.lint
        entries = revoked_now(self.revoked, revoker, context.inputs)
        name = issuer.subject.rfc4514_string()
        key = checked_key(issuer.public_key(), "the issuer")
        output = Output(
            context.directory,
            self.path,
            f"CRL number {self.number} of '{name}', {len(entries)} revoked, {self.days} days",
            CRL,
            lambda _serial: self._builder(issuer, entries),
            key,
            lambda crl: _problems(crl, issuer, lint),
            lambda existing: crl_number(existing) < self.number,
        )
        known = known_crls(context.directory, self.issuer, key)
        _require_next(output, self, known)
        before = [one for one in known if one.number < self.number][-1:]
        if context.inputs != context.directory:  # a rehearsal keeps what was revoked in earnest
            real = known_crls(context.inputs, self.issuer, checked_key(revoker.public_key(), "the issuer"))
            before += [one for one in real if one.number < self.number][-1:]
        for one in before:
            _require_successor(one, self, {entry.serial: entry for entry in entries})
        return output

    def rebuilt(self, signed: Any, recorded: RecordedContext, lint: Lint) -> Draft[x509.CertificateRevocationList]:
        """What the plan says; of a certificate that was replaced since, the serial that was revoked.

        Raises:
            TrustAnchorError: the root, or what was revoked, is not in the record.
        """
        issuer = recorded.root(self.issuer)
        serials = [recorded_serial(one, recorded.inputs, signed) for one in self.revoked]
        pairs = zip(serials, self.revoked, strict=True)
        builder = self._builder(issuer, [Revoked(serial, one.reason, one.date) for serial, one in pairs])
        key = checked_key(issuer.public_key(), "the issuer")
        return Draft(self.id, builder, key, lambda one: _problems(one, issuer, lint))

    def _builder(self, issuer: x509.Certificate, entries: Sequence[Revoked]) -> x509.CertificateRevocationListBuilder:
        return crl_builder(CrlProfile(self.days), issuer, self.number, entries, self.this_update)


def _problems(crl: x509.CertificateRevocationList, issuer: x509.Certificate, lint: Lint) -> Iterator[str]:
    yield from lint_crl(crl, issuer)
    yield from lint.crl(crl)


def _require_once(what: str, values: Iterable[str]) -> None:
    for value, count in Counter(value.casefold() for value in values).items():
        if count > 1:
            raise TrustAnchorError(f"the plan has the {what} '{value}' {count} times", "each is there once")


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
        if same and tbs(one.crl) != tbs(output.draft(0).sign_ephemeral()):
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
    for lost in dropped(existing.crl, entries):
        raise TrustAnchorError(
            f"the plan's CRL does not have the entry {lost.serial:x} {lost.reason.name} {times.render(lost.date)}",
            f"{existing.source} has it, and a revocation is final",
            "Plan again: entries of the present CRL are taken over",
        )


def _parse(entry: Entry, start: dt.datetime) -> CrlAct:
    where = "act crl"
    data = check_keys(entry, ("issuer", "number", "days", "this_update", "revoked"), where)
    issuer = read_name(data, "issuer", where)
    where = f"CRL of '{issuer}'"
    return CrlAct(
        issuer=issuer,
        number=required_int(data, "number", where, 1, 2**MAX_SERIAL_BITS - 1),
        days=required_int(data, "days", where, 1, CRL_DAYS),
        this_update=take_time(data, "this_update", where, start),
        revoked=tuple(parse_revoked(one, start) for one in read_entries(data.get("revoked"), "revoked")),
    )


def _drafts(drafting: Drafting) -> Iterable[Entry]:
    """For each root without a CRL, with one that ends soon, or with something new to revoke."""
    for name in drafting.roots:
        present, root = drafting.crls[name], drafting.roots[name]
        new = new_revocations(drafting, name, drafting.declared(ENTRIES.option), present)
        act = {"act": KIND.name, "issuer": name, "number": 1, "days": drafting.crl_days}
        if present is None or root is None:
            yield {**act, "revoked": new}
        elif new or drafting.is_due(present.next_update_utc):
            kept = [
                {"serial": f"{one.serial:x}", "reason": one.reason.name, "date": time_text(one.date)}
                for one in revocations(present).values()
            ]
            yield {**act, "number": crl_number(present) + 1, "revoked": [*kept, *new]}


ENTRIES = DeclaredEntries("revoked", known=("issuer", "certificate", "serial", "reason"))
KIND = ActKind("crl", _parse, _drafts, FILES, ENTRIES)
