# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A slot of vsmartcard's virtual reader: the end of the wire at which a card is plugged in.

The reader's driver (vpcd) listens; a message is a length of two bytes and a body. A body of one byte is about power:
00 off, 01 on, 02 reset, 04 asks for the ATR; everything else is a command. Hanging up takes the card away.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time

from .card import Card, Pulled

_ON, _RESET, _ATR = 1, 2, 4
_RETRY_SECONDS = 0.05
_NOTICE_SECONDS = 5.0


class Slot:
    """One slot, served by a thread of its own.

    Args:
        port: on which the driver listens for this slot's card.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._changed = threading.Condition()
        self._card: Card | None = None
        self._powered = False
        self._wire: socket.socket | None = None
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def card(self) -> Card | None:
        """The card that is plugged in."""
        return self._card

    def insert(self, card: Card) -> None:
        """Plug a card into the empty slot."""
        with self._changed:
            self._card = card
            self._changed.notify_all()

    def take(self) -> None:
        """Take the card away."""
        with self._changed:
            card, self._card, self._powered = self._card, None, False
            if card is not None:
                card.power()
            if self._wire is not None:
                with contextlib.suppress(OSError):  # the driver was faster
                    # Only our half is closed: what the driver still sends is read, up to its own end.
                    self._wire.shutdown(socket.SHUT_WR)
            self._changed.notify_all()

    def await_release(self) -> None:
        """Wait until the driver has hung up too: a card that comes earlier would pass for the one that was taken."""
        with self._changed:
            self._changed.wait_for(lambda: self._wire is None, _NOTICE_SECONDS)

    def await_power(self, seconds: float) -> bool:
        """Wait until the reader has powered the card; return whether it did."""
        with self._changed:
            return self._changed.wait_for(lambda: self._powered, seconds)

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._card is not None)
                card = self._card
            assert card is not None
            try:
                with socket.create_connection(("127.0.0.1", self.port)) as wire:
                    self._converse(wire, card)
            except OSError:  # no reader yet, or no longer
                time.sleep(_RETRY_SECONDS)

    def _converse(self, wire: socket.socket, card: Card) -> None:
        """Serve a card until the driver hangs up."""
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._changed:
            if self._card is not card:
                return
            self._wire = wire
        try:
            while message := _receive(wire):
                answer = self._answer(card, message)
                if answer and self._card is card:
                    wire.sendall(len(answer).to_bytes(2, "big") + answer)
        finally:
            with self._changed:
                self._wire, self._powered = None, False
                self._changed.notify_all()

    def _answer(self, card: Card, message: bytes) -> bytes:
        if self._card is not card:
            return b""
        if len(message) > 1:
            return self._process(card, message)
        if message[0] == _ATR:
            return card.atr
        card.power()
        with self._changed:
            self._powered = message[0] in (_ON, _RESET) and self._card is card
            self._changed.notify_all()
        return b""

    def _process(self, card: Card, command: bytes) -> bytes:
        try:
            return card.process(command)
        except Pulled:
            self.take()
            return b""


def _receive(wire: socket.socket) -> bytes:
    """Return the next message; nothing when the other side has hung up."""
    size = int.from_bytes(_exactly(wire, 2), "big")
    return _exactly(wire, size) if size else b""


def _exactly(wire: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        # The driver sends length and body apart: with a delayed acknowledgement each command would take 40 ms.
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        part = wire.recv(size - len(data))
        if not part:
            return b""
        data += part
    return data
