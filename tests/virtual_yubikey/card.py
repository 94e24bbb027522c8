# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One YubiKey: its applets, and how commands reach them."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Protocol, TextIO

from .algorithms import Version
from .apdu import SW, Command, Status, parse
from .applets import ManagementApplet, OtpApplet
from .attestation import Factory
from .piv import AUTHENTICATE, MANAGEMENT_SLOT, PivApplet
from .touch import Touch

_ATR_4 = bytes.fromhex("3bf81300008131fe15597562696b657934d4")
_ATR_5 = bytes.fromhex("3bfd1300008131fe158073c021c057597562694b657940")
_SELECT, _GET_RESPONSE = 0xA4, 0xC0
_CHAINED = 0x10
_SHORT_ANSWER_BYTES = 256
_COMMAND_BYTES = 4096  # of all chained parts
_NAMES = {
    0x1D: "READ CONFIG",
    0x20: "VERIFY",
    0x24: "CHANGE REFERENCE DATA",
    0x2C: "RESET RETRY COUNTER",
    0x47: "GENERATE",
    AUTHENTICATE: "GENERAL AUTHENTICATE",
    _SELECT: "SELECT",
    _GET_RESPONSE: "GET RESPONSE",
    0xCB: "GET DATA",
    0xDB: "PUT DATA",
    0xF6: "MOVE KEY",
    0xF7: "GET METADATA",
    0xF8: "GET SERIAL",
    0xF9: "ATTEST",
    0xFA: "SET RETRIES",
    0xFB: "RESET",
    0xFD: "GET VERSION",
    0xFE: "IMPORT KEY",
    0xFF: "SET MANAGEMENT KEY",
}
# Commands whose data is public. Of all others, and of all answers, the log has the length only.
_PUBLIC = {0x1D, 0x47, _SELECT, 0xCB, 0xF6, 0xF7, 0xF8, 0xF9, 0xFD}


class Pulled(Exception):
    """The key leaves the reader before it answers."""


class Applet(Protocol):
    """An application on the key."""

    aid: bytes

    def select(self) -> bytes:
        """Become the current applet and return what SELECT answers."""

    def deselect(self) -> None:
        """Forget what was proven to the applet."""

    def handle(self, command: Command) -> bytes:
        """Answer a command, or raise Status."""


class Card:
    """One YubiKey.

    Args:
        serial: at most four bytes.
        version: of the firmware; it decides on algorithms, metadata and the attestation chain.
        management_algorithm: of the management key as delivered.
        factory: where it was made.
        touch: who touches it.
        log: where each command is noted, without secrets.
    """

    def __init__(
        self,
        serial: int,
        version: Version,
        management_algorithm: int,
        factory: Factory,
        touch: Touch,
        log: TextIO | None = None,
    ) -> None:
        self.serial = serial
        self.version = version
        self.piv = PivApplet(serial, version, management_algorithm, factory.equip(version), touch)
        self.pull_at_signature = False
        self.atr = _ATR_5 if version >= (5, 0, 0) else _ATR_4
        self._applets: tuple[Applet, ...] = (
            self.piv,
            ManagementApplet(serial, version),
            OtpApplet(serial, version),
        )
        self._log = log
        self.power()

    def power(self) -> None:
        """Lose or get power: what was selected, verified or half sent is gone."""
        self._applet: Applet | None = None
        self._chain = b""
        self._pending = b""
        self.piv.deselect()

    def renew(self) -> None:
        """Become as new, but for the power, which the reader controls."""
        self.pull_at_signature = False
        self.piv.factory_reset()
        self.piv.signatures = 0

    def process(self, raw: bytes) -> bytes:
        """Answer one command with data and status word; nothing that comes in makes it fail.

        Raises:
            Pulled: the test wants the key to vanish now.
        """
        try:
            command = parse(raw)
            answer = self._answer(command)
        except Status as status:
            self._chain = self._pending = b""
            answer = status.word.to_bytes(2, "big")
        self._note(raw, answer)
        return answer

    def _answer(self, command: Command) -> bytes:
        if command.ins == _GET_RESPONSE:
            return self._next_part(extended=False)
        data = self._chain + command.data
        if len(data) > _COMMAND_BYTES:
            raise Status(SW.WRONG_LENGTH)
        if command.cla & _CHAINED:
            self._chain = data
            return SW.OK.to_bytes(2, "big")
        self._chain = b""
        self._pending = self._dispatch(replace(command, data=data))
        return self._next_part(extended=command.extended)

    def _next_part(self, *, extended: bool) -> bytes:
        if extended or len(self._pending) <= _SHORT_ANSWER_BYTES:
            part, self._pending = self._pending, b""
            return part + SW.OK.to_bytes(2, "big")
        part, self._pending = self._pending[:_SHORT_ANSWER_BYTES], self._pending[_SHORT_ANSWER_BYTES:]
        more = len(self._pending)
        return part + bytes([0x61, more if more < _SHORT_ANSWER_BYTES else 0])

    def _dispatch(self, command: Command) -> bytes:
        if command.ins == _SELECT:
            return self._select(command)
        if self._applet is None:
            raise Status(SW.INVALID_INSTRUCTION)
        answer = self._applet.handle(command)
        signed = self._applet is self.piv and command.ins == AUTHENTICATE and command.p2 != MANAGEMENT_SLOT
        if signed and self.pull_at_signature:
            self.pull_at_signature = False
            raise Pulled
        return answer

    def _select(self, command: Command) -> bytes:
        wanted = command.data
        for applet in self._applets:
            if command.p1 == 0x04 and wanted and (wanted.startswith(applet.aid) or applet.aid.startswith(wanted)):
                self.piv.deselect()
                self._applet = applet
                return applet.select()
        raise Status(SW.FILE_NOT_FOUND)

    def _note(self, raw: bytes, answer: bytes) -> None:
        if self._log is None:
            return
        ins = raw[1] if len(raw) > 1 else -1
        # A chained part may belong to any command: the class tells.
        public = ins in _PUBLIC and not raw[0] & _CHAINED
        shown = raw[5:].hex() if public else f"({max(0, len(raw) - 5)} bytes)"
        name = _NAMES.get(ins, "?")
        line = f"{time.time():.3f} {self.serial} {raw[:4].hex()} {name} {shown} -> {len(answer) - 2} bytes"
        self._log.write(f"{line} {answer[-2:].hex()}\n")
        self._log.flush()
