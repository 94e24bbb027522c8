# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kind ``yubikey``: PKCS#11 signs, Yubico's library tells and sets the rest.

That library is imported when it is used: only a machine with YubiKeys has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography import x509

from ....errors import TrustAnchorError
from ....schema import read_text
from ...credential_plan import CredentialPlan, NewCredentials
from ...credentials import Credentials
from ...model import Device, TokenFacts
from ..base import Backend, PrivateKey
from ..pkcs11.keys import AnyPublicKey, KeySpec
from ..pkcs11.sessions import TokenSpec
from .credential_plan import check_new, plan_credentials
from .library import yubikit_needed
from .readiness import problems
from .slots import slot_key, slot_of

KIND = "yubikey"


def declare(name: str, data: Mapping[str, Any], where: str, _softhsm_home: Path) -> Device:
    """The device of an entry in tokens.yml; see `Backend`."""
    given = data.get("serial")
    number = isinstance(given, int) and not isinstance(given, bool)
    serial = str(given) if number else read_text(data, "serial", where)
    if not serial.isascii() or not serial.isdigit():
        raise TrustAnchorError(f"{where}: serial {serial!r} is not a number", "it is printed on the YubiKey")
    slot = str(data.get("slot") or "9c").lower()
    return Device(name, KIND, TokenSpec(read_text(data, "module_path", where), serial), slot_key(slot), slot)


def identify(name: str, spec: TokenSpec, key: KeySpec) -> Device:
    """The device of a module's options; see `Backend`."""
    if spec.serial is None:
        raise TrustAnchorError("token of kind yubikey has no serial", "a YubiKey is found by it", "It is printed on it")
    return Device(name, KIND, spec, key, slot_of(key))


def inspect(device: Device) -> TokenFacts:
    """See `facts.inspect_yubikey`."""
    with yubikit_needed():
        from .facts import inspect_yubikey
    return inspect_yubikey(device)


def set_credentials(plan: CredentialPlan, new: NewCredentials) -> TokenFacts:
    """See `credentials.apply`; refuses before that what the token would not take."""
    check_new(new, plan.algorithm)
    with yubikit_needed():
        from .credentials import apply
    return apply(plan, new)


def key_secret(facts: TokenFacts) -> str:
    """A new key takes the management key, which the PIN may give access to."""
    return "pin" if facts.management_key_protected else "management_key"


def generate(
    device: Device, algorithm: str, pin_policy: str, touch_policy: str, credentials: Credentials
) -> AnyPublicKey:
    """See `keys.generate`."""
    with yubikit_needed():
        from . import keys
    return keys.generate(device, algorithm, pin_policy, touch_policy, credentials)


def rehearse_import(device: Device, credentials: Credentials) -> None:
    """See `keys.rehearse_import`."""
    with yubikit_needed():
        from . import keys
    keys.rehearse_import(device, credentials)


def import_key(
    device: Device, private: PrivateKey, pin_policy: str, touch_policy: str, credentials: Credentials
) -> None:
    """See `keys.import_key`."""
    with yubikit_needed():
        from . import keys
    keys.import_key(device, private, pin_policy, touch_policy, credentials)


def attest(device: Device) -> tuple[x509.Certificate, x509.Certificate]:
    """See `keys.attest`."""
    with yubikit_needed():
        from . import keys
    return keys.attest(device)


BACKEND = Backend(
    kind=KIND,
    libraries=("python-pkcs11", "yubikit", "pyscard"),
    software=False,
    touchable=True,
    fields=("module_path", "serial", "slot"),
    declare=declare,
    identify=identify,
    inspect=inspect,
    problems=problems,
    fit_before_key=True,
    pin_policies=("always", "once", "never"),
    plan_credentials=plan_credentials,
    set_credentials=set_credentials,
    key_secret=key_secret,
    generate=generate,
    rehearse_import=rehearse_import,
    import_key=import_key,
    attest=attest,
)
