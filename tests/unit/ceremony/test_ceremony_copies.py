# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root's key on two tokens with PINs of their own: one of them is enough once the root exists."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.transcript import EventKind
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.devices import SOFTHSM_MODULE
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from factories.ceremony_host import CeremonyHost

SAFE = {"primary": "111111", "standby": "222222"}


@pytest.fixture
def host(tmp_path: Path) -> CeremonyHost:
    """A machine whose ceremony makes one root with a copy."""
    host = CeremonyHost(tmp_path, ["root:r1"])
    host.pins = dict(SAFE)
    host.plan["keys"]["r1"] |= {"tokens": ["primary", "standby"], "origin": "imported", "touch_policy": "never"}
    return host


def later(host: CeremonyHost, lost: str) -> None:
    """Plan a CRL under the root, for a day on which one token is away."""
    der = x509.load_pem_x509_certificate((host.home / "roots/r1.crt").read_bytes()).public_bytes(Encoding.DER)
    host.plan["roots"] = {"r1": {"sha256": hashlib.sha256(der).hexdigest(), "standby": False}}
    host.plan["acts"] = [{"act": "crl", "issuer": "r1", "number": 1, "days": 365, "revoked": []}]
    host.plan["name"] = "0002"
    # Of the kind softhsm an absent token would be made again.
    away = {"kind": "pkcs11", "module_path": SOFTHSM_MODULE, "label": "elsewhere", "id": "02"}
    host.tokens[lost] = away


@pytest.mark.parametrize(("lost", "left"), [("primary", "standby"), ("standby", "primary")])
def test_one_of_the_tokens_is_enough(host: CeremonyHost, lost: str, left: str) -> None:
    host.hold()
    later(host, lost)
    host.pins = {left: SAFE[left]}
    assert {step["token"] for step in host.state()["steps"] if step["secrets"]} == {left}
    host.hold()
    signed = [one.data for one in host.context().transcript.events if one.kind == EventKind.SIGNED]
    assert [one["token"] for one in signed] == [left]


def test_a_new_key_needs_all_of_its_tokens_and_their_pins(host: CeremonyHost) -> None:
    step = next(one for one in host.state()["steps"] if one["id"] == "key:r1")
    assert (step["token"], step["copies"]) == ("primary", ["standby"])
    del host.pins["standby"]
    with pytest.raises(TrustAnchorError, match="no PIN was given for the (new )?token 'standby'"):
        host.hold()
