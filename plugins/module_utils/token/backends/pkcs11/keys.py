# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys on a token: read the public half, find the private one, generate a pair that never leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pkcs11 import Attribute, KeyType, ObjectClass
from pkcs11.util.ec import encode_ec_public_key, encode_named_curve_parameters

from ....errors import TrustAnchorError
from ....schema import check_keys
from .sessions import TokenSpec, session

ALGORITHMS = ("ec-p384", "ec-p256", "rsa-3072", "rsa-4096")  # for certificate authorities
ALL_ALGORITHMS = (*ALGORITHMS, "ed25519")
_CURVES = {"ec-p384": "secp384r1", "ec-p256": "secp256r1"}

# DER PrintableString: PKCS#11 v3.0 section 2.3.5 names the curve so.
_EDWARDS25519 = b"\x13\x0cedwards25519"

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
AnyPublicKey = PublicKey | ed25519.Ed25519PublicKey


@dataclass(frozen=True)
class KeySpec:
    """Names one key on a token: CKA_ID and/or CKA_LABEL. On a YubiKey the ID is the slot (02 is 9c)."""

    id: bytes | None = None
    label: str | None = None

    def __str__(self) -> str:
        parts = [f"id {self.id.hex()}"] if self.id is not None else []
        parts += [f"label '{self.label}'"] if self.label is not None else []
        return f"key with {' and '.join(parts)}"

    def search(self) -> dict[Attribute, Any]:
        """The PKCS#11 template that finds it. An ID decides alone: the labels on a YubiKey are fixed."""
        if self.id is not None:
            return {Attribute.ID: self.id}
        return {Attribute.LABEL: self.label}


def parse_key(data: Mapping[str, Any]) -> KeySpec:
    """The key named by a module's option ``key`` (``id`` in hexadecimal).

    Raises:
        TrustAnchorError: unknown key, neither id nor label, id not hexadecimal.
    """
    known = {key: value for key, value in data.items() if value is not None}
    check_keys(known, ("id", "label"), "key")
    if not known:
        raise TrustAnchorError("key has neither id nor label", "one of them finds the key on the token")
    text = known.get("id")
    try:
        identifier = bytes.fromhex(text) if text is not None else None
    except (TypeError, ValueError) as error:
        raise TrustAnchorError(f"key: id {text!r} is not hexadecimal", "two digits per byte, such as '02'") from error
    if identifier == b"":
        raise TrustAnchorError("key: id is empty", "two hexadecimal digits per byte are expected, such as '02'")
    return KeySpec(identifier, known.get("label"))


def _objects(opened: pkcs11.Session, kind: ObjectClass, key: KeySpec) -> list[Any]:
    # list(): an open search blocks every other operation of the session.
    return list(opened.get_objects({Attribute.CLASS: kind, **key.search()}))


def _only(found: list[Any], key: KeySpec, spec: TokenSpec) -> Any:
    if len(found) > 1:
        raise TrustAnchorError(
            f"{len(found)} objects on the {spec} match the {key}", "one is expected", "Name it by id"
        )
    return found[0] if found else None


def public_key(spec: TokenSpec, key: KeySpec) -> PublicKey | None:
    """The public key, read without a login; None where there is no such object.

    Raises:
        TrustAnchorError: several match, or the key is neither EC nor RSA.
    """
    found = any_public_key(spec, key)
    return None if found is None else ca_key(found)


def any_public_key(spec: TokenSpec, key: KeySpec) -> AnyPublicKey | None:
    """As `public_key`, of Ed25519 too."""
    with session(spec) as opened:
        found = find_public(opened, spec, key)
        return None if found is None else decode_public(found)


def ca_key(key: AnyPublicKey) -> PublicKey:
    """The key, once it is one that signs certificates here.

    Raises:
        TrustAnchorError: it is an Ed25519 key.
    """
    if isinstance(key, ed25519.Ed25519PublicKey):
        raise TrustAnchorError(
            "the key on the token is an Ed25519 key",
            "trust stores and TLS libraries that cannot verify its signatures are still in use",
            "Make an EC P-384 key for a certificate authority",
        )
    return key


def find_public(opened: pkcs11.Session, spec: TokenSpec, key: KeySpec) -> Any:
    """The public key's handle; None where there is no such object.

    Raises:
        TrustAnchorError: several match.
    """
    return _only(_objects(opened, ObjectClass.PUBLIC_KEY, key), key, spec)


def decode_public(found: Any) -> AnyPublicKey:
    """The public key behind a handle.

    Raises:
        TrustAnchorError: of no kind that is known here.
    """
    kind = found[Attribute.KEY_TYPE]
    if kind == KeyType.EC:
        return cast(ec.EllipticCurvePublicKey, load_der_public_key(encode_ec_public_key(found)))
    if kind == KeyType.RSA:
        exponent = int.from_bytes(found[Attribute.PUBLIC_EXPONENT], "big")
        return rsa.RSAPublicNumbers(exponent, int.from_bytes(found[Attribute.MODULUS], "big")).public_key()
    if kind == KeyType.EC_EDWARDS:
        # DER OCTET STRING, header of two bytes
        return ed25519.Ed25519PublicKey.from_public_bytes(found[Attribute.EC_POINT][-32:])
    raise TrustAnchorError(f"the key on the token is of type {kind}", "EC and RSA keys can sign certificates here")


def algorithm_of(key: AnyPublicKey) -> str:
    """The algorithm in the form of `ALL_ALGORITHMS`."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPublicKey):
        return f"rsa-{key.key_size}"
    return f"ec-p{key.curve.key_size}"


def private_key(opened: pkcs11.Session, spec: TokenSpec, key: KeySpec) -> Any:
    """The private key's handle in a session that is logged in.

    Raises:
        TrustAnchorError: absent, or several match.
    """
    found = _only(_objects(opened, ObjectClass.PRIVATE_KEY, key), key, spec)
    if found is None:
        raise TrustAnchorError(
            f"the {spec} has no private {key}", "it would sign", "Check the token and the key's name"
        )
    return found


def require_vacant(opened: pkcs11.Session, spec: TokenSpec, key: KeySpec) -> None:
    """Refuse an occupied slot: PKCS#11 modules overwrite one silently.

    Raises:
        TrustAnchorError: there is an object.
    """
    if key.id is None:
        raise TrustAnchorError("key has no id", "a new key needs one: modules find their keys by it")
    if any(_objects(opened, kind, key) for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY)):
        raise occupied(spec, f"an object for the {key}")


def occupied(spec: TokenSpec, what: str) -> TrustAnchorError:
    """What to say of an occupied slot."""
    return TrustAnchorError(
        f"the {spec} already has {what}",
        "a new key would destroy it",
        "Choose another slot or id, or remove the object by hand once nobody needs it",
    )


def generate(spec: TokenSpec, key: KeySpec, algorithm: str, pin: str, pin_always: bool = True) -> AnyPublicKey:
    """Make a key pair on the token: sensitive, not extractable, a PIN for every signature.

    Args:
        spec: which token.
        key: its id (required) and label.
        algorithm: one of `ALL_ALGORITHMS`.
        pin: user PIN.
        pin_always: whether each signature wants the PIN; otherwise a login is enough.

    Raises:
        TrustAnchorError: unknown algorithm, no id, slot occupied, or the token's refusal.
    """
    require_known(algorithm)
    with session(spec, pin) as opened:
        require_vacant(opened, spec, key)
        return decode_public(_generate(opened, key, algorithm, private_template(pin_always)))


def require_known(algorithm: str) -> None:
    """Refuse what is not a key algorithm.

    Raises:
        TrustAnchorError: it is none of `ALL_ALGORITHMS`.
    """
    if algorithm not in ALL_ALGORITHMS:
        raise TrustAnchorError(f"'{algorithm}' is not a key algorithm", f"known: {', '.join(ALL_ALGORITHMS)}")


def private_template(pin_always: bool) -> dict[Attribute, Any]:
    """The PKCS#11 attributes of a private key that stays on its token."""
    return {
        Attribute.SENSITIVE: True,
        Attribute.EXTRACTABLE: False,
        Attribute.PRIVATE: True,
        Attribute.ALWAYS_AUTHENTICATE: pin_always,
    }


def _generate(opened: pkcs11.Session, key: KeySpec, algorithm: str, private: dict[Attribute, Any]) -> Any:
    common: dict[str, Any] = {
        "id": key.id,
        "label": key.label,
        "store": True,
        "public_template": {Attribute.PRIVATE: False},
        "private_template": private,
    }
    if algorithm.startswith("rsa-"):
        return opened.generate_keypair(KeyType.RSA, int(algorithm.removeprefix("rsa-")), **common)[0]
    kind = KeyType.EC if algorithm in _CURVES else KeyType.EC_EDWARDS
    parameters = opened.create_domain_parameters(kind, {Attribute.EC_PARAMS: curve_parameters(algorithm)}, local=True)
    return parameters.generate_keypair(**common)[0]


def curve_parameters(algorithm: str) -> bytes:
    """CKA_EC_PARAMS of an elliptic curve algorithm."""
    if algorithm == "ed25519":
        return _EDWARDS25519
    return bytes(encode_named_curve_parameters(_CURVES[algorithm]))
