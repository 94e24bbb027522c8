# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Elements of DER (X.690 section 10), as far as an extension of a certificate needs them. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator

SEQUENCE, BOOLEAN, OCTETS, IDENTIFIER = 0x30, 0x01, 0x04, 0x06
_EXTENSIONS = 0xA3  # [3] of TBSCertificate (RFC 5280 section 4.1)

Element = tuple[int, bytes]  # tag of one byte, and content


def elements(content: bytes) -> Iterator[Element]:
    """What stands one behind the other.

    Raises:
        ValueError: it is not DER, or has a tag or a length that certificates have no use for.
    """
    while content:
        if len(content) < 2 or content[0] & 0x1F == 0x1F:
            raise ValueError("it is not DER")
        head, size = 2, content[1]
        if size & 0x80:
            head += size & 0x7F
            size = int.from_bytes(content[2:head], "big")
            if not 2 < head <= 6 or size < 0x80 or content[2] == 0:
                raise ValueError("its lengths are not those of DER")
        if len(content) < head + size:
            raise ValueError("it ends too early")
        yield content[0], content[head : head + size]
        content = content[head + size :]


def only(content: bytes, tag: int) -> bytes:
    """The content of an element that stands alone.

    Raises:
        ValueError: it is another one, or more than one.
    """
    [(found, inner)] = elements(content)
    if found != tag:
        raise ValueError("an element has another type")
    return inner


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
