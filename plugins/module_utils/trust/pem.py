# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root as a host handles it. Standard library only."""

from __future__ import annotations

import hashlib
import ssl
import time
from dataclasses import dataclass, field

from ..errors import TrustAnchorError
from ..host import openssl, pem
from ..text import times


@dataclass(frozen=True)
class Root:
    """A root as a host handles it.

    Args:
        sha256: fingerprint, lower-case hex.
        pem: one PEM block with a newline at its end: the same certificate gives the same bytes.
        not_before: start of its validity, seconds since the epoch; 0 where nobody asked.
    """

    sha256: str
    pem: str
    not_before: int = field(default=0, compare=False)

    @property
    def der(self) -> bytes:
        """The certificate in DER."""
        return ssl.PEM_cert_to_DER_cert(self.pem)


def parse_root(text: str, where: str) -> Root:
    """Read one root, strictly.

    Args:
        text: PEM; CRLF line ends and text around the block (a byte order mark) are forgiven.
        where: for messages.

    Raises:
        TrustAnchorError: not exactly one certificate, another kind of block (a private key), not a CA, expired.
    """
    text = text.replace("\r\n", "\n")
    labels = pem.labels(text)
    if labels != ["CERTIFICATE"]:
        raise TrustAnchorError(
            f"{where} holds {', '.join(labels) or 'no PEM block'}",
            "exactly one certificate is expected",
            "Give each root its own entry; a private key must never be here",
        )
    try:
        der = ssl.PEM_cert_to_DER_cert(pem.blocks(text)[0].strip())
    except ValueError as error:
        raise TrustAnchorError(f"{where} cannot be decoded", str(error)) from error
    not_before = _check_authority(der, where)
    return Root(hashlib.sha256(der).hexdigest(), ssl.DER_cert_to_PEM_cert(der), not_before)


def _check_authority(der: bytes, where: str) -> int:
    """The start of a root's validity, seconds since the epoch, when it is a CA that has not expired."""
    try:
        facts = openssl.read_certificate(der)
    except TrustAnchorError as error:
        raise TrustAnchorError(f"{where} is not a certificate", error.why or error.what, error.next_step) from error
    name = facts.subject or hashlib.sha256(der).hexdigest()[:16]
    if not facts.is_ca:
        raise TrustAnchorError(f"{where} ({name}) is not a CA certificate", "it would be of no use as a trust anchor")
    if facts.not_after <= time.time():
        raise TrustAnchorError(f"{where} ({name}) has expired", f"it ended at {times.render_epoch(facts.not_after)}")
    return facts.not_before
