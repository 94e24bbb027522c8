# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find a PKCS#11 token, open a session on it, and say in plain words what went wrong.

python-pkcs11's ``Token.open`` leaks its session when the login fails, and SoftHSM keeps a session unusable
after a failed operation. So every session here is short, read-write, and after a failure the library is
initialised again, which closes all that was open. Load the library only in the process that uses it: SoftHSM
promises nothing across fork.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pkcs11
from pkcs11 import exceptions as fault
from pkcs11.constants import TokenFlag

from ....errors import TrustAnchorError
from ....schema import check_keys, read_text
from ...errors import TokenAbsent
from ..yubikey.library import yubikit_needed

__all__ = [
    "TokenAbsent",
    "TokenSpec",
    "find_token",
    "load_library",
    "parse_token",
    "serial_of",
    "session",
    "token_serial",
    "translated",
]


@dataclass(frozen=True)
class TokenSpec:
    """Names one token: the PKCS#11 module and either serial or label (slot numbers are not stable)."""

    module_path: str
    serial: str | None = None
    label: str | None = None
    softhsm_config: str | None = None

    def __str__(self) -> str:
        return f"token with serial {self.serial}" if self.serial else f"token '{self.label}'"


def parse_token(data: Mapping[str, Any]) -> TokenSpec:
    """The token named by a module's option ``token``.

    Raises:
        TrustAnchorError: unknown key, no module path, or not exactly one of serial and label.
    """
    known = {key: value for key, value in data.items() if value is not None}
    check_keys(known, ("kind", "module_path", "serial", "label", "softhsm_config"), "token")
    if ("serial" in known) == ("label" in known):
        raise TrustAnchorError("token names both or neither of serial and label", "exactly one finds the token")
    return TokenSpec(
        module_path=read_text(known, "module_path", "token"),
        serial=known.get("serial"),
        label=known.get("label"),
        softhsm_config=known.get("softhsm_config"),
    )


def load_library(spec: TokenSpec) -> Any:
    """The PKCS#11 library of the token, initialised.

    Raises:
        TrustAnchorError: the module is absent or cannot be loaded, or the SoftHSM configuration is absent.
    """
    config = spec.softhsm_config
    moved = config is not None and os.environ.get("SOFTHSM2_CONF") != config
    if config is not None:
        if not Path(config).is_file():
            raise TokenAbsent(f"the SoftHSM configuration {config} does not exist", "", "Initialise the token first")
        os.environ["SOFTHSM2_CONF"] = config
    try:
        library = pkcs11.lib(spec.module_path)
        if moved:
            library.reinitialize()
    except (RuntimeError, fault.PKCS11Error) as error:
        raise TrustAnchorError(
            f"the PKCS#11 module {spec.module_path} cannot be loaded: {error or type(error).__name__}",
            "every act of a ceremony goes through it",
            "Install it (Debian: softhsm2 or ykcs11) and check token.module_path",
        ) from error
    return library


def find_token(spec: TokenSpec) -> pkcs11.Token:
    """The one token that the specification names.

    Raises:
        TokenAbsent: not present; the message lists those that are.
        TrustAnchorError: several match.
    """
    with translated(spec):
        tokens: list[pkcs11.Token] = list(load_library(spec).get_tokens())
    present = [token for token in tokens if TokenFlag.TOKEN_INITIALIZED in token.flags]
    matching = [token for token in present if _matches(token, spec)]
    if len(matching) > 1:
        raise TrustAnchorError(f"{len(matching)} tokens match: {spec}", "one is expected", "Name it by its serial")
    if not matching:
        others = ", ".join(f"'{token.label}' (serial {serial_of(token)})" for token in present) or "none"
        raise TokenAbsent(
            f"no {spec} is present", f"tokens present: {others}", "Insert it, or correct the token's name"
        )
    return matching[0]


def serial_of(token: pkcs11.Token) -> str:
    """The serial number as text."""
    return bytes(token.serial).decode("ascii", "replace").strip()


def _matches(token: pkcs11.Token, spec: TokenSpec) -> bool:
    if spec.serial is not None:
        return serial_of(token) == spec.serial
    return str(token.label).strip() == spec.label


def token_serial(spec: TokenSpec) -> str:
    """The serial number of the token, for records."""
    return serial_of(find_token(spec))


@contextlib.contextmanager
def session(spec: TokenSpec, pin: str | None = None, so_pin: str | None = None) -> Iterator[pkcs11.Session]:
    """A read-write session, closed at the end whatever happens.

    Args:
        spec: which token.
        pin: user PIN; without it the session sees public objects only.
        so_pin: security officer's PIN instead of the user's.

    Raises:
        TrustAnchorError: token absent, PIN wrong or locked, token pulled, any other PKCS#11 fault.
    """
    token = find_token(spec)
    if pin is not None:
        _require_tries(token, spec)
    try:
        with translated(spec), token.open(rw=True, user_pin=pin, so_pin=so_pin) as opened:
            yield opened
    except TrustAnchorError:
        with contextlib.suppress(fault.PKCS11Error):
            load_library(spec).reinitialize()
        raise


def _require_tries(token: pkcs11.Token, spec: TokenSpec) -> None:
    """The last attempt is never this program's: a slip of the finger would lock the token."""
    if TokenFlag.USER_PIN_LOCKED in token.flags:
        raise _locked(spec)
    if TokenFlag.USER_PIN_FINAL_TRY in token.flags:
        raise TrustAnchorError(
            f"the {spec} has one attempt at its PIN left",
            "a wrong one would lock it; nothing was tried",
            "Make sure of the PIN and enter it once with the token's own program (YubiKey: ykman piv access "
            "change-pin), which gives all attempts back",
        )


def _locked(spec: TokenSpec) -> TrustAnchorError:
    return TrustAnchorError(
        f"the PIN of the {spec} is locked",
        "too many wrong attempts",
        "Unblock it with the PUK (YubiKey: ykman piv access unblock-pin)",
    )


@contextlib.contextmanager
def translated(spec: TokenSpec) -> Iterator[None]:
    """Say in plain words what the PKCS#11 library says in codes.

    Raises:
        TrustAnchorError: instead of any error of the library.
    """
    try:
        yield
    except fault.PKCS11Error as error:
        raise _explain(error, spec) from error


def _explain(error: fault.PKCS11Error, spec: TokenSpec) -> TrustAnchorError:
    if isinstance(error, (fault.PinIncorrect, fault.PinLenRange, fault.PinInvalid)):
        return TrustAnchorError(
            f"the PIN of the {spec} is wrong",
            _retries_left(spec),
            "Check which token is inserted and which PIN belongs to it before the next attempt",
        )
    if isinstance(error, (fault.PinLocked, fault.PinExpired)):
        return _locked(spec)
    # libykcs11 says FunctionFailed when the token is pulled out in the middle of a signature.
    if isinstance(error, (fault.DeviceRemoved, fault.DeviceError, fault.TokenNotPresent, fault.FunctionFailed)):
        return TrustAnchorError(
            f"the {spec} went away or failed during the operation ({type(error).__name__})",
            "nothing was written",
            "Insert it again and repeat the step",
        )
    if isinstance(error, fault.UserNotLoggedIn):
        return TrustAnchorError(
            f"the {spec} was not touched in time, or wants a PIN",
            "it answers both with the same code, and nothing was signed",
            "Repeat the step; touch the token when it blinks",
        )
    detail = f": {error}" if str(error) else ""
    return TrustAnchorError(f"the {spec} refused the operation ({type(error).__name__}{detail})")


def _retries_left(spec: TokenSpec) -> str:
    """The attempts that are left: a YubiKey counts them, other tokens have flags (PKCS#11 v2.40, CK_TOKEN_INFO)."""
    if spec.serial is not None and "ykcs11" in spec.module_path:
        with contextlib.suppress(TrustAnchorError), yubikit_needed():
            from ..yubikey.cards import pin_attempts

            return f"attempts left: {pin_attempts(spec.serial)}"
    flags = find_token(spec).flags
    if TokenFlag.USER_PIN_LOCKED in flags:
        return "it is now locked"
    if TokenFlag.USER_PIN_FINAL_TRY in flags:
        return "one attempt is left before it locks"
    if TokenFlag.USER_PIN_COUNT_LOW in flags:
        return "attempts have failed since the last success, few are left"
    return "no retry counter is low according to the token"
