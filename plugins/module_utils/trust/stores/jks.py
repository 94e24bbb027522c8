# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trust stores in the JKS form, read and written without a JVM: the same entries give the same bytes.

The form is that of sun.security.provider.JavaKeyStore: magic, version, count, entries, and a SHA-1 over the password
and all before it. Certificates are in clear; the password protects against accidents only. Standard library only.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from ...errors import TrustAnchorError

MAGIC = b"\xfe\xed\xfe\xed"
_VERSION = 2
_CERTIFICATE = 2  # tag of an entry; 1 is a private key
_KIND = b"X.509"
_DIGEST_BYTES = 20
_SALT = b"Mighty Aphrodite"


@dataclass(frozen=True)
class Entry:
    """A trusted certificate.

    Args:
        alias: its name, in Java's modified UTF-8.
        created: milliseconds since the epoch.
        certificate: DER.
    """

    alias: bytes
    created: int
    certificate: bytes

    @property
    def sha256(self) -> str:
        """Fingerprint, lower-case hex."""
        return hashlib.sha256(self.certificate).hexdigest()

    @property
    def name(self) -> str:
        """The alias as text."""
        return self.alias.decode(errors="replace")


@dataclass
class _Reader:
    """Reads big-endian fields."""

    data: bytes
    where: str
    at: int = 0

    def take(self, size: int) -> bytes:
        """The next bytes."""
        piece = self.data[self.at : self.at + size]
        if len(piece) != size:
            raise TrustAnchorError(
                f"{self.where} ends in the middle of an entry", "the file is damaged", "Restore it from its package"
            )
        self.at += size
        return piece

    def number(self, form: str) -> int:
        """The next number in a struct format."""
        value: int = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value

    def text(self) -> bytes:
        """The next length-prefixed text."""
        return self.take(self.number(">H"))


def read(content: bytes, where: str, password: str | None = None) -> list[Entry]:
    """The entries of a store.

    Args:
        content: of the file, with its magic.
        where: for messages.
        password: checked when given.

    Raises:
        TrustAnchorError: damaged, holds a private key, or another password.
    """
    reader = _Reader(content, where, at=len(MAGIC))
    version, count = reader.number(">I"), reader.number(">I")
    entries = [_entry(reader, version) for _number in range(count)]
    digest = content[reader.at : reader.at + _DIGEST_BYTES]
    if password is not None and not hmac.compare_digest(digest, _digest(content[: reader.at], password)):
        raise TrustAnchorError(
            f"the password of {where} is wrong, or the file is damaged",
            "the digest at its end does not fit",
            "Give the file that holds its password",
        )
    return entries


def _entry(reader: _Reader, version: int) -> Entry:
    tag, alias, created = reader.number(">I"), reader.text(), reader.number(">Q")
    if tag != _CERTIFICATE:
        raise TrustAnchorError(
            f"{reader.where} holds a private key ({alias.decode(errors='replace')})", "it is not a trust store"
        )
    if version == _VERSION:
        reader.text()  # kind of certificate
    return Entry(alias, created, reader.take(reader.number(">I")))


def write(entries: Iterable[Entry], password: str) -> bytes:
    """A store with these entries, in their order."""
    listed = list(entries)
    content = MAGIC + struct.pack(">II", _VERSION, len(listed))
    for entry in listed:
        content += struct.pack(">I", _CERTIFICATE) + _text(entry.alias) + struct.pack(">Q", entry.created)
        content += _text(_KIND) + struct.pack(">I", len(entry.certificate)) + entry.certificate
    return content + _digest(content, password)


def _text(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


def _digest(content: bytes, password: str) -> bytes:
    """SHA-1 is what the form asks for; nothing here relies on it."""
    return hashlib.sha1(password.encode("utf-16-be") + _SALT + content, usedforsecurity=False).digest()
