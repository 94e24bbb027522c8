# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where databases of NSS are found in homes, and what a store of them says of itself; no certutil runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import children, homes
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


@pytest.mark.parametrize(("number", "good"), [(0, True), (1000, True), (1001, False)])
def test_how_many_fingerprints_are_read(number: int, good: bool) -> None:
    said = ["ab" * 32] * number
    if good:
        assert user_databases.read_fingerprints(said) == said
        return
    with pytest.raises(TrustAnchorError, match="a list of at most 1000 entries"):
        user_databases.read_fingerprints(said)


@pytest.mark.parametrize("bad", ["AB" * 32, "ab" * 33, "ab" * 31, f"{'ab' * 32}\n", 5])
def test_what_is_no_fingerprint(bad: Any) -> None:
    with pytest.raises(TrustAnchorError, match="fingerprints are expected"):
        user_databases.read_fingerprints(["cd" * 32, bad])


@pytest.mark.parametrize(
    ("left", "waiting", "share"), [(10.0, 1, 10.0), (10.0, 0, 10.0), (10.0, 2, 5.0), (99.0, 2, 15.0)]
)
def test_the_share_of_a_user(left: float, waiting: int, share: float) -> None:
    budget = Budget(left, waiting)
    with budget.share() as seconds:
        assert seconds == share
    assert budget.waiting == waiting - 1


def test_the_time_that_a_user_takes_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """However it ends."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    budget = Budget(10.0, 2)
    with pytest.raises(KeyError), budget.share():
        now[0] += 7.0
        raise KeyError
    assert (budget.left, budget.waiting) == (3.0, 1)
    with budget.share():
        now[0] += 3.0
    with pytest.raises(TrustAnchorError, match="took more than 90 seconds together"), budget.share():
        pass


@pytest.mark.usefixtures("here")
def test_certutil_ends_before_its_child_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it can still say which database it was."""
    given: list[tuple[float, str]] = []

    class Noted:
        def __init__(self, seconds: float, home: str) -> None:
            given.append((seconds, home))

    monkeypatch.setattr(user_databases, "Certutil", Noted)
    looked = UserDatabases(Home(str(tmp_path), "ada", 1000, 1000), Cache(), Budget(10.0, 1))
    assert (looked.find(WANTED), looked.converge(WANTED)) == ([], [])
    assert [(round(seconds), home) for seconds, home in given] == [(9, str(tmp_path))] * 2


def test_whose_child_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def call(_function: Any, *arguments: Any) -> list[Any]:
        asked.append(arguments)
        return []

    monkeypatch.setattr(children, "call", call)
    found = UserDatabases(Home("/home/ada", "ada", 1000, 1001), Cache(), Budget(10.0, 1))
    found.find(WANTED)
    assert asked == [(10.0, (1000, 1001))]


def test_what_a_directory_of_profiles_may_hold(tmp_path: Path) -> None:
    """So many entries are read, of which a database may be one."""
    (tmp_path / "x").mkdir()
    for number in range(1001):
        (tmp_path / f"x/{number}").touch()
    assert len(list(user_databases._matches(str(tmp_path), "x/*"))) == 1000
    assert user_databases._matches(str(tmp_path), "y/*") == []
    assert user_databases._matches(str(tmp_path), "y/z") == [f"{tmp_path}/y/z"]


@pytest.mark.usefixtures("here")
def test_a_store_for_each_user_and_one_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bob, web = (
        Home(f"/home/{name}", name, 1000, 1000, why) for name, why in (("ada", ""), ("bob", ""), ("web", "x"))
    )
    monkeypatch.setattr(homes, "listed", lambda: [ada, web, bob])
    first, second, others = user_databases.discover(Cache(), ())
    assert isinstance(first, UserDatabases) and isinstance(second, UserDatabases) and isinstance(others, Unlooked)
    assert (first.home, second.home, others.homes) == (ada, bob, [web])
    assert first.budget is second.budget
    assert (first.budget.left, first.budget.waiting) == (90.0, 2)
    assert "Cache" not in repr(first) and "Budget" not in repr(first)


def test_what_is_not_looked_at_is_named(tmp_path: Path) -> None:
    """Of who is not looked at, each that is there is named, but the declared ones."""
    path, other = database(tmp_path / ".pki/nssdb"), database(tmp_path / ".mozilla/firefox/x")
    found = Unlooked([Home(str(tmp_path), "web", 5, 5, "a system account")], frozenset({str(other)}))
    assert [(one.path, one.state, one.why) for one in found.find(WANTED)] == [
        (str(path), "unknown", "not looked at: a system account. Declare it with its owner if it is in use.")
    ]
