# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use tokens by libykcs11 and python-pkcs11: one JSON call a line, one JSON answer a line. Runs on the host."""

from __future__ import annotations

import hashlib
import json
import sys

import pkcs11
from asn1crypto.keys import PublicKeyInfo
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, utils
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.attributes import AttributeMapper
from pkcs11.util.ec import (
    encode_ec_public_key,
    encode_ecdsa_signature,
    encode_named_curve_parameters,
)
from pkcs11.util.rsa import encode_rsa_public_key

TOUCH_POLICY, PIN_POLICY = (0x80000000 + 0x59554200 + number for number in (1, 2))
CURVES = {"p256": "secp256r1", "p384": "secp384r1"}
DIGEST = hashlib.sha384(b"to be signed").digest()

library = pkcs11.lib("/usr/lib/x86_64-linux-gnu/libykcs11.so.2")
mapper = AttributeMapper()
for attribute in (TOUCH_POLICY, PIN_POLICY):
    mapper.register_handler(attribute, lambda number: bytes([number]), lambda value: value[0])
session = None


def serials():
    return sorted(slot.get_token().serial.decode() for slot in library.get_slots(token_present=True))


def login(serial, **pins):
    global session
    token = library.get_token(token_serial=str(serial).encode())
    session = token.open(rw=True, attribute_mapper=mapper, **pins)


def flags(serial):
    return library.get_token(token_serial=str(serial).encode()).flags.value


def close():
    session.close()


def generate(slot, algorithm, policies):
    template = {PIN_POLICY: policies[0], TOUCH_POLICY: policies[1]}
    identifier = bytes([slot])
    if algorithm.startswith("rsa"):
        session.generate_keypair(KeyType.RSA, int(algorithm[3:]), id=identifier, store=True, private_template=template)
        return
    edwards = algorithm == "ed25519"
    named = b"\x13\x0cedwards25519" if edwards else encode_named_curve_parameters(CURVES[algorithm])
    kind = KeyType.EC_EDWARDS if edwards else KeyType.EC
    domain = session.create_domain_parameters(kind, {Attribute.EC_PARAMS: named}, local=True)
    domain.generate_keypair(id=identifier, store=True, private_template=template)


def import_p384(slot, scalar):
    session.create_object(
        {
            Attribute.CLASS: ObjectClass.PRIVATE_KEY,
            Attribute.KEY_TYPE: KeyType.EC,
            Attribute.TOKEN: True,
            Attribute.ID: bytes([slot]),
            Attribute.EC_PARAMS: encode_named_curve_parameters("secp384r1"),
            Attribute.VALUE: scalar.to_bytes(48, "big"),
            PIN_POLICY: 3,
            TOUCH_POLICY: 1,
        }
    )


def found(slot, kind):
    (only,) = list(session.get_objects({Attribute.CLASS: kind, Attribute.ID: bytes([slot])}))
    return only


def sign(slot, pin=None):
    """Sign and verify with the public key that the token tells; return the private key's policies."""
    private, public = found(slot, ObjectClass.PRIVATE_KEY), found(slot, ObjectClass.PUBLIC_KEY)
    options = {"pin": pin} if pin else {}
    if public.key_type == KeyType.RSA:
        signature = private.sign(b"to be signed", mechanism=Mechanism.SHA384_RSA_PKCS, **options)
        key = load_der_public_key(PublicKeyInfo.wrap(encode_rsa_public_key(public), "rsa").dump())
        key.verify(signature, b"to be signed", padding.PKCS1v15(), hashes.SHA384())
    elif public.key_type == KeyType.EC_EDWARDS:
        signature = private.sign(b"to be signed", mechanism=Mechanism.EDDSA, **options)
        key = ed25519.Ed25519PublicKey.from_public_bytes(public[Attribute.EC_POINT][-32:])
        key.verify(signature, b"to be signed")
    else:
        key = load_der_public_key(encode_ec_public_key(public))
        signature = private.sign(DIGEST[: key.key_size // 8], mechanism=Mechanism.ECDSA, **options)
        digest = hashes.SHA384() if key.key_size == 384 else hashes.SHA256()
        plain = hashlib.new(digest.name, b"").digest_size
        key.verify(encode_ecdsa_signature(signature), DIGEST[:plain], ec.ECDSA(utils.Prehashed(digest)))
    return [private[PIN_POLICY], private[TOUCH_POLICY]]


def set_pin(old, new):
    session.set_pin(old, new)


CALLS = {call.__name__: call for call in (serials, login, flags, close, generate, import_p384, sign, set_pin)}
for line in sys.stdin:
    values = json.loads(line)
    try:
        answer = CALLS[values.pop("call")](**values)
    except pkcs11.PKCS11Error as error:
        answer = f"!{type(error).__name__}"
    print(json.dumps(answer), flush=True)
