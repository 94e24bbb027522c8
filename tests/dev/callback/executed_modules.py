# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write one JSON line for each module of the collection that ran: the input of the coverage check."""

from __future__ import annotations

import fcntl
import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: executed_modules
type: aggregate
short_description: Record the modules that ran
description:
  - Appends one JSON line per task result to a file.
  - The environment variable TRUSTANCHOR_EXECUTED_MODULES names the file.
"""
COLLECTION = "trustanchor.private_ca."


class CallbackModule(CallbackBase):  # type: ignore[misc] # ansible-core has no types
    """Append module, check mode, changed and failed of each result."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "executed_modules"

    def _record(self, result: Any, failed: bool) -> None:
        path = os.environ.get("TRUSTANCHOR_EXECUTED_MODULES")
        task = result._task
        name = task.resolved_action or task.action
        if not path or not name.startswith(COLLECTION):
            return
        values = result._result
        for item in values.get("results", [values]):
            if item.get("skipped"):
                continue
            failed_item = bool(failed and item.get("failed", not values.get("results")))
            line = {
                "module": name,
                "check": bool(task.check_mode),
                "changed": bool(item.get("changed")),
                "failed": failed_item,
            }
            with open(path, "a", encoding="utf-8") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX)
                handle.write(json.dumps(line) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        self._record(result, failed=False)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._record(result, failed=True)
