# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converge the agent on a host: files first, then the timer. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import TrustAnchorError
from ...host import files, preflight, systemd
from ..host import state
from . import units
from .settings import Settings


@dataclass(frozen=True)
class Outcome:
    """What was (or would be) corrected.

    Args:
        corrected: files, with what was wrong with each.
        changed: these, or the timer.
    """

    corrected: dict[str, list[str]]
    changed: bool


def converge(wanted: Settings, calendar: str, random_delay: int, check_mode: bool) -> Outcome:
    """Install the agent; a killed run is finished by the next.

    Args:
        wanted: the agent's settings.
        calendar: systemd.time(7) calendar event.
        random_delay: seconds by which the hosts' runs are spread.
        check_mode: change nothing.

    Raises:
        TrustAnchorError: there is no systemd, or the host trusts no root to verify with.
    """
    preflight.check_systemd()
    if not check_mode and not state.load().roots:
        raise TrustAnchorError(
            "this host trusts none of our roots yet",
            "the agent verifies the manifest with roots that the host already trusts",
            "Run the role trust_store on it first",
        )
    corrected = files.converge(units.unit_files(wanted, calendar, random_delay), check_mode)
    timer, service = systemd.show(f"{units.NAME}.timer"), systemd.show(f"{units.NAME}.service")
    reload = timer.needs_daemon_reload or service.needs_daemon_reload
    reload = reload or any(path.startswith("/etc/systemd/") for path in corrected)
    running = timer.enabled and timer.active
    if not check_mode:
        _start(reload, running)
    return Outcome(corrected, bool(corrected or reload or not running))


def _start(reload: bool, running: bool) -> None:
    if reload:
        systemd.daemon_reload()
    if reload or not running:
        systemd.act("enable", f"{units.NAME}.timer")
        systemd.act("restart", f"{units.NAME}.timer")
