#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PIN, PUK and management key of a YubiKey."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: token_credentials
short_description: Leave no PIN, PUK or management key of a YubiKey as the factory set it
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Sets what still has its factory value, and nothing else. First the retry counts, since setting them resets PIN and
    PUK, then PIN, PUK and management key. An interrupted run is finished by the next one.
  - The credentials of a token in use are left alone, even when its retry counts are not the ones asked for.
  - The management key is a random AES key on the token itself, to which only the PIN gives access, unless
    O(management_key) gives another one.
  - Never uses up the last attempt at a PIN.
  - Does nothing to a token of another kind, since those have no factory values.
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
  - trustanchor.private_ca.attributes.pki
  - trustanchor.private_ca.token
options:
  key:
    description: Any key of the token; it is not touched.
    default: {"id": "02"}
    required: false
  pin:
    description:
      - The new PIN, 6 to 8 bytes. Where it is no longer the default, it is needed for a management key that still is,
        and then it is the present PIN.
      - Without it the action asks for it at the terminal, twice, and only when it is needed.
      - It is sent only over a pipelined connection, since without pipelining Ansible writes module options to a file.
    type: str
  pin_holders:
    description:
      - People who each know a part of the PIN (and of the PUK), in the order of the parts. The action asks each of them
        for their own part, so that nobody can use the token alone. Empty where one person knows the whole.
    type: list
    elements: str
    default: []
  puk:
    description: The new PUK, as O(pin). With it a locked PIN is unlocked.
    type: str
  management_key:
    description:
      - The new management key, hexadecimal. Without it a random one is made and protected with the PIN.
      - Where the PIN is the default and the management key is not, and the PIN gives no access to it, the present one.
    type: str
  management_key_algorithm:
    description: Algorithm of a new management key.
    type: str
    choices: [aes192, aes256]
    default: aes192
  pin_retries:
    description:
      - Attempts at the PIN, 2 to 255, of a token whose PIN is the default. Without it the count stays.
      - A count other than the present one sets the PUK again, too. The count of a token in use stays.
    type: int
  puk_retries:
    description: Attempts at the PUK, as O(pin_retries).
    type: int
seealso:
  - module: trustanchor.private_ca.token_info
  - module: trustanchor.private_ca.token_key
"""

EXAMPLES = r"""
- name: Take a new YubiKey into use, with a PIN and a PUK that are typed
  trustanchor.private_ca.token_credentials:
    token:
      kind: yubikey
      module_path: /usr/lib/x86_64-linux-gnu/libykcs11.so.2
      serial: "11111111"
    pin_retries: 5
    puk_retries: 5
    management_key_algorithm: aes256
"""

RETURN = r"""
steps:
  description: What was set, in this order; what would be set in check mode.
  returned: success
  type: list
  elements: str
  sample: [retries, pin, puk, management_key]
purpose:
  description: What the secrets are needed for.
  returned: success
  type: str
  sample: set the credentials of the token with serial 11111111
needed:
  description: Which options the steps need.
  returned: success
  type: list
  elements: str
  sample: [pin, puk]
"""

import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.options import required_pin, token_options

MISSING = None
try:
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends.registry import backend_of
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.credential_plan import NewCredentials
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.devices import parse_device
except ImportError:
    MISSING = ("cryptography and python-pkcs11", traceback.format_exc())


def _specification() -> dict[str, dict[str, Any]]:
    spec: dict[str, dict[str, Any]] = token_options()
    spec["key"] |= {"required": False, "default": {"id": "02"}}
    spec |= {name: {"type": "str", "no_log": True} for name in ("pin", "puk", "management_key")}
    spec["pin_holders"] = {"type": "list", "elements": "str", "default": [], "no_log": False}
    spec |= {name: {"type": "int"} for name in ("pin_retries", "puk_retries")}
    algorithms = ["aes192", "aes256"]
    spec["management_key_algorithm"] = {"type": "str", "choices": algorithms, "default": "aes192", "no_log": False}
    return spec


SPECIFICATION = _specification()


def converge(module: AnsibleModule) -> dict[str, Any]:
    """Set what is as the factory set it."""
    options = module.params
    _check_counts(options)
    device = parse_device("token", options["token"], options["key"])
    algorithm = options["management_key_algorithm"]
    backend = backend_of(device)
    facts = backend.inspect(device)
    plan = backend.plan_credentials(device, facts, options["pin_retries"], options["puk_retries"], algorithm)
    purpose, before, after = _purpose(plan), _facts(plan.facts), _planned(plan)
    if backend.set_credentials is not None and plan.changed and not module.check_mode:
        after = _facts(backend.set_credentials(plan, _new(options, plan, purpose)))
    return {
        "changed": plan.changed,
        "steps": list(plan.steps),
        "purpose": purpose,
        "needed": plan.needed,
        "diff": edge.diff(before, after, f"credentials of the {device.spec}"),
    }


def _check_counts(options: dict[str, Any]) -> None:
    for name in ("pin_retries", "puk_retries"):
        if options[name] is not None and not 2 <= options[name] <= 255:
            raise TrustAnchorError(
                f"{name} is {options[name]}", "2 to 255 are possible; the last is never used up here"
            )


def _purpose(plan: Any) -> str:
    """For the prompt, which asks for a new PIN except where the token has one already."""
    if "pin" in plan.needed and "pin" not in plan.steps:
        return f"set the management key of the {plan.device.spec}, whose PIN stays: enter the present one"
    return f"set the credentials of the {plan.device.spec}"


def _new(options: dict[str, Any], plan: Any, purpose: str) -> Any:
    pin, puk = (required_pin(options[name], purpose) if name in plan.needed else "" for name in ("pin", "puk"))
    return NewCredentials(pin, puk, options["management_key"] or None)


def _facts(facts: Any) -> dict[str, Any]:
    return {
        "defaults": list(facts.defaults),
        "pin_retries": facts.pin_retries_max,
        "puk_retries": facts.puk_retries_max,
        "management_key_algorithm": facts.management_key_algorithm,
    }


def _planned(plan: Any) -> dict[str, Any]:
    facts = {**_facts(plan.facts), "defaults": []}
    if "retries" in plan.steps:
        facts |= {"pin_retries": plan.pin_retries, "puk_retries": plan.puk_retries}
    return {**facts, "management_key_algorithm": plan.algorithm} if "management_key" in plan.steps else facts


def main() -> None:
    """Entry point."""
    edge.run(AnsibleModule(SPECIFICATION, supports_check_mode=True), converge, MISSING)


if __name__ == "__main__":
    main()
