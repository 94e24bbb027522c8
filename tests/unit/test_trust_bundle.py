# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions of the trust bundle; the system store is real files, the tools that rebuild stores are replaced."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pki
import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust import bundle
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.pem import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import debian, java
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MADE = [pki.root(f"Root {number}") for number in range(4)]
ROOTS = [Root(made.sha256, made.pem) for made in MADE]
ONE, TWO, THREE, FOUR = ROOTS


class Host:
    """A host whose update-ca-certificates and keytool work on the test's directory."""

    def __init__(self, home: Path) -> None:
        self.home, self.source = home, home / "source"
        self.java: dict[str, str] | None = None
        self.rebuilt = 0
        self.deaf = False  # update-ca-certificates ends with 0 and does nothing
        self.distribution: list[Root] = []
        self.clear()

    def clear(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)
        self.source.mkdir(parents=True)
        (self.home / "certs").mkdir()
        self.java, self.rebuilt = None, 0

    def rebuild(self) -> None:
        """What --fresh does: links and bundle from nothing but the source files."""
        self.rebuilt += 1
        if self.deaf:
            return
        certs = self.home / "certs"
        shutil.rmtree(certs)
        certs.mkdir()
        pems = [path.read_text() for path in sorted(self.source.glob("*.crt"))] + [
            root.pem for root in self.distribution
        ]
        (certs / "ca-certificates.crt").write_text("".join(pems))
        for number, pem in enumerate(pems):
            (certs / f"{number:08x}.0").write_text(pem)

    def converge_java(self, wanted: Mapping[str, str], unwanted: set[str]) -> None:
        assert self.java is not None
        for sha256, path in wanted.items():
            assert Path(path).exists()
            self.java.setdefault(sha256, "ours")
        for sha256 in unwanted:
            self.java.pop(sha256, None)

    def trusted(self) -> set[str]:
        return debian.trusted_by_bundle()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    pki.as_current_user(monkeypatch)
    found = Host(tmp_path / "host")
    monkeypatch.setattr(debian, "SOURCE", str(found.source))
    monkeypatch.setattr(debian, "DIRECTORY", str(found.home / "certs"))
    monkeypatch.setattr(debian, "BUNDLE", str(found.home / "certs" / "ca-certificates.crt"))
    monkeypatch.setattr(debian, "require", lambda: None)
    monkeypatch.setattr(debian, "rebuild", found.rebuild)
    monkeypatch.setattr(java, "exists", lambda: found.java is not None)
    monkeypatch.setattr(java, "trusted", lambda: dict(found.java or {}))
    monkeypatch.setattr(java, "converge", found.converge_java)
    monkeypatch.setattr(bundle, "MEMORY", str(found.home / "memory" / "trust.json"))
    yield found


def run(roots: list[Root], absent: set[str] = frozenset()) -> bundle.Plan:  # type: ignore[assignment]
    """Plan and apply, as the module does."""
    todo = bundle.plan(roots, absent)
    if todo.changed:
        bundle.apply(roots, absent, todo)
    return todo


def test_a_virgin_host(host: Host) -> None:
    todo = bundle.plan([ONE, TWO], set())
    wanted = sorted([ONE.sha256, TWO.sha256])
    assert todo.stores == [bundle.Store("system bundle", wanted), bundle.Store("system directory", wanted)]
    assert list(todo.files.values()) == [["absent"], ["absent"]]
    assert todo.remove == []
    assert host.rebuilt == 0
    assert list(host.source.iterdir()) == []


def test_two_runs(host: Host) -> None:
    host.java = {}
    assert run([ONE, TWO]).changed
    assert not run([ONE, TWO]).changed
    assert host.trusted() == set(host.java) == {ONE.sha256, TWO.sha256}
    assert host.rebuilt == 1


def test_a_root_that_left_the_set_leaves_every_store(host: Host) -> None:
    host.java = {}
    run([ONE, TWO])
    todo = run([ONE])
    assert {store.name: store.unwanted for store in todo.stores} == {
        "system bundle": [TWO.sha256],
        "system directory": [TWO.sha256],
        "java": [TWO.sha256],
    }
    assert host.trusted() == set(host.java) == {ONE.sha256}
    assert not run([ONE]).changed


def test_roots_of_others_stay(host: Host) -> None:
    (host.source / "company.crt").write_text(THREE.pem)
    host.java = {FOUR.sha256: "distribution"}
    run([ONE])
    assert host.trusted() == {ONE.sha256, THREE.sha256}
    assert set(host.java) == {ONE.sha256, FOUR.sha256}
    assert not run([ONE]).changed


def test_absent_removes_whoever_put_it_there(host: Host) -> None:
    (host.source / "company.crt").write_text(THREE.pem)
    host.rebuild()
    host.java = {THREE.sha256: "company"}
    todo = run([ONE], {THREE.sha256})
    assert str(host.source / "company.crt") in todo.remove
    assert host.trusted() == set(host.java) == {ONE.sha256}
    assert not run([ONE], {THREE.sha256}).changed


def test_java_alone_is_wrong(host: Host) -> None:
    """Debian's hook is never told of removals under --fresh."""
    run([ONE])
    host.java = {TWO.sha256: "left"}
    todo = run([ONE], {TWO.sha256})
    assert [store.name for store in todo.stores if store.wrong] == ["java"]
    assert set(host.java) == {ONE.sha256}
    assert host.rebuilt == 1


def test_both_trusted_and_absent(host: Host) -> None:
    with pytest.raises(TrustAnchorError, match=f"root {ONE.sha256} is declared both as trusted and as absent"):
        bundle.plan([ONE, TWO], {ONE.sha256})
    assert host.rebuilt == 0


def test_a_store_that_does_not_take_it_is_a_fault(host: Host) -> None:
    host.deaf = True
    with pytest.raises(TrustAnchorError, match="the system bundle store is still wrong.*missing"):
        run([ONE])
    host.deaf = False
    assert run([ONE]).changed
    assert host.trusted() == {ONE.sha256}


def test_a_killed_run_is_finished_by_the_next(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after the new file was written and the old one removed, before the stores were rebuilt."""
    host.java = {}
    run([ONE])

    def killed() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(debian, "rebuild", killed)
    with pytest.raises(KeyboardInterrupt):
        run([TWO])
    monkeypatch.setattr(debian, "rebuild", host.rebuild)
    assert run([TWO]).changed
    assert host.trusted() == set(host.java) == {TWO.sha256}


def test_a_root_that_a_killed_run_added_leaves_again(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is remembered before it is added: nothing else tells that the one in Java's store is ours."""
    host.java = {}

    def killed(wanted: Mapping[str, str], unwanted: set[str]) -> None:
        host.converge_java(wanted, unwanted)
        raise KeyboardInterrupt

    monkeypatch.setattr(java, "converge", killed)
    with pytest.raises(KeyboardInterrupt):
        run([ONE])
    monkeypatch.setattr(java, "converge", host.converge_java)
    assert set(host.java) == {ONE.sha256}
    run([TWO])
    assert set(host.java) == {TWO.sha256}


def test_a_root_that_came_back_stays(host: Host) -> None:
    run([ONE, TWO])
    run([ONE])
    run([ONE, TWO])
    assert host.trusted() == {ONE.sha256, TWO.sha256}
    assert set(json.loads(Path(bundle.MEMORY).read_text())) == {ONE.sha256, TWO.sha256}


@pytest.mark.parametrize("content", ["", "{", "null", "5", "[[]]", '{"a": 1}', "[1]"])
@pytest.mark.usefixtures("host")
def test_a_damaged_memory_is_no_memory(content: str) -> None:
    run([ONE])
    Path(bundle.MEMORY).write_text(content)
    assert bundle.remembered() == set()
    assert not run([ONE]).changed


subsets = st.sets(st.integers(0, 3))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(history=st.lists(st.tuples(subsets, subsets), min_size=1, max_size=4), with_java=st.booleans())
def test_any_history_ends_with_the_declared_set(
    host: Host, history: list[tuple[set[int], set[int]]], with_java: bool
) -> None:
    host.clear()
    host.java = {} if with_java else None
    for wanted, unwanted in history:
        roots = [ROOTS[number] for number in sorted(wanted)]
        absent = {ROOTS[number].sha256 for number in unwanted - wanted}
        run(roots, absent)
        expected = {root.sha256 for root in roots}
        assert host.trusted() == debian.trusted_by_directory() == expected
        assert host.java is None or set(host.java) == expected
        assert not bundle.plan(roots, absent).changed
