#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The half of step_ca_preflight that runs on the host."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: step_ca_preflight_host
short_description: "Internal: the half of step_ca_preflight that runs on the host"
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Used by M(trustanchor.private_ca.step_ca_preflight), which checks the inputs on the controller.
extends_documentation_fragment:
  - trustanchor.private_ca.attributes.host
options:
  controller_time:
    description: The controller's clock, seconds since the epoch.
    type: float
    required: true
  ports:
    description: Ports that the CA listens on.
    type: list
    elements: int
    default: []
  key_sha256:
    description: SHA-256 of the intermediate certificate's public key.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Use the public module
  trustanchor.private_ca.step_ca_preflight:
    root: "{{ lookup('ansible.builtin.file', 'pki/roots/root.crt') }}"
    root_sha256: 2f0cd9e4a9f87a7d4e6f2d1c0b9a8f7e6d5c4b3a29181716151413121110f0e0
    version: 0.30.2-1
    cli_version: 0.30.6-1
    settings: "{{ ca_settings }}"
"""

RETURN = r"""# """

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import packages, preflight
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.layout import Layout

SPECIFICATION: dict[str, dict[str, Any]] = {
    "controller_time": {"type": "float", "required": True},
    "ports": {"type": "list", "elements": "int", "default": []},
    "key_sha256": {"type": "str", "default": "", "no_log": False},
}


def check(module: AnsibleModule) -> dict[str, Any]:
    """The host's part; the action plugin has done the controller's."""
    options = module.params
    facts = preflight.check_host(options["controller_time"])
    for port in options["ports"]:
        preflight.check_port(port, Layout().user)
    ready = bool(options["key_sha256"])
    if ready:
        try:
            preflight.check_request_key(Layout().request, options["key_sha256"])
        except TrustAnchorError as error:
            if not module.check_mode:
                raise
            edge.warn(module, f"The play would stop here: {error}")
            ready = False
    return {
        "changed": False,
        "ready": ready,
        "account_missing": not preflight.account_exists(Layout().user),
        "installed": packages.versions(["step-ca", "step-cli", "python3-cryptography"]),
        **facts,
    }


def main() -> None:
    """Entry point."""
    edge.run(AnsibleModule(SPECIFICATION, supports_check_mode=True), check)


if __name__ == "__main__":
    main()
