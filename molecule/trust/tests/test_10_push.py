# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""R1, R1 and R2, R2: pushed in rollouts, while curl, Python, Java, Node.js and Go connect all the time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.trustanchor.private_ca.tests.lab import estate, hosts, servers, streams
from scene import HOSTS, RECORD, TARGETS, accepted, ceremony, everywhere, refused, roll_out, run, sequence, serve, where

OLD = 8443
LEAF = "/etc/service-certificates/web/current/fullchain.pem"


@pytest.fixture(scope="module")
def old() -> Iterator[str]:
    """A service that keeps a certificate under R1."""
    chain, key = servers.issue(estate.client("ca1"), ["web2.corp.example"])
    with servers.serve("web2", OLD, chain, key) as target:
        yield target


@pytest.fixture(scope="module", autouse=True)
def stream(old: str) -> Iterator[streams.Stream]:
    """From the first test to the last one of this file, from a client that has every kind of store."""
    for client in streams.CLIENTS:
        assert streams.once("client1", old, client) == "ok"
    with streams.stream("client1", TARGETS) as running:
        running.await_rounds(2)
        yield running
    assert streams.failures(running.results) == []


def test_a_new_root_waits_until_somebody_says_so(stream: streams.Stream) -> None:
    assert where("r1") == everywhere()
    run("playbooks/request_intermediate.yml", limit="ca2")
    ceremony(2)
    assert roll_out()["manifest"]["sequence"] == 2
    assert not any(where("r2").values())
    stream.await_rounds(1)


def test_what_a_change_would_do_is_told_and_not_done() -> None:
    before = sequence()
    ahead = run("playbooks/change_trust.yml", check=True, trust_states={"r2": "trusted"})
    assert ahead.result("Change states", "ca1")["manifest"]["sequence"] == before + 1
    assert ahead.result("Sign it", "ca1")["reason"] == "there is no signed manifest"
    assert sequence() == before
    assert not (RECORD / "trust.p7m").exists()


def test_both_roots(stream: streams.Stream) -> None:
    accepted(states={"r2": "trusted"})
    report = roll_out()
    assert sorted(report["hosts"]) == sorted(HOSTS)
    assert where("r1") == where("r2") == everywhere()
    run("molecule/trust/authority.yml", "playbooks/publish.yml", limit="ca2")
    stream.await_rounds(1)


def test_the_old_root_retires_and_is_kept_while_something_leads_to_it() -> None:
    assert "r1" in refused(states={"r1": "distrusted"})
    accepted(states={"r1": "retiring"})
    assert "there is no report of a rollout of sequence 4" in refused(
        states={"r1": "distrusted"}, overlap="1s", retired_intermediates=["ca1"]
    )
    report = roll_out()
    assert report["hosts"]["web1"]["leaves"] == [{"name": "web", "root": estate.root_sha256()}]
    assert "root 'r1' still has 'ca1' below it" in refused(states={"r1": "distrusted"})
    assert "had been retiring for 0.0 hours" in refused(states={"r1": "distrusted"}, retired_intermediates=["ca1"])
    assert "still has live certificates below it, or nobody knows: web1: web, web2: web" in refused(
        states={"r1": "distrusted"}, overlap="1s", retired_intermediates=["ca1"]
    )
    assert where("r1") == everywhere()


def test_services_move_to_the_new_root(stream: streams.Stream) -> None:
    serve(root="r2", ca="ca2")
    for host in ("web1", "web2"):
        issuer = hosts.output(
            host, "openssl x509 -noout -issuer -in /etc/service-certificates/web/current/fullchain.pem"
        )
        assert "Corp Example Intermediate CA 2" in issuer
    stream.await_rounds(2)


def test_the_old_root_is_gone_everywhere(stream: streams.Stream, old: str) -> None:
    roll_out()
    accepted(states={"r1": "distrusted"}, overlap="1s", retired_intermediates=["ca1"])
    roll_out()
    assert not any(where("r1").values())
    assert where("r2") == everywhere()
    stream.await_rounds(2)
    for client in streams.CLIENTS:
        streams.refused("client1", old, client)
        assert streams.once("client1", TARGETS[0], client) == "ok"


def test_nobody_noticed(stream: streams.Stream) -> None:
    results = stream.report()
    assert streams.failures(results) == []
    assert streams.fewest(results) > 20


def test_a_second_run_changes_nothing() -> None:
    again = run("playbooks/rollout_trust.yml")
    assert {host: again.hosts[host]["changed"] for host in HOSTS} == dict.fromkeys(HOSTS, 0)
    ahead = run("playbooks/rollout_trust.yml", check=True)
    assert {host: ahead.hosts[host]["changed"] for host in HOSTS} == dict.fromkeys(HOSTS, 0)
