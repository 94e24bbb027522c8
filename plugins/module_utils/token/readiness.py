# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a token is fit for a root's key; asked before any secret is used."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import TrustAnchorError
from .backends.registry import backend_of
from .model import Device, Requirement, SlotFacts, TokenFacts


def require_ready(device: Device, facts: TokenFacts, wanted: Requirement, occupied: bool = True) -> None:
    """Refuse a token that is not fit.

    Args:
        device: as declared.
        facts: as found.
        wanted: the key.
        occupied: whether the key must be there; otherwise there must be none.

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
    rules = backend_of(device).problems(facts, wanted)
    return [*rules, *_identity(device, facts), *_pin(facts), *_slot(facts, wanted, occupied)]


def _identity(device: Device, facts: TokenFacts) -> Iterator[str]:
    if device.spec.serial is not None and facts.serial != device.spec.serial:
        yield f"its serial number is {facts.serial}"


def _pin(facts: TokenFacts) -> Iterator[str]:
    """A slip of the finger (``low``) is not a problem: the next right PIN clears it, and the facts tell of it."""
    if facts.pin_flag == "locked":
        yield "its PIN is locked (unblock it with the PUK)"
    elif facts.pin_flag == "final":
        yield "one attempt at its PIN is left (change the PIN with the token's own program, which gives them back)"
    if facts.puk_retries == 0:
        yield "its PUK is locked (only a reset, which destroys the keys, helps)"


def _slot(facts: TokenFacts, wanted: Requirement, occupied: bool) -> Iterator[str]:
    if facts.slot is None:
        if occupied:
            yield "there is no key (is it the right token?)"
    elif not occupied:
        yield "there already is a key, which is never overwritten (choose another one)"
    else:
        yield from key_problems(facts.slot, wanted)


def key_problems(slot: SlotFacts, wanted: Requirement) -> Iterator[str]:
    """How a key differs from what is wanted. What the token does not tell is left to the attestation."""
    for name in ("algorithm", "origin", "pin_policy", "touch_policy"):
        found, asked = getattr(slot, name), getattr(wanted, name)
        if found is not None and found != asked:
            yield f"the {name.replace('_', ' ').replace('pin', 'PIN')} of its key is {found}, not {asked} as asked"
