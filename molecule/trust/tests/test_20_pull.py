# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""R2, R2 and R3, R3: by the agents alone, while the publication host is killed and restored in between."""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.signed import read_unverified
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.signing import Signing
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.certificates import load_certificate
from ansible_collections.trustanchor.private_ca.tests.lab import estate, hosts, servers, streams
from ansible_collections.trustanchor.private_ca.tests.lab.play import CHECKOUT
from dev.settings import lab_name
from scene import (
    RECORD,
    TARGETS,
    accepted,
    await_receipts,
    ceremony,
    receipt,
    roll_out,
    run,
    sequence,
    serve,
    where,
)

NOW, HOUR = dt.datetime.now(dt.UTC).replace(microsecond=0), dt.timedelta(hours=1)
LONG_AGO = NOW - dt.timedelta(days=9)
PULLING = ("web1", "web2", "client1")
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def podman(action: str) -> None:
    subprocess.run([CHECKOUT / "dev", "lab", "podman", action, f"{lab_name()}-ca2"], check=True, capture_output=True)


def publish() -> None:
    run("playbooks/publish.yml", limit="ca2")


def pulled() -> None:
    """Wait until the agents have taken up the record's manifest."""
    now = sequence()
    await_receipts(PULLING, lambda one: bool(one["manifest"]["sequence"] == now), f"sequence {now} is not taken up")
    await_receipts(PULLING, lambda one: one["result"] == "unchanged", "the agent does not come to rest")


@pytest.fixture(scope="module", autouse=True)
def old_manifest() -> bytes:
    """What was published before the first test of this file."""
    return (RECORD / "trust.p7m").read_bytes()


@pytest.fixture(scope="module")
def old() -> Iterator[str]:
    """A service that keeps a certificate under R2."""
    root = estate.root("pki", "r2")
    chain, key = servers.issue(estate.client("ca2", "https://ca2.corp.example", root), ["web2.corp.example"])
    with servers.serve("web2", 8444, chain, key) as target:
        yield target


@pytest.fixture(scope="module", autouse=True)
def stream(old: str) -> Iterator[streams.Stream]:
    """From the first test to the last one of this file."""
    agents = "molecule/trust/agents.yml"
    assert run(agents, limit="web1,web2,client1", check=True).changed == run(agents, limit="web1,web2,client1").changed
    for client in streams.CLIENTS:
        assert streams.once("client1", old, client) == "ok"
    with streams.stream("client1", TARGETS) as running:
        running.await_rounds(2)
        yield running
    assert streams.failures(running.results) == []


def test_the_role_changes_nothing_twice() -> None:
    for check in (False, True):
        again = run("molecule/trust/agents.yml", limit="web1,web2,client1", check=check)
        assert again.changed == 0, again.output


def test_the_agent_is_confined_and_cheap() -> None:
    score = hosts.output("client1", "systemd-analyze security trustanchor-trust-agent.service | tail -n 1")
    assert float(score.split("level for ")[1].split(": ")[1].split()[0]) < 4


def test_while_the_publication_host_is_dead_drift_is_repaired(stream: streams.Stream) -> None:
    podman("kill")
    await_receipts(PULLING, lambda one: bool(one["refused"]), "the agent does not notice")
    await_receipts(PULLING, lambda one: one["result"] == "unchanged", "a dead publication host does harm")
    hosts.run("web1", f"cp {BUNDLE} /run/bundle && echo > {BUNDLE}")
    hosts.await_true(
        lambda: hosts.run("web1", f"cmp -s {BUNDLE} /run/bundle", check=False).returncode == 0, 60, "not repaired"
    )
    told = hosts.output("web1", "journalctl --unit trustanchor-trust-agent.service --output cat")
    assert "repaired: system bundle" in told
    stream.await_rounds(1)


def test_both_roots_once_it_is_back(stream: streams.Stream) -> None:
    podman("start")
    hosts.await_true(lambda: hosts.run("ca2", "true", check=False).returncode == 0, 60, "ca2 does not come back")
    ceremony(3)
    accepted(states={"r3": "trusted"})
    publish()
    pulled()
    both = where("r3")
    assert {host: both[host] for host in PULLING} == {host: where("r2")[host] for host in PULLING}
    assert both["client1"]
    assert not both["ca1"]  # it is pushed to, and was not
    stream.await_rounds(1)


def test_services_move_to_the_third_root(stream: streams.Stream) -> None:
    """The measured rollout finds nothing left to do on the hosts that pull."""
    report = roll_out()
    assert all(report["hosts"][host]["outcome"] == "converged" for host in PULLING)
    assert not set(report["changed"]) & set(PULLING)
    accepted(states={"r2": "retiring"})
    publish()
    pulled()
    hosts.run("ca1", "cd /etc/step-ca/secrets && rm intermediate_ca_key password.cred")  # another root, another key
    run("playbooks/request_intermediate.yml", limit="ca1")
    ceremony(3, trust_ca1_issuer="r3")
    run("molecule/trust/authority.yml", limit="ca1", step_ca_root_name="r3")
    serve(root="r3", ca="ca")
    stream.await_rounds(2)


def test_the_second_root_is_gone_everywhere(stream: streams.Stream, old: str) -> None:
    roll_out()
    accepted(states={"r2": "distrusted"}, overlap="1s", retired_intermediates=["ca2"])
    publish()
    pulled()
    present = where("r2")
    assert {host: present[host] for host in PULLING} == {host: [] for host in PULLING}
    assert where("r3")["client1"]
    stream.await_rounds(2)
    for client in streams.CLIENTS:
        streams.refused("client1", old, client)
        assert streams.once("client1", TARGETS[1], client) == "ok"


def test_nobody_noticed(stream: streams.Stream) -> None:
    results = stream.report()
    assert streams.failures(results) == []
    assert streams.fewest(results) > 20


def signed(**changes: Any) -> bytes:
    """The record's manifest with changes, signed by who may sign."""
    present = read_unverified((RECORD / "trust.p7m").read_bytes())
    signer = load_certificate((RECORD / "signers/manifest3.crt").read_bytes(), "the signer")
    signing = Signing(replace(present, **changes), signer, "a test")
    return signing.sign(estate.private_key("manifest"))


def offer(host: str, content: bytes) -> dict[str, Any]:
    """What an agent says of a manifest that somebody else serves."""
    subprocess.run([*hosts.SSH, host, "cat > /run/offered/trust.p7m"], input=content, check=True)
    unit = "trustanchor-trust-agent.service"
    hosts.run(
        host, f"systemctl reset-failed {unit}; systemctl start {unit}", check=False
    )  # more often than systemd likes
    return receipt(host)


@pytest.fixture
def attacked() -> Iterator[str]:
    """web2 fetches from a server that an attacker has taken over."""
    host = "web2"
    hosts.run(host, "systemctl stop trustanchor-trust-agent.timer; mkdir -p /run/offered")
    hosts.run(host, "cp /etc/trustanchor/trust-agent.json /run/")
    hosts.run(host, "sed -i 's#http://ca2.corp.example#http://127.0.0.1:8099#' /etc/trustanchor/trust-agent.json")
    hosts.run(host, "systemd-run -q --unit attacker --working-directory /run/offered python3 -m http.server 8099")
    listening = "ss -Hltn sport = :8099 | grep -q LISTEN"
    hosts.await_true(lambda: hosts.run(host, listening, check=False).returncode == 0, 30, "nobody listens")
    yield host
    hosts.run(host, "systemctl stop attacker; cp /run/trust-agent.json /etc/trustanchor/")
    hosts.run(host, "systemctl reset-failed trustanchor-trust-agent.service")
    hosts.run(host, "systemctl start trustanchor-trust-agent.timer trustanchor-trust-agent.service")


def test_attacks_fail_the_unit_and_change_nothing(attacked: str, old_manifest: bytes) -> None:
    good = (RECORD / "trust.p7m").read_bytes()
    before = hosts.output(attacked, f"sha256sum {BUNDLE}")
    assert offer(attacked, good)["result"] == "unchanged"
    for content, message in (
        (signed(sequence=sequence() - 1), "this host was told"),  # replayed
        (signed(not_after=LONG_AGO + HOUR, not_before=LONG_AGO), "expired at"),
        (signed(sequence=sequence() + 1, not_before=NOW + HOUR), "is from the future"),
        (signed(sequence=sequence() + 1, id="0" * 32), "belongs to the estate"),
        (old_manifest, "no valid signature"),  # by a signer below the root that is distrusted now
        (good[: len(good) // 2], "no valid signature"),
        (b"<html>", "no valid signature"),
    ):
        found = offer(attacked, content)
        assert found["result"] == "failed"
        assert message in found["error"]["what"]
        failed = hosts.output(attacked, "systemctl is-failed trustanchor-trust-agent.service || true")
        assert failed == "failed"
    assert hosts.output(attacked, f"sha256sum {BUNDLE}") == before
    assert offer(attacked, good)["result"] == "unchanged"
