# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that cannot work, as context managers that put everything right again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ansible_collections.trustanchor.private_ca.tests.lab import hosts

LISTENER = "squatter.service"


@contextlib.contextmanager
def port_in_use(host: str) -> Iterator[None]:
    """Another program listens on port 443."""
    hosts.run(host, f"systemd-run --quiet --unit {LISTENER} python3 -m http.server 443")
    try:
        listens = "ss --listening --tcp --numeric --no-header '( sport = :443 )' | grep -q ."
        hosts.await_true(lambda: hosts.run(host, listens, check=False).returncode == 0, 10, f"nobody listens on {host}")
        yield
    finally:
        hosts.run(host, f"systemctl stop {LISTENER}")


@contextlib.contextmanager
def another_distribution(host: str) -> Iterator[None]:
    """os-release(5) names another distribution."""
    hosts.run(host, "printf 'ID=gentoo\\nVERSION_ID=2\\n' > /run/os-release")
    with _hidden(host, "/usr/lib/os-release", "/run/os-release"):
        yield


@contextlib.contextmanager
def no_systemd(host: str) -> Iterator[None]:
    """The directory by which programs recognise systemd (sd_booted(3)) is gone."""
    hosts.run(host, "mkdir -p /run/empty")
    with _hidden(host, "/run/systemd", "/run/empty"):
        yield


@contextlib.contextmanager
def _hidden(host: str, path: str, by: str) -> Iterator[None]:
    hosts.run(host, f"mount --bind {by} {path}")
    try:
        yield
    finally:
        hosts.run(host, f"umount {path}")
