# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pkcs11
import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends.pkcs11 import keys, sessions
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends.softhsm import (
    SoftHsmPlan,
    plan_softhsm,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.signing_keys import signing_key
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from factories.softhsm import PIN, SO_PIN
from pkcs11 import Attribute

_ids: Iterator[int] = itertools.count(1)


def fresh_key(softhsm: Any, algorithm: str = "ec-p384") -> tuple[keys.KeySpec, Any]:
    spec = keys.KeySpec(next(_ids).to_bytes(2, "big"), "test")
    return spec, keys.generate(softhsm, spec, algorithm, PIN)


@pytest.mark.parametrize("algorithm", keys.ALGORITHMS[:3])
def test_a_generated_key_is_found_without_a_login_and_signs(softhsm: Any, algorithm: str) -> None:
    spec, public = fresh_key(softhsm, algorithm)
    assert keys.public_key(softhsm, spec) == public
    assert keys.algorithm_of(public) == algorithm
    private = signing_key(softhsm, spec, PIN, public)
    if isinstance(public, ec.EllipticCurvePublicKey):
        for _index in range(2):  # each signature has a session of its own
            signature = private.sign(b"data", ec.ECDSA(hashes.SHA384()))  # type: ignore[call-arg]
            public.verify(signature, b"data", ec.ECDSA(hashes.SHA384()))
    else:
        signature = private.sign(b"data", padding.PKCS1v15(), hashes.SHA384())  # type: ignore[call-arg,arg-type]
        public.verify(signature, b"data", padding.PKCS1v15(), hashes.SHA384())


@pytest.mark.parametrize("attribute", [Attribute.VALUE, Attribute.EXTRACTABLE, Attribute.ALWAYS_AUTHENTICATE])
def test_a_private_key_does_not_leave(softhsm: Any, attribute: Attribute) -> None:
    spec, _public = fresh_key(softhsm)
    token = sessions.find_token(softhsm)
    with token.open(rw=True, user_pin=PIN) as opened:
        private = keys.private_key(opened, softhsm, spec)
        if attribute is Attribute.VALUE:
            with pytest.raises(pkcs11.exceptions.AttributeSensitive):
                private[attribute]
            with pytest.raises(pkcs11.exceptions.PKCS11Error):
                private[Attribute.EXTRACTABLE] = True
        else:
            assert private[attribute] is (attribute is Attribute.ALWAYS_AUTHENTICATE)
            assert private[Attribute.SENSITIVE] and private[Attribute.NEVER_EXTRACTABLE]


def test_python_gets_nothing_out_of_it(softhsm: Any) -> None:
    spec, public = fresh_key(softhsm)
    private = signing_key(softhsm, spec, PIN, public)
    with pytest.raises(NotImplementedError):
        private.private_numbers()
    assert PIN not in repr(private) + repr(vars(private))


def test_an_occupied_slot_is_refused(softhsm: Any) -> None:
    spec, public = fresh_key(softhsm)
    with pytest.raises(TrustAnchorError, match="already has an object"):
        keys.generate(softhsm, spec, "ec-p384", PIN)
    assert keys.public_key(softhsm, spec) == public


def test_a_wrong_pin_is_explained_and_leaves_the_token_usable(softhsm: Any) -> None:
    spec, public = fresh_key(softhsm)
    with pytest.raises(TrustAnchorError, match="PIN of the token 'unit' is wrong"):
        signing_key(softhsm, spec, "not-the-pin", public).sign(b"x", ec.ECDSA(hashes.SHA384()))  # type: ignore
    assert signing_key(softhsm, spec, PIN, public).sign(b"x", ec.ECDSA(hashes.SHA384()))  # type: ignore


def test_a_key_without_a_pin_per_signature_signs_too(softhsm: Any) -> None:
    spec = keys.KeySpec(next(_ids).to_bytes(2, "big"))
    parameters = {Attribute.EC_PARAMS: pkcs11.util.ec.encode_named_curve_parameters("secp256r1")}
    with sessions.session(softhsm, PIN) as opened:
        domain = opened.create_domain_parameters(pkcs11.KeyType.EC, parameters, local=True)
        domain.generate_keypair(id=spec.id, store=True, public_template={Attribute.PRIVATE: False})
    public = keys.public_key(softhsm, spec)
    assert public is not None
    assert signing_key(softhsm, spec, PIN, public).sign(b"x", ec.ECDSA(hashes.SHA256()))  # type: ignore


def test_an_absent_token_lists_those_present(softhsm: Any) -> None:
    with pytest.raises(sessions.TokenAbsent, match="no token 'other' is present.*'unit' \\(serial"):
        sessions.find_token(replace(softhsm, label="other"))


def test_a_token_is_found_by_its_serial(softhsm: Any) -> None:
    by_serial = replace(softhsm, label=None, serial=sessions.token_serial(softhsm))
    assert sessions.find_token(by_serial).label == "unit"


@pytest.mark.parametrize("error", [pkcs11.exceptions.DeviceRemoved, pkcs11.exceptions.FunctionFailed])
def test_a_token_that_is_pulled_out(softhsm: Any, error: type[Exception]) -> None:
    with pytest.raises(TrustAnchorError, match="went away or failed during the operation"), sessions.session(softhsm):
        raise error


def test_an_absent_module_is_explained() -> None:
    with pytest.raises(TrustAnchorError, match="cannot be loaded"):
        sessions.find_token(sessions.TokenSpec("/nonexistent/module.so", label="x"))


def test_an_absent_private_key(softhsm: Any) -> None:
    _spec, public = fresh_key(softhsm)
    with pytest.raises(TrustAnchorError, match="has no private key with id ffff"):
        signing_key(softhsm, keys.KeySpec(b"\xff\xff"), PIN, public).sign(b"x", ec.ECDSA(hashes.SHA384()))  # type: ignore


def test_initialising_twice_changes_nothing(softhsm: Any) -> None:
    plan = plan_softhsm(softhsm, Path("/nonexistent"))
    assert not plan.changed and plan.serial == sessions.token_serial(softhsm)


def test_a_token_that_cannot_be_made_is_explained(
    softhsm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise pkcs11.exceptions.DeviceError

    plan = plan_softhsm(replace(softhsm, label="never"), Path("/nonexistent"))
    with monkeypatch.context() as patched:
        patched.setattr(
            "ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends.softhsm.load_library",
            lambda _spec: SimpleNamespace(get_slots=broken),
        )
        with pytest.raises(TrustAnchorError, match=r"'never' went away or failed during the operation \(DeviceError\)"):
            plan.apply(PIN, SO_PIN)
    assert sessions.find_token(softhsm)  # the library is as before
    (tmp_path / "file").touch()
    nowhere = replace(softhsm, softhsm_config=str(tmp_path / "file/softhsm2.conf"))
    with pytest.raises(TrustAnchorError, match="file/softhsm2.conf cannot be written"):
        SoftHsmPlan(nowhere, tmp_path / "tokens", True, True, None).apply(PIN, SO_PIN)


def test_an_interrupted_initialisation_is_finished(softhsm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = replace(softhsm, label="half")
    plan = plan_softhsm(spec, Path("/nonexistent"))
    with monkeypatch.context() as patched:
        patched.setattr(
            "ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends.softhsm.session", None
        )
        with pytest.raises(TypeError):
            plan.apply(PIN, SO_PIN)
    again = plan_softhsm(spec, Path("/nonexistent"))
    assert again.changed and not again.token_missing
    again.apply(PIN, SO_PIN)
    assert not plan_softhsm(spec, Path("/nonexistent")).changed


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"module_path": "/m"}, "both or neither"),
        ({"module_path": "/m", "label": "a", "serial": "b"}, "both or neither"),
        ({"module_path": "/m", "lable": "a"}, "Did you mean 'label'"),
        ({"label": "a"}, "'module_path' is missing"),
    ],
)
def test_token_options(data: dict[str, str], message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        sessions.parse_token(data)


@pytest.mark.parametrize("data", [{}, {"id": "0g"}, {"id": ""}, {"idd": "02"}, {"id": None, "label": None}])
def test_key_options(data: dict[str, str]) -> None:
    with pytest.raises(TrustAnchorError):
        keys.parse_key(data)
