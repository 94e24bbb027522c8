# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions of a convergence; the system store is real files, the tools that rebuild stores are replaced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import convergence, state
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import debian
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import Wanted, entry_name
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.java import Keystore
from factories.trust_host import FOUR, ONE, ROOTS, THREE, TWO, Host, make_host, run, wrong
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return make_host(tmp_path, monkeypatch)


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


def test_what_was_repaired_is_reported_as_it_was_found(host: Host) -> None:
    """The rollout's report is about what the run met; what is still not right is told as it is now."""
    done = convergence.converge([ONE], set(), host.declaration, state.load())
    assert "system bundle" in done.repaired
    reported = {one.name: one for one in done.reported}
    assert (reported["system bundle"].state, reported["system bundle"].missing) == ("wrong", (ONE.sha256,))
    host.deaf = True
    done = convergence.converge([ONE, TWO], set(), host.declaration, state.load())
    reported = {one.name: one for one in done.reported}
    assert (reported["system bundle"].state, reported["system bundle"].missing) == ("wrong", (TWO.sha256,))


def test_a_host_without_a_system_store_is_refused(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def require() -> None:
        raise TrustAnchorError("update-ca-certificates is missing")

    monkeypatch.setattr(debian, "require", require)
    with pytest.raises(TrustAnchorError, match="update-ca-certificates is missing"):
        host.plan([ONE])


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


def test_a_distrusted_root_is_removed_whoever_put_it_there(host: Host) -> None:
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


def test_both_trusted_and_distrusted(host: Host) -> None:
    with pytest.raises(TrustAnchorError, match=f"root {ONE.sha256} is declared both as trusted and as distrusted"):
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


def test_the_memory_of_an_older_version_is_read_and_kept(host: Host) -> None:
    run(host, [ONE])
    content = json.loads(Path(state.PATH).read_text())
    clocks = {"changed_at", "users_changed_at", "in_vain"}
    assert set(content) == {"version", "known", "manifest", "roots", "absent", "cache"} | clocks
    written = {**content, "known": [TWO.sha256], "absent": [THREE.sha256], "roots": [{"pem": ONE.pem, "not_before": 5}]}
    written |= {"in_vain": {"nss": "ab"}, "users_changed_at": {"1000": 7.0}, "changed_at": 6.0}
    Path(state.PATH).write_text(json.dumps(written))
    found = state.load()
    assert (found.ever_installed, found.distrusted) == ([TWO.sha256], [THREE.sha256])
    assert (found.roots, found.roots[0].not_before) == ([ONE], 5)
    assert (found.in_vain, found.users_changed_at, found.changed_at) == ({"nss": "ab"}, {"1000": 7.0}, 6.0)
    found.save()
    assert json.loads(Path(state.PATH).read_text()) == written


def test_check_mode_finds_what_the_real_run_does_and_changes_nothing(host: Host) -> None:
    """Both go one way; the former stops before each apply."""
    host.give_java(old=TWO)
    before = {path: path.read_bytes() for path in host.home.rglob("*") if path.is_file()}
    host_state = state.load()
    would = convergence.converge([ONE], {TWO.sha256}, host.declaration, host_state, check=True)
    assert host_state == state.load() == state.HostState()
    assert {path: path.read_bytes() for path in host.home.rglob("*") if path.is_file()} == before
    did = convergence.converge([ONE], {TWO.sha256}, host.declaration, host_state)
    assert (would.plan.changed, would.plan.listed) == (did.plan.changed, did.plan.listed)
    assert (would.repaired, would.failure(), would.warnings) == ([], None, [])
    assert set(did.repaired) == set(wrong(would.plan))


DAMAGED = ["", "{", "null", "5", "[[]]", '{"known": [1]}', '{"manifest": []}', '{"changed_at": "x"}']
DAMAGED += [
    '{"roots": [{"pem": "x", "not_before": 0}]}',
    '{"roots": [5]}',
    '{"roots": 5}',
    '{"manifest": {"id": "a", "sequence": "9"}}',
    '{"manifest": {"id": "a"}}',
]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_memory_is_refused_and_kept(host: Host, content: str) -> None:
    """Whoever forgets what a host was told lets an older manifest in."""
    run(host, [ONE])
    Path(state.PATH).write_text(content)
    with pytest.raises(TrustAnchorError, match=r"trust.json cannot be read.*trust_store_override=true"):
        state.load()
    assert Path(state.PATH).read_text() == content


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_memory_is_replaced_when_somebody_says_so(content: str) -> None:
    Path(state.PATH).parent.mkdir(parents=True)
    Path(state.PATH).write_text(content)
    found = state.load(forget=True)
    assert found == state.HostState()
    found.save()
    assert state.load() == found
    (kept,) = Path(state.PATH).parent.glob("trust.json.damaged-*")
    assert kept.read_text() == content


def test_what_a_sister_version_noted_is_kept(host: Host) -> None:
    run(host, [ONE])
    content = json.loads(Path(state.PATH).read_text())
    content |= {"colour": "red", "roots": [{"pem": ONE.pem, "not_before": 5, "endorsed": True}]}
    Path(state.PATH).write_text(json.dumps(content))
    found = state.load()
    found.distrusted = [TWO.sha256]
    found.save()
    assert json.loads(Path(state.PATH).read_text()) == {**content, "absent": [TWO.sha256]}


@pytest.mark.parametrize(
    ("roots", "message"), [([], "no root is to be trusted"), ([ONE, TWO, ONE], "is declared twice")]
)
def test_bad_input_changes_nothing(host: Host, roots: list[Root], message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        run(host, roots)
    assert host.rebuilt == 0
    assert not (host.home / "memory").exists()


def test_a_root_of_the_distribution_is_not_taken_away(host: Host) -> None:
    """It was declared once, and is no longer; the distribution brings it all the same."""
    (host.home / "public").mkdir()
    (host.home / "public/three.crt").write_text(THREE.pem)
    (host.home / "ca-certificates.conf").write_text("three.crt\n")
    host.distribution = [THREE]
    host.give_java(debian=THREE)
    run(host, [ONE, THREE])
    run(host, [ONE])
    assert host.trusted() == host.java == {ONE.sha256, THREE.sha256}
    assert run(host, [ONE], {FOUR.sha256}).wanted.forbidden == {FOUR.sha256}


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
    host_state = state.load()
    outcome = convergence.converge([ONE], set(), host.declaration, host_state)
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


@pytest.mark.parametrize("root", [ONE, TWO])
def test_a_killed_run_counts_as_a_change_where_roots_would_have_changed(
    host: Host, monkeypatch: pytest.MonkeyPatch, root: Root
) -> None:
    run(host, [ONE])
    first = state.load().changed_at

    def killed(_store: debian.SystemStore, _wanted: Wanted) -> list[str]:
        raise KeyboardInterrupt

    (host.source / f"{entry_name(ONE.sha256)}.crt").chmod(0o600)
    monkeypatch.setattr(debian.SystemStore, "converge", killed)
    with pytest.raises(KeyboardInterrupt):
        run(host, [root])
    assert (state.load().changed_at > first) is (root is TWO)


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
        distrusted = {ROOTS[number].sha256 for number in unwanted - (wanted or {0})}
        run(host, roots, distrusted)
        expected = {root.sha256 for root in roots}
        assert host.trusted() == set(debian.trusted_by_directory()) == expected
        assert not with_java or host.java == expected
        assert not host.plan(roots, distrusted).changed
