# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the trust agent leaves on its host after each run: for people, for rollouts, and for node_exporter.

Standard library only.
"""

from __future__ import annotations

import os
from typing import Any

from ...host import metrics, versioned
from ...host.files import read, write_atomically
from ...host.metrics import Metric
from . import state

PATH = f"{state.DIRECTORY}/receipt.json"
FILE = versioned.VersionedFile("what the trust agent did last", 1, "The next run of the agent writes it again")
METRICS = "trustanchor_trust.prom"
_HELP = {
    "last_run_timestamp_seconds": "When the trust agent ran last, seconds since the epoch.",
    "last_run_success": "Whether its last run succeeded.",
    "manifest_sequence": "Sequence of the trust manifest that the host follows; 0 where it has none.",
    "manifest_expiry_timestamp_seconds": "When that manifest expires, seconds since the epoch; 0 where it has none.",
    "stores": "How many trust stores the host has.",
    "stores_unknown": "How many of them could not be read.",
    "stores_repaired": "How many the last run had to repair.",
    "stale_processes": "How many processes are older than the last change of the roots they may use.",
}


def load() -> dict[str, Any] | None:
    """The last receipt; None where there is none, or none that can be read.

    Raises:
        TrustAnchorError: it is of a later version.
    """
    try:
        content = read(PATH)
        return None if content is None else FILE.parse(content, PATH)
    except versioned.DamagedFileError:
        return None


def save(content: dict[str, Any], metrics_directory: str) -> None:
    """Keep a receipt, and tell node_exporter where there is its directory.

    Args:
        content: the receipt.
        metrics_directory: of node_exporter's textfile collector; empty: no metrics.

    Raises:
        TrustAnchorError: the last one is of a later version; it stays, and the metrics say what this run did.
    """
    if metrics_directory and os.path.isdir(metrics_directory):
        metrics.write(f"{metrics_directory}/{METRICS}", "trust", _metrics(content))
    os.makedirs(os.path.dirname(PATH), mode=0o755, exist_ok=True)
    FILE.require_mine(PATH)
    write_atomically(PATH, FILE.content(content), 0o644, "root", "root")


def _metrics(content: dict[str, Any]) -> list[Metric]:
    stores = content.get("stores") or []
    values = {
        "last_run_timestamp_seconds": content["time"],
        "last_run_success": content["result"] != "failed",
        "manifest_sequence": content["manifest"].get("sequence", 0),
        "manifest_expiry_timestamp_seconds": content["manifest"].get("not_after", 0),
        "stores": len(stores),
        "stores_unknown": sum(store["state"] == "unknown" for store in stores),
        "stores_repaired": len(content.get("repaired") or []),
        "stale_processes": len((content.get("effective") or {}).get("processes") or []),
    }
    return [Metric.single(name, _HELP[name], value) for name, value in values.items()]
