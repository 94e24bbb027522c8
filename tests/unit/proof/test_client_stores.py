# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of several stores or versions, and those that belong to a user."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.proof import handshakes
from ansible_collections.trustanchor.private_ca.plugins.module_utils.proof.clients import java, node
from factories import pki, proof_clients, tls_server

ROOT = pki.root("Root A")
OTHER = pki.root("Root B")
USER = 54321  # nobody's on this machine


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "home"
    made.mkdir()
    proof_clients.no_declarations(monkeypatch, made)
    monkeypatch.setattr(node, "ENVIRONMENT", str(tmp_path / "absent.conf"))
    return made


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that every user can read."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with tls_server.serve(ROOT.intermediate().leaf("localhost"), tmp_path_factory.mktemp("server")) as running:
        running.answers["/"] = (200, b"hello")
        yield f"localhost:{running.port}"


def said(target: str, name: str, **how: Any) -> dict[str, str]:
    (result,) = handshakes.perform([target], [name], **how)
    return result.clients


def give(path: Path, uid: int) -> None:
    """All of a directory to a user."""
    for one in [path, *path.rglob("*")]:
        os.chown(one, uid, uid, follow_symlinks=False)


# NSS


def test_each_declared_database_of_nss_is_asked(target: str, tmp_path: Path) -> None:
    good = proof_clients.nss_database(tmp_path / "good", ROOT)
    bad = proof_clients.nss_database(tmp_path / "bad", OTHER)
    absent = tmp_path / "absent"
    answers = said(target, "nss", nss_databases=[str(good), str(bad), str(absent)])
    assert list(answers) == [f"nss {good}", f"nss {bad}", f"nss {absent}"]
    assert answers[f"nss {good}"] == "ok"
    assert "UNKNOWN_ISSUER" in answers[f"nss {bad}"]
    assert f"{absent}/cert9.db cannot be looked at: No such file" in answers[f"nss {absent}"]


def test_the_database_in_the_home_is_found_as_browsers_find_it(target: str, home: Path) -> None:
    assert f"{home} has no NSS database" in said(target, "nss")["nss"]
    proof_clients.nss_database(home / ".local/share/pki/nssdb", ROOT)
    assert said(target, "nss") == {"nss": "ok"}
    proof_clients.nss_database(home / ".pki/nssdb", OTHER)
    assert "UNKNOWN_ISSUER" in said(target, "nss")["nss"]


def test_an_address_at_which_nobody_answers_is_passed_over(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program would give up at the first one."""
    good = proof_clients.nss_database(tmp_path / "good", ROOT)
    led = ["127.0.0.88", "127.0.0.1"]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_a, **_k: [(0, 0, 0, "", (one, 0)) for one in led])
    assert said(target, "nss", nss_databases=[str(good)]) == {f"nss {good}": "ok"}
    led[:] = ["127.0.0.88"]
    assert "REFUSED" in said(target, "nss", nss_databases=[str(good)])[f"nss {good}"]
    led.clear()
    assert said(target, "nss", nss_databases=[str(good)]) == {f"nss {good}": "localhost has no address"}


@proof_clients.as_root
def test_a_database_of_a_user_is_opened_as_that_user(
    target: str, public: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names modules, which are loaded; and nothing of our variables is theirs to see."""
    database = proof_clients.nss_database(public / "nssdb", ROOT)
    give(database, USER)
    (public / "noted").touch()
    os.chown(public / "noted", USER, USER)
    monkeypatch.setenv("SECRET", "x")
    session = 'echo $$; cut -d" " -f6 /proc/$$/stat'
    noting = f'(id -u; id -G; echo "${{SECRET-none}}"; {session}) > {public}/noted; exec "$REAL" "$@"'
    proof_clients.wrap(public, monkeypatch, "tstclnt", noting)
    assert said(target, "nss", nss_databases=[str(database)]) == {f"nss {database}": "ok"}
    *who, process, group = (public / "noted").read_text().split()
    assert who == [str(USER), "65534", "none"]
    assert group == process


@proof_clients.as_root
def test_a_database_that_others_can_exchange_is_not_opened(target: str, public: Path) -> None:
    database = proof_clients.nss_database(public / "nssdb", ROOT)
    database.chmod(0o777)
    assert "can be changed by users other" in said(target, "nss", nss_databases=[str(database)])[f"nss {database}"]


# Node.js


def with_system_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Node.js that knows the switch, where the real one may be too old: its system store is that of OpenSSL."""
    script = 'case "$1" in -e) exit 0;; --use-system-ca) shift; set -- --use-openssl-ca "$@";; esac; exec "$REAL" "$@"'
    proof_clients.wrap(tmp_path, monkeypatch, "node", script)


def test_node_is_asked_with_each_store_that_it_has(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_system_store(tmp_path, monkeypatch)
    system = "node --use-system-ca"
    assert list(said(target, "node")) == ["node", system]
    proof_clients.STORES["node"](ROOT, tmp_path, monkeypatch)
    answers = said(target, "node")
    assert answers["node"] == "ok"
    assert "certificate" in answers[system]
    monkeypatch.delenv("NODE_EXTRA_CA_CERTS")
    proof_clients.STORES["curl"](ROOT, tmp_path, monkeypatch)
    assert said(target, "node")[system] == "ok"


def test_node_that_does_not_know_the_switch_is_not_asked_with_it(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof_clients.wrap(tmp_path, monkeypatch, "node", '[ "$1" = -e ] && exit 3; exec "$REAL" "$@"')
    assert list(said(target, "node")) == ["node"]


# Java


def jdk(path: Path) -> Path:
    """A further version: programs that start the real ones."""
    (path / "bin").mkdir(parents=True)
    for name in ("java", "javac"):
        (path / "bin" / name).write_text(f'#!/bin/sh\nexec {shutil.which(name)} "$@"\n')
        (path / "bin" / name).chmod(0o755)
    return path


def test_each_java_is_asked_once(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = jdk(tmp_path / "jvm/jdk-21"), jdk(tmp_path / "jvm/jdk-25")
    (tmp_path / "jvm/default").symlink_to(first)
    (tmp_path / "jvm/on-path").symlink_to(Path(os.path.realpath(shutil.which("java") or "")).parent.parent)
    (tmp_path / "jvm/no-jdk").mkdir()
    monkeypatch.setattr(java, "JDKS", (f"{tmp_path}/jvm/*",))
    proof_clients.STORES["java"](ROOT, tmp_path, monkeypatch)
    assert said(target, "java") == {
        "java": "ok",
        f"java {first}": "ok",
        f"java {second}": "ok",
    }
    shutil.rmtree(second / "bin")
    roots = tmp_path / "roots.pem"
    roots.write_text(OTHER.pem)
    answers = said(target, "java", roots=str(roots))
    assert list(answers) == ["java", f"java {first}"]
    assert all("PKIX" in text for text in answers.values())


def test_a_trust_store_that_java_would_pass_over_silently(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "JDKS", ())
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Djavax.net.ssl.trustStore=/nonexistent/store")
    answers = said(target, "java")
    assert answers == {"java": "javax.net.ssl.trustStore is /nonexistent/store, which cannot be read"}


def test_a_jre_alone_needs_a_compiler(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "JDKS", ())
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/java").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bin/java").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (text,) = said(target, "java").values()
    assert "javac is missing" in text
    assert "Install default-jdk-headless." in text


@proof_clients.as_root
def test_a_jdk_of_a_user_runs_as_that_user(target: str, public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    users, shared = jdk(public / "users"), jdk(public / "shared")
    (public / "noted").touch()
    os.chown(public / "noted", USER, USER)
    (users / "bin/java").write_text(f'#!/bin/sh\nid -u > {public}/noted\nexec {shutil.which("java")} "$@"\n')
    give(users, USER)
    shared.joinpath("bin").chmod(0o777)
    roots = public / "roots.pem"
    roots.write_text(ROOT.pem)
    monkeypatch.setattr(java, "JDKS", (f"{public}/*",))
    before = os.umask(0o077)
    try:
        answers = said(target, "java", roots=str(roots))
    finally:
        os.umask(before)
    assert answers.pop(f"java {users}") == "ok"
    assert (public / "noted").read_text() == f"{USER}\n"
    assert "can be changed by users other" in answers.pop(f"java {shared}")
    assert answers == {"java": "ok"}


def test_there_is_an_end_of_versions(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their directories may be a user's, who gives the name, too."""
    monkeypatch.setattr(java, "JDKS", (f"{tmp_path}/jvm/*",))
    monkeypatch.setattr(java, "MOST", 1)
    named = jdk(tmp_path / "jvm/a\nservice:443 ok")
    jdk(tmp_path / "jvm/b")
    roots = tmp_path / "roots.pem"
    roots.write_text(ROOT.pem)
    results = handshakes.perform([target], ["java"], str(roots))
    assert list(results[0].clients.values()) == ["ok", "ok", "not asked: 1 further versions of a host are"]
    assert f"java {named.parent}/a\\nservice:443 ok" in results[0].clients
    assert len(handshakes.table([asdict(results[0])]).split("\n")) == 3


# One process for all targets


@pytest.mark.parametrize("name", ["node", "java"])
def test_a_server_that_never_ends_its_answer_takes_nobody_elses_result(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(java, "JDKS", ())
    for module in (java, node):
        monkeypatch.setattr(module, "TIMEOUT", 5)
    roots = tmp_path / "roots.pem"
    roots.write_text(ROOT.pem)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def trickle() -> None:
            """A record of a handshake, byte by byte (RFC 8446 section 5.1)."""
            with contextlib.suppress(OSError), listener.accept()[0] as raw:
                raw.sendall(b"\x16\x03\x03\x3f\xff")
                while not select.select([raw], [], [], 0.2)[0] or raw.recv(1 << 16):
                    raw.sendall(b"\x00")

        thread = threading.Thread(target=trickle, daemon=True)
        thread.start()
        results = handshakes.perform([f"127.0.0.1:{listener.getsockname()[1]}", target], [name], str(roots))
        thread.join()
    assert "ok" not in results[0].clients.values()
    assert results[0].clients[name] != "the client said nothing"
    assert results[1].clients == {name: "ok"}


# The file with the only roots


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "nothing\n",
        ROOT.pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        ROOT.pem + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ROOT.pem.replace("M", "!", 1),
    ],
)
def test_a_file_that_is_no_file_of_roots(tmp_path: Path, text: str | None) -> None:
    """A client that cannot read it may go on with the system's."""
    path = tmp_path / "roots.pem"
    if text is not None:
        path.write_text(text)
    with pytest.raises(TrustAnchorError, match="has no roots to prove with"):
        handshakes.perform(["localhost:1"], ["curl"], str(path))


def test_what_stands_beside_the_roots_does_not_matter(target: str, tmp_path: Path) -> None:
    """Clients differ in what they make of a BOM, of text, and of other blocks."""
    path = tmp_path / "roots.pem"
    path.write_text(
        "\ufeff# R1 é\n" + OTHER.pem + "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n" + ROOT.pem
    )
    for name in ("curl", "python", "java", "node", "wget", "gnutls", "nss"):
        answers = said(target, name, roots=str(path))
        assert answers == dict.fromkeys(answers, "ok")
