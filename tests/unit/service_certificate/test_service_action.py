# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's halves of two-sided modules; the host's half is a recording."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.action import service_certificate, step_ca_preflight
from factories import pki
from factories.actions import Host
from factories.pki import profiled

ROOT = pki.root()
KEY = pki.key_pem(pki.new_key())
DIGEST = hashlib.sha256(b"request").digest()
OPTIONS = {
    "name": "web",
    "names": ["web.corp.example"],
    "ca_url": "https://ca.corp.example/",
    "root": ROOT.pem,
    "provisioner": "enrolment",
    "provisioner_key": KEY,
}


def enrol(host: Host, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> dict[str, Any]:
    return host.run(service_certificate.ActionModule, monkeypatch, **{**OPTIONS, **changes})


def test_a_good_certificate_needs_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host({"changed": False})
    assert enrol(host, monkeypatch) == {"changed": False}
    assert len(host.seen) == 1


def test_a_token_for_the_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = {"changed": True, "diff": {}, "request_sha256": base64.b64encode(DIGEST).decode()}
    host = Host(prepared, {"changed": True, "not_after": "tomorrow"})
    found = enrol(host, monkeypatch)
    assert found == {"changed": True, "diff": {}, "not_after": "tomorrow"}
    assert "token" not in host.seen[0]
    claims = json.loads(base64.urlsafe_b64decode(host.seen[1]["token"].split(".")[1] + "=="))
    assert claims["aud"] == "https://ca.corp.example/1.0/sign"
    assert (claims["iss"], claims["sans"], claims["sha"]) == ("enrolment", ["web.corp.example"], ROOT.sha256)
    assert base64.urlsafe_b64decode(claims["cnf"]["x5rt#S256"] + "==") == DIGEST


def test_the_provisioners_key_never_reaches_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host({"changed": True, "request_sha256": base64.b64encode(DIGEST).decode()}, {"changed": True})
    found = enrol(host, monkeypatch)
    body = KEY.splitlines()[1]
    assert body not in json.dumps(host.seen)
    assert body not in json.dumps(found)


@pytest.mark.parametrize("answer", [{"failed": True, "msg": "no"}, {"failed": True, "request_sha256": "AAAA"}])
def test_a_host_that_failed_gets_no_token(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]) -> None:
    host = Host(answer)
    assert enrol(host, monkeypatch)["failed"]
    assert len(host.seen) == 1


@pytest.mark.parametrize("key", [None, "", "SECRET"])
def test_a_key_that_cannot_be_read_stops_before_the_host(monkeypatch: pytest.MonkeyPatch, key: str | None) -> None:
    host = Host()
    found = enrol(host, monkeypatch, provisioner_key=key)
    assert found["failed"]
    assert found["error"]["what"] == "the provisioner's private key cannot be read"
    assert "SECRET" not in json.dumps(found)
    assert host.seen == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": ["my_web.corp.example"]}, "Java refuses an underscore"),
        ({"names": []}, "has no names"),
        ({"renew_before": "23h59m"}, "renews without end"),
        ({"names": ["web.corp.example", "www.example.net"]}, "do not permit 'www.example.net'"),
        ({"names": ["*.corp.example"]}, "spans secret.corp.example, .*Go and Python's cryptography"),
        ({"root": "garbage"}, "holds no PEM certificate"),
    ],
)
def test_what_cannot_work_stops_before_the_host(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], message: str
) -> None:
    limits = {"permitted_dns": ["corp.example"], "excluded_dns": ["secret.corp.example"]}
    root = pki.pem(profiled.root(name_constraints=limits))
    host = Host()
    found = enrol(host, monkeypatch, **{"root": root, **changes})
    assert found["failed"]
    assert re.search(message, found["msg"]), found["msg"]
    assert host.seen == []


PREFLIGHT = {
    "settings": {"address": ":443", "dnsNames": ["ca.corp.example"]},
    "root": ROOT.pem,
    "root_sha256": ROOT.sha256,
    "certificate": "",
    "version": "0.30.2-1",
    "cli_version": "0.30.6-1",
}


@pytest.mark.parametrize(
    "changes", [{"settings": {"adress": ":443"}}, {"root_sha256": "ab" * 32}, {"certificate": "x"}]
)
def test_bad_inputs_stop_before_the_host(monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]) -> None:
    host = Host()
    found = host.run(step_ca_preflight.ActionModule, monkeypatch, check_mode=True, **{**PREFLIGHT, **changes})
    assert found["failed"]
    assert set(found["error"]) == {"what", "why", "next_step"}
    assert host.seen == []
