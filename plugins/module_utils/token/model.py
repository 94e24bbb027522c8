# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A token, a key on it, and what is known of both: plain data that all kinds of tokens share."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol

from .backends.pkcs11.keys import KeySpec
from .backends.pkcs11.sessions import TokenSpec


@dataclass(frozen=True)
class Device:
    """A token, and a key on it.

    Args:
        name: as the plan calls it.
        kind: a key of `registry.BACKENDS`.
        spec: finds the token.
        key: finds the key on it.
        slot: PIV slot in hexadecimal, such as ``9c``; empty for kinds without slots.
    """

    name: str
    kind: str
    spec: TokenSpec
    key: KeySpec
    slot: str = ""

    def __str__(self) -> str:
        where = f"slot {self.slot}" if self.slot else str(self.key)
        return f"{self.spec} ({where})"


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


class Requirement(Protocol):
    """What a key has to be, such as a plan's section of it."""

    @property
    def algorithm(self) -> str:
        """One of `keys.ALL_ALGORITHMS`."""

    @property
    def origin(self) -> str:
        """generated or imported."""

    @property
    def pin_policy(self) -> str:
        """always, once or never."""

    @property
    def touch_policy(self) -> str:
        """always, cached or never."""
