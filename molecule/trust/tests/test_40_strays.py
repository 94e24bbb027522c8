# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of a removed root in many places, until no client finds one any more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.trustanchor.private_ca.tests.lab import clients, estate, hosts, servers
from ansible_collections.trustanchor.private_ca.tests.lab.play import play
from scene import INVENTORY, LAB, roll_out

PORT, CLIENT = 8443, "client1"
DATABASE = "/home/ada/.pki/nssdb"
CERTIFI = "/opt/app/lib/python3.13/site-packages/certifi/cacert.pem"
COPY = "/root/r2.pem"  # no program looks there
JDK = "$(dirname $(dirname $(readlink -f /usr/bin/java)))/lib/security"
IMPORT = f"keytool -importcert -noprompt -alias kept-just-in-case -file {COPY} -storepass changeit"
# Where somebody keeps a root that is to be gone, and how it gets there.
STRAYS = {
    "any file in the system's directory": f"cp {COPY} /etc/ssl/certs/of-somebody.pem",
    "the bundle": f"cat {COPY} >> /etc/ssl/certs/ca-certificates.crt",
    "the file of Node.js": f"cat {COPY} >> /etc/trustanchor/roots.pem",
    "an alias in Java's store": f"{IMPORT} -keystore /etc/ssl/certs/java/cacerts",
    "a store that hides Java's": f"{IMPORT} -keystore {JDK}/jssecacerts -storetype JKS",
    "a directory that a variable names": "mkdir -p /opt/roots && echo SSL_CERT_DIR=/opt/roots:/etc/ssl/certs"
    f" >> /etc/environment && cp {COPY} /opt/roots/$(openssl x509 -noout -subject_hash -in {COPY}).0",
    "a user's database": f"cp {COPY} /tmp/r2.pem && runuser -u ada -- certutil -A -n mine -t C,, -a -i /tmp/r2.pem"
    f" -d sql:{DATABASE}; rm /tmp/r2.pem",
    "a program's own bundle": f"cp {CERTIFI} /root/certifi.pem && cat {COPY} >> {CERTIFI}",
}


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    """A service with a certificate below the removed root."""
    root = estate.root("pki", "r2")
    hosts.run(CLIENT, f"systemctl stop trustanchor-trust-agent.timer; cat > {COPY}", root)
    ca = estate.client("ca2", "https://ca2.corp.example", root)
    with servers.serve("web2", PORT, *servers.issue(ca, ["web2.corp.example"])) as served:
        yield served
    hosts.run(CLIENT, f"sed -i /SSL_CERT_DIR/d /etc/environment; rm -rf {COPY} /opt/roots")
    hosts.run(CLIENT, "systemctl start trustanchor-trust-agent.timer")


def accepting(target: str) -> set[str]:
    """The clients that accept it by what they find on the host."""
    with clients.installed(CLIENT) as known:
        said = clients.ask(CLIENT, [target], known, nss_databases=[DATABASE])[target]
    assert {client.split()[0] for client in said} == set(known), said
    return {client.split()[0] for client, one in said.items() if one == "ok"}


def test_no_client_accepts_what_is_below_the_removed_root(target: str) -> None:
    assert accepting(target) == set()


def test_with_copies_everywhere_all_do(target: str) -> None:
    for command in STRAYS.values():
        hosts.run(CLIENT, command)
    with clients.installed(CLIENT) as known:
        assert accepting(target) == set(known)


def test_what_is_ours_goes_and_the_rest_is_named(target: str) -> None:
    done = play("playbooks/rollout_trust.yml", limit=LAB, arguments=INVENTORY)
    told = " ".join(done.output.split())
    assert done.rc != 0, done.output
    assert f"bundle {CERTIFI}" in told
    assert "it is the program's own, so take it out by hand" in told
    assert accepting(target) == set()
    gone = f"! test -e /etc/ssl/certs/of-somebody.pem && ! ls /opt/roots/*.0 && grep -c BEGIN {CERTIFI}"
    assert int(hosts.output(CLIENT, gone)) > 100  # nothing of the program's own was taken away


def test_the_rollout_is_complete_when_that_is_done() -> None:
    hosts.run(CLIENT, f"mv /root/certifi.pem {CERTIFI}")
    assert roll_out()["complete"]
    assert roll_out()["hosts"][CLIENT]["drift"] == []
