# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the trust stores that a host has beside the system's. Standard library only."""

from __future__ import annotations

import glob
import os
import pwd
from collections.abc import Iterator

from . import java
from .cache import Cache
from .java import Keystore
from .nss import NssDatabase

# Debian's and other packages' JDKs, and archives that were unpacked by hand; lib/security since JDK 9, jre before.
_JDKS = ("/usr/lib/jvm/*", "/opt/*", "/opt/*/*", "/usr/local/*")
_CACERTS = ("lib/security/cacerts", "jre/lib/security/cacerts")
# Below a user's home: Chromium's and Chrome's, the same as a snap, and Firefox's profiles.
_NSS = (
    ".pki/nssdb",
    "snap/chromium/current/.pki/nssdb",
    ".mozilla/firefox/*",
    "snap/firefox/common/.mozilla/firefox/*",
)
_PER_PATTERN = 20  # databases of one user; nobody has so many profiles


def debian_keystores(cache: Cache) -> list[Keystore]:
    """Debian's Java store, where there is one: it belongs to the system."""
    return [Keystore(java.DEBIAN, "java", cache)] if os.path.exists(java.DEBIAN) else []


def keystores(cache: Cache) -> Iterator[Keystore]:
    """That of each JDK that has one of its own, and does not share Debian's."""
    seen = {os.path.realpath(java.DEBIAN)}
    for path in sorted(path for top in _JDKS for name in _CACERTS for path in glob.glob(f"{top}/{name}")):
        if os.path.realpath(path) not in seen:
            seen.add(os.path.realpath(path))
            yield Keystore(path, f"java {path}", cache, declared=False)


def nss_databases(cache: Cache) -> Iterator[NssDatabase]:
    """The databases in the homes of users."""
    seen = set()
    for account in pwd.getpwall():
        if account.pw_dir in ("", "/") or not os.path.isdir(account.pw_dir):
            continue
        for pattern in _NSS:
            for path in sorted(glob.glob(f"{glob.escape(account.pw_dir)}/{pattern}"))[:_PER_PATTERN]:
                if os.path.exists(f"{path}/cert9.db") and os.path.realpath(path) not in seen:
                    seen.add(os.path.realpath(path))
                    owner = (account.pw_uid, account.pw_gid)
                    yield NssDatabase(path, f"nss {path}", cache, declared=False, account=owner)
