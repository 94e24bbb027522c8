# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client against a real TLS server; DNS is not needed, the address is given."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.client import Client
from cryptography.hazmat.primitives.serialization import Encoding
from factories import pki, tls_server

ROOT = pki.root()
INTERMEDIATE = ROOT.intermediate()
LEAF = INTERMEDIATE.leaf("ca.corp.example", "localhost")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tls_server.Server]:
    with tls_server.serve(LEAF, tmp_path_factory.mktemp("server"), ROOT) as server:
        yield server


@pytest.fixture
def server(running: tls_server.Server) -> tls_server.Server:
    running.answers.clear()
    running.seen.clear()
    return running


def client(server: tls_server.Server, **changes: Any) -> Client:
    options: dict[str, Any] = {
        "url": f"https://ca.corp.example:{server.port}",
        "root_pem": ROOT.pem,
        "address": "127.0.0.1",
        **changes,
    }
    return Client(**options)


def answer(server: tls_server.Server, path: str, content: Any, status: int = 200) -> None:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    server.answers[path] = (status, body)


def test_health(server: tls_server.Server) -> None:
    answer(server, "/health", {"status": "ok"})
    client(server).health()
    answer(server, "/health", {"status": "error"})
    with pytest.raises(TrustAnchorError, match="/health says"):
        client(server).health()


@pytest.mark.parametrize(
    ("root", "name", "reason"),
    [
        (pki.root("Other Root").pem, "ca.corp.example", "unable to get local issuer certificate"),
        (pki.root().pem, "ca.corp.example", "certificate signature failure|unable to get|self.signed"),
        (ROOT.pem, "other.corp.example", "Hostname mismatch"),
    ],
)
def test_a_server_that_the_root_does_not_vouch_for(
    server: tls_server.Server, root: str, name: str, reason: str
) -> None:
    with pytest.raises(TrustAnchorError, match=f"serves a certificate that .*({reason})"):
        client(server, root_pem=root, url=f"https://{name}:{server.port}").health()
    assert server.seen == []


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        (pki.NOW - 2 * pki.DAY, pki.NOW - pki.DAY, "certificate has expired"),
        (pki.NOW + pki.DAY, pki.NOW + 2 * pki.DAY, "certificate is not yet valid"),
    ],
)
def test_dates_of_the_server(start: Any, end: Any, reason: str, tmp_path: Path) -> None:
    leaf = INTERMEDIATE.leaf("ca.corp.example", start=start, end=end)
    with (
        tls_server.serve(leaf, tmp_path) as other,
        pytest.raises(TrustAnchorError, match=f"{reason}.*and the clocks"),
    ):
        client(other).health()


@pytest.mark.parametrize("root", ["", "garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_without_a_root_nothing_is_trusted(
    server: tls_server.Server, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty root must not mean the host's own store."""
    store = tmp_path / "store.pem"
    store.write_text(ROOT.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(store))
    answer(server, "/health", {"status": "ok"})
    with pytest.raises(TrustAnchorError, match="the root or the client's certificate .* cannot be used"):
        client(server, root_pem=root).health()


@pytest.mark.parametrize(
    "url",
    ["ca.corp.example", "http://ca.corp.example", "https://", "https://ca:port", "https://ca:99999", "https://[::1"],
)
def test_what_is_not_a_url(url: str) -> None:
    with pytest.raises(TrustAnchorError, match="is not a URL"):
        Client(url, ROOT.pem, "127.0.0.1").health()


def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"https://ca.corp.example:{unused.getsockname()[1]}"
        with pytest.raises(TrustAnchorError, match="does not answer. .*refused"):
            Client(url, ROOT.pem, "127.0.0.1").health()
        with pytest.raises(TrustAnchorError, match="does not answer"):
            Client(url, ROOT.pem, "127.0.0.1").server_certificate()


def test_a_server_that_hangs_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"https://ca.corp.example:{silent.getsockname()[1]}"
        with pytest.raises(TrustAnchorError, match="does not answer. .*timed out"):
            Client(url, ROOT.pem, "127.0.0.1", timeout=0.2).health()


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (
            401,
            b'{"status":401,"message":"The request lacked necessary authorization"}',
            "answered 401. The request lacked",
        ),
        (403, b'{"type":"urn","detail":"name not allowed"}', "answered 403. name not allowed"),
        (500, b'{"other":"thing"}', "answered 500. .*thing"),
        (500, b'["list"]', "answered 500. .*list"),
        (502, b"<html>Bad Gateway</html>", "answered 502. <html>Bad Gateway"),
        (503, b"\xff\xfe", "answered 503"),
        (404, b"", "answered 404"),
        (301, b"", "answered 301"),
    ],
)
def test_error_answers(server: tls_server.Server, status: int, body: bytes, message: str) -> None:
    answer(server, "/1.0/sign", body, status)
    with pytest.raises(TrustAnchorError, match=message):
        client(server).sign("csr", "token")


def test_a_long_error_is_cut(server: tls_server.Server) -> None:
    answer(server, "/1.0/sign", b"x" * 100_000, 500)
    with pytest.raises(TrustAnchorError) as caught:
        client(server).sign("csr", "token")
    assert len(str(caught.value)) < 500


def test_provisioners_come_in_pages(server: tls_server.Server) -> None:
    pages = [("", "a b", ["acme", "jwk"]), ("a%20b", "c", ["oidc"]), ("c", "", [])]
    for cursor, following, names in pages:
        found = [{"name": name} for name in names] or None  # step-ca writes null for an empty page
        answer(server, f"/provisioners?limit=100&cursor={cursor}", {"provisioners": found, "nextCursor": following})
    assert [provisioner["name"] for provisioner in client(server).provisioners()] == ["acme", "jwk", "oidc"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"text"', b"<html>", b"\xff"])
def test_answers_that_are_no_json_object(server: tls_server.Server, body: bytes) -> None:
    for path in ("/health", "/provisioners?limit=100&cursor=", "/1.0/sign", "/1.0/renew"):
        answer(server, path, body)
    caller = client(server)
    for call in (caller.health, caller.provisioners, caller.renew, lambda: caller.sign("csr", "token")):
        with pytest.raises(TrustAnchorError, match="gave no JSON"):
            call()


@pytest.mark.parametrize("body", [{}, {"crt": "a"}, {"certChain": "text"}, {"certChain": [1]}, {"certChain": {}}])
def test_answers_without_a_chain(server: tls_server.Server, body: Any) -> None:
    answer(server, "/1.0/sign", body)
    with pytest.raises(TrustAnchorError, match="gave no certificate chain"):
        client(server).sign("csr", "token")


@pytest.mark.parametrize(
    "body", [{"crt": "leaf", "ca": "signer", "certChain": ["leaf", "signer"]}, {"crt": "leaf", "ca": "signer"}]
)
def test_sign(server: tls_server.Server, body: Any) -> None:
    answer(server, "/1.0/sign", body, 201)
    assert client(server).sign("csr", "token", "86400s") == ["leaf", "signer"]
    assert json.loads(server.seen[0].body) == {"csr": "csr", "ott": "token", "notAfter": "86400s"}
    client(server).sign("csr", "token")
    assert json.loads(server.seen[1].body) == {"csr": "csr", "ott": "token"}
    assert server.seen[0].client == {}


def test_renewal_presents_the_certificate(server: tls_server.Server, tmp_path: Path) -> None:
    chain, key = INTERMEDIATE.leaf("web.corp.example").write(tmp_path)
    answer(server, "/1.0/renew", {"certChain": ["leaf", "signer"]}, 201)
    assert client(server, certificate=chain, key=key).renew() == ["leaf", "signer"]
    request = server.seen[0]
    assert (request.method, request.path) == ("POST", "/1.0/renew")
    assert request.client["subjectAltName"] == (("DNS", "web.corp.example"),)


@pytest.mark.parametrize("damage", ["missing", "garbage", "other key"])
def test_a_client_certificate_that_cannot_be_used(server: tls_server.Server, damage: str, tmp_path: Path) -> None:
    chain, key = INTERMEDIATE.leaf("web.corp.example").write(tmp_path)
    if damage == "missing":
        Path(chain).unlink()
    else:
        Path(key).write_text(damage if damage == "garbage" else pki.key_pem(pki.new_key()))
    with pytest.raises(TrustAnchorError, match="client's certificate .* cannot be used"):
        client(server, certificate=chain, key=key).renew()


def test_other_calls(server: tls_server.Server) -> None:
    answer(server, "/intermediates.pem", INTERMEDIATE.pem.encode())
    answer(server, "/acme/a%20b/new-nonce", b"")
    assert client(server).intermediates() == INTERMEDIATE.pem
    client(server).new_nonce("a b")
    assert server.seen[-1].method == "HEAD"


def test_the_served_certificate_is_told_unverified(server: tls_server.Server) -> None:
    """Its root may just have been replaced."""
    served = client(server, root_pem=pki.root("Other").pem).server_certificate()
    assert served == LEAF.certificate.public_bytes(Encoding.DER)


def test_old_protocols_are_not_spoken() -> None:
    context = client(tls_server.Server(1))._verifying_context()
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
