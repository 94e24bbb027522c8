# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of a token, and keys that are made on one or imported to several, once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token import facts, key_plan, provision
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends.pkcs11 import (
    key_import,
    keys,
    sessions,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends.pkcs11.facts import pin_flag
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends.softhsm import plan_softhsm
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.devices import Device
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.key_plan import KeyRequirement, plan_key
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.provision import Credentials
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.signing_keys import signing_key
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.certificates import spki_sha256
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from factories.softhsm import PIN, SO_PIN
from factories.token_facts import FIT, YUBIKEY
from pkcs11 import Attribute
from pkcs11.constants import TokenFlag

KNOWN = Credentials(PIN)
GENERATED, IMPORTED = KeyRequirement("ec-p384"), KeyRequirement("ec-p384", origin="imported")
BOTH = {"one": KNOWN, "two": KNOWN}
_ids: Iterator[int] = itertools.count(0x1000)


@pytest.fixture(scope="module")
def tokens(softhsm: Any) -> tuple[Any, Any]:
    """Two SoftHSM tokens."""
    other = replace(softhsm, label="unit-backup")
    plan = plan_softhsm(other, softhsm.softhsm_config)
    if plan.changed:
        plan.apply(PIN, SO_PIN)
    return softhsm, other


def pair(tokens: tuple[Any, Any]) -> list[Device]:
    """The same fresh id on both tokens."""
    key = keys.KeySpec(next(_ids).to_bytes(2, "big"))
    return [Device(name, "softhsm", spec, key) for name, spec in zip(("one", "two"), tokens, strict=True)]


def sign_and_verify(device: Device, public: Any) -> None:
    private: Any = signing_key(device.spec, device.key, PIN, public)
    how: Any = (padding.PKCS1v15(), hashes.SHA384())
    if isinstance(public, ec.EllipticCurvePublicKey):
        how = (ec.ECDSA(hashes.SHA384()),)
    public.verify(private.sign(b"data", *how), b"data", *how)


def test_facts_of_an_empty_place_and_of_a_key(tokens: Any) -> None:
    device = pair(tokens)[0]
    empty = facts.inspect(device)
    assert (empty.kind, empty.model, empty.pin_flag, empty.slot) == ("softhsm", "SoftHSM v2", "ok", None)
    assert empty.serial == sessions.token_serial(device.spec)
    public = provision.make_key(device, "ec-p384", "always", "always", KNOWN)
    slot = facts.inspect(device).slot
    assert slot == facts.SlotFacts("ec-p384", "generated", None, None, spki_sha256(public))


def test_facts_as_data_hold_plain_values() -> None:
    one = facts.TokenFacts("yubikey", "1", "m", "/l", "2.7.1", "ok", None, firmware=(5, 7, 1), defaults=("pin",))
    data = one.as_dict()
    assert (data["firmware"], data["defaults"], data["slot"]) == ("5.7.1", ["pin"], None)


@pytest.mark.parametrize(
    ("flags", "state"),
    [
        (TokenFlag.TOKEN_INITIALIZED, "ok"),
        (TokenFlag.USER_PIN_COUNT_LOW, "low"),
        (TokenFlag.USER_PIN_COUNT_LOW | TokenFlag.USER_PIN_FINAL_TRY, "final"),
        (TokenFlag.USER_PIN_LOCKED, "locked"),
    ],
)
def test_the_state_of_the_pin(flags: TokenFlag, state: str) -> None:
    token = SimpleNamespace(flags=flags)  # all that it reads
    assert pin_flag(token) == state  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("flag", "message"), [(TokenFlag.USER_PIN_FINAL_TRY, "nothing was tried"), (TokenFlag.USER_PIN_LOCKED, "is locked")]
)
def test_the_last_attempt_is_never_used(
    tokens: Any, monkeypatch: pytest.MonkeyPatch, flag: TokenFlag, message: str
) -> None:
    opened: list[Any] = []
    token = SimpleNamespace(flags=flag, open=lambda **given: opened.append(given))
    monkeypatch.setattr(sessions, "find_token", lambda _spec: token)
    with pytest.raises(TrustAnchorError, match=message), sessions.session(tokens[0], PIN):
        pass
    assert not opened


def test_an_ed25519_key_is_made_and_is_none_for_an_authority(tokens: Any) -> None:
    device = pair(tokens)[0]
    provision.generate_key(device, "ed25519", "always", "never", KNOWN)
    slot = facts.inspect(device).slot
    assert slot is not None and slot.algorithm == "ed25519"
    with pytest.raises(TrustAnchorError, match="Ed25519"):
        keys.public_key(device.spec, device.key)
    with pytest.raises(TrustAnchorError, match="not an algorithm for a certificate authority"):
        provision.make_key(device, "ed25519", "always", "never", KNOWN)


@pytest.mark.parametrize("algorithm", keys.ALGORITHMS)
def test_an_imported_key_is_the_same_on_both_tokens(tokens: Any, algorithm: str) -> None:
    devices = pair(tokens)
    public = provision.import_key(devices, algorithm, "always", "never", {"one": KNOWN, "two": KNOWN})
    for device in devices:
        slot = facts.inspect(device).slot
        assert slot == facts.SlotFacts(algorithm, "imported", None, None, spki_sha256(public))
        sign_and_verify(device, public)


@pytest.mark.parametrize(("policy", "every_time"), [("always", True), ("once", False)])
@pytest.mark.parametrize("imported", [False, True])
def test_policies_and_secrecy_of_a_private_key(tokens: Any, policy: str, every_time: bool, imported: bool) -> None:
    device = pair(tokens)[0]
    if imported:
        public = provision.import_key([device], "ec-p384", policy, "never", {"one": KNOWN})
    else:
        public = provision.make_key(device, "ec-p384", policy, "never", KNOWN)
    with sessions.session(device.spec, PIN) as opened:
        private = keys.private_key(opened, device.spec, device.key)
        assert private[Attribute.ALWAYS_AUTHENTICATE] is every_time
        assert private[Attribute.SENSITIVE] and not private[Attribute.EXTRACTABLE]
    sign_and_verify(device, public)


def test_an_occupied_second_token_leaves_the_first_empty(tokens: Any) -> None:
    devices = pair(tokens)
    provision.make_key(devices[1], "ec-p384", "always", "never", KNOWN)
    with pytest.raises(TrustAnchorError, match="'unit-backup' already has an object"):
        provision.import_key(devices, "ec-p384", "always", "never", {"one": KNOWN, "two": KNOWN})
    assert facts.inspect(devices[0]).slot is None


@pytest.mark.parametrize("given", [{"one": KNOWN}, {"one": KNOWN, "two": Credentials("wrong-4711")}])
def test_wrong_credentials_of_the_second_token_leave_the_first_empty(tokens: Any, given: Any) -> None:
    devices = pair(tokens)
    with pytest.raises(TrustAnchorError, match="PIN"):
        provision.import_key(devices, "ec-p384", "always", "never", given)
    assert facts.inspect(devices[0]).slot is None


def test_a_failure_half_way_names_the_token_that_has_a_copy(tokens: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = pair(tokens)
    create = key_import._create_objects

    def fail_on_second(opened: Any, device: Device, *rest: Any) -> None:
        if device.name == "two":
            raise TrustAnchorError("it went away")
        create(opened, device, *rest)

    monkeypatch.setattr(key_import, "_create_objects", fail_on_second)
    with pytest.raises(TrustAnchorError, match="is on one, but not on two: it went away"):
        provision.import_key(devices, "ec-p384", "always", "never", {"one": KNOWN, "two": KNOWN})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ec-p521", "always", "never"), "not an algorithm"),
        (("ec-p384", "sometimes", "never"), "is unknown"),
        (("ec-p384", "always", "sometimes"), "is unknown"),
        (("ec-p384", "never", "never"), "always wants a login"),
    ],
)
def test_impossible_wishes(tokens: Any, arguments: tuple[str, str, str], message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        provision.make_key(pair(tokens)[0], *arguments, KNOWN)


def test_no_pin_no_key(tokens: Any) -> None:
    with pytest.raises(TrustAnchorError, match="no PIN was given for one"):
        provision.make_key(pair(tokens)[0], "ec-p384", "always", "never", Credentials())


def test_credentials_do_not_show() -> None:
    assert "4711" not in repr(Credentials("4711-pin", "4711")) + str([Credentials("4711-pin")])


def test_without_yubikit_the_way_out_is_told(tokens: Any) -> None:
    device = replace(pair(tokens)[0], kind="yubikey", slot="9c")
    try:
        import yubikit  # noqa: F401
    except ImportError:
        with pytest.raises(TrustAnchorError, match="Install yubikey-manager"):
            facts.inspect(device)


def test_a_key_is_made_once(tokens: Any) -> None:
    device = pair(tokens)[0]
    first = plan_key([device], GENERATED)
    assert first.changed and first.needed == ["pin"]
    assert first.purpose.startswith("generate the ec-p384 key for the token 'unit'")
    made = first.apply(BOTH)
    again = plan_key([device], GENERATED)
    assert not again.changed and again.found == made


def test_one_key_for_two_tokens(tokens: Any) -> None:
    devices = pair(tokens)
    work = plan_key(devices, IMPORTED)
    assert work.changed and work.needed == ["pin", "copy_pins"]
    assert work.apply(BOTH) == plan_key(devices, IMPORTED).found


def test_a_generated_key_has_no_copies(tokens: Any) -> None:
    with pytest.raises(TrustAnchorError, match="never leaves its token"):
        plan_key(pair(tokens), GENERATED)


def test_only_one_of_two_has_the_key(tokens: Any) -> None:
    devices = pair(tokens)
    plan_key(devices[1:], IMPORTED).apply(BOTH)
    with pytest.raises(TrustAnchorError, match="do not have the same key"):
        plan_key(devices, IMPORTED)


@pytest.mark.parametrize(
    ("other", "message"),
    [(KeyRequirement("ec-p256"), "algorithm of its key is ec-p384"), (IMPORTED, "origin of its key is generated")],
)
def test_another_key_is_there(tokens: Any, other: KeyRequirement, message: str) -> None:
    device = pair(tokens)[0]
    plan_key([device], GENERATED).apply(BOTH)
    with pytest.raises(TrustAnchorError, match=message):
        plan_key([device], other)


def test_an_absent_token_is_a_guess_in_check_mode_only(tokens: Any) -> None:
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
