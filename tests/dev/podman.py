# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Podman with a storage, a state directory and networks of our own, so that a user's podman is left alone.

systemd in a container needs the unified control group hierarchy. On a machine that still has version 1 every
podman call runs in one private mount namespace where /sys/fs/cgroup is a pure cgroup2 mount. A long sleep
(the keeper) holds this namespace: another one would not see the network namespaces that the first one mounted.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

from .console import Failure, run, say
from .settings import CACHE, content_hash

HOME = CACHE / "podman"
# Below /run: emptied by a restart of the machine, as podman expects, and short enough for socket names.
RUN = Path("/run") / f"trustanchor-{content_hash(str(CACHE))[:8]}"
WRAPPER = HOME / "podman"
KEEPER = RUN / "keeper.json"

# podman's networks and runc keep their state at fixed paths below /run: here they get directories of our own.
NAMESPACE_SCRIPT = """
umount -R /sys/fs/cgroup 2>/dev/null || umount -lR /sys/fs/cgroup
for fixed in containers/networks runc; do
    mkdir -p "/run/$fixed" "$0/$fixed" && mount --bind "$0/$fixed" "/run/$fixed"
done
mount -t cgroup2 none /sys/fs/cgroup && echo ready
exec sleep infinity >/dev/null
"""

# The limits are given because not every machine lets podman raise them.
CONTAINERS_CONF = """
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
tmp_dir = "{run}/libpod"
lock_type = "file"
[network]
network_backend = "netavark"
network_config_dir = "{home}/networks"
"""

STORAGE_CONF = """
[storage]
driver = "overlay"
graphroot = "{home}/storage"
runroot = "{run}/containers"
"""


def podman(*arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run one podman command in our storage; paths must be absolute, the namespace drops the directory."""
    return run([WRAPPER, *arguments], check=check)


def prepare() -> None:
    """Make podman usable: configuration, the namespace where it is needed, and the wrapper program."""
    if os.geteuid() != 0:
        raise Failure("the lab needs root: containers with systemd, mounts and a network of their own")
    for directory in (HOME / "networks", RUN):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    environment = {
        "CONTAINERS_CONF": HOME / "containers.conf",
        "CONTAINERS_STORAGE_CONF": HOME / "storage.conf",
    }
    _write(HOME / "containers.conf", CONTAINERS_CONF.format(home=HOME, run=RUN))
    _write(HOME / "storage.conf", STORAGE_CONF.format(home=HOME, run=RUN))
    _allow_many_watches()
    enter = "" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else f"nsenter -m -t {_keeper()} -- "
    exports = "".join(f"export {name}='{value}'\n" for name, value in environment.items())
    _write(WRAPPER, f'#!/bin/sh\n{exports}exec {enter}podman "$@"\n', mode=0o700)


def _allow_many_watches() -> None:
    """Each systemd watches files by some ten inotify instances; the usual limit of 128 ends at a dozen hosts."""
    limit = Path("/proc/sys/fs/inotify/max_user_instances")
    if int(limit.read_text()) < 1024:
        limit.write_text("1024\n")


def _write(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace a small file in one step, if its text differs."""
    if path.exists() and path.read_text() == text:
        return
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_text(text)
    new.chmod(mode)
    new.replace(path)


def _start_time(pid: int) -> str | None:
    """Return the start time of a living process (proc(5), field 22), which tells it from a later one."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


def _keeper() -> int:
    """Return the process that holds the mount namespace; start or replace it when it is gone."""
    if KEEPER.exists():
        known = json.loads(KEEPER.read_text())
        if _start_time(known["pid"]) == known["started"]:
            return int(known["pid"])
    survivor = _monitor()
    if survivor:
        command = ["nsenter", "-m", "-t", str(survivor), "--", "sleep", "infinity"]
        keeper = _detached(command, stdout=subprocess.DEVNULL)
    else:
        _forget_dead_containers()
        keeper = _new_namespace()
    _write(KEEPER, json.dumps({"pid": keeper.pid, "started": _start_time(keeper.pid)}))
    return keeper.pid


def _detached(command: list[str], *, stdout: int) -> subprocess.Popen[bytes]:
    """Start a program that outlives this one."""
    return subprocess.Popen(
        command,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _new_namespace() -> subprocess.Popen[bytes]:
    """Start a keeper in a new mount namespace with a pure cgroup2 mount and wait until it is ready."""
    command = ["unshare", "-m", "--propagation", "private", "sh", "-c", NAMESPACE_SCRIPT, str(RUN)]
    keeper = _detached(command, stdout=subprocess.PIPE)
    assert keeper.stdout is not None
    if keeper.stdout.readline() != b"ready\n":
        keeper.kill()
        raise Failure("no private cgroup2 mount: unshare -m and mount -t cgroup2 must be allowed")
    return keeper


def _ours(place: str) -> list[int]:
    """Return the processes that name our state directory in the file `place` of their /proc directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / place).read_bytes()
            except OSError:
                continue
            if f"{RUN}/".encode() in text:
                found.append(int(entry.name))
    return found


def _monitor() -> int | None:
    """Return a living conmon of ours: it is in the namespace, which so outlives its keeper."""
    return next((pid for pid in _ours("cmdline") if Path(f"/proc/{pid}/comm").read_text() == "conmon\n"), None)


def _forget_dead_containers() -> None:
    """Empty podman's runtime state after a restart: the containers are stopped, not lost."""
    if (RUN / "libpod").exists():
        say("nothing of the lab is alive (a restart, or its session was ended): clearing podman's runtime state")
    for pid in _ours("mountinfo"):  # only what is in our namespace sees mounts from there
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(RUN, ignore_errors=True)
    RUN.mkdir(mode=0o700)
