# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a ceremony: each tells how it stands and takes itself further.

A step writes into the transcript before and after everything that cannot be taken back, and reads there what was
done already. So a ceremony that was killed anywhere goes on where it was, and no signature is made twice.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from cryptography import x509

from ..errors import TrustAnchorError
from ..token.devices import Device
from ..token.facts import TokenFacts, inspect
from ..token.readiness import require_ready
from ..token.sessions import TokenAbsent, find_token
from ..token.signing_keys import signing_key
from ..x509.builders import PublicKey
from ..x509.certificates import spki_sha256
from .act import signature_holds, tbs
from .files import read_optional
from .neighbours import wrote
from .outputs import Output
from .plan_model import InspectAct, KeyPlan
from .stage import Stage, signer_of

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

    def status(self, stage: Stage) -> Status:
        """How it stands; touches neither keys nor files."""

    def prepare(self, stage: Stage) -> None:
        """Fix what people will be asked to confirm."""

    def perform(self, stage: Stage, consent: Consent) -> None:
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
    stage: Stage, device: Device, key: KeyPlan, occupied: bool = True, public: PublicKey | None = None
) -> TokenFacts:
    """Look at a token before its secret is used, and put what was seen into the transcript.

    Args:
        stage: of the ceremony.
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
            f"expected is {spki_sha256(public)}, there is {facts.slot.public_key_sha256}",
            "Check which token is inserted, and tokens.yml. No PIN was tried",
        )
    seen = {"token": device.name, **facts.as_dict()}
    last = [record.data for record in stage.transcript.records if record.event == "token"]
    if seen not in last:
        stage.transcript.append("token", **seen)
    return facts


@dataclass(frozen=True)
class InspectStep:
    """Look at a token and write down what it is."""

    act: InspectAct

    @property
    def id(self) -> str:
        """As in the plan."""
        return self.act.id

    def status(self, stage: Stage) -> Status:
        """Done once it is in the transcript."""
        device = stage.device(self.act.token)
        record = stage.transcript.find("inspected", self.id)
        if record is not None:
            return Status(self.id, f"inspect the {device}", DONE, facts=record.data["facts"])
        return Status(self.id, f"inspect the {device}", PENDING, token=device.name, missing=_absence(device))

    def prepare(self, stage: Stage) -> None:
        """Nothing to fix."""

    def perform(self, stage: Stage, consent: Consent) -> None:
        """Look."""
        facts = inspect(stage.device(self.act.token)).as_dict()
        stage.transcript.append("inspected", act=self.id, facts=facts)


def _absence(device: Device) -> str:
    """Why a token cannot be looked at now; a software token that is not made yet is no reason."""
    try:
        if device.kind != "softhsm":
            find_token(device.spec)
    except TokenAbsent as error:
        return str(error)
    return ""


@dataclass(frozen=True)
class SignStep:
    """Sign one file."""

    act: Any

    @property
    def id(self) -> str:
        """As in the plan."""
        return str(self.act.id)

    def status(self, stage: Stage) -> Status:
        """Done when the file is there as planned and the transcript says so."""
        output = stage.output(self.act)
        if output.is_done():
            facts = output.form.facts(output.existing())
            recorded = any(stage.transcript.find(event, self.id) for event in ("written", "found"))
            if not recorded:
                self._require_ours(stage, output)
            return Status(self.id, f"sign the {output.what}", DONE if recorded else PENDING, facts=facts)
        before, after = output.diff()
        if self._signed(stage) is not None:
            return Status(self.id, f"write the {output.what}", PENDING, before=before, facts=after)
        return self._unsigned(stage, output, before, after)

    def is_owed(self, stage: Stage) -> bool:
        """Whether it was signed and has not got into its place."""
        signed, written = (stage.transcript.find(event, self.id) for event in ("signed", "written"))
        return signed is not None and written is None

    def _require_ours(self, stage: Stage, output: Output[Any]) -> None:
        """What is there as planned was signed in this ceremony, or written by another one that is over.

        Raises:
            TrustAnchorError: nobody knows where it comes from.
        """
        signed, existing = self._signed(stage), output.existing()
        data = read_optional(stage.directory / output.path) or b""
        if signed is not None and signed != existing:
            raise TrustAnchorError(
                f"{output.path} is as planned, but another one than this ceremony signed",
                "two of them for one act",
                "Find out where the file comes from; revoke one of the two",
            )
        if signed is None and not wrote(stage.place, output.path, _sha256(data)):
            raise TrustAnchorError(
                f"{output.path} is there as planned, and no ceremony of this record wrote it",
                "whoever put it there used the key without being asked",
                "Find out who signed it; restore the transcript of its ceremony if that was lost",
            )

    def _unsigned(
        self, stage: Stage, output: Output[Any], before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> Status:
        known = stage.public_key(signer_of(self.act))
        key = stage.plan.keys[signer_of(self.act)]
        if self.id not in stage.linted:
            output.draft(_random_serial()).rehearse()
            stage.linted.add(self.id)
        draft = stage.transcript.find("draft", self.id)
        return Status(
            self.id,
            f"sign the {output.what}",
            PENDING,
            consent=True,
            digest=draft.data["tbs_sha256"] if draft else "",
            token=stage.signing_token(key),
            secrets=("pin",),
            touches=touches(stage, key),
            pin_holders=key.pin_holders,
            before=before,
            facts=_known(after) if self._missing(stage, known.missing) else after,
            missing=self._missing(stage, known.missing),
        )

    def _missing(self, stage: Stage, why: str) -> str:
        """A cross-certificate needs two keys."""
        standby = getattr(self.act, "standby", None)
        if not why and isinstance(standby, str) and standby in stage.plan.keys:
            return stage.public_key(standby).missing
        return why

    def prepare(self, stage: Stage) -> None:
        """Draw the serial number and write down what will be signed.

        Raises:
            TrustAnchorError: it breaks a rule, or is no longer what was written down.
        """
        output = stage.output(self.act)
        if output.is_done() or self._missing(stage, stage.public_key(signer_of(self.act)).missing):
            return
        record = stage.transcript.find("draft", self.id)
        if record is not None:
            self._require_unchanged(output, record.data)
            return
        serial = _random_serial()
        draft = output.draft(serial)
        rehearsed = draft.rehearse()
        stage.linted.add(_sha256(tbs(rehearsed)))
        facts = {name: value for name, value in output.form.facts(rehearsed).items() if name != "sha256"}
        stage.transcript.append(
            "draft",
            act=self.id,
            what=output.what,
            serial=f"{serial:x}",
            tbs_sha256=_sha256(tbs(rehearsed)),
            facts=facts,
            lint=stage.lint.linters(),
            **self._request(stage),
        )

    def _request(self, stage: Stage) -> dict[str, str]:
        """The request itself: its file is replaced one day, the transcript stays."""
        path = getattr(self.act, "request", None)
        if path is None:
            return {}
        return {"request": (read_optional(stage.inputs / path) or b"").decode("ascii", "replace")}

    def _require_unchanged(self, output: Output[Any], draft: Mapping[str, Any]) -> None:
        found = output.draft(int(draft["serial"], 16)).tbs_sha256()
        if found != draft["tbs_sha256"]:
            raise TrustAnchorError(
                f"{self.id}: what would be signed has the digest {found}",
                f"the transcript has a draft with {draft['tbs_sha256']}: an input has changed since",
                "Restore the inputs, or plan anew under another name",
            )

    def perform(self, stage: Stage, consent: Consent) -> None:
        """Sign unless that was done, check, write, and say so.

        Raises:
            TrustAnchorError: no consent, the token is not fit or refuses, or the result is not what it should be.
        """
        output = stage.output(self.act)
        if not output.is_done():
            self.prepare(stage)
            signed = self._signed(stage)
            if signed is None:  # an empty CRL is false
                signed = self._sign(stage, output, consent)
            self._draft(stage, output).check(signed)
            output.write(signed)
        self._require_ours(stage, output)
        event = "found" if self._signed(stage) is None else "written"
        data = read_optional(stage.directory / output.path) or b""
        facts = output.form.facts(output.form.load(data, output.path))
        stage.transcript.append(event, act=self.id, path=output.path, sha256=_sha256(data), facts=facts)

    def _draft(self, stage: Stage, output: Output[Any]) -> Any:
        record = stage.transcript.find("draft", self.id)
        if record is None:
            missing = self._missing(stage, stage.public_key(signer_of(self.act)).missing)
            raise TrustAnchorError(f"{self.id} cannot be signed yet", missing)
        return output.draft(int(record.data["serial"], 16))

    def _signed(self, stage: Stage) -> Any:
        """What the token signed according to the transcript, None where it did not."""
        record, draft = (stage.transcript.find(event, self.id) for event in ("signed", "draft"))
        if record is None or draft is None or record.data["tbs_sha256"] != draft.data["tbs_sha256"]:
            return None
        der = base64.b64decode(record.data["der"])
        crl = self.id.startswith("crl:")
        signed: Any = x509.load_der_x509_crl(der) if crl else x509.load_der_x509_certificate(der)
        # One by another key, which a token in the wrong place made, is as good as none.
        return signed if signature_holds(signed, stage.public_key(signer_of(self.act)).public) else None

    def _sign(self, stage: Stage, output: Output[Any], consent: Consent) -> Any:
        draft = self._draft(stage, output)
        digest = draft.tbs_sha256()
        if digest not in stage.linted:
            draft.rehearse()
        require_consent(consent, digest, output.what)
        key = stage.plan.keys[signer_of(self.act)]
        device = stage.signing_device(key)
        facts = ready_device(stage, device, key, public=output.issuer_key)
        stage.transcript.append("confirmed", act=self.id, tbs_sha256=digest, by=consent.as_list())
        signed = draft.sign(signing_key(device.spec, device.key, pin_of(stage, device.name), output.issuer_key))
        # At once, before any check: whatever happens next, this signature is known and no second one is needed.
        stage.transcript.append(
            "signed",
            act=self.id,
            tbs_sha256=_sha256(tbs(signed)),
            der=base64.b64encode(output.form.der(signed)).decode(),
            token=device.name,
            token_serial=facts.serial,
        )
        return signed


def _known(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts that do not come from a key that is not there yet."""
    return {name: value for name, value in facts.items() if name != "public_key_sha256"}


def pin_of(stage: Stage, token: str) -> str:
    """The PIN that was given for a token. The copies of a key are on tokens with PINs of their own.

    Raises:
        TrustAnchorError: none was.
    """
    given = stage.secrets.get(token)
    if given is not None and given.pin:
        return str(given.pin)
    raise TrustAnchorError(
        f"no PIN was given for the token '{token}'",
        "the token signs nothing without it",
        "Run the play from a terminal, where it asks, or give the PIN from a secrets manager",
    )


def touches(stage: Stage, key: KeyPlan) -> int:
    """How many touches one signature takes."""
    touchable = stage.device(key.tokens[0]).kind == "yubikey"
    return int(touchable and key.touch_policy != "never")


def _random_serial() -> int:
    return x509.random_serial_number()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
