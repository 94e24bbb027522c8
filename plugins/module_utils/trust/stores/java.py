# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's Java store (/etc/ssl/certs/java/cacerts).

The package's hook adds what update-ca-certificates tells it but is never told of removals under --fresh, so a removed
root stays trusted by Java. The hook does remove when it is told so.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import TrustAnchorError
from ...host.commands import run
from ...host.files import read

STORE = "/etc/ssl/certs/java/cacerts"
PASSWORD = "changeit"  # noqa: S105 the JDK's public default, which Debian keeps; it protects nothing
_JKS = 0xFEEDFEED


@dataclass
class _Reader:
    """Reads big-endian fields of a JKS file."""

    data: bytes
    at: int = 0

    def take(self, size: int) -> bytes:
        """The next bytes."""
        piece = self.data[self.at : self.at + size]
        if len(piece) != size:
            raise TrustAnchorError(f"{STORE} ends in the middle of an entry", "the file is damaged")
        self.at += size
        return piece

    def number(self, form: str) -> int:
        """The next number in a struct format."""
        value: int = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value

    def text(self) -> str:
        """The next length-prefixed text."""
        return self.take(self.number(">H")).decode(errors="replace")


def exists() -> bool:
    """Whether the host has the store."""
    return os.path.exists(STORE)


def is_ours(alias: str) -> bool:
    """Whether this collection put an entry there, itself or by the package's hook (``debian:trustanchor-….pem``)."""
    return "trustanchor-" in alias


def trusted() -> dict[str, str]:
    """Fingerprint to alias of each certificate in the store.

    Raises:
        TrustAnchorError: it cannot be read.
    """
    content = read(STORE) or b""
    if content[:4] == struct.pack(">I", _JKS):
        return _read_jks(content)
    return _read_with_keytool()


def _read_jks(content: bytes) -> dict[str, str]:
    """JKS keeps trusted certificates in clear (sun.security.provider.JavaKeyStore: magic, version, count, entries)."""
    reader = _Reader(content, at=4)
    version, count = reader.number(">I"), reader.number(">I")
    found = {}
    for _entry in range(count):
        tag, alias = reader.number(">I"), reader.text()
        reader.take(8)  # date of creation
        if tag != 2:
            raise TrustAnchorError(f"{STORE} holds a private key ({alias})", "it is a trust store")
        if version == 2:
            reader.text()  # kind of certificate
        found[hashlib.sha256(reader.take(reader.number(">I"))).hexdigest()] = alias
    return found


def _read_with_keytool() -> dict[str, str]:
    """For a PKCS#12 store; about a second."""
    listed = run(["keytool", "-list", "-keystore", STORE, "-storepass", PASSWORD]).stdout.decode(errors="replace")
    entries = re.findall(r"^(.+?), [^\n]*\n[^\n]*\(SHA-256\): ([0-9A-F:]+)", listed, re.MULTILINE)
    return {digest.replace(":", "").lower(): alias for alias, digest in entries}


def converge(wanted: Mapping[str, str], unwanted: set[str]) -> None:
    """Add and remove certificates, in a copy that then replaces the store: keytool writes in place.

    Args:
        wanted: fingerprint to path of the PEM file of what must be there.
        unwanted: fingerprints that must not be there.
    """
    present = trusted()
    todo = [["-delete", "-alias", present[sha256]] for sha256 in sorted(unwanted & set(present))]
    for sha256, path in wanted.items():
        if sha256 not in present:
            alias = f"trustanchor-{sha256[:32]}"
            todo.append(["-importcert", "-noprompt", "-trustcacerts", "-alias", alias, "-file", path])
    if not todo:
        return
    copy = f"{STORE}.new"
    shutil.copy2(STORE, copy)
    try:
        for arguments in todo:
            run(["keytool", *arguments, "-keystore", copy, "-storepass", PASSWORD])
        os.rename(copy, STORE)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(copy)
