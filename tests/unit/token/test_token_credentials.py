# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends import registry
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends.yubikey import credential_plan
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.credential_plan import NewCredentials
from ansible_collections.trustanchor.private_ca.plugins.modules import token_credentials
from factories.token_facts import FIT, HSM, YUBIKEY

FACTORY = replace(
    FIT, defaults=("pin", "puk", "management_key"), puk_retries_max=3, management_key_protected=False, slot=None
)
DONE = replace(FACTORY, defaults=(), management_key_protected=True)


def plan(facts: Any, pin_retries: int | None = None, puk_retries: int | None = None) -> Any:
    return credential_plan.plan_credentials(YUBIKEY, facts, pin_retries, puk_retries, "aes192")


def test_a_new_token_gets_everything() -> None:
    found = plan(FACTORY, 5, 5)
    assert found.steps == ("retries", "pin", "puk", "management_key")
    assert found.needed == ["pin", "puk"]


def test_without_defaults_nothing_is_done() -> None:
    found = plan(DONE)
    assert not found.changed and found.needed == []


@pytest.mark.parametrize(
    ("defaults", "steps", "needed"),
    [
        (("puk", "management_key"), ("puk", "management_key"), ["pin", "puk"]),
        (("management_key",), ("management_key",), ["pin"]),
        (("puk",), ("puk",), ["puk"]),
    ],
)
def test_an_interrupted_run_is_finished(defaults: Any, steps: Any, needed: Any) -> None:
    found = plan(replace(FACTORY, defaults=defaults))
    assert (found.steps, found.needed) == (steps, needed)


@pytest.mark.parametrize("defaults", [(), ("puk",), ("management_key",), ("puk", "management_key")])
def test_a_token_in_use_keeps_its_retry_counts(defaults: Any) -> None:
    """Setting them would take its present PIN, and put PIN and PUK back to their defaults."""
    found = plan(replace(DONE, defaults=defaults), pin_retries=8, puk_retries=8)
    assert found.steps == defaults


def test_the_purpose_says_which_pin() -> None:
    fresh, in_use = plan(FACTORY, 5, 5), plan(replace(DONE, defaults=("management_key",)), 5, 5)
    assert "the present one" not in token_credentials._purpose(fresh)
    assert token_credentials._purpose(in_use).endswith("whose PIN stays: enter the present one")


def test_a_retry_count_before_the_first_pin_sets_the_puk_again() -> None:
    pin_only = replace(DONE, defaults=("pin",))
    found = plan(pin_only, pin_retries=8)
    assert found.steps == ("retries", "pin", "puk")
    assert (found.pin_retries, found.puk_retries) == (8, 3)
    unprotected = plan(replace(pin_only, management_key_protected=False), pin_retries=8)
    assert unprotected.needed == ["pin", "puk", "management_key"]


def test_other_tokens_have_no_defaults() -> None:
    assert not registry.backend_of(HSM).plan_credentials(HSM, replace(FIT, kind="pkcs11"), 5, 5, "aes192").changed


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pin_flag": "locked", "pin_retries": 0}, "has 0 attempts left"),
        ({"pin_flag": "final", "pin_retries": 1}, "the last attempt is never used up"),
        ({"puk_retries": 0}, "PUK of the token .* is locked"),
        ({"firmware": (5, 2, 7), "metadata": False}, "firmware 5.2.7 .* does not tell its defaults"),
    ],
)
def test_what_cannot_be_done(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        plan(replace(FACTORY, **changes))


@pytest.mark.parametrize(
    ("pin", "puk", "key", "message"),
    [
        ("123456", "47110000", None, "PIN is the factory default"),
        ("471100", "12345678", None, "PUK is the factory default"),
        ("47110", "47110000", None, "PIN has 5 bytes"),
        ("471100", "471100001", None, "PUK has 9 bytes"),
        ("471100", "471100", None, "PIN and PUK are the same"),
        ("471100", "47110000", "0102030405060708" * 3, "management key is the factory default"),
        ("471100", "47110000", "ab" * 16, "has 16 bytes"),
        ("471100", "47110000", "zz" * 24, "not hexadecimal"),
    ],
)
def test_bad_choices(pin: str, puk: str, key: str | None, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message) as caught:
        credential_plan.check_new(NewCredentials(pin, puk, key), "aes192")
    assert "zz" not in str(caught.value)


def test_good_choices_and_what_is_not_needed() -> None:
    credential_plan.check_new(NewCredentials("471100", "47110000", "ab" * 32), "aes256")
    credential_plan.check_new(NewCredentials("", "47110000"), "aes192")
    assert "4711" not in repr(NewCredentials("471100", "47110000", "ab" * 24))
