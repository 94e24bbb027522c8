# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print what every file of this host is: kind and mode, owner, size, time of change, target of a link."""

import json
import os
import sys

# Not part of the disk, or changed by any login: kernel file systems, run-time state, logs, caches, what Ansible and
# ssh leave in root's home, and the clock's stamp of systemd-timesyncd.
VOLATILE = (
    "/proc",
    "/sys",
    "/dev",
    "/run",
    "/tmp",
    "/var/tmp",
    "/var/log",
    "/var/cache",
    "/root/.ansible",
    "/var/lib/systemd/timers",
    "/var/lib/systemd/random-seed",
)


def describe(path):
    """The facts that a write to a file changes. A directory's own times and size are left out: its entries count."""
    state = os.lstat(path)
    facts = [oct(state.st_mode), state.st_uid, state.st_gid]
    if os.path.islink(path):
        return [*facts, os.readlink(path)]
    return facts if os.path.isdir(path) else [*facts, state.st_size, state.st_mtime_ns]


def walk():
    """All paths but the volatile ones."""
    for top, directories, names in os.walk("/"):
        directories[:] = [name for name in directories if os.path.join(top, name) not in VOLATILE]
        yield from (os.path.join(top, name) for name in [*directories, *names])


json.load(sys.stdin)
found = {}
for path in walk():
    try:
        found[path] = describe(path)
    except FileNotFoundError:
        pass  # it went away meanwhile
json.dump(found, sys.stdout)
