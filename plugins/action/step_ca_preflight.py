# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of step_ca_preflight: all that can be found wrong without touching a host."""

from __future__ import annotations

import time
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import inputs, installation
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import times


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
            facts = inputs.check(declared, times.utc_now(), planning=self._task.check_mode)
        except TrustAnchorError as error:
            return {**result, "failed": True, "msg": str(error), "error": error.as_dict()}
        args |= {"ports": facts["ports"], "key_sha256": facts["key_sha256"], "controller_time": time.time()}
        # What was checked here stays here: settings can hold credentials, and the host needs none of it.
        args |= {"settings": {}, "root": "-", "root_sha256": "-", "certificate": "", "debs": []}
        found = self._execute_module("trustanchor.private_ca.step_ca_preflight", args, task_vars=task_vars)
        if found.get("failed"):
            return {**result, **found}
        return {**result, **found, **self._check_installation(found["installed"])}

    def _check_installation(self, installed: dict[str, str]) -> dict[str, Any]:
        """What has to be installed, and whether the controller has what that needs."""
        args = self._task.args
        wanted = installation.Installation(
            method=args.get("install_method") or "apt",
            versions={"step-ca": str(args.get("version")), "step-cli": str(args.get("cli_version"))},
            apt_key=args.get("apt_key") or "",
            debs=args.get("debs") or [],
        )
        outdated = wanted.outdated(installed)
        try:
            if outdated:
                wanted.check(self._find)
        except TrustAnchorError as error:
            return {"failed": True, "msg": str(error), "error": error.as_dict()}
        return {"outdated": outdated, "library_missing": not installed[installation.LIBRARY]}

    def _find(self, path: str) -> str:
        """The path as Ansible resolves it (role, playbook); itself where it is nowhere."""
        try:
            return str(self._find_needle("files", path))
        except AnsibleError:
            return path
