# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check what the record says about the keys of a ceremony: whose they are, where they come from, who attests it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from ..token.attestation import split_chain, verify_attestation
from ..x509 import certificates as certs
from ..x509.builders import checked_key
from .evidence import Evidence
from .plan import KeyPlan
from .stage import AttestationFiles

_POLICIES = ("origin", "algorithm", "pin_policy", "touch_policy")


def key_problems(evidence: Evidence, attestation: AttestationFiles | None) -> Iterator[str]:
    """What is wrong with the keys of a ceremony.

    Args:
        evidence: of the ceremony.
        attestation: what attestations must lead to; None takes the transcript's word that they did.
    """
    for key in evidence.plan.keys.values():
        found = evidence.find("key", f"key:{key.name}")
        if found is None:
            yield f"the transcript has no key '{key.name}'"
            continue
        for name in _POLICIES:
            if found.get(name) != getattr(key, name):
                yield f"key '{key.name}': {name} is {found.get(name)}, planned is {getattr(key, name)}"
        public = certs.spki_sha256(checked_key(evidence.root(key.name).public_key(), key.name))
        if found.get("public_key_sha256") != public:
            yield f"key '{key.name}' is not the key of the root '{key.name}'"
        yield from _attested(evidence, key, found, attestation)


def _attested(
    evidence: Evidence, key: KeyPlan, found: Mapping[str, Any], attestation: AttestationFiles | None
) -> Iterator[str]:
    """A key that a YubiKey made itself has an attestation; no other key can have one."""
    kinds = {one.data.get("kind") for one in evidence.records if one.event == "token" and _holds(one.data, key)}
    if key.origin != "generated" or "yubikey" not in kinds:
        return
    pem = str(found.get("attestation_chain") or "").encode()
    if not found.get("attestation") or not pem:
        yield f"key '{key.name}' was made on a YubiKey and is not attested"
        return
    if attestation is None:
        return
    time = [one.time for one in evidence.records if one.data is found][0]  # noqa: RUF015  a generator has no next()
    leaf, own = split_chain(pem, f"the attestation of '{key.name}' in the transcript")
    verify_attestation(
        leaf,
        own,
        attestation.roots,
        attestation.intermediates,
        serial=found["serials"][0],
        public_key=checked_key(evidence.root(key.name).public_key(), key.name),
        pin_policy=key.pin_policy,
        touch_policy=key.touch_policy,
        now=dt.datetime.fromisoformat(time),
    )


def _holds(token: Mapping[str, Any], key: KeyPlan) -> bool:
    return token.get("token") in key.tokens
