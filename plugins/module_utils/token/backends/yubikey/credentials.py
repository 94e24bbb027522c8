# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PIN, PUK and management key of a YubiKey: nothing stays as the factory set it.

The order matters. Setting the retry counts resets PIN and PUK to their defaults, so it comes first. A random management
key is stored on the token before it comes into force, so that a token that is pulled out in between is not lost: it
still tells that its management key is the default, and a second run finishes.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from ykman.piv import (
    OBJECT_ID_PIVMAN_DATA,
    OBJECT_ID_PIVMAN_PROTECTED_DATA,
    get_pivman_data,
    get_pivman_protected_data,
)
from yubikit.core.smartcard import SW, ApduError
from yubikit.piv import PivSession

from ....errors import TrustAnchorError
from ...credential_plan import CredentialPlan, NewCredentials
from ...credentials import Credentials
from ...model import TokenFacts
from ..pkcs11.sessions import load_library
from .cards import Card, opened, verify_pin
from .credential_plan import DEFAULT_MANAGEMENT_KEY, DEFAULT_PIN, DEFAULT_PUK
from .facts import MANAGEMENT_ALGORITHMS, read_facts
from .keys import authenticate


def apply(plan: CredentialPlan, new: NewCredentials) -> TokenFacts:
    """Set what the plan says; the facts afterwards.

    Raises:
        TrustAnchorError: the token refuses, a current credential is wrong, or a default remains.
    """
    library = load_library(plan.device.spec).library_version
    with opened(str(plan.device.spec.serial)) as card:
        _unlock(card, plan, new)
        if "retries" in plan.steps:
            card.piv.set_pin_attempts(plan.pin_retries, plan.puk_retries)
        for step, change in (("pin", _change_pin), ("puk", _change_puk)):
            if step in plan.steps:
                _explained(step, change, card.piv, new)
        if "management_key" in plan.steps:
            _set_management_key(card, plan, new)
        facts = read_facts(card, plan.device, library)
    if facts.defaults:
        raise TrustAnchorError(f"the {plan.device.spec} still has a default: {', '.join(facts.defaults)}")
    return facts


def _unlock(card: Card, plan: CredentialPlan, new: NewCredentials) -> None:
    """Prove what a change of retry counts (which comes before the first PIN) or of the management key asks for."""
    if not {"retries", "management_key"} & set(plan.steps):
        return
    if "retries" in plan.steps:
        verify_pin(card, DEFAULT_PIN)
    if "management_key" in plan.facts.defaults:
        authenticate(card, Credentials(management_key=DEFAULT_MANAGEMENT_KEY.hex()))
    else:
        authenticate(card, Credentials(DEFAULT_PIN, new.management_key))


def _change_pin(piv: PivSession, new: NewCredentials) -> None:
    piv.change_pin(DEFAULT_PIN, new.pin)


def _change_puk(piv: PivSession, new: NewCredentials) -> None:
    piv.change_puk(DEFAULT_PUK, new.puk)


def _explained(
    what: str, change: Callable[[PivSession, NewCredentials], None], piv: PivSession, new: NewCredentials
) -> None:
    try:
        change(piv, new)
    except ApduError as error:
        if error.sw not in (SW.INCORRECT_PARAMETERS, SW.CONDITIONS_NOT_SATISFIED, SW.DATA_INVALID):
            raise
        raise TrustAnchorError(
            f"the token does not take the new {what.upper()}",
            "it is too simple for this token, or of the wrong length",
            "Choose another one; firmware with PIN complexity refuses repeated and consecutive characters",
        ) from error


def _set_management_key(card: Card, plan: CredentialPlan, new: NewCredentials) -> None:
    algorithm = MANAGEMENT_ALGORITHMS[plan.algorithm]
    key = bytes.fromhex(new.management_key) if new.management_key else secrets.token_bytes(algorithm.key_len)
    if not new.management_key:
        _store(card, new.pin, key)
    card.piv.set_management_key(algorithm, key)


def _store(card: Card, pin: str, key: bytes) -> None:
    """Put the key where the PIN gives access to it, as ykman does (``--protect``)."""
    verify_pin(card, pin)
    protected, data = get_pivman_protected_data(card.piv), get_pivman_data(card.piv)
    protected.key, data.mgm_key_protected = key, True
    card.piv.put_object(OBJECT_ID_PIVMAN_PROTECTED_DATA, protected.get_bytes())
    card.piv.put_object(OBJECT_ID_PIVMAN_DATA, data.get_bytes())
