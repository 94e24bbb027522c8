# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores that cannot be converged, and those of users: none of them keeps the host's own from being right."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import convergence, report, state
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import debian
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import StoreFinding, Wanted
from factories.trust_host import ONE, THREE, TWO, Host, make_host, run


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return make_host(tmp_path, monkeypatch)


class Broken:
    """A store that cannot be measured, or not be written."""

    path = "/broken"
    user: int | None = None

    def __init__(self, name: str, declared: bool, *, readable: bool = False) -> None:
        self.name, self.declared, self.readable = name, declared, readable

    def find(self, wanted: Wanted) -> list[StoreFinding]:
        if self.readable:
            return [StoreFinding(self.name, self.path, "wrong", tuple(sorted(wanted.sha256s)))]
        raise TrustAnchorError("it has another password", "", "Give the password")

    def writes(self, _wanted: Wanted) -> list[str]:
        return [self.path]

    def converge(self, _wanted: Wanted) -> list[str]:
        raise TrustAnchorError("read-only file system", "/broken", "Remount it")


@pytest.mark.parametrize(
    "broken", [Broken("kafka", True), Broken("kafka", True, readable=True)], ids=["unreadable", "unwritable"]
)
def test_a_store_that_fails_does_not_keep_the_others_from_being_right(host: Host, broken: Broken) -> None:
    host.others = [broken]
    host.give_java(old=TWO)
    with pytest.raises(TrustAnchorError, match=r"kafka: read-only file system \(/broken\)\. Remount it"):
        run(host, [ONE], {TWO.sha256})
    assert host.trusted() == host.java == {ONE.sha256}
    assert state.load().ever_installed == [ONE.sha256]
    with pytest.raises(TrustAnchorError, match="kafka"):
        run(host, [THREE])
    assert set(state.load().ever_installed) == {ONE.sha256, THREE.sha256}  # the broken one may still have it


def test_a_found_store_that_cannot_be_measured_is_unknown(host: Host) -> None:
    host.others = [Broken("nss /home/ada/.pki/nssdb", False)]
    run(host, [ONE])
    todo = host.plan([ONE])
    assert not todo.changed
    unknown = todo.listed[-1]
    assert (unknown.state, unknown.why) == ("unknown", "it has another password. Give the password.")


class Odd(Broken):
    """A store of a user who has put something odd there."""

    def find(self, _wanted: Wanted) -> list[StoreFinding]:
        raise NotADirectoryError(20, "Not a directory", "/home/ada/.step/certs")


@pytest.mark.parametrize("declared", [True, False])
def test_what_the_system_refuses_ends_no_run(host: Host, declared: bool) -> None:
    host.others = [Odd("step", declared)]
    host_state = state.load()
    outcome = convergence.converge([ONE], set(), host.declaration, host_state)
    assert host.trusted() == {ONE.sha256}
    assert outcome.after.listed[-1].state == "unknown"
    assert "/home/ada/.step/certs: Not a directory" in outcome.after.listed[-1].why
    assert (outcome.failure() is not None) == declared


class Full(Broken):
    """A store on a file system that is full."""

    def converge(self, _wanted: Wanted) -> list[str]:
        raise OSError(28, "No space left on device", "/broken")


def test_what_the_system_refuses_to_write_ends_no_run(host: Host) -> None:
    host.others = [Full("kafka", True, readable=True)]
    with pytest.raises(TrustAnchorError, match="kafka: /broken: No space left on device"):
        run(host, [ONE])
    assert host.trusted() == {ONE.sha256}


@pytest.mark.parametrize(("more", "end"), [(0, "store2: x"), (1, "store2: x; and 1 more")])
def test_so_many_failures_are_told(host: Host, monkeypatch: pytest.MonkeyPatch, more: int, end: str) -> None:
    monkeypatch.setattr(convergence, "_TOLD", 3)
    todo = host.plan([ONE])
    failures = {f"store{number}": TrustAnchorError("x", "", "Mend it") for number in range(3 + more)}
    failure = convergence.ConvergenceOutcome(todo, todo, failures).failure()
    assert failure is not None
    assert (failure.what.endswith(f"store0: x; store1: x; {end}"), failure.next_step) == (True, "Mend it")


class Sluggish(Broken):
    """A store that was found, and looks whether the host's own are right already."""

    def find(self, wanted: Wanted) -> list[StoreFinding]:
        self.seen = set(debian.trusted_by_bundle())
        return [StoreFinding(self.name, self.path, "wrong", tuple(sorted(wanted.sha256s)))]


def test_users_stores_come_after_the_hosts_own(host: Host) -> None:
    """And one that only lacks a root fails no host: a user could keep it from ever being complete."""
    found = Sluggish("nss", False)
    host.others = [found]
    outcome = convergence.converge([ONE], set(), host.declaration, state.load())
    assert found.seen == {ONE.sha256}
    assert outcome.failure() is None
    assert any(warning.startswith("nss: read-only file system") for warning in outcome.warnings)


class Locked(Broken):
    """A browser's database with a password that nobody told: it lacks the root, for ever."""

    def __init__(self, *, user: int | None = None, declared: bool = False, unwanted: tuple[str, ...] = ()) -> None:
        super().__init__("nss", declared)
        self.user, self.unwanted, self.tried = user, unwanted, 0

    def find(self, wanted: Wanted) -> list[StoreFinding]:
        return [StoreFinding(self.name, self.path, "wrong", tuple(sorted(wanted.sha256s)), self.unwanted)]

    def converge(self, _wanted: Wanted) -> list[str]:
        self.tried += 1
        raise TrustAnchorError("the database has a password")


def outcome_of(host: Host) -> tuple[convergence.ConvergenceOutcome, state.HostState]:
    host_state = state.load()
    return convergence.converge([ONE], {TWO.sha256}, host.declaration, host_state), host_state


@pytest.mark.parametrize("locked", [Locked(user=1000), Locked(), Locked(declared=True)], ids=["user", "found", "own"])
def test_what_is_tried_in_vain_changes_nothing_and_moves_no_clock(host: Host, locked: Locked) -> None:
    host.others = [locked]
    assert outcome_of(host)[0].changed  # the host's own stores
    before = state.load()
    outcome, _state = outcome_of(host)
    assert (outcome.changed, locked.tried) == (False, 2)
    assert (state.load().changed_at, state.load().users_changed_at) == (before.changed_at, {})
    assert [(one.name, one.state) for one in outcome.reported if one.state != "ok"] == [("nss", "wrong")]
    assert (outcome.failure() is not None) == locked.declared


def test_check_mode_announces_no_change_that_was_tried_in_vain(host: Host) -> None:
    """Until something about the store, or about what is wanted, is another."""
    locked = Locked(user=1000)
    host.others = [locked]
    outcome_of(host)

    def would(*roots: Root) -> bool:
        return convergence.converge(roots, {TWO.sha256}, host.declaration, state.load(), check=True).changed

    assert not would(ONE)
    locked.unwanted = (TWO.sha256,)
    assert would(ONE)
    locked.unwanted = ()
    assert would(ONE, THREE)
    run(host, [ONE, THREE])
    assert not would(ONE, THREE)


def test_no_store_of_a_user_fails_the_host(host: Host) -> None:
    """Not one that trusts a distrusted root in a file that cannot be written either: the report says it is wrong."""
    host.others = [Locked(user=1000, unwanted=(TWO.sha256,))]
    outcome, host_state = outcome_of(host)
    assert outcome.failure() is None
    found = report.pushed(outcome, host_state)
    assert [(one["name"], one["state"], one["unwanted"]) for one in found["stores"] if one["name"] == "nss"] == [
        ("nss", "wrong", [TWO.sha256])
    ]
    assert any(warning.startswith("nss: the database has a password") for warning in outcome.warnings)


class Repaired(Locked):
    """A user spoils a store before each run."""

    def find(self, wanted: Wanted) -> list[StoreFinding]:
        if self.tried % 2 == 0:
            return super().find(wanted)
        return [StoreFinding(self.name, self.path)]

    def converge(self, _wanted: Wanted) -> list[str]:
        self.tried += 1
        return []


def test_a_user_moves_no_clock_but_the_users_own(host: Host) -> None:
    """Else every process of the host would count as one with old roots, whenever the user likes."""
    run(host, [ONE])
    before = state.load().changed_at
    host.others = [Repaired(user=1000)]
    outcome, _state = outcome_of(host)
    assert (outcome.changed, outcome.repaired) == (True, ["nss"])
    assert state.load().changed_at == before
    assert state.load().users_changed_at["1000"] > before


def test_a_store_that_got_worse_is_reported_as_it_is(host: Host) -> None:
    class Worse(Locked):
        def find(self, wanted: Wanted) -> list[StoreFinding]:
            return [StoreFinding(self.name, self.path, "unknown", why="gone")] if self.tried else super().find(wanted)

    host.others = [Worse(user=1000)]
    outcome, _state = outcome_of(host)
    assert [(one.state, one.why) for one in outcome.reported if one.name == "nss"] == [("unknown", "gone")]


def test_a_run_that_is_killed_has_moved_the_clock(host: Host) -> None:
    class Killed(Locked):
        def converge(self, _wanted: Wanted) -> list[str]:
            raise KeyboardInterrupt

    host.others = [Killed(declared=True)]
    with pytest.raises(KeyboardInterrupt):
        outcome_of(host)
    assert state.load().changed_at > 0


def test_only_what_was_touched_is_looked_at_again(host: Host) -> None:
    """A user who keeps us waiting does so once in a run."""

    class Counting(Broken):
        looked = 0

        def find(self, _wanted: Wanted) -> list[StoreFinding]:
            self.looked += 1
            return [StoreFinding(self.name, self.path, "unknown", why="slow")]

    slow = Counting("nss of mallory", False)
    host.others = [slow, Repaired(user=1000)]
    run(host, [ONE])
    assert slow.looked == 1


def test_users_stores_have_a_limited_time(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convergence, "FOUND_SECONDS", 0.0)
    host.others = [Sluggish("nss", False)]
    assert "took more than" in host.plan([ONE]).listed[-1].why


@pytest.mark.parametrize(("seconds", "declared", "left"), [(119, False, True), (120, False, False), (9999, True, True)])
def test_the_time_of_found_stores_is_counted_and_of_declared_ones_not(
    host: Host, monkeypatch: pytest.MonkeyPatch, seconds: float, declared: bool, left: bool
) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    class Slow(Broken):
        def find(self, _wanted: Wanted) -> list[StoreFinding]:
            clock[0] += seconds
            return [StoreFinding(self.name, self.path, "unknown", why="slow")]

    host.others = [Slow("slow", declared), Broken("last", False, readable=True)]
    assert ("took more than" in host.plan([ONE]).listed[-1].why) is (not left)
