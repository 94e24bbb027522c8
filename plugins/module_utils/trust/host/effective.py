# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processes may still trust what their host no longer trusts: programs read a trust store once, at their start.

A process is listed when it began before the trust stores changed and holds a TLS library, or is built with one. That it
really verifies certificates, and with which store, nobody can see from outside. Standard library only.
"""

from __future__ import annotations

import collections
import os
import re
import struct
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from ...text.document import visible

EFFECTIVE, STALE, UNKNOWN = "effective", "stale", "unknown"
_LIBRARIES = {
    "libjvm": "java",
    "libssl": "openssl",
    "libssl3": "nss",
    "libnss3": "nss",
    "libgnutls": "gnutls",
}
_LIBRARY = re.compile(
    rb"/(libjvm|libssl|libssl3|libnss3|libgnutls)(?:-[0-9a-f]+)?\.so[.0-9]*(?: \(deleted\))?$", re.MULTILINE
)
# The first unit below the slices: what is below a unit was named by its processes, or by the user whose manager it is.
_UNIT = re.compile(r"(?:/[^/]+\.slice)*/([^/]+\.(?:service|scope))(?:/.*)?")
_INIT = "/init.scope"  # of process 1; in a container without a name space of its own there is more before it
_GO_SECTION = b".go.buildinfo"
SECONDS = 30.0  # for all processes
MAPS_BYTES = 8 << 20  # of the mappings of one process; a large Java program has some 500 KB
MOST_OF_USER = 500  # processes of one user that are listed
_SECTIONS_BYTES = 1 << 16  # more than any section table; a larger one is not a Go program


@dataclass(frozen=True)
class Process:
    """A process that began before the change.

    Args:
        pid: process id.
        program: name of its executable.
        unit: systemd unit, empty where none.
        runtime: what it verifies with: openssl, gnutls, nss, java, node, go.
        started: seconds since the epoch.
    """

    pid: int
    program: str
    unit: str
    runtime: str
    started: float


@dataclass(frozen=True)
class Effect:
    """Whether what is on the disk is in effect.

    Args:
        state: `EFFECTIVE`, `STALE`, or `UNKNOWN` when some process could not be looked into.
        changed_at: when the stores changed, those of single users apart; seconds since the epoch, 0: never.
        processes: those that may hold what was before.
    """

    state: str
    changed_at: float
    processes: tuple[Process, ...] = ()


def measure(
    changed_at: float,
    of_users: Mapping[str, float] | None = None,
    own: Collection[int] = frozenset(),
    proc: str = "/proc",
) -> Effect:
    """Look at all processes that are older than the stores that they may read.

    What users run, and how much of it, is bounded: what is not looked at is unknown.

    Args:
        changed_at: when the trust stores changed, seconds since the epoch.
        of_users: the same of a user's own stores, by uid.
        own: processes of this program, which are not looked at.
        proc: where procfs is mounted.
    """
    clocks = {uid: max(changed_at, moment) for uid, moment in (of_users or {}).items()}
    last = max([changed_at, *clocks.values()])
    if not last:
        return Effect(EFFECTIVE, 0.0)
    found: list[Process] = []
    hidden, listed = False, collections.Counter[str]()
    end = time.monotonic() + SECONDS
    for pid, started in _older(last, {os.getpid(), *own}, proc):
        if time.monotonic() > end:
            hidden = True
            break
        try:
            user = str(os.stat(f"{proc}/{pid}").st_uid)
            if started >= clocks.get(user, changed_at):
                continue
            runtime = _runtime(f"{proc}/{pid}")
            if runtime and listed[user] < MOST_OF_USER:
                found.append(_described(pid, started, runtime, proc))
                listed[user] += 1
        except (PermissionError, _TooLargeError):
            hidden = True
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
    state = STALE if found else UNKNOWN if hidden else EFFECTIVE
    return Effect(state, changed_at, tuple(found))


class _TooLargeError(Exception):
    """A process has more mappings than are read."""


def _older(moment: float, own: Collection[int], proc: str) -> Iterator[tuple[int, float]]:
    """Processes with a program that began before a moment (proc(5): field 22 of stat, in ticks since the boot)."""
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)  # btime of /proc/stat is rounded to seconds
    ticks = os.sysconf("SC_CLK_TCK")
    for name in os.listdir(proc):
        if not name.isdigit() or int(name) in own:
            continue
        try:
            with open(f"{proc}/{name}/stat", encoding="utf-8", errors="replace") as handle:
                fields = handle.read().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        started = boot + int(fields[19]) / ticks
        if started < moment:
            yield int(name), started


def _runtime(directory: str) -> str:
    """What a process verifies certificates with; empty for nothing, and for a thread of the kernel."""
    with open(f"{directory}/maps", "rb") as handle:
        maps = handle.read(MAPS_BYTES)
    if len(maps) == MAPS_BYTES:
        raise _TooLargeError
    if not maps:
        return ""
    libraries = {_LIBRARIES[name.decode()] for name in _LIBRARY.findall(maps)}
    program = _program(directory)
    if program in ("node", "nodejs"):
        return "node"
    for runtime in ("java", "nss", "openssl", "gnutls"):
        if runtime in libraries:
            return runtime
    return "go" if _is_go(f"{directory}/exe") else ""


def _is_go(path: str) -> bool:
    """Whether a program was built by Go: its linker keeps a section .go.buildinfo, even when symbols are stripped."""
    with open(path, "rb") as handle:
        head = handle.read(64)
        if len(head) < 64 or head[:4] != b"\x7fELF" or head[4:6] != b"\x02\x01":  # 64 bits, little-endian
            return False
        table, size, count, names = struct.unpack_from("<Q10xHHH", head, 40)
        if not count or size * count > _SECTIONS_BYTES or names >= count:
            return False
        handle.seek(table + size * names + 24)
        span = handle.read(16)
        if len(span) < 16:
            return False
        offset, length = struct.unpack("<QQ", span)
        if length > _SECTIONS_BYTES:
            return False
        handle.seek(offset)
        return _GO_SECTION in handle.read(length)


def _described(pid: int, started: float, runtime: str, proc: str) -> Process:
    program = _program(f"{proc}/{pid}")
    path = _cgroup(f"{proc}/{pid}/cgroup").removeprefix(_cgroup(f"{proc}/1/cgroup").removesuffix(_INIT))
    found = _UNIT.fullmatch(path)
    return Process(pid, visible(program), visible(found[1]) if found else "", runtime, round(started, 2))


def _cgroup(path: str) -> str:
    """Path of a process in systemd's hierarchy (cgroups(7)); names in it may be any bytes but line ends.

    That is the unified one where it has groups at all; in a container the machine's other ones may be listed as well.
    """
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as handle:
        lines = [line.rstrip("\n").split(":", 2) for line in handle]
    paths = {line[1]: line[2] for line in lines if len(line) == 3}
    unified = paths.get("", "/")
    return unified if unified != "/" else paths.get("name=systemd", unified)


def _program(directory: str) -> str:
    return os.path.basename(os.readlink(f"{directory}/exe")).removesuffix(" (deleted)")
