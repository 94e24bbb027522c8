# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys for tokens: made on the token, or made in this machine's memory and imported to several.

A key that a token makes never leaves it and can be attested. An imported one has copies: that is its purpose, and the
price is that this machine saw it and that no attestation exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ..errors import TrustAnchorError
from .backends.base import PrivateKey
from .backends.pkcs11 import keys
from .backends.pkcs11.keys import AnyPublicKey, PublicKey
from .backends.registry import backend_of
from .credentials import Credentials
from .model import Device
from .policy import check_policies

_CURVES: dict[str, type[ec.EllipticCurve]] = {"ec-p384": ec.SECP384R1, "ec-p256": ec.SECP256R1}

__all__ = ["Credentials", "generate_key", "import_key", "make_key"]


def make_key(device: Device, algorithm: str, pin_policy: str, touch_policy: str, credentials: Credentials) -> PublicKey:
    """Make a certificate authority's key pair on the token.

    Args:
        device: where.
        algorithm: one of `keys.ALGORITHMS`.
        pin_policy: one of `policy.PIN_POLICIES`.
        touch_policy: one of `policy.TOUCH_POLICIES`; only a YubiKey knows touches.
        credentials: of the token.

    Raises:
        TrustAnchorError: there is a key already, the token cannot do it, or the credentials are wrong.
    """
    if algorithm not in keys.ALGORITHMS:
        raise TrustAnchorError(f"'{algorithm}' is not an algorithm for a certificate authority", _known())
    return keys.ca_key(generate_key(device, algorithm, pin_policy, touch_policy, credentials))


def generate_key(
    device: Device, algorithm: str, pin_policy: str, touch_policy: str, credentials: Credentials
) -> AnyPublicKey:
    """As `make_key`, for any of `keys.ALL_ALGORITHMS`."""
    _check(device, algorithm, pin_policy, touch_policy)
    return backend_of(device).generate(device, algorithm, pin_policy, touch_policy, credentials)


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
        pin_policy: one of `policy.PIN_POLICIES`.
        touch_policy: one of `policy.TOUCH_POLICIES`; only a YubiKey knows touches.
        credentials_by_name: credentials of each device by its name.

    Raises:
        TrustAnchorError: as `make_key`; where a token fails half-way the message names those that have a copy.
    """
    if algorithm not in keys.ALGORITHMS:
        raise TrustAnchorError(f"'{algorithm}' is not an algorithm for a certificate authority", _known())
    for device in devices:
        _check(device, algorithm, pin_policy, touch_policy)
        backend_of(device).rehearse_import(device, credentials_by_name.get(device.name, Credentials()))
    private = _in_memory(algorithm)
    public = keys.ca_key(private.public_key())
    done: list[str] = []
    for device in devices:
        try:
            backend_of(device).import_key(device, private, pin_policy, touch_policy, credentials_by_name[device.name])
        except TrustAnchorError as error:
            raise _half_way(error, device, done) from error
        done.append(device.name)
    return public


def _known() -> str:
    return f"known: {', '.join(keys.ALGORITHMS)}"


def _check(device: Device, algorithm: str, pin_policy: str, touch_policy: str) -> None:
    keys.require_known(algorithm)
    check_policies(device, pin_policy, touch_policy)


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
