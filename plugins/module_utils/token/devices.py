# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""tokens.yml: the devices of one machine, by the names that a ceremony's plan uses."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import strict_yaml
from ..errors import TrustAnchorError
from ..schema import check_keys, read_text, read_version
from .backends.pkcs11.keys import parse_key
from .backends.pkcs11.sessions import TokenSpec, parse_token
from .backends.registry import BACKENDS
from .backends.softhsm import SOFTHSM_MODULE
from .model import Device

__all__ = [
    "SOFTHSM_MODULE",
    "Device",
    "PinnedFile",
    "TokensFile",
    "make_device",
    "parse_device",
    "parse_tokens",
]

VERSION = 1  # of tokens.yml
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class PinnedFile:
    """A file whose bytes are known beforehand.

    Args:
        file: path, relative to tokens.yml.
        sha256: 64 hexadecimal digits, of the file's bytes.
    """

    file: str
    sha256: str

    def read(self, directory: Path) -> bytes:
        """The bytes.

        Args:
            directory: where tokens.yml is.

        Raises:
            TrustAnchorError: the file cannot be read, or is another one.
        """
        path = directory / self.file
        try:
            data = path.read_bytes()
        except OSError as error:
            raise TrustAnchorError(
                f"{path} cannot be read: {error.strerror}", "attestation is checked with it"
            ) from error
        found = hashlib.sha256(data).hexdigest()
        if found != self.sha256:
            raise TrustAnchorError(
                f"{path} has the SHA-256 {found}, but {self.sha256} is pinned",
                "attestation would be checked with a certificate that nobody approved",
                "Get the file from its publisher again, compare, and correct the one of the two that is wrong",
            )
        return data


@dataclass(frozen=True)
class TokensFile:
    """What tokens.yml says.

    Args:
        devices: by name.
        attestation_roots: files of certificates (PEM) that are trusted to attest keys.
        attestation_intermediates: files of certificates between those and the token's own.
    """

    devices: Mapping[str, Device]
    attestation_roots: tuple[PinnedFile, ...] = ()
    attestation_intermediates: tuple[PinnedFile, ...] = ()


def parse_tokens(text: bytes, source: str, softhsm_home: Path) -> TokensFile:
    """Read tokens.yml.

    Args:
        text: its bytes.
        source: its name for messages.
        softhsm_home: directory of ``softhsm2.conf``, which the kind softhsm uses.

    Raises:
        TrustAnchorError: anything but the schema.
    """
    found = strict_yaml.load(text, source)
    read_version(found, VERSION, source)
    data = check_keys(found, ("version", "tokens", "attestation"), source)
    if "version" not in data:
        raise TrustAnchorError(f"{source}: 'version' is missing", f"it is required, and {VERSION}")
    tokens = data.get("tokens")
    if not isinstance(tokens, dict) or not tokens:
        raise TrustAnchorError(f"{source} names no tokens", "'tokens' maps each name to a device")
    devices = {str(name): _device(name, entry, source, softhsm_home) for name, entry in tokens.items()}
    _check_apart(devices, source)
    where = f"{source}: attestation"
    attestation = check_keys(
        {} if data.get("attestation") is None else data["attestation"], ("roots", "intermediates"), where
    )
    return TokensFile(devices, _files(attestation, "roots", where), _files(attestation, "intermediates", where))


def _device(name: Any, entry: Any, source: str, softhsm_home: Path) -> Device:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise TrustAnchorError(f"{source}: the token name {name!r} is not letters, digits, '.', '_' and '-'")
    where = f"{source}: token {name}"
    kind = entry.get("kind") if isinstance(entry, dict) else None
    if not isinstance(entry, dict):
        check_keys(entry, ("kind",), where)
    if not isinstance(kind, str) or kind not in BACKENDS:
        raise TrustAnchorError(f"{where}: kind is {kind!r}", f"known: {', '.join(BACKENDS)}")
    return make_device(name, check_keys(entry, ("kind", *BACKENDS[kind].fields), where), where, softhsm_home)


def make_device(name: str, data: Mapping[str, Any], where: str, softhsm_home: Path) -> Device:
    """The device that checked fields describe.

    Args:
        name: as the plan calls it.
        data: the fields of its kind, ``kind`` among them.
        where: its name for messages.
        softhsm_home: directory of ``softhsm2.conf``.

    Raises:
        TrustAnchorError: a field is missing or wrong.
    """
    return BACKENDS[data["kind"]].declare(name, data, where, softhsm_home)


def parse_device(name: str, token: Mapping[str, Any], key: Mapping[str, Any]) -> Device:
    """The device that a module's options ``token`` and ``key`` name.

    Args:
        name: for messages.
        token: kind, module_path, serial, label, softhsm_config.
        key: id, label.

    Raises:
        TrustAnchorError: they do not name one.
    """
    spec, wanted, kind = parse_token(token), parse_key(key), str(token.get("kind") or "pkcs11")
    return BACKENDS[kind].identify(name, spec, wanted)


def _check_apart(devices: Mapping[str, Device], source: str) -> None:
    """A backup that is on the token of the original is not a backup."""
    seen: dict[TokenSpec, str] = {}
    for device in devices.values():
        if device.spec in seen:
            raise TrustAnchorError(
                f"{source}: {seen[device.spec]} and {device.name} are the same token",
                "each name stands for a token of its own, so that losing one loses one key",
            )
        seen[device.spec] = device.name


def _files(attestation: Mapping[str, Any], key: str, where: str) -> tuple[PinnedFile, ...]:
    entries = [] if attestation.get(key) is None else attestation[key]
    if not isinstance(entries, list):
        raise TrustAnchorError(f"{where}: '{key}' is {type(entries).__name__}", "a list is expected")
    return tuple(_file(entry, f"{where}: {key}") for entry in entries)


def _file(entry: Any, where: str) -> PinnedFile:
    fields = check_keys(entry, ("file", "sha256"), where)
    digest = read_text(fields, "sha256", where).lower()
    if not _SHA256.fullmatch(digest):
        raise TrustAnchorError(f"{where}: '{digest}' is not a SHA-256", "64 hexadecimal digits are expected")
    return PinnedFile(read_text(fields, "file", where), digest)
