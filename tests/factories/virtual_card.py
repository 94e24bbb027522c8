# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A virtual YubiKey without reader and programs, and the commands that most of its tests send."""

from __future__ import annotations

import io

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from virtual_yubikey import tlv
from virtual_yubikey.apdu import Status
from virtual_yubikey.attestation import Factory
from virtual_yubikey.card import Card
from virtual_yubikey.credentials import DEFAULT_MANAGEMENT_KEY, DEFAULT_PIN
from virtual_yubikey.touch import Touch

SELECT_PIV = bytes.fromhex("00a4040005a000000308")
OK = b"\x90\x00"
P256, P384, RSA2048, ED25519 = 0x11, 0x14, 0x07, 0xE0
PIN_ALWAYS, TOUCH_ALWAYS = 3, 2


def new_card(
    factory: Factory, touch: Touch, version: tuple[int, int, int] = (5, 7, 1), log: io.StringIO | None = None
) -> Card:
    card = Card(11111111, version, 0x0A if version >= (5, 7, 0) else 0x03, factory, touch, log)
    assert card.process(SELECT_PIV).endswith(OK)
    return card


def send(card: Card, ins: int, p1: int = 0, p2: int = 0, data: bytes = b"") -> bytes:
    """Send one extended command and return the data of its answer."""
    answer = card.process(bytes([0, ins, p1, p2, 0]) + len(data).to_bytes(2, "big") + data + b"\0\0")
    if not answer.endswith(OK):
        raise Status(int.from_bytes(answer[-2:], "big"))
    return answer[:-2]


def refused(card: Card, ins: int, p1: int = 0, p2: int = 0, data: bytes = b"") -> int:
    with pytest.raises(Status) as caught:
        send(card, ins, p1, p2, data)
    return caught.value.word


def authenticate(card: Card, key: bytes = DEFAULT_MANAGEMENT_KEY) -> None:
    """Prove the AES management key, and let the card prove it."""

    def cipher() -> Cipher[modes.ECB]:
        return Cipher(algorithms.AES(key), modes.ECB())

    answer = send(card, 0x87, card.piv.management_key.algorithm, 0x9B, bytes.fromhex("7c028000"))
    work = cipher().decryptor()
    witness = work.update(tlv.field(tlv.field(answer, 0x7C), 0x80)) + work.finalize()
    response = tlv.encode(0x7C, tlv.encode(0x80, witness) + tlv.encode(0x81, bytes(16)))
    answer = send(card, 0x87, card.piv.management_key.algorithm, 0x9B, response)
    work = cipher().encryptor()
    assert tlv.field(tlv.field(answer, 0x7C), 0x82) == work.update(bytes(16)) + work.finalize()


def generate(card: Card, algorithm: int = P384, slot: int = 0x9C, pin: int = 0, touch: int = 0) -> bytes:
    parts = tlv.encode(0x80, bytes([algorithm])) + tlv.encode(0xAA, bytes([pin])) + tlv.encode(0xAB, bytes([touch]))
    return tlv.field(send(card, 0x47, 0, slot, tlv.encode(0xAC, parts)), 0x7F49)


def sign(card: Card, message: bytes, algorithm: int = P384, slot: int = 0x9C) -> bytes:
    data = tlv.encode(0x7C, tlv.encode(0x82, b"") + tlv.encode(0x81, message))
    return tlv.field(tlv.field(send(card, 0x87, algorithm, slot, data), 0x7C), 0x82)


def verify_pin(card: Card, pin: bytes = DEFAULT_PIN) -> None:
    send(card, 0x20, 0, 0x80, pin)
