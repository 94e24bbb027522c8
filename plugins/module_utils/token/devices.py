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
from ..schema import check_keys, read_int, read_text
from .backends.pkcs11.keys import KeySpec, parse_key
from .backends.pkcs11.sessions import TokenSpec, parse_token

KINDS = ("yubikey", "softhsm", "pkcs11")
SOFTHSM_MODULE = "/usr/lib/softhsm/libsofthsm2.so"

# libykcs11 gives the key of a PIV slot a fixed CKA_ID (yubico-piv-tool, doc/YKCS11/Functions_and_values.adoc).
_SLOT_IDS = {"9a": 1, "9c": 2, "9d": 3, "9e": 4, **{f"{0x82 + n:02x}": 5 + n for n in range(20)}}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Device:
    """One key's place: a token and a key on it.

    Args:
        name: as the plan calls it.
        kind: one of `KINDS`.
        spec: finds the token.
        key: finds the key on it.
        slot: PIV slot in hexadecimal, such as ``9c``; empty for kinds without slots.
    """

    name: str
    kind: str
    spec: TokenSpec
    key: KeySpec
    slot: str = ""

    def __str__(self) -> str:
        place = f"slot {self.slot}" if self.slot else str(self.key)
        return f"{self.spec} ({place})"


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
    data = check_keys(strict_yaml.load(text, source), ("version", "tokens", "attestation"), source)
    if data.get("version") is None:
        raise TrustAnchorError(f"{source}: 'version' is missing", "it is required, and 1")
    read_int(data, "version", source, 1, 1, 1)
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
    if isinstance(entry, dict) and kind not in KINDS:
        raise TrustAnchorError(f"{where}: kind is {kind!r}", f"known: {', '.join(KINDS)}")
    return make_device(name, check_keys(entry, ("kind", *_FIELDS.get(str(kind), ())), where), where, softhsm_home)


_FIELDS = {
    "yubikey": ("module_path", "serial", "slot"),
    "softhsm": ("module_path", "label", "id"),
    "pkcs11": ("module_path", "serial", "label", "id"),
}


def make_device(name: str, data: Mapping[str, Any], where: str, softhsm_home: Path) -> Device:
    """The device that checked fields describe.

    Args:
        name: as the plan calls it.
        data: the fields of its kind, ``kind`` among them.
        where: names the place for messages.
        softhsm_home: directory of ``softhsm2.conf``.

    Raises:
        TrustAnchorError: a field is missing or wrong.
    """
    kind = data["kind"]
    if kind == "yubikey":
        given = data.get("serial")
        number = isinstance(given, int) and not isinstance(given, bool)
        serial = str(given) if number else read_text(data, "serial", where)
        if not serial.isascii() or not serial.isdigit():
            raise TrustAnchorError(f"{where}: serial {serial!r} is not a number", "it is printed on the YubiKey")
        slot = str(data.get("slot") or "9c").lower()
        return Device(name, kind, TokenSpec(read_text(data, "module_path", where), serial), slot_key(slot), slot)
    key = parse_key({"id": read_text(data, "id", where)})
    if kind == "softhsm":
        module = data.get("module_path") or SOFTHSM_MODULE
        spec = TokenSpec(
            str(module), label=read_text(data, "label", where), softhsm_config=str(softhsm_home / "softhsm2.conf")
        )
        return Device(name, kind, spec, key)
    if ("serial" in data) == ("label" in data):
        raise TrustAnchorError(f"{where} names both or neither of serial and label", "exactly one finds the token")
    field = "serial" if "serial" in data else "label"
    spec = TokenSpec(read_text(data, "module_path", where), **{field: read_text(data, field, where)})
    return Device(name, kind, spec, key)


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
    if kind != "yubikey":
        return Device(name, kind, spec, wanted)
    if spec.serial is None:
        raise TrustAnchorError("token of kind yubikey has no serial", "a YubiKey is found by it", "It is printed on it")
    return Device(name, kind, spec, wanted, slot_of(wanted))


def slot_key(slot: str) -> KeySpec:
    """The key in a PIV slot of a YubiKey.

    Raises:
        TrustAnchorError: no such slot.
    """
    if slot not in _SLOT_IDS:
        raise TrustAnchorError(f"there is no PIV slot '{slot}'", "known: 9a, 9c, 9d, 9e and 82 to 95", "9c signs")
    return KeySpec(bytes([_SLOT_IDS[slot]]))


def slot_of(key: KeySpec) -> str:
    """The PIV slot of a key on a YubiKey.

    Raises:
        TrustAnchorError: its id is none of libykcs11's.
    """
    for slot, number in _SLOT_IDS.items():
        if key.id == bytes([number]):
            return slot
    raise TrustAnchorError(f"no PIV slot has the {key}", "the id of slot 9c is 02")


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
