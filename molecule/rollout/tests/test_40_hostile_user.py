# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hostile user on a host: all that is the host's converges in time, and what is that user's is said to be unknown."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import hostile_user
import pytest
import rollouts
from ansible_collections.trustanchor.private_ca.tests.lab import hosts
from ansible_collections.trustanchor.private_ca.tests.lab.play import play
from rollouts import is_right, report, roll_out, spoil

HOST = hostile_user.HOST
WAIVER = f"- {{host: {HOST}, owner: Ada Lovelace, reason: Mallory, expires: 2099-12-31}}\n"


@pytest.fixture(scope="module", autouse=True)
def users() -> Iterator[None]:
    hostile_user.settle()
    yield
    hostile_user.leave()


def bad() -> dict[str, str]:
    return {
        store["name"]: store["why"]
        for store in report()["hosts"][HOST]["stores"]
        if store["state"] in ("unknown", "wrong")
    }


def test_the_host_converges_and_the_rollout_lacks_only_that_users_stores():
    spoil(HOST)
    began = time.monotonic()
    done = roll_out(only=HOST, canaries="")
    assert time.monotonic() - began < 60
    assert done.hosts[HOST]["failed"] == 0, done.output
    assert is_right(HOST)
    found = report()
    assert (done.rc, found["missing"], found["hosts"][HOST]["outcome"]) == (2, [HOST], "unknown"), done.output
    assert bad()
    assert all(name.startswith(("nss /home/mallory", "nss of mallory")) for name in bad()), bad()
    assert [one["state"] for one in found["hosts"][HOST]["stores"] if "/home/ada/" in one["name"]] == ["repaired"]
    for text in (done.output, *(rollouts.path(form).read_text() for form in ("md", "html", "jsonl", "json"))):
        assert "\x1b[2J" not in text
        assert "\x07" not in text


def test_what_was_not_looked_at_is_said_with_the_reason():
    reasons = " ".join(bad().values())
    assert "databases are not looked at: 20 of one user are" in reasons
    assert "webapp is a system account, as which nothing is run" in reasons
    assert "prints more than" in reasons
    assert "did not end within" in reasons
    assert "key4.db is not a regular file" in reasons


def test_nothing_of_the_users_ran_as_anybody_else():
    ran = hostile_user.ran()
    assert ran == {"/home/mallory": {hostile_user.uid("mallory")}, "/home/ada": {hostile_user.uid("ada")}}


def test_the_next_run_changes_nothing_and_moves_no_clock(tmp_path):
    kept = json.loads(hosts.output(HOST, "cat /var/lib/trustanchor/trust.json"))
    (tmp_path / "waivers.yml").write_text(WAIVER)
    done = roll_out(only=HOST, canaries="", waivers=str(tmp_path / "waivers.yml"))
    assert (done.rc, done.hosts[HOST]["changed"]) == (0, 0), done.output  # complete: somebody answers for it
    now = json.loads(hosts.output(HOST, "cat /var/lib/trustanchor/trust.json"))
    assert (now["changed_at"], now["users_changed_at"]) == (kept["changed_at"], kept["users_changed_at"])


def test_a_host_that_takes_too_long_has_failed():
    variables = {"rollout_trust_only": HOST, "rollout_trust_max_age": "0"}
    done = play(rollouts.PLAYBOOK, limit=rollouts.LAB, variables={**variables, "trust_store_timeout": 1})
    assert done.rc == 2
    host = report()["hosts"][HOST]
    assert (host["outcome"], "ended before the host had answered" in host["reason"]) == ("failed", True), done.output
