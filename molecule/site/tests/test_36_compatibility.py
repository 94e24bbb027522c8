# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clients of this release read what the profiles make as docs/compatibility.md says."""

from __future__ import annotations

import contextlib

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.proof.clients import registry
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import certificates
from ansible_collections.trustanchor.private_ca.tests.lab import clients, hosts, servers
from factories import pki, proof_shapes

HOST, FIRST_PORT, ROOTS = "client1", 9001, "/root/throw-away.pem"


@pytest.fixture(scope="module")
def answers():
    """What each client says about each server, with the root of a throw-away hierarchy alone.

    Servers and clients are on one host, since certificates for an address are for the loopback's.
    """
    targets = {}
    names = sorted({host for _leaf, host in proof_shapes.ALL.values() if host != "127.0.0.1"})
    with contextlib.ExitStack() as stack, clients.installed(HOST) as known:
        hosts.run(HOST, f"cat > {ROOTS}", certificates.to_pem(proof_shapes.ROOT).decode())
        stack.callback(hosts.run, HOST, f"rm -f {ROOTS}; sed -i '/ throw-away /d' /etc/hosts")
        hosts.run(HOST, "cat >> /etc/hosts", "".join(f"127.0.0.1 throw-away {name}\n" for name in names))
        for port, (what, (leaf, host)) in enumerate(proof_shapes.ALL.items(), FIRST_PORT):
            stack.enter_context(servers.serve(HOST, port, leaf.chain, pki.key_pem(leaf.key)))
            targets[what] = f"{host}:{port}"
        said = clients.ask(HOST, list(targets.values()), known, ROOTS)
    return {what: said[target] for what, target in targets.items()}


def accepting(answers, what):
    assert {client.split()[0] for client in answers[what]} == set(registry.CLIENTS)
    return {client.split()[0] for client, one in answers[what].items() if one == "ok"}


@pytest.mark.parametrize("what", proof_shapes.GOOD)
def test_what_is_right_is_accepted_by_every_client(answers, what):
    assert accepting(answers, what) == set(registry.CLIENTS), answers[what]


@pytest.mark.parametrize("what", proof_shapes.BAD)
def test_what_is_wrong_is_refused_by_every_client(answers, what):
    assert accepting(answers, what) == set(), answers[what]


def test_below_an_intermediate_without_name_constraints_java_takes_a_foreign_name(answers):
    """So it is the intermediate's own that stop Java."""
    assert accepting(answers, proof_shapes.FORMER) == {"java"}
