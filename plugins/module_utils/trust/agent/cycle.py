# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of the trust agent: fetch, decide, converge, leave a receipt. Standard library only."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

from ...errors import TrustAnchorError
from ..host import convergence, receipt, report, state
from ..host.state import HostState
from ..manifest import signed
from . import acceptance
from .acceptance import Decision, Offer
from .fetch import DEADLINE, fetch
from .settings import AgentSettings

SILENCE_SECONDS = 2 * 86400.0
FETCH_SECONDS = 60.0  # for all URLs together; each has its turn
Fetch = Callable[[str, int, float], bytes]


def run(settings: AgentSettings, now: dt.datetime, get: Fetch = fetch) -> dict[str, Any]:
    """Bring the host to the newest good manifest, and repair what was changed by hand.

    Without a new manifest the host is kept at what it was told last, so a publication host that is down does no harm.

    Args:
        settings: of the agent.
        now: present time, UTC.
        get: fetches a URL: URL, bytes and seconds that it may take.

    Returns:
        The receipt, as it was left on the host.
    """
    offers, unreached = _fetched(settings, get)  # before the lock: a slow web server must not keep a push waiting
    with state.locked():
        try:
            host = state.load()
        except TrustAnchorError as error:
            return _unable(error, now, settings)
        decision = acceptance.decide(offers, host, now)
        if decision.accepted:
            decision.accepted.note(host)
        _note_contact(decision, host, now)
        told = decision.accepted.assigned.warnings if decision.accepted else []
        content = {
            "version": receipt.FILE.version,
            "time": int(now.timestamp()),
            "source": decision.accepted.offer.url if decision.accepted else decision.current,
            "refused": {url: str(error) for url, error in (decision.refused | unreached).items()},
            **_converged(settings, host),
        }
        content["warnings"] = [*told, *content["warnings"]]
        problem = content["error"] or _problem(decision, unreached, host, now)
        changed = content.pop("changed")
        content["error"] = problem.as_dict() if problem else None
        content["result"] = "failed" if problem else "converged" if changed else "unchanged"
        receipt.save(content, settings.metrics_directory)
    return content


def _unable(error: TrustAnchorError, now: dt.datetime, settings: AgentSettings) -> dict[str, Any]:
    """What the host was told cannot be read, so nothing can be compared with it, and nothing is done."""
    content = {
        "version": receipt.FILE.version,
        "time": int(now.timestamp()),
        "source": "",
        "refused": {},
        **report.measured([], HostState()),
        "repaired": [],
        "warnings": [],
        "error": error.as_dict(),
        "result": "failed",
    }
    receipt.save(content, settings.metrics_directory)
    return content


def _note_contact(decision: Decision, host: HostState, now: dt.datetime) -> None:
    """When the host last heard what it is to trust; silence begins with the first run."""
    heard = decision.accepted or decision.current
    if heard or "contact" not in host.manifest:
        host.manifest["contact"] = now.timestamp()


def _fetched(settings: AgentSettings, get: Fetch) -> tuple[list[Offer], dict[str, TrustAnchorError]]:
    offers, unreached = [], {}
    end = time.monotonic() + FETCH_SECONDS
    for number, url in enumerate(settings.urls):
        share = max(1.0, (end - time.monotonic()) / (len(settings.urls) - number))
        try:
            offers.append(Offer(url, get(url, signed.MAX_BYTES, min(DEADLINE, share))))
        except TrustAnchorError as error:
            unreached[url] = error
    return offers, unreached


def _converged(settings: AgentSettings, host: HostState) -> dict[str, Any]:
    """The stores after the run, and what had to be repaired."""
    nothing = {"changed": False, "repaired": [], "warnings": []}
    if not host.roots:
        return {**report.measured([], host), **nothing, "error": None}
    try:
        outcome = convergence.converge(host.roots, host.distrusted, settings.stores, host)
    except TrustAnchorError as error:
        return {**report.measured([], host), **nothing, "error": error}
    except OSError as error:
        fault = TrustAnchorError(f"{error.filename or 'the host'}: {error.strerror or error}")
        return {**report.measured([], host), **nothing, "error": fault}
    return {
        **report.measured(outcome.after.listed, host),
        "manifest": dict(host.manifest),
        "changed": outcome.changed,
        "repaired": outcome.repaired,
        "warnings": outcome.warnings,
        "error": outcome.failure(),
    }


def _problem(
    decision: Decision, unreached: dict[str, TrustAnchorError], host: HostState, now: dt.datetime
) -> TrustAnchorError | None:
    """Why the run is not good: nobody had a good manifest and that is not an accident, or it lasts for too long."""
    if decision.accepted or decision.current:
        return None
    if decision.refused:
        return next(iter(decision.refused.values()))
    first = next(iter(unreached.values()))
    todo = "Look at the hosts that serve it; push the roots with trustanchor.private_ca.rollout_trust meanwhile"
    if now.timestamp() >= host.manifest.get("not_after", float("inf")):
        what = "the trust manifest of this host has expired, and no newer one can be fetched"
        return TrustAnchorError(what, f"{first.what}: {first.why}", todo)
    silence = now.timestamp() - host.manifest["contact"]
    if silence > SILENCE_SECONDS:
        what = f"no trust manifest could be fetched for {silence / 3600:.0f} hours"
        return TrustAnchorError(what, f"somebody may keep a newer one from this host; {first.what}: {first.why}", todo)
    return None
