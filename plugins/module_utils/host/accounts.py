# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do something as another user. Standard library only.

Root that works below a directory of a user follows the links that the user puts there, at any moment; the user's own
process can reach nothing that the user could not reach anyway.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Callable

from ..errors import TrustAnchorError
from . import children

TIMEOUT = 60.0  # seconds for a child; its user can stop it
_LINKS = 40  # as many as Linux follows on one path (path_resolution(7))


def run_as(uid: int, gid: int, function: Callable[[], None]) -> None:
    """Call a function in a child process that belongs to a user and group, and has no further groups.

    Args:
        uid: user id; for the user that runs this it is called here.
        gid: group id.
        function: called without arguments; nothing of its result but its fault comes back.

    Raises:
        TrustAnchorError: what ``function`` raised, or the child ended otherwise, or did not end.
    """
    if uid == os.geteuid():
        function()
        return
    children.call(function, TIMEOUT, (uid, gid))


def is_roots_alone(path: str) -> bool:
    """Whether only root can change what a path leads to; see `is_alone`."""
    return is_alone(path, 0)


def is_alone(path: str, uid: int, *, groups: bool = True) -> bool:
    """Whether only root and one user can change what a path leads to: each directory and link on the way is theirs.

    A user's private group (the umask 002 of Debian and Ubuntu goes with it) is the user. What is missing at the end of
    the path does not matter.

    Args:
        path: absolute.
        uid: of the user.
        groups: whether a group that may write counts as somebody else.
    """
    rest, current, links = [part for part in path.split("/") if part], "/", 0
    while True:
        state = _lstat(current)
        if state is None:
            return True
        if state.st_uid not in (0, uid):
            return False
        if stat.S_ISLNK(state.st_mode):
            links += 1
            if links > _LINKS:
                return False
            target = os.readlink(current)
            rest = [*(part for part in target.split("/") if part), *rest]
            current = "/" if target.startswith("/") else os.path.dirname(current)
        elif _others_write(state, uid, groups) and not state.st_mode & stat.S_ISVTX:
            return False
        if not rest:
            return not stat.S_ISLNK(state.st_mode) or is_alone(current, uid, groups=groups)
        step = rest.pop(0)
        current = os.path.dirname(current) if step == ".." else os.path.join(current, step)


def _others_write(state: os.stat_result, uid: int, groups: bool = True) -> bool:
    by_group = groups and state.st_mode & stat.S_IWGRP and not _is_private(state.st_gid, uid)
    return bool(state.st_mode & stat.S_IWOTH or by_group)


def _is_private(gid: int, uid: int) -> bool:
    """Whether a group is that of one ordinary user alone: called like the user, and nobody else's."""
    if uid == 0:
        return False
    try:
        user, group = pwd.getpwuid(uid), grp.getgrgid(gid)
    except KeyError:
        return False
    others = [one.pw_name for one in pwd.getpwall() if one.pw_gid == gid and one.pw_uid != uid]
    members = set(group.gr_mem) - {user.pw_name}
    return group.gr_name == user.pw_name and user.pw_gid == gid and not members and not others


def _lstat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def writer_of(path: str) -> tuple[int, int]:
    """User and group id of who is to write a file: root where only root can change the way to it, else its directory's
    owner. That is root, too, where only a group of root's choice can change the way.

    Raises:
        TrustAnchorError: the directory cannot be looked at; or it is root's, and somebody else can put another one, or
            a link to one, in its place.
    """
    directory = os.path.dirname(path)
    if is_roots_alone(directory):
        return os.geteuid(), os.getegid()
    try:
        state = os.stat(directory)
    except OSError as error:
        raise TrustAnchorError(f"cannot look into {directory}", error.strerror or str(error)) from error
    if state.st_uid == 0 and not is_alone(directory, 0, groups=False):
        raise _led_astray(path)
    return state.st_uid, state.st_gid


def writer_through(path: str) -> tuple[int, int]:
    """As `writer_of`, of who is to write what a link leads to: whoever can turn the link to something else.

    Raises:
        TrustAnchorError: as `writer_of`; or neither the link nor what it leads to is in a directory of who can.
    """
    target = os.path.realpath(path)
    if os.geteuid() != 0 or is_alone(path, 0, groups=False):
        return writer_of(target)
    for one in (path, target):
        writer = writer_of(one)
        if writer[0] != 0:
            return writer
    raise _led_astray(path)


def _led_astray(path: str) -> TrustAnchorError:
    return TrustAnchorError(
        f"somebody other than root decides where {path} leads",
        "root would write to a place of their choice",
        "Let the directory belong to them, or all that leads there to root",
    )
