# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processes may still trust what their host no longer trusts: programs read a trust store once, at their start.

A process is listed when it began before the trust stores changed and holds a TLS library, or is built with one. That it
really verifies certificates, and with which store, nobody can see from outside. Standard library only.
"""

from __future__ import annotations

import os
import re
import struct
import time
from collections.abc import Iterator
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
        changed_at: when the stores changed, seconds since the epoch; 0: never.
        processes: those that may hold what was before.
    """

    state: str
    changed_at: float
    processes: tuple[Process, ...] = ()


def measure(changed_at: float, proc: str = "/proc") -> Effect:
    """Look at all processes that are older than a moment.

    Args:
        changed_at: when the trust stores changed, seconds since the epoch.
        proc: where procfs is mounted.
    """
    if not changed_at:
        return Effect(EFFECTIVE, 0.0)
    found, hidden = [], False
    for pid, started in _older(changed_at, proc):
        try:
            runtime = _runtime(f"{proc}/{pid}")
            if runtime:
                found.append(_described(pid, started, runtime, proc))
        except PermissionError:
            hidden = True
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
    state = STALE if found else UNKNOWN if hidden else EFFECTIVE
    return Effect(state, changed_at, tuple(found))


def _older(moment: float, proc: str) -> Iterator[tuple[int, float]]:
    """Processes with a program that began before a moment (proc(5): field 22 of stat, in ticks since the boot)."""
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)  # btime of /proc/stat is rounded to seconds
    ticks = os.sysconf("SC_CLK_TCK")
    own = os.getpid()
    for name in os.listdir(proc):
        if not name.isdigit() or int(name) == own:
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
        maps = handle.read()
    if not maps:
        return ""
    libraries = {_LIBRARIES[name.decode()] for name in _LIBRARY.findall(maps)}
    program = os.path.basename(os.readlink(f"{directory}/exe")).removesuffix(" (deleted)")
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
    program = os.path.basename(os.readlink(f"{proc}/{pid}/exe")).removesuffix(" (deleted)")
    path = _cgroup(f"{proc}/{pid}/cgroup").removeprefix(_cgroup(f"{proc}/1/cgroup").removesuffix(_INIT))
    found = _UNIT.fullmatch(path)
    return Process(pid, visible(program), visible(found[1]) if found else "", runtime, round(started, 2))


def _cgroup(path: str) -> str:
    """Path of a process in systemd's hierarchy (cgroups(7)); names in it may be any bytes but line ends."""
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as handle:
        lines = [line.rstrip("\n").split(":", 2) for line in handle]
    return next((line[2] for line in lines if len(line) == 3 and line[1] in ("", "name=systemd")), "")
