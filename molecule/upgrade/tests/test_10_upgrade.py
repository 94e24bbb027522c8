# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An estate of the earlier collection is taken over by this one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.tests.lab import former, hosts
from ansible_collections.trustanchor.private_ca.tests.lab.play import STATE, Play, converge, play

FORMER = "f6f906b2e3de16bd1ca8f280d2f772c46e8b2b80"
EARLIER = (
    *("playbooks/request_intermediate.yml", "playbooks/plan_ceremony.yml", "playbooks/ceremony.yml"),
    *("tests/lab/services.yml", "playbooks/site.yml", "playbooks/rollout_trust.yml"),
)
LIMIT = "localhost:ca1:web1:web2:client1:ceremony1"
INVENTORY = Path(__file__).parents[1] / "inventory"
AGENT = "trustanchor-trust-agent.service"
# What a service, the CA and the agent stand on: none of it may be made again.
KEPT = {
    "ca1": "sha256sum /etc/step-ca/secrets/intermediate_ca_key /etc/step-ca/secrets/password.cred"
    " && systemctl show step-ca.service --property=MainPID",
    "web1": "readlink /etc/service-certificates/web/current && ls /etc/service-certificates/web/generations"
    " && sha256sum /etc/service-certificates/web/current/*.pem",
    "client1": "sha256sum /etc/ssl/certs/ca-certificates.crt /srv/kafka.jks /srv/roots.pem",
}
# Files whose content is new: programs and a unit of the hosts' own timers, settings, which have a version now, and what
# makes certificates that all clients read alike. The changelog names each reason.
NEW = {
    str(STATE / "pki/configurations/ca1.json"),
    "/etc/step-ca/config/ca.json",
    "/etc/step-ca/templates/leaf.tpl",
    "/etc/service-certificates/web/settings.json",
    "/etc/systemd/system/trustanchor-publication-watch.service",
    "/etc/trustanchor/publication.json",
    "/etc/trustanchor/trust-agent.json",
    "/usr/local/lib/trustanchor/renew-certificate",
    "/usr/local/lib/trustanchor/trust-agent",
    "/usr/local/lib/trustanchor/watch-publication",
}


def site(check: bool = False) -> Play:
    run = play if check else converge
    return run(limit=LIMIT, arguments=("-i", str(INVENTORY)), **({"check": True} if check else {}))


def kept() -> dict[str, str]:
    return {host: hosts.output(host, command) for host, command in KEPT.items()}


def corrected(done: Play) -> dict[str, Any]:
    """Path to what was wrong with it, for all files that any module says it corrected."""
    found: dict[str, Any] = {}
    for items in done.results.values():
        for result in items:
            found.update(result.get("corrected") or {})
    return found


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    checkout = former.extract(FORMER, tmp_path_factory.mktemp("former"))
    former.converge(checkout, EARLIER, [INVENTORY], LIMIT)
    hosts.run("client1", f"systemctl start {AGENT}")
    converge("tests/lab/anchors.yml", limit=LIMIT)  # what an operator adds to the inventory with this version
    return kept()


@pytest.mark.usefixtures("before")
def test_the_earlier_record_is_read() -> None:
    converge("playbooks/verify_ceremony.yml", limit=LIMIT)
    again = converge("playbooks/rollout_trust.yml", limit=LIMIT, arguments=("-i", str(INVENTORY)))
    # The earlier report did not say which content was rolled out: the hosts are measured again, and there is a new one.
    assert {host for host, counts in again.hosts.items() if counts["changed"]} == {"localhost"}, again.output
    assert "complete" in again.output


@pytest.mark.usefixtures("before")
def test_check_announces_new_programs_and_nothing_else() -> None:
    announced = site(check=True)
    assert announced.rc == 0, announced.output
    assert {path: what for path, what in corrected(announced).items() if path not in NEW} == {}
    assert all(what == ["content"] for what in corrected(announced).values())


def test_the_estate_is_converged_and_nothing_is_made_again(before: dict[str, str]) -> None:
    done = site()
    assert {path: what for path, what in corrected(done).items() if path not in NEW} == {}
    assert kept() == before
    reasons = [result.get("reason") for items in done.results.values() for result in items if "reason" in result]
    assert not any(reasons), reasons


def test_a_second_run_changes_nothing(before: dict[str, str]) -> None:
    again = site()
    assert again.changed == 0, again.output
    assert kept() == before


def test_the_new_programs_work_on_what_the_earlier_ones_left(before: dict[str, str]) -> None:
    hosts.run("client1", f"systemctl start {AGENT}")
    hosts.run("web1", "systemctl start service-certificate-web.service")
    hosts.run("web2", "systemctl start trustanchor-publication-watch.service")
    assert kept() == before
