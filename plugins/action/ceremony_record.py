# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of ceremony_record: the end of the stick that is the record."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony import exchange
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host.files import read
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.model import parse_manifest


def require_complete(home: Path) -> None:
    """Refuse a record that lost a root: the ceremony would make a second root of the same name.

    Raises:
        TrustAnchorError: a root of the trust manifest has no certificate in the record.
    """
    path = home / "trust.yml"
    for root in parse_manifest(read(path), str(path)).roots:
        if root.state != "distrusted" and not (home / "roots" / f"{root.name}.crt").exists():
            raise TrustAnchorError(
                f"the record has no roots/{root.name}.crt",
                f"its trust manifest lists that root as {root.state}",
                "Restore the record from its history before anything is signed",
            )


class ActionModule(ActionBase):  # type: ignore[misc]
    """Read the record and send it, or receive and merge into the record."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result = super().run(tmp, task_vars)
        args = dict(self._task.args)
        home = Path(str(args.get("record", ""))).expanduser()
        try:
            if args.get("direction") == "in":
                return {**result, **self._send(home, args, task_vars)}
            return {**result, **self._receive(home, self._remote(args, task_vars))}
        except TrustAnchorError as error:
            return {**result, "failed": True, "msg": str(error), "error": error.as_dict()}

    def _send(self, home: Path, args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        require_complete(home)
        files = exchange.read(home, exchange.IN)
        args["files"] = {name: base64.b64encode(data).decode() for name, data in files.items()}
        requests = {name: data.decode() for name, data in files.items() if name.startswith("requests/")}
        return {**self._remote(args, task_vars), "requests": requests}

    def _remote(self, args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._execute_module(
            "trustanchor.private_ca.ceremony_record", args, task_vars=task_vars
        )
        return found

    def _receive(self, home: Path, answer: dict[str, Any]) -> dict[str, Any]:
        if answer.get("failed"):
            return answer
        files = {str(name): base64.b64decode(data) for name, data in answer.pop("files").items()}
        merge = exchange.plan_merge(home, files)
        if not self._task.check_mode:
            merge.apply()
        diff = {"before": {"written": []}, "after": {"written": merge.paths()}, "before_header": str(home)}
        return {**answer, "changed": merge.changed, "written": merge.paths(), "diff": diff}
