# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollouts that end as they should, and those that must stop."""

from __future__ import annotations

import subprocess

import pytest
import rollouts
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.rollout import journal, lock
from ansible_collections.trustanchor.private_ca.tests.lab.play import kill_when
from rollouts import asked, is_right, outcomes, report, roll_out, spoil, unable

ALL = {"ca1", "web1", "web2", "client1"}
WAIVER = "- {host: web1, owner: Ada Lovelace, reason: disk full, expires: 2026-12-31}\n"


def text(suffix: str) -> str:
    return rollouts.path(suffix).read_text()


def test_the_first_rollout_left_its_evidence():
    found = report()
    assert found["complete"]
    assert outcomes() == dict.fromkeys(ALL, "converged")
    assert {store["name"] for store in found["hosts"]["client1"]["stores"]} >= {"system bundle", "java"}
    assert "# Rollout of trust manifest" in text("md")
    assert "<h1>Rollout of trust manifest" in text("html")


def test_hosts_that_have_converged_are_not_asked_again():
    done = roll_out(max_age="12h")
    assert (done.rc, done.changed, asked(done)) == (0, 0, set())


def test_check_mode_measures_and_writes_nothing():
    spoil("web2")
    before = {path.name: path.stat().st_mtime_ns for path in (rollouts.RECORD / "rollouts").iterdir()}
    done = roll_out(check=True)
    assert done.rc == 0, done.output
    assert "  web2: would be changed: system bundle" in done.output
    assert before == {path.name: path.stat().st_mtime_ns for path in (rollouts.RECORD / "rollouts").iterdir()}
    assert not is_right("web2")


def test_drift_is_repaired_and_named():
    done = roll_out()
    assert done.rc == 0, done.output
    assert {host for host, counts in done.hosts.items() if counts["changed"]} == {"web2", "localhost"}
    assert is_right("web2")
    assert report()["hosts"]["web2"]["drift"] == ["system bundle"]
    assert "  web2: was wrong and is repaired: system bundle" in done.output
    assert roll_out().rc == 0
    assert report()["hosts"]["web2"]["drift"] == []


def test_a_canary_that_fails_stops_the_rest():
    spoil("web2")
    with unable("client1"):
        done = roll_out(canaries="client1")
    assert done.rc == 2
    assert asked(done) == {"client1"}
    assert not is_right("web2")
    assert "1 of 1 hosts of this wave failed, the rollout stops here" in done.output
    found = report()
    assert (found["complete"], found["hosts"]["client1"]["outcome"]) == (False, "failed")
    assert "NOT COMPLETE" in text("md")
    assert "NOT COMPLETE" in text("html")
    assert done.failure("localhost").startswith("The rollout is not complete: client1")
    assert roll_out().rc == 0
    assert is_right("web2")
    assert is_right("client1")


@pytest.mark.parametrize(("share", "goes_on"), [(33, False), (34, True)])
def test_the_share_of_failures_of_a_wave(share, goes_on):
    with unable("web1"):
        done = roll_out(waves=[3, "100%"], canaries="", max_fail_percentage=share)
    first = {"ca1", "web1", "web2"}
    assert asked(done) == (ALL if goes_on else first)
    assert done.rc == 2
    assert {host for host, outcome in outcomes().items() if outcome == "failed"} == {"web1"}


def test_a_host_with_a_waiver_is_tried_last_and_stops_nobody(tmp_path):
    (tmp_path / "waivers.yml").write_text(WAIVER)
    with unable("web1"):
        done = roll_out(waivers=str(tmp_path / "waivers.yml"), canaries="ca1", max_fail_percentage=0)
    assert done.rc == 0, done.output
    assert asked(done) == ALL
    found = report()
    assert (found["complete"], found["hosts"]["web1"]["outcome"]) == (True, "failed")
    assert [(one["host"], one["owner"], one["needed"]) for one in found["waived"]] == [("web1", "Ada Lovelace", True)]
    assert roll_out().rc == 0


def test_a_waiver_that_expired_names_its_owner_before_anything_is_done(tmp_path):
    (tmp_path / "waivers.yml").write_text(WAIVER.replace("2026-12-31", "2026-01-31"))
    done = roll_out(waivers=str(tmp_path / "waivers.yml"))
    assert (done.rc, asked(done)) == (2, set())
    assert "1 waiver expired: web1 of Ada Lovelace, until 2026-01-31: disk full" in done.failure("localhost")


def test_a_host_that_cannot_be_reached_is_in_the_report():
    done = roll_out(lost=True, limit=f"{rollouts.LAB}:gone1", hosts="web2:client1:lost", waves=["100%"])
    assert done.rc == 2
    assert outcomes() == {**dict.fromkeys(ALL, "converged"), "gone1": "unreachable"}
    assert "gone1: unreachable: " in done.output
    again = roll_out(lost=True, limit=f"{rollouts.LAB}:gone1", hosts="web2:client1:lost", max_age="12h")
    assert asked(again) == set()
    assert "fatal: [gone1]: UNREACHABLE!" in again.output


def test_a_limit_without_localhost_is_refused():
    done = roll_out(limit="web1")
    assert done.rc != 0
    assert "--limit must include localhost" in done.output
    assert done.changed == 0


def test_some_hosts_alone():
    done = roll_out(only="web2")
    assert asked(done) == {"web2"}
    assert set(outcomes()) == ALL


def test_some_hosts_are_no_estate():
    rollouts.raise_sequence()
    done = roll_out(hosts="web2")
    assert (done.rc, asked(done)) == (2, {"web2"})
    assert outcomes() == {**dict.fromkeys(ALL, "not reached"), "web2": "converged"}
    assert roll_out().rc == 0


@pytest.mark.parametrize("service", ["web1.corp.example:443", "web1.corp.example:444"])
def test_real_handshakes_decide_with(service):
    listens = service.endswith(":443")
    done = roll_out(hosts="web2:client1", probe_targets=[service], probe_clients=["curl", "python"])
    assert done.rc == (0 if listens else 2), done.output
    assert asked(done) == ({"web2", "client1"} if listens else {"web2"})
    host = report()["hosts"]["web2"]
    assert [one["target"] for one in host["handshakes"]] == [service]
    assert host["outcome"] == ("converged" if listens else "failed")


def test_a_killed_run_is_finished_by_the_next_one():
    rollouts.raise_sequence()
    path = str(rollouts.path("jsonl"))
    variables = {"rollout_trust_waves": [1]}
    kill_when(lambda: len(journal.of(path).read()) >= 2, rollouts.PLAYBOOK, limit=rollouts.LAB, variables=variables)
    heard = {line.host for line in journal.of(path).read()}
    assert heard < ALL
    assert not rollouts.path("json").exists()
    done = roll_out(max_age="12h")
    assert done.rc == 0, done.output
    assert asked(done) == ALL - heard
    assert outcomes() == dict.fromkeys(ALL, "converged")


def test_two_at_a_time_are_refused():
    other = subprocess.Popen(["sleep", "600"])
    try:
        lock.claim(str(rollouts.RECORD / "rollouts/.lock"), other.pid)
        done = roll_out()
        assert (done.rc, asked(done)) == (2, set())
        assert f"another rollout of this record is at work: process {other.pid}" in done.failure("localhost")
    finally:
        other.kill()
        other.wait()
    assert roll_out(only="web2").rc == 0
