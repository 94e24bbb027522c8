#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converge step-ca's configuration files."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: step_ca_config
short_description: Converge ca.json, defaults.json and the leaf template of step-ca
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Writes C(ca.json) from settings in step-ca's own form, after a check against the keys that step-ca really knows.
    step-ca itself ignores an unknown key without a word; here it is an error that names the nearest known key.
  - The keys C(root), C(crt) and C(key) follow from the layout and cannot be set.
  - Adds a provisioner C(canary), whose key never leaves the host, with which M(trustanchor.private_ca.step_ca_service)
    proves that the CA signs.
  - Does not touch the daemon; M(trustanchor.private_ca.step_ca_service) does.
requirements:
  - cryptography >= 38 on the CA host (C(python3-cryptography) of the distribution)
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
  - trustanchor.private_ca.attributes.pki
options:
  settings:
    description: The content of C(ca.json) in step-ca's own form, without C(root), C(crt) and C(key).
    type: dict
    required: true
  crl_url:
    description: URL of the CRL that leaves name as their distribution point; none when empty.
    type: str
    default: ""
  ca_url:
    description: URL of the CA for C(defaults.json).
    type: str
    required: true
  root_sha256:
    description: SHA-256 fingerprint of the root for C(defaults.json).
    type: str
    required: true
  record:
    description: File on the controller that keeps C(ca.json) without anything secret; none when empty.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Configure step-ca
  trustanchor.private_ca.step_ca_config:
    ca_url: https://ca.corp.example
    root_sha256: 2f0cd9e4a9f87a7d4e6f2d1c0b9a8f7e6d5c4b3a29181716151413121110f0e0
    crl_url: http://ca.corp.example:8080/1.0/crl
    record: pki/configurations/ca1.json
    settings:
      address: ":443"
      insecureAddress: ":8080"
      dnsNames: [ca.corp.example]
      logger: {format: json}
      db: {type: badgerv2, dataSource: /var/lib/step-ca/db}
      crl: {enabled: true, idpURL: "http://ca.corp.example:8080/1.0/crl"}
      authority:
        provisioners:
          - {type: ACME, name: acme}
"""

RETURN = r"""
corrected:
  description: Files that were (or would be) written, with what was wrong with each.
  returned: success
  type: dict
  sample: {"/etc/step-ca/config/ca.json": ["content"]}
config:
  description: The whole C(ca.json) without anything secret.
  returned: success
  type: dict
  sample: {"address": ":443", "dnsNames": ["ca.corp.example"]}
"""

import json
import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import files
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import config, templates
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.layout import Layout
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.work import at_work

MISSING = None
try:
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import canary, validation
except ImportError:
    MISSING = ("cryptography", traceback.format_exc())

SPECIFICATION: dict[str, dict[str, Any]] = {
    "settings": {"type": "dict", "required": True},
    "crl_url": {"type": "str", "default": ""},
    "ca_url": {"type": "str", "required": True},
    "root_sha256": {"type": "str", "required": True},
    "record": {"type": "str", "default": ""},
}


def converge(module: AnsibleModule) -> dict[str, Any]:
    """Compose, check, compare, write."""
    layout = Layout()
    validation.check_declared(module.params["settings"])
    with at_work(layout, module.check_mode):
        return _converge_locked(module, layout)


def _converge_locked(module: AnsibleModule, layout: Layout) -> dict[str, Any]:
    options = module.params
    key_made, jwk = canary.ensure_key(layout, module.check_mode)
    wanted = config.compose(options["settings"], jwk, layout)
    validation.check(wanted)
    before = _current(layout)
    corrected = files.converge(
        [
            files.File(layout.config, config.render(wanted), 0o640, "root", layout.user),
            files.File(layout.defaults, config.defaults(options["ca_url"], options["root_sha256"], layout)),
            files.File(layout.leaf_template, templates.leaf(options["crl_url"]).encode()),
            *canary.files(layout),
        ],
        module.check_mode,
    )
    if key_made:
        corrected[layout.canary_key] = ["absent"]
    return {
        "changed": bool(corrected),
        "corrected": corrected,
        "config": config.public(wanted),
        "diff": edge.diff(before, config.public(wanted), layout.config),
    }


def _current(layout: Layout) -> dict[str, Any]:
    """ca.json as it is on the host; empty when it is absent or not JSON."""
    try:
        return config.public(json.loads(files.read(layout.config) or b"{}"))
    except (ValueError, AttributeError):
        return {}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(SPECIFICATION, supports_check_mode=True)
    if MISSING is not None and module.check_mode:
        # A virgin host: the role installs the library first, and then writes everything.
        module.exit_json(changed=True, corrected={Layout().config: ["absent"]}, config={})
    edge.run(module, converge, MISSING)


if __name__ == "__main__":
    main()
