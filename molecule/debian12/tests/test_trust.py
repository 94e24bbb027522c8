# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publication and agent on Debian 12: Python 3.11, OpenSSL 3.0, systemd 252."""

from __future__ import annotations

import json

import pytest
from ansible_collections.trustanchor.private_ca.tests.lab import hosts
from ansible_collections.trustanchor.private_ca.tests.lab.play import CHECKOUT, Play, converge

AGENT = "trustanchor-trust-agent.service"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def pull() -> Play:
    inventory = str(CHECKOUT / "molecule/publication/inventory")
    return converge("molecule/debian12/pull.yml", limit="web1,client1", arguments=("-i", inventory))


@pytest.fixture(scope="module", autouse=True)
def agent() -> None:
    pull()
    hosts.run("client1", "systemctl stop trustanchor-trust-agent.timer")


def run() -> dict[str, object]:
    hosts.run("client1", f"systemctl start {AGENT}")
    found: dict[str, object] = json.loads(hosts.output("client1", "cat /var/lib/trustanchor/receipt.json"))
    return found


def test_the_manifest_is_pulled_and_verified() -> None:
    first = run()
    assert (first["result"], first["source"], first["refused"]) == (
        "unchanged",
        "http://pki.corp.example/trust.p7m",
        {},
    )
    manifest = first["manifest"]
    assert isinstance(manifest, dict)
    assert manifest["signed"]


def test_drift_is_repaired() -> None:
    hosts.run("client1", f"echo > {BUNDLE}")
    assert run()["repaired"] == ["system bundle"]
    assert hosts.run("client1", "curl --noproxy '*' -sS https://web1.corp.example/", check=False).returncode == 0


def test_a_second_run_changes_nothing() -> None:
    hosts.run("client1", "systemctl start trustanchor-trust-agent.timer")
    assert pull().changed == 0
