# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every act of a ceremony can do, what its kind is, and what an act is given to do it with.

A kind of act is one file of this package; `registry` has them all. Whoever carries acts out knows the protocols of
this file and no kind.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from cryptography import x509

from ...x509.builders import PublicKey
from ...x509.profiles import RootProfile
from ..draft import Draft
from ..linting import Lint
from ..outputs import Form, Output
from ..record_paths import OutputFiles

Entry = dict[str, Any]


class ActContext(Protocol):
    """Where an act is done: when a plan is drafted, or at the ceremony."""

    lint: Lint
    mark: str

    @property
    def directory(self) -> Path:
        """Where outputs go."""

    @property
    def inputs(self) -> Path:
        """Where requests and certificates to revoke are."""

    def root(self, name: str) -> x509.Certificate:
        """A root that exists, or a placeholder for it."""

    def root_key(self, name: str) -> PublicKey:
        """The public key of a root that an act makes."""

    def revoker(self, name: str) -> x509.Certificate:
        """The root that issued what its CRL revokes."""


class RecordedContext(Protocol):
    """A ceremony on record, in which what an act signed is built again."""

    @property
    def inputs(self) -> Path:
        """Where certificates to revoke are."""

    @property
    def mark(self) -> str:
        """Before common names; empty but in a rehearsal."""

    def root(self, name: str) -> x509.Certificate:
        """A root of the record."""


class MadeRoot(Protocol):
    """A root that an act makes, as far as other acts are concerned."""

    @property
    def name(self) -> str:
        """Of the root and of its key."""

    @property
    def standby(self) -> bool:
        """Whether it is a standby root."""

    @property
    def profile(self) -> RootProfile:
        """What its certificate says."""

    @property
    def not_before(self) -> dt.datetime:
        """Start of validity."""

    @property
    def not_after(self) -> dt.datetime:
        """End of validity."""


class PlanSoFar(Protocol):
    """A plan as an act's rules see it: what is used was made before the act, or is known."""

    @property
    def start(self) -> dt.datetime:
        """Of the window."""

    @property
    def paths(self) -> frozenset[str]:
        """Of what acts of this plan make, relative to the record."""

    def require_root(self, name: str, act: str) -> MadeRoot | None:
        """The root if the plan makes it, None for one that exists.

        Raises:
            TrustAnchorError: it is made later, or never; ``act`` is the id of who asks.
        """

    def is_standby(self, name: str) -> bool:
        """Whether a root, made or known, is a standby root."""


class Act(Protocol):
    """One act of a plan."""

    @property
    def id(self) -> str:
        """Names the act in the transcript."""

    @property
    def what(self) -> str:
        """The act in words."""

    @property
    def inspects(self) -> str:
        """The token that it looks at; empty for an act that signs."""

    @property
    def made_root(self) -> MadeRoot | None:
        """The root that it makes."""

    @property
    def signing(self) -> SigningAct | None:
        """Itself where it signs a file."""

    def dump(self, start: dt.datetime) -> Entry:
        """The act as a plan has it, every default written out; times equal to ``start`` are left out."""

    def check(self, plan: PlanSoFar) -> None:
        """What must hold between this act and the rest of the plan.

        Raises:
            TrustAnchorError: it does not.
        """

    def marked(self, mark: str) -> Act:
        """The act with a mark before names that it gives; an act from a request is marked with its output."""


class SigningAct(Act, Protocol):
    """An act that signs one file."""

    @property
    def path(self) -> str:
        """Where the file goes, relative to the record."""

    @property
    def signer(self) -> str:
        """Name of the key that signs."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the keys that must be known before it can be drafted."""

    @property
    def request(self) -> str:
        """Path of the request that it is made from, relative to the record; empty where there is none."""

    @property
    def request_sha256(self) -> str:
        """Of the request file's bytes, lower-case hex; empty where there is none."""

    @property
    def form(self) -> Form[Any]:
        """How the file is kept."""

    def output(self, context: ActContext) -> Output[Any]:
        """What it makes.

        Raises:
            TrustAnchorError: an input is absent or refused.
        """

    def rebuilt(self, signed: Any, recorded: RecordedContext, lint: Lint) -> Draft[Any]:
        """What the plan says that it signs, with serial number (and, from a request, key) of what was signed.

        Raises:
            TrustAnchorError: an input is not in the record.
        """


class Drafting(Protocol):
    """A declaration held against a record: what acts are drafted from."""

    @property
    def record(self) -> Path:
        """The public record."""

    @property
    def now(self) -> dt.datetime:
        """Aware, UTC."""

    @property
    def roots(self) -> Mapping[str, x509.Certificate | None]:
        """The declared roots by name, None where one is not made yet."""

    @property
    def crls(self) -> Mapping[str, x509.CertificateRevocationList | None]:
        """Their newest CRLs."""

    @property
    def crl_days(self) -> int:
        """Validity of a CRL."""

    def declared(self, option: str) -> Sequence[Entry]:
        """The entries below an option of the declaration."""

    def is_due(self, end: dt.datetime | None) -> bool:
        """Whether what ends then is renewed."""

    def urls(self, issuer: str) -> Entry:
        """Where the CRL and the certificate of a root are published.

        Raises:
            TrustAnchorError: no publication URL was declared.
        """

    def is_done(self, act: Entry, certificate: x509.Certificate) -> bool:
        """Whether the certificate is what the act would make, had it been done when the certificate was.

        Raises:
            TrustAnchorError: it says something else, and the act may not replace it.
        """


@dataclass(frozen=True)
class DeclaredEntries:
    """The entries of a declaration from which acts of one kind are drafted.

    Args:
        option: of the declaration, and of the module that drafts plans.
        known: keys of an entry.
        defaults: what holds where an entry says nothing.
        issued: whether an entry has an issuer, by default the first root that is not a standby.
        roots: further keys that name roots.
        unique: names an entry in messages where each name is declared once; empty otherwise.
    """

    option: str
    known: tuple[str, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    issued: bool = True
    roots: tuple[str, ...] = ()
    unique: str = ""


@dataclass(frozen=True)
class ActKind:
    """One kind of act.

    Args:
        name: what a plan calls it.
        parse: from the plan: the entry without its ``act``, and the time that holds where it gives none.
        drafts: acts, as a plan has them, that are declared and not in the record, or no longer right there.
        files: where its outputs are; None for a kind that signs nothing.
        entries: of a declaration; None where there are none.
    """

    name: str
    parse: Callable[[Entry, dt.datetime], Act]
    drafts: Callable[[Drafting], Iterable[Entry]]
    files: OutputFiles | None
    entries: DeclaredEntries | None = None


def no_drafts(_drafting: Drafting) -> Iterable[Entry]:
    """Of a kind that only a person plans."""
    return ()
