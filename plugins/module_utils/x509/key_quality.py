# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an RSA modulus is one of those that can be factored cheaply.

The three families that public CAs test for (CA/Browser Forum Baseline Requirements 6.1.1.3): small factors, primes
that lie close together, and the primes of a faulty smart card library (ROCA).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

SMALL_FACTOR_LIMIT = 2000
FERMAT_ROUNDS = 110  # what the Baseline Requirements ask for is 100

# CVE-2017-15361: the faulty library's primes, and so its moduli, are powers of 65537 modulo each of these.
_ROCA_PRIMES = (
    11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
)  # fmt: skip


def weakness(modulus: int) -> str | None:
    """Why a modulus must not be used, None where no reason is known.

    Args:
        modulus: of an RSA public key.
    """
    if math.gcd(modulus, _product_of_small_primes()) != 1:
        return f"has a prime factor below {SMALL_FACTOR_LIMIT}"
    if _primes_are_close(modulus):
        return "is the product of two primes that lie close together"
    if all(modulus % prime in _powers_of_65537(prime) for prime in _ROCA_PRIMES):
        return "was made by a library whose keys can be factored (ROCA, CVE-2017-15361)"
    return None


@functools.cache
def _product_of_small_primes() -> int:
    return math.prod(_primes(SMALL_FACTOR_LIMIT))


def _primes(limit: int) -> Iterator[int]:
    composite: set[int] = set()
    for number in range(2, limit):
        if number not in composite:
            yield number
            composite.update(range(number * number, limit, number))


def _primes_are_close(modulus: int) -> bool:
    """Fermat's method: look for modulus = a^2 - b^2 with a just above the square root."""
    a = math.isqrt(modulus)
    if a * a < modulus:
        a += 1
    for _round in range(FERMAT_ROUNDS):
        remainder = a * a - modulus
        root = math.isqrt(remainder)
        if root * root == remainder:
            return True
        a += 1
    return False


@functools.cache
def _powers_of_65537(prime: int) -> frozenset[int]:
    return frozenset(pow(65537, exponent, prime) for exponent in range(prime - 1))
