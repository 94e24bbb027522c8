# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Elements of DER (X.690 section 10), as far as names and extensions of certificates need. Standard library only."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator

SEQUENCE, BOOLEAN, INTEGER, OCTETS, IDENTIFIER = 0x30, 0x01, 0x02, 0x04, 0x06
_VERSION = 0xA0  # [0] of TBSCertificate; a certificate of version 1 has none
_EXTENSIONS = 0xA3  # [3] of TBSCertificate (RFC 5280 section 4.1)
_BASIC_CONSTRAINTS = b"\x55\x1d\x13"  # 2.5.29.19

Element = tuple[int, bytes]  # tag of one byte, and content


def elements(content: bytes) -> Iterator[Element]:
    """What stands one behind the other.

    Raises:
        ValueError: it is not DER, or has a tag or a length that certificates have no use for.
    """
    at = 0
    while at < len(content):
        if len(content) < at + 2 or content[at] & 0x1F == 0x1F:
            raise ValueError("it is not DER")
        start, size = at + 2, content[at + 1]
        if size & 0x80:
            first, start = start, start + (size & 0x7F)
            size = int.from_bytes(content[first:start], "big")
            if not first < start <= first + 4 or size < 0x80 or content[first : first + 1] == b"\0":
                raise ValueError("its lengths are not those of DER")
        if len(content) < start + size:
            raise ValueError("it ends too early")
        yield content[at], content[start : start + size]
        at = start + size


def only(content: bytes, tag: int) -> bytes:
    """The content of an element that stands alone.

    Raises:
        ValueError: it is another one, or more than one.
    """
    [(found, inner)] = elements(content)
    if found != tag:
        raise ValueError("an element has another type")
    return inner


def names(certificate: bytes) -> tuple[bytes, bytes]:
    """Issuer and subject of a certificate, as the content of their elements: what verifiers compare byte by byte.

    Nothing behind the subject is looked at, nor the signature.

    Raises:
        ValueError: it is not a certificate.
    """
    [(kind, signed), *_rest] = itertools.islice(elements(only(certificate, SEQUENCE)), 1)
    if kind != SEQUENCE:
        raise ValueError("it is not a certificate")
    fields = list(itertools.islice(elements(signed), 6))
    if fields and fields[0][0] == _VERSION:
        del fields[0]
    if [tag for tag, _content in fields[:5]] != [INTEGER, *[SEQUENCE] * 4]:
        raise ValueError("it is not a certificate")
    return fields[2][1], fields[4][1]


def name_digests(certificate: bytes) -> tuple[str, str]:
    """SHA-256 of issuer and of subject, hex; what does not read as a certificate has neither."""
    try:
        issuer, subject = names(certificate)
    except ValueError:
        return "", ""
    return hashlib.sha256(issuer).hexdigest(), hashlib.sha256(subject).hexdigest()


def foreign_issuer(certificate: bytes) -> str:
    """`name_digests` of who issued a CA's certificate; empty for one that is self-issued, as roots are.

    Empty for leaves, too: servers keep theirs where they like, and nothing can be issued below one.
    """
    issuer, subject = name_digests(certificate)
    return issuer if issuer != subject and is_ca(certificate) else ""


def is_ca(certificate: bytes) -> bool:
    """Whether a certificate's basic constraints say so (RFC 5280 section 4.2.1.9)."""
    try:
        listed = extensions(certificate, _BASIC_CONSTRAINTS)
        return any(next(elements(only(value, SEQUENCE)), None) == (BOOLEAN, b"\xff") for _critical, value in listed)
    except ValueError:
        return False


def extensions(certificate: bytes, identifier: bytes) -> list[tuple[bool, bytes]]:
    """Whether it is critical, and the value, of each extension of a certificate that has an object identifier.

    Args:
        certificate: DER.
        identifier: content of the object identifier's element.

    Raises:
        ValueError: it is not a certificate.
    """
    (_tag, signed), _algorithm, _signature = elements(only(certificate, SEQUENCE))
    found = []
    for listed in (content for tag, content in elements(signed) if tag == _EXTENSIONS):
        for _sequence, extension in elements(only(listed, SEQUENCE)):
            name, *critical, value = elements(extension)
            if critical not in ([], [(BOOLEAN, b"\xff")]) or (name[0], value[0]) != (IDENTIFIER, OCTETS):
                raise ValueError("an extension is not as it must be")
            if name[1] == identifier:
                found.append((bool(critical), value[1]))
    return found
