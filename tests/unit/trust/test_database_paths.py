# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where browsers have their databases, by their own documentation, packages for Debian, snaps and flatpaks."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import user_databases


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
