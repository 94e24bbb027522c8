#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The half of ceremony_record that runs on the ceremony machine."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ceremony_record_host
short_description: "Internal: the half of ceremony_record that runs on the ceremony machine"
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Used by M(trustanchor.private_ca.ceremony_record), which reads and writes the record on the controller.
requirements:
  - cryptography >= 42
extends_documentation_fragment:
  - trustanchor.private_ca.attributes.host
options:
  directory:
    description: The working directory on the ceremony host.
    type: path
    required: true
  direction:
    description: Which way to carry.
    type: str
    choices: [in, out]
    required: true
  files:
    description: With O(direction=in), path in the record to content in base64.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Use the public module
  trustanchor.private_ca.ceremony_record:
    record: pki
    directory: /var/lib/root-ceremony
    direction: in
"""

RETURN = r"""
files:
  description: Path in the record to content in base64.
  returned: with O(direction=out)
  type: dict
  sample: {roots/r1.crt: LS0tLS1CRUdJTi...}
"""

import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge

MISSING = None
try:
    import base64
    from pathlib import Path

    from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony import exchange
except ImportError:
    MISSING = ("cryptography and python-pkcs11", traceback.format_exc())

SPECIFICATION: dict[str, dict[str, Any]] = {
    "directory": {"type": "path", "required": True},
    "direction": {"type": "str", "choices": ["in", "out"], "required": True},
    "files": {"type": "dict", "default": {}},
}


def converge(module: AnsibleModule) -> dict[str, Any]:
    """The ceremony host's end."""
    options, directory = module.params, Path(module.params["directory"])
    if options["direction"] == "out":
        found = exchange.read(directory, exchange.OUT)
        return {
            "changed": False,
            "files": {name: base64.b64encode(data).decode() for name, data in found.items()},
        }
    incoming = {name: base64.b64decode(data) for name, data in options["files"].items()}
    merge = exchange.plan_merge(directory, incoming)
    new = not directory.is_dir()
    if not module.check_mode:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        merge.apply()
    return {
        "changed": merge.changed or new,
        "written": merge.paths(),
        "diff": edge.diff({"written": []}, {"written": merge.paths()}, str(directory)),
    }


def main() -> None:
    """Entry point."""
    edge.run(AnsibleModule(SPECIFICATION, supports_check_mode=True), converge, MISSING)


if __name__ == "__main__":
    main()
