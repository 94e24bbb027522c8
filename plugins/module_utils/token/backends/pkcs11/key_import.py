# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a key pair from memory to a token by PKCS#11."""

from __future__ import annotations

from typing import Any

import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pkcs11 import Attribute, KeyType, ObjectClass

from ...credentials import Credentials
from ...model import Device
from ..base import PrivateKey
from . import keys
from .sessions import session


def rehearse_import(device: Device, credentials: Credentials) -> None:
    """Everything of an import but the import.

    Raises:
        TrustAnchorError: there is a key already, or the PIN is wrong.
    """
    with session(device.spec, credentials.required_pin(device)) as opened:
        keys.require_vacant(opened, device.spec, device.key)


def import_key(
    device: Device, private: PrivateKey, pin_policy: str, _touch_policy: str, credentials: Credentials
) -> None:
    """Create the pair's two objects.

    Args:
        device: where.
        private: a key of cryptography.
        pin_policy: always or once.
        credentials: of the token.

    Raises:
        TrustAnchorError: there is a key already, the PIN is wrong, or the token refuses.
    """
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
