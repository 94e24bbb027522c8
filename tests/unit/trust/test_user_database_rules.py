# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is taken of users' databases, and how much: without a program of theirs, and without root."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import children, homes
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host.homes import Home
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import user_databases
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import Wanted
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.cache import Cache
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.user_databases import (
    Budget,
    UserDatabases,
)

UID = 47110
WANTED = Wanted(())


def store(home: Path) -> UserDatabases:
    return UserDatabases(Home(str(home), "mallory", UID, UID), Cache(), Budget(10.0, 1))


def with_database(path: Path) -> str:
    path.mkdir(parents=True)
    (path / "cert9.db").touch()
    return str(path)


def test_where_a_home_has_databases(tmp_path: Path) -> None:
    """Of Chromium, Chrome and Firefox: as packages, snaps and flatpaks."""
    firefox = (".mozilla", ".config/mozilla", "snap/firefox/common/.mozilla", ".var/app/org.mozilla.firefox/.mozilla")
    nss = (".pki/nssdb", ".local/share/pki/nssdb", "snap/chromium/current/.pki/nssdb")
    expected = [with_database(tmp_path / path) for path in (*nss, *(f"{path}/firefox/x.default" for path in firefox))]
    with_database(tmp_path / "elsewhere")
    assert user_databases.databases(str(tmp_path)) == (expected, 0)


def test_a_directory_of_any_size_is_read_to_a_limit(tmp_path: Path) -> None:
    for number in range(1002):
        with_database(tmp_path / f".mozilla/firefox/{number}")
    listed, more = user_databases.databases(str(tmp_path))
    assert (len(listed), more) == (20, 980)


def test_users_share_their_time() -> None:
    """Who uses it up does not use up what the others have."""
    budget = Budget(40.0, 4)
    with budget.share() as first:
        pass
    assert first == 10.0
    budget.left -= 10
    with budget.share() as second:
        pass
    assert 9.9 < second <= 10.0
    budget.left = 0.1
    with budget.share() as third:
        assert third == user_databases.LEAST_SECONDS
    budget.left = 0.0
    with pytest.raises(TrustAnchorError, match="took more than"), budget.share():
        pass


def test_what_a_user_took_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    budget = Budget(28.0, 2)
    with budget.share() as first:
        now[0] += 15
    with budget.share() as second:
        now[0] += 13
    assert (first, second) == (14.0, 13.0)
    assert (budget.left, budget.waiting) == (0.0, 0)
    with pytest.raises(TrustAnchorError, match="took more than 90 seconds together"), budget.share():
        pass
    with Budget(60.0, 0).share() as most:
        assert most == user_databases.USER_SECONDS


@pytest.mark.parametrize("work", [lambda one: one.find(WANTED), lambda one: one.converge(WANTED)])
def test_the_programs_of_a_user_end_before_the_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Callable[[UserDatabases], Any]
) -> None:
    """So it can say what they did not do."""
    given: list[tuple[float, str]] = []
    monkeypatch.setattr(children, "call", lambda function, _seconds, _ids: function())
    monkeypatch.setattr(user_databases, "Certutil", lambda *arguments: given.append(arguments))
    assert work(store(tmp_path)) == []
    assert given == [(9.0, str(tmp_path))]


@pytest.mark.parametrize(("number", "good"), [(40, True), (41, False)])
def test_how_many_databases_a_child_may_tell_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, good: bool
) -> None:
    said = [{"path": f"{tmp_path}/{one}", "why": "x"} for one in range(number)]
    monkeypatch.setattr(children, "call", lambda *_arguments: said)
    if good:
        assert len(store(tmp_path).find(WANTED)) == number
        return
    with pytest.raises(TrustAnchorError, match="said what is not an answer"):
        store(tmp_path).find(WANTED)


def test_a_reason_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "call", lambda *_arguments: [{"path": str(tmp_path), "why": "x" * 301}])
    assert [one.why for one in store(tmp_path).find(WANTED)] == ["x" * 300]


def test_how_many_fingerprints_are_read() -> None:
    sha256, issuer = "0" * 64, "1" * 64
    assert user_databases.read_certificates([[sha256, issuer]] * 1000) == ({sha256: ""}, {sha256: issuer})
    assert user_databases.read_certificates([[sha256, ""]]) == ({sha256: ""}, {})
    long = [[sha256, ""]] * 1001
    for bad in (long, [["0" * 63, ""]], [["G" * 64, ""]], [[sha256, "x"]], [[sha256]], [[sha256, ""], "x"], [[1, ""]]):
        with pytest.raises(TrustAnchorError, match="said what is not an answer"):
            user_databases.read_certificates(bad)


def test_the_stores_of_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were found: nobody declared them, and each is its user's alone."""
    listed = [Home(str(tmp_path), "mal\nlory", UID, UID), Home("/x", "", UID, UID), Home("/y", "web", 33, 33, "system")]
    monkeypatch.setattr(homes, "listed", lambda: listed)
    stores = list(user_databases.discover(Cache(), ()))
    assert [one.name for one in stores] == ["nss of mal\\nlory", f"nss of {UID}", "nss of others"]
    assert [(one.path, one.user) for one in stores] == [(str(tmp_path), UID), ("/x", UID), ("/home", None)]
    assert [one.writes(WANTED) for one in stores] == [[str(tmp_path)], ["/x"], []]
    assert not any(one.declared for one in stores)
    assert stores[-1].converge(WANTED) == []
