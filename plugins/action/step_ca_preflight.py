# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of step_ca_preflight: all that can be found wrong without touching a host."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import inputs


class ActionModule(ActionBase):
    """Check the inputs here, then the host there."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result = super().run(tmp, task_vars)
        args = dict(self._task.args)
        declared = inputs.Inputs(
            settings=args.get("settings") or {},
            root_pem=args.get("root") or "",
            root_sha256=args.get("root_sha256") or "",
            intermediate_pem=args.get("certificate") or "",
            client_networks=args.get("client_networks") or [],
        )
        try:
            facts = inputs.check(declared, dt.datetime.now(dt.timezone.utc), planning=self._task.check_mode)
        except TrustAnchorError as error:
            return {**result, "failed": True, "msg": str(error), "error": error.as_dict()}
        args |= {"ports": facts["ports"], "key_sha256": facts["key_sha256"], "controller_time": time.time()}
        return {**result, **self._execute_module("trustanchor.private_ca.step_ca_preflight", args, task_vars=task_vars)}
