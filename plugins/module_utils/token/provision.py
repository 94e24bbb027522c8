# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys for tokens: made on the token, or made in this machine's memory and imported to several.

A key that a token makes never leaves it and can be attested. An imported one has copies: that is its purpose, and the
price is that this machine saw it and that no attestation exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pkcs11 import Attribute, KeyType, ObjectClass

from ..errors import TrustAnchorError
from .backends.pkcs11 import keys
from .backends.pkcs11.keys import AnyPublicKey, PublicKey
from .backends.pkcs11.sessions import session
from .credentials import Credentials
from .devices import Device
from .optional import yubikit_needed

PIN_POLICIES = ("always", "once", "never")
TOUCH_POLICIES = ("always", "cached", "never")

_CURVES: dict[str, type[ec.EllipticCurve]] = {"ec-p384": ec.SECP384R1, "ec-p256": ec.SECP256R1}

__all__ = ["Credentials", "generate_key", "import_key", "make_key"]

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def make_key(device: Device, algorithm: str, pin_policy: str, touch_policy: str, credentials: Credentials) -> PublicKey:
    """Make a certificate authority's key pair on the token.

    Args:
        device: where.
        algorithm: one of `keys.ALGORITHMS`.
        pin_policy: one of `PIN_POLICIES`.
        touch_policy: one of `TOUCH_POLICIES`; only a YubiKey knows touches.
        credentials: of the token.

    Raises:
        TrustAnchorError: the place is occupied, the token cannot do it, or the credentials are wrong.
    """
    if algorithm not in keys.ALGORITHMS:
        raise TrustAnchorError(f"'{algorithm}' is not an algorithm for a certificate authority", _known())
    return keys.ca_key(generate_key(device, algorithm, pin_policy, touch_policy, credentials))


def generate_key(
    device: Device, algorithm: str, pin_policy: str, touch_policy: str, credentials: Credentials
) -> AnyPublicKey:
    """As `make_key`, for any of `keys.ALL_ALGORITHMS`."""
    _check(device, algorithm, pin_policy, touch_policy)
    if device.kind == "yubikey":
        with yubikit_needed():
            from .backends.yubikey import keys as yubikey_keys
        return yubikey_keys.generate(device, algorithm, pin_policy, touch_policy, credentials)
    pin = credentials.required_pin(device)
    return keys.generate(device.spec, device.key, algorithm, pin, pin_always=pin_policy == "always")


def import_key(
    devices: Sequence[Device],
    algorithm: str,
    pin_policy: str,
    touch_policy: str,
    credentials_by_name: Mapping[str, Credentials],
) -> PublicKey:
    """Make a key pair in memory and import it to each token; afterwards only the tokens have it.

    Every token is opened and looked at before the key exists, so that a wrong PIN or an occupied slot leaves all of
    them as they were.

    Args:
        devices: where; one or more.
        algorithm: one of `keys.ALGORITHMS`.
        pin_policy: one of `PIN_POLICIES`.
        touch_policy: one of `TOUCH_POLICIES`; only a YubiKey knows touches.
        credentials_by_name: credentials of each device by its name.

    Raises:
        TrustAnchorError: as `make_key`; where a token fails half-way the message names those that have a copy.
    """
    if algorithm not in keys.ALGORITHMS:
        raise TrustAnchorError(f"'{algorithm}' is not an algorithm for a certificate authority", _known())
    for device in devices:
        _check(device, algorithm, pin_policy, touch_policy)
        _rehearse_import(device, credentials_by_name.get(device.name, Credentials()))
    private = _in_memory(algorithm)
    public = keys.ca_key(private.public_key())
    done: list[str] = []
    for device in devices:
        try:
            _import(device, private, pin_policy, touch_policy, credentials_by_name[device.name])
        except TrustAnchorError as error:
            raise _half_way(error, device, done) from error
        done.append(device.name)
    return public


def _known() -> str:
    return f"known: {', '.join(keys.ALGORITHMS)}"


def _check(device: Device, algorithm: str, pin_policy: str, touch_policy: str) -> None:
    keys.require_known(algorithm)
    if pin_policy not in PIN_POLICIES or touch_policy not in TOUCH_POLICIES:
        raise TrustAnchorError(
            f"PIN policy '{pin_policy}' with touch policy '{touch_policy}' is unknown",
            f"PIN: {', '.join(PIN_POLICIES)}; touch: {', '.join(TOUCH_POLICIES)}",
        )
    if device.kind != "yubikey" and pin_policy == "never":
        raise TrustAnchorError(
            f"a private key on the {device.spec} always wants a login", "PIN policy never is not available"
        )


def _rehearse_import(device: Device, credentials: Credentials) -> None:
    if device.kind == "yubikey":
        with yubikit_needed():
            from .backends.yubikey import keys as yubikey_keys
        yubikey_keys.rehearse(device, credentials)
        return
    with session(device.spec, credentials.required_pin(device)) as opened:
        keys.require_vacant(opened, device.spec, device.key)


def _in_memory(algorithm: str) -> PrivateKey:
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm]())
    return rsa.generate_private_key(public_exponent=65537, key_size=int(algorithm.removeprefix("rsa-")))


def _half_way(error: TrustAnchorError, device: Device, done: Sequence[str]) -> TrustAnchorError:
    if not done:
        return error
    return TrustAnchorError(
        f"the key is on {', '.join(done)}, but not on {device.name}: {error.what}",
        "it was in memory only, so no further copy can be made",
        f"Remove it from {', '.join(done)} (nothing was signed with it) and begin again",
    )


def _import(device: Device, private: PrivateKey, pin_policy: str, touch_policy: str, credentials: Credentials) -> None:
    if device.kind == "yubikey":
        with yubikit_needed():
            from .backends.yubikey import keys as yubikey_keys
        yubikey_keys.import_private(device, private, pin_policy, touch_policy, credentials)
        return
    with session(device.spec, credentials.required_pin(device)) as opened:
        keys.require_vacant(opened, device.spec, device.key)
        _create_objects(opened, device, private, pin_policy == "always")


def _create_objects(opened: pkcs11.Session, device: Device, private: PrivateKey, pin_always: bool) -> None:
    secret, public = _ec_values(private) if isinstance(private, ec.EllipticCurvePrivateKey) else _rsa_values(private)
    common = {Attribute.TOKEN: True, Attribute.ID: device.key.id, Attribute.LABEL: device.key.label or ""}
    opened.create_object(
        {
            Attribute.CLASS: ObjectClass.PRIVATE_KEY,
            Attribute.SIGN: True,
            **common,
            **secret,
            **keys.private_template(pin_always),
        }
    )
    opened.create_object(
        {
            Attribute.CLASS: ObjectClass.PUBLIC_KEY,
            Attribute.VERIFY: True,
            Attribute.PRIVATE: False,
            **common,
            **public,
        }
    )


def _ec_values(private: ec.EllipticCurvePrivateKey) -> tuple[dict[Attribute, Any], dict[Attribute, Any]]:
    parameters = keys.curve_parameters(keys.algorithm_of(private.public_key()))
    common = {Attribute.KEY_TYPE: KeyType.EC, Attribute.EC_PARAMS: parameters}
    value = private.private_numbers().private_value.to_bytes(private.key_size // 8, "big")
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    # CKA_EC_POINT is a DER OCTET STRING; both curves' points are shorter than 128 bytes.
    encoded = bytes([0x04, len(point)]) + point
    return {**common, Attribute.VALUE: value}, {**common, Attribute.EC_POINT: encoded}


def _rsa_values(private: Any) -> tuple[dict[Attribute, Any], dict[Attribute, Any]]:
    numbers = private.private_numbers()
    public = {
        Attribute.KEY_TYPE: KeyType.RSA,
        Attribute.MODULUS: _bytes(numbers.public_numbers.n),
        Attribute.PUBLIC_EXPONENT: _bytes(numbers.public_numbers.e),
    }
    secret = {
        Attribute.PRIVATE_EXPONENT: _bytes(numbers.d),
        Attribute.PRIME_1: _bytes(numbers.p),
        Attribute.PRIME_2: _bytes(numbers.q),
        Attribute.EXPONENT_1: _bytes(numbers.dmp1),
        Attribute.EXPONENT_2: _bytes(numbers.dmq1),
        Attribute.COEFFICIENT: _bytes(numbers.iqmp),
    }
    return {**public, **secret}, public


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
