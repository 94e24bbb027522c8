# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work as another user; what the user's links lead to stays out of reach."""

from __future__ import annotations

import grp
import os
import pwd
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import accounts
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import step
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import Wanted
from factories import pki

ONE = pki.root("One")
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can work as another user")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory that nobody owns."""
    found = tmp_path / "home"
    found.mkdir()
    os.chown(found, 65534, 65534)
    for parent in tmp_path.parents:
        if str(parent).startswith(("/tmp/", "/var/tmp/")):
            parent.chmod(0o755)
    tmp_path.chmod(0o755)
    return found


@as_root
def test_files_are_made_by_their_owner(home: Path) -> None:
    store = step.store(str(home / ".step"), "nobody", "nogroup", "")
    wanted = Wanted((Root("", ONE.sha256, pem=ONE.pem),))
    store.converge(wanted)
    assert [one.state for one in store.find(wanted)] == ["ok"]
    made = [home / ".step", *(home / ".step").rglob("*")]
    assert {path.stat().st_uid for path in made} == {65534}


@as_root
def test_a_link_of_a_user_leads_root_nowhere(home: Path, tmp_path: Path) -> None:
    secret = tmp_path / "of-root"
    secret.mkdir(mode=0o755)
    (home / ".step").symlink_to(secret)
    store = step.store(str(home / ".step"), "nobody", "nogroup", "")
    with pytest.raises(TrustAnchorError, match="Operation not permitted|Permission denied"):
        store.converge(Wanted((Root("", ONE.sha256, pem=ONE.pem),)))
    assert secret.stat().st_uid == 0
    assert list(secret.iterdir()) == []


@as_root
def test_a_fault_comes_back() -> None:
    def act() -> None:
        raise TrustAnchorError("what", "why", "next")

    with pytest.raises(TrustAnchorError, match="what. why. next."):
        accounts.run_as(65534, 65534, act)


@as_root
def test_a_child_that_dies_is_a_fault() -> None:
    with pytest.raises(TrustAnchorError, match="a process of user 65534 ended with status"):
        accounts.run_as(65534, 65534, lambda: os._exit(3))


@as_root
def test_a_child_that_its_user_stops_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "TIMEOUT", 0.5)
    with pytest.raises(TrustAnchorError, match="did not end within"):
        accounts.run_as(65534, 65534, lambda: os.kill(os.getpid(), signal.SIGSTOP))


@as_root
def test_a_place_of_a_user_is_not_roots_alone(home: Path, tmp_path: Path) -> None:
    """Nor is one to which a user's link leads, though root's is all that is behind it."""
    (home / "link").symlink_to("/etc")
    (tmp_path / "ours").symlink_to(home / "link")
    for path in (home, home / "missing", home / "link/ssl", tmp_path / "ours/ssl/certs"):
        assert not accounts.is_roots_alone(str(path))
    (tmp_path / "good").symlink_to("/etc/ssl")
    for path in (tmp_path / "good/certs", Path("/etc/ssl/certs/missing"), Path("/tmp/x"), tmp_path / "good/../ssl"):
        assert accounts.is_roots_alone(str(path))
    (tmp_path / "through").symlink_to("home/../good")  # the user of that home decides where it leads
    assert not accounts.is_roots_alone(str(tmp_path / "through/certs"))
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert not accounts.is_roots_alone(str(tmp_path / "loop"))


def test_what_only_root_can_change(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.touch()
    program.chmod(0o777)
    assert accounts.is_roots_alone("/usr/bin/env")
    assert not accounts.is_roots_alone(str(program))


@pytest.mark.parametrize(
    ("group", "members", "other_gid", "alone"),
    [
        ("ada", [], 1001, True),  # as adduser makes accounts, with the umask 002
        ("ada", ["ada"], 1001, True),
        ("ada", ["bob"], 1001, False),
        ("ada", [], 1000, False),
        ("staff", [], 1001, False),
    ],
)
def test_a_users_private_group_is_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: str, members: list[str], other_gid: int, alone: bool
) -> None:
    ada, bob = (SimpleNamespace(pw_name=name, pw_uid=uid, pw_gid=gid) for name, uid, gid in _people(other_gid))
    monkeypatch.setattr(pwd, "getpwuid", lambda _uid: ada)
    monkeypatch.setattr(pwd, "getpwall", lambda: [ada, bob])
    monkeypatch.setattr(grp, "getgrgid", lambda _gid: SimpleNamespace(gr_name=group, gr_mem=members))
    tmp_path.chmod(0o755)
    path = tmp_path / "nssdb"
    path.mkdir()
    path.chmod(0o775)
    state = path.stat()
    shown = SimpleNamespace(st_mode=state.st_mode, st_gid=1000)
    assert accounts._others_write(shown, 1000) is not alone  # type: ignore[arg-type]
    path.chmod(0o777)
    assert accounts._others_write(path.stat(), 1000)


def _people(other_gid: int) -> list[tuple[str, int, int]]:
    return [("ada", 1000, 1000), ("bob", 1001, other_gid)]


def test_roots_group_is_not_root(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.touch()
    path.chmod(0o664)
    assert accounts._others_write(path.stat(), 0)


@as_root
def test_a_group_that_may_write_is_somebody_else_unless_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.touch()
    path.chmod(0o664)
    assert not accounts.is_alone(str(path), 0)
    assert accounts.is_alone(str(path), 0, groups=False)
