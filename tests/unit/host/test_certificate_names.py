# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Issuer and subject, read from certificates of any maker."""

from __future__ import annotations

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import der, pem
from cryptography.hazmat.primitives.serialization import Encoding
from factories import pki
from hypothesis import given
from hypothesis import strategies as st

ROOT = pki.root("A root's name")
BELOW = ROOT.intermediate("Below")
CERTIFICATE = BELOW.certificate.public_bytes(Encoding.DER)


def wrapped(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content).to_bytes(4, "big").lstrip(b"\0") or b"\0"
    head = size if len(content) < 0x80 else bytes([0x80 | len(size)]) + size
    return bytes([tag]) + head + content


SERIAL, EMPTY = wrapped(2, b"\1"), wrapped(0x30)
ISSUER, SUBJECT = wrapped(0x30, b"issuer"), wrapped(0x30, b"subject")


def test_names_are_those_of_the_certificate() -> None:
    issuer, subject = der.names(CERTIFICATE)
    assert wrapped(0x30, issuer) == ROOT.certificate.subject.public_bytes()
    assert wrapped(0x30, subject) == BELOW.certificate.subject.public_bytes()


def test_who_issued_it_is_the_subject_of_the_root() -> None:
    root = ROOT.certificate.public_bytes(Encoding.DER)
    assert der.foreign_issuer(CERTIFICATE) == der.name_digests(root)[1] != ""
    assert der.foreign_issuer(root) == ""
    assert pem.issuers(ROOT.pem + BELOW.pem) == {ROOT.sha256: "", BELOW.sha256: der.name_digests(root)[1]}


def test_a_certificate_of_version_1_has_no_version() -> None:
    signed = wrapped(0x30, SERIAL, EMPTY, ISSUER, EMPTY, SUBJECT, EMPTY)
    assert der.names(wrapped(0x30, signed, EMPTY, wrapped(3))) == (b"issuer", b"subject")


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [SERIAL, EMPTY, ISSUER, EMPTY],
        [wrapped(0xA0), wrapped(0xA0), SERIAL, EMPTY, ISSUER, EMPTY, SUBJECT],
        [EMPTY, SERIAL, ISSUER, EMPTY, SUBJECT],
        [SERIAL, EMPTY, wrapped(0x31, b"issuer"), EMPTY, SUBJECT],
        [SERIAL, EMPTY, ISSUER, EMPTY, wrapped(0x0C, b"subject")],
    ],
)
def test_what_is_not_in_the_order_of_a_certificate_has_no_names(fields: list[bytes]) -> None:
    made = wrapped(0x30, wrapped(0x30, *fields))
    with pytest.raises(ValueError, match="it is not a certificate"):
        der.names(made)
    assert der.name_digests(made) == ("", "")
    assert der.foreign_issuer(made) == ""


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    assert der.foreign_issuer(content) == "" or der.names(content)


@given(st.integers(0, len(CERTIFICATE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_read_or_refused(place: int, change: int) -> None:
    content = bytearray(CERTIFICATE)
    content[place] ^= change
    der.name_digests(bytes(content))


@given(st.integers(0, len(CERTIFICATE) - 1))
def test_a_certificate_that_was_cut_has_no_names(size: int) -> None:
    assert der.name_digests(CERTIFICATE[:size]) == ("", "")


def test_what_stands_behind_the_subject_costs_nothing() -> None:
    """However many elements somebody puts there."""
    signed = wrapped(0x30, SERIAL, EMPTY, ISSUER, EMPTY, SUBJECT, b"\5\0" * (1 << 20))
    assert der.names(wrapped(0x30, signed)) == (b"issuer", b"subject")
    assert sum(1 for _element in der.elements(b"\5\0" * (1 << 18))) == 1 << 18


@pytest.mark.parametrize("length", ["80", "8100", "817f", "820080", "8500000001", "84ffffffff", "ff", "81"])
def test_lengths_are_those_of_der(length: str) -> None:
    with pytest.raises(ValueError, match="its lengths are not those of DER|it ends too early"):
        list(der.elements(b"\x30" + bytes.fromhex(length)))
