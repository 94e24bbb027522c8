# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is reported of a host: by the modules, by the agent's receipt, and in the report of a rollout.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from ...text import document
from ..stores.base import StoreFinding
from . import effective, leaves
from .convergence import ConvergenceOutcome
from .state import HostState

_LONGEST = 2000  # characters of why a store is as it is
_MOST = 5000  # processes
_OF_USERS = ("user@", "session-")


def measured(findings: Iterable[StoreFinding], state: HostState) -> dict[str, Any]:
    """The stores as they were found, what is in effect, and the services.

    Args:
        findings: of all stores.
        state: of the host, after the run.
    """
    return {
        "manifest": {"id": state.manifest.get("id", ""), "sequence": state.manifest.get("sequence", 0)},
        "stores": [_plain(finding) for finding in findings],
        "effective": _effect(effective.measure(state.changed_at)),
        "leaves": [asdict(leaf) for leaf in leaves.measure()],
    }


def pushed(outcome: ConvergenceOutcome, state: HostState) -> dict[str, Any]:
    """The result of a push; the stores as they were before it.

    Args:
        outcome: of the push, or of its check mode.
        state: of the host, after the run.
    """
    return {
        **measured(outcome.plan.listed, state),
        "changed": outcome.plan.changed,
        "repaired": outcome.repaired,
    }


def _plain(finding: StoreFinding) -> dict[str, Any]:
    why = document.printable(finding.why, _LONGEST)  # it may quote what a program of a user's said, without end
    return {**asdict(finding), "missing": list(finding.missing), "unwanted": list(finding.unwanted), "why": why}


def _effect(effect: effective.Effect) -> dict[str, Any]:
    # Those of the system first: users may have any number of their own, and a controller takes no endless list.
    processes = sorted(effect.processes, key=lambda one: one.unit.startswith(_OF_USERS))[:_MOST]
    return {**asdict(effect), "processes": [asdict(process) for process in processes]}


def summary(findings: Iterable[StoreFinding]) -> dict[str, str]:
    """Name of each store to what is wrong with it, for a diff."""
    return {finding.name: _words(finding) for finding in findings}


def _words(finding: StoreFinding) -> str:
    parts = []
    if finding.missing:
        parts.append(f"missing {', '.join(one[:16] for one in finding.missing)}")
    if finding.unwanted:
        parts.append(f"unwanted {', '.join(one[:16] for one in finding.unwanted)}")
    if finding.why:
        parts.append(finding.why)
    return "; ".join(parts) or finding.state
