# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a ceremony is held with: plan, devices, files and transcript, and what follows from them."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ...errors import TrustAnchorError
from ...host.files import read
from ...token.backends.pkcs11 import keys
from ...token.backends.pkcs11.sessions import TokenAbsent, find_token
from ...token.devices import Device, TokensFile
from ...x509 import certificates as certs
from ...x509.builders import PublicKey, checked_key
from ..acts.base import SigningAct
from ..attestation import AttestationFiles
from ..draft import placeholder_key
from ..linting import Lint
from ..outputs import Output
from ..plan.model import KeyPlan, Plan
from ..transcript import EventKind, Transcript


@dataclass(frozen=True)
class KnownKey:
    """A public key of the plan. ``missing`` says why it is an ephemeral one for the time being."""

    public: PublicKey
    missing: str = ""


@dataclass
class CeremonyContext:
    """One ceremony on one machine.

    Args:
        plan: what is performed; in a rehearsal the marked one.
        tokens: the devices by the plan's names.
        directory: working directory; outputs go there.
        inputs: where requests and certificates to revoke are.
        transcript: of this ceremony.
        lint: the linters.
        now: the clock of this machine.
        mark: before common names; empty but in a rehearsal.
        attestation: certificates that may attest.
        secrets: PIN and management key by token name; in memory only.
        abandon: close the transcript, leaving the rest of the plan undone.
        tokens_sha256: of tokens.yml, hexadecimal.
        linted: what was rehearsed in this process already: ids of steps, digests of drafts.
    """

    plan: Plan
    tokens: TokensFile
    directory: Path
    inputs: Path
    transcript: Transcript
    lint: Lint
    now: dt.datetime
    mark: str = ""
    attestation: AttestationFiles = field(default_factory=AttestationFiles)
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)
    abandon: bool = False
    tokens_sha256: str = ""
    linted: set[str] = field(default_factory=set)
    _keys: dict[str, KnownKey] = field(default_factory=dict)
    _placeholders: dict[str, PublicKey] = field(default_factory=dict)

    @property
    def ceremony_directory(self) -> Path:
        """Directory of the ceremony's own files."""
        return self.directory / "ceremonies" / self.plan.name

    def device(self, name: str) -> Device:
        """The device that the plan calls ``name``.

        Raises:
            TrustAnchorError: this machine has none of that name.
        """
        try:
            return self.tokens.devices[name]
        except KeyError as error:
            raise TrustAnchorError(
                f"tokens.yml has no token '{name}'",
                f"the plan uses it; there are: {', '.join(self.tokens.devices) or 'none'}",
                "Name the device in tokens.yml",
            ) from error

    def devices(self, key: KeyPlan) -> list[Device]:
        """The devices that hold a key, the plan's order."""
        return [self.device(name) for name in key.tokens]

    def signing_device(self, key: KeyPlan) -> Device:
        """The first device with that key that is present.

        Raises:
            TokenAbsent: none is.
        """
        absent: TokenAbsent | None = None
        for device in self.devices(key):
            try:
                if keys.public_key(device.spec, device.key) is not None:
                    return device
            except TokenAbsent as error:
                absent = absent or error
        raise absent or TokenAbsent(f"no token has the key '{key.name}'", "it signs", "Check which token is inserted")

    def present_devices(self, key: KeyPlan) -> list[Device]:
        """The devices of a key whose tokens are present: a copy may lie in another safe."""
        present = []
        for device in self.devices(key):
            with contextlib.suppress(TokenAbsent):
                find_token(device.spec)
                present.append(device)
        return present

    def signing_token(self, key: KeyPlan) -> str:
        """Name of the token that will sign: of several the first that is present with the key, else the first."""
        if len(key.tokens) > 1:
            with contextlib.suppress(TokenAbsent):
                return self.signing_device(key).name
        return key.tokens[0]

    def public_key(self, name: str) -> KnownKey:
        """The public key of the plan's key: as recorded, else as on the token, else an ephemeral one."""
        if name not in self._keys:
            self._keys[name] = self._public_key(self.plan.keys[name])
        return self._keys[name]

    def _public_key(self, key: KeyPlan) -> KnownKey:
        record = self.transcript.find(EventKind.KEY, f"key:{key.name}")
        if record is not None:
            return KnownKey(cast(PublicKey, load_der_public_key(base64.b64decode(record.data["public_key"]))))
        try:
            for device in self.devices(key):
                found = keys.public_key(device.spec, device.key)
                if found is not None:
                    return KnownKey(checked_key(found, f"the key '{key.name}'"))
            missing = f"the key '{key.name}' is not made yet"
        except TokenAbsent as error:
            missing = str(error)
        if key.name not in self._placeholders:
            self._placeholders[key.name] = placeholder_key(key.algorithm)
        return KnownKey(self._placeholders[key.name], missing)

    def forget_keys(self) -> None:
        """Look again: a step may have made a key."""
        self._keys.clear()

    def root(self, name: str) -> x509.Certificate:
        """The certificate of a root that exists or that the plan makes; until it is signed, a rehearsal of it.

        Raises:
            TrustAnchorError: absent, not the one that the plan pins, or not of the plan's key.
        """
        act = self._making(name)
        pem = read(self.directory / "roots" / f"{name}.crt")
        if pem is None and act is not None:
            return self._rehearsed(act)
        if pem is None:
            raise TrustAnchorError(
                f"the record has no roots/{name}.crt", "the plan says that it exists", "Restore the record"
            )
        certificate = certs.load_certificate(pem, f"roots/{name}.crt")
        self._require_pinned(name, certificate)
        return certificate

    def _making(self, name: str) -> SigningAct | None:
        """The act that makes a root, None where it exists."""
        made = [act for act in self.plan.signing_acts if act.made_root is not None and act.made_root.name == name]
        return made[0] if made else None

    def _rehearsed(self, act: SigningAct) -> x509.Certificate:
        draft = self.transcript.find(EventKind.DRAFT, act.id)
        rehearsed: x509.Certificate = (
            self.output(act).draft(int(draft.data["serial"], 16) if draft else 1).sign_ephemeral()
        )
        return rehearsed

    def _require_pinned(self, name: str, certificate: x509.Certificate) -> None:
        pinned = self.plan.roots.get(name)
        found = certs.fingerprint(certificate)
        if pinned is not None and found != pinned.sha256:
            raise TrustAnchorError(
                f"roots/{name}.crt has the fingerprint {found}",
                f"the plan was reviewed for {pinned.sha256}",
                "Find out which one is right before anything is signed",
            )
        known = self.public_key(name) if name in self.plan.keys else None
        if known is not None and not known.missing:
            _require_key(name, certificate, known.public)

    def require_key_of_root(self, name: str, public: PublicKey) -> None:
        """Refuse a key that is not the one of the root that exists.

        Raises:
            TrustAnchorError: it is another one.
        """
        _require_key(name, self.root(name), public)

    def root_key(self, name: str) -> PublicKey:
        """The key of a root that the plan makes; an ephemeral one until it is known."""
        return self.public_key(name).public

    def revoker(self, name: str) -> x509.Certificate:
        """The root that issued what is revoked: in a rehearsal the real one, not the rehearsal's."""
        pem = read(self.inputs / "roots" / f"{name}.crt")
        return self.root(name) if pem is None else certs.load_certificate(pem, f"roots/{name}.crt")

    def output(self, act: SigningAct) -> Output[Any]:
        """What a signing act makes.

        Raises:
            TrustAnchorError: an input is absent or refused.
        """
        return act.output(self)


def _require_key(name: str, certificate: x509.Certificate, public: PublicKey) -> None:
    if certificate.public_key() != public:
        raise TrustAnchorError(
            f"the token's key is not the key of roots/{name}.crt",
            f"certificate: {certs.spki_sha256(certificate.public_key())}, token: {certs.spki_sha256(public)}",
            "Check which token is inserted and which root is in the record",
        )
