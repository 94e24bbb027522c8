# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One database of NSS (cert9.db) by certutil, in a process of whoever it belongs to.

Whose it is decides what certutil says and how long it takes: a database names modules that certutil loads, and holds
any bytes as names. So all of it has a limit, and whoever calls this does so in a child process with a wall clock.
Standard library only.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from ...errors import TrustAnchorError
from ...host import limited
from ...host.accounts import is_alone
from ...host.pem import issuers
from ..root import Root
from .base import Wanted, entry_name

CALL_SECONDS = 5.0  # for one certutil, which takes some milliseconds
MOST_CALLS = 1000  # of one child: one for each trusted certificate, of which browsers have few
MOST_BYTES = 4 << 20  # that one certutil prints
_TRUST = "C,,"  # a CA for servers' certificates (certutil(1), trust arguments)
_FLAGS = re.compile(rb"[a-zA-Z]*,[a-zA-Z]*,[a-zA-Z]*")
_FILES = ("cert9.db", "key4.db", "pkcs11.txt")  # what certutil opens
_NAME_BYTES = 1000
Trusted = dict[str, tuple[bytes, str]]  # fingerprint to nickname and `der.foreign_issuer`


@dataclass
class Certutil:
    """The program, with the time and the calls that are left for one account.

    Args:
        seconds: for all calls together.
        home: of the account.
    """

    seconds: float
    home: str
    calls: int = field(default=MOST_CALLS, init=False)

    def __post_init__(self) -> None:
        self._end = time.monotonic() + self.seconds
        self._parent = os.getppid()

    def __call__(self, *arguments: str | bytes, stdin: bytes = b"") -> bytes:
        """What it prints.

        Raises:
            TrustAnchorError: it is missing, fails, prints too much; time or calls are used up.
        """
        if os.getppid() != self._parent:  # it was killed: the next run must not meet us here
            raise TrustAnchorError("who has started this process is gone")
        left = min(CALL_SECONDS, self._end - time.monotonic())
        if not self.calls or left <= 0:
            raise TrustAnchorError(f"more than {self.seconds:.0f} seconds or {MOST_CALLS} calls of certutil are needed")
        self.calls -= 1
        program = shutil.which("certutil", path=os.defpath)
        if program is None:
            raise TrustAnchorError("the program certutil is missing", "it reads NSS databases", "Install libnss3-tools")
        command = [program, *map(os.fsdecode, arguments)]
        return limited.run(command, {"PATH": os.defpath, "HOME": self.home}, stdin, left, MOST_BYTES)


@dataclass
class Database:
    """One database.

    Args:
        path: its directory.
        certutil: the program.
        password_file: with its password; empty: it has none.
    """

    path: str
    certutil: Certutil
    password_file: str = ""

    def require_alone(self) -> None:
        """Raises: TrustAnchorError: there is no database, or somebody other than root and this user can exchange it:
        who can has code of their own run as this user.
        """
        for name in _FILES:
            path = os.path.join(self.path, name)
            try:
                state = os.stat(path)
            except FileNotFoundError as error:
                if name == _FILES[0]:
                    raise TrustAnchorError(f"{self.path} has no NSS database", "cert9.db is expected there") from error
                continue
            if not stat.S_ISREG(state.st_mode):
                raise TrustAnchorError(f"{path} is not a regular file", "nothing waits for what is behind it")
            self._require_alone(path)

    def _require_alone(self, path: str) -> None:
        if not is_alone(path, os.geteuid()):
            raise TrustAnchorError(
                f"{self.path} can be changed by users other than its own and root",
                "they could have their code run as this user",
                "Correct owners and modes of all that leads there",
            )

    def trusted(self) -> Trusted:
        """Each certificate that is trusted for servers.

        Raises:
            TrustAnchorError: it cannot be read, or not within the limits.
        """
        found: Trusted = {}
        for nickname in self._nicknames():
            pem = self._run("-L", "-n", nickname, "-a").decode("ascii", errors="replace")
            found |= {sha256: (nickname, issuer) for sha256, issuer in sorted(issuers(pem).items())}
        return found

    def _nicknames(self) -> Iterable[bytes]:
        """Those of trusted certificates; those of one subject have the same. A line is its nickname and its flags."""
        found: dict[bytes, None] = {}
        for line in self._run("-L").split(b"\n"):
            nickname, _space, flags = line.rstrip().rpartition(b" ")
            if _FLAGS.fullmatch(flags) and b"C" in flags.partition(b",")[0]:
                found[_checked(nickname.rstrip())] = None
        return found

    def converge(self, wanted: Wanted) -> None:
        """Add what is missing, then delete what must go.

        A deletion takes any certificate of its nickname: so it may take several, and what was taken by mistake is added
        again.
        """
        present = self._with(wanted.roots, self.trusted())
        for _certificate in range(len(present)):
            unwanted = sorted(wanted.unwanted({sha256: issuer for sha256, (_name, issuer) in present.items()}))
            if not unwanted:
                break
            self._run("-D", "-n", present[unwanted[0]][0], *self._secret)
            present = self.trusted()
        self._with(wanted.roots, present)

    def make(self) -> None:
        """A new one.

        Raises:
            TrustAnchorError: as `require_alone`.
        """
        self._require_alone(self.path)
        os.makedirs(self.path, mode=0o700, exist_ok=True)
        self._run("-N", *(self._secret or ["--empty-password"]))

    def _with(self, roots: Collection[Root], present: Trusted) -> Trusted:
        """Add the roots that are missing; what is there then."""
        added = [root for root in roots if root.sha256 not in present]
        for root in added:
            options = ["-n", entry_name(root.sha256), "-t", _TRUST, "-a"]
            self._run("-A", *options, *self._secret, stdin=root.pem.encode())
        return self.trusted() if added else present

    @property
    def _secret(self) -> list[str]:
        return ["-f", self.password_file] if self.password_file else []

    def _run(self, verb: str, *arguments: str | bytes, stdin: bytes = b"") -> bytes:
        return self.certutil(verb, "-d", f"sql:{self.path}", *arguments, stdin=stdin)


def _checked(nickname: bytes) -> bytes:
    """Raises: TrustAnchorError: it is not one that certutil could be asked for."""
    if not nickname or b"\0" in nickname or len(nickname) > _NAME_BYTES:
        raise TrustAnchorError("a certificate has a name that nobody can ask for", "it cannot be looked at")
    return nickname
