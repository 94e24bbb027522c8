# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a token is fit for a root's key; asked before any secret is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ..errors import TrustAnchorError
from .devices import Device
from .facts import SlotFacts, TokenFacts

# yubico-piv-tool NEWS: AES management keys, policies and metadata came one by one, the last with 2.5.0. Older
# libraries also crash on an imported key without a certificate.
_LIBRARY = (2, 5, 0)
_METADATA = (5, 3, 0)
_NEW_ALGORITHMS = (5, 7, 0)  # RSA-3072 and RSA-4096, Ed25519 (Yubico, "5.7 firmware specifics")
_ROCA = ((4, 2, 0), (4, 3, 4))  # YSA-2017-01, CVE-2017-15361

_NAMES = {"pin": "PIN", "puk": "PUK", "management_key": "management key"}


class Requirement(Protocol):
    """What a key has to be, such as a plan's section of it."""

    @property
    def algorithm(self) -> str:
        """One of `keys.ALL_ALGORITHMS`."""

    @property
    def origin(self) -> str:
        """generated or imported."""

    @property
    def pin_policy(self) -> str:
        """always, once or never."""

    @property
    def touch_policy(self) -> str:
        """always, cached or never."""


def has_roca(firmware: tuple[int, ...] | None) -> bool:
    """Whether the RSA keys that a YubiKey of this firmware made can be factored."""
    return firmware is not None and _ROCA[0] <= firmware <= _ROCA[1]


def require_ready(device: Device, facts: TokenFacts, wanted: Requirement, occupied: bool = True) -> None:
    """Refuse a token that is not fit.

    Args:
        device: as declared.
        facts: as found.
        wanted: the key.
        occupied: whether the key must be there; otherwise its place must be empty.

    Raises:
        TrustAnchorError: with all problems.
    """
    found = problems(device, facts, wanted, occupied)
    if found:
        raise TrustAnchorError(
            f"{device.name}: the {device} is not fit: {'; '.join(found)}", "nothing was signed, no PIN was tried"
        )


def problems(device: Device, facts: TokenFacts, wanted: Requirement, occupied: bool = True) -> list[str]:
    """What is wrong, each with the way out; empty for a token that is fit. Arguments as of `require_ready`."""
    found = [*_identity(device, facts), *_pin(facts), *_slot(facts, wanted, occupied)]
    if device.kind == "yubikey":
        return [*_library(facts), *_firmware(facts, wanted), *_defaults(facts), *found]
    if device.kind == "pkcs11" and wanted.touch_policy != "never":
        found.append(
            f"a token of kind pkcs11 cannot show its touch policy, and {wanted.touch_policy} is asked for (plan never)"
        )
    return found


def _identity(device: Device, facts: TokenFacts) -> Iterator[str]:
    if device.spec.serial is not None and facts.serial != device.spec.serial:
        yield f"its serial number is {facts.serial}"


def _pin(facts: TokenFacts) -> Iterator[str]:
    """A slip of the finger (``low``) is no problem: the next right PIN clears it, and the facts tell of it."""
    if facts.pin_flag == "locked":
        yield "its PIN is locked (unblock it with the PUK)"
    elif facts.pin_flag == "final":
        yield "one attempt at its PIN is left (change the PIN with the token's own program, which gives them back)"
    if facts.puk_retries == 0:
        yield "its PUK is locked (only a reset, which destroys the keys, helps)"


def _library(facts: TokenFacts) -> Iterator[str]:
    version = _numbers(facts.library_version)
    if version < _LIBRARY:
        yield (
            f"libykcs11 {facts.library_version} ({facts.library}) is too old: it knows neither AES management keys nor "
            "policies and crashes on imported keys (install ykcs11 2.5.0 or newer; Debian 13 has 2.7.1)"
        )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def _firmware(facts: TokenFacts, wanted: Requirement) -> Iterator[str]:
    if facts.firmware is None:
        return
    version = ".".join(map(str, facts.firmware))
    if has_roca(facts.firmware):
        yield f"RSA keys made by firmware {version} can be factored (CVE-2017-15361; take another YubiKey)"
    if facts.firmware < _METADATA or not facts.metadata:
        yield f"firmware {version} tells neither defaults nor what a slot holds (take a YubiKey with 5.3 or newer)"
    if facts.firmware < _NEW_ALGORITHMS and wanted.algorithm in ("rsa-3072", "rsa-4096", "ed25519"):
        yield f"firmware {version} cannot do {wanted.algorithm} (5.7 can; ec-p384 always can)"


def _defaults(facts: TokenFacts) -> Iterator[str]:
    if facts.defaults:
        names = " and ".join(_NAMES[name] for name in facts.defaults)
        yield f"still as the factory set it: {names} (run playbooks/prepare_tokens.yml)"


def _slot(facts: TokenFacts, wanted: Requirement, occupied: bool) -> Iterator[str]:
    if facts.slot is None:
        if occupied:
            yield "there is no key (is it the right token?)"
    elif not occupied:
        yield "its place already has a key, which is never overwritten (choose another one)"
    else:
        yield from key_problems(facts.slot, wanted)


def key_problems(slot: SlotFacts, wanted: Requirement) -> Iterator[str]:
    """How a key differs from what is wanted. What the token does not tell is no problem; the attestation tells it."""
    for name in ("algorithm", "origin", "pin_policy", "touch_policy"):
        found, asked = getattr(slot, name), getattr(wanted, name)
        if found is not None and found != asked:
            yield f"the {name.replace('_', ' ').replace('pin', 'PIN')} of its key is {found}, not {asked} as asked"
