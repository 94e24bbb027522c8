# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of a CA before it counts as working; against a client that notes each request."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import verification
from cryptography import x509
from factories import pki

ROOT = pki.root()
INTERMEDIATE = ROOT.intermediate()
UPPER = ROOT.intermediate("Upper")
KEY = pki.new_key()


class Client:
    """Answers as the CA that is declared would."""

    url = "https://ca.corp.example"

    def __init__(self, provisioners: list[dict[str, Any]], served: str = INTERMEDIATE.pem) -> None:
        self.asked: list[str] = []
        self.served, self.listed = served, provisioners

    def health(self) -> None:
        self.asked.append("health")

    def crl(self) -> None:
        self.asked.append("crl")

    def intermediates(self) -> str:
        self.asked.append("intermediates")
        return self.served

    def provisioners(self) -> list[dict[str, Any]]:
        self.asked.append("provisioners")
        return self.listed

    def new_nonce(self, name: str) -> None:
        self.asked.append(f"nonce {name}")

    def sign(self, csr: str, _token: str) -> list[str]:
        self.asked.append("sign")
        request = x509.load_pem_x509_csr(csr.encode())
        # RFC 5280 section 4.2.1.6: critical only where there is no subject.
        assert [one.critical for one in request.extensions] == [False]
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return [INTERMEDIATE.leaf(*(str(name.value) for name in names)).chain]


ACME, JWK = {"name": "acme", "type": "ACME"}, {"name": "jwk", "type": "JWK"}


def verify(client: Client, signs: bool = True, intermediates: Any = (INTERMEDIATE,), **config: Any) -> dict[str, Any]:
    declared = {"dnsNames": ["ca.corp.example", "other"], "authority": {"provisioners": [ACME, JWK]}, **config}
    expected = verification.Expected(declared, ROOT.certificate, [one.certificate for one in intermediates])
    found: Any = client
    return verification.verify(found, expected, KEY if signs else None)


@pytest.mark.parametrize(
    ("crl", "asked"),
    [(None, False), ({}, False), ({"enabled": False}, False), ({"enabled": True}, True)],
)
def test_a_crl_is_asked_for_where_there_must_be_one(crl: Any, asked: bool) -> None:
    client = Client([ACME, JWK])
    verify(client, crl=crl)
    assert ("crl" in client.asked) is asked
    assert client.asked[0] == "health"


@pytest.mark.parametrize(("signs", "asked"), [(True, ["nonce acme", "sign"]), (False, [])])
def test_only_a_real_run_writes(signs: bool, asked: list[str]) -> None:
    """A nonce is written to the database; provisioners of other kinds have none."""
    client = Client([ACME, JWK])
    found = verify(client, signs)
    assert [one for one in client.asked if one.startswith(("nonce", "sign"))] == asked
    assert (found["canary"] is not None) is signs
    assert not signs or found["canary"]["subject"] == "CN=ca.corp.example"


@pytest.mark.parametrize("listed", [None, []])
def test_a_ca_without_provisioners(listed: Any) -> None:
    assert verify(Client([]), authority={"provisioners": listed})["provisioners"] == {}
    assert verify(Client([]), authority={})["provisioners"] == {}


def test_the_whole_chain_is_compared_in_its_order() -> None:
    both = (INTERMEDIATE, UPPER)
    assert verify(Client([ACME, JWK], pki.pem(*(one.certificate for one in both))), intermediates=both)
    for served in (UPPER.pem + INTERMEDIATE.pem, INTERMEDIATE.pem, UPPER.pem):
        with pytest.raises(TrustAnchorError, match="is installed: the reload was refused"):
            verify(Client([ACME, JWK], served), intermediates=both)


def test_a_provisioner_that_waits_for_something() -> None:
    waiting = {**JWK, "state": "Uninitialized", "stateReason": "no network"}
    with pytest.raises(TrustAnchorError, match="^provisioner jwk is not initialised. no network"):
        verify(Client([ACME, waiting]))
    assert verify(Client([ACME, {**JWK, "state": "Ready"}]))
