# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An intermediate, from its request. A request with another key than the present certificate's renews it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from ...errors import TrustAnchorError
from ...schema import read_text
from ...x509.builders import Issuance, PublicKey, checked_key, intermediate_builder
from ...x509.constraint_set import closed, parse_constraints, require_alive
from ...x509.lint import lint_intermediate
from ...x509.profiles import (
    ANY_PURPOSE,
    INTERMEDIATE_DAYS,
    TLS_PURPOSES,
    IntermediateProfile,
    parse_intermediate,
)
from ..draft import Draft
from ..linting import Lint
from ..outputs import Output
from ..plan.schema import dump_time, require_days, take_time
from ..record_paths import OutputFiles
from ..requests import (
    UNREADABLE,
    beyond,
    read_request,
    require_no_attributes,
    require_no_usage,
    require_own_signature,
    require_subject,
)
from .base import ActContext, ActKind, DeclaredEntries, Drafting, Entry, PlanSoFar, RecordedContext, SigningAct
from .certificate import (
    CERTIFICATE,
    constraints_entry,
    marked_name,
    newer_certificate,
    one_certificate,
    require_nested,
    require_shorter,
    unless_done,
)
from .requested import dump_request, take_request, with_request
from .root import ENTRIES as ROOTS

# What the certificate will say anyway; the profile decides the values.
_HARMLESS = (x509.BasicConstraints, x509.KeyUsage, x509.SubjectKeyIdentifier)

FILES = OutputFiles("intermediates", ".crt", CERTIFICATE, newer_certificate, one_certificate)


@dataclass(frozen=True)
class IntermediateAct:
    """Sign an intermediate from its request.

    Args:
        name: in the record.
        issuer: name of the root that signs.
        request: the request's path, relative to the record.
        request_sha256: of the request file's bytes, lower-case hex.
        profile: what the certificate says; the subject is never None here.
        not_before: start of validity.
    """

    name: str
    issuer: str
    request: str
    request_sha256: str
    profile: IntermediateProfile
    not_before: dt.datetime

    form = CERTIFICATE
    inspects = ""
    made_root = None

    @property
    def id(self) -> str:
        """Names the act in the transcript."""
        return f"intermediate:{self.name}"

    @property
    def path(self) -> str:
        """Where the certificate goes, relative to the record."""
        return FILES.path(self.name)

    @property
    def signer(self) -> str:
        """The issuer."""
        return self.issuer

    @property
    def needs(self) -> tuple[str, ...]:
        """The issuer's key."""
        return (self.issuer,)

    @property
    def signing(self) -> SigningAct:
        """Itself."""
        return self

    @property
    def subject(self) -> x509.Name:
        """The subject, which a plan always gives."""
        if self.profile.subject is None:
            raise AssertionError(f"the plan of '{self.name}' has no subject")
        return self.profile.subject

    @property
    def not_after(self) -> dt.datetime:
        """End of validity."""
        return self.not_before + dt.timedelta(days=self.profile.days)

    @property
    def what(self) -> str:
        """The act in words."""
        said = f"{self.subject.rfc4514_string()}, {self.profile.days} days"
        return f"sign the intermediate '{self.name}' with the root '{self.issuer}': {said}"

    def dump(self, start: dt.datetime) -> Entry:
        """As a plan has it."""
        return {
            "act": KIND.name,
            **dump_request(self),
            "subject": self.subject.rfc4514_string(),
            "days": self.profile.days,
            "path_length": self.profile.path_length,
            **constraints_entry(self.profile.constraints, self.profile.unconstrained),
            "extended_key_usage": list(self.profile.purposes) or [ANY_PURPOSE],
            "crl_urls": list(self.profile.crl_urls),
            "issuer_urls": list(self.profile.issuer_urls),
            **dump_time("not_before", self.not_before, start),
        }

    def check(self, plan: PlanSoFar) -> None:
        """It is within its issuer's validity and path length, has a name of its own, and one of both has constraints.

        Raises:
            TrustAnchorError: it is not.
        """
        above = require_nested(self, self.issuer, plan)
        if above is None:
            return
        require_shorter(self, self.profile.path_length, above)
        if self.subject == above.profile.subject:
            raise TrustAnchorError(f"{self.id} has its issuer's subject", "then a verifier takes it for self-issued")
        if above.profile.constraints is None and self.profile.constraints is None and not self.profile.unconstrained:
            raise TrustAnchorError(
                f"neither {self.id} nor its issuer has name constraints",
                "without them whoever holds the key can speak for every name on earth",
                "Set name_constraints, or unconstrained: true",
            )

    def marked(self, mark: str) -> IntermediateAct:
        """Itself: the request keeps its name, the mark comes with the certificate."""
        return self

    def output(self, context: ActContext) -> Output[x509.Certificate]:
        """The certificate.

        Raises:
            TrustAnchorError: the request is refused.
        """
        issuer, lint = context.root(self.issuer), context.lint
        request = read_request(context.inputs, self.request, self.request_sha256)
        asked, key = check_request(request, self.profile, self.request)
        subject = marked_name(asked, context.mark)
        return Output(
            context.directory,
            self.path,
            f"intermediate certificate '{subject.rfc4514_string()}', {self.profile.days} days",
            CERTIFICATE,
            lambda serial: self._builder(subject, key, issuer, serial),
            checked_key(issuer.public_key(), "the issuer"),
            lambda certificate: self._problems(certificate, issuer, lint),
            lambda existing: existing.public_key() != key,
        )

    def rebuilt(self, signed: Any, recorded: RecordedContext, lint: Lint) -> Draft[x509.Certificate]:
        """What the plan says, with serial number and key of what was signed.

        Raises:
            TrustAnchorError: the issuer is not in the record.
        """
        key, issuer = checked_key(signed.public_key(), self.path), recorded.root(self.issuer)
        builder = self._builder(marked_name(self.subject, recorded.mark), key, issuer, signed.serial_number)
        issuer_key = checked_key(issuer.public_key(), "the issuer")
        return Draft(self.id, builder, issuer_key, lambda one: self._problems(one, issuer, lint))

    def _builder(
        self, subject: x509.Name, key: PublicKey, issuer: x509.Certificate, serial: int
    ) -> x509.CertificateBuilder:
        return intermediate_builder(self.profile, subject, key, issuer, Issuance(serial, self.not_before))

    def _problems(self, certificate: x509.Certificate, issuer: x509.Certificate, lint: Lint) -> Iterator[str]:
        yield from lint_intermediate(certificate, issuer, self.profile.unconstrained)
        yield from lint.certificate(certificate, issuer)


def check_request(
    request: x509.CertificateSigningRequest, profile: IntermediateProfile, source: str
) -> tuple[x509.Name, PublicKey]:
    """Subject and key for the certificate.

    Raises:
        TrustAnchorError: signature invalid, key too weak, subject not as declared or without a name, or
            something asked for that the profile does not give.
    """
    try:
        require_own_signature(request, source)
        key = checked_key(request.public_key(), source)
        _check_wishes(request, profile, source)
        subject = request.subject
    except UNREADABLE as error:
        raise TrustAnchorError(f"{source} holds a request that cannot be read", str(error)) from error
    if profile.subject is not None:
        require_subject(subject, profile.subject, source)
    if not subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME):
        raise TrustAnchorError(f"{source} asks for a subject without CN", "tools show CAs by their common name")
    return subject, key


def _check_wishes(request: x509.CertificateSigningRequest, profile: IntermediateProfile, source: str) -> None:
    require_no_attributes(request, source)
    for extension in request.extensions:
        if not isinstance(extension.value, _HARMLESS):
            raise beyond(source, f"the extension {extension.oid._name} ({extension.oid.dotted_string})")
        if isinstance(extension.value, x509.BasicConstraints):
            _check_length(extension.value, profile, source)
        if isinstance(extension.value, x509.KeyUsage):
            require_no_usage(extension.value, source)


def _check_length(wish: x509.BasicConstraints, profile: IntermediateProfile, source: str) -> None:
    if not wish.ca:
        raise TrustAnchorError(f"{source} asks for a certificate that is not a CA", "an intermediate is one")
    if wish.path_length is not None and wish.path_length > profile.path_length:
        raise beyond(source, f"the path length {wish.path_length}")


def _parse(entry: Entry, start: dt.datetime) -> IntermediateAct:
    where = "act intermediate"
    name, issuer, request, digest = take_request(entry, where)
    not_before = take_time(entry, "not_before", where, start)
    where = f"intermediate '{name}'"
    read_text(entry, "subject", where)  # elsewhere a profile may leave it to the request, but a plan says it
    profile = parse_intermediate(require_days(entry, where), where)
    return IntermediateAct(name, issuer, request, digest, profile, not_before)


def _drafts(drafting: Drafting) -> Iterable[Entry]:
    constraints = {root["name"]: root.get("name_constraints") for root in drafting.declared(ROOTS.option)}
    for entry in drafting.declared(ENTRIES.option):
        path = FILES.path(entry["name"])
        asked = {"act": KIND.name, **entry, **drafting.urls(entry["issuer"])}
        for former in with_request(drafting, asked, path):
            act = _limited(former, closed(constraints[entry["issuer"]]))
            yield from unless_done(drafting, act, path, former=former)


def _limited(act: Entry, above: Entry | None) -> Entry:
    """An act with what holds where nothing else is declared: the issuer's name constraints, and TLS alone.

    Java does not look at the constraints in a root that it has as trust anchor, and everybody at an intermediate's.

    Args:
        act: as it was declared.
        above: the issuer's constraints, as its plan has them.

    Raises:
        TrustAnchorError: it permits what its issuer does not, or what one of both excludes.
    """
    act = {"extended_key_usage": list(TLS_PURPOSES), **act}
    where = f"intermediate '{act['name']}'"
    own = closed(act["name_constraints"]) if "name_constraints" in act else above
    if act.get("unconstrained") is True or own is None:
        return act
    mine, theirs = parse_constraints(own, where), parse_constraints(above, f"root '{act['issuer']}'")
    beyond_it = mine.beyond(theirs) if mine is not None and theirs is not None else []
    if beyond_it:
        raise TrustAnchorError(
            f"{where} permits {', '.join(beyond_it)}, and its root does not",
            "most clients would refuse such certificates, and those that do not look at the root's constraints accept",
            "Permit less: an intermediate's name constraints are its root's or narrower",
        )
    if mine is not None:
        require_alive(mine, theirs, where)
    return {**act, "name_constraints": own}


ENTRIES = DeclaredEntries(
    "intermediates",
    known=("name", "issuer", "request", "subject", "days", "name_constraints", "unconstrained", "extended_key_usage"),
    defaults={"days": INTERMEDIATE_DAYS},
    unique="intermediate",
)
KIND = ActKind("intermediate", _parse, _drafts, FILES, ENTRIES)
