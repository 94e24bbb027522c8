# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client whose user has switched verification off proves nothing: its settings do not count."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.proof import handshakes
from factories import pki, proof_clients, tls_server

LEAF = pki.root("Nobody's").leaf("localhost")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with tls_server.serve(LEAF, tmp_path_factory.mktemp("server")) as running:
        running.answers["/"] = (200, b"hello")
        yield f"localhost:{running.port}"


def _file(name: str, text: str) -> Callable[[Path, pytest.MonkeyPatch], None]:
    def write(home: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
        (home / name).write_text(text)

    return write


def _variable(name: str, value: str) -> Callable[[Path, pytest.MonkeyPatch], None]:
    return lambda _home, monkeypatch: monkeypatch.setenv(name, value)


def _wgetrc(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "rc").write_text("check_certificate = off\n")
    monkeypatch.setenv("WGETRC", str(home / "rc"))


def _step_defaults(home: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ".step/config").mkdir(parents=True)
    (home / ".step/config/defaults.json").write_text(json.dumps({"insecure": True}))


def _step_roots(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program would read these in the place of the system's."""
    (home / "roots.pem").write_text(LEAF.chain)
    monkeypatch.setenv("STEP_ROOTS", str(home / "roots.pem"))


SWITCHES = {
    "curl-.curlrc": _file(".curlrc", "insecure\n"),
    "node-variable": _variable("NODE_TLS_REJECT_UNAUTHORIZED", "0"),
    "step-variable": _variable("STEP_INSECURE", "1"),
    "step-defaults": _step_defaults,
    "step-roots": _step_roots,
    "wget-.wgetrc": _file(".wgetrc", "check_certificate = off\n"),
    "wget-variable": _wgetrc,
    "uv-variable": _variable("UV_INSECURE_HOST", "localhost"),
}


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_client_without_verification_is_no_proof(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switch: str
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    proof_clients.no_declarations(monkeypatch, home)
    proof_clients.put_on_path(monkeypatch, tmp_path / "bin")
    SWITCHES[switch](home, monkeypatch)
    client = switch.partition("-")[0]
    (result,) = handshakes.perform([target], [client])
    assert result.clients.keys() >= {client}
    assert [said for said in result.clients.values() if "ertificate" not in said] == []
