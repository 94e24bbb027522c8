# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PKCS#11 tells of a token and of a key on it without a login."""

from __future__ import annotations

import pkcs11
from pkcs11 import Attribute
from pkcs11.constants import TokenFlag

from ....x509.certificates import spki_sha256
from ...model import Device, SlotFacts, TokenFacts
from . import keys
from .sessions import find_token, load_library, serial_of, session


def inspect(device: Device) -> TokenFacts:
    """Look at a token.

    Raises:
        TokenAbsent: it is not there.
        TrustAnchorError: it cannot be read.
    """
    token = find_token(device.spec)
    return TokenFacts(
        kind=device.kind,
        serial=serial_of(token),
        model=str(token.model).strip(),
        library=device.spec.module_path,
        library_version=".".join(map(str, load_library(device.spec).library_version)),
        pin_flag=pin_flag(token),
        slot=_slot(device),
    )


def pin_flag(token: pkcs11.Token) -> str:
    """The state of the user's PIN by the token's flags (PKCS#11 v2.40, CK_TOKEN_INFO)."""
    states = (
        (TokenFlag.USER_PIN_LOCKED, "locked"),
        (TokenFlag.USER_PIN_FINAL_TRY, "final"),
        (TokenFlag.USER_PIN_COUNT_LOW, "low"),
    )
    return next((state for flag, state in states if flag in token.flags), "ok")


def _slot(device: Device) -> SlotFacts | None:
    with session(device.spec) as opened:
        found = keys.find_public(opened, device.spec, device.key)
        if found is None:
            return None
        public = keys.decode_public(found)
        # CKA_LOCAL: made on the token, not brought there. The private half and its policies need a login.
        origin = "generated" if found[Attribute.LOCAL] else "imported"
    return SlotFacts(keys.algorithm_of(public), origin, None, None, spki_sha256(public))
