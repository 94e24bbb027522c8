# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where browsers have their databases, by their own documentation, packages for Debian, snaps and flatpaks."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host.homes import Home
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import user_databases
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import Wanted
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.cache import Cache


@pytest.mark.parametrize(
    "path",
    [
        ".pki/nssdb",
        ".local/share/pki/nssdb",
        ".mozilla/firefox/x.default",
        ".config/mozilla/firefox/x.default",
        "snap/chromium/current/.pki/nssdb",
        "snap/firefox/common/.mozilla/firefox/x.default",
        "snap/firefox/common/.config/mozilla/firefox/x.default",
        "snap/firefox/current/.config/mozilla/firefox/x.default",
        ".var/app/org.mozilla.firefox/.mozilla/firefox/x.default",
        ".var/app/org.mozilla.firefox/config/mozilla/firefox/x.default",
        ".var/app/org.chromium.Chromium/.pki/nssdb",
        ".var/app/org.chromium.Chromium/data/pki/nssdb",
        ".var/app/com.google.Chrome/.pki/nssdb",
        ".var/app/com.google.Chrome/data/pki/nssdb",
    ],
)
def test_a_database_is_found_where_a_browser_has_it(tmp_path: Path, path: str) -> None:
    (tmp_path / path).mkdir(parents=True)
    (tmp_path / path / "cert9.db").touch()
    assert user_databases.databases(str(tmp_path)) == ([f"{tmp_path}/{path}"], 0)


@pytest.mark.parametrize(("name", "called"), [("ada", "nss of ada"), ("", "nss of 47110"), ("a\x1b[2J", "nss of a")])
def test_how_a_users_databases_are_called(name: str, called: str) -> None:
    store = user_databases.UserDatabases(
        Home("/home/ada", name, 47110, 47110), Cache(), user_databases.Budget(60.0, 1), frozenset()
    )
    assert store.name.startswith(called)
    assert "\x1b" not in store.name
    assert (store.path, store.user, store.declared) == ("/home/ada", 47110, False)


def test_what_is_not_looked_at_was_not_declared() -> None:
    """So its state fails no host."""
    assert not user_databases.Unlooked((), frozenset()).declared


@pytest.mark.parametrize("why", ["it is damaged", None])
def test_nothing_is_tried_in_a_database_that_could_not_be_looked_at(why: str | None) -> None:
    store = user_databases.UserDatabases(
        Home("/home/ada", "ada", 1, 1), Cache(), user_databases.Budget(60.0, 1), frozenset()
    )
    path = "/home/ada/.pki/nssdb"
    said = {"path": path, "why": why} if why else {"path": path, "trusted": [], "file": [0, 0, 0, 0, 0]}
    store._finding(said, Wanted(()))
    assert (path in store.unmeasured) is bool(why)
