# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Enrolment and renewal against a CA that speaks real TLS; systemd is replaced."""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import systemd
from ansible_collections.trustanchor.private_ca.plugins.module_utils.service_certificate import (
    convergence,
    lifecycle,
    program,
    store,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.service_certificate.settings import Settings
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import times
from cryptography import x509
from factories import accounts, pki, tls_server
from factories import service_host as host

NOW = pki.NOW.timestamp()
_LINE = re.compile(r'^trustanchor_service_certificate_(\w+)\{certificate="web"\} (\d+)$')


@dataclass
class Systemd:
    """Units: name to (active, enabled); what was asked of them."""

    units: dict[str, tuple[bool, bool]] = field(default_factory=dict)
    acts: list[tuple[str, str]] = field(default_factory=list)
    broken: bool = False

    def show(self, unit: str) -> systemd.Unit:
        active, enabled = self.units.get(unit, (False, False))
        return systemd.Unit(True, active, enabled, False, 1, 1.0)

    def act(self, verb: str, unit: str) -> None:
        if self.broken:
            raise TrustAnchorError(f"{unit} failed")
        self.acts.append((verb, unit))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tls_server.Server]:
    with tls_server.serve(host.INTERMEDIATE.leaf("localhost"), tmp_path_factory.mktemp("ca"), host.ROOT) as server:
        yield server


@pytest.fixture
def ca(running: tls_server.Server) -> tls_server.Server:
    running.answers.clear()
    running.seen.clear()
    return running


@pytest.fixture
def init(monkeypatch: pytest.MonkeyPatch) -> Systemd:
    found = Systemd({"nginx.service": (True, True)})
    monkeypatch.setattr(systemd, "show", found.show)
    monkeypatch.setattr(systemd, "act", found.act)
    return found


@pytest.fixture
def settings(ca: tls_server.Server, init: Systemd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:  # noqa: ARG001
    accounts.as_current_user(monkeypatch)
    return host.make(
        tmp_path, monkeypatch, ca_url=ca.url, reload=("nginx.service",), metrics_directory=str(tmp_path / "metrics")
    )


def enrolled(settings: Settings, left: float = 86400) -> pki.Leaf:
    """A certificate with so many seconds left, which the services already have."""
    leaf = host.leaf(end=pki.NOW + left * pki.DAY / 86400)
    host.put(settings, leaf)
    lifecycle.finish(settings)
    return leaf


def renew(settings: Settings) -> bool:
    """Let the timer's renewer look."""
    lifecycle.settings_file(settings).write()
    return lifecycle.renew_if_due(settings.name, NOW).renewed


def offer(ca: tls_server.Server, path: str, leaf: pki.Leaf) -> None:
    """Let the CA answer with a chain."""
    found = x509.load_pem_x509_certificates(leaf.chain.encode())
    ca.answers[path] = (201, json.dumps({"certChain": [pki.pem(one) for one in found]}).encode())


def metrics(settings: Settings) -> dict[str, int]:
    """The metrics file, read as strictly as its format allows (Prometheus text format 0.0.4)."""
    lines = Path(settings.metrics_directory, "service_certificate_web.prom").read_text().splitlines()
    found = {}
    for help_line, type_line, sample in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
        match = _LINE.match(sample)
        assert match is not None
        name = f"trustanchor_service_certificate_{match[1]}"
        assert help_line.startswith(f"# HELP {name} ")
        assert type_line == f"# TYPE {name} gauge"
        found[match[1]] = int(match[2])
    return found


def test_not_due(settings: Settings, ca: tls_server.Server, init: Systemd) -> None:
    leaf = enrolled(settings, left=57601)
    init.acts.clear()
    assert not renew(settings)
    assert (ca.seen, init.acts) == ([], [])
    assert host.chain(settings) == leaf.chain
    assert metrics(settings)["last_run_success"] == 1


def test_due(settings: Settings, ca: tls_server.Server, init: Systemd) -> None:
    old = enrolled(settings, left=57600)
    init.acts.clear()
    fresh = host.leaf(key=old.key)
    offer(ca, "/1.0/renew", fresh)
    assert renew(settings)
    assert host.chain(settings) == fresh.chain
    assert init.acts == [("reload-or-restart", "nginx.service")]
    assert ca.seen[0].client["subject"] == ((("commonName", "web.corp.example"),),)
    found = metrics(settings)
    assert found["expiry_timestamp_seconds"] == int(fresh.certificate.not_valid_after_utc.timestamp())
    assert found["renew_before_seconds"] == 57600
    assert abs(found["last_success_timestamp_seconds"] - time.time()) < 60


def test_a_leaf_that_lives_shorter_than_the_notice_is_no_fault_of_the_ca(
    settings: Settings, ca: tls_server.Server
) -> None:
    """It is renewed at each look; nobody has to renew the intermediate for it."""
    old = enrolled(settings, left=3600)
    offer(ca, "/1.0/renew", host.leaf(key=old.key, end=pki.NOW + 15 * pki.HOUR))
    lifecycle.settings_file(settings).write()
    done = lifecycle.renew_if_due(settings.name, NOW)
    assert (done.renewed, done.shortfall) == (True, "")
    assert metrics(settings)["last_run_success"] == 1


SHORT = host.ROOT.intermediate("Ends soon", end=pki.NOW + pki.HOUR)


def test_a_pair_ends_with_what_ends_first(settings: Settings) -> None:
    """step-ca gives a leaf its whole lifetime, even when the intermediate ends before."""
    host.put(settings, SHORT.leaf(*host.SETTINGS.names))
    pair, end = store.current(settings), SHORT.certificate.not_valid_after_utc.timestamp()
    assert store.effective_end(pair) == end < store.validity(pair)[1]
    lifecycle.write_metrics(settings, good=True)
    assert metrics(settings)["expiry_timestamp_seconds"] == end
    assert convergence.facts(settings, "")["not_after"] == times.render_epoch(end)


def test_the_chain_ends_first_and_the_ca_has_a_later_one(settings: Settings, ca: tls_server.Server) -> None:
    old = SHORT.leaf(*host.SETTINGS.names)
    host.put(settings, old)
    fresh = host.leaf(key=old.key)
    ca.answers["/intermediates.pem"] = (200, host.INTERMEDIATE.pem.encode())
    offer(ca, "/1.0/renew", fresh)
    assert renew(settings)
    assert host.chain(settings) == fresh.chain
    assert metrics(settings)["last_run_success"] == 1


def test_the_chain_ends_first_and_the_ca_has_no_later_one(
    settings: Settings, ca: tls_server.Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told at each look, and the CA is not asked for a new certificate each time."""
    leaf = SHORT.leaf(*host.SETTINGS.names)
    host.put(settings, leaf)
    ca.answers["/intermediates.pem"] = (200, SHORT.pem.encode())
    offer(ca, "/1.0/renew", SHORT.leaf(*host.SETTINGS.names, key=leaf.key))
    assert not renew(settings)
    assert host.chain(settings) == leaf.chain
    assert metrics(settings)["last_run_success"] == 0
    assert call(monkeypatch, "web") == 1
    said = capsys.readouterr()
    assert re.fullmatch(r"web: not due, [01]\.[0-9] hours left\n", said.out)
    assert "ends at" in said.err
    assert "Renew the CA's intermediate" in said.err
    assert "/1.0/renew" not in [one.path for one in ca.seen]


def test_the_ca_is_down(settings: Settings) -> None:
    leaf = enrolled(settings, left=3600)
    before = metrics(settings)
    down = replace(settings, ca_url="https://localhost:1")
    with pytest.raises(TrustAnchorError, match="does not answer"):
        renew(down)
    assert host.chain(settings) == leaf.chain
    assert metrics(settings) == {**before, "last_run_success": 0}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((401, b'{"message":"certificate revoked"}'), "answered 401. certificate revoked"),
        ((200, b"<html>"), "gave no JSON"),
        ((201, b'{"certChain":["garbage"]}'), "cannot be used together"),
        (pki.root().intermediate().leaf(*host.SETTINGS.names), "cannot be used together"),
        (host.leaf(), "cannot be used together"),
    ],
)
def test_an_answer_that_is_not_good(
    settings: Settings, ca: tls_server.Server, answer: pki.Leaf | tuple[int, bytes], message: str
) -> None:
    leaf = enrolled(settings, left=3600)
    if isinstance(answer, pki.Leaf):
        offer(ca, "/1.0/renew", answer)
    else:
        ca.answers["/1.0/renew"] = answer
    with pytest.raises(TrustAnchorError, match=message):
        renew(settings)
    assert host.chain(settings) == leaf.chain
    assert metrics(settings)["last_run_success"] == 0


def test_a_failed_reload_is_tried_again(settings: Settings, ca: tls_server.Server, init: Systemd) -> None:
    old = enrolled(settings, left=3600)
    init.acts.clear()
    offer(ca, "/1.0/renew", host.leaf(key=old.key))
    init.broken = True
    with pytest.raises(TrustAnchorError, match=r"nginx\.service failed"):
        renew(settings)
    assert metrics(settings)["last_run_success"] == 0
    init.broken = False
    assert not renew(settings)
    assert init.acts == [("reload-or-restart", "nginx.service")]
    assert metrics(settings)["last_run_success"] == 1
    assert not renew(settings)
    assert len(init.acts) == 1


@pytest.mark.parametrize("damage", ["missing", "garbage"])
def test_a_certificate_that_is_gone_raises_an_alarm(settings: Settings, damage: str) -> None:
    enrolled(settings)
    chain = Path(store.current(settings).chain)
    if damage == "missing":
        chain.unlink()
    else:
        chain.write_text("garbage")
    with pytest.raises(TrustAnchorError):
        renew(settings)
    found = metrics(settings)
    assert (found["expiry_timestamp_seconds"], found["last_run_success"]) == (0, 0)
    assert found["last_success_timestamp_seconds"] > 0
    assert lifecycle.fault(settings)


def test_without_a_directory_there_are_no_metrics(settings: Settings, tmp_path: Path) -> None:
    enrolled(replace(settings, metrics_directory=""))
    assert not (tmp_path / "metrics").exists()


@pytest.mark.parametrize(
    ("state", "start", "verbs"),
    [
        ((True, True), False, ["reload-or-restart"]),
        ((True, False), True, ["reload-or-restart"]),
        ((False, True), True, ["reload-or-restart"]),
        ((False, True), False, []),
        ((False, False), True, []),
    ],
)
def test_which_units_are_told(
    settings: Settings, init: Systemd, state: tuple[bool, bool], start: bool, verbs: list[str]
) -> None:
    host.put(settings, host.leaf())
    init.units["nginx.service"] = state
    lifecycle.finish(settings, start)
    assert [verb for verb, _unit in init.acts] == verbs


def enrol(settings: Settings, ca: tls_server.Server) -> pki.Leaf:
    """A request is waiting, and the CA has an answer for its key."""
    store.make_request(settings)
    key = Path(store.pending(settings).key).read_bytes()
    leaf = host.leaf(key=pki.load_key(key))
    offer(ca, "/1.0/sign", leaf)
    return leaf


def test_enrol(settings: Settings, ca: tls_server.Server, init: Systemd) -> None:
    assert lifecycle.fault(settings) == "there is no certificate yet"
    leaf = enrol(settings, ca)
    request = Path(store.pending(settings).request).read_text()
    lifecycle.enrol(settings, "token")
    assert json.loads(ca.seen[0].body) == {"csr": request, "ott": "token", "notAfter": "86400s"}
    assert lifecycle.fault(settings) == ""
    assert host.chain(settings) == leaf.chain
    assert init.acts == [("reload-or-restart", "nginx.service")]
    assert not Path(store.pending(settings).directory).exists()


def test_a_refused_enrolment_leaves_what_was(settings: Settings, ca: tls_server.Server) -> None:
    good = enrolled(settings)
    enrol(settings, ca)
    ca.answers["/1.0/sign"] = (403, b'{"message":"not allowed"}')
    with pytest.raises(TrustAnchorError, match="answered 403. not allowed"):
        lifecycle.enrol(settings, "token")
    assert host.chain(settings) == good.chain
    lines = [path.read_text() for path in Path(settings.directory).rglob("*") if path.is_file()]
    assert not any("token" in line for line in lines)


def test_faults(settings: Settings) -> None:
    assert lifecycle.fault(settings) == "there is no certificate yet"
    host.put(settings, host.leaf(start=pki.NOW - dt.timedelta(minutes=1), end=pki.NOW + pki.DAY))
    assert lifecycle.fault(settings) == ""
    faults: dict[str, dict[str, Any]] = {
        "wanted: other.example": {"names": ("other.example",)},
        "does not lead to the declared root": {"root_pem": pki.root().pem},
        "live for 86460 seconds, wanted 43200": {"lifetime": 43200},
        "of type P-256, wanted RSA-3072": {"key_type": "RSA-3072"},
    }
    for reason, changes in faults.items():
        assert reason in lifecycle.fault(replace(settings, **changes))


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["renew-certificate", *arguments])
    return program.main()


def test_the_program(
    settings: Settings, ca: tls_server.Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(settings.directory, "settings.json").write_bytes(settings.dump())
    old = enrolled(settings)
    assert call(monkeypatch, "web") == 0
    assert re.fullmatch(r"web: not due, 2[34]\.[0-9] hours left\n", capsys.readouterr().out)
    due = enrolled(settings, left=3600)
    assert call(monkeypatch, "web") == 1
    assert "answered 404" in capsys.readouterr().err
    assert host.chain(settings) == due.chain != old.chain
    offer(ca, "/1.0/renew", host.leaf(key=due.key))
    assert call(monkeypatch, "web") == 0
    assert capsys.readouterr().out.startswith("web: renewed, ")


def test_wrong_calls(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch) == call(monkeypatch, "a", "b") == 2
    assert capsys.readouterr().err == "usage: renew-certificate NAME\n" * 2
    assert call(monkeypatch, "none") == 1
    assert "no certificate is called none" in capsys.readouterr().err
    assert not Path(settings.metrics_directory).exists()
