# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign the trust manifest here, on the controller: the signer's key goes nowhere else."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.files import replace
from ansible_collections.trustanchor.private_ca.plugins.module_utils.durations import seconds
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import signed, signing

_SPEC: dict[str, dict[str, Any]] = {
    "record": {"type": "path", "required": True},
    "key": {"type": "str", "required": True, "no_log": True},
    "valid": {"type": "str", "default": "720h"},
    "renew_before": {"type": "str", "default": "480h"},
}


class ActionModule(ActionBase):
    """Plan, and sign what has to be signed."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result = super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(_SPEC)
        try:
            return {**result, **self._sign(options)}
        except TrustAnchorError as error:
            return {**result, "failed": True, "msg": str(error), "error": error.as_dict()}

    def _sign(self, options: dict[str, Any]) -> dict[str, Any]:
        key = signing.load_key(options["key"])
        durations = [dt.timedelta(seconds=seconds(options[name], name)) for name in ("valid", "renew_before")]
        planned = signing.plan(options["record"], key, dt.datetime.now(dt.UTC), *durations)
        path = os.path.join(options["record"], signed.FILE_NAME)
        if planned.reason and not self._task.check_mode:
            replace(Path(path), planned.sign(key))
        facts = {
            "id": planned.manifest.id,
            "sequence": planned.manifest.sequence,
            "not_after": planned.manifest.not_after.isoformat(),
            "signer": planned.signer.subject.rfc4514_string(),
        }
        changed = {"header": path, "prepared": f"- {planned.reason}\n+ signed by {facts['signer']}\n"}
        diff = {"diff": changed} if planned.reason else {}
        return {"changed": bool(planned.reason), "reason": planned.reason, "manifest": facts, **diff}
