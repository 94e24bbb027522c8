# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where databases of NSS are found in homes, and what a store of them says of itself; no certutil runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import children
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host.homes import Home
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import user_databases
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import Wanted
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.cache import Cache
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.user_databases import (
    MOST_DATABASES,
    Budget,
    Unlooked,
    UserDatabases,
)
from factories import pki

ONE = pki.root("One")
WANTED = Wanted((Root("", ONE.sha256, pem=ONE.pem),))
# Of Chromium and Chrome (an older place, a newer one, the snap), and of Firefox (the same, and the flatpak).
PLACES = [
    ".pki/nssdb",
    ".local/share/pki/nssdb",
    "snap/chromium/current/.pki/nssdb",
    ".mozilla/firefox/x.default",
    ".config/mozilla/firefox/x.default",
    "snap/firefox/common/.mozilla/firefox/x.default",
    ".var/app/org.mozilla.firefox/.mozilla/firefox/x.default",
]


def database(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "cert9.db").touch()
    return path


def store(home: str = "/home/ada", name: str = "ada", uid: int = 1000) -> UserDatabases:
    return UserDatabases(Home(home, name, uid, 1000), Cache(), Budget(60.0, 1))


@pytest.mark.parametrize("place", PLACES)
def test_each_place_is_looked_at(tmp_path: Path, place: str) -> None:
    path = database(tmp_path / place)
    assert user_databases.databases(str(tmp_path)) == ([str(path)], 0)
    assert user_databases.databases(str(tmp_path), {str(path)}) == ([], 0)
    (path / "cert9.db").unlink()
    assert user_databases.databases(str(tmp_path)) == ([], 0)


def test_a_database_by_two_names_is_one(tmp_path: Path) -> None:
    path = database(tmp_path / "real")
    for place in (".pki/nssdb", ".mozilla/firefox/x"):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).symlink_to(path)
    assert user_databases.databases(str(tmp_path)) == ([f"{tmp_path}/.pki/nssdb"], 0)
    for but in (path, tmp_path / ".pki/nssdb"):
        assert user_databases.databases(str(tmp_path), {str(but)}) == ([], 0)


@pytest.mark.parametrize(("number", "more"), [(MOST_DATABASES, 0), (MOST_DATABASES + 1, 1), (MOST_DATABASES + 5, 5)])
def test_so_many_are_looked_at(tmp_path: Path, number: int, more: int) -> None:
    for one in range(number):
        database(tmp_path / f".mozilla/firefox/{one:03}")
    found, left = user_databases.databases(str(tmp_path))
    assert (found, left) == ([f"{tmp_path}/.mozilla/firefox/{one:03}" for one in range(MOST_DATABASES)], more)


@pytest.mark.parametrize(("name", "shown"), [("ada", "nss of ada"), ("", "nss of 1000")])
def test_what_a_store_of_a_user_says_of_itself(name: str, shown: str) -> None:
    found = store(name=name)
    assert found.name == shown
    assert store(name="a\x1b[2J\n").name.isprintable()
    assert (found.path, found.user, found.declared) == ("/home/ada", 1000, False)
    assert (found.but, found.unmeasured, found.writes(WANTED)) == (frozenset(), set(), ["/home/ada"])


def test_what_nothing_is_done_about_says_of_itself() -> None:
    found = Unlooked([Home("/home/web", "web", 5, 5, "a system account")], frozenset())
    assert (found.name, found.path, found.declared, found.user) == ("nss of others", "/home", False, None)
    assert found.converge(WANTED) == found.writes(WANTED) == []


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """No child process: what would be done in it is done here."""

    def call(function: Any, _seconds: float, _account: Any = None) -> Any:
        return function()

    monkeypatch.setattr(children, "call", call)


@pytest.mark.usefixtures("here")
def test_nothing_is_tried_where_nothing_could_be_seen(tmp_path: Path) -> None:
    """What cannot be looked at is told once, as unknown; it is no failure of the run."""
    odd = tmp_path / ".mozilla/firefox/odd"
    odd.mkdir(parents=True)
    (odd / "cert9.db").symlink_to("cert9.db")
    with pytest.raises(TrustAnchorError, match="Too many levels of symbolic links"):
        store(str(tmp_path)).converge(WANTED)
    looked = store(str(tmp_path))
    assert [(one.name, one.path, one.state) for one in looked.find(WANTED)] == [(f"nss {odd}", str(odd), "unknown")]
    assert looked.unmeasured == {str(odd)}
    assert looked.converge(WANTED) == []


@pytest.mark.parametrize(("number", "good"), [(2 * MOST_DATABASES, True), (2 * MOST_DATABASES + 1, False)])
def test_how_much_a_child_may_say(monkeypatch: pytest.MonkeyPatch, number: int, good: bool) -> None:
    monkeypatch.setattr(children, "call", lambda *_arguments: [{"path": "/home/ada/x", "why": "w" * 301}] * number)
    if good:
        assert {one.why for one in store().find(WANTED)} == {"w" * 300}
        return
    with pytest.raises(TrustAnchorError, match="said what is not an answer"):
        store().find(WANTED)


@pytest.mark.parametrize(("number", "good"), [(MOST_DATABASES, True), (MOST_DATABASES + 1, False)])
def test_how_many_faults_a_child_may_tell(monkeypatch: pytest.MonkeyPatch, number: int, good: bool) -> None:
    monkeypatch.setattr(children, "call", lambda *_arguments: ["a", "b"][:number] + ["c"] * (number - 2))
    with pytest.raises(TrustAnchorError, match="^a; b; c; c" if good else "said what is not an answer"):
        store().converge(WANTED)
