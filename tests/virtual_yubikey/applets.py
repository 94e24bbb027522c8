# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The applets next to PIV that programs ask for serial number and firmware."""

from __future__ import annotations

from . import tlv
from .algorithms import Version
from .apdu import SW, Command, Status

_CAPABILITIES = b"\x02\x3f"  # OTP, U2F, CCID applets and FIDO2
_FORM_FACTOR_USB_A = b"\x01"


class ManagementApplet:
    """What a YubiKey says of itself (yubikit.management)."""

    aid = bytes.fromhex("a000000527471117")

    def __init__(self, serial: int, version: Version) -> None:
        self._version = version
        info = (
            tlv.encode(0x01, _CAPABILITIES)
            + tlv.encode(0x02, serial.to_bytes(4, "big"))
            + tlv.encode(0x03, _CAPABILITIES)
            + tlv.encode(0x04, _FORM_FACTOR_USB_A)
            + tlv.encode(0x05, bytes(version))
            + tlv.encode(0x08, b"\0")
            + tlv.encode(0x0A, b"\0")
        )
        self._configuration = bytes([len(info)]) + info

    def select(self) -> bytes:
        """Become the current applet."""
        return b"Virtual mgr - FW version " + ".".join(map(str, self._version)).encode()

    def deselect(self) -> None:
        """Nothing was proven here."""

    def handle(self, command: Command) -> bytes:
        """Answer READ CONFIG (1d), of which there is one page.

        Raises:
            Status: another command.
        """
        if command.ins != 0x1D:
            raise Status(SW.INVALID_INSTRUCTION)
        if command.p1:
            raise Status(SW.INCORRECT_PARAMETERS)
        return self._configuration


class OtpApplet:
    """Gives the serial number of keys before firmware 5, which PIV does not tell (ykpiv_get_serial)."""

    aid = bytes.fromhex("a0000005272001")

    def __init__(self, serial: int, version: Version) -> None:
        self._serial = serial.to_bytes(4, "big")
        self._status = bytes(version) + bytes(4)

    def select(self) -> bytes:
        """Become the current applet."""
        return self._status

    def deselect(self) -> None:
        """Nothing was proven here."""

    def handle(self, command: Command) -> bytes:
        """Answer the request for the serial number (01, slot 10).

        Raises:
            Status: another command.
        """
        if (command.ins, command.p1) != (0x01, 0x10):
            raise Status(SW.INVALID_INSTRUCTION)
        return self._serial
