# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a key is on its token, or on all of its tokens, and what it takes to make it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import TrustAnchorError
from ..x509.certificates import spki_sha256
from .backends.registry import backend_of
from .credentials import Credentials
from .errors import TokenAbsent
from .facts import inspect
from .model import Device, TokenFacts
from .provision import generate_key, import_key
from .readiness import key_problems, require_ready


@dataclass(frozen=True)
class KeyRequirement:
    """What a key has to be.

    Args:
        algorithm: one of `keys.ALL_ALGORITHMS`.
        origin: generated or imported.
        pin_policy: always, once or never.
        touch_policy: always, cached or never.
    """

    algorithm: str
    origin: str = "generated"
    pin_policy: str = "always"
    touch_policy: str = "always"


@dataclass(frozen=True)
class KeyWork:
    """What is to be done.

    Args:
        devices: where the key belongs.
        wanted: what it has to be.
        found: SHA-256 of the public key that is there, None where there is none.
        needed: the options of the first token that its making takes.
        missing: which token is absent, so that this is a guess; otherwise empty.
    """

    devices: tuple[Device, ...]
    wanted: KeyRequirement
    found: str | None
    needed: list[str]
    missing: str = ""

    @property
    def changed(self) -> bool:
        """Whether a key has to be made."""
        return self.found is None

    @property
    def purpose(self) -> str:
        """What the secrets are for."""
        verb = "generate" if self.wanted.origin == "generated" else "make and import"
        return f"{verb} the {self.wanted.algorithm} key for the {' and the '.join(map(str, self.devices))}"

    def apply(self, credentials: Mapping[str, Credentials]) -> str:
        """Make the key; SHA-256 of its public half.

        Args:
            credentials: by the name of the device.

        Raises:
            TrustAnchorError: a token is not fit, a credential is wrong, or a token refuses.
        """
        wanted = self.wanted
        policies = (wanted.algorithm, wanted.pin_policy, wanted.touch_policy)
        if wanted.origin == "imported":
            return spki_sha256(import_key(self.devices, *policies, credentials))
        return spki_sha256(generate_key(self.devices[0], *policies, credentials[self.devices[0].name]))


def plan_key(devices: Sequence[Device], wanted: KeyRequirement, guess: bool = False) -> KeyWork:
    """Look for the key.

    Args:
        devices: where it belongs.
        wanted: what it has to be.
        guess: an absent token is taken for an empty one.

    Raises:
        TokenAbsent: a token is absent, and this is not a guess.
        TrustAnchorError: another key is there, only some have it, or a token is not fit for a new one.
    """
    if len(devices) > 1 and wanted.origin != "imported":
        raise TrustAnchorError(
            "a generated key has copies", "it never leaves its token", "Choose origin imported, or no copies"
        )
    try:
        facts = [inspect(device) for device in devices]
    except TokenAbsent as error:
        if not guess:
            raise
        return KeyWork(tuple(devices), wanted, None, ["pin"], str(error))
    found = {one.slot.public_key_sha256 if one.slot else None for one in facts}
    if len(found) > 1:
        keys = ", ".join(f"{device}: {_told(one)}" for device, one in zip(devices, facts, strict=True))
        raise TrustAnchorError(
            f"the tokens do not have the same key ({keys})",
            "a key that exists is never replaced, and one in memory is gone",
            "Remove the key where nothing was signed with it, and begin again",
        )
    for device, one in zip(devices, facts, strict=True):
        _require(device, one, wanted)
    return KeyWork(tuple(devices), wanted, found.pop(), _needed(devices, facts[0]))


def _told(facts: TokenFacts) -> str:
    return facts.slot.public_key_sha256 if facts.slot else "none"


def _needed(devices: Sequence[Device], first: TokenFacts) -> list[str]:
    copies = ["copy_pins"] if len(devices) > 1 else []
    return [backend_of(devices[0]).key_secret(first), *copies]


def _require(device: Device, facts: TokenFacts, wanted: KeyRequirement) -> None:
    if facts.slot is None:
        if backend_of(device).fit_before_key:
            require_ready(device, facts, wanted, occupied=False)
        return
    problems = list(key_problems(facts.slot, wanted))
    if problems:
        raise TrustAnchorError(
            f"the {device}: {'; '.join(problems)}",
            "a key that exists is never replaced",
            "Choose another slot or id for a new key",
        )
