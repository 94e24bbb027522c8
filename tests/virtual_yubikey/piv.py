# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PIV applet: SP 800-73-4 part 2 with Yubico's extensions."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding

from . import algorithms, attestation, tlv
from .algorithms import PrivateKey, Version
from .apdu import SW, Command, Status
from .credentials import DEFAULT_PIN, DEFAULT_PUK, ManagementKey, Reference
from .touch import Touch

AID = bytes.fromhex("a000000308")
AUTHENTICATE, MANAGEMENT_SLOT, ATTESTATION_SLOT = 0x87, 0x9B, 0xF9
KEY_SLOTS = frozenset({0x9A, 0x9C, 0x9D, 0x9E, *range(0x82, 0x96)})
PIN, PUK = 0x80, 0x81
OBJECT_BYTES = 3052  # what one object of a YubiKey 4 or 5 can hold
GENERATED, IMPORTED = 1, 2
_VERIFY = 0x20
_DELETE = 0xFF  # MOVE KEY: to nowhere
_PIN_ONCE, _PIN_ALWAYS = 2, 3
_TOUCH_NEVER, _TOUCH_ALWAYS, _TOUCH_CACHED = 1, 2, 3
_TOUCH_CACHE_SECONDS = 15
_DEFAULT_PIN_POLICY = {0x9C: _PIN_ALWAYS, 0x9E: 1}
_DISCOVERY = bytes.fromhex("7e124f0ba0000003080000100001005f2f024000")
_ATTESTATION_OBJECT = bytes.fromhex("5fff01")
# Fingerprints, face, printed information and iris (SP 800-73-4 part 1, table 2); ykman keeps a management key in the
# printed information.
_BEHIND_PIN = frozenset(bytes.fromhex(f"5fc1{last}") for last in ("03", "08", "09", "21"))


@dataclass(frozen=True, eq=False)
class SlotKey:
    """A key in a slot, with what GET METADATA says of it."""

    algorithm: int
    key: PrivateKey
    pin_policy: int
    touch_policy: int
    origin: int


class PivApplet:
    """The applet of one key.

    Args:
        serial: of the key.
        version: of its firmware.
        management_algorithm: of the management key when the key leaves the factory, and after a reset.
        issuer: key and certificate of the slot f9.
        touch: who touches it.
    """

    aid = AID

    def __init__(
        self, serial: int, version: Version, management_algorithm: int, issuer: attestation.Issuer, touch: Touch
    ) -> None:
        self.serial = serial
        self.version = version
        self.signatures = 0
        self._touch = touch
        self._touched = -float(_TOUCH_CACHE_SECONDS)
        self._factory_algorithm = management_algorithm
        self._issuer = issuer
        attestation_key = SlotKey(algorithms.number(issuer.key), issuer.key, 1, _TOUCH_NEVER, GENERATED)
        self.keys = {ATTESTATION_SLOT: attestation_key}
        certificate = issuer.certificate.public_bytes(Encoding.DER)
        stored = tlv.encode(0x70, certificate) + tlv.encode(0x71, b"\0") + tlv.encode(0xFE, b"")
        self._objects = {_ATTESTATION_OBJECT: stored}
        self._handlers: dict[int, Callable[[Command], bytes]] = {
            _VERIFY: self._verify,
            0x24: self._change_reference,
            0x2C: self._reset_retry,
            0x47: self._generate,
            AUTHENTICATE: self._authenticate,
            0xCB: self._get_data,
            0xDB: self._put_data,
            0xF6: self._move_key,
            0xF7: self._metadata,
            0xF8: lambda _command: self.serial.to_bytes(4, "big"),
            0xF9: self._attest,
            0xFA: self._set_retries,
            0xFB: self._reset,
            0xFD: lambda _command: bytes(self.version),
            0xFE: self._import_key,
            0xFF: self._set_management_key,
        }
        self._since = {0xF6: (5, 7, 0), 0xF7: (5, 3, 0), 0xF8: (5, 0, 0), 0xF9: (4, 3, 0)}
        self.factory_reset()

    def factory_reset(self) -> None:
        """Wipe keys, objects and credentials; what is in f9 stays, as on a YubiKey."""
        self.keys = {ATTESTATION_SLOT: self.keys[ATTESTATION_SLOT]}
        self._objects = {_ATTESTATION_OBJECT: self._objects[_ATTESTATION_OBJECT]}
        self.references = {PIN: Reference(DEFAULT_PIN), PUK: Reference(DEFAULT_PUK)}
        self.management_key = ManagementKey(self._factory_algorithm)
        self.deselect()

    def select(self) -> bytes:
        """Become the current applet."""
        identifier = tlv.encode(0x4F, bytes.fromhex("000010000100"))
        return tlv.encode(0x61, identifier + tlv.encode(0x79, tlv.encode(0x4F, AID)))

    def deselect(self) -> None:
        """Forget what was proven to the applet."""
        self._pin_verified = self._pin_fresh = self._managed = False
        self.management_key.forget()

    def handle(self, command: Command) -> bytes:
        """Answer a command.

        Raises:
            Status: an end other than 9000.
        """
        handler = self._handlers.get(command.ins)
        if handler is None or self.version < self._since.get(command.ins, (0, 0, 0)):
            raise Status(SW.INVALID_INSTRUCTION)
        try:
            return handler(command)
        except tlv.TlvError as malformed:
            raise Status(SW.INCORRECT_PARAMETERS) from malformed
        finally:
            # "PIN always": VERIFY is the command just before the private key is used.
            self._pin_fresh = self._pin_fresh and command.ins == _VERIFY

    # -- PIN, PUK ------------------------------------------------------------

    def _reference(self, number: int) -> Reference:
        try:
            return self.references[number]
        except KeyError as unknown:
            raise Status(SW.REFERENCE_DATA_NOT_FOUND) from unknown

    def _verify(self, command: Command) -> bytes:
        if command.p2 != PIN:
            raise Status(SW.REFERENCE_DATA_NOT_FOUND)
        reference = self.references[PIN]
        if command.p1 == 0xFF:
            self._pin_verified = self._pin_fresh = False
        elif command.data:
            self._pin_verified = self._pin_fresh = False
            reference.check(command.data)
            self._pin_verified = self._pin_fresh = True
        elif not self._pin_verified:
            raise reference.refusal()
        return b""

    def _change_reference(self, command: Command) -> bytes:
        reference = self._reference(command.p2)
        reference.check(command.data[:8])
        reference.set(command.data[8:])
        return b""

    def _reset_retry(self, command: Command) -> bytes:
        if command.p2 != PIN:
            raise Status(SW.REFERENCE_DATA_NOT_FOUND)
        self.references[PUK].check(command.data[:8])
        self.references[PIN].set(command.data[8:])
        return b""

    def _set_retries(self, command: Command) -> bytes:
        self._require_management()
        if not self._pin_verified:
            raise Status(SW.SECURITY_CONDITION_NOT_SATISFIED)
        if not command.p1 or not command.p2:
            raise Status(SW.INCORRECT_PARAMETERS)
        self.references[PIN].set_tries(command.p1)
        self.references[PUK].set_tries(command.p2)
        return b""

    def _reset(self, _command: Command) -> bytes:
        if any(reference.left for reference in self.references.values()):
            raise Status(SW.CONDITIONS_NOT_SATISFIED)
        self.factory_reset()
        return b""

    # -- management key ------------------------------------------------------

    def _require_management(self) -> None:
        if not self._managed:
            raise Status(SW.SECURITY_CONDITION_NOT_SATISFIED)

    def _set_management_key(self, command: Command) -> bytes:
        self._require_management()
        head, value = command.data[:3], command.data[3:]
        if len(head) < 3 or head[1] != MANAGEMENT_SLOT or head[2] != len(value):
            raise Status(SW.INCORRECT_PARAMETERS)
        self.management_key.set(head[0], value, self.version)
        self.management_key.touch_policy = _TOUCH_ALWAYS if command.p2 == 0xFE else _TOUCH_NEVER
        return b""

    def _authenticate_management(self, algorithm: int, parts: dict[int, bytes]) -> bytes:
        key = self.management_key
        if algorithm != key.algorithm:
            raise Status(SW.INCORRECT_PARAMETERS)
        if parts.get(0x80) == b"":
            return tlv.encode(0x7C, tlv.encode(0x80, key.witness()))
        if parts.get(0x81) == b"":
            return tlv.encode(0x7C, tlv.encode(0x81, key.challenge()))
        response = parts.get(0x80) or parts.get(0x82)
        if not response or not key.answered(response):
            raise Status(SW.SECURITY_CONDITION_NOT_SATISFIED)
        proof = tlv.encode(0x7C, tlv.encode(0x82, key.prove(parts.get(0x81, b"")))) if 0x80 in parts else b""
        self._require_touch(key.touch_policy)
        self._managed = True
        return proof

    # -- keys ----------------------------------------------------------------

    def _policies(self, slot: int, parts: dict[int, bytes]) -> tuple[int, int]:
        pin, touch = parts.get(0xAA, b"\0"), parts.get(0xAB, b"\0")
        if len(pin) != 1 or len(touch) != 1 or pin[0] > _PIN_ALWAYS or touch[0] > _TOUCH_CACHED:
            raise Status(SW.INCORRECT_PARAMETERS)
        return pin[0] or _DEFAULT_PIN_POLICY.get(slot, _PIN_ONCE), touch[0] or _TOUCH_NEVER

    def _require_slot(self, slot: int) -> None:
        if slot not in KEY_SLOTS:
            raise Status(SW.WRONG_PARAMETERS)

    def _generate(self, command: Command) -> bytes:
        self._require_management()
        self._require_slot(command.p2)
        parts = tlv.fields(tlv.field(command.data, 0xAC))
        wanted = parts.get(0x80, b"")
        if len(wanted) != 1:
            raise Status(SW.INCORRECT_PARAMETERS)
        algorithms.require_supported(wanted[0], self.version)
        policies = self._policies(command.p2, parts)
        key = algorithms.generate(wanted[0])
        self.keys[command.p2] = SlotKey(wanted[0], key, *policies, GENERATED)
        return tlv.encode(0x7F49, algorithms.public_fields(key))

    def _import_key(self, command: Command) -> bytes:
        self._require_management()
        self._require_slot(command.p2)
        algorithms.require_supported(command.p1, self.version)
        parts = tlv.fields(command.data)
        key = algorithms.load(command.p1, parts)
        self.keys[command.p2] = SlotKey(command.p1, key, *self._policies(command.p2, parts), IMPORTED)
        return b""

    def _move_key(self, command: Command) -> bytes:
        self._require_management()
        target, source = command.p1, command.p2
        if source not in self.keys:
            raise Status(SW.REFERENCE_DATA_NOT_FOUND)
        if source == ATTESTATION_SLOT or target not in KEY_SLOTS | {_DELETE}:
            raise Status(SW.INCORRECT_PARAMETERS)
        key = self.keys.pop(source)
        if target != _DELETE:
            self.keys[target] = key
        return b""

    def _metadata(self, command: Command) -> bytes:
        if command.p2 in self.references:
            reference = self.references[command.p2]
            return _flag(reference.is_default) + tlv.encode(0x06, bytes([reference.most, reference.left]))
        if command.p2 == MANAGEMENT_SLOT:
            key = self.management_key
            policies = tlv.encode(0x02, bytes([0, key.touch_policy]))
            return tlv.encode(0x01, bytes([key.algorithm])) + policies + _flag(key.is_default)
        slot = self._slot(command.p2, SW.REFERENCE_DATA_NOT_FOUND)
        return (
            tlv.encode(0x01, bytes([slot.algorithm]))
            + tlv.encode(0x02, bytes([slot.pin_policy, slot.touch_policy]))
            + tlv.encode(0x03, bytes([slot.origin]))
            + tlv.encode(0x04, algorithms.public_fields(slot.key))
        )

    def _slot(self, number: int, otherwise: SW) -> SlotKey:
        try:
            return self.keys[number]
        except KeyError as empty:
            raise Status(otherwise) from empty

    def _attest(self, command: Command) -> bytes:
        slot = self._slot(command.p1, SW.INCORRECT_PARAMETERS)
        if slot.origin != GENERATED or command.p1 not in KEY_SLOTS:
            raise Status(SW.INCORRECT_PARAMETERS)
        policies = (slot.pin_policy, slot.touch_policy)
        return attestation.attest(
            self._issuer, command.p1, slot.key, version=self.version, serial=self.serial, policies=policies
        )

    def _authenticate(self, command: Command) -> bytes:
        parts = tlv.fields(tlv.field(command.data, 0x7C))
        if command.p2 == MANAGEMENT_SLOT:
            return self._authenticate_management(command.p1, parts)
        slot = self._slot(command.p2, SW.INCORRECT_PARAMETERS)
        if slot.algorithm != command.p1:
            raise Status(SW.INCORRECT_PARAMETERS)
        verified = {_PIN_ONCE: self._pin_verified, _PIN_ALWAYS: self._pin_fresh}
        if not verified.get(slot.pin_policy, True):
            raise Status(SW.SECURITY_CONDITION_NOT_SATISFIED)
        self._require_touch(slot.touch_policy)
        if 0x85 in parts:
            return tlv.encode(0x7C, tlv.encode(0x82, algorithms.agree(slot.key, parts[0x85])))
        if 0x81 not in parts:
            raise Status(SW.INCORRECT_PARAMETERS)
        signature = algorithms.sign(slot.key, parts[0x81])
        self.signatures += 1
        return tlv.encode(0x7C, tlv.encode(0x82, signature))

    def _require_touch(self, policy: int) -> None:
        cached = policy == _TOUCH_CACHED and time.monotonic() - self._touched < _TOUCH_CACHE_SECONDS
        if policy == _TOUCH_NEVER or cached:
            return
        if not self._touch.request(self.serial):
            raise Status(SW.SECURITY_CONDITION_NOT_SATISFIED)
        self._touched = time.monotonic()

    # -- objects -------------------------------------------------------------

    def _get_data(self, command: Command) -> bytes:
        name = tlv.field(command.data, 0x5C)
        if name == b"\x7e":
            return _DISCOVERY
        if name in _BEHIND_PIN and not self._pin_verified:
            raise Status(SW.SECURITY_CONDITION_NOT_SATISFIED)
        if name not in self._objects:
            raise Status(SW.FILE_NOT_FOUND)
        return tlv.encode(0x53, self._objects[name])

    def _put_data(self, command: Command) -> bytes:
        self._require_management()
        parts = tlv.fields(command.data)
        name, value = parts.get(0x5C, b""), parts.get(0x53, b"")
        if len(name) != 3 or name[0] != 0x5F:
            raise Status(SW.INCORRECT_PARAMETERS)
        if len(value) > OBJECT_BYTES:
            raise Status(SW.NO_SPACE)
        if value:
            self._objects[name] = value
        else:
            self._objects.pop(name, None)
        return b""


def _flag(default: bool) -> bytes:
    return tlv.encode(0x05, bytes([default]))
