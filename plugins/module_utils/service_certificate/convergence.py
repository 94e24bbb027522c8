# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converge a service's certificate in two steps: all that needs no token, then the enrolment. Standard library only."""

from __future__ import annotations

import base64
import hashlib
import time
from dataclasses import dataclass
from typing import Any

from ..host import files, preflight
from ..host.timed_program import TimedProgram
from ..text import times
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
    timed = _timed(wanted, schedule)
    done = timed.install(_files(wanted, reason), check_mode)
    changed = bool(done.changed or reason or lifecycle.unfinished(wanted))
    digest = ""
    if not check_mode:
        digest = _proceed(wanted, reason)
        if not reason:
            timed.start(done)
    return Preparation(reason, done.corrected, changed, before, digest)


def enrol(wanted: Settings, schedule: Schedule, token: str) -> dict[str, Any]:
    """The second step: have the waiting request signed, and start the timer.

    Args:
        wanted: the certificate.
        schedule: of its renewer.
        token: one-time token, bound to the request.

    Returns:
        `facts` of the new certificate.

    Raises:
        TrustAnchorError: the CA refused, or its answer is not good; what was current stays.
    """
    lifecycle.enrol(wanted, token)
    _timed(wanted, schedule).enable(restart=True)
    return facts(wanted, fault="")  # what was activated was verified before


def facts(wanted: Settings, fault: str) -> dict[str, Any]:
    """What a diff shows of the current certificate (names, not_after, chain); nothing of one that has a fault."""
    pair = store.current(wanted)
    chain = {"chain": pair.chain}
    if fault:
        return {"names": [], "not_after": "", **chain}
    end = times.render_epoch(store.validity(pair)[1])
    return {"names": sorted(store.names(pair)), "not_after": end, **chain}


def _timed(wanted: Settings, schedule: Schedule) -> TimedProgram:
    return units.timed(wanted, schedule.calendar, schedule.random_delay)


def _proceed(wanted: Settings, reason: str) -> str:
    """Make a request where a certificate is needed; else do what is due, and finish what a former run left undone."""
    with store.locked(wanted):
        if not reason:
            # A renewal that is overdue fails the play: somebody should know. One that works is not a change.
            lifecycle.renew_locked(wanted, time.time(), start=True)
            store.forget_pending(wanted)
            return ""
        return base64.b64encode(hashlib.sha256(store.request_der(store.make_request(wanted))).digest()).decode()


def _files(wanted: Settings, reason: str) -> list[files.File | files.Directory]:
    """All files of its own but those that only an enrolment makes."""
    good = [] if reason else [lifecycle.settings_file(wanted), *store.pair_files(wanted)]
    return [files.Directory(settings.BASE), *store.directories(wanted), *good]
