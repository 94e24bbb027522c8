# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PIN, PUK and management key of a key."""

from __future__ import annotations

import hmac
import secrets

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from .algorithms import Version
from .apdu import SW, Status

DEFAULT_PIN = b"123456\xff\xff"
DEFAULT_PUK = b"12345678"
DEFAULT_MANAGEMENT_KEY = bytes.fromhex("0102030405060708" * 3)
DEFAULT_TRIES = 3
# names of `ykman piv access change-management-key --algorithm`
MANAGEMENT_ALGORITHMS = {"tdes": 0x03, "aes128": 0x08, "aes192": 0x0A, "aes256": 0x0C}
_SIZES = {0x03: 24, 0x08: 16, 0x0A: 24, 0x0C: 32}
_TDES = 0x03
_SHORTEST, _WIDTH = 6, 8


def padded(text: str) -> bytes:
    """Return a PIN or PUK as it goes over the wire: eight bytes, filled with ff."""
    return text.encode().ljust(_WIDTH, b"\xff")


class Reference:
    """A PIN or PUK: its value and the tries that are left."""

    def __init__(self, default: bytes) -> None:
        self._default = default
        self._value = default
        self.most = self.left = DEFAULT_TRIES

    def __repr__(self) -> str:
        return f"Reference(left={self.left}, most={self.most})"

    @property
    def is_default(self) -> bool:
        """Whether the value is the factory default."""
        return self._value == self._default

    def refusal(self) -> Status:
        """The answer to a wrong value, or to the question how many tries are left."""
        return Status(0x63C0 | min(self.left, 15) if self.left else SW.AUTH_METHOD_BLOCKED)

    def check(self, value: bytes) -> None:
        """Compare; a wrong value costs a try, the right one brings all tries back.

        Raises:
            Status: wrong value (63cx), blocked (6983) or not eight bytes (6a80, which costs nothing).
        """
        if not self.left:
            raise Status(SW.AUTH_METHOD_BLOCKED)
        if len(value) != _WIDTH:
            raise Status(SW.INCORRECT_PARAMETERS)
        if not hmac.compare_digest(value, self._value):
            self.left -= 1
            raise self.refusal()
        self.left = self.most

    def set(self, value: bytes) -> None:
        """Take a new value of six to eight bytes, filled with ff; all tries come back.

        Raises:
            Status: incorrect parameters (6a80).
        """
        text = value.rstrip(b"\xff")
        if len(value) != _WIDTH or len(text) < _SHORTEST or b"\xff" in text:
            raise Status(SW.INCORRECT_PARAMETERS)
        self._value = value
        self.left = self.most

    def set_tries(self, most: int) -> None:
        """Take a new number of tries; the value is the factory's again."""
        self._value, self.most, self.left = self._default, most, most

    def block(self) -> None:
        """Use up all tries."""
        self.left = 0


class ManagementKey:
    """The management key and its challenge-response (SP 800-73-4 part 2, A.1)."""

    def __init__(self, algorithm: int) -> None:
        self.algorithm = algorithm
        self.touch_policy = 1
        self._value = DEFAULT_MANAGEMENT_KEY
        self._expected: bytes | None = None

    def __repr__(self) -> str:
        return f"ManagementKey(algorithm={self.algorithm:02x})"

    @property
    def is_default(self) -> bool:
        """Whether the value is the factory default."""
        return self._value == DEFAULT_MANAGEMENT_KEY

    def set(self, algorithm: int, value: bytes, version: Version) -> None:
        """Take a new key; AES needs firmware 5.4.2.

        Raises:
            Status: incorrect parameters (6a80).
        """
        if _SIZES.get(algorithm) != len(value) or (algorithm != _TDES and version < (5, 4, 2)):
            raise Status(SW.INCORRECT_PARAMETERS)
        self.algorithm, self._value = algorithm, value

    def forget(self) -> None:
        """End a challenge that was not answered."""
        self._expected = None

    def witness(self) -> bytes:
        """Begin a mutual authentication: a secret that only the holder of the key can decrypt."""
        self._expected = secrets.token_bytes(self._block)
        return self._encrypt(self._expected)

    def challenge(self) -> bytes:
        """Begin a one-sided authentication: a challenge that the host is to encrypt."""
        plain = secrets.token_bytes(self._block)
        self._expected = self._encrypt(plain)
        return plain

    def answered(self, value: bytes) -> bool:
        """Whether this answers the last challenge, which is then spent."""
        expected, self._expected = self._expected, None
        return expected is not None and hmac.compare_digest(expected, value)

    def prove(self, challenge: bytes) -> bytes:
        """Encrypt the host's challenge: proof that the card has the key too.

        Raises:
            Status: incorrect parameters (6a80).
        """
        if len(challenge) != self._block:
            raise Status(SW.INCORRECT_PARAMETERS)
        return self._encrypt(challenge)

    @property
    def _block(self) -> int:
        return 8 if self.algorithm == _TDES else 16

    def _encrypt(self, data: bytes) -> bytes:
        key = TripleDES(self._value) if self.algorithm == _TDES else algorithms.AES(self._value)
        # One block of random bytes, as the standard says.
        work = Cipher(key, modes.ECB()).encryptor()  # noqa: S305
        return work.update(data) + work.finalize()
