# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions whose host answers what no module of ours answers: the task fails, and nothing is written or signed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.plugins.action import ActionBase
from ansible_collections.trustanchor.private_ca.plugins.action import (
    ceremony_record,
    intermediate,
    service_certificate,
    step_ca_config,
    step_ca_preflight,
    tls_handshake_info,
    token_key,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import inputs, tokens
from factories import pki

ROOT = pki.root()


def run(plugin: type[Any], monkeypatch: pytest.MonkeyPatch, answer: Any, **options: Any) -> dict[str, Any]:
    monkeypatch.setattr(ActionBase, "run", lambda *_: {})
    monkeypatch.setattr(plugin, "_execute_module", lambda *_, **__: answer)
    action = object.__new__(plugin)
    action._task = SimpleNamespace(args=options, check_mode=False)
    found: dict[str, Any] = action.run(None, {})
    return found


def require_refusal(found: dict[str, Any]) -> None:
    assert found["failed"]
    assert "the host's answer cannot be used" in found["error"]["what"]


@pytest.mark.parametrize("digest", ["x", "eA==", ["eA=="], 7, "é"])
def test_no_token_is_minted_for_what_is_no_digest(monkeypatch: pytest.MonkeyPatch, digest: Any) -> None:
    monkeypatch.setattr(tokens, "mint", lambda *_: pytest.fail("a token was minted"))
    options = {
        "name": "web",
        "names": ["web.corp.example"],
        "ca_url": "https://ca.corp.example/",
        "root": ROOT.pem,
        "provisioner": "enrolment",
        "provisioner_key": pki.key_pem(pki.new_key()),
    }
    answer = {"changed": True, "request_sha256": digest}
    require_refusal(run(service_certificate.ActionModule, monkeypatch, answer, **options))


@pytest.mark.parametrize(
    "installed", [None, [], {"step-ca": "1"}, {"step-ca": 1, "step-cli": 2, "python3-cryptography": 3}]
)
def test_versions_that_are_none(monkeypatch: pytest.MonkeyPatch, installed: Any) -> None:
    monkeypatch.setattr(inputs, "check", lambda *_, **__: {"ports": [443], "key_sha256": ""})
    options = {"settings": {}, "root": "x", "root_sha256": "x", "version": "1", "cli_version": "2"}
    answer = {"changed": False, "installed": installed}
    require_refusal(run(step_ca_preflight.ActionModule, monkeypatch, answer, **options))


@pytest.mark.parametrize(
    "answer",
    [
        {"config": {"a": float("nan")}, "corrected": {}},
        {"config": ["a"], "corrected": {}},
        {"config": {"a": 1}, "corrected": []},
        {"config": {"a": 1}, "corrected": {"x": "y"}},
        {"config": {"a": 1}},
    ],
)
def test_nothing_unreadable_gets_into_the_record(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: dict[str, Any]
) -> None:
    options = {"settings": {}, "ca_url": "x", "root_sha256": "x", "record": str(tmp_path / "ca.json")}
    require_refusal(run(step_ca_config.ActionModule, monkeypatch, {"changed": False, **answer}, **options))
    assert not (tmp_path / "ca.json").exists()


def test_a_record_that_cannot_be_written_hides_no_change_of_the_host(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pki").write_text("a file")
    options = {"settings": {}, "ca_url": "x", "root_sha256": "x", "record": str(tmp_path / "pki/ca.json")}
    answer = {"changed": True, "config": {"a": 1}, "corrected": {"/etc/step-ca/config/ca.json": ["content"]}}
    found = run(step_ca_config.ActionModule, monkeypatch, answer, **options)
    assert found["failed"]
    assert found["changed"]
    assert found["corrected"] == answer["corrected"]


@pytest.mark.parametrize("files", [None, [], "x", {"roots/r1.crt": "%"}, {"roots/r1.crt": 1}])
def test_nothing_unreadable_is_merged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: Any) -> None:
    options = {"record": str(tmp_path), "directory": "/x", "direction": "out"}
    answer = {"changed": False, "files": files}
    require_refusal(run(ceremony_record.ActionModule, monkeypatch, answer, **options))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "answer", [{}, {"purpose": 1}, {"purpose": "x", "needed": "pin"}, {"purpose": "x", "missing": {}}]
)
def test_no_pin_for_what_has_no_purpose(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]) -> None:
    options = {"token": {"module_path": "/x.so"}, "key": {"id": "02"}, "pin": "123456"}
    require_refusal(run(token_key.ActionModule, monkeypatch, {"changed": True, **answer}, **options))


@pytest.mark.parametrize("table", [1, ["x"], {"a": "b"}])
def test_a_table_that_is_none(monkeypatch: pytest.MonkeyPatch, table: Any) -> None:
    answer = {"changed": False, "table": table}
    require_refusal(run(tls_handshake_info.ActionModule, monkeypatch, answer, targets=["a:443"]))


@pytest.mark.parametrize(
    "request_", [None, 7, ["x"], "x", ROOT.pem, "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----"]
)
def test_nothing_but_a_request_is_recorded(monkeypatch: pytest.MonkeyPatch, request_: Any) -> None:
    answer = {"changed": True, "request": request_}
    require_refusal(run(intermediate.ActionModule, monkeypatch, answer, state="requested", common_name="CA"))
