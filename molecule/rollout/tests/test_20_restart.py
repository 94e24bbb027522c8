# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services with old roots: told by the report, restarted by class and by nobody else."""

from __future__ import annotations

import pytest
import rollouts
from ansible_collections.trustanchor.private_ca.tests.lab import hosts
from ansible_collections.trustanchor.private_ca.tests.lab.play import Play, play

PLAYBOOK = "playbooks/restart_stale_services.yml"
WEB = ("web1", "web2")


@pytest.fixture(scope="module", autouse=True)
def stale() -> None:
    """The web servers of both hosts began before their stores changed."""
    for host in WEB:
        rollouts.spoil(host)
    assert rollouts.roll_out().rc == 0


def restart(check: bool = False, **variables: str) -> Play:
    given = {"restart_stale_classes": {"web": ["nginx.service"], "mail": ["postfix.service"]}, **variables}
    return play(PLAYBOOK, limit="web1:web2", variables=given, check=check)


def nginx(host: str) -> str:
    return hosts.output(host, "systemctl show --property=MainPID --value nginx.service")


def test_the_report_names_them():
    for host in WEB:
        processes = rollouts.report()["hosts"][host]["effective"]["processes"]
        assert nginx(host) in {str(one["pid"]) for one in processes if one["unit"] == "nginx.service"}
    assert "nginx.service" in rollouts.path("md").read_text()


def test_without_a_class_nothing_is_restarted():
    before = {host: nginx(host) for host in WEB}
    done = restart()
    assert (done.rc, done.changed) == (0, 0), done.output
    assert "of other classes: nginx.service" in done.output
    assert before == {host: nginx(host) for host in WEB}


def test_another_class_is_left_alone():
    before = {host: nginx(host) for host in WEB}
    done = restart(restart_stale_class="mail")
    assert (done.rc, done.changed) == (0, 0), done.output
    assert before == {host: nginx(host) for host in WEB}


def test_an_unknown_class_is_refused():
    done = restart(restart_stale_class="wbe")
    assert done.rc == 2
    assert "restart_stale_classes has no class 'wbe'; it has: web, mail" in done.failure("web1")


def test_check_mode_restarts_nothing():
    before = {host: nginx(host) for host in WEB}
    done = restart(check=True, restart_stale_class="web")
    assert (done.rc, done.changed) == (0, 2), done.output
    assert before == {host: nginx(host) for host in WEB}


def test_the_class_is_restarted_and_is_not_stale_any_more():
    before = {host: nginx(host) for host in WEB}
    done = restart(restart_stale_class="web")
    assert (done.rc, done.changed) == (0, 2), done.output
    assert all(before[host] != nginx(host) for host in WEB)
    for host in WEB:
        left = done.result("Look again", host)["effective"]["processes"]
        assert "nginx.service" not in {one["unit"] for one in left}
    again = restart(restart_stale_class="web")
    assert (again.rc, again.changed) == (0, 0), again.output
