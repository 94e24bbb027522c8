# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of NSS (cert9.db): Chromium's and Chrome's of each user, Firefox's of each profile.

certutil does all of it, as the user whom the database belongs to: root would follow the user's links, and leave files
behind that the user cannot write. Standard library only.
"""

from __future__ import annotations

import glob
import os
import pwd
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...errors import TrustAnchorError
from ...host.accounts import is_roots_alone
from ...host.commands import run
from ...host.files import ids
from ...host.pem import fingerprints
from ..root import Root
from .base import PREFIX, StoreFinding, Wanted, compared, entry_name
from .cache import Cache
from .kind import PASSWORD_FILE, Declared, StoreKind, entries, paths

TIMEOUT = 20.0  # seconds for one certutil
_TRUST = "C,,"  # a CA for servers' certificates (certutil(1), trust arguments)
_LISTED = re.compile(r"^(.*?)\s+([a-zA-Z]*,[a-zA-Z]*,[a-zA-Z]*)\s*$", re.MULTILINE)
# Below a user's home: Chromium's and Chrome's, the same as a snap, and Firefox's profiles.
_IN_HOMES = (
    ".pki/nssdb",
    "snap/chromium/current/.pki/nssdb",
    ".mozilla/firefox/*",
    "snap/firefox/common/.mozilla/firefox/*",
)
_PER_PATTERN = 20  # databases of one user; nobody has so many profiles


@dataclass
class NssDatabase:
    """One database.

    Args:
        path: its directory.
        name: for people.
        password_file: file that its owner can read with the database's password; empty: it has none.
        owner: whom a database that has to be made will belong to; empty: it must be there.
        declared: by the operator.
        account: user and group id whose it is; None: declared, so its `owner`, or who owns the directory.
    """

    path: str
    name: str
    cache: Cache = field(repr=False)
    password_file: str = ""
    owner: str = ""
    declared: bool = True
    account: tuple[int, int] | None = None

    @property
    def _file(self) -> str:
        return os.path.join(self.path, "cert9.db")

    def find(self, wanted: Wanted) -> list[StoreFinding]:
        """Compare what it trusts. What bears our name in it is ours."""
        if not os.path.exists(self._file) and self.owner:
            return [compared(self.name, self.path, (), wanted)]
        present = self.trusted()
        ours = {sha256 for sha256, nickname in present.items() if nickname.startswith(PREFIX)}
        return [compared(self.name, self.path, present, wanted, ours)]

    def trusted(self) -> dict[str, str]:
        """Fingerprint to nickname of each certificate that is trusted for servers.

        Raises:
            TrustAnchorError: there is no database, it cannot be read, or certutil is missing.
        """
        if not os.path.exists(self._file):
            raise TrustAnchorError(f"{self.path} has no NSS database", "cert9.db is expected there")
        cached = self.cache.get(self._file)
        return cached if cached is not None else self.cache.put(self._file, self._listed())

    def converge(self, wanted: Wanted) -> list[str]:
        """Add what is missing, then delete what must go.

        Certificates of one subject share a nickname, and a deletion takes any of them: so it may take several, and what
        was taken by mistake is added again.
        """
        if not os.path.exists(self._file):
            self._make()
        self._add_missing(wanted)
        for _certificate in self.trusted():
            (finding,) = self.find(wanted)
            if not finding.unwanted:
                break
            self._delete(self.trusted()[finding.unwanted[0]])
        self._add_missing(wanted)
        return []

    def writes(self, _wanted: Wanted) -> list[str]:
        """The databases of certificates and of keys."""
        return [os.path.join(self.path, name) for name in ("cert9.db", "key4.db", "pkcs11.txt")]

    def _add_missing(self, wanted: Wanted) -> None:
        (finding,) = self.find(wanted)
        for root in wanted.roots:
            if root.sha256 in finding.missing:
                self._add(root)

    def _make(self) -> None:
        run(["mkdir", "-p", "-m", "0700", self.path], account=ids(self.owner, self.owner))
        self._certutil("-N", *(["-f", self.password_file] if self.password_file else ["--empty-password"]))

    def _listed(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for nickname, flags in _LISTED.findall(self._certutil("-L")):
            if "C" in flags.partition(",")[0]:
                pem = self._certutil("-L", "-n", nickname, "-a")
                found.update(dict.fromkeys(sorted(fingerprints(pem)), nickname))
        return found

    def _add(self, root: Root) -> None:
        secret = ["-f", self.password_file] if self.password_file else []
        self._certutil("-A", "-n", entry_name(root.sha256), "-t", _TRUST, "-a", *secret, stdin=root.pem.encode())

    def _delete(self, nickname: str) -> None:
        secret = ["-f", self.password_file] if self.password_file else []
        self._certutil("-D", "-n", nickname, *secret)

    def _certutil(self, *arguments: str, stdin: bytes = b"") -> str:
        if not shutil.which("certutil"):
            raise TrustAnchorError(
                "the program certutil is missing", f"{self.path} is a database of NSS", "Install libnss3-tools"
            )
        command = ["certutil", *arguments, "-d", f"sql:{self.path}"]
        return run(command, stdin=stdin, timeout=TIMEOUT, account=self._account()).stdout.decode(errors="replace")

    def _account(self) -> tuple[int, int] | None:
        """Who runs certutil; None for root, and only where nobody else can exchange what root would then open.

        certutil loads modules that the database names, so whose it is does not depend on what lies there.
        """
        account = self.account or self._declared_account()
        if account[0] != os.geteuid():
            return account
        if os.geteuid() == 0 and not is_roots_alone(self.path):
            raise TrustAnchorError(f"{self.path} can be changed by users other than root", "root does not work there")
        return None

    def _declared_account(self) -> tuple[int, int]:
        if self.owner:
            return ids(self.owner, self.owner)
        state = os.lstat(self.path)
        return state.st_uid, state.st_gid


def discover(cache: Cache) -> Iterator[NssDatabase]:
    """The databases in the homes of users."""
    seen = set()
    for account in pwd.getpwall():
        if account.pw_dir in ("", "/") or not os.path.isdir(account.pw_dir):
            continue
        for pattern in _IN_HOMES:
            for path in sorted(glob.glob(f"{glob.escape(account.pw_dir)}/{pattern}"))[:_PER_PATTERN]:
                if os.path.exists(f"{path}/cert9.db") and os.path.realpath(path) not in seen:
                    seen.add(os.path.realpath(path))
                    owner = (account.pw_uid, account.pw_gid)
                    yield NssDatabase(path, f"nss {path}", cache, declared=False, account=owner)


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
    discover=discover,
    writable=paths,
    discovered_writable=lambda: ("/home", "/root"),  # never what was found: users name their directories
    example=({"path": "/srv/app/nssdb", "owner": "root"},),
)
