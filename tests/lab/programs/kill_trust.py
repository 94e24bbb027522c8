# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kill what Ansible runs on this host at a moment, and watch the trust stores until standard input ends.

Question: ``{"after": seconds}``; null kills nothing.
Answer: ``{"killed": bool, "lasted": seconds of what ran, "least": {store: fewest certificates that were seen}}``.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterable

CERTIFICATES = "/etc/ssl/certs"
HASH_LINK = re.compile(r"^[0-9a-f]{8}\.\d+$")


def bundle() -> int:
    """The number of certificates in the bundle file."""
    with open(f"{CERTIFICATES}/ca-certificates.crt", "rb") as handle:
        return handle.read().count(b"BEGIN CERTIFICATE")


def links() -> int:
    """The number of hash links."""
    return sum(1 for name in os.listdir(CERTIFICATES) if HASH_LINK.match(name))


def java() -> int:
    """The number of entries in the head of a JKS file."""
    with open(f"{CERTIFICATES}/java/cacerts", "rb") as handle:
        _magic, _version, entries = struct.unpack(">III", handle.read(12))
        return int(entries)


def look(store: Callable[[], int]) -> int:
    """The number of certificates in a store, 0 for one that no client could read."""
    try:
        return store()
    except (OSError, struct.error):
        return 0  # absent or cut off is empty to a client


def modules() -> list[int]:
    """Processes that Ansible started with a module on their standard input."""
    found = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as handle:
                if handle.read() == b"/usr/bin/python3\0":
                    found.append(int(name))
        except OSError:
            continue
    return found


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as handle:
                parents[int(name)] = int(handle.read().rpartition(")")[2].split()[1])
        except OSError:
            continue
    members = [pid]
    for member in members:
        members += [child for child, parent in parents.items() if parent == member]
    return members


def kill(pids: Iterable[int]) -> None:
    """At once, as a power cut would: first all stop, then all die."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue


question = json.loads(sys.stdin.readline())
stores = {"bundle": bundle, "links": links, "java": java}
least = {name: look(store) for name, store in stores.items()}
began, lasted, killed = None, 0.0, False
while not select.select([sys.stdin], [], [], 0)[0]:
    running, now = [] if killed else modules(), time.monotonic()
    if running:
        began = began or now
        lasted = now - began
    if running and question["after"] is not None and lasted >= question["after"]:
        kill([member for pid in running for member in family(pid)])
        killed = True
    for name, store in stores.items():
        least[name] = min(least[name], look(store))
json.dump({"killed": killed, "lasted": lasted, "least": least}, sys.stdout)
