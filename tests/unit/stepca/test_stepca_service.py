# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unit, process and proof together; systemd and step-ca are replaced."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import systemd
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import (
    canary,
    daemon,
    service,
    unit,
    verification,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.layout import Layout
from factories import accounts, pki

ROOT = pki.root()
RUNNING = systemd.Unit(True, True, True, False, main_pid=100, started_at=1000.0)
SETTINGS = unit.UnitSettings()
VERIFIED = {"canary": {"subject": "CN=ca.corp.example"}}


class Host:
    """A CA host whose files are in a temporary directory."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.layout, self.state, self.verbs = Layout(base=str(directory / "step-ca")), RUNNING, list[str]()
        monkeypatch.setattr(unit, "PATH", str(directory / "step-ca.service"))
        monkeypatch.setattr(unit, "PROGRAM", str(directory / "step-ca.bin"))
        monkeypatch.setattr(daemon, "LOADED_STATE", str(directory / "run" / "step-ca.json"))
        monkeypatch.setattr(systemd, "show", lambda _unit: self.state)
        monkeypatch.setattr(systemd, "daemon_reload", lambda: self.verbs.append("daemon-reload"))
        monkeypatch.setattr(systemd, "act", lambda verb, _unit: self.verbs.append(verb))
        monkeypatch.setattr(daemon, "apply", lambda action, _serving: self.verbs.append(f"apply {action}"))
        monkeypatch.setattr(canary, "load_key", lambda _layout: "key")
        monkeypatch.setattr(verification, "verify", self.verify)
        accounts.as_current_user(monkeypatch)
        self.write(self.layout.root, ROOT.pem)
        self.write(self.layout.certificate, ROOT.intermediate().pem)
        self.write(self.layout.config, json.dumps({"address": ":443", "dnsNames": ["ca.corp.example"]}))
        self.keys: list[Any] = []

    def write(self, path: str, text: str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)

    def verify(self, _client: Any, _expected: Any, key: Any) -> dict[str, Any]:
        self.keys.append(key)
        return VERIFIED

    def converge(self, check: bool = False, expect_change: bool = False) -> service.ServiceResult:
        return service.converge(SETTINGS, self.layout, expect_change, check)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def test_the_second_run_changes_nothing(host: Host) -> None:
    first = host.converge()
    assert (first.changed, first.verified, first.unit_differences) == (True, VERIFIED, ("absent",))
    assert host.verbs == ["daemon-reload", f"apply {first.action}"]
    assert host.converge() == service.ServiceResult(False, "none", VERIFIED)


def test_a_check_signs_nothing_and_writes_nothing(host: Host) -> None:
    found = host.converge(check=True)
    assert (found.changed, found.action, found.verified) == (True, "restart", {})
    assert not Path(unit.PATH).exists()
    host.converge()
    assert host.converge(check=True) == service.ServiceResult(False, "none", VERIFIED)
    assert host.keys == ["key", None]


def test_a_check_of_a_host_without_ca_json_announces_a_start(host: Host) -> None:
    Path(host.layout.config).unlink()
    found = host.converge(check=True)
    assert (found.changed, found.action) == (True, "start")
    with pytest.raises(TrustAnchorError, match="is missing or not a JSON object"):
        host.converge()


def test_a_unit_that_systemd_has_not_read_is_a_restart(host: Host) -> None:
    host.converge()
    host.state = replace(RUNNING, needs_daemon_reload=True)
    assert host.converge().action == "restart"


def test_a_check_announces_what_an_earlier_task_would_change(host: Host) -> None:
    host.converge()
    assert host.converge(check=True, expect_change=True).action == "reload"


@pytest.mark.parametrize("content", [b"", b"[]", b"{", None])
def test_what_is_not_a_configuration(content: bytes | None) -> None:
    with pytest.raises(TrustAnchorError, match="is missing or not a JSON object"):
        service.parse_config(content, Layout())
