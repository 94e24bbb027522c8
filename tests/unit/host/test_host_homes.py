# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose homes there are, and as whom something may be done."""

from __future__ import annotations

import errno
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import homes
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host.homes import Home

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can give directories away")


def account(name: str, uid: int, home: Path | str) -> pwd.struct_passwd:
    return pwd.struct_passwd((name, "x", uid, uid, "", str(home), "/bin/sh"))


class Accounts:
    """Those of a test's host; a directory service does not list all of them."""

    def __init__(self, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.base, self.listed, self.known = base, list[pwd.struct_passwd](), dict[int, pwd.struct_passwd]()
        (base / "home").mkdir()
        (base / "login.defs").write_text("UID_MAX 60000\nUID_MIN\t\t 1000\n")
        monkeypatch.setattr(homes, "LOGIN", str(base / "login.defs"))
        monkeypatch.setattr(homes, "ROOTS", (str(base / "home"),))
        monkeypatch.setattr(pwd, "getpwall", lambda: self.listed)
        monkeypatch.setattr(pwd, "getpwuid", self.known.__getitem__)

    def add(self, name: str, uid: int, path: str, *, owner: int | None = None, listed: bool = True) -> Path:
        home = self.base / path
        home.mkdir(parents=True, exist_ok=True)
        os.chown(home, uid if owner is None else owner, uid)
        self.known[uid] = account(name, uid, home)
        if listed:
            self.listed.append(self.known[uid])
        return home

    def refused(self) -> dict[str, str]:
        return {one.path.removeprefix(f"{self.base}/"): one.refused for one in homes.listed()}


@pytest.fixture
def accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Accounts:
    return Accounts(tmp_path, monkeypatch)


def test_ordinary_users_and_root(accounts: Accounts) -> None:
    path = accounts.add("ada", 1000, "home/ada")
    accounts.add("root", 0, "root")
    accounts.listed += [account("x", 1001, "/nonexistent"), account("y", 1002, "/"), account("z", 1003, "")]
    assert Home(str(path), "ada", 1000, 1000) in homes.listed()
    assert accounts.refused() == {"home/ada": "", "root": ""}


def test_as_system_accounts_nothing_is_run(accounts: Accounts) -> None:
    """Whoever deploys a service often owns its home, and would have code of theirs run as the service."""
    accounts.add("web", 998, "srv/web", owner=1000)
    accounts.add("nobody", 65534, "srv/nobody")
    accounts.add("dynamic", 61200, "srv/dynamic")
    assert set(accounts.refused()) == {"srv/web", "srv/nobody", "srv/dynamic"}
    assert all("is a system account, as which nothing is run" in why for why in accounts.refused().values())


@pytest.mark.parametrize("uid", [1, 999, 61184, 65519, 65534, 65535, 2**32 - 2])
def test_accounts_that_are_no_persons(accounts: Accounts, uid: int) -> None:
    accounts.add("x", uid, "srv/x", owner=0)
    assert "x is a system account" in accounts.refused()["srv/x"]


@pytest.mark.parametrize("uid", [0, 1000, 61183, 65520, 65533, 65536, 2**32 - 3])
def test_accounts_that_are_persons(accounts: Accounts, uid: int) -> None:
    accounts.add("x", uid, "srv/x", owner=0)
    assert accounts.refused() == {"srv/x": ""}


def test_a_home_of_somebody_else(accounts: Accounts) -> None:
    accounts.add("ada", 1000, "srv/ada", owner=1001)
    assert accounts.refused() == {"srv/ada": "the home of ada belongs to user 1001"}


def test_a_host_without_a_directory_of_homes(accounts: Accounts) -> None:
    accounts.add("ada", 1000, "srv/ada")
    (accounts.base / "home").rmdir()
    assert accounts.refused() == {"srv/ada": ""}


def test_users_that_nobody_lists(accounts: Accounts) -> None:
    """A directory service with enumerate = false; homes of a domain are in a directory of their own."""
    accounts.add("ada", 200_001, "home/ada", listed=False)
    accounts.add("bob", 1_200_001_000, "home/corp.example/bob", listed=False)
    accounts.add("web", 998, "home/web", listed=False)
    (accounts.base / "home/corp.example/skeleton").mkdir()  # of root, and so nobody's home
    os.chown(accounts.base / "home/corp.example", 0, 0)
    gone = accounts.add("gone", 200_003, "home/gone", listed=False)
    del accounts.known[200_003]
    (accounts.base / "home/link").symlink_to(gone)
    (accounts.base / "home/file").touch()
    assert accounts.refused() == {
        "home/ada": "",
        "home/corp.example/bob": "",
        "home/web": "web is a system account, as which nothing is run that was found",
        "home/gone": "it belongs to user 200003, who has no account",
    }


@pytest.mark.parametrize("mode", [0o1777, 0o777, 0o2775])
def test_what_users_make_in_a_directory_for_everybody_is_no_home(accounts: Accounts, mode: int) -> None:
    """Each is looked at by a child of its own: one user would use up the time of all others."""
    accounts.add("ada", 1000, "home/shared/ada", listed=False)
    shared = accounts.base / "home/shared"
    os.chown(shared, 0, 0)
    shared.chmod(mode)
    assert accounts.refused() == {}
    accounts.add("bob", 1001, "home/shared/bob")
    assert accounts.refused() == {"home/shared/bob": ""}


@pytest.mark.parametrize("listed", [True, False])
def test_a_home_that_cannot_be_looked_at(accounts: Accounts, monkeypatch: pytest.MonkeyPatch, listed: bool) -> None:
    """The file server of one user does not answer: the others have their homes."""
    hung, _other = accounts.add("ada", 1000, "home/ada", listed=listed), accounts.add("bob", 1001, "home/bob")

    def answer(path: str, of: Callable[[str], os.stat_result]) -> os.stat_result:
        if path.rstrip("/") == str(hung):
            raise OSError(errno.EIO, "Input/output error", path)
        return of(path)

    stat, lstat = os.stat, os.lstat
    monkeypatch.setattr(os, "stat", lambda path: answer(path, stat))
    monkeypatch.setattr(os, "lstat", lambda path: answer(path, lstat))
    found = accounts.refused()
    monkeypatch.undo()
    assert found == ({"home/ada": f"{hung} cannot be looked at: Input/output error"} if listed else {}) | {
        "home/bob": ""
    }


def test_a_home_is_one_home(accounts: Accounts) -> None:
    """Two accounts may claim one directory; its owner has it."""
    path = accounts.add("web", 998, "home/ada")
    accounts.add("ada", 1000, "home/ada")
    accounts.add("bob", 1001, "home/ada", owner=1000)
    assert homes.listed() == [Home(str(path), "ada", 1000, 1000)]


@pytest.mark.parametrize(("text", "first"), [("", 1000), ("#UID_MIN 5\nUID_MIN 500\n", 500), ("UID_MIN x", 1000)])
def test_where_ordinary_accounts_begin(accounts: Accounts, text: str, first: int) -> None:
    assert accounts.base.is_dir()
    Path(homes.LOGIN).write_text(text)
    assert homes.first_uid() == first
    Path(homes.LOGIN).unlink()
    assert homes.first_uid() == 1000
