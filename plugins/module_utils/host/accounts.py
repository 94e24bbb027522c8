# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do something as another user. Standard library only.

Root that writes below a directory of a user follows the links that the user puts there; the user's own process can
reach nothing that the user could not reach anyway.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable

from ..errors import TrustAnchorError
from .files import ids


def run_as(owner: str, group: str, act: Callable[[], None]) -> None:
    """Call a function in a child process that belongs to a user and group, and has no further groups.

    Args:
        owner: user name; for the user that runs this it is called here.
        group: group name.
        act: what to do; nothing of its result but its fault comes back.

    Raises:
        TrustAnchorError: what ``act`` raised, or the child ended otherwise.
    """
    uid, gid = ids(owner, group)
    if uid == os.geteuid():
        act()
        return
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        _in_child(uid, gid, act, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as said:
        fault = said.read()
    _pid, status = os.waitpid(child, 0)
    if fault:
        raise TrustAnchorError(**json.loads(fault))
    if status:
        raise TrustAnchorError(f"a process of {owner} ended with status {status}")


def _in_child(uid: int, gid: int, act: Callable[[], None], writer: int) -> None:
    """Never returns: what stands behind it in the program is the parent's."""
    status = 1
    try:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        act()
        status = 0
    except TrustAnchorError as error:
        os.write(writer, json.dumps(error.as_dict()).encode())
        status = 0
    except OSError as error:
        fault = TrustAnchorError(str(error.filename or "a system call failed"), error.strerror or str(error))
        os.write(writer, json.dumps(fault.as_dict()).encode())
        status = 0
    finally:
        sys.stdout.flush()
        os._exit(status)


def is_roots_alone(path: str) -> bool:
    """Whether only root can change a file, and each directory on the way to it."""
    place = os.path.realpath(path)
    while True:
        state = os.lstat(place)
        if state.st_uid != 0 or (state.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not state.st_mode & stat.S_ISVTX):
            return False
        if place == "/":
            return True
        place = os.path.dirname(place)
