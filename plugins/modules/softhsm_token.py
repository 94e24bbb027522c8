#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A SoftHSM2 token for rehearsals and labs."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: softhsm_token
short_description: Initialise a SoftHSM2 token for rehearsals and labs
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Makes a SoftHSM2 token with the given label unless there is one, and SoftHSM's configuration file with it.
  - A SoftHSM token is a directory of files; whoever copies them and knows the PIN has the key. It is for
    rehearsals, labs and tests. A root that matters is on a hardware token.
  - The PINs never appear in an argument list; the token is initialised by a direct call of its PKCS#11
    module.
requirements:
  - python-pkcs11 >= 0.10
  - libsofthsm2
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
options:
  token:
    description: The token.
    type: dict
    required: true
    suboptions:
      module_path:
        description: Path of libsofthsm2.so.
        type: path
        required: true
      label:
        description: Label of the token, at most 32 bytes.
        type: str
        required: true
      softhsm_config:
        description: SoftHSM's configuration file; made unless it exists.
        type: path
        required: true
  directory:
    description: Where tokens are kept, written into a new configuration file.
    type: path
    required: true
  pin:
    description: User PIN of a new token. Without it the action asks for it at the terminal, twice.
    type: str
  so_pin:
    description: Security officer's PIN of a new token. Without it the action asks for it at the terminal,
      twice.
    type: str
notes:
  - The module runs on the ceremony host.
seealso:
  - module: trustanchor.private_ca.token_key
"""

EXAMPLES = r"""
- name: Make a token for a rehearsal
  trustanchor.private_ca.softhsm_token:
    token:
      module_path: /usr/lib/softhsm/libsofthsm2.so
      label: rehearsal
      softhsm_config: /var/lib/root-ceremony/softhsm2.conf
    directory: /var/lib/root-ceremony/tokens
"""

RETURN = r"""
serial:
  description: Serial number of the token; empty in check mode where there is none yet.
  returned: success
  type: str
  sample: 9f1c3a6be6a0cd21
purpose:
  description: What a PIN is needed for.
  returned: success
  type: str
  sample: initialise the SoftHSM token 'rehearsal'
"""

import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.options import required_pin

MISSING = None
try:
    from pathlib import Path

    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.sessions import parse_token
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.softhsm import plan_softhsm
except ImportError:
    MISSING = ("python-pkcs11", traceback.format_exc())


def converge(module: AnsibleModule) -> dict[str, Any]:
    """Initialise the token unless it is there."""
    options = module.params
    plan = plan_softhsm(parse_token(options["token"]), Path(options["directory"]))
    purpose = f"initialise the SoftHSM {plan.spec}"
    serial = plan.serial or ""
    if plan.changed and not module.check_mode:
        serial = plan.apply(required_pin(options["pin"], purpose), required_pin(options["so_pin"], purpose))
    before = {"serial": plan.serial, "label": plan.spec.label} if plan.serial else {}
    after = {"serial": serial or "(new)", "label": plan.spec.label}
    return {
        "changed": plan.changed,
        "serial": serial,
        "purpose": purpose,
        "diff": edge.diff(before, after, "SoftHSM token"),
    }


def main() -> None:
    """Entry point."""
    token = {
        "module_path": {"type": "path", "required": True},
        "label": {"type": "str", "required": True},
        "softhsm_config": {"type": "path", "required": True},
    }
    spec = {
        "token": {"type": "dict", "required": True, "no_log": False, "options": token},
        "directory": {"type": "path", "required": True},
        "pin": {"type": "str", "no_log": True},
        "so_pin": {"type": "str", "no_log": True},
    }
    edge.run(AnsibleModule(spec, supports_check_mode=True), converge, MISSING)


if __name__ == "__main__":
    main()
