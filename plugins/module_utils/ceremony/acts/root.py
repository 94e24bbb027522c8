# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root, signed with its own key."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from cryptography import x509

from ...errors import TrustAnchorError
from ...host.files import read
from ...schema import read_bool
from ...trust.manifest.model import parse_manifest
from ...x509 import certificates as certs
from ...x509.builders import Issuance, PublicKey, checked_key, root_builder
from ...x509.constraint_set import ConstraintSet, closed, parse_constraints, require_alive
from ...x509.lint import lint_root
from ...x509.profiles import ROOT_DAYS, RootProfile, parse_root
from ..draft import Draft
from ..linting import Lint
from ..outputs import Output
from ..plan.schema import dump_time, require_days, take_name, take_time
from ..record_paths import OutputFiles
from .base import (
    ActContext,
    ActKind,
    DeclaredEntries,
    Drafting,
    Entry,
    MadeRoot,
    PlanSoFar,
    RecordedContext,
    SigningAct,
)
from .certificate import CERTIFICATE, constraints_entry, is_closed, marked_name, one_certificate

FILES = OutputFiles("roots", ".crt", CERTIFICATE, one_certificate)


@dataclasses.dataclass(frozen=True)
class RootAct:
    """Sign a root with its own key."""

    name: str
    standby: bool
    profile: RootProfile
    not_before: dt.datetime

    form = CERTIFICATE
    inspects = request = request_sha256 = ""

    @property
    def id(self) -> str:
        """Names the act in the transcript."""
        return f"root:{self.name}"

    @property
    def path(self) -> str:
        """Where the certificate goes, relative to the record."""
        return FILES.path(self.name)

    @property
    def signer(self) -> str:
        """Its own key, which has its name."""
        return self.name

    @property
    def needs(self) -> tuple[str, ...]:
        """Its own key."""
        return (self.name,)

    @property
    def signing(self) -> SigningAct:
        """Itself."""
        return self

    @property
    def made_root(self) -> MadeRoot:
        """Itself."""
        return self

    @property
    def not_after(self) -> dt.datetime:
        """End of validity."""
        return self.not_before + dt.timedelta(days=self.profile.days)

    @property
    def what(self) -> str:
        """The act in words."""
        kind = "standby root" if self.standby else "root"
        return f"make the {kind} '{self.name}': {self.profile.subject.rfc4514_string()}, {self.profile.days} days"

    def dump(self, start: dt.datetime) -> Entry:
        """As a plan has it."""
        return {
            "act": KIND.name,
            "name": self.name,
            "standby": self.standby,
            "subject": self.profile.subject.rfc4514_string(),
            "days": self.profile.days,
            "path_length": self.profile.path_length,
            **constraints_entry(self.profile.constraints, self.profile.constraints is None),
            **({"allow_weak_root": True} if self.profile.allow_weak_root else {}),
            **dump_time("not_before", self.not_before, start),
        }

    def check(self, plan: PlanSoFar) -> None:
        """Nothing is above a root. That it is made once, and has a key, is the plan's own rule."""

    def marked(self, mark: str) -> RootAct:
        """The same root with a mark before its common name."""
        profile = dataclasses.replace(self.profile, subject=marked_name(self.profile.subject, mark))
        return dataclasses.replace(self, profile=profile)

    def output(self, context: ActContext) -> Output[x509.Certificate]:
        """The self-signed certificate.

        Raises:
            TrustAnchorError: the key is another root's already.
        """
        key, lint = context.root_key(self.name), context.lint
        _require_unused(key, context.directory / self.path)
        return Output(
            context.directory,
            self.path,
            f"root certificate '{self.profile.subject.rfc4514_string()}', {self.profile.days} days",
            CERTIFICATE,
            lambda serial: self._builder(key, serial),
            key,
            lambda certificate: self._problems(certificate, lint),
        )

    def rebuilt(self, signed: Any, recorded: RecordedContext, lint: Lint) -> Draft[x509.Certificate]:
        """What the plan says, with serial number and key of what was signed."""
        key = checked_key(signed.public_key(), self.path)
        return Draft(self.id, self._builder(key, signed.serial_number), key, lambda one: self._problems(one, lint))

    def _builder(self, key: PublicKey, serial: int) -> x509.CertificateBuilder:
        return root_builder(self.profile, key, Issuance(serial, self.not_before))

    def _problems(self, certificate: x509.Certificate, lint: Lint) -> Iterator[str]:
        yield from lint_root(certificate, self.profile.allow_weak_root)
        yield from lint.certificate(certificate)


def _require_unused(key: PublicKey, path: Path) -> None:
    for other in sorted(path.parent.glob(f"*{path.suffix}")):
        if other != path and certs.load_certificate(other.read_bytes(), str(other)).public_key() == key:
            raise TrustAnchorError(
                f"the token's key is the key of {other.name} already",
                "two roots with one key cannot be told apart by their signatures, nor distrusted one by one",
                "Make another key for the new root",
            )


def _parse(entry: Entry, start: dt.datetime) -> RootAct:
    name = take_name(entry, "name", "act root")
    where = f"root '{name}'"
    standby = read_bool(entry, "standby", where)
    entry.pop("standby", None)
    not_before = take_time(entry, "not_before", where, start)
    return RootAct(name, standby, parse_root(require_days(entry, where), where), not_before)


def _drafts(drafting: Drafting) -> Iterable[Entry]:
    manifest = parse_manifest(read(drafting.record / "trust.yml"), "trust.yml")
    listed = {root.name for root in manifest.roots}
    for entry in drafting.declared(ENTRIES.option):
        name, root = entry["name"], drafting.roots[entry["name"]]
        if root is None and (name in listed or drafting.crls[name] is not None):
            raise TrustAnchorError(
                f"the record has no {FILES.path(name)}, but speaks of that root",
                "a second root of that name would not be the one that hosts trust",
                "Restore the certificate from the record's history, or declare a root with a new name",
            )
        act = former = {"act": KIND.name, **entry}
        if "name_constraints" in entry:
            act = {**act, "name_constraints": closed(entry["name_constraints"])}
            where = f"root '{entry['name']}'"
            if constraints := parse_constraints(act["name_constraints"], where):
                require_alive(constraints, None, where)
        if root is None or not drafting.is_done(act if is_closed(root) else former, root):
            yield act


def rehearsal_root(name: str, standby: bool, root: x509.Certificate, mark: str) -> RootAct:
    """An act that makes a root like one that exists, under a key of the rehearsal's own and with marked names.

    Args:
        name: of the root.
        standby: whether it is a standby root.
        root: the certificate that exists.
        mark: put before its common name.
    """
    basic, names = (certs.extension(root, kind) for kind in (x509.BasicConstraints, x509.NameConstraints))
    start, end = certs.not_before(root), certs.not_after(root)
    profile = RootProfile(
        subject=marked_name(root.subject, mark),
        constraints=None if names is None else ConstraintSet.of(names),
        days=-((start - end) // dt.timedelta(days=1)),
        path_length=basic.path_length if basic is not None and basic.path_length is not None else 1,
        allow_weak_root=True,
    )
    return RootAct(name, standby, profile, start)


ENTRIES = DeclaredEntries(
    "roots",
    known=(
        "name",
        "standby",
        "subject",
        "days",
        "path_length",
        "name_constraints",
        "unconstrained",
        "allow_weak_root",
    ),
    defaults={"days": ROOT_DAYS},
    issued=False,
    unique="root",
)
KIND = ActKind("root", _parse, _drafts, FILES, ENTRIES)
