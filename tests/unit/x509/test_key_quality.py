# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import math
import secrets

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import key_quality
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.builders import checked_key
from cryptography.hazmat.primitives.asymmetric import rsa


def is_prime(number: int) -> bool:
    """Miller and Rabin's test."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _round in range(20):
        x = pow(secrets.randbelow(number - 3) + 2, odd, number)
        if x in (1, number - 1):
            continue
        if not any((x := pow(x, 2, number)) == number - 1 for _square in range(twos - 1)):
            return False
    return True


def next_prime(number: int) -> int:
    number |= 1
    while not is_prime(number):
        number += 2
    return number


def test_ordinary_keys_are_good() -> None:
    for _key in range(3):
        assert key_quality.weakness(rsa.generate_private_key(65537, 2048).public_key().public_numbers().n) is None


def test_a_small_factor() -> None:
    assert "prime factor below 2000" in str(key_quality.weakness(1999 * next_prime(secrets.randbits(1024))))


def test_primes_that_lie_close_together() -> None:
    prime = next_prime(secrets.randbits(512) | 1 << 511)
    assert "close together" in str(key_quality.weakness(prime * next_prime(prime + 2)))


def test_the_faulty_library() -> None:
    """Its primes have the form k * M + (65537^a mod M), where M is a product of small primes."""
    product = math.prod(key_quality._ROCA_PRIMES)

    def faulty_prime() -> int:
        while True:
            candidate = (secrets.randbits(400) | 1 << 399) * product * 2
            candidate += pow(65537, secrets.randbits(30), product)
            candidate += product if candidate % 2 == 0 else 0
            if is_prime(candidate):
                return candidate

    assert "ROCA" in str(key_quality.weakness(faulty_prime() * faulty_prime()))


def test_a_ca_refuses_a_weak_key() -> None:
    while True:
        prime = next_prime(secrets.randbits(1536) | 3 << 1534)
        modulus = prime * next_prime(prime + 2)
        if modulus.bit_length() == 3072:
            break
    with pytest.raises(TrustAnchorError, match="lie close together"):
        checked_key(rsa.RSAPublicNumbers(65537, modulus).public_key(), "ca1")
