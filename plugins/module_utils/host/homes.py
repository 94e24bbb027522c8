# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The homes of a host: those of ordinary users, as whom something may be done, and all others, with the reason.

Directory services often list nobody (sssd: ``enumerate = false``), so homes that exist count, too. Standard library
only.
"""

from __future__ import annotations

import os
import pwd
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace

ROOTS = ("/home",)  # homes are in these, or in directories of root in these, one for each domain
LOGIN = "/etc/login.defs"
_MOST = 20_000  # entries of one directory
_FIRST = 1000  # uid of the first ordinary account, where login.defs(5) does not say
# Uids that are nobody's: those of services with DynamicUser= (systemd.exec(5)), nobody and the like.
_NOBODYS = (range(61184, 65520), range(65534, 65536), range(2**32 - 2, 2**32))


@dataclass(frozen=True)
class Home:
    """One home.

    Args:
        path: absolute.
        name: of its account, empty where none is known.
        uid: user id of the account.
        gid: its group.
        refused: why nothing is done there; empty: it may be done as this account.
    """

    path: str
    name: str
    uid: int
    gid: int
    refused: str = ""


def listed() -> list[Home]:
    """All homes, one entry for each directory.

    It asks the name service and looks at directories of others, so it is called with a wall clock.
    """
    first = first_uid()
    found: dict[str, Home] = {}
    for account in pwd.getpwall():
        home = _of_account(account, first)
        if home and (home.path not in found or found[home.path].refused):
            found[home.path] = home
    for path, uid in _below_roots(set(found)):
        found.setdefault(path, _of_owner(path, uid, first))
    return list(found.values())


def _of_account(account: pwd.struct_passwd, first: int) -> Home | None:
    """The home that an account is said to have; None where nothing can be there."""
    path = os.path.normpath(account.pw_dir)
    if not path.startswith("/") or path == "/":
        return None
    home = Home(path, account.pw_name, account.pw_uid, account.pw_gid)
    try:
        owner = os.stat(f"{path}/").st_uid
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return replace(home, refused=f"{path} cannot be looked at: {error.strerror}")
    refused = _refused(home, first)
    if not refused and owner not in (0, account.pw_uid):
        refused = f"the home of {account.pw_name} belongs to user {owner}"
    return replace(home, refused=refused)


def _refused(home: Home, first: int) -> str:
    if home.uid == 0 or (home.uid >= first and not any(home.uid in these for these in _NOBODYS)):
        return ""
    return f"{home.name} is a system account, as which nothing is run that was found"


def _below_roots(known: set[str]) -> Iterator[tuple[str, int]]:
    """Path and owner of each directory that is a home by where it is."""
    for root in ROOTS:
        for path, uid in _directories(root):
            if path in known or uid != 0:
                yield path, uid
            elif _is_of_root_alone(path):  # and nobody's home: perhaps that of a domain
                yield from ((below, owner) for below, owner in _directories(path) if owner != 0)


def _is_of_root_alone(path: str) -> bool:
    """Whether nobody else makes directories in it: a user would make thousands of homes in what is for everybody."""
    try:
        return not os.lstat(path).st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    except OSError:
        return False


def _directories(parent: str) -> Iterator[tuple[str, int]]:
    try:
        with os.scandir(parent) as entries:
            names = sorted(entry.name for _number, entry in zip(range(_MOST), entries, strict=False))
    except OSError:
        return
    for name in names:
        path = os.path.join(parent, name)
        try:
            state = os.lstat(path)
        except OSError:
            continue
        if stat.S_ISDIR(state.st_mode):
            yield path, state.st_uid


def _of_owner(path: str, uid: int, first: int) -> Home:
    """The home of whoever owns a directory."""
    try:
        account = pwd.getpwuid(uid)
    except KeyError:
        return Home(path, "", uid, uid, f"it belongs to user {uid}, who has no account")
    home = Home(path, account.pw_name, uid, account.pw_gid)
    return replace(home, refused=_refused(home, first))


def first_uid() -> int:
    """Uid from which on accounts are ordinary users' (login.defs(5), UID_MIN)."""
    try:
        with open(LOGIN, encoding="utf-8", errors="replace") as handle:
            found = re.findall(r"^UID_MIN\s+(\d+)\s*$", handle.read(1 << 20), re.MULTILINE)
    except OSError:
        return _FIRST
    return int(found[-1]) if found else _FIRST
