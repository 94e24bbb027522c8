# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converge the agent on a host: files first, then the timer. Standard library only."""

from __future__ import annotations

from ...errors import TrustAnchorError
from ...host import preflight
from ...host.timed_program import Convergence
from ..host import state
from . import units
from .settings import AgentSettings


def converge(wanted: AgentSettings, calendar: str, random_delay: int, check_mode: bool) -> Convergence:
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
    timed = units.timed(wanted, calendar, random_delay)
    done = timed.install(units.settings_files(wanted), check_mode)
    if not check_mode:
        timed.start(done)
    return done
