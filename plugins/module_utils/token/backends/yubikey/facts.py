# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a YubiKey tells about itself without any secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ykman.piv import get_pivman_data
from yubikit.core import YUBIKEY, NotSupportedError
from yubikit.core.smartcard import SW, ApduError
from yubikit.piv import KEY_TYPE, MANAGEMENT_KEY_TYPE, SLOT, PivSession, SlotMetadata
from yubikit.support import get_name

from ....x509.certificates import spki_sha256
from ...model import Device, SlotFacts, TokenFacts
from ..pkcs11.sessions import load_library
from .cards import Card, opened

KEY_TYPES = {
    "ec-p384": KEY_TYPE.ECCP384,
    "ec-p256": KEY_TYPE.ECCP256,
    "rsa-2048": KEY_TYPE.RSA2048,
    "rsa-3072": KEY_TYPE.RSA3072,
    "rsa-4096": KEY_TYPE.RSA4096,
    "ed25519": KEY_TYPE.ED25519,
}
MANAGEMENT_ALGORITHMS = {
    "3des": MANAGEMENT_KEY_TYPE.TDES,
    "aes128": MANAGEMENT_KEY_TYPE.AES128,
    "aes192": MANAGEMENT_KEY_TYPE.AES192,
    "aes256": MANAGEMENT_KEY_TYPE.AES256,
}


def inspect_yubikey(device: Device) -> TokenFacts:
    """Look at a YubiKey.

    Raises:
        TokenAbsent: it is not there.
        TrustAnchorError: it or its PKCS#11 library cannot be read.
    """
    library = load_library(device.spec).library_version
    with opened(str(device.spec.serial)) as card:
        return read_facts(card, device, library)


def read_facts(card: Card, device: Device, library: tuple[int, int]) -> TokenFacts:
    """The facts of an open YubiKey.

    Args:
        card: it.
        device: which slot of it.
        library: version of libykcs11 as PKCS#11 tells it.
    """
    return TokenFacts(
        kind=device.kind,
        serial=str(card.info.serial),
        model=str(get_name(card.info, YUBIKEY.YK4)),
        library=device.spec.module_path,
        library_version=library_text(library),
        slot=read_slot(card.piv, device.slot),
        firmware=card.firmware,
        management_key_algorithm=_name(MANAGEMENT_ALGORITHMS, card.piv.management_key_type),
        management_key_protected=get_pivman_data(card.piv).mgm_key_protected,
        **_attempts(card.piv),
    )


def library_text(version: tuple[int, int]) -> str:
    """libykcs11 2.7.1 calls itself 2.71 (ykcs11.c: minor * 10 + patch)."""
    major, rest = version
    return f"{major}.{rest // 10}.{rest % 10}"


def _attempts(piv: PivSession) -> dict[str, Any]:
    """What is left of the attempts, and what is as the factory set it; firmware before 5.3 tells the PIN's only."""
    try:
        pin, puk, management = piv.get_pin_metadata(), piv.get_puk_metadata(), piv.get_management_key_metadata()
    except NotSupportedError:
        left = piv.get_pin_attempts()
        return {"pin_flag": _flag(left, None), "pin_retries": left, "metadata": False}
    states = (("pin", pin), ("puk", puk), ("management_key", management))
    return {
        "pin_flag": _flag(pin.attempts_remaining, pin.total_attempts),
        "pin_retries": pin.attempts_remaining,
        "pin_retries_max": pin.total_attempts,
        "puk_retries": puk.attempts_remaining,
        "puk_retries_max": puk.total_attempts,
        "defaults": tuple(name for name, state in states if state.default_value),
    }


def _flag(left: int, most: int | None) -> str:
    if left <= 1:
        return "final" if left else "locked"
    return "ok" if most in (None, left) else "low"


def read_slot(piv: PivSession, slot: str) -> SlotFacts | None:
    """The key in a slot, None where there is none or where the firmware (before 5.3) cannot tell."""
    try:
        found = piv.get_slot_metadata(SLOT(int(slot, 16)))
    except NotSupportedError:
        return None
    except ApduError as error:
        if error.sw == SW.REFERENCE_DATA_NOT_FOUND:
            return None
        raise
    return _slot_facts(found)


def _name(names: Mapping[str, int], number: int) -> str:
    """The name of one of Yubico's numbers; the number where it is not known here."""
    return next((name for name, value in names.items() if value == number), f"0x{number:02x}")


def _slot_facts(found: SlotMetadata) -> SlotFacts:
    return SlotFacts(
        algorithm=_name(KEY_TYPES, found.key_type),
        origin="generated" if found.generated else "imported",
        pin_policy=found.pin_policy.name.lower(),
        touch_policy=found.touch_policy.name.lower(),
        public_key_sha256=spki_sha256(found.public_key),
    )
