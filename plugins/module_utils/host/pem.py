# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PEM (RFC 7468) and the fingerprints of what is in it. Standard library only."""

from __future__ import annotations

import base64
import hashlib
import re
import ssl
from collections.abc import Iterator

from ..errors import TrustAnchorError
from . import der

# No five dashes inside: a mention of a beginning in the text before a block must not take the block's own with it.
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----[^-]*(?:-(?!----)[^-]*)*-----END \1-----")


def blocks(text: str) -> list[str]:
    """All PEM blocks of a text, each with a newline at its end."""
    return [f"{match.group(0)}\n" for match in _BLOCK.finditer(text)]


def labels(text: str) -> list[str]:
    """What each PEM block of a text says that it is, for example ``CERTIFICATE``."""
    return [match.group(1) for match in _BLOCK.finditer(text)]


def fingerprint(block: str) -> str:
    """SHA-256 of the DER in one PEM block of a certificate, lower-case hex.

    Raises:
        ValueError: it is not one.
    """
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(block.strip())).hexdigest()


def fingerprints(text: str) -> set[str]:
    """Fingerprints of all certificates in a PEM text; blocks that cannot be decoded are passed over."""
    return {hashlib.sha256(content).hexdigest() for content in _certificates(text)}


def issuers(text: str) -> dict[str, str]:
    """As `fingerprints`, each with `der.foreign_issuer` of its certificate."""
    return {hashlib.sha256(content).hexdigest(): der.foreign_issuer(content) for content in _certificates(text)}


def all_of_authorities(text: str) -> bool:
    """Whether all certificates in a PEM text are those of CAs (`der.is_ca`)."""
    return all(map(der.is_ca, _certificates(text)))


def subjects(text: str) -> dict[str, str]:
    """As `fingerprints`, each with the digest of its certificate's subject (`der.name_digests`)."""
    return {hashlib.sha256(content).hexdigest(): der.name_digests(content)[1] for content in _certificates(text)}


def _certificates(text: str) -> Iterator[bytes]:
    """DER of the certificates that OpenSSL loads from a PEM text."""
    for match in _BLOCK.finditer(text):
        if match.group(1).endswith("CERTIFICATE"):
            try:
                yield _first_element(decode(match.group(0)))
            except ValueError:
                continue


def decode(block: str) -> bytes:
    """What one PEM block holds, whatever its label.

    OpenSSL loads X509 CERTIFICATE and TRUSTED CERTIFICATE as trust anchors, too.

    Raises:
        ValueError: its content is not base64.
    """
    return base64.b64decode("".join(block.strip().splitlines()[1:-1]))


def only_certificate(text: str) -> bytes:
    """The DER of the one certificate that a text holds: of several, programs take different ones for the first.

    Raises:
        TrustAnchorError: it does not hold one block of PEM, which is a certificate.
    """
    if labels(text) != ["CERTIFICATE"]:
        raise TrustAnchorError("this is not a certificate", "one in PEM is expected, and no other block beside it")
    try:
        return decode(blocks(text)[0])
    except ValueError as error:
        raise TrustAnchorError("this is not a certificate", str(error)) from error


def _first_element(content: bytes) -> bytes:
    """The first DER element; OpenSSL's trusted form has trust settings behind the certificate (X.690 section 8.1)."""
    if len(content) < 2:
        raise ValueError("not DER")
    size, head = content[1], 2
    if size & 0x80:
        head = 2 + (size & 0x7F)
        size = int.from_bytes(content[2:head], "big")
    return content[: head + size]
