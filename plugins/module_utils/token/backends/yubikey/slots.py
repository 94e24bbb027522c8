# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The slots of a YubiKey's PIV application, and their keys in PKCS#11. Needs no YubiKey library."""

from __future__ import annotations

from ....errors import TrustAnchorError
from ..pkcs11.keys import KeySpec

# libykcs11 gives the key of a PIV slot a fixed CKA_ID (yubico-piv-tool, doc/YKCS11/Functions_and_values.adoc).
_SLOT_IDS = {"9a": 1, "9c": 2, "9d": 3, "9e": 4, **{f"{0x82 + n:02x}": 5 + n for n in range(20)}}


def slot_key(slot: str) -> KeySpec:
    """The key in a PIV slot of a YubiKey.

    Raises:
        TrustAnchorError: no such slot.
    """
    if slot not in _SLOT_IDS:
        raise TrustAnchorError(f"there is no PIV slot '{slot}'", "known: 9a, 9c, 9d, 9e and 82 to 95", "9c signs")
    return KeySpec(bytes([_SLOT_IDS[slot]]))


def slot_of(key: KeySpec) -> str:
    """The PIV slot of a key on a YubiKey.

    Raises:
        TrustAnchorError: its id is none of libykcs11's.
    """
    for slot, number in _SLOT_IDS.items():
        if key.id == bytes([number]):
            return slot
    raise TrustAnchorError(f"no PIV slot has the {key}", "the id of slot 9c is 02")
