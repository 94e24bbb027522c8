# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a ceremony: each tells how it stands and takes itself further.

A step writes into the transcript before and after everything that cannot be taken back, and reads there what was
done already. So a ceremony that was killed anywhere goes on where it was, and no signature is made twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...errors import TrustAnchorError
from ...token.backends.pkcs11.sessions import TokenAbsent, find_token
from ...token.backends.registry import backend_of
from ...token.devices import Device
from ...token.facts import TokenFacts, inspect
from ...token.readiness import require_ready
from ...x509.builders import PublicKey
from ...x509.certificates import spki_sha256
from ..plan.model import KeyPlan
from ..transcript import EventKind
from .context import CeremonyContext

PENDING, DONE = "pending", "done"


@dataclass(frozen=True)
class Confirmation:
    """One person's word.

    Args:
        name: of the person, as in the plan.
        role: operator or witness.
        how: what the person did to confirm.
    """

    name: str
    role: str
    how: str

    def as_dict(self) -> dict[str, str]:
        """For the transcript."""
        return {"name": self.name, "role": self.role, "how": self.how}


@dataclass(frozen=True)
class Consent:
    """What people have agreed to.

    Args:
        digest: SHA-256 that they were shown, hexadecimal; empty where they confirmed the whole plan beforehand.
        by: who.
    """

    digest: str
    by: tuple[Confirmation, ...]

    def as_list(self) -> list[dict[str, str]]:
        """For the transcript."""
        return [one.as_dict() for one in self.by]


@dataclass(frozen=True)
class Status:
    """How a step stands.

    Args:
        id: names the step.
        what: for people, an infinitive: "sign ...".
        state: pending or done.
        consent: whether people confirm it.
        digest: what they confirm; empty while it cannot be known.
        token: name of the device whose secret it needs, empty where it needs none.
        copies: names of further devices whose secrets it needs.
        secrets: which: pin, new_pin, management_key.
        touches: how often the token must be touched.
        pin_holders: who enter the parts of the PIN, where it has parts.
        before: facts of what is there.
        facts: facts of what is planned, or there.
        missing: why digest and facts are provisional.
    """

    id: str
    what: str
    state: str
    consent: bool = False
    digest: str = ""
    token: str = ""
    copies: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    touches: int = 0
    pin_holders: tuple[str, ...] = ()
    before: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    missing: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For the module's result."""
        lists = {name: list(getattr(self, name)) for name in ("copies", "secrets", "pin_holders")}
        return {**self.__dict__, **lists, "before": dict(self.before), "facts": dict(self.facts)}


class Step(Protocol):
    """One step."""

    @property
    def id(self) -> str:
        """Names the step."""

    def status(self, context: CeremonyContext) -> Status:
        """How it stands; touches neither keys nor files."""

    def prepare(self, context: CeremonyContext) -> None:
        """Fix what people will be asked to confirm."""

    def perform(self, context: CeremonyContext, consent: Consent) -> None:
        """Do what is left of it."""


def require_consent(consent: Consent, digest: str, what: str) -> None:
    """Refuse what people did not see.

    Raises:
        TrustAnchorError: they confirmed something else.
    """
    if consent.digest and consent.digest != digest:
        raise TrustAnchorError(
            f"people confirmed {consent.digest}, but {what} would be {digest}",
            "nothing but what was shown is signed",
            "Run again and compare",
        )


def ready_device(
    context: CeremonyContext, device: Device, key: KeyPlan, occupied: bool = True, public: PublicKey | None = None
) -> TokenFacts:
    """Look at a token before its secret is used, and put what was seen into the transcript.

    Args:
        context: of the ceremony.
        device: the token.
        key: as the plan wants it.
        occupied: whether the key must be there; otherwise its place must be empty.
        public: the key that must be there, None where it is not known yet.

    Raises:
        TrustAnchorError: it is not fit for use.
    """
    facts = inspect(device)
    require_ready(device, facts, key, occupied)
    if public is not None and facts.slot is not None and facts.slot.public_key_sha256 != spki_sha256(public):
        raise TrustAnchorError(
            f"the key on the {device} is not the key '{key.name}'",
            f"expected {spki_sha256(public)}, found {facts.slot.public_key_sha256}",
            "Check which token is inserted, and tokens.yml. No PIN was tried",
        )
    seen = {"token": device.name, **facts.as_dict()}
    last = [record.data for record in context.transcript.events if record.kind == EventKind.TOKEN]
    if seen not in last:
        context.transcript.append(EventKind.TOKEN, **seen)
    return facts


@dataclass(frozen=True)
class InspectStep:
    """Look at a token and write down what it is. ``id`` is the act's."""

    id: str
    token: str

    def status(self, context: CeremonyContext) -> Status:
        """Done once it is in the transcript."""
        device = context.device(self.token)
        record = context.transcript.find(EventKind.INSPECTED, self.id)
        if record is not None:
            return Status(self.id, f"inspect the {device}", DONE, facts=record.data["facts"])
        return Status(self.id, f"inspect the {device}", PENDING, token=device.name, missing=_absence(device))

    def prepare(self, context: CeremonyContext) -> None:
        """Nothing to fix."""

    def perform(self, context: CeremonyContext, consent: Consent) -> None:
        """Look."""
        facts = inspect(context.device(self.token)).as_dict()
        context.transcript.append(EventKind.INSPECTED, act=self.id, facts=facts)


def _absence(device: Device) -> str:
    """Why a token cannot be looked at now; a software token that has not been made yet is not a reason."""
    try:
        if not backend_of(device).software:
            find_token(device.spec)
    except TokenAbsent as error:
        return str(error)
    return ""


def pin_of(context: CeremonyContext, token: str) -> str:
    """The PIN that was given for a token. The copies of a key are on tokens with PINs of their own.

    Raises:
        TrustAnchorError: none was.
    """
    given = context.secrets.get(token)
    if given is not None and given.pin:
        return str(given.pin)
    raise TrustAnchorError(
        f"no PIN was given for the token '{token}'",
        "the token signs nothing without it",
        "Run the play from a terminal, where it asks, or give the PIN from a secrets manager",
    )


def touches(context: CeremonyContext, key: KeyPlan) -> int:
    """How many touches one signature takes."""
    touchable = backend_of(context.device(key.tokens[0])).touchable
    return int(touchable and key.touch_policy != "never")
