# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cross-certificate: the standby root under the primary, for estates that know only the primary."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from ...errors import TrustAnchorError
from ...x509.builders import Issuance, checked_key, cross_builder
from ...x509.lint import lint_cross
from ...x509.profiles import INTERMEDIATE_DAYS, CrossProfile, parse_cross
from ..draft import Draft
from ..linting import Lint
from ..outputs import Output
from ..plan.schema import dump_time, require_days, take_name, take_time
from ..record_paths import OutputFiles
from .base import ActContext, ActKind, DeclaredEntries, Drafting, Entry, PlanSoFar, RecordedContext, SigningAct
from .certificate import CERTIFICATE, one_certificate, require_nested, require_shorter, unless_done

FILES = OutputFiles("cross", ".crt", CERTIFICATE, one_certificate)


@dataclass(frozen=True)
class CrossAct:
    """Certify the standby root under the primary."""

    standby: str
    primary: str
    profile: CrossProfile
    not_before: dt.datetime

    form = CERTIFICATE
    inspects = request = request_sha256 = ""
    made_root = None

    @property
    def id(self) -> str:
        """Names the act in the transcript."""
        return f"cross:{self.standby}-by-{self.primary}"

    @property
    def path(self) -> str:
        """Where the certificate goes, relative to the record."""
        return FILES.path(f"{self.standby}-by-{self.primary}")

    @property
    def signer(self) -> str:
        """The primary root."""
        return self.primary

    @property
    def needs(self) -> tuple[str, ...]:
        """Both keys."""
        return (self.primary, self.standby)

    @property
    def signing(self) -> SigningAct:
        """Itself."""
        return self

    @property
    def not_after(self) -> dt.datetime:
        """End of validity."""
        return self.not_before + dt.timedelta(days=self.profile.days)

    @property
    def what(self) -> str:
        """The act in words."""
        return f"cross-certify the standby root '{self.standby}' under '{self.primary}', {self.profile.days} days"

    def dump(self, start: dt.datetime) -> Entry:
        """As a plan has it."""
        return {
            "act": KIND.name,
            "standby": self.standby,
            "primary": self.primary,
            "days": self.profile.days,
            "crl_urls": list(self.profile.crl_urls),
            "issuer_urls": list(self.profile.issuer_urls),
            **dump_time("not_before", self.not_before, start),
        }

    def check(self, plan: PlanSoFar) -> None:
        """A standby root under a primary one, within the validity and path length of both.

        Raises:
            TrustAnchorError: it is not.
        """
        standby = plan.require_root(self.standby, self.id)
        primary = require_nested(self, self.primary, plan)
        if not plan.is_standby(self.standby) or plan.is_standby(self.primary):
            raise TrustAnchorError(
                f"{self.id} does not put a standby root under a primary one",
                "were the primary under the standby, distrusting the primary would not kill what the primary's"
                " intermediates sign: their chains would go on to the standby, and its path length would not stop Java,"
                " which takes none from a trust anchor",
                "Name a root with standby: true as standby, and one without as primary",
            )
        if standby is not None and not standby.not_before <= self.not_before < self.not_after <= standby.not_after:
            raise TrustAnchorError(f"{self.id} is not within the validity of '{self.standby}'", "it has the same key")
        if standby is not None and primary is not None:
            require_shorter(self, standby.profile.path_length, primary)

    def marked(self, mark: str) -> CrossAct:
        """Itself: its names are the roots'."""
        return self

    def output(self, context: ActContext) -> Output[x509.Certificate]:
        """The standby root, certified by the primary.

        Raises:
            TrustAnchorError: a root is absent.
        """
        standby, issuer, lint = context.root(self.standby), context.root(self.primary), context.lint
        name = standby.subject.rfc4514_string()
        return Output(
            context.directory,
            self.path,
            f"cross-certificate of '{name}' by '{issuer.subject.rfc4514_string()}', {self.profile.days} days",
            CERTIFICATE,
            lambda serial: cross_builder(self.profile, standby, issuer, Issuance(serial, self.not_before)),
            checked_key(issuer.public_key(), "the issuer"),
            lambda certificate: _problems(certificate, standby, issuer, lint),
        )

    def rebuilt(self, signed: Any, recorded: RecordedContext, lint: Lint) -> Draft[x509.Certificate]:
        """What the plan says, with the serial number of what was signed.

        Raises:
            TrustAnchorError: a root is not in the record.
        """
        checked_key(signed.public_key(), self.path)
        standby, issuer = recorded.root(self.standby), recorded.root(self.primary)
        builder = cross_builder(self.profile, standby, issuer, Issuance(signed.serial_number, self.not_before))
        key = checked_key(issuer.public_key(), "the issuer")
        return Draft(self.id, builder, key, lambda one: _problems(one, standby, issuer, lint))


def _problems(
    certificate: x509.Certificate, standby: x509.Certificate, issuer: x509.Certificate, lint: Lint
) -> Iterator[str]:
    yield from lint_cross(certificate, standby, issuer)
    yield from lint.certificate(certificate, issuer)


def _parse(entry: Entry, start: dt.datetime) -> CrossAct:
    where = "act cross"
    standby, primary = take_name(entry, "standby", where), take_name(entry, "primary", where)
    not_before = take_time(entry, "not_before", where, start)
    return CrossAct(standby, primary, parse_cross(require_days(entry, where), where), not_before)


def _drafts(drafting: Drafting) -> Iterable[Entry]:
    for entry in drafting.declared(ENTRIES.option):
        act = {"act": KIND.name, **entry, **drafting.urls(entry["primary"])}
        yield from unless_done(drafting, act, FILES.path(f"{entry['standby']}-by-{entry['primary']}"))


ENTRIES = DeclaredEntries(
    "cross",
    known=("standby", "primary", "days"),
    defaults={"days": INTERMEDIATE_DAYS},
    issued=False,
    roots=("standby", "primary"),
)
KIND = ActKind("cross", _parse, _drafts, FILES, ENTRIES)
