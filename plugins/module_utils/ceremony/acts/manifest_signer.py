# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate that signs trust manifests, from its request. It is renewed before it ends, or by another key."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from ...errors import TrustAnchorError
from ...x509 import certificates as certs
from ...x509.builders import Issuance, PublicKey, checked_key, manifest_signer_builder
from ...x509.lint import lint_manifest_signer
from ...x509.profiles import MANIFEST_SIGNER_DAYS, ManifestSignerProfile, parse_manifest_signer
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
from .certificate import CERTIFICATE, marked_name, newer_certificate, one_certificate, require_nested, unless_done
from .requested import dump_request, take_request, with_request

FILES = OutputFiles("signers", ".crt", CERTIFICATE, newer_certificate, one_certificate)


@dataclass(frozen=True)
class ManifestSignerAct:
    """Sign the certificate that signs trust manifests, from its request.

    Args:
        name: in the record.
        issuer: name of the root that signs.
        request: the request's path, relative to the record.
        request_sha256: of the request file's bytes, lower-case hex.
        profile: what the certificate says.
        not_before: start of validity.
    """

    name: str
    issuer: str
    request: str
    request_sha256: str
    profile: ManifestSignerProfile
    not_before: dt.datetime

    form = CERTIFICATE
    inspects = ""
    made_root = None

    @property
    def id(self) -> str:
        """Names the act in the transcript."""
        return f"manifest_signer:{self.name}"

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
    def not_after(self) -> dt.datetime:
        """End of validity."""
        return self.not_before + dt.timedelta(days=self.profile.days)

    @property
    def what(self) -> str:
        """The act in words."""
        said = f"{self.profile.subject.rfc4514_string()}, {self.profile.days} days"
        return f"sign the manifest signer '{self.name}' with the root '{self.issuer}': {said}"

    def dump(self, start: dt.datetime) -> Entry:
        """As a plan has it."""
        return {
            "act": KIND.name,
            **dump_request(self),
            "subject": self.profile.subject.rfc4514_string(),
            "days": self.profile.days,
            **dump_time("not_before", self.not_before, start),
        }

    def check(self, plan: PlanSoFar) -> None:
        """It is within its issuer's validity.

        Raises:
            TrustAnchorError: it is not.
        """
        require_nested(self, self.issuer, plan)

    def marked(self, mark: str) -> ManifestSignerAct:
        """Itself: the request keeps its name, the mark comes with the certificate."""
        return self

    def output(self, context: ActContext) -> Output[x509.Certificate]:
        """The certificate.

        Raises:
            TrustAnchorError: the request is refused.
        """
        issuer, lint = context.root(self.issuer), context.lint
        request = read_request(context.inputs, self.request, self.request_sha256)
        key = check_signer_request(request, self.profile, self.request)
        profile = self._marked_profile(context.mark)
        return Output(
            context.directory,
            self.path,
            f"manifest signer '{profile.subject.rfc4514_string()}', {profile.days} days",
            CERTIFICATE,
            lambda serial: manifest_signer_builder(profile, key, issuer, Issuance(serial, self.not_before)),
            checked_key(issuer.public_key(), "the issuer"),
            lambda certificate: _problems(certificate, issuer, lint),
            # under the same key, a later one takes over
            lambda existing: existing.public_key() != key or certs.not_before(existing) < self.not_before,
        )

    def rebuilt(self, signed: Any, recorded: RecordedContext, lint: Lint) -> Draft[x509.Certificate]:
        """What the plan says, with serial number and key of what was signed.

        Raises:
            TrustAnchorError: the issuer is not in the record.
        """
        key, issuer = checked_key(signed.public_key(), self.path), recorded.root(self.issuer)
        issuance = Issuance(signed.serial_number, self.not_before)
        builder = manifest_signer_builder(self._marked_profile(recorded.mark), key, issuer, issuance)
        issuer_key = checked_key(issuer.public_key(), "the issuer")
        return Draft(self.id, builder, issuer_key, lambda one: _problems(one, issuer, lint))

    def _marked_profile(self, mark: str) -> ManifestSignerProfile:
        return ManifestSignerProfile(marked_name(self.profile.subject, mark), self.profile.days)


def _problems(certificate: x509.Certificate, issuer: x509.Certificate, lint: Lint) -> Iterator[str]:
    yield from lint_manifest_signer(certificate, issuer)
    yield from lint.certificate(certificate, issuer)


def check_signer_request(
    request: x509.CertificateSigningRequest, profile: ManifestSignerProfile, source: str
) -> PublicKey:
    """Key for the certificate of a manifest signer.

    Raises:
        TrustAnchorError: signature invalid, key too weak, subject not as planned, or anything asked for beyond
            digital signatures.
    """
    try:
        require_own_signature(request, source)
        key = checked_key(request.public_key(), source)
        require_no_attributes(request, source)
        for extension in request.extensions:
            usage = extension.value
            if isinstance(usage, x509.KeyUsage) and not usage.key_cert_sign and not usage.crl_sign:
                require_no_usage(usage, source, allowed="digital_signature")
            elif not isinstance(usage, x509.SubjectKeyIdentifier):
                raise beyond(source, f"the extension {extension.oid._name} ({extension.oid.dotted_string})")
        require_subject(request.subject, profile.subject, source)
    except UNREADABLE as error:
        raise TrustAnchorError(f"{source} holds a request that cannot be read", str(error)) from error
    return key


def _parse(entry: Entry, start: dt.datetime) -> ManifestSignerAct:
    where = "act manifest_signer"
    name, issuer, request, digest = take_request(entry, where)
    not_before = take_time(entry, "not_before", where, start)
    where = f"manifest signer '{name}'"
    profile = parse_manifest_signer(require_days(entry, where), where)
    return ManifestSignerAct(name, issuer, request, digest, profile, not_before)


def _drafts(drafting: Drafting) -> Iterable[Entry]:
    for entry in drafting.declared(ENTRIES.option):
        path = FILES.path(entry["name"])
        for act in with_request(drafting, {"act": KIND.name, **entry}, path):
            yield from unless_done(drafting, act, path, renew=True)


ENTRIES = DeclaredEntries(
    "manifest_signers",
    known=("name", "issuer", "request", "subject", "days"),
    defaults={"days": MANIFEST_SIGNER_DAYS},
    unique="manifest signer",
)
KIND = ActKind("manifest_signer", _parse, _drafts, FILES, ENTRIES)
