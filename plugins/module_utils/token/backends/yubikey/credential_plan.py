# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of a YubiKey's credentials have to be set, and which values it would not take. Needs no YubiKey library."""

from __future__ import annotations

from ....errors import TrustAnchorError
from ...credential_plan import CredentialPlan, NewCredentials, wanted_retries
from ...model import Device, TokenFacts

# Of every YubiKey that leaves the factory (Yubico, "PIV tool").
DEFAULT_PIN, DEFAULT_PUK = "123456", "12345678"
DEFAULT_MANAGEMENT_KEY = bytes.fromhex("0102030405060708" * 3)
ALGORITHMS = {"aes192": 24, "aes256": 32}  # bytes
_AES_FIRMWARE = (5, 4, 2)
_LENGTHS = (6, 8)  # bytes of a PIN or PUK (NIST SP 800-73-4 part 2, section 3.2)


def plan_credentials(
    device: Device, facts: TokenFacts, pin_retries: int | None, puk_retries: int | None, algorithm: str
) -> CredentialPlan:
    """Compare a YubiKey with what is wanted.

    The retry counts are set before the first PIN only: setting them puts PIN and PUK back to their defaults, and takes
    the present PIN. So the credentials of a token in use are left alone, and nothing is tried on it.

    Args:
        device: of which token.
        facts: as it is.
        pin_retries: 2 to 255, of a token whose PIN is the default; None leaves the count alone.
        puk_retries: likewise.
        algorithm: one of `ALGORITHMS`, for a new management key.

    Raises:
        TrustAnchorError: the firmware cannot do it, or PIN or PUK are locked.
    """
    counts = wanted_retries(facts, pin_retries, puk_retries)
    _require_able(device, facts)
    retries = "pin" in facts.defaults and counts != (facts.pin_retries_max, facts.puk_retries_max)
    wanted = {
        "retries": retries,
        "pin": "pin" in facts.defaults,
        "puk": retries or "puk" in facts.defaults,
        "management_key": "management_key" in facts.defaults,
    }
    plan = CredentialPlan(device, facts, tuple(name for name, needed in wanted.items() if needed), *counts, algorithm)
    _require_unlocked(plan)
    return plan


def _require_able(device: Device, facts: TokenFacts) -> None:
    if not facts.metadata or facts.firmware is None or facts.firmware < _AES_FIRMWARE:
        version = ".".join(map(str, facts.firmware or ()))
        raise TrustAnchorError(
            f"firmware {version} of the {device.spec} does not tell its defaults or has no AES management keys",
            "nobody could know that no default remains",
            "Take a YubiKey with firmware 5.4.2 or newer",
        )


def _require_unlocked(plan: CredentialPlan) -> None:
    spec, facts = plan.device.spec, plan.facts
    if plan.changed and facts.pin_flag in ("locked", "final"):
        raise TrustAnchorError(
            f"the PIN of the {spec} has {facts.pin_retries} attempts left",
            "the last attempt is never used up here",
            "Set the PIN with ykman piv access change-pin, or unblock-pin with the PUK",
        )
    if "puk" in plan.steps and facts.puk_retries == 0:
        raise TrustAnchorError(
            f"the PUK of the {spec} is locked",
            "it cannot be set",
            "Reset the token (ykman piv reset), if it has no key",
        )


def check_new(new: NewCredentials, algorithm: str) -> None:
    """Refuse what a token would not take, or what everyone knows.

    Args:
        new: what is set; PIN and PUK are empty where they are not needed.
        algorithm: of the management key.

    Raises:
        TrustAnchorError: a wrong length, a default, or PIN and PUK alike. The message never quotes the value.
    """
    for name, value, default in (("PIN", new.pin, DEFAULT_PIN), ("PUK", new.puk, DEFAULT_PUK)):
        if value and not _LENGTHS[0] <= len(value.encode()) <= _LENGTHS[1]:
            raise TrustAnchorError(f"the new {name} has {len(value.encode())} bytes", "6 to 8 are possible")
        if value == default:
            raise TrustAnchorError(f"the new {name} is the factory default", "everybody knows it", "Choose another")
    if new.pin and new.pin == new.puk:
        raise TrustAnchorError("PIN and PUK are the same", "the PUK unblocks the PIN, so it must be another secret")
    if new.management_key is not None:
        _check_key(new.management_key, algorithm)


def _check_key(text: str, algorithm: str) -> None:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        # Without the cause: it would quote the key.
        raise TrustAnchorError("the management key is not hexadecimal", "two digits per byte are expected") from None
    if len(key) != ALGORITHMS[algorithm]:
        raise TrustAnchorError(f"the management key has {len(key)} bytes", f"{algorithm} has {ALGORITHMS[algorithm]}")
    if key == DEFAULT_MANAGEMENT_KEY:
        raise TrustAnchorError("the management key is the factory default", "everybody knows it", "Choose another")
