# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of NSS that are declared; those of users are found by `user_databases`.

certutil does all of it, as whoever the database belongs to: root would follow the user's links, run the modules that
the database names, and leave files behind that the user cannot write. Standard library only.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ...errors import TrustAnchorError
from ...host import children
from ...host.files import ids
from . import user_databases
from .base import Certificates, StoreFinding, Wanted, compared
from .cache import Cache, identity
from .certutil import Certutil, Database
from .kind import PASSWORD_FILE, Declared, StoreKind, entries, paths

SECONDS = 60.0  # for one child
_NOBODYS_GROUP = 65534


@dataclass
class NssDatabase:
    """One declared database.

    Args:
        path: its directory.
        name: for people.
        password_file: file that its owner can read with the database's password; empty: it has none.
        owner: whom a database that has to be made will belong to; empty: it must be there, and works as its owner.
    """

    path: str
    name: str
    cache: Cache = field(repr=False)
    password_file: str = ""
    owner: str = ""
    declared: bool = True
    user: int | None = None

    @property
    def _file(self) -> str:
        return os.path.join(self.path, "cert9.db")

    def find(self, wanted: Wanted) -> list[StoreFinding]:
        """Compare what it trusts, by fingerprint."""
        if not os.path.exists(self._file) and self.owner:
            return [compared(self.name, self.path, {}, wanted)]
        return [compared(self.name, self.path, self.trusted(), wanted)]

    def trusted(self) -> Certificates:
        """Each certificate that is trusted for servers.

        Raises:
            TrustAnchorError: there is no database, it cannot be read, or certutil is missing.
        """
        if not os.path.exists(self._file):
            raise TrustAnchorError(f"{self.path} has no NSS database", "cert9.db is expected there")
        cached = self.cache.get(self._file)
        if cached is None:
            file = identity(self._file)
            read = user_databases.read_certificates(self._as_owner(user_databases.told))
            cached = self.cache.keep(self._file, file, *read)
        return cached.certificates

    def converge(self, wanted: Wanted) -> list[str]:
        """Add what is missing, then delete what must go; make it where it is absent."""
        absent = not os.path.exists(self._file)

        def work(database: Database) -> None:
            if absent:
                database.make()
            database.converge(wanted)

        self._as_owner(work, absent)
        return []

    def writes(self, _wanted: Wanted) -> list[str]:
        """The databases of certificates and of keys."""
        return [os.path.join(self.path, name) for name in ("cert9.db", "key4.db", "pkcs11.txt")]

    def _as_owner(self, work: Callable[[Database], Any], absent: bool = False) -> Any:
        uid, gid = self._account()

        def with_database() -> Any:
            database = Database(self.path, Certutil(SECONDS, _home(uid)), self.password_file)
            if not absent:
                database.require_alone()
            return work(database)

        return children.call(with_database, SECONDS, (uid, gid))

    def _account(self) -> tuple[int, int]:
        if self.owner:
            return ids(self.owner, self.owner)
        uid = os.lstat(self.path).st_uid
        return uid, _group(uid)


def _group(uid: int) -> int:
    """The account's own group, and not the directory's: that is often root's, and certutil loads modules of the owner's
    choice, which would have that group's rights."""
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return _NOBODYS_GROUP


def _home(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_dir
    except KeyError:
        return "/nonexistent"


def _open(declared: Declared, cache: Cache) -> list[NssDatabase]:
    filled = [KIND.filled(entry) for entry in declared]
    return [
        NssDatabase(one["path"], f"nss {one['path']}", cache, password_file=one["password_file"], owner=one["owner"])
        for one in filled
    ]


KIND = StoreKind(
    name="NSS database",
    option="nss_databases",
    spec=entries(password_file=PASSWORD_FILE, owner={"type": "str"}),
    open=_open,
    discover=user_databases.discover,
    writable=paths,
    discovered_writable=lambda: ("/home", "/root"),  # never what was found: users name their directories
    example=({"path": "/srv/app/nssdb", "owner": "root"},),
)
