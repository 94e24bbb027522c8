# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of trust_bundle: what a host says is in the journal of the rollout at once."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.rollout import journal

_MODULE = "trustanchor.private_ca.trust_bundle"
_PROBE = "trustanchor.private_ca.tls_handshake_info"
_HERE = ("journal", "probe_targets", "probe_clients")
Result = dict[str, Any]


class ActionModule(ActionBase):  # type: ignore[misc]
    """Converge on the host, let its clients shake hands, note the outcome here."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> Result:
        """Run the task."""
        result = super().run(tmp, task_vars)
        self._task_vars = task_vars or {}
        args = {name: value for name, value in self._task.args.items() if name not in _HERE}
        try:
            found = self._converge(args)
            outcome = "failed" if found.get("failed") else "converged"
        except AnsibleConnectionFailure as error:
            self._note(args, "unreachable", {"error": {"what": str(error)}})
            raise
        return {**result, **found, **self._note(args, outcome, found)}

    def _converge(self, args: Result) -> Result:
        """One outcome for both: a host whose clients refuse a service has not converged."""
        found: Result = self._execute_module(_MODULE, args, task_vars=self._task_vars)
        targets = self._task.args.get("probe_targets")
        if found.get("failed") or self._task.check_mode or not targets:
            return found
        probe = {"targets": targets, "clients": self._task.args.get("probe_clients") or ["curl", "python"]}
        shaken: Result = self._execute_module(_PROBE, probe, task_vars=self._task_vars)
        found["handshakes"] = shaken.get("handshakes", [])
        if shaken.get("failed"):
            what = "the stores are as declared, but the host's clients refuse a service"
            found |= {"failed": True, "msg": f"{what}: {shaken.get('msg', '')}"}
            found["error"] = {"what": what, "why": str(shaken.get("msg", "")), "next_step": ""}
        return found

    def _note(self, args: Result, outcome: str, found: Result) -> Result:
        """Write the line; what the task then has to say of it."""
        path = self._task.args.get("journal")
        if not path:
            return {}
        entry = journal.Entry(
            host=str(self._task_vars["inventory_hostname"]),
            time=dt.datetime.now(dt.UTC).strftime(journal.TIME),
            outcome=outcome,
            check=bool(self._task.check_mode),
            changed=bool(found.get("changed")),
            # A host that failed may not have said it.
            manifest=_release(args.get("manifest")),
            stores=found.get("stores", []),
            repaired=found.get("repaired", []),
            effective=found.get("effective", {}),
            leaves=found.get("leaves", []),
            handshakes=found.get("handshakes", []),
            error=found.get("error") or ({"what": str(found.get("msg", ""))} if found.get("failed") else {}),
        )
        try:
            journal.append(str(Path(str(path)).expanduser()), entry)
        except TrustAnchorError as error:
            return {"failed": True, "msg": str(error), "error": error.as_dict()}
        return {}


def _release(manifest: Any) -> Result:
    """Id and sequence of the option, which may be anything: the module looks at it on the host."""
    given = manifest if isinstance(manifest, dict) else {}
    return {"id": str(given.get("id") or ""), "sequence": int(given.get("sequence") or 0)}
