# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import words as pgp
from hypothesis import given
from hypothesis import strategies as st


def test_the_published_example() -> None:
    """The example of the list's own publication, a PGP fingerprint."""
    digest = bytes.fromhex("E58294F2E9A227486E8B061B31CC528FD7FA3F19")
    assert " ".join(pgp.words(digest)) == (
        "topmost Istanbul Pluto vagabond treadmill Pacific brackish dictator goldfish Medusa "
        "afflict bravado chatter revolver Dupont midsummer stopwatch whimsical cowbell bottomless"
    )


@pytest.mark.parametrize("place", [0, 1])
def test_each_byte_has_a_word_of_its_own(place: int) -> None:
    spoken = [pgp.words(bytes([0, byte][1 - place :]))[place] for byte in range(256)]
    assert len(set(spoken)) == 256


def test_no_word_is_in_both_lists() -> None:
    pairs = [pgp.words(bytes([byte, byte])) for byte in range(256)]
    assert not {pair[0] for pair in pairs} & {pair[1] for pair in pairs}


@given(st.binary(max_size=64), st.integers(0, 62))
def test_neighbours_that_are_swapped_are_heard(digest: bytes, place: int) -> None:
    swapped = bytearray(digest)
    swapped[place : place + 2] = swapped[place : place + 2][::-1]
    assert (pgp.words(bytes(swapped)) == pgp.words(digest)) == (bytes(swapped) == digest)


def test_a_fingerprint_has_eight_lines() -> None:
    lines = pgp.fingerprint_lines(hashlib.sha256(b"").hexdigest())
    assert len(lines) == 8
    assert lines[0] == "1: e3 b0 c4 42   tissue phonetic snowslide December"
