# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import addresses
from ansible_collections.trustanchor.private_ca.plugins.module_utils.proof import handshakes
from ansible_collections.trustanchor.private_ca.plugins.module_utils.proof.clients import client, node
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import times
from factories import pki, tls_server

ROOT = pki.root()
LEAF = ROOT.intermediate().leaf("localhost")
GOOD = {
    "target": "web.corp.example:443",
    "issuer": "Test CA",
    "not_after": "2026-11-24T15:00:00Z",
    "clients": {"curl": "ok", "python": "ok"},
}
BAD: dict[str, Any] = {
    "target": "db:5432",
    "issuer": "",
    "not_after": "",
    "clients": {"curl": "ok", "python": "expired"},
}
CLIENTS = ["curl", "python", "node"]


def test_table() -> None:
    assert handshakes.table([GOOD, BAD]).splitlines() == [
        "service               issuer   expires               curl  python",
        "--------------------  -------  --------------------  ----  ------",
        "web.corp.example:443  Test CA  2026-11-24T15:00:00Z  ok    ok",
        "db:5432               -        -                     ok    FAILED",
    ]


def test_an_empty_table() -> None:
    assert handshakes.table([]).splitlines()[0] == "service  issuer  expires"


def test_failures() -> None:
    assert handshakes.failures([GOOD, BAD]) == ["db:5432: python: expired"]
    assert handshakes.failures([GOOD]) == handshakes.failures([]) == []


@pytest.fixture(autouse=True)
def _no_declared_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine may be a host of an estate itself."""
    monkeypatch.setattr(node, "ENVIRONMENT", str(tmp_path / "absent.conf"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tls_server.Server]:
    with tls_server.serve(LEAF, tmp_path_factory.mktemp("server")) as running:
        running.answers["/"] = (200, b"hello")
        yield running


def trust(monkeypatch: pytest.MonkeyPatch, directory: Path, root: pki.Authority) -> None:
    """Let Python, curl and Node read this store instead of the system's."""
    store = directory / "store.pem"
    store.write_text(root.pem)
    (directory / "empty").mkdir()
    for name in ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
        monkeypatch.setenv(name, str(store))
    monkeypatch.setenv("SSL_CERT_DIR", str(directory / "empty"))


def test_a_server_that_the_store_trusts(
    server: tls_server.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(monkeypatch, tmp_path, ROOT)
    (result,) = handshakes.perform([f"localhost:{server.port}"], CLIENTS)
    assert result.clients == dict.fromkeys(CLIENTS, "ok")
    assert result.issuer == "Test Intermediate"
    assert result.not_after == times.render(LEAF.certificate.not_valid_after_utc)


@pytest.mark.parametrize("other", [True, False], ids=["another root", "system store"])
def test_a_server_that_the_store_does_not_trust(
    server: tls_server.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: bool
) -> None:
    if other:
        trust(monkeypatch, tmp_path, pki.root("Other"))
    (result,) = handshakes.perform([f"localhost:{server.port}"], CLIENTS)
    assert list(result.clients) == CLIENTS
    assert all("certificate" in said for said in result.clients.values())
    assert (result.issuer, result.not_after) == ("", "")
    assert len(handshakes.failures([asdict(result)])) == len(CLIENTS)


@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_node_has_the_roots_that_the_host_declares(
    server: tls_server.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quote: str
) -> None:
    trust(monkeypatch, tmp_path, pki.root("Other"))
    target, declared, roots = f"localhost:{server.port}", tmp_path / "environment.conf", tmp_path / "roots.pem"
    monkeypatch.setattr(node, "ENVIRONMENT", str(declared))
    (before,) = handshakes.perform([target], ["node"])
    assert "issuer certificate" in before.clients["node"]
    roots.write_text(ROOT.pem)
    declared.write_text(f"# ours\nOTHER=1\nNODE_EXTRA_CA_CERTS={quote}{roots}{quote}\n")
    (after,) = handshakes.perform([target], ["node"])
    assert after.clients["node"] == "ok"


def test_the_name_is_checked(server: tls_server.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trust(monkeypatch, tmp_path, ROOT)
    (result,) = handshakes.perform([f"127.0.0.1:{server.port}"], CLIENTS)
    assert "ok" not in result.clients.values()


def test_each_address_of_a_name_is_asked(
    server: tls_server.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients are sent to any of them; one at which nobody answers is passed over, as they do."""
    trust(monkeypatch, tmp_path, ROOT)
    led: list[str] = []
    monkeypatch.setattr(addresses, "resolved", lambda _host: led)

    def said() -> str:
        return handshakes.perform([f"localhost:{server.port}"], ["python"])[0].clients["python"]

    led[:] = ["127.0.0.88", "127.0.0.1"]
    assert said() == "ok"
    stranger = pki.root("Other").leaf("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*stranger.write(tmp_path))
    with socket.create_server(("127.0.0.88", server.port)) as listener:

        def shake() -> None:
            with contextlib.suppress(OSError), listener.accept()[0] as raw:
                context.wrap_socket(raw, server_side=True)

        thread = threading.Thread(target=shake)
        thread.start()
        found = said()
        thread.join()
    assert "certificate verify failed" in found
    assert "(at 127.0.0.88)" in found
    led[:] = ["127.0.0.88"]
    assert "refused" in said()
    led.clear()
    assert said() == "localhost has no address"


def test_each_target_has_its_own_result(
    server: tls_server.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(monkeypatch, tmp_path, ROOT)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"localhost:{unused.getsockname()[1]}"
        results = handshakes.perform([closed, f"localhost:{server.port}"], CLIENTS)
    assert [result.target for result in results] == [closed, f"localhost:{server.port}"]
    assert ["ok" in result.clients.values() for result in results] == [False, True]


@pytest.mark.parametrize(
    "target", ["localhost", "", ":443", "localhost:", "localhost:https", "localhost:0", "localhost:70000"]
)
def test_what_is_not_a_target(target: str) -> None:
    with pytest.raises(TrustAnchorError, match="is not a target.*HOST:PORT"):
        handshakes.perform([target], CLIENTS)


@pytest.mark.parametrize("end", ["\r", "\v", "\f", "\x1c", "\x85", "\u2028"])
def test_what_a_certificate_says_is_no_result_of_another_target(end: str) -> None:
    """Clients quote the server's certificate in their errors."""
    lines, asked = (
        client.Lines("word"),
        client.Asked([client.TargetResult(f"{one}:443") for one in ("evil", "good")], ""),
    )
    said = f"word evil:443 not for this name: DNS:x{end}word good:443 ok\nword good:443 refused\nword evil:443 ok\n"
    found = lines.read(asked, client.Outcome(0, said))
    assert found["good:443"] == "refused"
    assert found["evil:443"].startswith("not for this name")


def test_no_server_knows_the_word_of_a_line() -> None:
    """Programs print to the same output what they are asked to debug."""
    asked = client.Asked([client.TargetResult("good:443")], "")
    lines, other = client.Lines(), client.Lines()
    assert lines.word != other.word
    assert lines.read(asked, client.Outcome(0, f"{other.word} good:443 ok\ngood:443 ok\n")) == {
        "good:443": "the client said nothing"
    }
    assert lines.read(asked, client.Outcome(3, "cannot start\n")) == {"good:443": "cannot start"}
    assert lines.read(asked, client.Outcome(3, "")) == {"good:443": "exit code 3"}


def test_what_a_certificate_says_is_no_row_of_the_table() -> None:
    result = {"target": "a:443", "issuer": "CA\nb:443 x\x1b[2J", "not_after": "", "clients": {"curl": "no\nb:443"}}
    assert len(handshakes.table([result]).split("\n")) == 3
    assert "\x1b" not in handshakes.table([result])
    assert handshakes.failures([result]) == ["a:443: curl: no\\nb:443"]
