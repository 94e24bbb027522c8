# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands in, answers out: lengths, chains, TLV and garbage."""

from __future__ import annotations

import contextlib

import pytest
from factories.virtual_card import (
    OK,
    authenticate,
    new_card,
    send,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from virtual_yubikey import tlv
from virtual_yubikey.apdu import SW, Command, Status, parse
from virtual_yubikey.attestation import Factory
from virtual_yubikey.card import Card
from virtual_yubikey.touch import Touch


@pytest.mark.parametrize(
    ("raw", "command"),
    [
        ("00fd0000", Command(0, 0xFD, 0, 0)),
        ("00fd000000", Command(0, 0xFD, 0, 0)),
        ("00a4040002a000", Command(0, 0xA4, 4, 0, b"\xa0\x00")),
        ("00a4040002a00000", Command(0, 0xA4, 4, 0, b"\xa0\x00")),
        ("00cb3fff000000", Command(0, 0xCB, 0x3F, 0xFF, extended=True)),
        ("00cb3fff0000020102", Command(0, 0xCB, 0x3F, 0xFF, b"\x01\x02", True)),
        ("00cb3fff00000201020000", Command(0, 0xCB, 0x3F, 0xFF, b"\x01\x02", True)),
    ],
)
def test_commands_are_read(raw: str, command: Command) -> None:
    assert parse(bytes.fromhex(raw)) == command


@pytest.mark.parametrize("raw", ["", "00fd00", "00a4040005a0", "00a4040001a0000000", "00cb3fff00000501"])
def test_wrong_lengths(raw: str) -> None:
    with pytest.raises(Status, match="6700"):
        parse(bytes.fromhex(raw))


@given(st.integers(1, 0x7F) | st.integers(0x7F01, 0x7F7F), st.binary(max_size=70000))
def test_tlv_round_trip(tag: int, value: bytes) -> None:
    if tag & 0x1F == 0x1F and tag < 0x100:
        return  # the mark of a tag of two bytes
    assert tlv.decode(tlv.encode(tag, value) * 2) == [(tag, value)] * 2


@given(st.binary())
def test_tlv_of_anything(data: bytes) -> None:
    with contextlib.suppress(tlv.TlvError):
        tlv.decode(data)


def test_long_answers_come_in_parts(card: Card) -> None:
    authenticate(card)
    value = bytes(range(256)) * 2
    send(card, 0xDB, 0x3F, 0xFF, tlv.encode(0x5C, bytes.fromhex("5fc105")) + tlv.encode(0x53, value))
    answer = card.process(bytes.fromhex("00cb3fff055c035fc105"))
    assert answer[-2:] == b"\x61\x00" and len(answer) == 258
    rest = card.process(bytes.fromhex("00c0000000"))
    assert rest[-2:] == b"\x61\x04"
    last = card.process(bytes.fromhex("00c0000004"))
    assert tlv.field(answer[:-2] + rest[:-2] + last[:-2], 0x53) == value


def test_chained_commands_and_their_limit(card: Card) -> None:
    authenticate(card)
    data = tlv.encode(0x5C, bytes.fromhex("5fc105")) + tlv.encode(0x53, bytes(300))
    assert card.process(b"\x10\xdb\x3f\xff\xff" + data[:255]) == OK
    assert card.process(b"\x00\xdb\x3f\xff" + bytes([len(data) - 255]) + data[255:]) == OK
    assert len(send(card, 0xCB, 0x3F, 0xFF, bytes.fromhex("5c035fc105"))) == 304
    parts = [card.process(b"\x10\xdb\x3f\xff\xff" + bytes(255)) for _count in range(20)]
    assert SW.WRONG_LENGTH.to_bytes(2, "big") in parts


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_garbage_gets_an_answer(factory: Factory, data: st.DataObject) -> None:
    """Headers that the applet knows, with anything behind them, on a card that lets everything happen."""
    card = new_card(factory, Touch(), (5, 7, 4))
    authenticate(card)
    instructions = st.sampled_from([0x20, 0x24, 0x2C, 0x47, 0x87, 0xA4, 0xC0, 0xCB, 0xDB, *range(0xF6, 0x100)])
    parts = st.lists(
        st.tuples(st.sampled_from([0x53, 0x5C, 0x7C, 0x80, 0x81, 0x82, 0x85, 0xAC]), st.binary(max_size=60))
    )
    body = data.draw(st.binary(max_size=300) | parts.map(lambda found: b"".join(tlv.encode(*one) for one in found)))
    cla, ins = data.draw(st.sampled_from([0, 0x10, 0x80])), data.draw(instructions)
    p1, p2 = data.draw(st.integers(0, 255)), data.draw(st.sampled_from([0x80, 0x81, 0x9B, 0x9C, 0xF9, 0xFF, 0]))
    answer = card.process(bytes([cla, ins, p1, p2, 0]) + len(body).to_bytes(2, "big") + body)
    assert len(answer) >= 2
    assert len(card.process(data.draw(st.binary(max_size=20)))) >= 2
