#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converge step-ca's unit and process, and prove that the CA signs."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: step_ca_service
short_description: Run step-ca with what is configured, and prove that it signs
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Refuses a step-ca below 0.30.0 that is on the host, however it got there, for the reason that
    M(trustanchor.private_ca.step_ca_preflight) gives.
  - Writes the hardened systemd unit and enables it.
  - Compares what the running process has loaded with what is on the disk (unit, program, password, ca.json,
    certificates, key, templates) and chooses nothing, reload, restart or start. A reload does not apply listeners, the
    database or a new password, and step-ca refuses a bad one silently; so those are restarts, and each is checked.
  - Then looks from outside, as a client that trusts the root only, at the intermediate, the state of every
    provisioner, a database write for each ACME provisioner, and has one certificate signed that lives for five minutes.
  - Looks also by each address to which the CA's names lead, since clients come there; another server at one of them is
    an error, and silence a warning.
  - Fails when any of this is not as configured. Warns when the CA's intermediate or root ends before its successor can
    be made and rolled out (90 and 730 days), or before the longest-lived certificate that the CA may issue.
requirements:
  - cryptography >= 38 on the CA host (C(python3-cryptography) of the distribution)
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
  - trustanchor.private_ca.attributes.pki
options:
  client_networks:
    description:
      - Networks (CIDR) that the CA talks with; all other addresses but loopback are denied by systemd.
      - The filter works in both directions, so name also the networks of name servers, of the hosts that ACME
        challenges are sent to, and of databases. Empty for no filter.
    type: list
    elements: str
    default: []
  environment:
    description: Environment variables of the daemon, such as E(HTTPS_PROXY). No secrets.
    type: dict
    default: {}
  expect_change:
    description: In check mode, whether an earlier task would change what the daemon reads; then a reload is announced.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Run step-ca
  trustanchor.private_ca.step_ca_service:
    client_networks: [10.20.0.0/16]
"""

RETURN = r"""
action:
  description: What the daemon needed.
  returned: success
  type: str
  sample: reload
  choices: [none, reload, restart, start]
verified:
  description: What a client saw at the end; empty in check mode while the daemon does not run as configured.
  returned: success
  type: dict
  sample:
    intermediate: {"subject": "CN=Example Corp Intermediate CA 1"}
    provisioners: {"acme": "ACME", "canary": "JWK"}
    canary: {"subject": "CN=ca.corp.example"}
"""

import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import unit
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.layout import Layout

MISSING = None
try:
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import service
except ImportError:
    MISSING = ("cryptography", traceback.format_exc())

SPECIFICATION: dict[str, dict[str, Any]] = {
    "client_networks": {"type": "list", "elements": "str", "default": []},
    "environment": {"type": "dict", "default": {}},
    "expect_change": {"type": "bool", "default": False},
}


def converge(module: AnsibleModule) -> dict[str, Any]:
    """Unit, process, proof."""
    options = module.params
    settings = unit.UnitSettings(options["client_networks"], options["environment"])
    done = service.converge(settings, Layout(), options["expect_change"], module.check_mode)
    verified = dict(done.verified)
    for notice in verified.pop("notices", []):
        edge.warn(module, notice)
    return {
        "changed": done.changed,
        "action": done.action,
        "verified": verified,
        "diff": edge.diff(
            {"unit": list(done.unit_differences) or "as wanted", "daemon": done.action},
            {"unit": "as wanted", "daemon": "none"},
            unit.NAME,
        ),
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(SPECIFICATION, supports_check_mode=True)
    if MISSING is not None and module.check_mode:
        module.exit_json(changed=True, action="start", verified={})
    edge.run(module, converge, MISSING)


if __name__ == "__main__":
    main()
