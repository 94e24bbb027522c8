# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""On virgin hosts a check announces what would happen and writes nothing.

Last, because it replaces hosts. The new CA host has not the key that the intermediate was signed for.
"""

from __future__ import annotations

import shutil
import subprocess

import pytest
from ansible_collections.trustanchor.private_ca.tests.lab import hosts, snapshot
from ansible_collections.trustanchor.private_ca.tests.lab.play import CHECKOUT, STATE, converge, play

VIRGINS = ("web2", "ca1", "ceremony1")
ESTATE = VIRGINS[:2]


@pytest.fixture(scope="module", autouse=True)
def virgin_hosts():
    """The hosts as they were before anything was installed on them."""
    subprocess.run([CHECKOUT / "dev", "lab", "reset", *VIRGINS], check=True, stdin=subprocess.DEVNULL)


def test_check_writes_nothing():
    before = {host: snapshot.take(host) for host in ESTATE}
    announced = play(limit=":".join(ESTATE), check=True)
    assert announced.rc == 0, announced.output
    assert {host for host in ESTATE if announced.hosts[host]["changed"]} == set(ESTATE)
    assert "does not match" in announced.output or "has no intermediate key" in announced.output
    assert {host: snapshot.differences(before[host], snapshot.take(host)) for host in ESTATE} == {
        host: [] for host in ESTATE
    }


def test_check_of_a_first_ceremony_signs_and_writes_nothing(tmp_path):
    record = tmp_path / "pki"
    shutil.copytree(STATE / "pki/requests", record / "requests")
    variables = {"pki_directory": str(record)}
    converge("playbooks/plan_ceremony.yml", limit="ceremony1", variables=variables)
    before = snapshot.take("ceremony1")
    announced = play("playbooks/ceremony.yml", limit="ceremony1", check=True, variables=variables)
    assert announced.rc == 0, announced.output
    assert announced.hosts["ceremony1"]["changed"] == 3  # stick in, ceremony, trust manifest
    assert snapshot.differences(before, snapshot.take("ceremony1")) == []
    files = {path.name for path in record.rglob("*") if path.is_file()}
    assert files == {"ca1.csr", "manifest1.csr", "ceremony.yml"}


def test_run_on_a_host_without_the_key_stops_before_it_changes_the_ca():
    stopped = play(limit="ca1")
    assert stopped.rc != 0
    assert "has no intermediate key" in stopped.failure("ca1")
    assert "Restore the key, or run trustanchor.private_ca.request_intermediate" in stopped.failure("ca1")
    assert hosts.output("ca1", "find /etc/step-ca /etc/systemd/system/step-ca.service 2>/dev/null || true") == ""
