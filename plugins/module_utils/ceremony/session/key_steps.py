# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps before any signature: a software token, and the keys that the plan names."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ...errors import TrustAnchorError
from ...host.files import read, save_once
from ...token import provision
from ...token.attestation import read_attestation, verify_attestation
from ...token.backends.pkcs11 import keys
from ...token.backends.pkcs11.sessions import TokenAbsent
from ...token.backends.registry import BACKENDS, backend_of
from ...token.backends.softhsm import SoftHsmPlan, plan_softhsm
from ...token.devices import Device
from ...token.facts import TokenFacts, inspect
from ...token.readiness import require_ready
from ...x509.builders import PublicKey
from ...x509.certificates import spki_sha256
from ..plan.model import KeyPlan
from ..transcript import EventKind, agreement_sha256
from .context import CeremonyContext
from .steps import DONE, PENDING, Consent, Status, pin_of, ready_device, require_consent


@dataclass(frozen=True)
class SoftwareTokenStep:
    """Make a SoftHSM token that is not there: for rehearsals and labs."""

    token: str

    @property
    def id(self) -> str:
        """Names the step."""
        return f"token:{self.token}"

    def status(self, context: CeremonyContext) -> Status:
        """Done when the token is there and has a PIN."""
        what = f"make the {context.device(self.token).spec} in software"
        if not self._plan(context).changed:
            return Status(self.id, what, DONE)
        holders = [key.pin_holders for key in context.plan.keys.values() if self.token in key.tokens]
        return Status(
            self.id, what, PENDING, token=self.token, secrets=("new_pin",), pin_holders=holders[0] if holders else ()
        )

    def prepare(self, context: CeremonyContext) -> None:
        """Nothing to fix."""

    def perform(self, context: CeremonyContext, consent: Consent) -> None:
        """Make it. Nobody needs the security officer's PIN of a token that is a file: it is forgotten."""
        given = context.secrets.get(self.token)
        if given is None or not given.pin:
            raise TrustAnchorError(f"no PIN was given for the new token '{self.token}'", "it protects its keys")
        self._plan(context).apply(given.pin, secrets.token_hex(16))

    def _plan(self, context: CeremonyContext) -> SoftHsmPlan:
        spec = context.device(self.token).spec
        return plan_softhsm(spec, Path(str(spec.softhsm_config)).parent / "tokens")


@dataclass(frozen=True)
class KeyStep:
    """Have a key on its token or tokens, and know where it comes from."""

    key: KeyPlan

    @property
    def id(self) -> str:
        """Names the step."""
        return f"key:{self.key.name}"

    def status(self, context: CeremonyContext) -> Status:
        """Done once the transcript has the key.

        Raises:
            TrustAnchorError: the key of a root that exists is not on its token.
        """
        self._require_attestable(context)
        record = context.transcript.find(EventKind.KEY, self.id)
        if record is not None:
            facts = {name: record.data[name] for name in ("algorithm", "origin", "public_key_sha256")}
            return Status(self.id, self._what(context), DONE, facts=facts)
        try:
            found = [keys.public_key(device.spec, device.key) for device in self._devices(context)]
        except TokenAbsent as error:
            return self._pending(context, missing=str(error))
        present = next((key for key in found if key is not None), None)
        if present is not None:
            return self._found(context, present)
        if not self._may_be_made(context):
            raise TrustAnchorError(
                f"the token '{self.key.tokens[0]}' has no key for the root '{self.key.name}'",
                "the root exists, so does its key",
                "Check which token is inserted, and tokens.yml",
            )
        tokens = [(device, inspect(device)) for device in context.devices(self.key)]
        for device, seen in tokens:
            require_ready(device, seen, self.key, occupied=False)  # before anybody confirms or types anything
        return self._pending(context, needed=_secrets([seen for _device, seen in tokens]))

    def _require_attestable(self, context: CeremonyContext) -> None:
        for device in context.devices(self.key):
            if self.key.attested and backend_of(device).attest is None:
                raise TrustAnchorError(
                    f"the plan wants the key '{self.key.name}' attested, and {device.name} is of kind {device.kind}",
                    "only a YubiKey can show that a key was made on it and is nowhere else",
                    "Name a YubiKey in tokens.yml, or plan with attested: false",
                )

    def _found(self, context: CeremonyContext, public: PublicKey) -> Status:
        """A key that is there is looked at. One that nobody asked for in this ceremony needs the people's word."""
        if not self._may_be_made(context):
            return Status(self.id, f"look at the key '{self.key.name}' on its token", PENDING)
        if self.key.origin == "imported" and context.transcript.find(EventKind.CONFIRMED, self.id) is None:
            raise TrustAnchorError(
                f"the place of the key '{self.key.name}' is occupied by a key that this ceremony did not make",
                "whoever made it may have kept a copy",
                "Remove it where nothing was signed with it, or choose another token or slot",
            )
        return Status(
            self.id,
            f"take the key '{self.key.name}' that is on its token already",
            PENDING,
            consent=True,
            digest=self._digest(context, public),
            facts={**self._asked(context), "public_key_sha256": spki_sha256(public)},
        )

    def _devices(self, context: CeremonyContext) -> list[Device]:
        """All devices for a new key; of one that exists those that are present, since any of them signs.

        Where none is present, all, so that the first one is missed.
        """
        everywhere = context.devices(self.key)
        return everywhere if self._may_be_made(context) else context.present_devices(self.key) or everywhere

    def _may_be_made(self, context: CeremonyContext) -> bool:
        return context.plan.made_root(self.key.name) is not None

    def _pending(self, context: CeremonyContext, missing: str = "", needed: tuple[str, ...] = ("pin",)) -> Status:
        return Status(
            self.id,
            self._what(context),
            PENDING,
            consent=True,
            digest=self._digest(context),
            token=self.key.tokens[0],
            copies=self.key.tokens[1:],
            secrets=needed,
            pin_holders=self.key.pin_holders,
            facts=self._asked(context),
            missing=missing,
        )

    def _what(self, context: CeremonyContext) -> str:
        devices = " and ".join(str(device) for device in context.devices(self.key))
        how = "generate" if self.key.origin == "generated" else "make in this machine's memory and import"
        return f"{how} the {self.key.algorithm} key '{self.key.name}' for the {devices}"

    def _asked(self, context: CeremonyContext) -> dict[str, Any]:
        return {
            "algorithm": self.key.algorithm,
            "origin": self.key.origin,
            "pin_policy": self.key.pin_policy,
            "touch_policy": self.key.touch_policy,
            "tokens": [str(device) for device in context.devices(self.key)],
        }

    def _agreed(self, context: CeremonyContext, public: PublicKey | None = None) -> dict[str, Any]:
        """What people agree to; with the key that is there already, if one is."""
        there = {"public_key_sha256": spki_sha256(public)} if public is not None else {}
        return {"key": self.key.name, **self._asked(context), **there}

    def _digest(self, context: CeremonyContext, public: PublicKey | None = None) -> str:
        return agreement_sha256(self._agreed(context, public))

    def prepare(self, context: CeremonyContext) -> None:
        """Nothing to fix: the plan says it all."""

    def perform(self, context: CeremonyContext, consent: Consent) -> None:
        """Make the key unless it is there; require its attestation; write it down.

        Raises:
            TrustAnchorError: no consent, a token is not fit, or the key is not what the plan says.
        """
        devices = self._devices(context)
        made = not any(keys.public_key(device.spec, device.key) for device in devices)
        if made:
            self._make(context, devices, consent)
        public = self._only(devices)
        if not made:
            self._take(context, public, consent)
        facts = [ready_device(context, device, self.key) for device in devices]
        attestation = self._attest(context, devices[0], public)
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        context.transcript.append(
            EventKind.KEY,
            act=self.id,
            key=self.key.name,
            tokens=[device.name for device in devices],
            serials=[one.serial for one in facts],
            origin=self.key.origin,
            made=made,
            algorithm=self.key.algorithm,
            pin_policy=self.key.pin_policy,
            touch_policy=self.key.touch_policy,
            public_key=base64.b64encode(der).decode(),
            public_key_sha256=spki_sha256(public),
            attestation={name: value for name, value in attestation.items() if name != "chain"} or None,
            attestation_chain=attestation.get("chain", ""),
        )

    def _take(self, context: CeremonyContext, public: PublicKey, consent: Consent) -> None:
        """A key that is there: of a root that exists it must be the root's, for a new root people agree to it."""
        if not self._may_be_made(context):
            context.require_key_of_root(self.key.name, public)
            return
        digest = self._digest(context, public)
        require_consent(consent, digest, f"the key '{self.key.name}'")
        asked = self._agreed(context, public)
        context.transcript.append(EventKind.CONFIRMED, act=self.id, digest=digest, asked=asked, by=consent.as_list())

    def _make(self, context: CeremonyContext, devices: list[Device], consent: Consent) -> None:
        require_consent(consent, self._digest(context), self._what(context))
        for device in devices:
            ready_device(context, device, self.key, occupied=False)
            pin_of(context, device.name)
        digest, asked = self._digest(context), self._agreed(context)
        context.transcript.append(EventKind.CONFIRMED, act=self.id, digest=digest, asked=asked, by=consent.as_list())
        policies = (self.key.algorithm, self.key.pin_policy, self.key.touch_policy)
        if self.key.origin == "generated":
            provision.make_key(devices[0], *policies, context.secrets[devices[0].name])
        else:
            provision.import_key(devices, *policies, context.secrets)

    def _only(self, devices: list[Device]) -> PublicKey:
        found = {device.name: keys.public_key(device.spec, device.key) for device in devices}
        distinct = [key for key in found.values() if key is not None]
        if len(distinct) != len(devices) or any(key != distinct[0] for key in distinct):
            raise TrustAnchorError(
                f"the tokens {', '.join(found)} do not have the same key '{self.key.name}'",
                "an import was interrupted, or another token is inserted",
                "Remove the key where nothing was signed with it, and begin again",
            )
        return distinct[0]

    def _attest(self, context: CeremonyContext, device: Device, public: PublicKey) -> dict[str, Any]:
        """The gate: the token has to attest, down from a root of its maker, that it made the key itself."""
        if not self.key.attested:
            return {}
        if not context.attestation.roots:
            raise TrustAnchorError(
                f"the key '{self.key.name}' cannot be attested: tokens.yml names no attestation roots",
                "a key is used only once its maker has shown that it cannot be anywhere else",
                "Add Yubico's attestation roots to tokens.yml with their SHA-256",
            )
        leaf, own = read_attestation(device)
        attested = verify_attestation(
            leaf,
            own,
            context.attestation.roots,
            context.attestation.intermediates,
            serial=device.spec.serial,
            public_key=public,
            pin_policy=self.key.pin_policy,
            touch_policy=self.key.touch_policy,
        )
        path = context.directory / "attestations" / f"{self.key.name}.pem"
        if read(path) is None:  # the first one is published; a token makes another each time it is asked
            save_once(path, attested.chain)
        return {**attested.as_dict(), "chain": attested.chain.decode()}


def _secrets(tokens: Sequence[TokenFacts]) -> tuple[str, ...]:
    """A management key is asked for only where a token does not hold it under the PIN."""
    open_to_pin = all(BACKENDS[facts.kind].key_secret(facts) == "pin" for facts in tokens)
    return ("pin",) if open_to_pin else ("pin", "management_key")
