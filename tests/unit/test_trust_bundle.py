# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions of the trust bundle; the system store is real files, the tools that rebuild stores are replaced."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pki
import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust import bundle, state
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.declaration import Declaration
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.pem import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import debian, jks, managed
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import (
    Finding,
    Store,
    Wanted,
    entry_name,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.cache import Cache
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.java import PASSWORD, Keystore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MADE = [pki.root(f"Root {number}") for number in range(4)]
ROOTS = [Root(made.sha256, made.pem) for made in MADE]
ONE, TWO, THREE, FOUR = ROOTS


class Stores(Declaration):
    """The stores of a test's host."""

    host: Host

    def stores(self, cache: Cache) -> list[Store]:
        return [
            managed.private_roots(str(self.host.home / "private/roots.pem")),
            debian.SystemStore(),
            *([Keystore(str(self.host.java_path), "java", cache)] if self.host.java_path.exists() else []),
            *self.host.others,
        ]


class Host:
    """A host whose update-ca-certificates works on the test's directory."""

    def __init__(self, home: Path) -> None:
        self.home, self.source = home, home / "source"
        self.java_path = home / "cacerts"
        self.rebuilt = 0
        self.deaf = False  # update-ca-certificates ends with 0 and does nothing
        self.distribution: list[Root] = []
        self.others: list[Store] = []
        self.clear()

    def clear(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)
        self.source.mkdir(parents=True)
        (self.home / "certs").mkdir()
        self.rebuilt = 0

    def rebuild(self) -> list[str]:
        """What --fresh does: links and bundle from nothing but the source files."""
        self.rebuilt += 1
        if self.deaf:
            return []
        certs = self.home / "certs"
        shutil.rmtree(certs)
        certs.mkdir()
        pems = [path.read_text() for path in sorted(self.source.glob("*.crt"))] + [
            root.pem for root in self.distribution
        ]
        (certs / "ca-certificates.crt").write_text("".join(pems))
        for number, pem in enumerate(pems):
            (certs / f"{number:08x}.0").write_text(pem)
        return ["the hook other of update-ca-certificates failed"]

    def give_java(self, **entries: Root) -> None:
        """A Java store with these entries, by alias."""
        listed = [jks.Entry(alias.encode(), 0, root.der) for alias, root in entries.items()]
        self.java_path.write_bytes(jks.write(listed, PASSWORD))

    @property
    def java(self) -> set[str]:
        return {entry.sha256 for entry in jks.read(self.java_path.read_bytes(), "java", PASSWORD)}

    def trusted(self) -> set[str]:
        return debian.trusted_by_bundle()

    @property
    def declaration(self) -> Declaration:
        declared = Stores()
        object.__setattr__(declared, "host", self)
        return declared

    def plan(self, roots: Sequence[Root], absent: set[str] = frozenset()) -> bundle.Plan:  # type: ignore[assignment]
        return bundle.plan(roots, absent, self.declaration, state.load())


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    pki.as_current_user(monkeypatch)
    found = Host(tmp_path / "host")
    monkeypatch.setattr(debian, "SOURCE", str(found.source))
    monkeypatch.setattr(debian, "DIRECTORY", str(found.home / "certs"))
    monkeypatch.setattr(debian, "BUNDLE", str(found.home / "certs" / "ca-certificates.crt"))
    monkeypatch.setattr(debian, "CONFIGURATION", str(found.home / "ca-certificates.conf"))
    monkeypatch.setattr(debian, "DISTRIBUTION", str(found.home / "public"))
    monkeypatch.setattr(debian, "require", lambda: None)
    monkeypatch.setattr(debian, "rebuild", found.rebuild)
    monkeypatch.setattr(state, "PATH", str(found.home / "memory" / "trust.json"))
    yield found


def run(host: Host, roots: list[Root], absent: set[str] = frozenset()) -> bundle.Plan:  # type: ignore[assignment]
    """Plan and apply, as the module does."""
    known = state.load()
    todo = bundle.plan(roots, absent, host.declaration, known)
    outcome = bundle.apply(todo, known)
    if failure := outcome.failure():
        raise failure
    return todo


def wrong(todo: bundle.Plan) -> dict[str, tuple[list[str], list[str]]]:
    """Name of each wrong store to what is missing and unwanted in it."""
    return {one.name: (list(one.missing), list(one.unwanted)) for one in todo.listed if one.state != "ok"}


def test_a_virgin_host(host: Host) -> None:
    todo = host.plan([ONE, TWO])
    wanted = sorted([ONE.sha256, TWO.sha256])
    assert wrong(todo) == {
        "roots": (wanted, []),
        "system sources": ([], []),
        "system bundle": (wanted, []),
        "system directory": (wanted, []),
    }
    assert host.rebuilt == 0
    assert list(host.source.iterdir()) == []
    assert not (host.home / "memory").exists()


def test_two_runs(host: Host) -> None:
    host.give_java()
    assert run(host, [ONE, TWO]).changed
    assert not run(host, [ONE, TWO]).changed
    assert host.trusted() == host.java == {ONE.sha256, TWO.sha256}
    assert host.rebuilt == 1


def test_a_root_that_left_the_set_leaves_every_store(host: Host) -> None:
    host.give_java()
    run(host, [ONE, TWO])
    todo = run(host, [ONE])
    assert {name: unwanted for name, (_missing, unwanted) in wrong(todo).items()} == {
        "roots": [TWO.sha256],
        "system sources": [],
        "system bundle": [TWO.sha256],
        "system directory": [TWO.sha256],
        "java": [TWO.sha256],
    }
    assert host.trusted() == host.java == {ONE.sha256}
    assert not run(host, [ONE]).changed


def test_roots_of_others_stay(host: Host) -> None:
    (host.source / "company.crt").write_text(THREE.pem)
    host.give_java(distribution=FOUR)
    run(host, [ONE])
    assert host.trusted() == {ONE.sha256, THREE.sha256}
    assert host.java == {ONE.sha256, FOUR.sha256}
    assert not run(host, [ONE]).changed


def test_absent_removes_whoever_put_it_there(host: Host) -> None:
    (host.source / "company.crt").write_text(THREE.pem)
    host.rebuild()
    host.give_java(company=THREE)
    todo = run(host, [ONE], {THREE.sha256})
    assert f"{host.source}/company.crt: must not be there" in next(
        one.why for one in todo.listed if one.name == "system sources"
    )
    assert host.trusted() == host.java == {ONE.sha256}
    assert not run(host, [ONE], {THREE.sha256}).changed


def test_java_alone_is_wrong(host: Host) -> None:
    """Debian's hook is never told of removals under --fresh."""
    run(host, [ONE])
    host.give_java(left=TWO)
    todo = run(host, [ONE], {TWO.sha256})
    assert list(wrong(todo)) == ["java"]
    assert host.java == {ONE.sha256}
    assert host.rebuilt == 1


def test_both_trusted_and_absent(host: Host) -> None:
    with pytest.raises(TrustAnchorError, match=f"root {ONE.sha256} is declared both as trusted and as absent"):
        host.plan([ONE, TWO], {ONE.sha256})
    assert host.rebuilt == 0


def test_a_store_that_does_not_take_it_is_a_fault(host: Host) -> None:
    host.deaf = True
    with pytest.raises(TrustAnchorError, match="system: the system bundle store is still wrong.*missing"):
        run(host, [ONE])
    host.deaf = False
    assert run(host, [ONE]).changed
    assert host.trusted() == {ONE.sha256}


def test_a_killed_run_is_finished_by_the_next(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after the new file was written and the old one removed, before the stores were rebuilt."""
    host.give_java()
    run(host, [ONE])

    def killed() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(debian, "rebuild", killed)
    with pytest.raises(KeyboardInterrupt):
        run(host, [TWO])
    monkeypatch.setattr(debian, "rebuild", host.rebuild)
    assert run(host, [TWO]).changed
    assert host.trusted() == host.java == {TWO.sha256}


def test_a_root_that_a_killed_run_added_leaves_again(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is remembered before it is added, whatever its name is there."""
    host.give_java()

    def killed(_self: Keystore, _wanted: Wanted) -> list[str]:
        host.give_java(foreign=ONE)
        raise KeyboardInterrupt

    converge = Keystore.converge
    monkeypatch.setattr(Keystore, "converge", killed)
    with pytest.raises(KeyboardInterrupt):
        run(host, [ONE])
    monkeypatch.setattr(Keystore, "converge", converge)
    assert host.java == {ONE.sha256}
    run(host, [TWO])
    assert host.java == {TWO.sha256}


def test_a_root_that_came_back_stays(host: Host) -> None:
    run(host, [ONE, TWO])
    run(host, [ONE])
    run(host, [ONE, TWO])
    assert host.trusted() == {ONE.sha256, TWO.sha256}
    assert set(json.loads(Path(state.PATH).read_text())["known"]) == {ONE.sha256, TWO.sha256}


@pytest.mark.parametrize(
    "content", ["", "{", "null", "5", "[[]]", '{"a": 1}', '{"known": [1]}', '{"manifest": []}', '{"changed_at": "x"}']
)
def test_a_damaged_memory_is_no_memory(host: Host, content: str) -> None:
    run(host, [ONE])
    Path(state.PATH).write_text(content)
    assert state.load() == state.State()
    assert not run(host, [ONE]).changed
    assert state.load().known == [ONE.sha256]


@pytest.mark.parametrize(
    ("roots", "message"), [([], "no root is to be trusted"), ([ONE, TWO, ONE], "is declared twice")]
)
def test_bad_input_changes_nothing(host: Host, roots: list[Root], message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        run(host, roots)
    assert host.rebuilt == 0
    assert not (host.home / "memory").exists()


class Broken:
    """A store that cannot be measured, or not be written."""

    path = "/broken"

    def __init__(self, name: str, declared: bool, *, readable: bool = False) -> None:
        self.name, self.declared, self.readable = name, declared, readable

    def find(self, wanted: Wanted) -> list[Finding]:
        if self.readable:
            return [Finding(self.name, self.path, "wrong", tuple(sorted(wanted.sha256s)))]
        raise TrustAnchorError("it has another password", "", "Give the password")

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
    assert state.load().known == [ONE.sha256]
    with pytest.raises(TrustAnchorError, match="kafka"):
        run(host, [THREE])
    assert set(state.load().known) == {ONE.sha256, THREE.sha256}  # the broken one may still have it


def test_a_found_store_that_cannot_be_measured_is_unknown(host: Host) -> None:
    host.others = [Broken("nss /home/ada/.pki/nssdb", False)]
    run(host, [ONE])
    todo = host.plan([ONE])
    assert not todo.changed
    unknown = todo.listed[-1]
    assert (unknown.state, unknown.why) == ("unknown", "it has another password. Give the password.")


class Odd(Broken):
    """A store of a user who has put something odd there."""

    def find(self, _wanted: Wanted) -> list[Finding]:
        raise NotADirectoryError(20, "Not a directory", "/home/ada/.step/certs")


@pytest.mark.parametrize("declared", [True, False])
def test_what_the_system_refuses_ends_no_run(host: Host, declared: bool) -> None:
    host.others = [Odd("step", declared)]
    known = state.load()
    outcome = bundle.converge([ONE], set(), host.declaration, known)
    assert host.trusted() == {ONE.sha256}
    assert outcome.after.listed[-1].state == "unknown"
    assert "/home/ada/.step/certs: Not a directory" in outcome.after.listed[-1].why
    assert (outcome.failure() is not None) == declared


class Sluggish(Broken):
    """A store that was found, and looks whether the host's own are right already."""

    def find(self, wanted: Wanted) -> list[Finding]:
        self.seen = debian.trusted_by_bundle()
        return [Finding(self.name, self.path, "wrong", tuple(sorted(wanted.sha256s)))]


def test_users_stores_come_after_the_hosts_own(host: Host) -> None:
    """And one that only lacks a root fails no host: a user could keep it from ever being complete."""
    found = Sluggish("nss", False)
    host.others = [found]
    outcome = bundle.converge([ONE], set(), host.declaration, state.load())
    assert found.seen == {ONE.sha256}
    assert outcome.failure() is None
    assert any(warning.startswith("nss: read-only file system") for warning in outcome.warnings)


def test_users_stores_have_a_limited_time(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "FOUND_SECONDS", 0.0)
    host.others = [Sluggish("nss", False)]
    assert "took more than" in host.plan([ONE]).listed[-1].why


def test_a_root_of_the_distribution_is_not_taken_away(host: Host) -> None:
    """It was declared once, and is no more; the distribution brings it all the same."""
    (host.home / "public").mkdir()
    (host.home / "public/three.crt").write_text(THREE.pem)
    (host.home / "ca-certificates.conf").write_text("three.crt\n")
    host.distribution = [THREE]
    host.give_java(debian=THREE)
    run(host, [ONE, THREE])
    run(host, [ONE])
    assert host.trusted() == host.java == {ONE.sha256, THREE.sha256}
    assert run(host, [ONE], {FOUR.sha256}).wanted.gone == {FOUR.sha256}


def test_what_the_distribution_lost_is_seen(host: Host) -> None:
    """A package's upgrade may be killed, or race with us."""
    run(host, [ONE])
    (host.home / "public").mkdir()
    (host.home / "public/three.crt").write_text(THREE.pem)
    (host.home / "ca-certificates.conf").write_text("three.crt\n")
    assert "1 of the distribution are lost" in [one.why for one in host.plan([ONE]).listed]


def test_a_file_of_others_keeps_its_other_certificates(host: Host) -> None:
    (host.source / "corp.crt").write_text("# corp\n" + TWO.pem + THREE.pem + FOUR.pem)
    run(host, [ONE], {THREE.sha256})
    assert (host.source / "corp.crt").read_text() == TWO.pem + FOUR.pem
    assert not run(host, [ONE], {THREE.sha256}).changed


def test_what_hooks_of_others_could_not_do_is_a_warning(host: Host) -> None:
    known = state.load()
    outcome = bundle.apply(host.plan([ONE]), known)
    assert outcome.warnings == ["the hook other of update-ca-certificates failed"]
    assert outcome.repaired == ["roots", "system sources", "system bundle", "system directory"]


def test_when_trust_changed_is_kept(host: Host) -> None:
    assert state.load().changed_at == 0
    run(host, [ONE])
    first = state.load().changed_at
    assert first > 0
    run(host, [ONE])
    (host.source / f"{entry_name(ONE.sha256)}.crt").chmod(0o600)
    run(host, [ONE])
    assert state.load().changed_at == first
    run(host, [ONE, TWO])
    assert state.load().changed_at > first


subsets = st.sets(st.integers(0, 3))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(history=st.lists(st.tuples(subsets, subsets), min_size=1, max_size=4), with_java=st.booleans())
def test_any_history_ends_with_the_declared_set(
    host: Host, history: list[tuple[set[int], set[int]]], with_java: bool
) -> None:
    host.clear()
    if with_java:
        host.give_java()
    for wanted, unwanted in history:
        roots = [ROOTS[number] for number in sorted(wanted or {0})]
        absent = {ROOTS[number].sha256 for number in unwanted - (wanted or {0})}
        run(host, roots, absent)
        expected = {root.sha256 for root in roots}
        assert host.trusted() == debian.trusted_by_directory() == expected
        assert not with_java or host.java == expected
        assert not host.plan(roots, absent).changed
