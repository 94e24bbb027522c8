# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kind ``pkcs11``: any token with a PKCS#11 module, through that alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ....errors import TrustAnchorError
from ....schema import read_text
from ...credential_plan import nothing_to_set
from ...credentials import Credentials
from ...model import Device, Requirement, TokenFacts
from ..base import Backend
from . import keys
from .facts import inspect
from .key_import import import_key, rehearse_import
from .keys import AnyPublicKey, KeySpec, parse_key
from .sessions import TokenSpec

KIND = "pkcs11"


def declare(name: str, data: Mapping[str, Any], where: str, _softhsm_home: Path) -> Device:
    """The device of an entry in tokens.yml; see `Backend`."""
    key = parse_key({"id": read_text(data, "id", where)})
    if ("serial" in data) == ("label" in data):
        raise TrustAnchorError(f"{where} names both or neither of serial and label", "exactly one finds the token")
    field = "serial" if "serial" in data else "label"
    spec = TokenSpec(read_text(data, "module_path", where), **{field: read_text(data, field, where)})
    return Device(name, KIND, spec, key)


def identify(kind: str, name: str, spec: TokenSpec, key: KeySpec) -> Device:
    """The device of a module's options."""
    return Device(name, kind, spec, key)


def problems(_facts: TokenFacts, wanted: Requirement) -> Iterator[str]:
    """PKCS#11 has no word for touches."""
    if wanted.touch_policy != "never":
        asked = wanted.touch_policy
        yield f"a token of kind pkcs11 cannot show its touch policy, and {asked} is asked for (plan never)"


def key_secret(_facts: TokenFacts) -> str:
    """A login is enough."""
    return "pin"


def generate(
    device: Device, algorithm: str, pin_policy: str, _touch_policy: str, credentials: Credentials
) -> AnyPublicKey:
    """Make a key on the token; see `Backend`."""
    pin = credentials.required_pin(device)
    return keys.generate(device.spec, device.key, algorithm, pin, pin_always=pin_policy == "always")


BACKEND = Backend(
    kind=KIND,
    libraries=("python-pkcs11",),
    software=False,
    touchable=False,
    fields=("module_path", "serial", "label", "id"),
    declare=declare,
    identify=partial(identify, KIND),
    inspect=inspect,
    problems=problems,
    fit_before_key=False,
    pin_policies=("always", "once"),  # a private key wants a login (CKA_PRIVATE)
    plan_credentials=nothing_to_set,
    set_credentials=None,
    key_secret=key_secret,
    generate=generate,
    rehearse_import=rehearse_import,
    import_key=import_key,
    attest=None,
)
