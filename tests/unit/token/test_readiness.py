# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token import readiness
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends.yubikey.readiness import has_roca
from factories.token_facts import FIT, HSM, SLOT, YUBIKEY


@dataclass(frozen=True)
class Wanted:
    algorithm: str = "ec-p384"
    origin: str = "generated"
    pin_policy: str = "always"
    touch_policy: str = "always"


def test_a_token_that_is_fit() -> None:
    readiness.require_ready(YUBIKEY, FIT, Wanted())
    readiness.require_ready(YUBIKEY, replace(FIT, slot=None), Wanted(), occupied=False)


def test_a_slip_of_the_finger_is_not_a_problem() -> None:
    assert not readiness.problems(YUBIKEY, replace(FIT, pin_flag="low", pin_retries=2), Wanted())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"serial": "22222222"}, "its serial number is 22222222"),
        ({"library_version": "2.2.0"}, "libykcs11 2.2.0 .* is too old: .*install ykcs11 2.5.0"),
        ({"pin_flag": "locked"}, "PIN is locked"),
        ({"pin_flag": "final"}, "one attempt at its PIN is left"),
        ({"puk_retries": 0}, "PUK is locked"),
        ({"defaults": ("pin", "management_key")}, "as the factory set it: PIN and management key"),
        ({"firmware": (4, 3, 4)}, "CVE-2017-15361"),
        ({"firmware": (5, 2, 7), "metadata": False}, "tells neither defaults nor what a slot holds"),
        ({"slot": None}, "there is no key"),
        ({"slot": replace(SLOT, algorithm="ec-p256")}, "the algorithm of its key is ec-p256, not ec-p384 as asked"),
        ({"slot": replace(SLOT, origin="imported")}, "origin of its key is imported"),
        ({"slot": replace(SLOT, pin_policy="once")}, "the PIN policy of its key is once"),
        ({"slot": replace(SLOT, touch_policy="never")}, "touch policy of its key is never"),
    ],
)
def test_what_is_wrong_is_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TrustAnchorError, match=f"primary: .* is not fit: .*{message}"):
        readiness.require_ready(YUBIKEY, replace(FIT, **changes), Wanted())


def test_all_problems_at_once() -> None:
    bad = replace(FIT, pin_flag="locked", defaults=("puk",), slot=None)
    assert len(readiness.problems(YUBIKEY, bad, Wanted())) == 3


def test_an_occupied_slot_takes_no_new_key() -> None:
    assert "already is a key" in readiness.problems(YUBIKEY, FIT, Wanted(), occupied=False)[0]


@pytest.mark.parametrize(("firmware", "fit"), [((5, 4, 3), False), ((5, 7, 0), True)])
def test_large_rsa_keys_need_new_firmware(firmware: tuple[int, int, int], fit: bool) -> None:
    facts = replace(FIT, firmware=firmware, slot=None)
    assert bool(readiness.problems(YUBIKEY, facts, Wanted("rsa-4096"), occupied=False)) is not fit


def test_what_another_token_does_not_tell_is_not_a_problem() -> None:
    facts = replace(
        FIT, kind="pkcs11", serial="4711", firmware=None, slot=replace(SLOT, pin_policy=None, touch_policy=None)
    )
    assert not readiness.problems(HSM, facts, Wanted(touch_policy="never"))
    assert "cannot show its touch policy" in readiness.problems(HSM, facts, Wanted())[0]


@pytest.mark.parametrize(
    ("firmware", "weak"), [((4, 1, 9), False), ((4, 2, 0), True), ((4, 3, 4), True), ((4, 3, 5), False)]
)
def test_firmware_with_weak_rsa_keys(firmware: tuple[int, int, int], weak: bool) -> None:
    assert has_roca(firmware) is weak
