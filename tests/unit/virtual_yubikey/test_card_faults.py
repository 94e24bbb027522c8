# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Touch, a key that is pulled, what the log has, and requests of tests."""

from __future__ import annotations

import io
import threading

import pytest
from factories.virtual_card import (
    P384,
    TOUCH_ALWAYS,
    authenticate,
    generate,
    new_card,
    refused,
    send,
    sign,
    verify_pin,
)
from virtual_yubikey import tlv
from virtual_yubikey.apdu import SW
from virtual_yubikey.attestation import Factory
from virtual_yubikey.card import Card, Pulled
from virtual_yubikey.credentials import DEFAULT_PIN, padded
from virtual_yubikey.fleet import Fleet, Refused
from virtual_yubikey.touch import Touch


def test_touch(factory: Factory) -> None:
    touch = Touch("never", seconds=0.01)
    card = new_card(factory, touch)
    authenticate(card)
    generate(card, touch=TOUCH_ALWAYS)
    verify_pin(card)
    data = tlv.encode(0x7C, tlv.encode(0x82, b"") + tlv.encode(0x81, bytes(48)))
    assert refused(card, 0x87, P384, 0x9C, data) == SW.SECURITY_CONDITION_NOT_SATISFIED
    touch.set_mode("manual", seconds=20)
    pressed: list[bool] = []
    finger = threading.Thread(target=lambda: pressed.append(touch.press(card.serial, 20)))
    finger.start()
    verify_pin(card)
    assert sign(card, bytes(48))
    finger.join()
    assert pressed == [True] and touch.waiting() == [] and touch.requests == 2
    assert not touch.press(card.serial, 0)


def test_pulled_before_the_answer(card: Card) -> None:
    authenticate(card)
    generate(card)
    verify_pin(card)
    card.pull_at_signature = True
    with pytest.raises(Pulled):
        sign(card, bytes(48))
    card.power()
    assert card.process(b"\x00\xfd\x00\x00\x00") == SW.INVALID_INSTRUCTION.to_bytes(2, "big")


def test_no_secret_in_the_log(factory: Factory, touch: Touch) -> None:
    log = io.StringIO()
    card = new_card(factory, touch, log=log)
    authenticate(card)
    verify_pin(card)
    secret = bytes(range(0xA0, 0xB8))
    send(card, 0xFF, 0xFF, 0xFF, bytes([0x0A, 0x9B, 24]) + secret)
    printed = tlv.encode(0x5C, bytes.fromhex("5fc109"))
    send(card, 0xDB, 0x3F, 0xFF, printed + tlv.encode(0x53, secret))
    assert secret in send(card, 0xCB, 0x3F, 0xFF, printed)
    card.process(b"\x10\xf7\x00\x00" + bytes([len(secret)]) + secret)  # a chained part of no known command
    text = log.getvalue()
    assert "VERIFY" in text and "SET MANAGEMENT KEY" in text and "9000" in text
    assert secret.hex() not in text and DEFAULT_PIN.hex() not in text
    assert secret.hex() not in repr(vars(card.piv.management_key.__class__)) + repr(card.piv.management_key)


def test_requests_of_tests(card: Card, touch: Touch) -> None:
    fleet = Fleet([card], [], touch)
    fleet.request({"do": "block", "serial": 11111111, "what": "puk"})
    fleet.request({"do": "credentials", "serial": 11111111, "pin": "246813", "management_key": "ab" * 24})
    status = fleet.request({"do": "status"})["keys"]["11111111"]
    assert (status["pin_tries"], status["puk_tries"], status["inserted"]) == (3, 0, False)
    verify_pin(card, padded("246813"))
    for wrong in (
        {"do": "dance"},
        {},
        {"do": "pull"},
        {"do": "pull", "serial": 5},
        {"do": "block", "serial": 11111111, "what": "x"},
        {"do": "touch", "mode": "hard"},
        {"do": "insert", "serial": 11111111},
        {"do": "press", "serial": 11111111, "seconds": 0},
    ):
        with pytest.raises(Refused):
            fleet.request(wrong)
    fleet.request({"do": "renew"})
    assert fleet.status()["keys"]["11111111"]["puk_tries"] == 3
