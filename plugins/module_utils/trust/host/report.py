# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is reported of a host: by the modules, by the agent's receipt, and in the report of a rollout.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from ..stores.base import StoreFinding
from . import effective, leaves
from .convergence import ConvergenceOutcome
from .state import HostState


def measured(findings: Iterable[StoreFinding], state: HostState) -> dict[str, Any]:
    """The stores as they were found, what is in effect, and the services.

    Args:
        findings: of all stores.
        state: of the host, after the run.
    """
    return {
        "manifest": {"id": state.manifest.get("id", ""), "sequence": state.manifest.get("sequence", 0)},
        "stores": [_plain(finding) for finding in findings],
        "effective": _effect(effective.measure(state.changed_at, state.users_changed_at)),
        "leaves": [asdict(leaf) for leaf in leaves.measure()],
    }


def pushed(outcome: ConvergenceOutcome, state: HostState) -> dict[str, Any]:
    """The result of a push; the stores as they were before it, and those that are not right as they are now.

    Args:
        outcome: of the push, or of its check mode.
        state: of the host, after the run.
    """
    return {
        **measured(outcome.reported, state),
        "changed": outcome.changed,
        "repaired": outcome.repaired,
    }


def _plain(finding: StoreFinding) -> dict[str, Any]:
    return {**asdict(finding), "missing": list(finding.missing), "unwanted": list(finding.unwanted)}


def _effect(effect: effective.Effect) -> dict[str, Any]:
    return {**asdict(effect), "processes": [asdict(process) for process in effect.processes]}


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
