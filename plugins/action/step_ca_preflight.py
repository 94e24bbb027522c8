# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of step_ca_preflight: all that can be found wrong without touching a host."""

from __future__ import annotations

import time

from ansible.errors import AnsibleError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import inputs, installation
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import times
from ansible_collections.trustanchor.private_ca.plugins.modules.step_ca_preflight import SPECIFICATION
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils import answers, edge

_INSTALLED = answers.fields(dict.fromkeys(("step-ca", "step-cli", installation.LIBRARY), answers.text))


class ActionModule(edge.EdgeAction):
    """Check the inputs here, then the host there."""

    module = "step_ca_preflight"
    specification = SPECIFICATION

    def handle(self) -> edge.Result:
        """What was checked here stays here: settings can hold credentials, and the host needs none of it."""
        options = self.options
        wanted = installation.Installation(
            method=options["install_method"],
            versions={"step-ca": options["version"], "step-cli": options["cli_version"]},
            apt_key=options["apt_key"],
            debs=options["debs"],
        )
        wanted.check_version()
        declared = inputs.Inputs(
            settings=options["settings"],
            root_pem=options["root"],
            root_sha256=options["root_sha256"],
            intermediate_pem=options["certificate"],
            client_networks=options["client_networks"],
        )
        facts = inputs.check(declared, times.utc_now(), planning=self._task.check_mode)
        payload = {"ports": facts["ports"], "key_sha256": facts["key_sha256"], "controller_time": time.time()}
        found = self.on_host("step_ca_preflight_host", payload)
        if found.get("failed"):
            return found
        checked = self._check_installation(wanted, answers.part(found, "installed", _INSTALLED))
        warnings = [*inputs.warnings(declared, times.utc_now()), *edge.warnings(found)]
        return {**found, **checked, "warnings": warnings}

    def _check_installation(self, wanted: installation.Installation, installed: dict[str, str]) -> edge.Result:
        """What has to be installed, and whether the controller has what that needs."""
        outdated = wanted.outdated(installed)
        if outdated:
            wanted.check(self._find)
        return {"outdated": outdated, "library_missing": not installed[installation.LIBRARY]}

    def _find(self, path: str) -> str:
        """The path as Ansible resolves it (role, playbook); itself where it is nowhere."""
        try:
            return str(self._find_needle("files", path))
        except AnsibleError:
            return path
