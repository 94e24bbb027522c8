# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: hosts with systemd in containers, with a network and DNS of their own, reached by ssh."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from . import state, tools
from .console import Failure, run, say, step
from .image import images
from .inventory import DOMAIN, Host, chosen, hosts, subnet
from .podman import WRAPPER, podman, prepare
from .settings import CACHE, lab_name

# CAP_SYS_ADMIN, a shared root mount and no confinement: what systemd needs to sandbox its units and to hand
# them credentials. CAP_SYS_PTRACE: root sees all processes, as on a real host; PrivateUsers= together with
# ProtectProc= needs it.
RUN_OPTIONS = (
    *("--detach", "--systemd=always", "--restart=always", "--no-hosts", "--pids-limit=-1"),
    *(
        "--cap-add",
        "SYS_ADMIN",
        "--cap-add",
        "SYS_PTRACE",
        "--security-opt",
        "apparmor=unconfined",
        "--security-opt",
        "seccomp=unconfined",
    ),
)
# Podman also lists the machine's own name server, which knows nothing of the lab: only the lab's may stay.
INIT = """
mount --make-rshared /
test -e /etc/ssh/ssh_host_ed25519_key || ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
install -d -m 700 /root/.ssh && echo "$0" > /root/.ssh/authorized_keys
test -z "$1" || printf 'search corp.example\nnameserver %s\noptions timeout:10 attempts:5\n' "$1" > /etc/resolv.conf
exec /sbin/init
"""
# Before the bus answers, is-system-running fails at once; then --wait returns when the start is complete.
READY = """
until timeout 10 systemctl is-system-running --wait >/run/lab-state 2>/dev/null; do
    grep -q degraded /run/lab-state && break
    sleep 0.1
done
cat /run/lab-state /etc/ssh/ssh_host_ed25519_key.pub
"""
DEADLINE_SECONDS = 60


def container(host: Host) -> str:
    """Return the name of the host's container."""
    return f"{lab_name()}-{host.name}"


def network() -> str:
    """Return the name of the lab's network."""
    return f"lab-{lab_name()}"


@contextmanager
def _lock(name: str) -> Iterator[None]:
    """Let two programs that change the same thing at the same time wait for each other."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _each(action: Callable[[Host], Any], these: list[Host]) -> list[Any]:
    with ThreadPoolExecutor(max_workers=max(1, len(these))) as pool:
        return list(pool.map(action, these))


def _containers() -> dict[str, str]:
    """Return the state (running, exited, ...) of each container of this lab by host name."""
    listed = podman("ps", "--all", "--format", "json", "--filter", f"label=lab={lab_name()}").stdout
    return {entry["Labels"]["host"]: entry["State"] for entry in json.loads(listed or "[]")}


def up(names: list[str]) -> None:
    """Bring these hosts (default: all but the optional ones) to life; what runs already is left alone."""
    wanted = chosen(names)
    with _lock("podman"):
        prepare()
    lab_state = state.prepare()
    state.write_ssh_config(list(hosts().values()))
    state.link_packages(tools.packages())
    present = _containers()
    missing = [host for host in wanted if host.name not in present]
    stopped = [host for host in wanted if present.get(host.name, "running") != "running"]
    unready = state.unpinned([host for host in wanted if host not in missing + stopped])
    if not missing and not stopped and not unready:
        say(f"lab {lab_name()} is up: {' '.join(host.name for host in wanted)} (state in {lab_state})")
        return
    with _lock("images"):
        tags = images(ceremony=any(host.kind == "ceremony" for host in missing))
    with step(f"starting {' '.join(host.name for host in missing + stopped + unready)}"):
        _ensure_network()
        public_key = (lab_state / "ssh_key.pub").read_text().strip()
        _each(lambda host: podman("start", container(host)), stopped)
        _each(lambda host: _create(host, tags[host.kind], public_key), missing)
        _wait_until_ready(missing + stopped + unready)
    say(f"lab {lab_name()} is up, its state is in {lab_state}")


def _ensure_network() -> None:
    if podman("network", "exists", network(), check=False).returncode:
        net = subnet()
        podman("network", "create", "--subnet", f"{net}.0/24", "--gateway", f"{net}.1", network())


def _create(host: Host, image: str, public_key: str) -> None:
    options = [*RUN_OPTIONS, "--name", container(host), "--hostname", host.name]
    options += ["--label", f"lab={lab_name()}", "--label", f"host={host.name}"]
    if host.address:
        # A fixed address on the link too, so that no neighbour asks in vain for the one before a restart.
        mac = "02:00:" + ":".join(f"{int(octet):02x}" for octet in host.address.split("."))
        options += [
            "--network",
            network(),
            "--ip",
            host.address,
            "--mac-address",
            mac,
            "--dns-search",
            DOMAIN,
        ]
        for name in host.names:
            options += ["--network-alias", name]
    else:
        options += ["--network", "none"]
    podman("run", *options, image, "sh", "-c", INIT, public_key, f"{subnet()}.1" if host.address else "")


def _wait_until_ready(these: list[Host]) -> None:
    """Wait until systemd has started everything, pin the host keys and log in once by ssh."""

    def ready(host: Host) -> str:
        answer = podman("exec", container(host), "timeout", str(DEADLINE_SECONDS), "sh", "-c", READY).stdout
        system_state, key = answer.splitlines()[:2]
        if system_state != "running":
            failed = podman("exec", container(host), "systemctl", "--failed", "--no-legend", check=False).stdout
            raise Failure(f"{host.name}: systemd is {system_state}: {failed}")
        return key

    state.pin_host_keys(dict(zip(these, _each(ready, these), strict=True)))
    _each(_await_ssh, these)


def _await_ssh(host: Host) -> None:
    config = str(state.directory() / "ssh_config")
    end = time.monotonic() + DEADLINE_SECONDS
    while run(["ssh", "-F", config, "-o", "BatchMode=yes", host.name, "true"], check=time.monotonic() > end).returncode:
        time.sleep(0.1)


def down(names: list[str]) -> None:
    """Remove these hosts. Without names: all, the network, and the public record that they made."""
    with _lock("podman"):
        prepare()
    present = _containers()
    gone = [host for name, host in hosts().items() if name in present and (not names or name in names)]
    _each(lambda host: podman("rm", "--force", "--time", "0", container(host)), gone)
    if not names:
        podman("network", "rm", "--force", network(), check=False)
        state.forget_record()
    say(f"lab {lab_name()}: removed {' '.join(host.name for host in gone) or 'nothing'}")


def reset(names: list[str]) -> None:
    """Replace these hosts by virgin ones."""
    down([host.name for host in chosen(names)])
    up(names)


def status() -> None:
    """Print the hosts of the lab with address, state and names."""
    with _lock("podman"):
        prepare()
    present = _containers()
    for host in hosts().values():
        address, condition = host.address or "-", present.get(host.name, "absent")
        print(f"{host.name:10} {address:14} {condition:8} {' '.join(host.names)}")
    print(f"state: {state.directory()}")


def ssh(arguments: list[str]) -> None:
    """Become ssh to a host: HOST [COMMAND...]."""
    if not arguments:
        raise Failure(f"./dev lab ssh: which host? There are {', '.join(hosts())}")
    os.execvp("ssh", ["ssh", "-F", str(state.directory() / "ssh_config"), *arguments])


def main(arguments: list[str]) -> int:
    """./dev lab up|down|reset|status|ssh|podman ..."""
    if arguments[:1] == ["ssh"]:
        ssh(arguments[1:])
    if arguments[:1] == ["podman"]:
        prepare()
        os.execv(WRAPPER, [str(WRAPPER), *arguments[1:]])
    parser = argparse.ArgumentParser(prog="./dev lab")
    parser.add_argument("action", choices=["up", "down", "reset", "status", "ssh", "podman"])
    parser.add_argument("hosts", nargs="*", metavar="HOST")
    options = parser.parse_args(arguments)
    actions: dict[str, Callable[[], None]] = {
        "up": lambda: up(options.hosts),
        "down": lambda: down(options.hosts),
        "reset": lambda: reset(options.hosts),
        "status": status,
    }
    actions[options.action]()
    return 0
