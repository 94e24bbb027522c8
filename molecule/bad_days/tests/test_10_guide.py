# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each test goes on where the one before it ended: a bad year, by the guide."""

from __future__ import annotations

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.model import parse_manifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.certificates import (
    load_certificate,
    spki_sha256,
)
from ansible_collections.trustanchor.private_ca.tests.lab import hosts
from scene import HOSTS, RECORD, anchor, declare_roots, follow, issuers, move_in, run, trusted_by

SITE = ["ansible-playbook", "trustanchor.private_ca.site"]


@pytest.fixture(scope="module", autouse=True)
def operator():
    move_in()


def states() -> dict[str, str]:
    manifest = parse_manifest((RECORD / "trust.yml").read_bytes(), "trust.yml")
    return {root.name: root.state for root in manifest.roots}


def test_the_estate_is_whole():
    assert trusted_by("r1") == trusted_by("s1") == list(HOSTS)
    assert "Root CA R1" in issuers()


def test_a_signer_is_stolen():
    follow("bad-days.md", "When a manifest signer is stolen")
    stolen = spki_sha256(load_certificate((RECORD / "signers/manifest1.crt").read_bytes(), "manifest1").public_key())
    for host in HOSTS:
        assert stolen in hosts.output(host, "cat /var/lib/trustanchor/trust.json")
    hosts.run("client1", "systemctl start trustanchor-trust-agent.service")  # what the other signer signed is accepted


def test_a_root_is_stolen():
    follow("bad-days.md", "When a root is stolen")
    anchor("s1")
    assert states() == {"r1": "distrusted", "s1": "trusted"}
    assert trusted_by("r1") == []
    assert trusted_by("s1") == list(HOSTS)
    assert hosts.run("client1", "curl -sS https://web1.corp.example/", check=False).returncode == 60


def test_a_host_that_pulls_takes_the_manifest_of_the_standbys_signer():
    hosts.run("client1", "systemctl start trustanchor-trust-agent.service")
    assert trusted_by("r1") == []


def test_trust_stores_do_not_wait_for_the_ca():
    """Somebody put the root back; the CA cannot be converged, since its root is distrusted."""
    path = "/usr/local/share/ca-certificates/put-back.crt"
    for host in HOSTS:
        hosts.run(host, f"cat > {path} && update-ca-certificates", stdin=(RECORD / "roots/r1.crt").read_text())
    assert trusted_by("r1") == list(HOSTS)
    done = run(SITE)
    assert done.rc != 0
    assert "root 'r1' is distrusted" in done.failure("ca1")
    assert trusted_by("r1") == []
    assert {host: done.hosts[host]["failed"] for host in HOSTS} == {"ca1": 1, "web1": 0, "client1": 0}
    assert ("Publish the record, and watch it", "web1") in done.results


def test_the_standby_takes_over():
    declare_roots(without="r1")
    follow("bad-days.md", "When the primary token is lost")
    assert "Root CA S1" in issuers()
    again = run(SITE)
    assert (again.rc, again.changed) == (0, 0), again.output


def test_another_standby():
    token = {"name": "s2", "standby": True, "subject": "CN=Corp Example Root CA S2,O=Corp Example", "token": "spare"}
    declare_roots(without="none", instead={**token, "attested": False})
    follow("bad-days.md", "When the standby token is lost")
    assert states() == {"r1": "distrusted", "s1": "trusted", "s2": "trusted"}
    assert trusted_by("s2") == list(HOSTS)
