# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of step_ca_config: it keeps what is public of ca.json in the public record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host.files import read, save
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.config import render


class ActionModule(ActionBase):
    """Converge on the host, then record here."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result = super().run(tmp, task_vars)
        found = self._execute_module("trustanchor.private_ca.step_ca_config", task_vars=task_vars)
        # It would show the settings, and with them what only ca.json may hold, to logs and registered results.
        found.pop("invocation", None)
        record = self._task.args.get("record")
        if found.get("failed") or not record or not found.get("config"):
            return {**result, **found}
        try:
            corrected = self._keep(Path(str(record)).expanduser(), render(found["config"]))
        except TrustAnchorError as error:
            return {**result, **found, "failed": True, "msg": str(error), "error": error.as_dict()}
        found["corrected"] |= corrected
        return {**result, **found, "changed": bool(found["changed"] or corrected)}

    def _keep(self, path: Path, content: bytes) -> dict[str, list[str]]:
        """Write the record's file where it differs; only tell of it in check mode."""
        present = read(path)
        if present == content:
            return {}
        if not self._task.check_mode:
            save(path, content)
        return {str(path): ["absent" if present is None else "content"]}
