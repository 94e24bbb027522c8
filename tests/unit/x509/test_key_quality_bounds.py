# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where each test for a weak modulus begins and ends; with numbers that need no search."""

from __future__ import annotations

import math

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import key_quality

# Two primes of 521 and 607 bits (Mersenne), and one far from both: nothing about their products is weak.
M521, M607, M1279 = (2**exponent - 1 for exponent in (521, 607, 1279))
SMALL = [number for number in range(2, 2100) if all(number % factor for factor in range(2, number))]


def test_nothing_is_weak_about_a_modulus_of_two_distant_primes() -> None:
    assert key_quality.weakness(M521 * M607) is None


@pytest.mark.parametrize("prime", SMALL)
def test_every_small_prime_is_found(prime: int) -> None:
    """All below the limit, none above it."""
    found = key_quality.weakness(prime * M1279)
    assert (found == "has a prime factor below 2000") == (prime < 2000)


def close(rounds: int) -> int:
    """A modulus whose factors Fermat's method finds in exactly so many rounds."""
    # (a - b)(a + b) with a = isqrt(modulus) + rounds: for a large a, b^2 is close to 2a(rounds - 1), and above it.
    a = 2**700 + 12345
    b = math.isqrt(2 * a * (rounds - 1)) + 2**9
    while True:
        modulus = a * a - b * b
        start = math.isqrt(modulus)
        start += start * start < modulus
        if a - start == rounds - 1 and math.gcd(modulus, math.prod(SMALL)) == 1:
            return modulus
        b += 1


@pytest.mark.parametrize(("rounds", "weak"), [(1, True), (2, True), (100, True), (110, True), (111, False)])
def test_how_far_primes_must_lie_apart(rounds: int, weak: bool) -> None:
    """The Baseline Requirements ask for 100 rounds."""
    found = key_quality.weakness(close(rounds))
    assert (found == "is the product of two primes that lie close together") == weak


def test_a_square_is_the_closest() -> None:
    assert "close together" in str(key_quality.weakness(M521 * M521))


PRIMES = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)


def rocas(wrong: int | None = None) -> list[int]:
    """Moduli with the fingerprint of the faulty library, but for one of the primes."""
    product = math.prod(PRIMES)
    residue = pow(65537, 5, product)
    if wrong is not None:
        # By the Chinese remainder theorem: the same modulo all others, not a power of 65537 modulo this one.
        powers = {pow(65537, exponent, wrong) for exponent in range(wrong)}
        other = next(number for number in range(1, wrong) if number not in powers)
        rest = product // wrong
        residue = (residue + rest * ((other - residue) * pow(rest, -1, wrong) % wrong)) % product
    first = residue + product * (M521 * M607 // product)
    numbers = (first + product * step for step in range(2000))
    return [number for number in numbers if math.gcd(number, math.prod(SMALL)) == 1][:24]


def test_the_faulty_library_by_its_fingerprint() -> None:
    found = [key_quality.weakness(one) for one in rocas()]
    assert len(found) == 24 and all("ROCA" in str(one) for one in found)


@pytest.mark.parametrize("prime", PRIMES)
def test_one_prime_that_does_not_fit_is_enough(prime: int) -> None:
    """Then a good key is not taken for one of the library's."""
    assert [key_quality.weakness(one) for one in rocas(wrong=prime)] == [None] * 24
