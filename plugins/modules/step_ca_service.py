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
  - Writes the hardened systemd unit and enables it.
  - Compares what the running process has loaded with what is on the disk (unit, program, password, ca.json,
    certificates, key, templates) and chooses nothing, reload, restart or start. A reload does not apply listeners, the
    database or a new password, and step-ca refuses a bad one silently; so those are restarts, and each is checked.
  - Then looks from outside, as a client that trusts the root only, at the intermediate, the state of every
    provisioner, a database write for each ACME provisioner, and has one certificate signed that lives for five minutes.
  - Fails when any of this is not as configured.
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

import json
import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import files, systemd
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import api, daemon, unit
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.layout import Layout

MISSING = None
try:
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import canary, verification
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import certificates
except ImportError:
    MISSING = ("cryptography", traceback.format_exc())


def converge(module: AnsibleModule) -> dict[str, Any]:
    """Unit, process, proof."""
    options, check, layout = module.params, module.check_mode, Layout()
    content = files.read(layout.config)
    if content is None and check:
        return {"changed": True, "action": "start", "verified": {}}
    config = _parsed(content, layout)
    settings = unit.Settings(options["client_networks"], options["environment"])
    corrected = files.converge([files.File(unit.PATH, unit.render(config, settings, layout))], check)
    state = _load_unit(bool(corrected), check)
    restart, reload = daemon.digests(config, layout)
    action = daemon.plan(state, daemon.recorded(), restart, reload, daemon.newest_change(layout))
    if action == "none" and state.needs_daemon_reload:
        action = "restart"  # the process runs with the unit that systemd had read before
    if check and action == "none" and (corrected or options["expect_change"]):
        action = "restart" if corrected else "reload"
    client = _client(config, layout)
    verified: dict[str, Any] = {}
    if not check:
        daemon.apply(action, client.server_certificate)
        daemon.remember(restart, reload)
    if not check or action == "none":
        verified = verification.verify(client, _expected(config, layout), None if check else canary.load_key(layout))
    return {
        "changed": bool(corrected) or action != "none" or not state.enabled,
        "action": action,
        "verified": verified,
        "diff": edge.diff(
            {"unit": "as wanted" if not corrected else corrected[unit.PATH], "daemon": action},
            {"unit": "as wanted", "daemon": "none"},
            unit.NAME,
        ),
    }


def _parsed(content: bytes | None, layout: Layout) -> dict[str, Any]:
    """ca.json.

    Raises:
        TrustAnchorError: it is missing or not a JSON object.
    """
    try:
        found = json.loads(content or b"")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise TrustAnchorError(
            f"{layout.config} is missing or no JSON object", "step_ca_config makes it", "Run the role"
        )
    return found


def _load_unit(changed: bool, check: bool) -> systemd.Unit:
    """Have systemd read and enable the unit; its state before that."""
    state = systemd.show(unit.NAME)
    if check:
        return state
    if changed or state.needs_daemon_reload:
        systemd.daemon_reload()
    if not state.enabled:
        systemd.act("enable", unit.NAME)
    return state


def _client(config: dict[str, Any], layout: Layout) -> api.Client:
    """A client that trusts the root, comes from this host and calls the CA by its first name."""
    host = unit.reachable(config["address"])
    port = unit.port(config["address"])
    url = f"https://{config['dnsNames'][0]}" + ("" if port == 443 else f":{port}")
    return api.Client(url, (files.read(layout.root) or b"").decode(), host)


def _expected(config: dict[str, Any], layout: Layout) -> verification.Expected:
    root = certificates.load_certificate(files.read(layout.root) or b"", layout.root)
    bundle = certificates.load_bundle(files.read(layout.certificate) or b"", layout.certificate)
    return verification.Expected(config, root, bundle)


def main() -> None:
    """Entry point."""
    spec = {
        "client_networks": {"type": "list", "elements": "str", "default": []},
        "environment": {"type": "dict", "default": {}},
        "expect_change": {"type": "bool", "default": False},
    }
    module = AnsibleModule(spec, supports_check_mode=True)
    if MISSING is not None and module.check_mode:
        module.exit_json(changed=True, action="start", verified={})
    edge.run(module, converge, MISSING)


if __name__ == "__main__":
    main()
