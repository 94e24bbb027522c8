# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof that a CA works, against a server that answers as step-ca does and really signs."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import addresses
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import canary, tokens, verification
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.client import Client
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.layout import Layout
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from factories import accounts, pki, tls_server

ROOT = pki.root()
INTERMEDIATE = ROOT.intermediate()
KEY = pki.new_key()
PROVISIONERS = [{"type": "ACME", "name": "acme"}, {"type": "JWK", "name": "canary"}]
LISTED = "/provisioners?limit=100&cursor="


class Ca:
    """step-ca: signs what it is asked for, under ``signer``."""

    def __init__(self, server: tls_server.Server) -> None:
        self.server, self.signer = server, INTERMEDIATE
        self.request: dict[str, Any] = {}
        server.seen.clear()
        server.answers.clear()
        self.answer("/health", {"status": "ok"})
        self.answer(LISTED, {"provisioners": PROVISIONERS, "nextCursor": ""})
        server.answers["/intermediates.pem"] = (200, INTERMEDIATE.pem.encode())
        server.answers["/acme/acme/new-nonce"] = (200, b"")
        server.answers["/1.0/sign"] = self.sign

    def answer(self, path: str, content: Any) -> None:
        self.server.answers[path] = (200, json.dumps(content).encode())

    def sign(self, body: bytes) -> tls_server.Answer:
        self.request = json.loads(body)
        csr = x509.load_pem_x509_csr(self.request["csr"].encode())
        names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        leaf = self.signer.leaf(*(str(name.value) for name in names), key=None)
        return 201, json.dumps({"certChain": [pki.pem(leaf.certificate), self.signer.pem]}).encode()

    def verify(self, name: str = "ca.corp.example", signs: bool = True) -> dict[str, Any]:
        config = {"dnsNames": [name], "authority": {"provisioners": PROVISIONERS}}
        expected = verification.Expected(config, ROOT.certificate, [INTERMEDIATE.certificate])
        client = Client(f"https://ca.corp.example:{self.server.port}", ROOT.pem, "127.0.0.1")
        return verification.verify(client, expected, KEY if signs else None)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tls_server.Server]:
    with tls_server.serve(INTERMEDIATE.leaf("ca.corp.example"), tmp_path_factory.mktemp("ca")) as server:
        yield server


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Where names lead."""
    found: dict[str, list[str]] = {}
    monkeypatch.setattr(addresses, "resolved", lambda name: found.get(name, []))
    monkeypatch.setattr(addresses, "is_internal", lambda address: address == "127.0.0.1")
    return found


@pytest.fixture
def ca(running: tls_server.Server) -> Ca:
    return Ca(running)


def test_a_ca_that_works(ca: Ca) -> None:
    found = ca.verify()
    assert found["intermediate"]["subject"] == "CN=Test Intermediate"
    assert found["provisioners"] == {"acme": "ACME", "canary": "JWK"}
    assert found["canary"]["issuer"] == "CN=Test Intermediate"


def test_the_ca_is_asked_where_its_names_lead(
    ca: Ca, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only at loopback, where clients never come."""
    names["ca.corp.example"] = ["127.0.0.1"]
    assert [one for one in ca.verify()["notices"] if "leads to" in one] == []
    monkeypatch.setattr(addresses, "is_internal", lambda _address: False)
    assert [one for one in ca.verify()["notices"] if "leads to" in one] == []
    names["ca.corp.example"] = ["127.0.0.1", "127.0.0.77"]
    (said,) = [one for one in ca.verify()["notices"] if "leads to" in one]
    assert said.startswith("ca.corp.example leads to 127.0.0.77, where nobody answers this host")


def test_something_else_answers_where_a_name_leads(
    ca: Ca, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(addresses, "is_internal", lambda _address: False)
    names["ca.corp.example"] = ["127.0.0.1"]
    with tls_server.serve(pki.root("Other").leaf("ca.corp.example"), tmp_path) as other:
        reached = f"https://ca.corp.example:{other.port}"
        real = dataclasses.replace
        monkeypatch.setattr(verification, "replace", lambda client, **more: real(client, **{**more, "url": reached}))
        with pytest.raises(TrustAnchorError, match="leads to 127.0.0.1, and what answers there is not this CA"):
            ca.verify()


def test_what_ends_soon_is_told(ca: Ca) -> None:
    said = ca.verify()["notices"]
    assert [one.split(" ends at ")[0] for one in said] == [
        "The root CN=Test Root",
        "The intermediate CN=Test Intermediate",
    ]
    assert "90 days before are needed" in said[1]
    assert "Renew it: request_intermediate, plan_ceremony, ceremony, site." in said[1]


def test_check_mode_signs_nothing(ca: Ca) -> None:
    assert ca.verify(signs=False)["canary"] is None
    assert "/1.0/sign" not in [request.path for request in ca.server.seen]


@pytest.mark.parametrize("name", ["ca.corp.example", "10.0.0.7", "fd00::7"])
def test_the_canary_is_for_the_cas_own_name_and_bound_to_its_request(ca: Ca, name: str) -> None:
    ca.verify(name)
    csr = x509.load_pem_x509_csr(ca.request["csr"].encode())
    names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [pki.general_name(name)]
    payload = ca.request["ott"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert (claims["iss"], claims["sans"], claims["sha"]) == ("canary", [name], ROOT.sha256)
    digest = hashlib.sha256(csr.public_bytes(Encoding.DER)).digest()
    assert base64.urlsafe_b64decode(claims["cnf"]["x5rt#S256"] + "==") == digest


def test_an_old_intermediate_is_still_served(ca: Ca) -> None:
    ca.server.answers["/intermediates.pem"] = (200, ROOT.intermediate("Old").pem.encode())
    with pytest.raises(TrustAnchorError, match="issues under CN=Old.*is installed: the reload was refused"):
        ca.verify()


@pytest.mark.parametrize(
    ("served", "message"),
    [
        (PROVISIONERS[:1], r"offers the provisioners \['acme'\]. \['acme', 'canary'\] are declared"),
        ([*PROVISIONERS, {"type": "JWK", "name": "more"}], "offers the provisioners"),
        ([PROVISIONERS[0], {"type": "X5C", "name": "canary"}], "offers the provisioners"),
        (
            [PROVISIONERS[0], {**PROVISIONERS[1], "state": "Uninitialized", "stateReason": "no network"}],
            "provisioner canary is not initialised. no network",
        ),
    ],
)
def test_other_provisioners(ca: Ca, served: list[Any], message: str) -> None:
    ca.answer(LISTED, {"provisioners": served})
    with pytest.raises(TrustAnchorError, match=message):
        ca.verify()


def test_a_database_that_takes_no_write(ca: Ca) -> None:
    ca.server.answers["/acme/acme/new-nonce"] = (500, b"")
    with pytest.raises(TrustAnchorError, match="/acme/acme/new-nonce answered 500"):
        ca.verify()


def test_a_canary_under_another_root(ca: Ca) -> None:
    ca.signer = pki.root("Other").intermediate("Rogue")
    with pytest.raises(TrustAnchorError, match="was not issued by 'CN=Test Root'"):
        ca.verify()


def test_the_canarys_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.as_current_user(monkeypatch)
    layout = Layout(base=str(tmp_path))
    with pytest.raises(TrustAnchorError, match=r"canary\.key is missing"):
        canary.load_key(layout)
    assert canary.ensure_key(layout, check=True)[0]
    assert list(tmp_path.iterdir()) == []
    Path(layout.canary_key).parent.mkdir()
    made, jwk = canary.ensure_key(layout, check=False)
    assert made
    assert stat.S_IMODE(Path(layout.canary_key).stat().st_mode) == 0o600
    assert canary.ensure_key(layout, check=False) == canary.ensure_key(layout, check=True) == (False, jwk)
    assert tokens.public_jwk(canary.load_key(layout)) == jwk
