# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The coverage check: each module ran in check mode and for real, with and without a change."""

from __future__ import annotations

import json
from pathlib import Path

from .settings import CHECKOUT

# (check mode, changed): what the runs of a module must include
REAL_CHANGED, REAL_SAME = (False, True), (False, False)
CHECK_CHANGED, CHECK_SAME = (True, True), (True, False)
MEANING = {
    REAL_CHANGED: "a run that changes something",
    REAL_SAME: "a run that changes nothing",
    CHECK_CHANGED: "a check-mode run that announces a change",
    CHECK_SAME: "a check-mode run that announces nothing",
}


def required(module: str) -> set[tuple[bool, bool]]:
    """Return the kinds of runs that a module needs; one that only reads never reports a change."""
    if module.endswith(("_info", "_preflight", "_verify")):
        return {REAL_SAME, CHECK_SAME}
    return set(MEANING)


def missing(record: Path) -> list[str]:
    """Return one line for each kind of run that the record lacks."""
    seen: dict[str, set[tuple[bool, bool]]] = {}
    for line in record.read_text().splitlines() if record.exists() else []:
        entry = json.loads(line)
        if not entry["failed"]:
            seen.setdefault(entry["module"].rpartition(".")[2], set()).add((entry["check"], entry["changed"]))
    modules = sorted(path.stem for path in (CHECKOUT / "plugins/modules").glob("[a-z]*.py"))
    # The half of a module that runs on a host is no task of its own: it runs in the runs of its module.
    modules = [name for name in modules if not name.endswith("_host")]
    return [
        f"{module}: no run was {MEANING[kind]}"
        for module in modules
        for kind in sorted(required(module) - seen.get(module, set()))
    ]
