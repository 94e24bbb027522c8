# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a ceremony as typed values: what is done, by whom, when, with which keys.

A plan names no device and holds no secret. It fixes everything that is signed but the random serials.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..acts.base import Act, MadeRoot, SigningAct

OPERATOR, WITNESS = "operator", "witness"
ROLES = (OPERATOR, WITNESS)
GENERATED, IMPORTED = "generated", "imported"
ORIGINS = (GENERATED, IMPORTED)
ALGORITHMS = ("ec-p384", "ec-p256", "rsa-3072", "rsa-4096")
PIN_POLICIES = ("always", "once")  # a root's key never signs without a PIN
TOUCH_POLICIES = ("always", "cached", "never")
MAX_WINDOW = dt.timedelta(days=31)


@dataclass(frozen=True)
class Window:
    """When the ceremony may be held: the ceremony machine's clock is inside. Aware, UTC, whole seconds."""

    start: dt.datetime
    end: dt.datetime


@dataclass(frozen=True)
class Person:
    """Somebody who takes part: name, and ``operator`` or ``witness``."""

    name: str
    role: str


@dataclass(frozen=True)
class KeyPlan:
    """The key of the root of the same name, and the tokens (names in ``tokens.yml``) that hold it.

    Args:
        name: of the key and of its root.
        tokens: one, or several that hold the same imported key.
        algorithm: one of `ALGORITHMS`.
        origin: ``generated`` on the token, or ``imported`` from the ceremony machine's memory.
        pin_policy: when a YubiKey asks for the PIN.
        touch_policy: when a YubiKey asks for a touch.
        attested: whether the token must attest that it made the key; no software can.
        pin_holders: people who each know a part of the PIN, in the order of the parts; none: one person knows it.
    """

    name: str
    tokens: tuple[str, ...]
    algorithm: str
    origin: str
    pin_policy: str
    touch_policy: str
    attested: bool = False
    pin_holders: tuple[str, ...] = ()


@dataclass(frozen=True)
class KnownRoot:
    """A root that exists: name, SHA-256 of its certificate (64 lower-case hex digits), whether it is a standby."""

    name: str
    sha256: str
    standby: bool


@dataclass(frozen=True)
class Plan:
    """A whole plan. ``text`` is the file as it was reviewed; its SHA-256 is what people confirm.

    ``quorum`` is how many of the people must confirm each signature, an operator and a witness among them.
    ``unattended`` allows a run in which nobody is asked.
    """

    name: str
    title: str
    window: Window
    people: tuple[Person, ...]
    pkilint: bool
    sealed_by: str
    keys: Mapping[str, KeyPlan]
    roots: Mapping[str, KnownRoot]
    acts: tuple[Act, ...]
    quorum: int
    unattended: bool
    text: bytes = field(repr=False, compare=False)

    @property
    def sha256(self) -> str:
        """Of the file's bytes, lower-case hex."""
        return hashlib.sha256(self.text).hexdigest()

    @property
    def signing_acts(self) -> tuple[SigningAct, ...]:
        """The acts that sign a file."""
        return tuple(act.signing for act in self.acts if act.signing is not None)

    @property
    def made_roots(self) -> tuple[MadeRoot, ...]:
        """The roots that acts make."""
        return tuple(act.made_root for act in self.acts if act.made_root is not None)

    def made_root(self, name: str) -> MadeRoot | None:
        """A root that an act makes, None where none does."""
        return next((root for root in self.made_roots if root.name == name), None)
