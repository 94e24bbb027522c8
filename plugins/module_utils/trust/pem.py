# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root as a host handles it. Standard library only."""

from __future__ import annotations

import hashlib
import ssl
import time
from dataclasses import replace

from ..errors import TrustAnchorError
from ..host import openssl, pem
from ..text import times
from .root import Root


def parse_root(text: str, where: str, name: str = "", declared: str = "", *, may_have_ended: bool = False) -> Root:
    """Read one root, strictly.

    Args:
        text: PEM; CRLF line ends and text around the block (a byte order mark) are forgiven.
        where: for messages.
        name: of the root in the trust manifest.
        declared: the fingerprint that it must have, 64 lower-case hex digits; empty where nobody declares one.
        may_have_ended: whether one that has expired is read, too; `Root.has_expired` tells it.

    Raises:
        TrustAnchorError: not exactly one certificate, another kind of block (a private key), another fingerprint than
            the declared one, not a CA, expired.
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
    root = Root(name, hashlib.sha256(der).hexdigest(), pem=ssl.DER_cert_to_PEM_cert(der))
    if declared and root.sha256 != declared:
        raise TrustAnchorError(
            f"{where} has fingerprint {root.sha256}",
            f"{declared} is declared",
            "Find out which of the two was changed on its way before anything trusts it",
        )
    start, end = _check_authority(der, where)
    if end <= time.time() and not may_have_ended:
        raise TrustAnchorError(f"{where} ({root.sha256[:16]}) has expired", f"it ended at {times.render_epoch(end)}")
    return replace(root, not_before=start, not_after=end)


def _check_authority(der: bytes, where: str) -> tuple[int, int]:
    """Start and end of a root's validity, seconds since the epoch, when it is a CA."""
    try:
        facts = openssl.read_certificate(der)
    except TrustAnchorError as error:
        raise TrustAnchorError(f"{where} is not a certificate", error.why or error.what, error.next_step) from error
    name = facts.subject or hashlib.sha256(der).hexdigest()[:16]
    if not facts.is_ca:
        raise TrustAnchorError(f"{where} ({name}) is not a CA certificate", "it would be of no use as a trust anchor")
    return facts.not_before, facts.not_after
