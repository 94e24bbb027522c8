# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converge a service's certificate in two steps: all that needs no token, then the enrolment. Standard library only."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import time
from dataclasses import dataclass
from typing import Any

from ..host import files, preflight, systemd
from . import lifecycle, settings, store, units
from .settings import Settings


@dataclass(frozen=True)
class Schedule:
    """When the renewer looks.

    Args:
        calendar: systemd.time(7) calendar event.
        random_delay: seconds by which hosts are spread.
    """

    calendar: str
    random_delay: int


@dataclass(frozen=True)
class Preparation:
    """What the first step found and did.

    Args:
        reason: why the certificate has to be enrolled again; empty when it is good.
        corrected: files that were (or would be) written, with what was wrong with each.
        changed: something was, or would be, changed.
        before: facts of the current certificate, as `facts` gives them.
        request_sha256: digest of the waiting request in base64; empty where none is needed, and in check mode.
    """

    reason: str
    corrected: dict[str, list[str]]
    changed: bool
    before: dict[str, Any]
    request_sha256: str


def prepare(wanted: Settings, schedule: Schedule, controller_time: float, check_mode: bool) -> Preparation:
    """Everything but the certificate; a request where one has to be signed.

    Args:
        wanted: the certificate.
        schedule: of its renewer.
        controller_time: the controller's clock, seconds since the epoch.
        check_mode: change nothing.

    Raises:
        TrustAnchorError: the settings cannot work, the host is not fit, or an overdue renewal failed.
    """
    settings.check(wanted)
    preflight.check_host(controller_time)
    reason = lifecycle.fault(wanted)
    before = facts(wanted, reason)
    corrected = files.converge(_files(wanted, schedule, reason), check_mode)
    timer = systemd.show(units.name(wanted, "timer"))
    running = timer.enabled and timer.active
    changed = bool(corrected or reason or not running or lifecycle.unfinished(wanted))
    digest = ""
    if not check_mode:
        service = systemd.show(units.name(wanted, "service"))
        stale = timer.needs_daemon_reload or service.needs_daemon_reload
        reloaded = stale or any(path.startswith("/etc/systemd/") for path in corrected)
        if reloaded:
            systemd.daemon_reload()
        digest = _proceed(wanted, reason)
        if not reason and (reloaded or not running):
            _start_timer(wanted, restart=reloaded)
    return Preparation(reason, corrected, changed, before, digest)


def enrol(wanted: Settings, token: str) -> dict[str, Any]:
    """The second step: have the waiting request signed, and start the timer.

    Args:
        wanted: the certificate.
        token: one-time token, bound to the request.

    Returns:
        `facts` of the new certificate.

    Raises:
        TrustAnchorError: the CA refused, or its answer is not good; what was current stays.
    """
    lifecycle.enrol(wanted, token)
    _start_timer(wanted, restart=True)
    return facts(wanted, fault="")  # what was activated was verified before


def facts(wanted: Settings, fault: str) -> dict[str, Any]:
    """What a diff shows of the current certificate (names, not_after, chain); nothing of one that has a fault."""
    pair = store.current(wanted)
    chain = {"chain": pair.chain}
    if fault:
        return {"names": [], "not_after": "", **chain}
    end = dt.datetime.fromtimestamp(store.validity(pair)[1], dt.UTC)
    return {"names": sorted(store.names(pair)), "not_after": end.isoformat(), **chain}


def _start_timer(wanted: Settings, restart: bool) -> None:
    timer = units.name(wanted, "timer")
    systemd.act("enable", timer)
    systemd.act("restart" if restart else "start", timer)


def _proceed(wanted: Settings, reason: str) -> str:
    """Make a request where a certificate is needed; else do what is due, and finish what a former run left undone."""
    with store.locked(wanted):
        if not reason:
            # A renewal that is overdue fails the play: somebody should know. One that works is not a change.
            lifecycle.renew_locked(wanted, time.time(), start=True)
            store.forget_pending(wanted)
            return ""
        return base64.b64encode(hashlib.sha256(store.request_der(store.make_request(wanted))).digest()).decode()


def _files(wanted: Settings, schedule: Schedule, reason: str) -> list[files.File | files.Directory]:
    """All files but those that only an enrolment makes."""
    good = [] if reason else [lifecycle.settings_file(wanted), *store.pair_files(wanted)]
    return [
        files.Directory(settings.BASE),
        *store.directories(wanted),
        files.Directory("/usr/local/lib/trustanchor"),
        *good,
        *units.unit_files(wanted, schedule.calendar, schedule.random_delay),
    ]
