# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What opens a token, in memory only."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import TrustAnchorError
from .model import Device


@dataclass(frozen=True, repr=False)
class Credentials:
    """What opens one token; never shown.

    Args:
        pin: user PIN.
        management_key: of a YubiKey, hexadecimal; None where the PIN gives access to it or where there is none.
    """

    pin: str | None = None
    management_key: str | None = None

    def __repr__(self) -> str:
        return "Credentials(...)"

    def required_pin(self, device: Device) -> str:
        """The PIN.

        Raises:
            TrustAnchorError: there is none.
        """
        if not self.pin:
            raise TrustAnchorError(f"no PIN was given for {device.name} ({device.spec})", "a new key needs it")
        return self.pin
