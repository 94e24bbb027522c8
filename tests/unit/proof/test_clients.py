# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every client of the registry, for real: by the host's own store, with one root alone, and where it is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import addresses
from ansible_collections.trustanchor.private_ca.plugins.module_utils.proof import handshakes
from ansible_collections.trustanchor.private_ca.plugins.module_utils.proof.clients import node, registry
from ansible_collections.trustanchor.private_ca.plugins.modules import tls_handshake_info
from factories import pki, proof_clients, tls_server
from factories.collection import CHECKOUT

ROOT = pki.root("Root A")
OTHER = pki.root("Root B")
INTERMEDIATE = ROOT.intermediate()
every = pytest.mark.parametrize("client", registry.CLIENTS)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This machine may be a host of an estate itself."""
    made = tmp_path / "home"
    made.mkdir()
    proof_clients.no_declarations(monkeypatch, made)
    proof_clients.put_on_path(monkeypatch, tmp_path / "bin")
    monkeypatch.setattr(node, "ENVIRONMENT", str(tmp_path / "absent.conf"))
    return made


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with tls_server.serve(INTERMEDIATE.leaf("localhost"), tmp_path_factory.mktemp("server")) as running:
        running.answers["/"] = (200, b"hello")
        yield running.port


def said(target: str, client: str, **how: Any) -> dict[str, str]:
    (result,) = handshakes.perform([target], [client], **how)
    assert all(name == client or name.startswith(f"{client} ") for name in result.clients)
    return result.clients


def is_certificate_error(text: str) -> bool:
    words = ("ertificate", "PKIX", "UnknownIssuer", "UNKNOWN_ISSUER")
    return any(word in text for word in words) and "\n" not in text and len(text) < 320


def file_of(root: pki.Authority, directory: Path) -> str:
    path = directory / f"{root.sha256[:8]}.pem"
    path.write_text(f"a comment\n{root.pem}")
    return str(path)


@proof_clients.as_root
@every
def test_the_store_of_the_host_decides_and_with_one_root_alone_it_does_not(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: str
) -> None:
    """The proof with one root says nothing when another store of the host has a part in it."""
    target = f"localhost:{port}"
    if client != "nss":
        assert is_certificate_error(said(target, client)[client])
    proof_clients.STORES[client](ROOT, tmp_path, monkeypatch)
    assert said(target, client)[client] == "ok"
    assert said(target, client, roots=file_of(ROOT, tmp_path)) == dict.fromkeys(said(target, client), "ok")
    refused = said(target, client, roots=file_of(OTHER, tmp_path))
    assert refused
    assert [text for text in refused.values() if not is_certificate_error(text)] == []


@every
def test_one_root_alone_is_enough_and_the_name_is_checked(port: int, tmp_path: Path, client: str) -> None:
    roots = file_of(ROOT, tmp_path)
    assert set(said(f"localhost:{port}", client, roots=roots).values()) == {"ok"}
    assert "ok" not in said(f"127.0.0.1:{port}", client, roots=roots).values()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@every
def test_a_service_that_has_an_address_alone(tmp_path: Path, client: str, address: str) -> None:
    if address == "::1" and not addresses.is_own(address):
        pytest.skip("no ::1 on this machine")
    with tls_server.serve(INTERMEDIATE.leaf(address), tmp_path, address=address) as running:
        running.answers["/"] = (200, b"hello")
        host = f"[{address}]" if ":" in address else address
        answers = said(f"{host}:{running.port}", client, roots=file_of(ROOT, tmp_path))
    assert answers == dict.fromkeys(answers, "ok")


@every
def test_a_server_that_answers_with_an_error_has_shaken_hands(tmp_path: Path, client: str) -> None:
    with tls_server.serve(INTERMEDIATE.leaf("localhost"), tmp_path) as running:
        running.answers["/"] = (404, b"nothing here")
        answers = said(f"localhost:{running.port}", client, roots=file_of(ROOT, tmp_path))
    assert answers == dict.fromkeys(answers, "ok")


@every
def test_a_proxy_is_not_asked(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: str) -> None:
    """It may show a certificate of its own; and its refusal is no answer of the server."""
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert set(said(f"localhost:{port}", client, roots=file_of(ROOT, tmp_path)).values()) == {"ok"}


@every
def test_nobody_at_the_port(tmp_path: Path, client: str) -> None:
    answers = said("127.0.0.1:1", client, roots=file_of(ROOT, tmp_path))
    assert [text for text in answers.values() if "efused" not in text and "onnect" not in text] == []


@pytest.mark.parametrize("client", [name for name in registry.CLIENTS if name != "python"])
def test_a_client_that_the_host_has_not_names_its_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, client: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "home"))
    monkeypatch.setattr("glob.glob", lambda _pattern: [])
    (text,) = said("localhost:1", client).values()
    assert "is missing" in text
    assert text.endswith(f"Install {registry.CLIENTS[client].package}.")


@every
def test_a_client_is_documented_and_can_be_asked_for(client: str) -> None:
    options = yaml.safe_load(tls_handshake_info.DOCUMENTATION)["options"]["clients"]
    role = yaml.safe_load((CHECKOUT / "roles/handshake_proof/meta/argument_specs.yml").read_text())
    expected = list(registry.CLIENTS)
    assert options["choices"] == expected
    assert tls_handshake_info.SPECIFICATION["clients"]["choices"] == expected
    assert role["argument_specs"]["main"]["options"]["handshake_proof_clients"]["choices"] == expected
    assert any(f"V({client})" in line for line in options["description"])
    row = f"| `{client}` | {registry.CLIENTS[client].package} | {registry.CLIENTS[client].store} |"
    assert row in (CHECKOUT / "roles/handshake_proof/README.md").read_text()


def test_every_client_has_a_store_in_tests() -> None:
    assert list(proof_clients.STORES) == list(registry.CLIENTS)
