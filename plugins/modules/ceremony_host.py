#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The half of ceremony that runs on the ceremony machine."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ceremony_host
short_description: "Internal: the half of ceremony that runs on the ceremony machine"
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Used by M(trustanchor.private_ca.ceremony), once for the survey, and once for each step that people agreed to.
extends_documentation_fragment:
  - trustanchor.private_ca.attributes.host
options:
  directory:
    description: Working directory on the ceremony machine.
    type: path
    required: true
  plan:
    description: Content of the plan.
    type: str
    required: true
  tokens:
    description: Content of C(tokens.yml).
    type: str
    required: true
  attestation_files:
    description: Content of the files that O(tokens) pins, by their name there.
    type: dict
    default: {}
  rehearsal:
    description: Hold it on software tokens.
    type: bool
    default: false
  abandon:
    description: Close the transcript as it is.
    type: bool
    default: false
  confirmed_plan:
    description: SHA-256 of the plan that was confirmed beforehand; empty where people are asked.
    type: str
    default: ""
  pins:
    description: User PIN by the token's name.
    type: dict
    default: {}
  management_keys:
    description: Management key of a YubiKey by the token's name, hexadecimal.
    type: dict
    default: {}
  run:
    description: Random name of this run.
    type: str
    default: ""
  confirmed_by:
    description: Who confirmed the plan, and how.
    type: list
    elements: dict
    default: []
  files:
    description: Content of the record's files in base64, by path, in check mode.
    type: dict
    default: {}
  orders:
    description: The steps to take, each with the digest that was shown and who confirmed it.
    type: list
    elements: dict
    default: []
requirements:
  - cryptography >= 42
  - python-pkcs11 >= 0.10
  - pkilint, unless the plan says that it is optional
  - yubikey-manager, for YubiKeys
"""

EXAMPLES = r"""
- name: Use the public module
  trustanchor.private_ca.ceremony:
    record: pki
    tokens: tokens.yml
    directory: /var/lib/root-ceremony
"""

RETURN = r"""
tokens:
  description: Each token of the plan, for people.
  returned: success
  type: dict
  sample: {primary: the token with serial 11111111}
"""

import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge

MISSING = None
try:
    import base64
    from pathlib import Path

    from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.session import (
        check_mode,
        lock,
        runner,
        setup,
    )
except ImportError:
    MISSING = ("cryptography and python-pkcs11", traceback.format_exc())

_TABLE = {"type": "dict", "default": {}}
_LIST = {"type": "list", "elements": "dict", "default": []}
SPECIFICATION: dict[str, dict[str, Any]] = {
    "directory": {"type": "path", "required": True},
    "plan": {"type": "str", "required": True},
    "tokens": {"type": "str", "required": True, "no_log": False},
    "attestation_files": _TABLE,
    "rehearsal": {"type": "bool", "default": False},
    "abandon": {"type": "bool", "default": False},
    "confirmed_plan": {"type": "str", "default": ""},
    "pins": {**_TABLE, "no_log": True},
    "management_keys": {**_TABLE, "no_log": True},
    "run": {"type": "str", "default": ""},
    "confirmed_by": _LIST,
    "files": _TABLE,
    "orders": _LIST,
}


def converge(module: AnsibleModule) -> dict[str, Any]:
    """Survey, or take the steps that people agreed to."""
    given, directory = module.params, Path(module.params["directory"])
    if module.check_mode:
        incoming = {name: base64.b64decode(data) for name, data in given["files"].items()}
        with check_mode.carried_in(directory, incoming) as carried:
            before = setup.state(ceremony_context(given, carried))
        return {"changed": not before["over"], **before, "diff": setup.diff(before, before)}
    with lock.run_lock(directory):
        context = ceremony_context(given, directory)
        before = setup.state(context)
        run = setup.parse_run(given, given["confirmed_plan"], given["rehearsal"])
        runner.perform(context, run, setup.parse_orders(given["orders"]))
        after = setup.state(context)
    changed = before["steps"] != after["steps"]
    return {"changed": changed, **after, "diff": setup.diff(before, after)}


def ceremony_context(given: dict[str, Any], directory: Any) -> Any:
    """The ceremony, with what the action handed over."""
    material = setup.Material(
        plan=given["plan"].encode(),
        tokens=given["tokens"].encode(),
        attestation_files=given["attestation_files"],
        directory=directory,
        rehearsal=given["rehearsal"],
        abandon=given["abandon"],
    )
    return setup.ceremony_context(material, given["pins"], given["management_keys"])


def main() -> None:
    """Entry point."""
    edge.run(AnsibleModule(SPECIFICATION, supports_check_mode=True), converge, MISSING)


if __name__ == "__main__":
    main()
