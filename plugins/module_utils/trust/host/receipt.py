# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the trust agent leaves on its host after each run: for people, for rollouts, and for node_exporter.

Standard library only.
"""

from __future__ import annotations

import json
import os
from typing import Any

from ...host.files import read, write_atomically
from . import state

PATH = f"{state.DIRECTORY}/receipt.json"
METRICS = "trustanchor_trust.prom"


def load() -> dict[str, Any] | None:
    """The last receipt; None where there is none, or none that can be read."""
    try:
        found = json.loads(read(PATH) or b"null")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def save(content: dict[str, Any], metrics_directory: str) -> None:
    """Keep a receipt, and tell node_exporter where there is its directory.

    Args:
        content: the receipt.
        metrics_directory: of node_exporter's textfile collector; empty: no metrics.
    """
    os.makedirs(os.path.dirname(PATH), mode=0o755, exist_ok=True)
    write_atomically(PATH, (json.dumps(content, indent=1) + "\n").encode(), 0o644, "root", "root")
    if metrics_directory and os.path.isdir(metrics_directory):
        write_atomically(f"{metrics_directory}/{METRICS}", _metrics(content).encode(), 0o644, "root", "root")


def _metrics(content: dict[str, Any]) -> str:
    """In the text format of Prometheus."""
    stores = content.get("stores") or []
    values = {
        "last_run_timestamp_seconds": content["time"],
        "last_run_success": int(content["result"] != "failed"),
        "manifest_sequence": content["manifest"].get("sequence", 0),
        "manifest_expiry_timestamp_seconds": content["manifest"].get("not_after", 0),
        "stores": len(stores),
        "stores_unknown": sum(store["state"] == "unknown" for store in stores),
        "stores_repaired": len(content.get("repaired") or []),
        "stale_processes": len((content.get("effective") or {}).get("processes") or []),
    }
    lines = [
        f"# TYPE trustanchor_trust_{name} gauge\ntrustanchor_trust_{name} {value}\n" for name, value in values.items()
    ]
    return "".join(lines)
