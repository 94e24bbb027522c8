# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of publication: it reads the public record and refuses what clients would refuse."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import collection
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import url as place
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import times

_MODULE = "trustanchor.private_ca.publication"


class ActionModule(ActionBase):  # type: ignore[misc]
    """Read the record here, publish there."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result = super().run(tmp, task_vars)
        args = dict(self._task.args)
        try:
            _place, url = place.parse_url(str(args.get("url") or ""), "url")
            found = collection.collect(Path(str(args.get("record") or "")).expanduser(), url, times.utc_now())
        except TrustAnchorError as error:
            return {**result, "failed": True, "msg": str(error), "error": error.as_dict()}
        args["artifacts"] = [
            {
                "name": one.name,
                "kind": one.kind,
                "content": base64.b64encode(one.content).decode(),
                "issuer": one.issuer,
            }
            for one in found.artifacts
        ]
        args["issuers"] = dict(found.issuers)
        done = self._execute_module(_MODULE, args, task_vars=task_vars)
        return {**result, **done, "warnings": [*found.warnings, *done.get("warnings", [])]}
