# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""libykcs11 and python-pkcs11 sign with the virtual key, and see each fault as with a YubiKey."""

from __future__ import annotations

import pytest
from ansible_collections.trustanchor.private_ca.tests.lab.hosts import await_true
from ansible_collections.trustanchor.private_ca.tests.lab.yubikeys import VirtualYubiKeys
from token_user import MANAGEMENT_KEY, PIN, TokenUser

testinfra_hosts = ["ssh://ceremony1"]

KEY = 11111111
SIGNATURE = 2  # CKA_ID of the slot 9c
NEVER, ALWAYS_TOUCH, ALWAYS_PIN = 1, 2, 3
# What libykcs11 makes of a key that is gone depends on where in the exchange it was.
REMOVED = ("!DeviceRemoved", "!DeviceError", "!FunctionFailed")
COUNT_LOW, FINAL_TRY, LOCKED = 0x10000, 0x20000, 0x40000


def make_key(user: TokenUser, algorithm: str = "p384", touch: int = NEVER) -> None:
    assert user.do("login", serial=KEY, so_pin=MANAGEMENT_KEY) is None
    assert user.do("generate", slot=SIGNATURE, algorithm=algorithm, policies=[ALWAYS_PIN, touch]) is None


@pytest.mark.parametrize("algorithm", ["p256", "p384", "rsa2048", "rsa3072", "ed25519"])
def test_pin_for_every_signature(keys: VirtualYubiKeys, user: TokenUser, algorithm: str):
    make_key(user, algorithm, ALWAYS_TOUCH)
    for _count in range(2):
        assert user.do("sign", slot=SIGNATURE, pin=PIN) == [ALWAYS_PIN, ALWAYS_TOUCH]
    assert user.do("sign", slot=SIGNATURE) == "!UserNotLoggedIn"
    assert keys.signatures(KEY) == 2
    assert keys.status()["touch"]["requests"] == 2


def test_wrong_pin_up_to_the_block(keys: VirtualYubiKeys, user: TokenUser):
    make_key(user)
    assert user.do("flags", serial=KEY) & (COUNT_LOW | FINAL_TRY | LOCKED) == 0
    assert user.do("sign", slot=SIGNATURE, pin="654321") == "!PinIncorrect"
    assert user.do("flags", serial=KEY) & COUNT_LOW
    assert user.do("sign", slot=SIGNATURE, pin="654321") == "!PinIncorrect"
    assert user.do("flags", serial=KEY) & FINAL_TRY
    assert user.do("sign", slot=SIGNATURE, pin="654321") == "!PinLocked"
    assert user.do("flags", serial=KEY) & LOCKED
    assert user.do("sign", slot=SIGNATURE, pin=PIN) == "!PinLocked"
    assert keys.signatures(KEY) == 0
    assert keys.status()["keys"][str(KEY)]["pin_tries"] == 0


def test_a_blocked_key_from_the_start(keys: VirtualYubiKeys, user: TokenUser):
    keys.block(KEY, "pin")
    assert user.do("login", serial=KEY, user_pin=PIN) == "!PinLocked"


def test_credentials_given_by_the_test(keys: VirtualYubiKeys, user: TokenUser):
    keys.credentials(KEY, pin="975310", management_key="ab" * 24)
    assert user.do("login", serial=KEY, so_pin=MANAGEMENT_KEY) == "!PinIncorrect"
    assert user.do("login", serial=KEY, so_pin="ab" * 24) is None
    assert user.do("set_pin", old="ab" * 24, new="cd" * 24) is None
    assert user.do("close") is None
    assert user.do("login", serial=KEY, user_pin="975310") is None
    assert user.do("set_pin", old="975310", new=PIN) is None


def test_touch_when_the_test_says_so(keys: VirtualYubiKeys, user: TokenUser):
    make_key(user, touch=ALWAYS_TOUCH)
    keys.touch("manual")
    user.begin("sign", slot=SIGNATURE, pin=PIN)
    keys.press(KEY)
    assert user.end() == [ALWAYS_PIN, ALWAYS_TOUCH]


def test_no_touch(keys: VirtualYubiKeys, user: TokenUser):
    make_key(user, touch=ALWAYS_TOUCH)
    keys.touch("never", seconds=0.2)
    assert user.do("sign", slot=SIGNATURE, pin=PIN) == "!UserNotLoggedIn"
    assert keys.signatures(KEY) == 0
    keys.touch("automatic")
    assert user.do("sign", slot=SIGNATURE, pin=PIN) == [ALWAYS_PIN, ALWAYS_TOUCH]


def test_pulled_in_the_middle_of_a_signature(keys: VirtualYubiKeys, user: TokenUser):
    make_key(user)
    keys.pull_at_signature(KEY)
    assert user.do("sign", slot=SIGNATURE, pin=PIN) in REMOVED
    assert not keys.status()["keys"][str(KEY)]["inserted"]
    keys.insert(KEY)
    with TokenUser(keys.host) as again:
        assert again.do("login", serial=KEY, user_pin=PIN) is None
        assert again.do("sign", slot=SIGNATURE, pin=PIN) == [ALWAYS_PIN, NEVER]


def test_pulled_while_it_waits_for_a_touch(keys: VirtualYubiKeys, user: TokenUser):
    make_key(user, touch=ALWAYS_TOUCH)
    keys.touch("manual")
    user.begin("sign", slot=SIGNATURE, pin=PIN)
    await_true(lambda: keys.status()["touch"]["waiting"] == [KEY], 10, "the key does not wait for a touch")
    keys.pull(KEY)
    assert user.end().startswith("!")
    assert keys.signatures(KEY) == 0


def test_another_key_in_the_reader(keys: VirtualYubiKeys, user: TokenUser):
    assert user.do("serials") == ["11111111", "22222222"]
    keys.pull(22222222)
    with TokenUser(keys.host) as one:
        assert one.do("serials") == ["11111111"]
    keys.insert(33333333)
    with TokenUser(keys.host) as both:
        assert both.do("serials") == ["11111111", "33333333"]


def test_one_key_imported_to_two_tokens(user: TokenUser):
    for serial in (11111111, 22222222):
        assert user.do("login", serial=serial, so_pin=MANAGEMENT_KEY) is None
        assert user.do("import_p384", slot=SIGNATURE, scalar=2**300 + 7) is None
        assert user.do("sign", slot=SIGNATURE, pin=PIN) == [ALWAYS_PIN, NEVER]
        assert user.do("close") is None
