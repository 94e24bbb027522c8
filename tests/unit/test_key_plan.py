# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token import key_plan
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.key_plan import KeyRequirement, plan_key
from test_readiness import FIT, YUBIKEY
from test_token_facts import KNOWN, pair, tokens  # noqa: F401

GENERATED, IMPORTED = KeyRequirement("ec-p384"), KeyRequirement("ec-p384", origin="imported")
BOTH = {"one": KNOWN, "two": KNOWN}


def test_a_key_is_made_once(tokens: Any) -> None:  # noqa: F811
    device = pair(tokens)[0]
    first = plan_key([device], GENERATED)
    assert first.changed and first.needed == ["pin"]
    assert first.purpose.startswith("generate the ec-p384 key for the token 'unit'")
    made = first.apply(BOTH)
    again = plan_key([device], GENERATED)
    assert not again.changed and again.found == made


def test_one_key_for_two_tokens(tokens: Any) -> None:  # noqa: F811
    devices = pair(tokens)
    work = plan_key(devices, IMPORTED)
    assert work.changed and work.needed == ["pin", "copy_pins"]
    assert work.apply(BOTH) == plan_key(devices, IMPORTED).found


def test_a_generated_key_has_no_copies(tokens: Any) -> None:  # noqa: F811
    with pytest.raises(TrustAnchorError, match="never leaves its token"):
        plan_key(pair(tokens), GENERATED)


def test_only_one_of_two_has_the_key(tokens: Any) -> None:  # noqa: F811
    devices = pair(tokens)
    plan_key(devices[1:], IMPORTED).apply(BOTH)
    with pytest.raises(TrustAnchorError, match="do not have the same key"):
        plan_key(devices, IMPORTED)


@pytest.mark.parametrize(
    ("other", "message"),
    [(KeyRequirement("ec-p256"), "algorithm of its key is ec-p384"), (IMPORTED, "origin of its key is generated")],
)
def test_another_key_is_there(tokens: Any, other: KeyRequirement, message: str) -> None:  # noqa: F811
    device = pair(tokens)[0]
    plan_key([device], GENERATED).apply(BOTH)
    with pytest.raises(TrustAnchorError, match=message):
        plan_key([device], other)


def test_an_absent_token_is_a_guess_in_check_mode_only(tokens: Any) -> None:  # noqa: F811
    device = pair(tokens)[0]
    absent = replace(device, spec=replace(device.spec, label="elsewhere"))
    work = plan_key([absent], GENERATED, guess=True)
    assert work.changed and "no token 'elsewhere'" in work.missing
    with pytest.raises(TrustAnchorError, match="no token 'elsewhere'"):
        plan_key([absent], GENERATED)


def test_a_yubikey_has_to_be_fit_and_may_need_its_management_key(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = replace(FIT, slot=None)
    monkeypatch.setattr(key_plan, "inspect", lambda _device: empty)
    assert plan_key([YUBIKEY], GENERATED).needed == ["pin"]
    empty = replace(empty, management_key_protected=False)
    assert plan_key([YUBIKEY], GENERATED).needed == ["management_key"]
    empty = replace(empty, defaults=("pin",))
    with pytest.raises(TrustAnchorError, match="as the factory set it: PIN"):
        plan_key([YUBIKEY], GENERATED)
