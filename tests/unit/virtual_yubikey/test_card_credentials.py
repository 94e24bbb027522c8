# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PIN, PUK, management key and reset."""

from __future__ import annotations

import pytest
from factories.virtual_card import (
    ED25519,
    SELECT_PIV,
    authenticate,
    generate,
    new_card,
    refused,
    send,
    verify_pin,
)
from virtual_yubikey import tlv
from virtual_yubikey.apdu import SW, Status
from virtual_yubikey.attestation import Factory
from virtual_yubikey.card import Card
from virtual_yubikey.credentials import DEFAULT_PIN, DEFAULT_PUK, padded
from virtual_yubikey.touch import Touch


def test_pin_tries_and_unblocking(card: Card) -> None:
    assert refused(card, 0x20, 0, 0x80) == 0x63C3
    assert refused(card, 0x20, 0, 0x80, b"12345") == SW.INCORRECT_PARAMETERS
    wrong = padded("654321")
    assert [refused(card, 0x20, 0, 0x80, wrong) for _try in range(3)] == [0x63C2, 0x63C1, SW.AUTH_METHOD_BLOCKED]
    assert refused(card, 0x20, 0, 0x80, DEFAULT_PIN) == SW.AUTH_METHOD_BLOCKED
    assert refused(card, 0x2C, 0, 0x80, padded("1234567") + wrong) == 0x63C2
    send(card, 0x2C, 0, 0x80, DEFAULT_PUK + wrong)
    verify_pin(card, wrong)
    send(card, 0x20, 0, 0x80)  # verified: no question
    send(card, 0x20, 0xFF, 0x80)
    assert refused(card, 0x20, 0, 0x80) == 0x63C3


def test_pin_lengths(card: Card) -> None:
    assert refused(card, 0x24, 0, 0x80, DEFAULT_PIN + padded("12345")) == SW.INCORRECT_PARAMETERS
    assert refused(card, 0x24, 0, 0x80, DEFAULT_PIN + b"123456") == SW.INCORRECT_PARAMETERS
    send(card, 0x24, 0, 0x80, DEFAULT_PIN + b"12345678")
    verify_pin(card, b"12345678")


def test_new_numbers_of_tries_bring_the_defaults_back(card: Card) -> None:
    authenticate(card)
    send(card, 0x24, 0, 0x80, DEFAULT_PIN + padded("246813"))
    assert refused(card, 0xFA, 5, 4) == SW.SECURITY_CONDITION_NOT_SATISFIED
    verify_pin(card, padded("246813"))
    send(card, 0xFA, 5, 4)
    assert tlv.fields(send(card, 0xF7, 0, 0x80)) == {0x05: b"\x01", 0x06: b"\x05\x05"}
    assert tlv.fields(send(card, 0xF7, 0, 0x81)) == {0x05: b"\x01", 0x06: b"\x04\x04"}


def test_management_key(card: Card) -> None:
    assert refused(card, 0x47, 0, 0x9C, bytes.fromhex("ac03800114")) == SW.SECURITY_CONDITION_NOT_SATISFIED
    send(card, 0x87, 0x0A, 0x9B, bytes.fromhex("7c028000"))
    wrong = tlv.encode(0x7C, tlv.encode(0x80, bytes(16)) + tlv.encode(0x81, bytes(16)))
    assert refused(card, 0x87, 0x0A, 0x9B, wrong) == SW.SECURITY_CONDITION_NOT_SATISFIED
    authenticate(card)
    other = bytes(range(32))
    send(card, 0xFF, 0xFF, 0xFF, bytes([0x0C, 0x9B, 32]) + other)
    card.power()
    card.process(SELECT_PIV)
    authenticate(card, other)
    assert tlv.fields(send(card, 0xF7, 0, 0x9B))[0x05] == b"\x00"


def test_old_firmware_has_neither_aes_nor_metadata_nor_large_keys(factory: Factory, touch: Touch) -> None:
    card = new_card(factory, touch, (4, 3, 1))
    assert refused(card, 0xF7, 0, 0x80) == SW.INVALID_INSTRUCTION
    with pytest.raises(Status):
        card.piv.management_key.set(0x0A, bytes(24), card.version)
    card.piv._managed = True
    for algorithm in (0x05, 0x16, ED25519, 0x15, 0x99):
        assert refused(card, 0x47, 0, 0x9C, bytes.fromhex("ac038001") + bytes([algorithm])) == SW.INCORRECT_PARAMETERS
    assert b"Yubikey4" in card.atr


def test_reset_needs_both_blocked_and_keeps_f9(card: Card) -> None:
    authenticate(card)
    generate(card)
    assert refused(card, 0xFB) == SW.CONDITIONS_NOT_SATISFIED
    for reference in card.piv.references.values():
        reference.block()
    send(card, 0xFB)
    assert sorted(card.piv.keys) == [0xF9]
    assert send(card, 0xCB, 0x3F, 0xFF, bytes.fromhex("5c035fff01"))
