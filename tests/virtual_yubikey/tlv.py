# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""BER-TLV as PIV uses it (ISO/IEC 7816-4, 5.2): tags of one or two bytes, definite lengths."""

from __future__ import annotations


class TlvError(ValueError):
    """The bytes are not TLV."""


def encode(tag: int, value: bytes) -> bytes:
    """Return one element; a tag above 0xff takes two bytes."""
    head = tag.to_bytes(2 if tag > 0xFF else 1, "big")
    size = len(value)
    if size < 0x80:
        return head + bytes([size]) + value
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return head + bytes([0x80 | len(length)]) + length + value


def decode(data: bytes) -> list[tuple[int, bytes]]:
    """Return the elements in their order.

    Raises:
        TlvError: an element is cut off, or its length is indefinite.
    """
    found = []
    position = 0
    while position < len(data):
        tag, position = _tag(data, position)
        size, position = _size(data, position)
        if position + size > len(data):
            raise TlvError("an element is cut off")
        found.append((tag, data[position : position + size]))
        position += size
    return found


def fields(data: bytes) -> dict[int, bytes]:
    """Return the elements by tag; of equal tags the last one."""
    return dict(decode(data))


def field(data: bytes, tag: int) -> bytes:
    """Return the value of one element.

    Raises:
        TlvError: there is none, or the bytes are not TLV.
    """
    try:
        return fields(data)[tag]
    except KeyError as missing:
        raise TlvError(f"no element {tag:x}") from missing


def _byte(data: bytes, position: int) -> int:
    if position >= len(data):
        raise TlvError("an element is cut off")
    return data[position]


def _tag(data: bytes, position: int) -> tuple[int, int]:
    first = _byte(data, position)
    if first & 0x1F != 0x1F:
        return first, position + 1
    return first << 8 | _byte(data, position + 1), position + 2


def _size(data: bytes, position: int) -> tuple[int, int]:
    first = _byte(data, position)
    if first < 0x80:
        return first, position + 1
    count = first & 0x7F
    if count not in (1, 2, 3):
        raise TlvError("a length is indefinite or too long")
    end = position + 1 + count
    if end > len(data):
        raise TlvError("a length is cut off")
    return int.from_bytes(data[position + 1 : end], "big"), end
