# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook and the timer's renewer, or two playbooks, at the same certificate at the same time: real processes."""

from __future__ import annotations

import json
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import preflight, systemd, timed_program
from ansible_collections.trustanchor.private_ca.plugins.module_utils.service_certificate import (
    convergence,
    lifecycle,
    program,
    store,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.service_certificate.settings import Settings
from cryptography import x509
from factories import pki, tls_server
from factories import service_host as host
from factories.interleaving import Other


@pytest.fixture
def ca(tmp_path: Path) -> Iterator[tls_server.Server]:
    directory = tmp_path / "ca"
    directory.mkdir()
    with tls_server.serve(host.INTERMEDIATE.leaf("localhost"), directory, host.ROOT) as server:
        yield server


@pytest.fixture
def settings(ca: tls_server.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    unit = systemd.Unit(True, True, True, False, 1, 1.0)
    monkeypatch.setattr(systemd, "show", lambda _unit: unit)
    monkeypatch.setattr(systemd, "act", lambda _verb, _unit: None)
    monkeypatch.setattr(systemd, "daemon_reload", lambda: None)
    monkeypatch.setattr(preflight, "check_host", lambda _time: {})
    for name in ("DIRECTORY", "UNITS"):
        monkeypatch.setattr(timed_program, name, str(tmp_path / name))
        (tmp_path / name).mkdir()
    return host.make(tmp_path, monkeypatch, ca_url=ca.url)


def play(settings: Settings) -> Callable[[], Any]:
    """What a playbook does; whether it asks for an enrolment, and what it corrected."""

    def prepare() -> dict[str, Any]:
        found = convergence.prepare(settings, convergence.Schedule("hourly", 0), time.time(), check_mode=False)
        return {"request": found.request_sha256, "reason": found.reason, "corrected": sorted(found.corrected)}

    return prepare


def answer(leaf: pki.Leaf) -> tuple[int, bytes]:
    chain = [pki.pem(one) for one in x509.load_pem_x509_certificates(leaf.chain.encode())]
    return 201, json.dumps({"certChain": chain}).encode()


def test_nothing_of_a_pair_is_touched_while_its_renewer_is_at_work(settings: Settings, ca: tls_server.Server) -> None:
    old = host.leaf(end=pki.NOW + pki.HOUR)
    host.put(settings, old)
    lifecycle.settings_file(settings).write()
    key = Path(store.current(settings).key).resolve()
    key.chmod(0o600)  # so the playbook has something to correct
    fresh = host.leaf(key=old.key)
    with Other(play(settings)) as playbook:

        def renew(_body: bytes) -> tuple[int, bytes]:
            playbook.start()
            playbook.await_lock()
            assert stat.S_IMODE(key.stat().st_mode) == 0o600
            return answer(fresh)

        ca.answers["/1.0/renew"] = renew
        assert lifecycle.renew_if_due("web", pki.NOW.timestamp()).renewed
        found = playbook.result()
    assert (found["request"], found["reason"]) == ("", "")
    assert host.chain(settings) == fresh.chain
    store.verify(settings, store.current(settings))
    assert key.read_text() == pki.key_pem(old.key)


def test_who_waited_for_another_enrolment_needs_none(settings: Settings, ca: tls_server.Server) -> None:
    store.make_request(settings)
    leaf = host.leaf(key=pki.load_key(Path(store.pending(settings).key).read_bytes()))
    with Other(play(settings)) as playbook:

        def sign(_body: bytes) -> tuple[int, bytes]:
            playbook.start()
            playbook.await_lock()
            return answer(leaf)

        ca.answers["/1.0/sign"] = sign
        lifecycle.enrol(settings, "token")
        found = playbook.result()
    assert (found["request"], found["reason"]) == ("", "")
    assert host.chain(settings) == leaf.chain


def test_a_renewer_that_waited_goes_by_the_settings_of_now(
    settings: Settings, ca: tls_server.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.put(settings, host.leaf())
    lifecycle.settings_file(settings).write()
    monkeypatch.setattr(sys, "argv", ["renew-certificate", "web"])
    changed = replace(settings, names=("new.corp.example",))
    old = host.leaf("new.corp.example", end=pki.NOW + pki.HOUR)
    ca.answers["/1.0/renew"] = answer(host.leaf("new.corp.example", key=old.key))
    with Other(program.main) as renewer:
        with store.locked(settings):
            renewer.start()
            renewer.await_lock()
            host.put(changed, old)
            lifecycle.settings_file(changed).write()
        assert renewer.result() == 0
    store.verify(changed, store.current(changed))
    assert store.validity(store.current(changed))[1] > old.certificate.not_valid_after_utc.timestamp()
