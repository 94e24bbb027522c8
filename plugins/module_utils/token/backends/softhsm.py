# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kind ``softhsm``: tokens in files, for rehearsals and labs; they are made here, too.

PINs must not be in any argument list, so softhsm2-util is not run: C_InitToken is called directly
(python-pkcs11 does not offer it), and the user's PIN is set through a session of the security officer.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pkcs11.constants import TokenFlag

from ...errors import TrustAnchorError
from ...schema import read_text
from ...text.configuration import fill
from ..errors import TokenAbsent
from ..model import Device, Requirement, TokenFacts
from .pkcs11 import backend as pkcs11
from .pkcs11.keys import parse_key
from .pkcs11.sessions import TokenSpec, find_token, load_library, session, token_serial, translated

KIND = "softhsm"
SOFTHSM_MODULE = "/usr/lib/softhsm/libsofthsm2.so"
_CKR_OK = 0
_CONFIG = "directories.tokendir = {directory:line_path}\nobjectstore.backend = file\nlog.level = ERROR\n"
_LABEL_BYTES = 32  # CK_UTF8CHAR label[32], padded with blanks (PKCS#11 v2.40 section 5.5, C_InitToken)


@dataclass(frozen=True)
class SoftHsmPlan:
    """What is missing: the configuration file and/or the token."""

    spec: TokenSpec
    directory: Path
    config_missing: bool
    token_missing: bool
    serial: str | None

    @property
    def changed(self) -> bool:
        """Whether anything is missing."""
        return self.serial is None

    def apply(self, pin: str, so_pin: str) -> str:
        """Make what is missing; the serial of the token.

        Raises:
            TrustAnchorError: PINs too short, the label is too long, or SoftHSM's refusal.
        """
        _check_pins(pin, so_pin)
        if self.config_missing:
            _write_config(self.spec, self.directory)
        if self.token_missing:
            _init_token(self.spec, so_pin)
        if self.serial is None:
            with session(self.spec, so_pin=so_pin) as opened:
                opened.init_pin(pin)
        return token_serial(self.spec)


def declare(name: str, data: Mapping[str, Any], where: str, softhsm_home: Path) -> Device:
    """The device of an entry in tokens.yml; see `base.Backend`."""
    key = parse_key({"id": read_text(data, "id", where)})
    spec = TokenSpec(
        str(data.get("module_path") or SOFTHSM_MODULE),
        label=read_text(data, "label", where),
        softhsm_config=str(softhsm_home / "softhsm2.conf"),
    )
    return Device(name, KIND, spec, key)


def problems(_facts: TokenFacts, _wanted: Requirement) -> Iterator[str]:
    """A rehearsal has all policies that are asked for: nobody touches a file."""
    return iter(())


BACKEND = replace(
    pkcs11.BACKEND,
    kind=KIND,
    software=True,
    fields=("module_path", "label", "id"),
    declare=declare,
    identify=partial(pkcs11.identify, KIND),
    problems=problems,
)


def plan_softhsm(spec: TokenSpec, directory: Path) -> SoftHsmPlan:
    """Look for the token.

    Args:
        spec: names it by label; ``softhsm_config`` is the configuration file.
        directory: where a new configuration keeps its tokens.

    Raises:
        TrustAnchorError: no label or configuration given, or the module cannot be loaded.
    """
    if spec.label is None or spec.softhsm_config is None:
        raise TrustAnchorError("token needs label and softhsm_config", "a SoftHSM token is found by its label")
    if len(spec.label.encode()) > _LABEL_BYTES:
        raise TrustAnchorError(f"token: label '{spec.label}' is longer than {_LABEL_BYTES} bytes")
    try:
        token = find_token(spec)
    except TokenAbsent:
        return SoftHsmPlan(spec, directory, not Path(spec.softhsm_config).exists(), True, None)
    # Without a user PIN an earlier run was interrupted between the two steps; this one finishes it.
    ready = TokenFlag.USER_PIN_INITIALIZED in token.flags
    return SoftHsmPlan(spec, directory, False, False, token_serial(spec) if ready else None)


def _check_pins(pin: str, so_pin: str) -> None:
    for name, value in (("pin", pin), ("so_pin", so_pin)):
        if not 4 <= len(value.encode()) <= 255:
            raise TrustAnchorError(f"{name} has fewer than 4 or more than 255 bytes", "SoftHSM refuses it")


def _write_config(spec: TokenSpec, directory: Path) -> None:
    config = Path(str(spec.softhsm_config))
    text = fill(_CONFIG, {"directory": str(directory)})
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        config.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(config, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise TrustAnchorError(
            f"the SoftHSM configuration {config} cannot be written: {error.strerror}", "it says where tokens are kept"
        ) from error


def _init_token(spec: TokenSpec, so_pin: str) -> None:
    library = load_library(spec)
    with translated(spec):
        free = [s for s in library.get_slots() if TokenFlag.TOKEN_INITIALIZED not in s.get_token().flags]
        if not free:
            raise TrustAnchorError(
                "SoftHSM shows no free slot", "it keeps one for a new token", "Check its configuration"
            )
        slot = free[-1].slot_id
        library.finalize()  # one owner at a time: the calls below go past python-pkcs11
        try:
            _init_slot(spec, slot, so_pin)
        finally:
            library.initialize()


def _init_slot(spec: TokenSpec, slot: int, so_pin: str) -> None:
    try:
        native = ctypes.CDLL(spec.module_path)
    except OSError as error:
        raise TrustAnchorError(f"the PKCS#11 module {spec.module_path} cannot be loaded: {error}") from error
    pin, label = so_pin.encode(), str(spec.label).encode().ljust(_LABEL_BYTES)
    _call(native, "C_Initialize", None)
    try:
        _call(native, "C_InitToken", ctypes.c_ulong(slot), pin, ctypes.c_ulong(len(pin)), label)
    finally:
        _call(native, "C_Finalize", None)


def _call(native: ctypes.CDLL, function: str, *arguments: object) -> None:
    code = getattr(native, function)(*arguments)
    if code != _CKR_OK:
        raise TrustAnchorError(
            f"SoftHSM's {function} returned 0x{code:x}",
            "the codes are those of PKCS#11, CKR_...",
            "Check that the directory of its tokens can be written and has space",
        )
