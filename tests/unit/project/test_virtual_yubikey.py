# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual YubiKey without reader and programs: commands in, answers out."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from virtual_yubikey import tlv
from virtual_yubikey.apdu import SW, Command, Status, parse
from virtual_yubikey.attestation import Factory
from virtual_yubikey.card import Card, Pulled
from virtual_yubikey.credentials import DEFAULT_MANAGEMENT_KEY, DEFAULT_PIN, DEFAULT_PUK, padded
from virtual_yubikey.fleet import Fleet, Refused
from virtual_yubikey.touch import Touch

SELECT_PIV = bytes.fromhex("00a4040005a000000308")
OK = b"\x90\x00"
P256, P384, RSA2048, ED25519 = 0x11, 0x14, 0x07, 0xE0
PIN_ALWAYS, TOUCH_ALWAYS = 3, 2


@pytest.fixture(scope="module")
def factory() -> Factory:
    return Factory.new()


@pytest.fixture
def touch() -> Touch:
    return Touch()


@pytest.fixture
def card(factory: Factory, touch: Touch) -> Card:
    return new_card(factory, touch)


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


# -- wire --------------------------------------------------------------------


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


# -- credentials -------------------------------------------------------------


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


# -- keys --------------------------------------------------------------------


def test_pin_for_each_signature(card: Card) -> None:
    authenticate(card)
    point = tlv.field(generate(card), 0x86)
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), point)
    digest = hashlib.sha384(b"x").digest()
    data = tlv.encode(0x7C, tlv.encode(0x82, b"") + tlv.encode(0x81, digest))
    assert refused(card, 0x87, P384, 0x9C, data) == SW.SECURITY_CONDITION_NOT_SATISFIED
    verify_pin(card)
    public.verify(sign(card, digest), digest, ec.ECDSA(utils.Prehashed(hashes.SHA384())))
    assert refused(card, 0x87, P384, 0x9C, data) == SW.SECURITY_CONDITION_NOT_SATISFIED
    verify_pin(card)
    send(card, 0xFD)  # any command in between
    assert refused(card, 0x87, P384, 0x9C, data) == SW.SECURITY_CONDITION_NOT_SATISFIED
    assert card.piv.signatures == 1


def test_digests_shorter_and_longer_than_the_curve(card: Card) -> None:
    authenticate(card)
    point = tlv.field(generate(card, P256, 0x9A), 0x86)
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    verify_pin(card)
    for digest in (hashlib.sha1(b"x").digest(), hashlib.sha256(b"x").digest(), hashlib.sha384(b"x").digest()):
        plain = digest[:32].rjust(32, b"\0")
        public.verify(sign(card, digest, P256, 0x9A), plain, ec.ECDSA(utils.Prehashed(hashes.SHA256())))


def test_ed25519_and_rsa(card: Card) -> None:
    authenticate(card)
    verify_pin(card)
    edwards = ed25519.Ed25519PublicKey.from_public_bytes(tlv.field(generate(card, ED25519, 0x9A), 0x86))
    edwards.verify(sign(card, b"message", ED25519, 0x9A), b"message")
    numbers = tlv.fields(generate(card, RSA2048, 0x9A))
    public = rsa.RSAPublicNumbers(
        int.from_bytes(numbers[0x82], "big"), int.from_bytes(numbers[0x81], "big")
    ).public_key()
    info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(b"message").digest()
    block = b"\x00\x01" + b"\xff" * (256 - 3 - len(info)) + b"\x00" + info
    signature = sign(card, block, RSA2048, 0x9A)
    public.verify(signature, b"message", padding.PKCS1v15(), hashes.SHA256())
    short = tlv.encode(0x7C, tlv.encode(0x81, b"short"))
    assert refused(card, 0x87, RSA2048, 0x9A, short) == SW.INCORRECT_PARAMETERS


def test_imported_keys_are_used_but_not_attested(card: Card) -> None:
    authenticate(card)
    key = ec.generate_private_key(ec.SECP384R1())
    scalar = tlv.encode(0x06, key.private_numbers().private_value.to_bytes(48, "big"))
    send(card, 0xFE, P384, 0x9C, scalar)
    assert tlv.fields(send(card, 0xF7, 0, 0x9C))[0x03] == b"\x02"
    assert refused(card, 0xF9, 0x9C) == SW.INCORRECT_PARAMETERS
    assert refused(card, 0xFE, P384, 0x9C, tlv.encode(0x06, bytes(48))) == SW.INCORRECT_PARAMETERS
    assert refused(card, 0xFE, RSA2048, 0x9C, scalar) == SW.INCORRECT_PARAMETERS
    verify_pin(card)
    digest = hashlib.sha384(b"x").digest()
    key.public_key().verify(sign(card, digest), digest, ec.ECDSA(utils.Prehashed(hashes.SHA384())))


@pytest.mark.parametrize("version", [(4, 3, 7), (5, 4, 3), (5, 7, 4)])
def test_attestation_chain(factory: Factory, touch: Touch, version: tuple[int, int, int]) -> None:
    card = new_card(factory, touch, version)
    card.piv._managed = True
    point = tlv.field(generate(card, pin=PIN_ALWAYS, touch=TOUCH_ALWAYS), 0x86)
    leaf = x509.load_der_x509_certificate(send(card, 0xF9, 0x9C))
    stored = tlv.field(tlv.field(send(card, 0xCB, 0x3F, 0xFF, bytes.fromhex("5c035fff01")), 0x53), 0x70)
    f9 = x509.load_der_x509_certificate(stored)
    new = version >= (5, 7, 4)
    issuers = [issuer.certificate for issuer in reversed(factory.intermediates)] if new else []
    chain = [leaf, f9, *issuers, (factory.new_root if new else factory.old_root).certificate]
    for lower, upper in itertools.pairwise(chain):
        lower.verify_directly_issued_by(upper)
    constrained = any(isinstance(extension.value, x509.BasicConstraints) for extension in f9.extensions)
    assert constrained == (version >= (5, 0, 0))
    told = {extension.oid.dotted_string[-1]: extension.value.value for extension in leaf.extensions}
    assert told["3"] == bytes(version)
    assert int.from_bytes(told["7"][2:], "big") == 11111111
    assert told["8"] == bytes([PIN_ALWAYS, TOUCH_ALWAYS])
    key = leaf.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key == ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), point)


def test_moved_and_deleted(card: Card) -> None:
    authenticate(card)
    generate(card)
    send(card, 0xF6, 0x82, 0x9C)
    assert 0x9C not in card.piv.keys
    send(card, 0xF6, 0xFF, 0x82)
    assert refused(card, 0xF7, 0, 0x82) == SW.REFERENCE_DATA_NOT_FOUND
    assert refused(card, 0xF6, 0x9C, 0xF9) == SW.INCORRECT_PARAMETERS


def test_objects(card: Card) -> None:
    printed, authenticated = bytes.fromhex("5c035fc109"), bytes.fromhex("5c035fc105")
    assert refused(card, 0xCB, 0x3F, 0xFF, printed) == SW.SECURITY_CONDITION_NOT_SATISFIED
    verify_pin(card)
    assert refused(card, 0xCB, 0x3F, 0xFF, printed) == SW.FILE_NOT_FOUND
    assert (
        refused(card, 0xDB, 0x3F, 0xFF, authenticated + tlv.encode(0x53, b"x")) == SW.SECURITY_CONDITION_NOT_SATISFIED
    )
    authenticate(card)
    assert refused(card, 0xDB, 0x3F, 0xFF, authenticated + tlv.encode(0x53, bytes(3053))) == SW.NO_SPACE
    send(card, 0xDB, 0x3F, 0xFF, authenticated + tlv.encode(0x53, bytes(3052)))
    send(card, 0xDB, 0x3F, 0xFF, authenticated + tlv.encode(0x53, b""))
    assert refused(card, 0xCB, 0x3F, 0xFF, authenticated) == SW.FILE_NOT_FOUND


# -- faults ------------------------------------------------------------------


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
