# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of NSS in the homes of users: Chromium's and Chrome's, and Firefox's of each profile.

All that is done in a home is done by one child process that belongs to its user and has a wall clock: it looks for
databases, has certutil read them, and answers with data that is checked here. Users share the time that a host has for
them, so none can use it up for the others. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...errors import TrustAnchorError
from ...host import children, homes
from ...host.homes import Home
from ...text.document import visible
from .base import UNKNOWN, StoreFinding, Wanted, compared
from .cache import Cache, Entries, identity
from .certutil import Certutil, Database
from .kind import Declared, paths

HOST_SECONDS = 90.0  # for all users of a host together, in one run
USER_SECONDS = 15.0  # for one child of one user
LEAST_SECONDS = 4.0  # of a child, however many users there are
_HOMES_SECONDS = 10.0  # to list the homes
MOST_DATABASES = 20  # of one user; nobody has so many profiles
_MOST_ENTRIES = 1000  # of a directory in which profiles are
_MOST_CERTIFICATES = 1000  # that one database trusts
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WHY = 300  # characters
# Below a home: Chromium's and Chrome's, and Firefox's profiles, newer ones in XDG's directories; also as a snap or a
# flatpak, which has XDG's directories of its own. A star stands for each entry of a directory.
IN_HOMES = (
    ".pki/nssdb",
    ".local/share/pki/nssdb",
    "snap/chromium/current/.pki/nssdb",
    ".mozilla/firefox/*",
    ".config/mozilla/firefox/*",
    "snap/firefox/common/.mozilla/firefox/*",
    "snap/firefox/common/.config/mozilla/firefox/*",
    "snap/firefox/current/.config/mozilla/firefox/*",
    ".var/app/org.mozilla.firefox/.mozilla/firefox/*",
    ".var/app/org.mozilla.firefox/config/mozilla/firefox/*",
    ".var/app/org.chromium.Chromium/.pki/nssdb",
    ".var/app/org.chromium.Chromium/data/pki/nssdb",
    ".var/app/com.google.Chrome/.pki/nssdb",
    ".var/app/com.google.Chrome/data/pki/nssdb",
)


class Budget:
    """The time that is left for the users of a host, in equal shares for those who have not had theirs."""

    def __init__(self, seconds: float, users: int) -> None:
        self.left, self.waiting = seconds, users

    @contextlib.contextmanager
    def share(self) -> Iterator[float]:
        """Seconds that the next user may take; what the block takes is gone.

        Raises:
            TrustAnchorError: nothing is left.
        """
        if self.left <= 0:
            raise TrustAnchorError(
                f"the databases of users took more than {HOST_SECONDS:.0f} seconds together", "", "Run again"
            )
        fair = self.left / max(1, self.waiting)
        began = time.monotonic()
        try:
            yield min(USER_SECONDS, max(LEAST_SECONDS, fair))
        finally:
            self.left -= time.monotonic() - began
            self.waiting -= 1


@dataclass
class UserDatabases:
    """All databases of one user: one child measures or converges them together.

    Args:
        home: of the user.
        cache: what was read before.
        budget: shared by all users of the host.
        but: paths that are declared, and so not found.
        unmeasured: paths of databases that could not be looked at: nothing is tried there.
    """

    home: Home
    cache: Cache
    budget: Budget
    but: frozenset[str] = frozenset()
    declared: bool = False
    unmeasured: set[str] = field(default_factory=set, init=False)

    @property
    def name(self) -> str:
        """For people; a name may hold anything."""
        return f"nss of {visible(self.home.name) or self.home.uid}"

    @property
    def path(self) -> str:
        """The home."""
        return self.home.path

    @property
    def user(self) -> int | None:
        """Nobody else reads them."""
        return self.home.uid

    def find(self, wanted: Wanted) -> list[StoreFinding]:
        """Compare what each trusts, by fingerprint: a name is whatever its user gave."""
        found = _list_of(self._in_child(self._measured), 2 * MOST_DATABASES)
        return [self._finding(_mapping(one), wanted) for one in found]

    def converge(self, wanted: Wanted) -> list[str]:
        """Add what is missing, then delete what must go, in each.

        Raises:
            TrustAnchorError: it could not be done in one of them.
        """
        faults = _list_of(self._in_child(lambda seconds: self._converged(wanted, seconds)), MOST_DATABASES)
        if faults:
            raise TrustAnchorError("; ".join(_text(fault) for fault in faults))
        return []

    def writes(self, _wanted: Wanted) -> list[str]:
        """Below the home."""
        return [self.home.path]

    def _in_child(self, function: Callable[[float], Any]) -> Any:
        with self.budget.share() as seconds:
            return children.call(lambda: function(seconds), seconds, (self.home.uid, self.home.gid))

    def _finding(self, said: Mapping[str, Any], wanted: Wanted) -> StoreFinding:
        """What the child said of one database.

        Raises:
            TrustAnchorError: it is not what a child of ours says.
        """
        path = said.get("path")
        if not isinstance(path, str) or os.path.normpath(path) != path or not f"{path}/".startswith(f"{self.path}/"):
            raise TrustAnchorError(f"a process of user {self.home.uid} said what is not an answer")
        name = f"nss {visible(path)}"
        if "why" in said:
            self.unmeasured.add(path)
            return StoreFinding(name, visible(path), UNKNOWN, why=_text(said["why"]))
        read = read_certificates(said.get("trusted"))
        kept = self.cache.keep(os.path.join(path, "cert9.db"), _identity(said.get("file")), *read)
        return compared(name, visible(path), kept.certificates, wanted)

    # The rest runs in the child.

    def _measured(self, seconds: float) -> list[dict[str, Any]]:
        certutil = Certutil(seconds * 0.9, self.path)
        paths, more = databases(self.path, self.but)
        found = [self._measured_one(Database(path, certutil)) for path in paths]
        if more:
            why = f"{more} more databases are not looked at: {MOST_DATABASES} of one user are"
            found.append({"path": self.path, "why": why})
        return found

    def _measured_one(self, database: Database) -> dict[str, Any]:
        file = os.path.join(database.path, "cert9.db")
        try:
            database.require_alone()
            before = identity(file)
            cached = self.cache.get(file)
            trusted = told(database) if cached is None else list(map(list, cached.certificates.items()))
            return {"path": database.path, "file": before, "trusted": trusted}
        except TrustAnchorError as error:
            return {"path": database.path, "why": str(error)}
        except OSError as error:
            return {"path": database.path, "why": error.strerror or str(error)}

    def _converged(self, wanted: Wanted, seconds: float) -> list[str]:
        certutil = Certutil(seconds * 0.9, self.path)
        faults = []
        for path in databases(self.path, self.but)[0]:
            if path in self.unmeasured:
                continue
            database = Database(path, certutil)
            try:
                database.require_alone()
                database.converge(wanted)
            except TrustAnchorError as error:
                faults.append(f"{visible(path)}: {error}")
            except OSError as error:
                faults.append(f"{visible(path)}: {error.strerror or error}")
        return faults


@dataclass
class Unlooked:
    """Databases in homes in which nothing is done: they are named, with the reason.

    Args:
        homes: these.
        but: paths that are declared, and so not found.
    """

    homes: Sequence[Home]
    but: frozenset[str]
    name: str = "nss of others"
    path: str = "/home"
    declared: bool = False
    user: int | None = None

    def find(self, _wanted: Wanted) -> list[StoreFinding]:
        """Root looks only whether there is one."""
        found = children.call(self._present, _HOMES_SECONDS)
        return [
            StoreFinding(f"nss {visible(path)}", visible(path), UNKNOWN, why=f"not looked at: {visible(why)}{_TODO}")
            for path, why in found
        ]

    def converge(self, _wanted: Wanted) -> list[str]:
        """Nothing."""
        return []

    def writes(self, _wanted: Wanted) -> list[str]:
        """Nothing."""
        return []

    def _present(self) -> list[tuple[str, str]]:
        return [(path, home.refused) for home in self.homes for path in databases(home.path, self.but)[0]]


_TODO = ". Declare it with its owner if it is in use."


def databases(home: str, but: Collection[str] = ()) -> tuple[list[str], int]:
    """Paths of the databases in a home, and how many more there are.

    Args:
        home: path.
        but: paths that are left out.
    """
    found: dict[str, str] = {}
    for pattern in IN_HOMES:
        for path in _matches(home, pattern):
            if os.path.lexists(f"{path}/cert9.db"):
                found.setdefault(os.path.realpath(path), path)
    listed = [path for real, path in found.items() if path not in but and real not in but]
    return listed[:MOST_DATABASES], len(listed[MOST_DATABASES:])


def _matches(home: str, pattern: str) -> Iterable[str]:
    folder, _slash, last = f"{home}/{pattern}".rpartition("/")
    if last != "*":
        return [f"{folder}/{last}"]
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.path for _number, entry in zip(range(_MOST_ENTRIES), entries, strict=False))
    except OSError:
        return []


def discover(cache: Cache, declared: Declared) -> Iterator[UserDatabases | Unlooked]:
    """One store for each ordinary user who has a home, and one for all others together.

    Raises:
        TrustAnchorError: the homes cannot be listed in time.
    """
    listed = [Home(**one) for one in children.call(lambda: [vars(home) for home in homes.listed()], _HOMES_SECONDS)]
    but = frozenset(paths(declared))
    users = [home for home in listed if not home.refused]
    budget = Budget(HOST_SECONDS, len(users))
    for home in users:
        yield UserDatabases(home, cache, budget, but)
    yield Unlooked([home for home in listed if home.refused], but)


def told(database: Database) -> list[list[str]]:
    """What a child says of a database: pairs of a fingerprint and who issued that certificate, as a digest or empty."""
    return [[sha256, issuer] for sha256, (_nickname, issuer) in database.trusted().items()]


def read_certificates(value: Any) -> tuple[Entries, Entries]:
    """What `told` has said, as `Contents` has it.

    Raises:
        TrustAnchorError: it is something else, or too long.
    """
    found = _list_of(value, _MOST_CERTIFICATES)
    if not all(map(_is_pair, found)):
        raise TrustAnchorError("a child process said what is not an answer", "fingerprints are expected")
    return {sha256: "" for sha256, _issuer in found}, {sha256: issuer for sha256, issuer in found if issuer}


def _is_pair(value: Any) -> bool:
    texts = isinstance(value, list) and len(value) == 2 and all(isinstance(one, str) for one in value)
    return bool(texts and _SHA256.fullmatch(value[0]) and (not value[1] or _SHA256.fullmatch(value[1])))


def _list_of(value: Any, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise TrustAnchorError(
            "a child process said what is not an answer", f"a list of at most {most} entries is expected"
        )
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TrustAnchorError("a child process said what is not an answer", "a mapping is expected")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TrustAnchorError("a child process said what is not an answer", "a text is expected")
    return visible(value[:_WHY])


def _identity(value: Any) -> list[int] | None:
    good = (
        isinstance(value, list)
        and len(value) == 5
        and all(isinstance(one, int) and not isinstance(one, bool) for one in value)
    )
    return value if good else None
