# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the agent: real HTTP, real signatures, files of the test as stores."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.server
import json
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host.pem import fingerprints
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust import pem
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.agent import cycle, fetch, settings, units
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import push, receipt, state
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.signed import (
    SignedManifest,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import debian, declaration, pem_file
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.declaration import StoreDeclaration
from factories import accounts, pki
from factories.manifests import sign, signer

R1, R2 = pki.root("R1"), pki.root("R2")
SIGNER = signer(R1)
DAYS = dt.timedelta(days=1)


def signed(sequence: int, *, both: bool = False, **changes: Any) -> bytes:
    roots = [Root("r1", R1.sha256, "trusted", R1.pem)]
    if both:
        roots.append(Root("r2", R2.sha256, "trusted", R2.pem))
    times = {"not_before": pki.NOW, "not_after": pki.NOW + 30 * DAYS, **changes}
    return sign(SignedManifest(R1.sha256[:32], sequence, roots=tuple(roots), **times), SIGNER)


class Web:
    """A publication host: path to what it answers with."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes, int]] = {}
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body, length = web.answers.get(self.path, (404, b"", 0))
                self.send_response(status)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def put(self, path: str, body: bytes, status: int = 200, length: int | None = None) -> str:
        self.answers[path] = (status, body, len(body) if length is None else length)
        return self.url + path


@pytest.fixture
def web() -> Iterator[Web]:
    found = Web()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one store of a host that was pushed R1 as sequence 1."""
    accounts.as_current_user(monkeypatch)
    path = tmp_path / "roots.pem"
    monkeypatch.setattr(state, "PATH", str(tmp_path / "state/trust.json"))
    monkeypatch.setattr(receipt, "PATH", str(tmp_path / "state/receipt.json"))
    monkeypatch.setattr(debian, "require", lambda: None)
    monkeypatch.setattr(StoreDeclaration, "stores", lambda _self, _cache: [pem_file.store(str(path))])
    host_state = state.HostState()
    push.AssignedManifest(R1.sha256[:32], 1, [pem.parse_root(R1.pem, "r1")], []).note(host_state)
    host_state.save()
    path.write_text(R1.pem)
    return path


def run(*urls: str, now: dt.datetime = pki.NOW) -> dict[str, Any]:
    content = cycle.run(settings.AgentSettings(urls, StoreDeclaration()), now)
    assert json.loads(Path(receipt.PATH).read_text()) == content == receipt.load()
    return content


@pytest.mark.parametrize("content", ["{", '{"version": 2}'])
def test_what_the_host_was_told_cannot_be_read(web: Web, roots: Path, content: str) -> None:
    """Nothing is compared and nothing done; the receipt says so."""
    Path(state.PATH).write_text(content)
    found = run(web.put("/trust.p7m", signed(2, both=True)))
    assert (found["result"], found["stores"]) == ("failed", [])
    assert "trust.json" in found["error"]["what"]
    assert (roots.read_text(), Path(state.PATH).read_text()) == (R1.pem, content)


def test_a_new_manifest_is_taken_up(web: Web, roots: Path) -> None:
    url = web.put("/trust.p7m", signed(2, both=True))
    first = run(url)
    assert (first["result"], first["source"], first["error"]) == ("converged", url, None)
    assert fingerprints(roots.read_text()) == {R1.sha256, R2.sha256}
    assert first["manifest"]["sequence"] == 2
    assert first["stores"][0]["state"] == "ok"
    assert run(url)["result"] == "unchanged"


def test_what_was_changed_by_hand_is_repaired_and_named(web: Web, roots: Path) -> None:
    url = web.put("/trust.p7m", signed(2))
    run(url)
    roots.write_text("")
    again = run(url)
    assert (again["result"], again["repaired"]) == ("converged", [f"file {roots}"])


def test_a_publication_host_that_is_down_does_no_harm(web: Web, roots: Path) -> None:
    url = web.put("/trust.p7m", signed(2, both=True))
    run(url)
    web.put("/trust.p7m", b"", status=503)
    roots.write_text(R1.pem)
    content = run(url, "http://127.0.0.1:1/trust.p7m")
    assert (content["result"], content["error"]) == ("converged", None)
    assert fingerprints(roots.read_text()) == {R1.sha256, R2.sha256}
    assert "answers 503" in content["refused"][url]
    assert "cannot be reached" in content["refused"]["http://127.0.0.1:1/trust.p7m"]


def test_down_until_the_manifest_has_expired(web: Web, roots: Path) -> None:
    url = web.put("/trust.p7m", signed(2))
    run(url)
    web.answers.clear()
    assert run(url, now=pki.NOW + 1.9 * DAYS)["result"] == "unchanged"
    silent = run(url, now=pki.NOW + 2.1 * DAYS)
    assert (silent["result"], silent["error"]["what"]) == (
        "failed",
        "no trust manifest could be fetched for 50 hours",
    )
    late = run(url, now=pki.NOW + 31 * DAYS)
    assert (late["result"], late["error"]["what"]) == (
        "failed",
        "the trust manifest of this host has expired, and no newer one can be fetched",
    )
    assert roots.read_text() == R1.pem


def test_the_newest_of_several_hosts_wins(web: Web, roots: Path) -> None:
    urls = [web.put("/old", signed(2)), web.put("/new", signed(3, both=True)), web.put("/bad", b"garbage")]
    content = run(*urls)
    assert (content["result"], content["source"]) == ("converged", urls[1])
    assert fingerprints(roots.read_text()) == {R1.sha256, R2.sha256}
    again = run(*urls)
    assert (again["result"], again["source"], sorted(again["refused"])) == ("unchanged", urls[1], [urls[2], urls[0]])


def test_an_attack_fails_the_unit_and_changes_nothing(web: Web, roots: Path) -> None:
    run(web.put("/trust.p7m", signed(5)))
    content = run(web.put("/trust.p7m", signed(4, both=True)))
    assert content["result"] == "failed"
    assert "sequence 4, this host was told 5 before" in content["error"]["what"]
    assert roots.read_text() == R1.pem
    assert content["manifest"]["sequence"] == 5


def test_an_attack_does_not_stop_repairs(web: Web, roots: Path) -> None:
    roots.write_text("")
    content = run(web.put("/trust.p7m", b"garbage"))
    assert (content["result"], content["repaired"]) == ("failed", [f"file {roots}"])
    assert roots.read_text() == R1.pem


def test_a_host_that_was_told_nothing(web: Web, roots: Path) -> None:
    Path(state.PATH).unlink()
    content = run(web.put("/trust.p7m", signed(1)))
    assert content["result"] == "failed"
    assert content["error"]["what"] == "this host trusts none of our roots yet"
    assert roots.read_text() == R1.pem


def test_a_store_that_fails_is_in_the_receipt(web: Web, roots: Path) -> None:
    roots.unlink()
    roots.mkdir()
    content = run(web.put("/trust.p7m", signed(2)))
    assert content["result"] == "failed"
    assert "is a directory" in content["error"]["what"]
    assert content["stores"][0]["state"] == "unknown"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"body": b"", "status": 404}, "answers 404"),
        ({"body": b"", "status": 302}, "answers 302"),
        ({"body": b"x" * 5000}, "more than 1000 bytes"),
        ({"body": b"short", "length": 50}, "cut off|cannot be reached"),
    ],
)
def test_answers_that_are_none(web: Web, answer: dict[str, Any], message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        fetch.fetch(web.put("/x", **answer), 1000)


@pytest.mark.parametrize("url", ["", "trust.p7m", "ftp://a/b", "http://", "http://a b/", "http://a:port/", "file:///x"])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(TrustAnchorError, match="is not a URL that can be fetched|no URL"):
        settings.parse({"urls": [url] if url else []})


def test_settings_are_kept_as_they_were_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "PATH", str(tmp_path / "settings.json"))
    with pytest.raises(TrustAnchorError, match="does not exist.*Run it on this host"):
        settings.load()
    wanted = settings.parse({"urls": ["http://pki.corp.example/trust.p7m"], "stores": {"browsers": ["firefox"]}})
    Path(settings.PATH).write_bytes(wanted.dump())
    assert settings.load() == wanted
    Path(settings.PATH).write_text("{")
    with pytest.raises(TrustAnchorError, match="is not JSON"):
        settings.load()


def test_metrics(web: Web, roots: Path, tmp_path: Path) -> None:
    configured = settings.AgentSettings((web.put("/trust.p7m", signed(2)),), StoreDeclaration(), str(tmp_path))
    cycle.run(configured, pki.NOW)
    text = (tmp_path / receipt.METRICS).read_text()
    assert roots.exists()
    for line in (
        "trustanchor_trust_last_run_success 1\n",
        "trustanchor_trust_manifest_sequence 2\n",
        f"trustanchor_trust_manifest_expiry_timestamp_seconds {(pki.NOW + 30 * DAYS).timestamp():.0f}\n",
        "# TYPE trustanchor_trust_stale_processes gauge\n",
    ):
        assert line in text


def unit(declared: StoreDeclaration) -> str:
    timed = units.timed(settings.AgentSettings(("http://x/y",), declared), "hourly", 5)
    found = {item.path: item for item in timed.files()}
    content: bytes = found["/etc/systemd/system/trustanchor-trust-agent.service"].content  # type: ignore[union-attr]
    return content.decode()


def test_the_unit_may_write_where_its_stores_are_and_nowhere_else() -> None:
    quiet = unit(declaration.parse({"discover": False}))
    assert "ProtectHome=yes" in quiet
    assert "/opt" not in quiet
    busy = unit(
        declaration.parse(
            {"discover": False, "files": [{"path": "/srv/app/roots.pem"}], "step_paths": [{"path": "/root/.step"}]}
        )
    )
    assert " -/srv/app " in busy.replace("\n", " \n")
    assert "ProtectHome=no" in busy
    assert "-/usr/lib/jvm" in unit(StoreDeclaration())


def test_the_program_has_all_its_parts(tmp_path: Path) -> None:
    timed = units.timed(settings.AgentSettings(("http://x/y",), StoreDeclaration()), "hourly", 5)
    assert timed.path == "/usr/local/lib/trustanchor/trust-agent"
    (packed,) = [item.content for item in timed.files() if item.path == timed.path]  # type: ignore[union-attr]
    path = tmp_path / "trust-agent"
    path.write_bytes(packed)

    command = [sys.executable, "-I", "-S", str(path), "too much"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert (done.returncode, done.stderr) == (2, "usage: trust-agent\n")
    with zipfile.ZipFile(path) as archive:
        assert "trustanchor/trust/stores/nss.py" in archive.namelist()


def test_who_answers_slowly_is_cut_off() -> None:
    """One byte at a time would take for ever; the next URL has to be asked."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _address = server.accept()
            with contextlib.suppress(OSError), connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                while True:
                    connection.sendall(b"x")
                    stopped.wait(0.05)

        stopped = threading.Event()
        threading.Thread(target=drip, daemon=True).start()
        with pytest.raises(TrustAnchorError, match="cannot be reached|cut off"):
            fetch.fetch(f"http://127.0.0.1:{server.getsockname()[1]}/x", 10**6, deadline=0.5)


@contextlib.contextmanager
def swallowing() -> Iterator[int]:
    """A port whose queue is full: who connects is not refused and hears nothing."""
    with contextlib.ExitStack() as opened:
        server = opened.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _number in range(4):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def test_many_addresses_that_swallow_what_they_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has the time of a connection: only a wall clock around all of them ends it."""
    monkeypatch.setattr(fetch, "TIMEOUT", 3600.0)
    with swallowing() as port:
        addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))] * 5
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments: addresses)
        with pytest.raises(TrustAnchorError, match="cannot be reached. not within 1 seconds"):
            fetch.fetch(f"http://pki.corp.example:{port}/x", 1000, deadline=1.0)


def test_a_name_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments: threading.Event().wait())
    with pytest.raises(TrustAnchorError, match="cannot be reached. not within 1 seconds"):
        fetch.fetch("http://pki.corp.example/x", 1000, deadline=1.0)


def test_all_urls_have_their_turn_and_a_limit_together(roots: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def get(_url: str, _limit: int, seconds: float) -> bytes:
        asked.append(seconds)
        raise TrustAnchorError("it cannot be reached")

    monkeypatch.setattr(cycle, "FETCH_SECONDS", 30.0)
    urls = tuple(f"http://pki{number}.corp.example/trust.p7m" for number in range(6))
    cycle.run(settings.AgentSettings(urls, StoreDeclaration()), pki.NOW, get)
    assert roots.exists()
    assert len(asked) == 6
    assert asked[0] <= 5.0
    assert all(seconds <= fetch.DEADLINE for seconds in asked)


def test_what_a_web_server_says_is_printable(web: Web) -> None:
    web.server.RequestHandlerClass.responses = {418: ("\x1b[2Jteapot", "")}  # type: ignore[attr-defined]
    with pytest.raises(TrustAnchorError) as caught:
        fetch.fetch(web.put("/x", b"", status=418), 1000)
    assert str(caught.value).isprintable()


def test_a_push_waits_for_no_web_server(web: Web, roots: Path) -> None:
    """The lock is taken when all is fetched."""
    url = web.put("/trust.p7m", signed(2))

    def get(asked: str, limit: int, seconds: float) -> bytes:
        with state.locked():
            return fetch.fetch(asked, limit, seconds)

    content = cycle.run(settings.AgentSettings((url,), StoreDeclaration()), pki.NOW, get)
    assert (content["result"], roots.read_text()) == ("unchanged", R1.pem)


def test_only_root_can_hold_the_lock(roots: Path) -> None:
    with state.locked():
        lock = Path(state.PATH).with_name(".lock")
        assert lock.stat().st_mode & 0o777 == 0o600
    assert roots.exists()


def test_a_lock_that_is_held_for_ever(roots: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "LOCK_SECONDS", 0.2)
    assert roots.exists()
    with state.locked(), pytest.raises(TrustAnchorError, match="another program has been changing"), state.locked():
        pass
