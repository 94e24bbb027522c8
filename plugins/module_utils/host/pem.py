# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PEM (RFC 7468) and the fingerprints of what is in it. Standard library only."""

from __future__ import annotations

import base64
import hashlib
import re
import ssl
from bisect import bisect_left
from collections.abc import Iterator

_EDGE = re.compile(r"-----(BEGIN|END) ([A-Z0-9 ]+)-----")


def _found(text: str) -> Iterator[tuple[str, str]]:
    """Label and text of each block, to the first end of its label. The time it takes grows with the text, not faster:
    a user may have written a million beginnings without an end.
    """
    edges = list(_EDGE.finditer(text))
    ends: dict[str, list[tuple[int, int]]] = {}
    for edge in edges:
        if edge.group(1) == "END":
            ends.setdefault(edge.group(2), []).append(edge.span())
    behind = 0
    for edge in edges:
        if edge.group(1) == "BEGIN" and edge.start() >= behind:
            of_label = ends.get(edge.group(2), [])
            first = bisect_left(of_label, (edge.end(), 0))
            if first < len(of_label):
                behind = of_label[first][1]
                yield edge.group(2), text[edge.start() : behind]


def blocks(text: str) -> list[str]:
    """All PEM blocks of a text, each with a newline at its end."""
    return [f"{block}\n" for _label, block in _found(text)]


def labels(text: str) -> list[str]:
    """What each PEM block of a text says that it is, for example ``CERTIFICATE``."""
    return [label for label, _block in _found(text)]


def fingerprint(block: str) -> str:
    """SHA-256 of the DER in one PEM block of a certificate, lower-case hex.

    Raises:
        ValueError: it is not one.
    """
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(block.strip())).hexdigest()


def fingerprints(text: str) -> set[str]:
    """Fingerprints of all certificates in a PEM text; blocks that cannot be decoded are passed over."""
    found = set()
    for label, block in _found(text):
        if label.endswith("CERTIFICATE"):
            try:
                found.add(hashlib.sha256(_first_element(decode(block))).hexdigest())
            except ValueError:
                continue
    return found


def decode(block: str) -> bytes:
    """What one PEM block holds, whatever its label.

    OpenSSL loads X509 CERTIFICATE and TRUSTED CERTIFICATE as trust anchors, too.

    Raises:
        ValueError: its content is not base64.
    """
    return base64.b64decode("".join(block.strip().splitlines()[1:-1]))


def _first_element(der: bytes) -> bytes:
    """The first DER element; OpenSSL's trusted form has trust settings behind the certificate (X.690 section 8.1)."""
    if len(der) < 2:
        raise ValueError("not DER")
    size, head = der[1], 2
    if size & 0x80:
        head = 2 + (size & 0x7F)
        size = int.from_bytes(der[2:head], "big")
    return der[: head + size]
