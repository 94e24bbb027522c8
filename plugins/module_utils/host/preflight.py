# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find a host that cannot work before anything is changed on it. Standard library only."""

from __future__ import annotations

import os
import pwd
import re
import time
from collections.abc import Iterator

from ..errors import TrustAnchorError
from ..text.document import visible
from . import files, openssl

SUPPORTED = {("ubuntu", "24.04"), ("debian", "12"), ("debian", "13")}
MAX_CLOCK_OFFSET = 60.0  # seconds; step-ca backdates by one minute and allows tokens one minute (provisioner/jwk.go)


def check_distribution(os_release: str) -> str:
    """Name and version of a supported distribution.

    Args:
        os_release: text of /etc/os-release (os-release(5)).

    Raises:
        TrustAnchorError: another distribution.
    """
    values = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', os_release, re.MULTILINE))
    found = (values.get("ID", "unknown"), values.get("VERSION_ID", ""))
    if found not in SUPPORTED:
        supported = ", ".join(" ".join(pair) for pair in sorted(SUPPORTED))
        raise TrustAnchorError(
            f"distribution {' '.join(found).strip()} is not supported",
            f"supported: {supported}",
            "Use one of these",
        )
    return " ".join(found)


def check_systemd() -> None:
    """systemd must be the running init (sd_booted(3)).

    Raises:
        TrustAnchorError: it is not.
    """
    if not os.path.isdir("/run/systemd/system"):
        raise TrustAnchorError(
            "systemd does not run on this host",
            "the daemon, its credentials and the renewal timers are units of systemd",
            "Use a host that is booted with systemd",
        )


def check_clock(controller_time: float, host_time: float) -> float:
    """The host's clock against the controller's.

    Args:
        controller_time: seconds since the epoch, taken just before the module was sent.
        host_time: seconds since the epoch.

    Returns:
        The offset in seconds; positive: the host is ahead.

    Raises:
        TrustAnchorError: more than a minute.
    """
    offset = host_time - controller_time
    if abs(offset) > MAX_CLOCK_OFFSET:
        raise TrustAnchorError(
            f"the host's clock is {abs(offset):.0f} seconds {'ahead of' if offset > 0 else 'behind'} the controller's",
            f"certificates are backdated by one minute only, so more than {MAX_CLOCK_OFFSET:.0f} seconds break issuing",
            "Set up time synchronisation (timedatectl set-ntp true) and run again",
        )
    return offset


def check_host(controller_time: float) -> dict[str, object]:
    """Distribution, systemd and clock.

    Raises:
        TrustAnchorError: one of them does not fit.
    """
    with open("/etc/os-release", encoding="utf-8") as handle:
        distribution = check_distribution(handle.read())
    check_systemd()
    return {"distribution": distribution, "clock_offset": round(check_clock(controller_time, time.time()), 1)}


def check_port(number: int, user: str) -> None:
    """Nobody but one account may listen on a TCP port.

    Args:
        number: the port.
        user: account of the daemon that owns the port on a rerun; may not exist yet.

    Raises:
        TrustAnchorError: somebody else does.
    """
    if inodes := set(_foreign_listeners(number, _uid(user))):
        raise TrustAnchorError(
            f"port {number} is in use by {_owner(inodes)}",
            "step-ca has to listen there",
            "Stop that program, or choose another port in step_ca_address",
        )


def account_exists(user: str) -> bool:
    """Whether there is an account of that name."""
    return _uid(user) >= 0


def _uid(user: str) -> int:
    """User id of an account, -1 where it does not exist."""
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return -1


def _foreign_listeners(number: int, own_uid: int) -> Iterator[str]:
    """Inodes of sockets in state LISTEN (0A) on a port that another account opened; proc(5) /proc/net/tcp."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not os.path.exists(table):
            continue
        with open(table, encoding="ascii") as handle:
            for line in list(handle)[1:]:
                fields = line.split()
                listening = fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == number
                if listening and int(fields[7]) != own_uid:
                    yield fields[9]


def _socket_inodes(pid: int) -> set[str]:
    found = set()
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            target = os.readlink(f"/proc/{pid}/fd/{name}")
            if target.startswith("socket:["):
                found.add(target[8:-1])
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        pass  # the process ended meanwhile, or is not ours to look at
    return found


def _owner(inodes: set[str]) -> str:
    for name in os.listdir("/proc"):
        if name.isdigit() and inodes & _socket_inodes(int(name)):
            with open(f"/proc/{name}/comm", encoding="utf-8", errors="replace") as handle:
                return f"{visible(handle.read().strip())} (process {name})"
    return "another program"


def program_of(pid: int) -> str:
    """Path of what a process runs, empty where nobody says; its name says nothing, since it gives that to itself."""
    try:
        return os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
    except OSError:
        return ""


def check_request_key(request_path: str, key_sha256: str) -> None:
    """The key on the host must be the one that the intermediate certificate is for.

    The request beside the key tells its public part, so that this needs no password and no cryptography library.

    Args:
        request_path: the CSR, PEM; absent on a virgin host.
        key_sha256: SHA-256 of the certificate's SubjectPublicKeyInfo, hex.

    Raises:
        TrustAnchorError: there is no key, or it is another one.
    """
    request = files.read(request_path)
    if request is None:
        raise TrustAnchorError(
            "this host has no intermediate key, but the public record has a certificate for it",
            "the certificate was signed for a key that is not here",
            "Restore the key, or run trustanchor.private_ca.request_intermediate and have that signed at a ceremony",
        )
    try:
        found = openssl.read_request(request).public_key_sha256
    except TrustAnchorError as error:
        raise TrustAnchorError(f"{request_path} is not a request", error.why, "Restore it with its key") from error
    require_same_key(key_sha256, found)


def require_same_key(wanted: str, found: str) -> None:
    """The one comparison of the key that an intermediate certificate is for with the one that a CA host has.

    Args:
        wanted: SHA-256 of the certificate's SubjectPublicKeyInfo, hex.
        found: the same of the host's key.

    Raises:
        TrustAnchorError: they differ.
    """
    if found != wanted:
        raise TrustAnchorError(
            "the intermediate certificate does not match the key on this host",
            f"the certificate is for key {wanted[:16]}…, the host has {found[:16]}… (SHA-256 of the public key)",
            "Have the request of this host signed at a ceremony, or restore the key that belongs to the certificate",
        )
