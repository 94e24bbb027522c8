# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converge a service's certificate in two steps: all that needs no token, then the enrolment. Standard library only."""

from __future__ import annotations

import base64
import hashlib
import time
from dataclasses import dataclass
from typing import Any

from ..host import files, preflight, timed_program
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
        warnings: what somebody should know, and what stops nothing.
    """

    reason: str
    corrected: dict[str, list[str]]
    changed: bool
    before: dict[str, Any]
    request_sha256: str
    warnings: tuple[str, ...] = ()


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
    timed = _timed(wanted, schedule)
    done = timed.install([files.Directory(settings.BASE), *store.directories(wanted)], check_mode)
    with store.locked(wanted, check_mode):
        found = _prepare_locked(wanted, done, check_mode)
    if not found.reason and not check_mode:
        timed.start(done)
    return found


def _prepare_locked(wanted: Settings, done: timed_program.Convergence, check_mode: bool) -> Preparation:
    """All that depends on the current pair, which its renewer may have replaced a moment ago."""
    reason = lifecycle.fault(wanted)
    before = facts(wanted, reason)
    corrected = done.corrected | files.converge(_files(wanted, reason), check_mode)
    changed = bool(corrected or done.faults or reason or lifecycle.unfinished(wanted))
    digest, warning = ("", "") if check_mode else _proceed(wanted, reason)
    return Preparation(reason, corrected, changed, before, digest, (warning,) if warning else ())


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
    end = times.render_epoch(store.effective_end(pair))
    return {"names": sorted(store.names(pair)), "not_after": end, **chain}


def _timed(wanted: Settings, schedule: Schedule) -> TimedProgram:
    return units.timed(wanted, schedule.calendar, schedule.random_delay)


def _proceed(wanted: Settings, reason: str) -> tuple[str, str]:
    """Make a request where a certificate is needed; else do what is due, and finish what a former run left undone.

    Returns:
        Digest of the request, and what somebody should know; both may be empty.
    """
    if not reason:
        # A renewal that is overdue fails the play: somebody should know. One that works is not a change.
        renewal = lifecycle.renew_locked(wanted, time.time(), start=True)
        store.forget_pending(wanted)
        return "", renewal.shortfall
    digest = hashlib.sha256(store.request_der(store.make_request(wanted))).digest()
    return base64.b64encode(digest).decode(), ""


def _files(wanted: Settings, reason: str) -> list[files.Item]:
    """What is there beside a certificate that is good; else the enrolment makes it."""
    return [] if reason else [lifecycle.settings_file(wanted), *store.pair_files(wanted)]
