# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check what the record says about the keys of a ceremony: whose they are, where they come from, who attests it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.hazmat.primitives.serialization import load_der_public_key

from ...text import times
from ...token.attestation import split_chain, verify_attestation
from ...x509 import certificates as certs
from ...x509.builders import checked_key
from ..attestation import AttestationFiles
from ..plan.model import KeyPlan
from ..transcript import EventKind
from .recorded import RecordedCeremony

_POLICIES = ("origin", "algorithm", "pin_policy", "touch_policy")


def key_problems(recorded: RecordedCeremony) -> Iterator[str]:
    """What is wrong with the keys of a ceremony."""
    for key in recorded.plan.keys.values():
        found = recorded.find(EventKind.KEY, f"key:{key.name}")
        if found is None:
            if not recorded.abandoned:
                yield f"the transcript has no key '{key.name}'"
            continue
        for name in _POLICIES:
            if found.get(name) != getattr(key, name):
                yield f"key '{key.name}': {name} is {found.get(name)}, the plan says {getattr(key, name)}"
        if not _is_unused(recorded, key) and found.get("public_key_sha256") != _of_root(recorded, key):
            yield f"key '{key.name}' is not the key of the root '{key.name}'"


def _is_unused(recorded: RecordedCeremony, key: KeyPlan) -> bool:
    """Whether the ceremony was abandoned before the root of a key was signed."""
    return recorded.abandoned and key.name not in recorded.plan.roots and not recorded.wrote(f"roots/{key.name}.crt")


def _of_root(recorded: RecordedCeremony, key: KeyPlan) -> str:
    return str(certs.spki_sha256(checked_key(recorded.root(key.name).public_key(), key.name)))


def attestation_problems(recorded: RecordedCeremony, attestation: AttestationFiles | None) -> Iterator[str]:
    """What is wrong with the attestations of a ceremony's keys.

    Args:
        recorded: of the ceremony.
        attestation: what attestations must lead to; None takes the transcript's word that they did.
    """
    for key in recorded.plan.keys.values():
        found = recorded.find(EventKind.KEY, f"key:{key.name}")
        if found is not None and key.attested and not recorded.opened.get("rehearsal"):
            yield from _attested(recorded, key, found, attestation)


def _attested(
    recorded: RecordedCeremony, key: KeyPlan, found: Mapping[str, Any], attestation: AttestationFiles | None
) -> Iterator[str]:
    """The plan wants it attested, so there is a chain; it holds, where there is something that it must lead to."""
    pem = str(found.get("attestation_chain") or "").encode()
    if not found.get("attestation") or not pem:
        yield f"key '{key.name}' is not attested, and the plan wants it to be"
        return
    if attestation is None:
        return
    time = [one.time for one in recorded.records if one.data is found][0]  # noqa: RUF015  a generator has no next()
    der = base64.b64decode(str(found["public_key"]))
    leaf, own = split_chain(pem, f"the attestation of '{key.name}' in the transcript")
    verify_attestation(
        leaf,
        own,
        attestation.roots,
        attestation.intermediates,
        serial=found["serials"][0],
        public_key=checked_key(load_der_public_key(der), key.name),
        pin_policy=key.pin_policy,
        touch_policy=key.touch_policy,
        now=times.parse(time, "the transcript"),
    )
