# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print what every file of this host is: kind and mode, owner, size, time of change, target of a link."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator

# Kernel file systems, run-time state, logs and caches; what Ansible leaves in root's home; systemd's own stamps.
VOLATILE = (
    *("/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/var/log", "/var/cache"),  # noqa: S108
    *("/root/.ansible", "/var/lib/systemd"),
)


def describe(path: str) -> list[str | int]:
    """The facts that a write changes. Of a directory, its entries count and not its own size and times."""
    state = os.lstat(path)
    facts: list[str | int] = [oct(state.st_mode), state.st_uid, state.st_gid]
    if os.path.islink(path):
        return [*facts, os.readlink(path)]
    return facts if os.path.isdir(path) else [*facts, state.st_size, state.st_mtime_ns]


def walk() -> Iterator[str]:
    """All paths but the volatile ones."""
    for top, directories, names in os.walk("/"):
        directories[:] = [name for name in directories if os.path.join(top, name) not in VOLATILE]
        yield from (os.path.join(top, name) for name in [*directories, *names])


found = {}
for path in walk():
    with contextlib.suppress(FileNotFoundError):  # it went away meanwhile
        found[path] = describe(path)
json.dump(found, sys.stdout)
