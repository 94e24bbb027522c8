# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of NSS, by the real certutil."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import limited
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import certutil as certutil_program
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import nss
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import Wanted
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.cache import Cache
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.nss import NssDatabase
from factories import pki

pytestmark = pytest.mark.skipif(not shutil.which("certutil"), reason="certutil is missing (Debian: libnss3-tools)")

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can work as another user")
MADE = ONE, TWO, THREE = pki.root("One"), pki.root("Two"), pki.root("Three")
ROOT1, ROOT2, ROOT3 = (Root("", one.sha256, pem=one.pem) for one in MADE)


def certutil(path: Path, *arguments: str, stdin: str = "") -> str:
    command = ["certutil", *arguments, "-d", f"sql:{path}"]
    return subprocess.run(command, input=stdin, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An empty database."""
    certutil(tmp_path, "-N", "--empty-password")
    return tmp_path


def database(path: Path, **more: str) -> NssDatabase:
    return NssDatabase(str(path), "nss", Cache(), **more)  # type: ignore[arg-type]


def test_converge_adds_and_removes(path: Path) -> None:
    certutil(path, "-A", "-n", "Company Root, Inc.", "-t", "CT,C,C", "-a", stdin=ONE.pem)
    certutil(path, "-A", "-n", "known but not trusted", "-t", ",,", "-a", stdin=TWO.pem)
    assert set(database(path).trusted()) == {ONE.sha256}
    wanted = Wanted((ROOT2, ROOT3), forbidden=frozenset({ONE.sha256}))
    database(path).converge(wanted)
    assert set(database(path).trusted()) == {TWO.sha256, THREE.sha256}
    assert database(path).find(wanted)[0].state == "ok"
    assert "Company Root" not in certutil(path, "-L")


def test_what_bears_our_name_is_not_ours(path: Path) -> None:
    """A name is whatever its owner gave; what we have put there is known by its fingerprint."""
    database(path).converge(Wanted((ROOT1, ROOT2)))
    (found,) = database(path).find(Wanted((ROOT1,)))
    assert found.state == "ok"
    (found,) = database(path).find(Wanted((ROOT1,), forbidden=frozenset({TWO.sha256})))
    assert (found.state, found.unwanted) == ("wrong", (TWO.sha256,))


def test_roots_of_one_subject_are_told_apart(path: Path) -> None:
    """NSS gives all certificates of one subject one nickname."""
    again = pki.root("One")
    database(path).converge(Wanted((ROOT1,)))
    both = Wanted((ROOT1, Root("", again.sha256, pem=again.pem)))
    database(path).converge(both)
    assert set(database(path).trusted()) == {ONE.sha256, again.sha256}
    new = Wanted((Root("", again.sha256, pem=again.pem),), forbidden=frozenset({ONE.sha256}))
    database(path).converge(new)
    assert set(database(path).trusted()) == {again.sha256}


def test_it_is_read_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database(path).converge(Wanted((ROOT1,)))
    first = database(path)
    assert set(first.trusted()) == {ONE.sha256}
    monkeypatch.setattr(os, "defpath", "/nowhere")
    assert NssDatabase(str(path), "nss", Cache(first.cache.as_dict())).trusted() == first.trusted()


def test_a_declared_database_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "home/.pki/nssdb"
    monkeypatch.setattr(nss, "ids", lambda _owner, _group: (os.getuid(), os.getgid()))
    declared = database(place, owner="ada")
    assert declared.find(Wanted((ROOT1,)))[0].missing == (ONE.sha256,)
    declared.converge(Wanted((ROOT1,)))
    assert set(database(place).trusted()) == {ONE.sha256}


def test_a_password(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("geheim-4711\n")
    certutil(tmp_path, "-N", "-f", str(secret))
    database(tmp_path, password_file=str(secret)).converge(Wanted((ROOT1,)))
    assert set(database(tmp_path).trusted()) == {ONE.sha256}


def test_no_database(tmp_path: Path) -> None:
    with pytest.raises(TrustAnchorError, match="has no NSS database"):
        database(tmp_path).find(Wanted((ROOT1,)))


def test_without_certutil(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "defpath", "/nowhere")
    with pytest.raises(TrustAnchorError, match="certutil is missing.*Install libnss3-tools"):
        database(path).find(Wanted((ROOT1,)))


@as_root
def test_nothing_runs_where_others_can_change_anything(path: Path) -> None:
    """certutil loads the modules that a database names."""
    users = path / "of-a-user"
    users.mkdir()
    certutil(users, "-N", "--empty-password")
    os.chown(path, 65534, 65534)
    for parent in (path, *path.parents):
        if str(parent).startswith(("/tmp/", "/var/tmp/")):
            parent.chmod(0o755)
    with pytest.raises(TrustAnchorError, match="can be changed by users other than its own and root"):
        database(users).find(Wanted((ROOT1,)))
    for one in (users, *users.iterdir()):
        os.chown(one, 4711, 4711)
    with pytest.raises(TrustAnchorError, match="can be changed by users other than its own and root"):
        database(users).converge(Wanted((ROOT1,)))


@as_root
@pytest.mark.parametrize(("uid", "gid"), [(65534, 65534), (4711, 65534), (0, 0)])
def test_the_owner_works_with_no_group_but_the_own(path: Path, uid: int, gid: int) -> None:
    """Directories that root made for somebody have root's group; the database names code that certutil loads."""
    for one in (path, *path.iterdir()):
        os.chown(one, uid, 0)
    for parent in path.parents:
        if str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    found: list[list[int]] = [
        database(path)._as_owner(lambda _database: [*os.getresuid(), *os.getresgid(), len(os.getgroups())])
    ]
    assert found[0][:6] == [uid] * 3 + [gid] * 3
    assert uid == 0 or found[0][6] == 0


@as_root
def test_the_owner_does_the_work(path: Path) -> None:
    """What certutil makes is the owner's, and root follows no link of theirs."""
    for one in (path, *path.iterdir()):
        os.chown(one, 65534, 65534)
    for parent in path.parents:
        if str(parent).startswith(("/tmp/", "/var/tmp/")):
            parent.chmod(0o755)
    database(path).converge(Wanted((ROOT1,)))
    assert set(database(path).trusted()) == {ONE.sha256}
    assert {one.stat().st_uid for one in path.iterdir()} == {65534}


@pytest.mark.parametrize(("spent", "left"), [(0, 5), (5, 5), (7, 3), (9.5, 0.5), (10, None), (11, None)])
def test_one_call_of_certutil_takes_no_more_than_is_left(
    monkeypatch: pytest.MonkeyPatch, spent: float, left: float | None
) -> None:
    """And never more than one call may."""
    now, given = 1000.0, list[float]()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(limited, "run", lambda _command, _environment, _stdin, timeout, _most: given.append(timeout))
    program = certutil_program.Certutil(10.0, "/home/ada")
    now += spent
    if left is None:
        with pytest.raises(TrustAnchorError, match="more than 10 seconds or 1000 calls of certutil are needed"):
            program("-L")
    else:
        program("-L")
    assert given == ([] if left is None else [left])
