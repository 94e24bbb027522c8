# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of a YubiKey's PIV slots: generate on it, import to it, attest."""

from __future__ import annotations

from typing import Any

from cryptography import x509
from ykman.piv import get_pivman_data, get_pivman_protected_data
from yubikit.core import NotSupportedError
from yubikit.core.smartcard import SW, ApduError
from yubikit.piv import PIN_POLICY, SLOT, TOUCH_POLICY

from ....errors import TrustAnchorError
from ...credentials import Credentials
from ...model import Device
from ..pkcs11 import keys
from ..pkcs11.keys import AnyPublicKey
from .cards import Card, opened, verify_pin
from .facts import KEY_TYPES


def generate(
    device: Device, algorithm: str, pin_policy: str, touch_policy: str, credentials: Credentials
) -> AnyPublicKey:
    """Make a key in an empty slot.

    Raises:
        TrustAnchorError: the slot is occupied, the firmware cannot do it, or a credential is wrong.
    """
    with opened(str(device.spec.serial)) as card:
        _prepare(card, device, credentials)
        key: AnyPublicKey = card.piv.generate_key(
            SLOT(int(device.slot, 16)), KEY_TYPES[algorithm], *_policies(pin_policy, touch_policy)
        )
        return key


def rehearse_import(device: Device, credentials: Credentials) -> None:
    """Everything of an import but the import.

    Raises:
        TrustAnchorError: the slot is occupied or a credential is wrong.
    """
    with opened(str(device.spec.serial)) as card:
        _prepare(card, device, credentials)


def import_key(device: Device, private: Any, pin_policy: str, touch_policy: str, credentials: Credentials) -> None:
    """Bring a key into an empty slot.

    Args:
        device: which slot of which YubiKey.
        private: a key of cryptography.
        pin_policy: always, once or never.
        touch_policy: always, cached or never.
        credentials: of the YubiKey.

    Raises:
        TrustAnchorError: as `generate`.
    """
    with opened(str(device.spec.serial)) as card:
        _prepare(card, device, credentials)
        card.piv.put_key(SLOT(int(device.slot, 16)), private, *_policies(pin_policy, touch_policy))


def attest(device: Device) -> tuple[x509.Certificate, x509.Certificate]:
    """The attestation of the slot's key, made now by the YubiKey, and the certificate in f9 that signs it.

    Raises:
        TrustAnchorError: no key, or one that was imported.
    """
    with opened(str(device.spec.serial)) as card:
        try:
            leaf: x509.Certificate = card.piv.attest_key(SLOT(int(device.slot, 16)))
            return leaf, card.piv.get_certificate(SLOT.ATTESTATION)
        except ApduError as error:
            if error.sw not in (SW.INCORRECT_PARAMETERS, SW.REFERENCE_DATA_NOT_FOUND):
                raise
            raise TrustAnchorError(
                f"the {device.spec} does not attest the key in slot {device.slot}",
                "there is none, or it was imported: only keys that were generated on the token are attested",
            ) from error


def _policies(pin_policy: str, touch_policy: str) -> tuple[PIN_POLICY, TOUCH_POLICY]:
    return PIN_POLICY[pin_policy.upper()], TOUCH_POLICY[touch_policy.upper()]


def _prepare(card: Card, device: Device, credentials: Credentials) -> None:
    """Make sure of an empty slot, and open the card to take a key."""
    _require_vacant(card, device)
    authenticate(card, credentials)


def _require_vacant(card: Card, device: Device) -> None:
    """Generating and importing overwrite silently."""
    try:
        card.piv.get_slot_metadata(SLOT(int(device.slot, 16)))
    except NotSupportedError as error:
        raise TrustAnchorError(
            f"firmware {'.'.join(map(str, card.firmware))} of the {device.spec} cannot tell what is in a slot",
            "a new key could destroy one that is there",
            "Take a YubiKey with firmware 5.3 or newer",
        ) from error
    except ApduError as error:
        if error.sw == SW.REFERENCE_DATA_NOT_FOUND:
            return
        raise
    raise keys.occupied(device.spec, f"a key in slot {device.slot}")


def authenticate(card: Card, credentials: Credentials) -> None:
    """Prove the management key: the given one, or the one that the PIN gives access to.

    Raises:
        TrustAnchorError: neither is there, or one is wrong.
    """
    if credentials.management_key is not None:
        key = _parse(credentials.management_key)
    else:
        key = _protected(card, credentials)
    wanted = card.piv.management_key_type
    if len(key) != wanted.key_len:
        raise TrustAnchorError(
            f"the management key has {len(key)} bytes",
            f"the token with serial {card.info.serial} has one of {wanted.key_len} bytes ({wanted.name})",
        )
    try:
        card.piv.authenticate(key)
    except ApduError as error:
        if error.sw != SW.SECURITY_CONDITION_NOT_SATISFIED:
            raise
        raise TrustAnchorError(
            f"the management key of the token with serial {card.info.serial} is another one",
            "nothing was changed",
            "Check which token is inserted and which management key belongs to it",
        ) from error


def _parse(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        # Without the cause: it would quote the key.
        raise TrustAnchorError("the management key is not hexadecimal", "two digits per byte are expected") from None


def _protected(card: Card, credentials: Credentials) -> bytes:
    serial = card.info.serial
    if not credentials.pin or not get_pivman_data(card.piv).mgm_key_protected:
        raise TrustAnchorError(
            f"no management key was given for the token with serial {serial}",
            "the PIN alone gives access to it only where it is PIN-protected",
            "Set one with the module token_credentials, which protects it with the PIN, or give management_key",
        )
    verify_pin(card, credentials.pin)
    key = get_pivman_protected_data(card.piv).key
    if not isinstance(key, bytes):
        raise TrustAnchorError(f"the token with serial {serial} has no management key behind its PIN", "it says so")
    return key
