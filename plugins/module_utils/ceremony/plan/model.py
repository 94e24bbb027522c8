# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a ceremony as typed values: what is done, by whom, when, with which keys.

A plan names no device and holds no secret. It fixes everything that is signed but the random serials.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Union

from cryptography import x509

from ...x509.profiles import CrossProfile, IntermediateProfile, ManifestSignerProfile, RootProfile

OPERATOR, WITNESS = "operator", "witness"
ROLES = (OPERATOR, WITNESS)
GENERATED, IMPORTED = "generated", "imported"
ORIGINS = (GENERATED, IMPORTED)
ALGORITHMS = ("ec-p384", "ec-p256", "rsa-3072", "rsa-4096")
PIN_POLICIES = ("always", "once")  # a root's key never signs without a PIN
TOUCH_POLICIES = ("always", "cached", "never")


@dataclass(frozen=True)
class Window:
    """When the ceremony may be held: the ceremony machine's clock is inside. Aware, UTC, whole seconds."""

    start: dt.datetime
    end: dt.datetime


@dataclass(frozen=True)
class Person:
    """Somebody who takes part: name, and ``operator`` or ``witness``."""

    name: str
    role: str


@dataclass(frozen=True)
class KeyPlan:
    """The key of the root of the same name, and the tokens (names in ``tokens.yml``) that hold it.

    Args:
        name: of the key and of its root.
        tokens: one, or several that hold the same imported key.
        algorithm: one of `ALGORITHMS`.
        origin: ``generated`` on the token, or ``imported`` from the ceremony machine's memory.
        pin_policy: when a YubiKey asks for the PIN.
        touch_policy: when a YubiKey asks for a touch.
        attested: whether the token must attest that it made the key; no software can.
        pin_holders: people who each know a part of the PIN, in the order of the parts; none: one person knows it.
    """

    name: str
    tokens: tuple[str, ...]
    algorithm: str
    origin: str
    pin_policy: str
    touch_policy: str
    attested: bool = False
    pin_holders: tuple[str, ...] = ()


@dataclass(frozen=True)
class KnownRoot:
    """A root that exists: name, SHA-256 of its certificate (64 lower-case hex digits), whether it is a standby."""

    name: str
    sha256: str
    standby: bool


@dataclass(frozen=True)
class InspectAct:
    """Look at a token; nothing is signed."""

    token: str

    @property
    def id(self) -> str:
        """Names the act in the transcript."""
        return f"inspect:{self.token}"

    @property
    def what(self) -> str:
        """The act in words."""
        return f"inspect the token '{self.token}'"


@dataclass(frozen=True)
class RootAct:
    """Sign a root with its own key."""

    name: str
    standby: bool
    profile: RootProfile
    not_before: dt.datetime

    @property
    def id(self) -> str:
        """Names the act in the transcript."""
        return f"root:{self.name}"

    @property
    def path(self) -> str:
        """Where the certificate goes, relative to the record."""
        return f"roots/{self.name}.crt"

    @property
    def not_after(self) -> dt.datetime:
        """End of validity."""
        return self.not_before + dt.timedelta(days=self.profile.days)

    @property
    def what(self) -> str:
        """The act in words."""
        kind = "standby root" if self.standby else "root"
        return f"make the {kind} '{self.name}': {self.profile.subject.rfc4514_string()}, {self.profile.days} days"


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

    @property
    def id(self) -> str:
        """Names the act in the transcript."""
        return f"intermediate:{self.name}"

    @property
    def path(self) -> str:
        """Where the certificate goes, relative to the record."""
        return f"intermediates/{self.name}.crt"

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


@dataclass(frozen=True)
class CrossAct:
    """Certify the standby root under the primary, for estates that know only the primary."""

    standby: str
    primary: str
    profile: CrossProfile
    not_before: dt.datetime

    @property
    def id(self) -> str:
        """Names the act in the transcript."""
        return f"cross:{self.standby}-by-{self.primary}"

    @property
    def path(self) -> str:
        """Where the certificate goes, relative to the record."""
        return f"cross/{self.standby}-by-{self.primary}.crt"

    @property
    def not_after(self) -> dt.datetime:
        """End of validity."""
        return self.not_before + dt.timedelta(days=self.profile.days)

    @property
    def what(self) -> str:
        """The act in words."""
        return f"cross-certify the standby root '{self.standby}' under '{self.primary}', {self.profile.days} days"


@dataclass(frozen=True)
class ManifestSignerAct:
    """Sign the certificate that signs trust manifests, from its request. Arguments as `IntermediateAct`."""

    name: str
    issuer: str
    request: str
    request_sha256: str
    profile: ManifestSignerProfile
    not_before: dt.datetime

    @property
    def id(self) -> str:
        """Names the act in the transcript."""
        return f"manifest_signer:{self.name}"

    @property
    def path(self) -> str:
        """Where the certificate goes, relative to the record."""
        return f"signers/{self.name}.crt"

    @property
    def not_after(self) -> dt.datetime:
        """End of validity."""
        return self.not_before + dt.timedelta(days=self.profile.days)

    @property
    def what(self) -> str:
        """The act in words."""
        said = f"{self.profile.subject.rfc4514_string()}, {self.profile.days} days"
        return f"sign the manifest signer '{self.name}' with the root '{self.issuer}': {said}"


@dataclass(frozen=True)
class RevokedEntry:
    """One entry of a CRL, by the certificate's path in the record or by its serial; the other one is None."""

    certificate: str | None
    serial: int | None
    reason: x509.ReasonFlags
    date: dt.datetime


@dataclass(frozen=True)
class CrlAct:
    """Sign a root's CRL. ``revoked`` is all of it: the entries of the CRL before are among them."""

    issuer: str
    number: int
    days: int
    this_update: dt.datetime
    revoked: tuple[RevokedEntry, ...]

    @property
    def id(self) -> str:
        """Names the act in the transcript."""
        return f"crl:{self.issuer}"

    @property
    def path(self) -> str:
        """Where the CRL goes, relative to the record."""
        return f"crls/{self.issuer}.crl"

    @property
    def what(self) -> str:
        """The act in words."""
        return f"sign the CRL number {self.number} of '{self.issuer}': {len(self.revoked)} revoked, {self.days} days"


CertificateAct = Union[RootAct, IntermediateAct, CrossAct, ManifestSignerAct]  # noqa: UP007 (pylint of ansible-test)
SigningAct = Union[CertificateAct, CrlAct]  # noqa: UP007
Act = Union[InspectAct, SigningAct]  # noqa: UP007


@dataclass(frozen=True)
class Plan:
    """A whole plan. ``text`` is the file as it was reviewed; its SHA-256 is what people confirm.

    ``quorum`` is how many of the people must confirm each signature, an operator and a witness among them.
    ``unattended`` allows a run in which nobody is asked.
    """

    name: str
    title: str
    window: Window
    people: tuple[Person, ...]
    pkilint: bool
    sealed_by: str
    keys: Mapping[str, KeyPlan]
    roots: Mapping[str, KnownRoot]
    acts: tuple[Act, ...]
    quorum: int
    unattended: bool
    text: bytes = field(repr=False, compare=False)

    @property
    def sha256(self) -> str:
        """Of the file's bytes, lower-case hex."""
        return hashlib.sha256(self.text).hexdigest()

    def root_act(self, name: str) -> RootAct | None:
        """The act that makes the root, None where the plan has none."""
        return next((act for act in self.acts if isinstance(act, RootAct) and act.name == name), None)
