# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong on the way: the play fails in plain words, and after the repair the next run finishes the job."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab import estate, hosts
from lab.play import converge, killed_at, play

SERVICE = "Run step-ca and have it sign a certificate"
SECRETS = "/etc/step-ca/secrets"
KEY, PASSWORD = f"{SECRETS}/intermediate_ca_key", f"{SECRETS}/password.cred"


@pytest.fixture(scope="module", autouse=True)
def original() -> Iterator[None]:
    """Begin and leave with the estate as it was declared."""
    converge(limit="ca1")
    yield
    converge(limit="ca1")
    assert converge(limit="ca1").changed == 0


def kill() -> None:
    hosts.run("ca1", "systemctl kill --signal KILL step-ca.service")


@pytest.mark.parametrize(
    ("path", "damage", "words"),
    [
        pytest.param(KEY, "rm {}", ["intermediate_ca_key is missing", "Restore the key"], id="key lost"),
        pytest.param(PASSWORD, "sed -i 2s/^...../AAAAA/ {}", ["systemd-creds decrypt"], id="password damaged"),
        pytest.param(PASSWORD, "rm {}", ["password.cred is missing", "Restore both"], id="password lost"),
    ],
)
def test_killed_and_unable_to_start(path: str, damage: str, words: list[str]) -> None:
    hosts.run("ca1", f"cp --preserve {KEY} {PASSWORD} /run/")
    hosts.run("ca1", damage.format(path))
    kill()
    try:
        done = play(limit="ca1")
        assert done.rc != 0, done.output
        for word in words:
            assert word in done.failure("ca1")
        kept = {KEY, PASSWORD} - {path}
        for name in kept:
            hosts.run("ca1", f"cmp {name} /run/{name.rpartition('/')[2]}")
    finally:
        hosts.run("ca1", f"mv /run/intermediate_ca_key /run/password.cred {SECRETS}/")
    assert converge(limit="ca1").result(SERVICE, "ca1")["verified"]["canary"]


def test_a_run_that_was_killed_before_the_reload_is_finished_by_the_next() -> None:
    variables = {"step_ca_dns_names": ["ca.corp.example", "killed.corp.example"]}
    killed_at(SERVICE, limit="ca1", variables=variables)
    assert "killed.corp.example" in hosts.output("ca1", "cat /etc/step-ca/config/ca.json")
    shown = "openssl s_client -connect localhost:443 </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName"
    assert "killed.corp.example" not in hosts.output("ca1", shown), "it was reloaded before it was killed"
    done = converge(limit="ca1", variables=variables)
    assert not done.result("Configure step-ca", "ca1")["changed"]
    assert done.result(SERVICE, "ca1")["action"] == "reload"
    assert "killed.corp.example" in hosts.output("ca1", shown)


def test_a_refused_reload_fails_and_the_old_configuration_serves() -> None:
    converge(limit="ca1")
    before = hosts.output("ca1", "systemctl show --property MainPID --value step-ca.service")
    # Each value is good, both together are not: only step-ca's own start finds that.
    claims = {"minTLSCertDuration": "5m", "defaultTLSCertDuration": "12h", "maxTLSCertDuration": "6h"}
    done = play(limit="ca1", variables={"step_ca_claims": claims})
    assert done.rc != 0
    assert "did not take over its configuration (reload)" in done.failure("ca1")
    assert "MaxCertDuration cannot be less than DefaultCertDuration" in done.failure("ca1")
    assert hosts.output("ca1", "systemctl show --property MainPID --value step-ca.service") == before
    leaf = estate.issue(estate.client(), ["still.corp.example"])[0]
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).total_seconds() > 23 * 3600
    repaired = converge(limit="ca1")
    assert repaired.result(SERVICE, "ca1")["action"] == "none"
