# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of the trust agent: fetch, decide, converge, leave a receipt. Standard library only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from ...errors import TrustAnchorError
from .. import bundle, receipt, report, signed_manifest, state
from ..state import State
from . import acceptance
from .acceptance import Decision, Offer
from .fetch import fetch
from .settings import Settings

Fetch = Callable[[str, int], bytes]


def run(settings: Settings, now: dt.datetime, get: Fetch = fetch) -> dict[str, Any]:
    """Bring the host to the newest good manifest, and repair what was changed by hand.

    Without a new manifest the host is kept at what it was told last, so a publication host that is down does no harm.

    Args:
        settings: of the agent.
        now: present time, UTC.
        get: fetches a URL.

    Returns:
        The receipt, as it was left on the host.
    """
    with state.locked():
        host = state.load()
        offers, unreached = _fetched(settings, get)
        decision = acceptance.decide(offers, host, now)
        if decision.accepted:
            decision.accepted.note(host)
        content = {
            "time": int(now.timestamp()),
            "source": decision.accepted.offer.url if decision.accepted else decision.current,
            "refused": {url: str(error) for url, error in (decision.refused | unreached).items()},
            **_converged(settings, host),
        }
        problem = content["error"] or _problem(decision, unreached, host, now)
        content["error"] = problem.as_dict() if problem else None
        content["result"] = "failed" if problem else "converged" if content.pop("changed") else "unchanged"
        content.pop("changed", None)
        receipt.save(content, settings.metrics_directory)
    return content


def _fetched(settings: Settings, get: Fetch) -> tuple[list[Offer], dict[str, TrustAnchorError]]:
    offers, unreached = [], {}
    for url in settings.urls:
        try:
            offers.append(Offer(url, get(url, signed_manifest.MAX_BYTES)))
        except TrustAnchorError as error:
            unreached[url] = error
    return offers, unreached


def _converged(settings: Settings, host: State) -> dict[str, Any]:
    """The stores after the run, and what had to be repaired."""
    nothing = {"changed": False, "repaired": [], "warnings": []}
    if not host.roots:
        return {**report.measured([], host), **nothing, "error": None}
    try:
        todo = bundle.plan(host.as_roots(), host.absent, settings.stores, host)
        outcome = bundle.apply(todo, host)
    except TrustAnchorError as error:
        return {**report.measured([], host), **nothing, "error": error}
    return {
        **report.measured(outcome.after.listed, host),
        "manifest": dict(host.manifest),
        "changed": todo.changed,
        "repaired": outcome.repaired,
        "warnings": outcome.warnings,
        "error": outcome.failure(),
    }


def _problem(
    decision: Decision, unreached: dict[str, TrustAnchorError], host: State, now: dt.datetime
) -> TrustAnchorError | None:
    """Why the run is not good: nobody had a good manifest and that is no accident, or it lasts for too long."""
    if decision.accepted or decision.current:
        return None
    if decision.refused:
        return next(iter(decision.refused.values()))
    if now.timestamp() >= host.manifest.get("not_after", float("inf")):
        first = next(iter(unreached.values()))
        return TrustAnchorError(
            "the trust manifest of this host has expired, and no newer one can be fetched",
            f"{first.what}: {first.why}",
            "Look at the hosts that serve it; push the roots with playbooks/rollout_trust.yml meanwhile",
        )
    return None
