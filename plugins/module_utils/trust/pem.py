# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates on any host, with nothing but the standard library and the openssl program."""

from __future__ import annotations

import base64
import hashlib
import re
import ssl
from dataclasses import replace

from ..errors import TrustAnchorError
from ..host.commands import run
from .root import Root

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


def fingerprint(block: str) -> str:
    """SHA-256 of the DER in one PEM block, lower-case hex."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(block.strip())).hexdigest()


def fingerprints(text: str) -> set[str]:
    """Fingerprints of all certificates in a PEM text; blocks that cannot be decoded are passed over."""
    found = set()
    for match in _BLOCK.finditer(text):
        if match.group(1).endswith("CERTIFICATE"):
            try:
                found.add(hashlib.sha256(_first_element(_body(match.group(0)))).hexdigest())
            except ValueError:
                continue
    return found


def pem_blocks(text: str) -> list[str]:
    """All PEM blocks of a text, each with a newline at its end."""
    return [f"{match.group(0)}\n" for match in _BLOCK.finditer(text)]


def _body(block: str) -> bytes:
    """What a PEM block holds, whatever its label: OpenSSL loads X509 and TRUSTED CERTIFICATE as trust anchors, too."""
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


def parse_root(text: str, where: str, name: str = "", declared: str = "") -> Root:
    """Read one root, strictly.

    Args:
        text: PEM; CRLF line ends and text around the block (a byte order mark) are forgiven.
        where: for messages.
        name: of the root in the trust manifest.
        declared: the fingerprint that it must have, 64 lower-case hex digits; empty where nobody declares one.

    Raises:
        TrustAnchorError: not exactly one certificate, another kind of block (a private key), another fingerprint than
            the declared one, not a CA, expired.
    """
    blocks = list(_BLOCK.finditer(text.replace("\r\n", "\n")))
    kinds = [match.group(1) for match in blocks]
    if kinds != ["CERTIFICATE"]:
        raise TrustAnchorError(
            f"{where} holds {', '.join(kinds) or 'no PEM block'}",
            "exactly one certificate is expected",
            "Give each root its own entry; a private key must never be here",
        )
    try:
        der = ssl.PEM_cert_to_DER_cert(blocks[0].group(0))
    except ValueError as error:
        raise TrustAnchorError(f"{where} cannot be decoded", str(error)) from error
    root = Root(name, hashlib.sha256(der).hexdigest(), pem=ssl.DER_cert_to_PEM_cert(der))
    if declared and root.sha256 != declared:
        raise TrustAnchorError(
            f"{where} has fingerprint {root.sha256}",
            f"{declared} is declared",
            "Find out which of the two was changed on its way before anything trusts it",
        )
    return replace(root, not_before=_check_authority(root, where))


def _check_authority(root: Root, where: str) -> int:
    """The start of a root's validity, seconds since the epoch, when it is a CA that has not expired."""
    shown = run(
        ["openssl", "x509", "-noout", "-subject", "-dates", "-ext", "basicConstraints", "-checkend", "0"],
        stdin=root.pem.encode(),
        accept=(0, 1),
    )
    text = shown.stdout.decode(errors="replace")
    name = subject(text) or root.sha256[:16]
    if "notAfter=" not in text:
        raise TrustAnchorError(f"{where} is not a certificate", shown.stderr.decode(errors="replace").strip())
    if "CA:TRUE" not in text:
        raise TrustAnchorError(f"{where} ({name}) is not a CA certificate", "it would be of no use as a trust anchor")
    if "Certificate will expire" in text:
        raise TrustAnchorError(f"{where} ({name}) has expired", text.partition("notAfter=")[2].splitlines()[0])
    return ssl.cert_time_to_seconds(text.partition("notBefore=")[2].splitlines()[0])


def subject(text: str) -> str:
    """The subject in what ``openssl x509 -subject`` printed."""
    match = re.search(r"^subject=\s*(.*)$", text, re.MULTILINE)
    return match.group(1).strip() if match else ""
