# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a token tells about itself without any secret."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pkcs11
from pkcs11 import Attribute
from pkcs11.constants import TokenFlag

from ..x509.certificates import spki_sha256
from .backends.pkcs11 import keys
from .backends.pkcs11.sessions import find_token, load_library, serial_of, session
from .devices import Device
from .optional import yubikit_needed


@dataclass(frozen=True)
class SlotFacts:
    """The key that is there; what cannot be known without a login is None.

    Args:
        algorithm: in the form of `keys.ALGORITHMS`.
        origin: ``generated`` on the token or ``imported`` to it.
        pin_policy: ``never``, ``once`` or ``always``.
        touch_policy: ``never``, ``always`` or ``cached`` (15 seconds).
        public_key_sha256: of the DER SubjectPublicKeyInfo, hexadecimal.
    """

    algorithm: str
    origin: str | None
    pin_policy: str | None
    touch_policy: str | None
    public_key_sha256: str

    def as_dict(self) -> dict[str, Any]:
        """For results and transcripts."""
        return asdict(self)


@dataclass(frozen=True)
class TokenFacts:
    """A token, as it is now; what its kind does not tell is None.

    Args:
        kind: as of `Device`.
        serial: of the token.
        model: as the token calls itself.
        firmware: its version, three numbers.
        library: path of the PKCS#11 module.
        library_version: such as ``2.7.1``.
        pin_retries: attempts left.
        pin_retries_max: attempts after a success.
        puk_retries: attempts left.
        puk_retries_max: attempts after a success.
        pin_flag: ``ok``, ``low`` (attempts have failed), ``final`` (one is left) or ``locked``.
        defaults: which of pin, puk, management_key still have the value of the factory.
        management_key_algorithm: such as ``aes192``.
        management_key_protected: it is on the token, readable with the PIN.
        slot: the key of the device, None where there is none.
        metadata: false for a YubiKey whose firmware (before 5.3) tells neither defaults nor what is in a slot.
    """

    kind: str
    serial: str
    model: str
    library: str
    library_version: str
    pin_flag: str
    slot: SlotFacts | None
    firmware: tuple[int, int, int] | None = None
    pin_retries: int | None = None
    pin_retries_max: int | None = None
    puk_retries: int | None = None
    puk_retries_max: int | None = None
    defaults: tuple[str, ...] = ()
    management_key_algorithm: str | None = None
    management_key_protected: bool = False
    metadata: bool = True

    def as_dict(self) -> dict[str, Any]:
        """For results and transcripts; the firmware as text."""
        firmware = ".".join(map(str, self.firmware)) if self.firmware else None
        return {**asdict(self), "firmware": firmware, "defaults": list(self.defaults)}


def inspect(device: Device) -> TokenFacts:
    """Look at a token.

    Raises:
        TokenAbsent: it is not there.
        TrustAnchorError: it cannot be read, or a program for it is missing.
    """
    if device.kind == "yubikey":
        with yubikit_needed():
            from .backends.yubikey.facts import inspect_yubikey
        return inspect_yubikey(device)
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
